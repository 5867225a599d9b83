"""What tests of several rooms share."""

from course.notebook import Notebook

ANNOUNCED = ("_toc.yml", "index.md", "appendix/instructors.md")  # each must name every chapter


def long_cells(notebook: Notebook) -> list[int]:
    """The places of the code cells of more than 30 lines."""
    return [
        at for at, cell in enumerate(notebook.cells) if cell.cell_type == "code" and len(cell.source.splitlines()) > 30
    ]


def code_after_code(notebook: Notebook) -> list[int]:
    """The places of the code cells that follow another with no prose between."""
    kinds = [cell.cell_type for cell in notebook.cells]
    return [at for at in range(1, len(kinds)) if kinds[at - 1] == kinds[at] == "code"]
