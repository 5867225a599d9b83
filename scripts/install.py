"""Install the locked packages and ganlib into the Python that runs this: `make` calls it inside .venv.

    python scripts/install.py [--torch-index ADDRESS]

`--torch-index` takes torch and torchvision, in their locked versions, from PyTorch's own index of CPU builds.
The CUDA packages, which only the default builds for Linux need, are then left out.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
TORCH = re.compile(r"(torch|torchvision)==")
CUDA = re.compile(r"(nvidia-|cuda-|triton==)")


def pins(text: str) -> list[str]:
    """The lines of a lock file that name a package."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def cpu_split(text: str) -> tuple[list[str], list[str]]:
    """The pins that PyTorch's CPU index serves, and the others that an installation without a GPU needs."""
    torch = [pin for pin in pins(text) if TORCH.match(pin)]
    return torch, [pin for pin in pins(text) if not TORCH.match(pin) and not CUDA.match(pin)]


def pip(*arguments: str) -> None:
    """Run pip without its cache, which lies outside the clone; a failure ends this program with pip's exit code."""
    command = [sys.executable, "-m", "pip", "--no-cache-dir", "--disable-pip-version-check", *arguments]
    code = subprocess.run(command).returncode
    if code:
        print("The packages could not be installed: see pip's message above, mend it and run the command again.")
        sys.exit(code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-index", default="", help="the address of PyTorch's index of CPU builds")
    args = parser.parse_args()
    # The lock is complete, so nothing is left to resolve: --no-deps installs it and nothing else.
    if args.torch_index:
        torch, others = cpu_split(LOCK.read_text(encoding="utf-8"))
        pip("install", "--quiet", "--no-deps", "--index-url", args.torch_index, *torch)
        with tempfile.TemporaryDirectory() as folder:
            listing = Path(folder) / "requirements.txt"
            listing.write_text("\n".join(others) + "\n", encoding="utf-8")
            pip("install", "--quiet", "--no-deps", "-r", str(listing))
    else:
        pip("install", "--quiet", "--no-deps", "-r", str(LOCK))
    pip("install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))


if __name__ == "__main__":
    main()
