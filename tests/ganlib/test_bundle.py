"""The bundle: that it does what its modules do, and that it refuses in one sentence what it does not understand."""

import pytest

from ganlib.widgets.bundle import BundleError, bundle


@pytest.fixture
def write(tmp_path):
    """Write modules, by their paths; returns the path of the first one."""

    def write(first, **others):
        for name, text in {"first": first, **others}.items():
            path = tmp_path / f"{name.replace('__', '/')}.js"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "first.js"

    return write


FIRST = """\
/** @import { Shape } from "./parts/types.js" */
import { double } from "./parts/a.js";
import {
  half,
  same,
} from "./parts/b.js";

const scale = 3; // a name that other modules have too

export { half };
export const numbers = [double(scale), half(scale), same(scale)];
export default { scale };
"""
A = """\
/**
 * Twice a number; a comment may hold a line that is none of the code:
import { nothing } from nowhere
 */
import { same } from "./b.js";
const scale = 2;
export const double = (x) => same(scale * x);
"""
B = """\
const scale = 0.5;
// export let nothing
export function half(x) { return scale * x; }
export const same = (x) => x;
"""
IMPORTED = """async (text) => {
const module = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
return { numbers: module.numbers, half: module.half(10), made: module.default }; }"""
ASKED = """async (text) => {
const module = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
const worker = module.worker();
return new Promise((done, fail) => {
  Object.assign(worker, { onmessage: ({ data }) => done(data), onerror: fail });
  worker.postMessage(41);
}); }"""


def test_modules_with_the_same_names_work_together(write, browser):
    text = bundle(write(FIRST, parts__a=A, parts__b=B))
    page = browser.new_page()
    assert page.evaluate(IMPORTED, text) == {"numbers": [6, 1.5, 3], "half": 5, "made": {"scale": 3}}
    page.close()
    assert "Twice a number" not in text and text.count("const same = (x) => x;") == 1


def test_a_worker_is_made_of_what_it_needs(write, browser):
    worker = 'import { same } from "./b.js";\nself.onmessage = ({ data }) => self.postMessage(same(data) + 1);\n'
    form = 'new Worker(new URL("./parts/worker.js", import.meta.url), { type: "module" })'
    first = f'import {{ half }} from "./parts/b.js";\nexport const worker = () => {form};\nexport {{ half }};\n'
    text = bundle(write(first, parts__b=B, parts__worker=worker))
    page = browser.new_page()
    assert page.evaluate(ASKED, text) == 42
    page.close()


@pytest.mark.parametrize(
    "line",
    [
        'import b from "./b.js";',
        'import * as b from "./b.js";',
        'import { same as other } from "./b.js";',
        "import { same } from './b.js';",
        'import { same } from "./b.js"',
        'import { same } from "package";',
        'import "./b.js";',
        'const b = await import("./b.js");',
        "const here = import.meta.url;",
        'const worker = new Worker(new URL("./b.js", import.meta.url));',
        "export let x = 1;",
        "export const { x } = {};",
        "export class X {}",
        'export { same } from "./b.js";',
        'export * from "./b.js";',
    ],
)
def test_a_form_that_it_does_not_know_is_refused(write, line):
    with pytest.raises(
        BundleError, match=r"^first\.js has a line that cannot be bundled, .*: write import .*\.$"
    ) as refused:
        bundle(write(f"const y = 1;\n{line}\n", b=B))
    assert line.split()[-1].strip("'\";{}") in str(refused.value)


@pytest.mark.parametrize(
    ("modules", "sentence"),
    [
        ({"first": 'import { x } from "./a.js";\n'}, r"There is no module a\.js, which first\.js asks for\."),
        ({"first": 'import { x } from "../a.js";\n'}, r"There is no module \.\./a\.js, which first\.js asks for\."),
        ({"first": 'import { x } from "./b.js";\n', "b": B}, r"first\.js imports x, which b\.js does not export\."),
        (
            {"first": 'import { x } from "./b.js";\n', "b": "export default 1;\n"},
            r"b\.js has a line that cannot be bundled, 'export default 1;'",
        ),
        (
            {
                "first": 'import { a } from "./a.js";\n',
                "a": 'import { b } from "./b.js";\nexport const a = 1;\n',
                "b": 'import { a } from "./a.js";\nexport const b = 1;\n',
            },
            r"Modules import each other in a circle: a\.js → b\.js → a\.js\.",
        ),
    ],
)
def test_what_is_missing_or_goes_in_a_circle_is_named(write, modules, sentence):
    with pytest.raises(BundleError, match=sentence):
        bundle(write(**modules))
