"""Execute a notebook in the environment whose Python runs this; the last line says what stopped it or was not passed.

    python -P course/colab/execute.py NOTEBOOK

A file and no module: that environment knows nbclient, and neither the course nor the packages that it is locked to.
"""

import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def unpassed(notebook: nbformat.NotebookNode) -> list[str]:
    """The cells that check a question of an exercise, and do not say that all its checks passed."""
    checks = [cell for cell in notebook.cells if cell.source.startswith('grader.check("')]
    return [cell.source for cell in checks if "All test cases passed" not in str(cell.outputs)]


if __name__ == "__main__":
    notebook = nbformat.read(sys.argv[1], as_version=4)
    try:
        NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    except CellExecutionError as error:
        texts = [output.text for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output]
        pip = [line for text in texts for line in text.splitlines() if line.startswith("ERROR:")]
        sys.exit(pip[0] if pip else f"{error.ename}: {error.evalue}")
    if failed := unpassed(notebook):
        sys.exit(f"not passed: {', '.join(failed)}")
