"""The one way to read, ask and write a notebook: a chapter, an exercise, or what a run made of either."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ganlib import checks, files

SETUP = "setup"  # the id of the cell that installs ganlib where it is missing
CHECKS = "checks"  # and, in an exercise, of the cell that holds the public checks

# Tags of a chapter's cells. The page folds the code of the first three; what is deeper, it folds whole. The set-up cell
# and that of the imports bear the word that is also the id of the former.
CHECK, FIGURE, DEEPER = "check", "figure", "deeper"
FOLDED = {SETUP, FIGURE, CHECK}  # the tags that fold the code of a cell


def tags(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


class NotebookError(Exception):
    """A file is not the notebook that it should be; the message says why and what to do."""


class Notebook:
    """A notebook as its cells, with what the course asks of it; ``node`` is nbformat's own form."""

    def __init__(self, node: NotebookNode):
        self.node = node

    @classmethod
    def read(cls, path: Path) -> "Notebook":
        """The notebook in a file; raises FileNotFoundError, or a NotebookError for a file that holds none."""
        if not path.is_file():
            raise FileNotFoundError(f"There is no notebook {path}.")
        try:
            return cls.parse(path.read_text(encoding="utf-8"))
        except (NotebookError, UnicodeDecodeError) as error:
            raise NotebookError(f"{path} is not a notebook: {error}") from None

    @classmethod
    def parse(cls, text: str) -> "Notebook":
        """The notebook in a JSON text; raises a NotebookError for a text that is none."""
        try:
            if "nbformat" not in json.loads(text):  # nbformat would take it for a notebook of its first version
                raise NotebookError("it does not name its format: it has no key 'nbformat'")
            return cls(nbformat.reads(text, as_version=4))
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
            raise NotebookError(str(error)) from None

    def validate(self) -> None:
        """Raise ``nbformat.ValidationError`` for a notebook that is not valid."""
        nbformat.validate(self.node)

    def write(self, path: Path) -> None:
        """Write the notebook, the whole file or nothing; one that is not valid raises ``nbformat.ValidationError``."""
        self.validate()
        files.write(path, (nbformat.writes(self.node).rstrip("\n") + "\n").encode())

    @property
    def cells(self) -> list[NotebookNode]:
        return self.node.cells

    @cells.setter
    def cells(self, cells: list[NotebookNode]) -> None:
        self.node.cells = cells

    @property
    def metadata(self) -> NotebookNode:
        return self.node.metadata

    @metadata.setter
    def metadata(self, metadata: dict) -> None:
        self.node.metadata = nbformat.from_dict(metadata)

    @property
    def code(self) -> list[NotebookNode]:
        """The code cells, in order."""
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def markdown(self) -> list[NotebookNode]:
        """The cells of words, in order."""
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @property
    def program(self) -> str:
        """All code in one text."""
        return "\n".join(cell.source for cell in self.code)

    @property
    def prose(self) -> str:
        """All Markdown in one text."""
        return "\n".join(cell.source for cell in self.markdown)

    @property
    def setup(self) -> NotebookNode:
        """The cell that installs ganlib where it is missing: the one with the id ``setup``."""
        for cell in self.code:
            if cell.get("id") == SETUP:
                return cell
        raise NotebookError(f"The notebook has no set-up cell: give its first code cell the id {SETUP!r}.")

    @property
    def title(self) -> str:
        """The text of the first heading."""
        if heading := re.search(r"^# (.+)$", self.prose, re.MULTILINE):
            return heading[1].strip()
        raise NotebookError("A chapter has no title: begin its first cell with '# The title'.")

    @property
    def outputs(self) -> Iterator[NotebookNode]:
        """All outputs, in order."""
        return (output for cell in self.code for output in cell.get("outputs", []))

    @property
    def checks(self) -> list[dict]:
        """The records that checks left when the notebook ran, in order."""
        return [
            output.data[checks.MEDIA_TYPE] for output in self.outputs if checks.MEDIA_TYPE in output.get("data", {})
        ]

    @property
    def was_run(self) -> bool:
        """Whether every code cell that is not empty was run."""
        return all(cell.execution_count is not None for cell in self.code if cell.source.strip())

    @property
    def error(self) -> str | None:
        """What the first error said that a run ended in."""
        return next((output.evalue for output in self.outputs if output.output_type == "error"), None)

    def text(self) -> str:
        """The notebook as JSON on one line."""
        return json.dumps(self.node, ensure_ascii=False)
