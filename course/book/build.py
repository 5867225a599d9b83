"""Build the book from its text and the executed chapters, with every warning an error.

    python -m course.book.build [--executed DIR] [--output DIR] [--force]

Stages what the book is made of in _build/source, writes the page "What this build verified" from the records that the
chapters' checks left, runs Jupyter Book on a clean folder, and puts the site at _build/html. A second run with
unchanged inputs builds nothing.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from course import repository
from course.book.benchmark_page import benchmark_tables, grading_words
from course.exercises import links as exercise_links
from course.exercises.source import ExerciseError
from course.layout import BOOK, BUILD, EXECUTED, PAPER, ROOT, WHOLE
from course.notebook import Notebook, NotebookError

STAGED = ("_config.yml", "_toc.yml", "index.md", "references.bib", "appendix", "_static")


class BookError(Exception):
    """The book cannot be built; the message says why and what to do."""


def chapter_names(toc: dict) -> list[str]:
    """The chapters that the table of contents names, in reading order: ``06_training_loop``, …"""
    files = [entry["file"] for part in toc.get("parts", []) for entry in part.get("chapters", [])]
    return [name.removeprefix("chapters/").removesuffix(".ipynb") for name in files if name.startswith("chapters/")]


def read_executed(path: Path) -> Notebook:
    """The executed notebook at ``path``; refuses one that is missing, was not run, or failed."""
    try:
        notebook = Notebook.read(path)
    except FileNotFoundError:
        how = "run `python -m course.book.execute` first, it executes the chapters"
        raise BookError(f"{path} is missing: {how}.") from None
    if not notebook.was_run:
        raise BookError(f"{path} has cells that were not run: run `python -m course.book.execute` first.")
    if notebook.error is not None:
        raise BookError(f"{path} failed when it was executed ({notebook.error}): mend it and execute it again.")
    return notebook


def shown(value: float | bool) -> str:
    """A value as the checks print it: yes or no, whole numbers with commas, others with seven digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    whole = value == value and abs(value) != float("inf") and value == int(value)
    return f"{int(value):,}" if whole else f"{value:.7g}"


def row(record: dict) -> str:
    """One check as a row of the table: claim, expected, measured, tolerance."""
    label = record["label"].replace("\\", "\\\\").replace("|", "\\|").replace("$", "\\$").replace("<", "&lt;")
    bound = {"at_least": "at least ", "at_most": "at most "}.get(record["relation"], "")
    tolerance = "" if record["tol"] is None else "none" if record["tol"] == 0 else f"± {record['tol']:g}"
    return f"| {label} | {bound}{shown(record['expected'])} | {shown(record['measured'])} | {tolerance} |"


def verified_page(chapters: dict[str, Notebook]) -> str:
    """The page "What this build verified": a table of checks for each chapter."""
    total = sum(len(notebook.checks) for notebook in chapters.values())
    lines = [
        "# What this build verified",
        "",
        "Every number that a chapter states is computed and checked by the chapter itself, when it runs.",
        "A check that fails stops the build, so this page lists only checks that held.",
        "",
        f"**{totals(total, len(chapters))}**",
        "",
    ]
    for name, notebook in chapters.items():
        records = notebook.checks
        lines += [f"## {int(name.split('_')[0])}. {notebook.title}", ""]
        facts = notebook.metadata.get("ganlib", {})
        ran = ", executed in {seconds:.0f} s on {digits}".format(**facts) if {"seconds", "digits"} <= set(facts) else ""
        lines += [f"{plural(len(records), 'check')} in {{doc}}`/chapters/{name}`{ran}.", ""]
        if records:
            lines += ["| claim | expected | measured | tolerance |", "|:--|--:|--:|:--|", *map(row, records)]
        lines.append("")
    return "\n".join(lines)


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def totals(checks: int, chapters: int) -> str:
    return f"{plural(checks, 'claim')} checked in {plural(chapters, 'chapter')}."


def paper_words(site: str | None) -> str:
    """Where the book is found as a PDF: beside the published site, or where ``make pdf`` writes it."""
    if site:
        return f"The whole book is also [one PDF]({site}{PAPER.name}/{WHOLE}), for paper and offline."
    return "`make pdf` prints the whole book as one PDF, for paper and offline."


def module_sections(package: Path) -> str:
    """One section of the API page for each module of ganlib."""
    modules = [path for depth in ("*.py", "*/*.py") for path in sorted(package.glob(depth))]
    names = [".".join(path.relative_to(package).with_suffix("").parts) for path in modules if path.stem[0] != "_"]
    block = "## `ganlib.{0}`\n\n```{{eval-rst}}\n.. automodule:: ganlib.{0}\n   :members:\n```\n"
    return "\n".join(block.format(name) for name in names)


def fill(path: Path, name: str, text: str) -> None:
    """Replace the line ``<!-- generated: name -->`` of the file by ``text``; the line must be there."""
    mark, source = f"<!-- generated: {name} -->", path.read_text(encoding="utf-8")
    if mark not in source:
        raise BookError(f"{path.name} has lost the line '{mark}': put it back where the generated text belongs.")
    path.write_text(source.replace(mark, text), encoding="utf-8")


