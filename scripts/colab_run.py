"""Run the Colab edition top to bottom where things are as in Colab: an older torch is there, ganlib is not.

    python scripts/colab_run.py [--edition DIR] [--torch VERSION] [chapter ...]

Each notebook gets an environment of its own, an empty folder to run in and a fake google.colab, and installs ganlib by
its own set-up cell; only git is told to fetch this clone instead of the address. The environment shows the packages of
.venv, with torch and torchvision labelled as the oldest that pyproject.toml allows, and reaches no package index.
With --torch it holds a real older torch and what pip adds, from the network.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import venv
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(sysconfig.get_path("purelib"))
NEEDED = ("pyproject.toml", "README.md", "LICENSE", "ganlib")  # what pip installs ganlib from
COLAB = """\
class _widgets:
    _installed_url = None

def enable_custom_widget_manager():
    pass
"""
RUN = """\
import sys
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
notebook = nbformat.read(sys.argv[1], as_version=4)
try:
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
except CellExecutionError as error:
    said = [output.text for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output]
    pip = [line for text in said for line in text.splitlines() if line.startswith("ERROR:")]
    sys.exit(pip[0] if pip else f"{error.ename}: {error.evalue}")
"""
TELL = """\
import importlib.metadata as metadata, ganlib
print(metadata.version("torch"), metadata.version("torchvision"), ganlib.__file__, sep="\\n")
"""


class ColabError(Exception):
    """A notebook does not do in Colab what it should; the message says what."""


def oldest() -> dict[str, str]:
    """The oldest torch and torchvision that ganlib allows."""
    bounds = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    pairs = [bound.split(">=") for bound in bounds]
    return {name: f"{version}.0" for name, version in pairs if name in ("torch", "torchvision")}


def python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def packages_of(environment: Path) -> Path:
    places = {"base": str(environment), "platbase": str(environment)}
    return Path(sysconfig.get_path("purelib", "venv", places))


def relabel(info: Path, target: Path, versions: dict[str, str]) -> None:
    """Copy the record of an installed package, with older versions of itself and of torch."""
    name = info.name.split("-")[0]
    shutil.copytree(info, target / f"{name}-{versions[name]}.dist-info")
    record = target / f"{name}-{versions[name]}.dist-info/METADATA"
    text = re.sub(r"(?m)^Version: .*", f"Version: {versions[name]}", record.read_text(encoding="utf-8"))
    needs = re.sub(r"(?m)^Requires-Dist: torch\b.*", f"Requires-Dist: torch=={versions['torch']}", text)
    record.write_text(needs, encoding="utf-8")


def borrow_packages(target: Path) -> None:
    """Link all installed packages into ``target``, but ganlib, with torch and torchvision labelled as older."""
    versions = oldest()
    for path in HERE.iterdir():
        name = path.name.split("-")[0]
        if path.suffix == ".dist-info" and name in versions:
            relabel(path, target, versions)
        elif "ganlib" not in path.name and path.suffix != ".pth" and not (target / path.name).exists():
            (target / path.name).symlink_to(path, target_is_directory=path.is_dir())


def make_environment(folder: Path, torch: str | None) -> None:
    """A virtual environment with torch and without ganlib, in which google.colab is loaded as Colab loads it."""
    venv.create(folder, with_pip=torch is not None, symlinks=os.name != "nt")
    packages = packages_of(folder)
    if torch is None:
        borrow_packages(packages)
    else:
        install = [python_of(folder), "-m", "pip", "install", "-q", f"torch=={torch}", "torchvision"]
        subprocess.run([*install, "ipykernel", "nbclient", "scipy"], check=True)  # Colab brings scipy along
    colab = folder / "fake/google/colab"
    colab.mkdir(parents=True)
    (colab / "__init__.py").write_text("")
    (colab / "output.py").write_text(COLAB)
    (packages / "colab.pth").write_text(f"{folder / 'fake'}\nimport google.colab.output\n")


def make_repository(folder: Path) -> None:
    """A git repository of the working tree's ganlib, for pip to install from."""
    folder.mkdir()
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    git = ["git", "-C", folder, "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "ganlib"]):
        subprocess.run([*git, *words], check=True)


def settings(folder: Path, address: str, offline: bool) -> dict[str, str]:
    """The variables that a notebook runs with: none of Python or ganlib from outside, git redirected."""
    dropped = ("PYTHON", "GANLIB_DATA", "GANLIB_DIGITS", "GANLIB_PROFILE", "GANLIB_REHEARSAL")
    dropped += ("PIP_",) if offline else ()
    kept = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
    redirected = {"KEY_0": f"url.{(folder / 'repository').as_uri()}.insteadOf", "VALUE_0": address, "COUNT": "1"}
    kept |= {f"GIT_CONFIG_{name}": text for name, text in redirected.items()}
    kept |= {"PYTHONNOUSERSITE": "1", "PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if offline:  # what is there must do, in the build too: "no" is how this variable asks for no isolation
        kept |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "no"}
    return kept


def address_in(notebook) -> str:
    """The repository that the set-up cell installs ganlib from."""
    for cell in notebook.cells:
        if found := re.search(r'%pip install .*@ git\+([^"\s{]+)', cell.source):
            return found[1]
    raise ColabError("its set-up cell names no repository: make the edition with GITHUB_REPOSITORY=owner/name")


def run(path: Path, torch: str | None = None) -> float:
    """Run one notebook of the edition in a fresh environment, in seconds; raises a ``ColabError`` if it fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        variables = settings(folder, address_in(nbformat.read(path, as_version=4)), offline=torch is None)
        make_environment(folder / "environment", torch)
        make_repository(folder / "repository")
        (folder / "content").mkdir()
        start = time.perf_counter()
        python, here = python_of(folder / "environment"), {"cwd": folder / "content", "env": variables}
        ran = subprocess.run([python, "-c", RUN, path.resolve()], capture_output=True, text=True, **here)
        seconds = time.perf_counter() - start
        if ran.returncode:
            raise ColabError("it failed: " + (ran.stderr.strip().splitlines() or ["no message"])[-1])
        told = subprocess.run([python, "-c", TELL], capture_output=True, text=True, check=True, **here)
        version, _, place = told.stdout.splitlines()
        if version.split("+")[0] != (torch or oldest()["torch"]):
            raise ColabError(f"it moved torch to {version}")
        if not Path(place).is_relative_to(folder.resolve()):
            raise ColabError(f"it used the ganlib at {place}, not the one that it installs")
    return seconds


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", help="names or their beginnings, such as 06 (default: all)")
    parser.add_argument("--edition", type=Path, default=ROOT / "_build/colab/chapters", help="the notebooks")
    parser.add_argument("--torch", metavar="VERSION", help="install this torch instead of relabelling the one here")
    args = parser.parse_args(arguments)
    wanted = tuple(args.chapters) or ("",)
    paths = [path for path in sorted(args.edition.glob("*.ipynb")) if path.name.startswith(wanted)]
    failed = 0
    for path in paths:
        try:
            print(f"{path.stem}: ran in {run(path, args.torch):.0f} s", flush=True)
        except ColabError as error:
            failed += 1
            print(f"{path.stem}: {error}", flush=True)
    if not paths:
        print(f"No notebook in {args.edition} was asked for: run `make colab`, or name other chapters.")
    return int(failed > 0 or not paths)


if __name__ == "__main__":
    sys.exit(main())
