"""Virtual environments that hold other packages than the locked ones: each made once for its pins, below .cache."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from course.layout import ROOT


class EnvironmentMissing(Exception):
    """An environment cannot be made; the message says what to do."""


def python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def packages_of(environment: Path) -> Path:
    """The folder of an environment that holds its packages."""
    asked = [str(python_of(environment)), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.check_output(asked, text=True).strip())


def find_python(version: str, named: str | None = None) -> str:
    """A Python of this version, such as 3.13: ``named``, the one that runs, or one on the path."""
    if named is None and sysconfig.get_python_version() == version:
        return sys.executable
    python = shutil.which(named or f"python{version}")
    if python is None:
        raise EnvironmentMissing(
            f"Python {version} is needed, and {named or f'python{version}'} is not there: install it, or name one by "
            f"--python /path/to/python{version}."
        )
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_python_version())"]
    if (there := subprocess.check_output(asked, text=True).strip()) != version:
        raise EnvironmentMissing(f"Python {version} is needed, and {named} is {there}: name another.")
    return python


def environment(name: str, pins: Sequence[str], python: str, cache: Path = ROOT / ".cache/environments") -> Path:
    """The environment of these pins and this Python; made, with a line that says so, where there is none."""
    asked = [python, "-c", "import platform; print(platform.python_version())"]
    version = subprocess.check_output(asked, text=True).strip()
    key = hashlib.sha256("\n".join([version, *pins]).encode()).hexdigest()[:12]
    folder = cache / f"{name}-{key}"
    if not (folder / "ready").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"Making {folder.name}: Python {version} with {len(pins)} packages; this takes some minutes.", flush=True)
        index = ["--extra-index-url", os.environ["TORCH_INDEX"]] if os.environ.get("TORCH_INDEX") else []
        subprocess.run([python, "-m", "venv", folder], check=True)
        install = [
            str(python_of(folder)),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *index,
            *pins,
        ]
        if code := subprocess.run(install).returncode:
            raise EnvironmentMissing(f"The packages of {name} could not be installed (pip: {code}); see above.")
        (folder / "ready").touch()
    return folder
