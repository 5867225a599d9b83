"""Grade a notebook with otter-grader and write what came of each test as JSON; this runs in the sandbox.

    python -P -c PROGRAM NOTEBOOK AUTOGRADER OUTPUT

The output maps each question to a list of its tests: whether it passed, and what otter-grader says of it.
"""

import json
import sys
from pathlib import Path

from otter.api import grade_submission

if __name__ == "__main__":
    notebook, autograder, output = sys.argv[1:]
    files = grade_submission(notebook, autograder, quiet=True).results
    tests = {name: [[test.passed, test.message] for test in file.test_case_results] for name, file in files.items()}
    Path(output).write_text(json.dumps(tests), encoding="utf-8")
