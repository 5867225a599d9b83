"""Execute a notebook in the environment whose Python runs this; what stopped it is the program's last line.

    python -P course/colab/execute.py NOTEBOOK

A file and no module: that environment knows nbclient, and neither the course nor the packages that it is locked to.
"""

import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

if __name__ == "__main__":
    notebook = nbformat.read(sys.argv[1], as_version=4)
    try:
        NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    except CellExecutionError as error:
        texts = [output.text for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output]
        pip = [line for text in texts for line in text.splitlines() if line.startswith("ERROR:")]
        sys.exit(pip[0] if pip else f"{error.ename}: {error.evalue}")
