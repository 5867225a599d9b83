"""IPython's own lines in the code of a cell; this module is also seen in the sandbox, and imports nothing."""

import re


def without_magic(code: str) -> str:
    """The code of a cell as Python: a line of IPython's own, such as ``%pip install`` or ``!ls``, becomes ``pass``."""
    return re.sub(r"^([ \t]*)[%!].*$", r"\1pass", code, flags=re.MULTILINE)
