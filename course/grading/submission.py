"""A student's file before it is graded: the sources of its code cells, and which exercise it is.

Nothing else of the file counts: no output, no metadata, no version of the format. It is read as JSON, whose cost is
bounded by the size of the file; what Python there is in it is parsed on the student's side of the wall.
"""

import json
import re
from pathlib import Path
from typing import Any

LARGEST = 20_000_000  # bytes of a notebook, outputs included
CHECKS = re.compile(r"\bchecks_(ex\d\d)\b")


class SubmissionError(Exception):
    """A file that cannot be graded; the message says why."""


def read(path: Path) -> list[tuple[str, str]]:
    """The id and the source of each code cell of the notebook at ``path``; raises SubmissionError for what is none."""
    if path.stat().st_size > LARGEST:
        raise SubmissionError(f"the file has {path.stat().st_size / 1e6:.0f} MB: clear the outputs and hand in again")
    try:
        stored = json.loads(path.read_text(encoding="utf-8-sig"))
        sheets = [stored, *stored.get("worksheets", [])]
        cells = [cell for sheet in sheets for cell in sheet.get("cells", []) if cell.get("cell_type") == "code"]
        notebook = [(identity(cell), text_of(cell)) for cell in cells]
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise SubmissionError("the file is not a Jupyter notebook: save it as .ipynb and hand in again") from None
    if not any(source.strip() for _, source in notebook):
        raise SubmissionError("the notebook holds no code: save it again and look at it before you hand it in")
    return notebook


def text_of(cell: dict[str, Any]) -> str:
    """The source of a cell, which may be stored as lines."""
    source = cell.get("source", cell.get("input", ""))
    return source if isinstance(source, str) else "".join(line for line in source if isinstance(line, str))


def identity(cell: dict[str, Any]) -> str:
    """The id of a cell, which Colab keeps in its metadata; empty where there is none."""
    metadata = cell.get("metadata")
    return str(cell.get("id") or (metadata.get("id") if isinstance(metadata, dict) else "") or "")


def exercise_of(notebook: list[tuple[str, str]], file_name: str = "") -> str | None:
    """The exercise that the set-up cell names, such as ``ex04``, or the ids of the cells, or the name of the file."""
    places = (
        CHECKS.search("\n".join(source for _, source in notebook)),
        re.search(r"\b(ex\d\d)-\d\d\b", " ".join(name for name, _ in notebook)),
        re.search(r"(?<![a-z])(ex\d\d)(?!\d)", file_name),
    )
    return next((match[1] for match in places if match), None)
