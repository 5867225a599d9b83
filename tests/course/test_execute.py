"""The execution tool: what makes a chapter stale, what is kept of a run, and what a failure leaves."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from course.book import execute
from course.layout import ROOT
from course.notebook import Notebook

OUTPUTS = """\
from IPython.display import HTML, clear_output, display
from ganlib import checks
print("loading", end="\\r")
print("loaded ")
handle = display("first", display_id=True)
handle.update("second")
print("below")"""
CHECK = 'import os\nchecks.close("two and two", 2 + 2, 4, 0)\nos.environ["GANLIB_DIGITS"]'
FIGURE = "import matplotlib.pyplot as plt\nplt.figure(figsize=(2, 2))\nplt.plot([0, 1])"
CLEARED = 'for step in range(3):\n    clear_output(wait=True)\n    print("step", step)'
WIDGET = "import ipywidgets\nipywidgets.IntSlider(value=7)"


def notebook(*sources: str) -> Notebook:
    cells = [nbformat.v4.new_markdown_cell("# A chapter", id="title")]
    cells += [nbformat.v4.new_code_cell(source, id=f"code-{number}") for number, source in enumerate(sources)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return Notebook(nbformat.v4.new_notebook(cells=cells, metadata=kernel))


USES = "from ganlib import losses\nlosses.hinge"
SHARED = ["requirements.lock", "ganlib/losses.py", "ganlib/deep.py", "ganlib/weights/net.safetensors"]


@pytest.fixture
def root(tmp_path):
    """A small tree with the files that a key is made of."""
    for folder in ("chapters", "ganlib/weights"):
        (tmp_path / folder).mkdir(parents=True)
    for name in (*SHARED, "ganlib/other.py"):
        (tmp_path / name).write_text("# before\n")
    (tmp_path / "ganlib/losses.py").write_text("def hinge():\n    from ganlib.deep import WEIGHTS  # before\n")
    (tmp_path / "ganlib/deep.py").write_text('WEIGHTS = "weights/net.safetensors"  # before\n')
    return tmp_path


@pytest.mark.parametrize("name", SHARED)
def test_the_key_changes_with_each_file_that_outputs_depend_on(root, name):
    before = execute.key(notebook(USES), "glyphs", root)
    (root / name).write_text((root / name).read_text().replace("before", "after"))
    assert execute.key(notebook(USES), "glyphs", root) != before


def test_the_key_ignores_a_module_that_the_chapter_does_not_use(root):
    before = execute.key(notebook(USES), "glyphs", root)
    (root / "ganlib/other.py").write_text("after")
    assert execute.key(notebook(USES), "glyphs", root) == before
    assert execute.key(notebook("x = !ls"), "glyphs", root) != before  # not Python: depends on every module


def test_the_key_changes_with_code_tags_and_settings(root, monkeypatch):
    tagged = notebook("1")
    tagged.cells[1].metadata["tags"] = ["raises-exception"]
    keys = [execute.key(book, "glyphs", root) for book in (notebook("1"), notebook("2"), notebook("1", "1"), tagged)]
    keys.append(execute.key(notebook("1"), "mnist", root))
    monkeypatch.setenv("GANLIB_PROFILE", "full")
    keys.append(execute.key(notebook("1"), "glyphs", root))
    keys.append(execute.key(notebook("1"), execute.REHEARSAL, root))
    assert len(set(keys)) == len(keys)


def test_the_key_ignores_outputs_metadata_words_folds_and_compiled_files(root):
    before = execute.key(notebook("1"), "glyphs", root)
    other = notebook("1")
    other.cells[1].metadata["tags"] = ["check", "deeper"]
    other.cells[0].source = "# Other words"
    other.cells[1].outputs = [nbformat.v4.new_output("stream", text="x")]
    other.cells[1].execution_count = 3
    other.metadata["ganlib"] = {"key": "x"}
    (root / "ganlib/__pycache__").mkdir()
    (root / "ganlib/__pycache__/losses.cpython-311.pyc").write_text("x")
    assert execute.key(other, "glyphs", root) == before


def test_a_chapter_is_kept_with_its_outputs_and_runs_once(root, capfd, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(root / "ipython"))
    notebook(OUTPUTS, CHECK, FIGURE, CLEARED, WIDGET).write(root / "chapters/01_good.ipynb")
    notebook("kept = 1", "assert kept == 2, 'wrong'", "unreached").write(root / "chapters/02_bad.ipynb")
    stale = root / "_build/executed/glyphs/02_bad.ipynb"
    stale.parent.mkdir(parents=True)
    notebook("old").write(stale)

    assert execute.execute(root=root, jobs=2) != 0
    assert not stale.exists()
    said = re.sub(r"\x1b\[[0-9;]*m", "", capfd.readouterr().out)
    assert "AssertionError: wrong" in said and "not every cell passed in 02_bad" in said
    assert "1 failed, 6 passed, 1 skipped" in said

    kept = Notebook.read(root / "_build/executed/glyphs/01_good.ipynb")
    kept.validate()
    outputs = [cell.outputs for cell in kept.code]
    assert [cell.execution_count for cell in kept.code] == [1, 2, 3, 4, 5]
    assert [cell.id for cell in kept.cells] == ["title", *(f"code-{number}" for number in range(5))]
    assert [output.get("text") for output in outputs[0]] == ["loaded \n", None, "below\n"]
    assert outputs[0][1].data["text/plain"] == "'second'"
    assert outputs[1][0].data["application/vnd.ganlib.check+json"]["measured"] == 4
    assert outputs[1][1].data["text/plain"] == "'glyphs'" and outputs[1][1].execution_count == 2
    assert "image/png" in outputs[2][-1].data
    assert [output.text for output in outputs[3]] == ["step 2\n"]
    widgets = kept.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert 7 in [widget["state"].get("value") for widget in widgets.values()]
    assert kept.metadata.language_info.name == "python" and kept.metadata.ganlib.digits == "glyphs"
    assert {"cpu_seconds", "seconds"} <= set(kept.metadata.ganlib)

    reworded = notebook(OUTPUTS, CHECK, FIGURE, CLEARED, WIDGET)
    reworded.cells[0].source = "# Better words"
    reworded.write(root / "chapters/01_good.ipynb")
    monkeypatch.setattr(execute, "run_nbval", lambda *_: pytest.fail("a chapter that is up to date was executed"))
    assert execute.execute(["01"], root=root) == 0
    renewed = Notebook.read(root / "_build/executed/glyphs/01_good.ipynb")
    assert renewed.cells[0].source == "# Better words" and renewed.cells[1:] == kept.cells[1:]


def test_only_digit_chapters_run_on_other_digits(root, monkeypatch):
    notebook("1").write(root / "chapters/06_plain.ipynb")
    notebook("images.digits()").write(root / "chapters/09_digits.ipynb")
    asked = []
    monkeypatch.setattr(execute, "run_nbval", lambda chapters, *_: asked.extend(chapters) or 0)
    assert execute.execute(digits="mnist", root=root) == 1, "nothing was kept, so it must not count as done"
    assert asked == ["09_digits"]


FULL = "from ganlib import checks, runtime\nprint(runtime.pick(quick='narrow', full='wide'), runtime.rehearsed_steps())"
BROKEN = FULL + "\nif runtime.profile() == 'full':\n    net = wide_net()"
FAILING = FULL + "\nchecks.at_least('share of a net that was hardly trained', 0.1, 0.9)"


def test_a_rehearsal_runs_the_full_profile_and_fails_where_its_code_does(root, capfd, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(root / "ipython"))
    for name, code in {"01_one_profile": "1", "02_broken": BROKEN, "03_failing_check": FAILING}.items():
        notebook(code).write(root / f"chapters/{name}.ipynb")
    assert execute.execute(digits=execute.REHEARSAL, root=root, jobs=2) != 0
    said = re.sub(r"\x1b\[[0-9;]*m", "", capfd.readouterr().out)
    assert "NameError: name 'wide_net' is not defined" in said and "not every cell passed in 02_broken\n" in said
    (kept,) = (root / "_build/executed").rglob("*.ipynb")
    assert kept.relative_to(root / "_build/executed") == Path("rehearsal/03_failing_check.ipynb")
    (output,) = Notebook.read(kept).cells[1].outputs
    assert output.text == "wide 2\n· share of a net that was hardly trained: 0.1 (at least 0.9) in a rehearsal\n"

    monkeypatch.setattr(execute, "run_nbval", lambda *_: pytest.fail("what was rehearsed was rehearsed again"))
    assert execute.execute(["03"], digits=execute.REHEARSAL, root=root) == 0


def test_an_ordinary_run_is_no_rehearsal_whatever_the_environment_says(root, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(root / "ipython"))
    monkeypatch.setenv("GANLIB_REHEARSAL", "2")
    notebook(FAILING).write(root / "chapters/03_failing_check.ipynb")
    assert execute.execute(root=root) != 0


@pytest.mark.parametrize("path", sorted((ROOT / "chapters").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_chapter_asks_for_its_profile_where_the_rehearsal_sees_it(path):
    program = Notebook.read(path).program
    assert not re.search(r"GANLIB_PROFILE|from ganlib\.runtime|runtime as |(?<!runtime\.)\bpick\(", program)


def test_an_unknown_chapter_is_one_sentence(root):
    shutil.rmtree(root / "chapters")
    with pytest.raises(FileNotFoundError, match="No chapter begins with '99'"):
        execute.execute(["99"], root=root)


def test_a_damaged_kept_chapter_is_stale(root):
    damaged = root / "kept.ipynb"
    damaged.write_text(json.dumps({"cells": []})[:-1])
    assert not execute.is_current(damaged, "key") and not execute.is_current(root / "absent.ipynb", "key")


def test_a_chapter_whose_caption_has_no_figure_is_not_kept_and_the_shell_takes_none_away(root, capfd, monkeypatch):
    for name, value in {"MPLBACKEND": "Agg", "PYTHONOPTIMIZE": "1", "PYTEST_ADDOPTS": "--collect-only"}.items():
        monkeypatch.setenv(name, value)  # as containers and CI set them
    monkeypatch.setenv("IPYTHONDIR", str(root / "ipython"))
    for name, code in (("01_drawn", FIGURE + "\nassert __debug__"), ("02_bare", "1")):
        chapter = notebook(code)
        chapter.cells.append(nbformat.v4.new_markdown_cell(":::{caption} fig-line\n:alt: A line\nA line.\n:::", id="c"))
        chapter.write(root / f"chapters/{name}.ipynb")
    assert execute.execute(root=root, jobs=1) != 0
    assert [path.stem for path in (root / "_build/executed/glyphs").iterdir()] == ["01_drawn"]
    said = capfd.readouterr().out
    assert "no figure was drawn above the caption fig-line: the chapter is not kept" in said
    lines = [re.sub(r"\d+ s\b", "n s", line) for line in said.splitlines() if "chapters done" in line]
    assert lines == [
        "01_drawn runs (0 of 2 chapters done after n s)",
        "01_drawn ran in n s (1 of 2 chapters done after n s)",
        "02_bare runs (1 of 2 chapters done after n s)",
        "02_bare FAILED in n s (2 of 2 chapters done after n s)",
    ]
