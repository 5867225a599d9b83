"""The repository as a whole: its pins, its package, what it must not contain, and the frame's small programs."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import install
import pytest
import summary
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from course.layout import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINS = [Requirement(pin) for pin in install.pins(LOCK)]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MADE = {
    "runs",
    ".git",
    ".venv",
    ".cache",
    "_build",
    "build",
    "__pycache__",
    ".pytest_cache",
    ".ruff_cache",
    ".ipynb_checkpoints",
}
MODULES = sorted(path for path in (ROOT / "ganlib").glob("*.py") if path.name != "__init__.py")


def own_files() -> list[Path]:
    """The files of the tree, without what was made or installed in it."""
    files = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in MADE and not name.endswith(".egg-info")]
        files += [Path(folder) / name for name in names]
    return sorted(files)


def names_of(requirements) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


def test_each_line_of_the_lock_is_one_exact_pin():
    form = re.compile(r"[a-z0-9.-]+==[0-9][0-9a-z.]*( ; [^/@+]+)?")
    assert [pin for pin in install.pins(LOCK) if not form.fullmatch(pin)] == []
    assert len({pin.name for pin in PINS}) == len(PINS), "a package is pinned twice"


def test_the_lock_holds_what_the_requirements_name():
    wanted = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    pinned = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in PINS}
    for requirement in map(Requirement, [*wanted, *PROJECT["dependencies"]]):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version and requirement.specifier.contains(version, prereleases=True), f"{requirement}: {version}"


def test_exact_pins_stand_in_the_lock_alone():
    pin = re.compile(r"(torch|ruff|jupyter-book|nbval|sphinx)==\d")
    texts = [path for path in own_files() if path.suffix in {".txt", ".toml", ".yaml", ".yml", ".md", ".sh"}]
    pinned = [path.name for path in texts if pin.search(path.read_text(encoding="utf-8"))]
    assert pinned == ["runtime.txt"]  # what Colab has, which is not ours to choose


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="runs outside .venv, which alone follows the lock")
def test_what_is_installed_is_what_is_locked():
    installed = {canonicalize_name(each.name): each.version for each in importlib.metadata.distributions()}
    cpu_build = "+cpu" in installed["torch"]
    wrong = []
    for pin in PINS:
        if pin.marker and not pin.marker.evaluate() or cpu_build and install.CUDA.match(str(pin)):
            continue
        version = installed.get(canonicalize_name(pin.name), "absent").partition("+")[0]
        if not pin.specifier.contains(version, prereleases=True):
            wrong.append(f"{pin} but {version}")
    assert wrong == []


def test_an_installation_without_gpu_leaves_out_cuda_and_nothing_else():
    torch, others = install.cpu_split(LOCK)
    left_out = {pin.name for pin in PINS} - names_of(torch + others)
    assert names_of(torch) == {"torch", "torchvision"}
    assert names_of(torch).isdisjoint(names_of(others))
    assert left_out == {pin.name for pin in PINS if pin.name.startswith(("nvidia-", "cuda-")) or pin.name == "triton"}
    assert len(left_out) > 10 and all("linux" in str(pin.marker) for pin in PINS if pin.name in left_out)


def test_the_cpu_recipe_asks_pip_for_the_locked_torch_first(monkeypatch):
    calls = []
    monkeypatch.setattr(install, "pip", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(sys, "argv", ["install.py", "--torch-index", "https://example.org/cpu"])
    install.main()
    assert calls[0][:5] == ("install", "--quiet", "--no-deps", "--index-url", "https://example.org/cpu")
    assert names_of(calls[0][5:]) == {"torch", "torchvision"} and all("==" in pin for pin in calls[0][5:])
    assert calls[1][3] == "-r" and not any("index" in word for word in calls[1])
    assert "--editable" in calls[2]


def test_pip_accepts_a_cpu_build_for_a_pin():
    pin = next(pin for pin in PINS if pin.name == "torch")
    assert pin.specifier.contains(str(pin.specifier).removeprefix("==") + "+cpu")


def test_ganlib_asks_for_lower_bounds_only():
    assert PROJECT["dependencies"]
    for requirement in map(Requirement, PROJECT["dependencies"]):
        assert [part.operator for part in requirement.specifier] == [">="], requirement


def test_a_wheel_of_ganlib_holds_its_modules_and_weights(tmp_path):
    source = tmp_path / "source"
    for path in [*(ROOT / "ganlib").rglob("*"), *map(ROOT.joinpath, ("pyproject.toml", "README.md", "LICENSE"))]:
        if path.is_file() and "__pycache__" not in path.parts:
            copy = source / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-cache-dir", "--quiet"]
    subprocess.run([*build, "--wheel-dir", tmp_path, source], check=True)
    held = set(zipfile.ZipFile(next(tmp_path.glob("ganlib-*.whl"))).namelist())
    wanted = {
        path.relative_to(ROOT).as_posix() for path in [*MODULES, *(ROOT / "ganlib").glob("weights/*.safetensors")]
    }
    assert any(name.endswith(".safetensors") for name in wanted)
    assert wanted <= held
    assert not any(name.startswith(("tests/", "course/", "experiments/")) for name in held)


def test_importing_ganlib_imports_no_torch():
    code = "import sys, ganlib; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_ganlib_is_small_and_each_module_has_its_tests():
    assert MODULES
    long = [path.name for path in MODULES if len(path.read_text(encoding="utf-8").splitlines()) > 250]
    untested = [path.name for path in MODULES if not (ROOT / "tests/ganlib" / f"test_{path.name}").is_file()]
    assert (long, untested) == ([], [])


def test_no_file_names_a_path_of_one_machine():
    path_of_a_machine = re.compile(r"(?<![\w.])/(work|root|home|farm)/")
    named = []
    for path in own_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path != Path(__file__) and path_of_a_machine.search(text):
            named.append(str(path.relative_to(ROOT)))
    assert named == []


def test_files_are_small():
    assert [path.name for path in own_files() if path.stat().st_size > 600_000] == []


def test_the_summary_counts_what_passed_failed_and_was_skipped(tmp_path):
    (tmp_path / "1-unit-tests.xml").write_text(
        "<testsuites><testsuite><testcase name='a'/><testcase name='b'><failure/></testcase></testsuite></testsuites>"
    )
    (tmp_path / "2-pages.xml").write_text(
        "<testsuite><testcase name='c'><skipped message='no Chromium'/></testcase><testcase name='d'/></testsuite>"
    )
    lines, failed = summary.summarise(tmp_path)
    assert failed == 1
    assert lines[0] == "  unit tests: 1 passed, 1 failed, 0 skipped"
    assert "  skipped c: no Chromium" in lines
    assert lines[-1] == "checks: 2 passed, 1 failed, 1 skipped"


@pytest.mark.skipif(os.name == "nt", reason="make is not part of Windows")
def test_make_help_lists_every_command_of_the_readme():
    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for command in ("book", "test", "serve", "bench", "clean"):
        assert re.search(rf"^  make {command} +\w", said, re.MULTILINE)
