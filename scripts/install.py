"""Install the locked packages and ganlib into the Python that runs this: `make` calls it inside .venv.

    python scripts/install.py [--torch-index auto|default|ADDRESS]

`auto`, the default, takes PyTorch's CPU builds on Linux where no NVIDIA device is and their index answers; `default` or
nothing takes all packages from the package index, for Linux with CUDA; an address takes torch and torchvision, in their
locked versions, from there. With CPU builds the CUDA packages are left out. Nothing counts as installed that cannot be
imported.
"""

import argparse
import os
import platform
import queue
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
TORCH = re.compile(r"(torch|torchvision)==")
CUDA = re.compile(r"(nvidia-|cuda-|triton==)")
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"
ANSWERS_WITHIN = 5  # seconds
TOLD_EVERY = 10  # seconds, where the output is no terminal
IMPORTED = "torch torchvision numpy scipy matplotlib ganlib nbval sphinx pytest".split()
# pip obeys a variable for each of its options, such as PIP_TARGET: those alone are kept that say where packages are.
KEPT_OF_PIP = {f"PIP_{name}" for name in "INDEX_URL EXTRA_INDEX_URL FIND_LINKS NO_INDEX TRUSTED_HOST PROXY".split()}
KEPT_OF_PIP |= {f"PIP_{name}" for name in "CERT CLIENT_CERT CONFIG_FILE KEYRING_PROVIDER TIMEOUT RETRIES".split()}
STAGES = (("looking up", r"(?:Collecting|Requirement already satisfied:) (\S+)"),)
STAGES += (("downloading", r"\s*(?:Downloading|Using cached) (?!\S*\.metadata)(?:\S*/)?(\S+.*)"),)


def pins(text: str) -> list[str]:
    """The lines of a lock file that name a package."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def applies(pin: str) -> bool:
    """Whether a pin of the lock is for this Python and system; its marker reads as a Python expression."""
    known = {
        "implementation_name": sys.implementation.name,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_system": platform.system(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }
    return eval(pin.partition(" ; ")[2] or "True", {"__builtins__": {}}, known)


def cpu_split(text: str) -> tuple[list[str], list[str]]:
    """The pins that PyTorch's CPU index serves, and the others that an installation without a GPU needs."""
    torch = [pin for pin in pins(text) if TORCH.match(pin)]
    return torch, [pin for pin in pins(text) if not TORCH.match(pin) and not CUDA.match(pin)]


def has_nvidia() -> bool:
    return Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None


def serves(index: str, pin: str) -> bool:
    """Whether an index of packages answers in time and lists the pinned version."""
    name, _, version = pin.partition("==")
    try:
        with urllib.request.urlopen(f"{index}/{name}/", timeout=ANSWERS_WITHIN) as answer:
            return f"{name}-{version}" in answer.read().decode(errors="replace")
    except (OSError, ValueError):
        return False


def choose_index(asked: str) -> str:
    """The index to take PyTorch from; nothing means the package index. What `auto` comes to is said in one line."""
    if asked != "auto":
        return "" if asked == "default" else asked
    if not sys.platform.startswith("linux") or has_nvidia():
        return ""
    torch = next(pin for pin in cpu_split(LOCK.read_text(encoding="utf-8"))[0] if pin.startswith("torch=="))
    if serves(CPU_BUILDS, torch):
        print("No NVIDIA device: taking PyTorch's CPU builds, about 1 GB, not CUDA's 6 GB (TORCH_INDEX=default does).")
        return CPU_BUILDS
    print(f"No NVIDIA device, but {CPU_BUILDS} does not answer: taking the default builds, about 6 GB, not 1 GB.")
    return ""


def environment() -> dict[str, str]:
    """The shell's variables without those that would have pip install elsewhere, or Python import from elsewhere."""
    unwanted = re.compile(r"PIP_|PYTHON(PATH|HOME|STARTUP|OPTIMIZE|WARNINGS|PLATLIBDIR|USERBASE)$")
    kept = {key: value for key, value in os.environ.items() if key in KEPT_OF_PIP or not unwanted.match(key)}
    return kept | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}  # also where pip's own configuration says otherwise