def stage(root: Path, executed: Path, source: Path) -> None:
    """Copy into the empty folder ``source`` all that the book is made of, and write what is generated."""
    shutil.rmtree(source, ignore_errors=True)
    (source / "chapters").mkdir(parents=True)
    for name in STAGED:
        if (root / name).is_dir():
            shutil.copytree(root / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (root / name).exists():
            shutil.copy2(root / name, source / name)
        else:
            raise BookError(f"{name} is missing: restore it, the book is made of it.")
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    config = repository.with_launch_buttons(config, repository.find(root))
    (source / "_config.yml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    names = chapter_names(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8")))
    chapters = {name: read_executed(executed / f"{name}.ipynb") for name in names}
    stage_exercises(root, source, chapters)
    for name, notebook in chapters.items():
        (source / f"chapters/{name}.ipynb").write_text(notebook.text(), encoding="utf-8")
    (source / "appendix/verified.md").write_text(verified_page(chapters), encoding="utf-8")
    count = sum(len(notebook.checks) for notebook in chapters.values())
    fill(source / "index.md", "totals", totals(count, len(chapters)))
    fill(source / "index.md", "paper", paper_words(repository.site(repository.find(root))))
    fill(source / "appendix/api.md", "modules", module_sections(root / "ganlib"))
    if (source / "appendix/benchmark.md").exists():
        tables = benchmark_tables(root / "ganlib/results", source / "appendix")
        fill(source / "appendix/benchmark.md", "benchmark", tables)
    grading = root / "ganlib/results/grading.json"
    if (source / "appendix/instructors.md").exists() and grading.exists():
        fill(
            source / "appendix/instructors.md",
            "grading",
            grading_words(json.loads(grading.read_text(encoding="utf-8"))),
        )


def stage_exercises(root: Path, source: Path, chapters: dict[str, Notebook]) -> None:
    """Copy the students' notebooks, offer each in its chapter, and list them on the page of exercises."""
    home, lines = repository.find(root), []
    for link in exercise_links.find(root / "exercises/src"):
        (source / "exercises").mkdir(exist_ok=True)
        shutil.copy2(root / f"exercises/student/{link.name}.ipynb", source / link.file)
        download = f"{{download}}`{link.name}.ipynb </{link.file}>`"
        lines.append(f"* {{doc}}`/chapters/{link.chapter}`. {exercise_links.words(link, download, home)}")
        if link.chapter in chapters:
            exercise_links.offer(chapters[link.chapter], exercise_links.words(link, download, home))
    if (source / "appendix/exercises.md").exists():
        fill(source / "appendix/exercises.md", "exercises", "\n".join(lines))


def key(root: Path, source: Path) -> str:
    """A hash of all that decides how the book looks: the staged files, the code of ganlib and the course, the pins."""
    code = [path for folder in (root / "ganlib", ROOT / "course") for path in sorted(folder.rglob("*"))]
    others = [*(path for path in code if path.suffix in (".py", ".jinja", ".js", ".css")), root / "requirements.lock"]
    digest = hashlib.sha256()
    for path in [*sorted(source.rglob("*")), *others]:
        if path.is_file():
            digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def build(source: Path, work: Path, output: Path) -> None:
    """Run Jupyter Book on a clean folder, and move the site to ``output`` if it has no warning.

    Clean each time: a second Sphinx run after one that failed on a warning passes over the page that is at fault.
    """
    shutil.rmtree(work, ignore_errors=True)
    jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    options = ["--path-output", str(work), "-W", "-n", "--keep-going", "-q"]
    search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))  # where course.sphinx lies
    run = subprocess.run(
        [*jupyter_book, str(source), *options],
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        env=os.environ | {"PYTHONPATH": search},
    )
    if run.returncode != 0:  # the warnings have gone to the standard error as they came
        raise BookError(f"{run.stdout}\nThe book was not built: mend the warnings above, each counts as an error.")
    shutil.rmtree(output, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(work / "_build/html", output)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executed", type=Path, default=EXECUTED / "glyphs", help="the executed chapters")
    parser.add_argument("--output", type=Path, default=BOOK, help="where the site goes")
    parser.add_argument("--force", action="store_true", help="build even if nothing has changed")
    args = parser.parse_args(arguments)
    source, stamp = BUILD / "source", args.output / ".inputs"
    try:
        stage(ROOT, args.executed, source)
        inputs = key(ROOT, source)
        if not args.force and stamp.is_file() and stamp.read_text() == inputs:
            print(f"Nothing has changed; the book is at {args.output / 'index.html'}")
            return 0
        build(source, BUILD / "sphinx", args.output)
        stamp.write_text(inputs)
    except (BookError, ExerciseError, NotebookError, repository.AddressError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"The book is at {args.output / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
