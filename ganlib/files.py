"""Files that are written at once or not at all."""

import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path

ABANDONED = 3600  # seconds after which nobody still writes an unfinished file


def write(file: Path, content: bytes) -> None:
    """Write ``content`` beside ``file``, force it onto the disk, and rename it: no reader ever meets half of it.

    The folder is made where it is missing. Raises OSError where that fails; what was there is then intact, and
    nothing is left beside it but after a kill, when the unfinished ``<name>.<random>.partial`` stays.
    """
    partial = file.with_name(f"{file.name}.{secrets.token_hex(8)}.partial")
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


def sweep(file: Path) -> None:
    """Remove what kills left of earlier attempts to write ``file``: its own unfinished files, of an hour ago or more.

    What is younger may be another program's, which still writes it.
    """
    unfinished = re.compile(re.escape(file.name) + r"\.[0-9a-f]{16}\.partial")
    for path in file.parent.iterdir() if file.parent.is_dir() else ():
        with suppress(OSError):  # another program may have removed it
            if unfinished.fullmatch(path.name) and time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()