class Progress:
    """What is being done, how many of how many, and for how long: on one line of a terminal, elsewhere now and then."""

    def __init__(self, total: int):
        self.total, self.counts, self.start, self.last_line = total, {}, time.monotonic(), 0.0

    def count(self, stage: str, what: str) -> None:
        self.counts[stage] = self.counts.get(stage, 0) + 1
        self.tell(stage, self.counts[stage], what)

    def tell(self, stage: str, number: int, what: str) -> None:
        now = time.monotonic()
        words = f"{stage} {min(number, self.total)} of {self.total}: {what} ({now - self.start:.0f} s)"
        if sys.stdout.isatty():
            print(f"\r\033[K  {words[: shutil.get_terminal_size().columns - 3]}", end="", flush=True)
        elif now - self.last_line >= TOLD_EVERY:
            self.last_line = now
            print(f"  {words}", flush=True)

    def close(self) -> None:
        if sys.stdout.isatty():
            print("\r\033[K", end="")
        plural = "" if self.total == 1 else "s"
        print(f"  {self.total} package{plural} in {time.monotonic() - self.start:.0f} s", flush=True)


def unpacked(since: float) -> list[str]:
    """The packages that came into this Python's folder since a moment; pip says nothing while it unpacks."""
    folders = Path(sysconfig.get_path("purelib")).glob("*.dist-info")
    installed = sorted((path.stat().st_mtime, path.name) for path in folders if path.exists())
    return [name.removesuffix(".dist-info") for moment, name in installed if moment >= since]


def lines_of(process: subprocess.Popen):
    """The lines of a process as they come, and None in each second without one."""
    lines: queue.Queue = queue.Queue()

    def read() -> None:
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=1)
        except queue.Empty:
            yield None
            continue
        if line == "":
            return
        yield line


def pip(*arguments: str, total: int) -> None:
    """Run pip without its cache, which lies outside the clone; a failure ends this program with pip's exit code."""
    options = ["--no-cache-dir", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-m", "pip", *options, *arguments, "--progress-bar", "off"]
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace"
    )
    progress, unpacking = Progress(total), None
    for line in lines_of(process):
        if line is None:
            if unpacking and (names := unpacked(unpacking)):
                progress.tell("installing", len(names), names[-1])
        elif line.startswith("Installing collected packages"):
            unpacking = time.time()
        else:
            for stage, form in STAGES:
                if match := re.match(form, line):
                    progress.count(stage, match[1])
    if code := process.wait():
        print("The packages could not be installed: see pip's message above, mend it and run the command again.")
        sys.exit(code)
    progress.close()


def verify(names: list[str]) -> None:
    """End this program unless this Python, asked alone, finds every package and imports the main ones."""
    code = "import sys; from importlib import import_module as load, metadata; cut = sys.argv.index('--')\n"
    code += "[metadata.version(name) for name in sys.argv[1:cut]]; [load(name) for name in sys.argv[cut + 1:]]"
    command = [sys.executable, "-I", "-c", code, *names, "--", *IMPORTED]
    asked = subprocess.run(command, env=environment(), capture_output=True, text=True)
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["no reason given"])[-1]
        print(
            f"What was installed does not work here ({reason}): look for target, prefix or root in `pip config list`,"
        )
        print("remove the folder .venv and run the command again.")
        sys.exit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-index", default="auto", help="auto, default, or the address of an index")
    index = choose_index(parser.parse_args().torch_index.strip())
    text = LOCK.read_text(encoding="utf-8")
    torch, others = cpu_split(text) if index else ([], pins(text))
    # The lock is complete, so nothing is left to resolve: --no-deps installs it and nothing else.
    if torch:
        pip("install", "--no-deps", "--index-url", index, *torch, total=len(torch))
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "requirements.txt"
        listing.write_text("\n".join(others) + "\n", encoding="utf-8")
        pip("install", "--no-deps", "-r", str(listing), total=len(list(filter(applies, others))))
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT), total=1)
    verify([pin.partition("==")[0] for pin in torch + others if applies(pin)])


if __name__ == "__main__":
    main()
