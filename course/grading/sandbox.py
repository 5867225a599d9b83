"""One program in a sandbox: no network, a read-only view of Python alone, bounded time, memory, processes and files.

Linux's bubblewrap makes the sandbox: its root is read-only, each place that can be written to is in memory and has a
size, and nothing is inherited but the pipes that are handed over. Without it a program can be run with the bounds
alone, where the caller asks so.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
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
OWN = (ROOT / "ganlib", ROOT / "course/magic.py", ROOT / "course/grading/wall")  # what the program needs of the course
HOME = "/student"
WRITABLE = ("/tmp", HOME, "/dev/shm")
LOOK_EVERY = 0.05  # seconds
WEIGH_EVERY = 0.5  # seconds between looks at the memory, which cost more
SLOWEST = 5  # times: a busy machine gives less than a core
IDLE_SHARE = 0.02  # of a core: what does less for a while does nothing


class Limits(NamedTuple):
    """What a program may use, all its processes together; past a limit it is killed."""

    seconds: float = 240  # of CPU time, and by the clock SLOWEST times as many
    idle: float = 90  # seconds in which it does next to nothing
    megabytes: int = 3000
    processes: int = 60
    file_megabytes: int = 200  # in each place that can be written to


def available() -> bool:
    """Whether a sandbox can be made here."""
    if not shutil.which("bwrap"):
        return False
    trial = ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "true"]
    return subprocess.run(trial, capture_output=True).returncode == 0


def links(path: Path) -> Iterator[Path]:
    """A path, and each path that it stands for as its links are followed one by one."""
    seen: set[Path] = set()
    while path not in seen:
        seen.add(path)
        yield path
        for part in [*reversed(path.parents), path]:
            if part.is_symlink():
                path = Path(os.path.normpath(part.parent / os.readlink(part))) / path.relative_to(part)
                break


def folders_of_python() -> list[str]:
    """Every folder that this Python is started from or reads, under each name that leads to it."""
    program = Path(sys.executable)
    packages = [Path(each) for each in sys.path if Path(each).name in ("site-packages", "dist-packages")]
    starts = [Path(sys.prefix), Path(sys.base_prefix), *(each.parent.parent for each in links(program)), *packages]
    return sorted({str(each) for start in starts for each in links(start)})


def walls(limits: Limits) -> list[str]:
    """bubblewrap's command line."""
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    words += ["--hostname", "localhost", "--proc", "/proc", "--dev", "/dev"]
    for path in WRITABLE:  # before what is shown, which may lie below one of them
        words += ["--size", str(limits.file_megabytes * 1_000_000), "--tmpfs", path]
    shown: list[str] = []
    for path in [*SYSTEM, *folders_of_python(), *map(str, OWN)]:
        if any(path == each or path.startswith(f"{each}/") for each in shown) or path == "/":
            continue
        if path in SYSTEM and os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            words += ["--ro-bind", path, path]
        shown.append(path)
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME]


def resources(limits: Limits) -> dict[str, int]:
    """The limits that the system itself keeps for each process, by their names in ``resource``."""
    size = limits.file_megabytes * 1_000_000
    return {"RLIMIT_FSIZE": size, "RLIMIT_CORE": 0, "RLIMIT_CPU": int(limits.seconds) + 10}


class Box:
    """A program that runs, watched by a thread; ``limit`` says which limit it passed."""

    def __init__(self, command: Sequence[str], pipes: Sequence[int], limits: Limits, walled: bool):
        self.limits, self.limit, self.used = limits, "", 0.0  # seconds of CPU time
        self.folder = None if walled else tempfile.TemporaryDirectory()
        home = self.folder.name if self.folder else HOME
        variables = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "MPLCONFIGDIR": f"{home}/.config",
            "IPYTHONDIR": f"{home}/.ipython", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        self.process = subprocess.Popen(
            [*(walls(limits) if walled else ()), *command], cwd=None if walled else home, env=variables,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            pass_fds=pipes,
        )  # fmt: skip
        self._root = psutil.Process(self.process.pid)  # which knows its start, so that no other is taken for it
        self._over = threading.Event()
        self._watchers = [threading.Thread(target=each, daemon=True) for each in (self._watch, self._weigh)]
        for each in self._watchers:
            each.start()

    def ended(self) -> bool:
        """Whether the program is gone; its number stays taken until it is closed."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def close(self) -> None:
        """Kill the program and all that it started, and remove what it wrote."""
        self._over.set()
        self._kill()  # before its number is free for another program
        for each in self._watchers:
            each.join()
        self.process.wait()
        if self.folder:
            shutil.rmtree(self.folder.name, ignore_errors=True)
            self.folder.cleanup()

    def _watch(self) -> None:
        ended = 0.0
        used: dict[int, float] = {}
        begun = time.monotonic()
        looks = [(begun, 0.0)]
        while not self._over.wait(LOOK_EVERY) and not self.ended():
            family = _family(self._root)
            if len(family) > self.limits.processes:
                self.limit = f"it started more than {self.limits.processes} processes"
                break
            now, times = time.monotonic(), {each.pid: _seconds(each) for each in family}
            ended += sum(seconds for pid, seconds in used.items() if pid not in times)
            used = times
            self.used = total = ended + sum(times.values())
            looks = [*(each for each in looks if now - each[0] <= self.limits.idle + 1), (now, total)]
            if total > self.limits.seconds:
                self.limit = f"it ran longer than {self.limits.seconds:g} s"
            elif now - begun > SLOWEST * self.limits.seconds:
                self.limit = f"it ran longer than {SLOWEST * self.limits.seconds:g} s by the clock"
            elif now - looks[0][0] > self.limits.idle and total - looks[0][1] < IDLE_SHARE * self.limits.idle:
                self.limit = f"it ran longer than {self.limits.idle:g} s without doing anything"
            if self.limit:
                break
        if self.limit:
            self._kill()

    def _weigh(self) -> None:
        """Look at the memory, apart from the rest: a process that forks lets nobody look for a while."""
        while not self._over.wait(WEIGH_EVERY) and not self.limit and not self.ended():
            if sum(map(_bytes, _family(self._root))) > 1_000_000 * self.limits.megabytes:
                self.limit = f"it used more than {self.limits.megabytes} MB of memory"
                self._kill()

    def _kill(self) -> None:
        try:  # in a sandbox, all else ends with it at once: the rest is for a program without one
            self._root.kill()
        except psutil.Error:
            pass
        for _ in range(5):  # what forks may be missed by one look
            for each in [*_family(self._root)[1:], self._root]:
                try:
                    each.send_signal(signal.SIGKILL)
                except psutil.Error:
                    continue
        try:  # whoever is left of its session
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def _family(watched: psutil.Process) -> list[psutil.Process]:
    try:
        return [watched, *watched.children(recursive=True)]
    except psutil.Error:
        return [watched]


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


def _bytes(process: psutil.Process) -> int:
    """The memory of a process, what it shares with others counted in parts where the system says them."""
    try:
        used = process.memory_info().rss
    except psutil.Error:
        return 0
    try:
        whole = process.memory_full_info() if used > 200_000_000 else None
    except psutil.Error:
        whole = None
    return getattr(whole, "pss", None) or getattr(whole, "uss", None) or used
