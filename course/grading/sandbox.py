"""One program in a sandbox: no network, a read-only view of Python alone, bounded time, memory, processes and files.

Linux's bubblewrap makes the sandbox. Without it a program can be run with the bounds alone, where the caller asks so.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from course.layout import ROOT

SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    *(f"/etc/{name}" for name in ("fonts", "hosts", "ld.so.cache", "nsswitch.conf", "passwd")),
)
LOOK_EVERY = 0.05  # seconds
STOPPED = "grading was stopped"


class Limits(NamedTuple):
    """What a program may use; past a limit it is killed."""

    seconds: float = 240
    megabytes: int = 3000
    processes: int = 60
    file_megabytes: int = 100


class Outcome(NamedTuple):
    """How a run ended: its exit status, or the limit that it passed, and what it said."""

    status: int | None
    limit: str | None
    said: str
    seconds: float


def available() -> bool:
    """Whether a sandbox can be made here."""
    if not shutil.which("bwrap"):
        return False
    trial = ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "true"]
    return subprocess.run(trial, capture_output=True).returncode == 0


def walls(folder: Path) -> list[str]:
    """bubblewrap's command line: ``folder`` alone can be written to, as /grade."""
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    words += ["--hostname", "localhost"]  # otter-grader asks for the address of its own host
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(512_000_000), "--tmpfs", "/tmp"]
    python = {sys.prefix, os.path.realpath(sys.prefix), sys.base_prefix, str(ROOT / "ganlib")}
    for path in [*SYSTEM, *sorted(python)]:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            words += ["--ro-bind", path, path]
    return [*words, "--bind", str(folder), "/grade", "--chdir", "/grade"]


def bounded(command: Sequence[str], limits: Limits) -> list[str]:
    """The command begun by a program that first bounds the size of files and turns core dumps off."""
    size = limits.file_megabytes * 1_000_000
    begin = (
        f"import os, resource as r, sys; r.setrlimit(r.RLIMIT_FSIZE, ({size}, {size})); "
        "r.setrlimit(r.RLIMIT_CORE, (0, 0)); os.execvp(sys.argv[1], sys.argv[1:])"
    )
    return [sys.executable, "-c", begin, *command]


def passed(process: psutil.Process, limits: Limits, start: float) -> str | None:
    """The limit that the program and its children are past, in words."""
    if time.monotonic() - start > limits.seconds:
        return f"it ran longer than {limits.seconds:g} s"
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return None
    if len(family) > limits.processes:
        return f"it started more than {limits.processes} processes"
    used = 0
    for each in family:
        try:
            used += each.memory_info().rss
        except psutil.Error:
            continue
    return f"it used more than {limits.megabytes} MB of memory" if used > 1_000_000 * limits.megabytes else None


def end(process: psutil.Process) -> None:
    """Kill a program and all that it started."""
    for _ in range(5):  # what forks may be missed by one look
        try:
            family = [*process.children(recursive=True), process]
        except psutil.Error:
            break
        for each in family:
            try:
                each.send_signal(signal.SIGKILL)
            except psutil.Error:
                continue


def run(
    command: Sequence[str],
    folder: Path,
    limits: Limits,
    walled: bool = True,
    stop: threading.Event | None = None,
) -> Outcome:
    """Run ``command`` in ``folder``, which it sees as /grade where ``walled``; other programs end with it.

    Where ``stop`` is set, the program is killed, as one that is past a limit. What it says goes to a file without a
    name, which it cannot put a link in the place of.
    """
    home = "/grade" if walled else str(folder)
    variables = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg", "MPLCONFIGDIR": f"{home}/.config", "IPYTHONDIR": f"{home}/.ipython",
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    with tempfile.TemporaryFile() as said:
        start = time.monotonic()
        started = subprocess.Popen(
            [*(walls(folder) if walled else ()), *bounded(command, limits)], cwd=folder, env=variables,
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        watched, limit = psutil.Process(started.pid), None
        while started.poll() is None and limit is None:
            time.sleep(LOOK_EVERY)
            limit = STOPPED if stop is not None and stop.is_set() else passed(watched, limits, start)
        if limit:
            end(watched)
        started.wait()
        try:  # whoever is left of its session
            os.killpg(started.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        said.seek(0)
        text = said.read(20_000).decode(errors="replace")
    return Outcome(None if limit else started.returncode, limit, text, time.monotonic() - start)
