"""What tests of several rooms share."""

from course.notebook import Notebook, tags

ANNOUNCED = ("_toc.yml", "index.md", "appendix/instructors.md")  # each must name every chapter


def code_after_code(notebook: Notebook, may_follow: frozenset | set = frozenset()) -> list[int]:
    """The places of the code cells that follow another with no prose between, but for those with one of some tags."""
    cells = notebook.cells
    pairs = [at for at in range(1, len(cells)) if cells[at - 1].cell_type == cells[at].cell_type == "code"]
    return [at for at in pairs if not tags(cells[at]) & may_follow]
