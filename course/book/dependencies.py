"""What a piece of code takes from ganlib: modules, those that they import in turn, and the files that these read."""

import ast
from pathlib import Path

from course.magic import without_magic


def used(code: str, package: Path) -> list[Path]:
    """The files of ``package``, a folder named for itself, on which ``code`` depends, in order.

    They are the modules that it imports, at whatever place, with those that these import; the data in a folder that
    one of them names as a string; and of the stored results those that ``code`` names. Code that cannot be read depends
    on all of them.
    """
    files: set[Path] = set()
    try:
        waiting = imported(without_magic(code), package)
    except SyntaxError:
        waiting = set(package.rglob("*.py"))
    while waiting:
        module = waiting.pop()
        if module in files:
            continue
        files.add(module)
        text = module.read_text(encoding="utf-8")
        waiting |= imported(text, package)
        if module.name == "__init__.py" and module.parent != package:
            waiting |= set(module.parent.glob("*.py"))
        files |= {path for path in data(module, text, package) if path.suffix != ".json" or path.stem in code}
    return sorted(files)


def imported(text: str, package: Path) -> set[Path]:
    """The files of the modules of ``package`` that a Python text imports."""
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    parts = [name.split(".")[1:] for name in names if name.split(".")[0] == package.name]
    places = [package.joinpath(*part) for part in parts]
    return {file for place in places for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()}


def data(module: Path, text: str, package: Path) -> set[Path]:
    """The files without code that a module reads: those beside it in a folder of its own, or in one that it names."""
    own = [module.parent] if module.parent != package else []
    named = [folder for folder in package.iterdir() if folder.is_dir() and f'"{folder.name}' in text]
    files = {path for folder in (*own, *named) for path in folder.rglob("*") if path.is_file()}
    return {path for path in files if path.suffix not in (".py", ".pyc") and "__pycache__" not in path.parts}
