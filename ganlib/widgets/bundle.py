"""Many JavaScript modules as one text, as anywidget and a page opened as a file need them; Python alone makes it.

A module becomes a function that returns its exports, so that the names of two modules cannot meet. Understood are, at
the beginning of a line, ``import { a, b } from "./x.js";``, ``export const``, ``export function`` and
``export { a, b };``; in the first module ``export default`` too; and anywhere
``new Worker(new URL("./x.js", import.meta.url), { type: "module" })``. All else is refused.
"""

import json
import posixpath
import re
from pathlib import Path
from typing import NamedTuple

NAMES = r"\{\s*(\w+(?:,\s*\w+)*),?\s*\}"
COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*\*(?:(?!\*/).)*\*/[ \t]*)\n", re.MULTILINE | re.DOTALL)
IMPORT = re.compile(rf'^import {NAMES} from "(\.[^"\n]*)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|function) (\w+))", re.MULTILINE)
LIST = re.compile(rf"^export {NAMES};\n", re.MULTILINE)
DEFAULT = re.compile(r"^export default ", re.MULTILINE)
WORKER = re.compile(r'new Worker\(new URL\("(\.[^"\n]*)", import\.meta\.url\), \{ type: "module" \}\)')
OTHER = re.compile(r"^[ \t]*(?:import|export)\b.*|\bimport[ \t]*[(.].*", re.MULTILINE)

# `$` makes a module's exports when they are first asked for. A worker is begun from the text of the functions that it
# needs: as a plain script, since browsers refuse modules to the workers of a page that was opened as a file.
HEAD = """\
const $made = {};
const $ = (name) => ($made[name] ??= $make[name]($));
const $text = (names) => {
  const make = names.map((name) => `${JSON.stringify(name)}: ${$make[name]}`);
  return `"use strict"; const $made = {}, $ = ${$}, $make = {${make}};\\n$(${JSON.stringify(names.at(-1))});`;
};
const $addresses = {};
const $worker = (names) =>
  new Worker(($addresses[names] ??= URL.createObjectURL(new Blob([$text(names)], { type: "text/javascript" }))));
"""


class BundleError(ValueError):
    """A module that cannot be bundled: which, why, and what to write instead."""


class Module(NamedTuple):
    """A module as its text tells it; other modules are named by their paths below the first one's folder."""

    name: str
    text: str
    imports: list[tuple[str, list[str]]]
    workers: list[str]
    exports: list[str]


def bundle(path: Path) -> str:
    """The text of one module that does what the one at ``path`` does with all that it imports, and exports the same.

    Raises BundleError for a form that is not understood, a module or an export that is missing, or a circle of imports.
    """
    modules: dict[str, Module] = {}
    _gather(path.parent, path.name, (), modules)
    *others, first = modules.values()
    made = "".join(f"{json.dumps(each.name)}: ($) => {{\n{_body(each, modules)}}},\n" for each in others)
    return f"const $make = {{\n{made}}};\n{HEAD}{_linked(first.text, first.name, modules)}"


def _gather(folder: Path, name: str, above: tuple[str, ...], modules: dict[str, Module]) -> None:
    """Read a module and all that it needs; each comes into ``modules`` after those that it needs itself."""
    if name in above:
        raise BundleError(f"Modules import each other in a circle: {' → '.join((*above[above.index(name) :], name))}.")
    if name in modules:
        return
    if not (folder / name).is_file():
        raise BundleError(f"There is no module {name}, which {above[-1] if above else 'the bundle'} asks for.")
    module = _read(name, (folder / name).read_text(encoding="utf-8"), first=not above)
    for needed in (*(target for target, _ in module.imports), *module.workers):
        _gather(folder, needed, (*above, name), modules)
    for target, names in module.imports:
        if missing := sorted(set(names) - set(modules[target].exports)):
            raise BundleError(f"{name} imports {', '.join(missing)}, which {target} does not export.")
    modules[name] = module


def _read(name: str, source: str, first: bool) -> Module:
    text = COMMENT.sub("", source)  # readers of a page need not load them
    rest = LIST.sub("", EXPORT.sub("", WORKER.sub("", IMPORT.sub("", text))))
    if other := OTHER.search(DEFAULT.sub("", rest) if first else rest):
        hint = 'write import { name } from "./file.js"; and export const name'
        raise BundleError(f"{name} has a line that cannot be bundled, {other[0].strip()!r}: {hint}.")
    imports = [(_target(name, match[2]), _names(match[1])) for match in IMPORT.finditer(text)]
    workers = [_target(name, match[1]) for match in WORKER.finditer(text)]
    exports = [*EXPORT.findall(text), *(each for match in LIST.finditer(text) for each in _names(match[1]))]
    return Module(name, text, imports, workers, exports)


def _body(module: Module, modules: dict[str, Module]) -> str:
    text = LIST.sub("", EXPORT.sub("", module.text))
    return f"{_linked(text, module.name, modules)}return {{ {', '.join(module.exports)} }};\n"


def _linked(text: str, name: str, modules: dict[str, Module]) -> str:
    """The text with what it imports, and its workers, taken from the functions that stand before it."""

    def worker(match: re.Match) -> str:
        return f"$worker({json.dumps(_needs(_target(name, match[1]), modules))})"

    def imported(match: re.Match) -> str:
        return f"const {{ {', '.join(_names(match[1]))} }} = $({json.dumps(_target(name, match[2]))});"

    return WORKER.sub(worker, IMPORT.sub(imported, text))


def _needs(name: str, modules: dict[str, Module]) -> list[str]:
    """A module and all that it imports, itself last."""
    needed = [each for target, _ in modules[name].imports for each in _needs(target, modules)]
    return [*dict.fromkeys(needed), name]


def _target(name: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), address))


def _names(text: str) -> list[str]:
    return re.findall(r"\w+", text)
