"""Files that are written at once or not at all."""

import os
from contextlib import suppress
from pathlib import Path


def write(file: Path, content: bytes) -> None:
    """Write ``content`` beside ``file``, force it onto the disk, and rename it: no reader ever meets half of it.

    The folder is made where it is missing. Raises OSError where that fails; what was there is then intact, and
    nothing is left beside it but after a kill, when the unfinished ``<name>.<process>.partial`` stays.
    """
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())  # or a loss of power could leave the new name on an empty file
        os.replace(partial, file)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise
    if os.name == "posix":  # Windows has no such call, and needs none
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
