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
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from course.book import execute
from course.layout import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINS = [Requirement(pin) for pin in install.pins(LOCK)]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MADE = {
    "node_modules",
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
    monkeypatch.setattr(install, "pip", lambda *arguments, total: calls.append((*arguments, total)))
    monkeypatch.setattr(install, "verify", lambda names: calls.append(names))
    monkeypatch.setattr(sys, "argv", ["install.py", "--torch-index", "https://example.org/cpu"])
    install.main()
    assert calls[0][:4] == ("install", "--no-deps", "--index-url", "https://example.org/cpu")
    assert names_of(calls[0][4:-1]) == {"torch", "torchvision"} and all("==" in pin for pin in calls[0][4:-1])
    assert calls[1][2] == "-r" and not any("index" in str(word) for word in calls[1])
    assert "--editable" in calls[2]
    checked = {canonicalize_name(name) for name in calls[3]}
    assert {"torch", "torchvision", "nbval"} <= checked and not any(name.startswith("nvidia") for name in checked)
    assert calls[0][-1] + calls[1][-1] == len(checked)


@pytest.mark.parametrize(
    ("asked", "system", "device", "answers", "index", "said"),
    [
        ("auto", "linux", False, True, install.CPU_BUILDS, "about 1 GB"),
        ("auto", "linux", False, False, "", "does not answer"),
        ("auto", "linux", True, True, "", ""),
        ("auto", "darwin", False, True, "", ""),
        ("default", "linux", False, True, "", ""),
        ("", "linux", False, True, "", ""),
        ("https://example.org", "linux", True, False, "https://example.org", ""),
    ],
)
def test_cpu_builds_are_taken_where_they_suffice_and_can_be_had(
    monkeypatch, capsys, asked, system, device, answers, index, said
):
    monkeypatch.setattr(install.sys, "platform", system)
    monkeypatch.setattr(install, "has_nvidia", lambda: device)
    monkeypatch.setattr(install, "serves", lambda address, pin: answers and pin.startswith("torch=="))
    assert install.choose_index(asked) == index
    line = capsys.readouterr().out
    assert line.count("\n") == bool(said) and said in line and ("6 GB" in line) == bool(said)


def test_an_index_serves_what_it_lists_and_one_that_refuses_serves_nothing(tmp_path, serve):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/index.html").write_text("<a href='torch-2.1.0%2Bcpu-cp311.whl'>torch-2.1.0+cpu-cp311.whl</a>")
    address = serve(tmp_path).rstrip("/")
    assert install.serves(address, "torch==2.1.0")
    assert not install.serves(address, "torch==2.2.0") and not install.serves(address, "numpy==1.0")
    assert not install.serves("http://127.0.0.1:9", "torch==2.1.0")  # nothing listens there
    assert not install.serves("no address", "torch==2.1.0")


def test_a_marker_of_the_lock_is_read_as_packaging_reads_it():
    marked = [(pin, str(line)) for pin, line in zip(PINS, install.pins(LOCK), strict=True) if pin.marker]
    assert marked and [line for pin, line in marked if install.applies(line) != pin.marker.evaluate()] == []
    assert install.applies("numpy==1.0")


# How a shell may be set up on a cluster, in a container or by CI, and what it would do to a command that does not care.
FOREIGN = {"PYTHONPATH": "elsewhere", "PYTHONHOME": "elsewhere", "PYTHONOPTIMIZE": "1", "PYTHONWARNINGS": "error"}
FOREIGN |= {"PYTHONSTARTUP": "elsewhere", "MPLBACKEND": "Agg", "MATPLOTLIBRC": "elsewhere", "PYTEST_ADDOPTS": "-x"}
FOREIGN |= {"PIP_TARGET": "elsewhere", "PIP_PREFIX": "elsewhere", "PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1"}


def test_pip_hears_of_indexes_proxies_and_certificates_and_nothing_else(monkeypatch):
    kept = {"PIP_INDEX_URL": "https://example.org", "PIP_CERT": "a.pem", "HTTPS_PROXY": "b", "SSL_CERT_FILE": "c"}
    for name, value in (FOREIGN | kept).items():
        monkeypatch.setenv(name, value)
    left = install.environment()
    assert {name: left[name] for name in kept} == kept
    foreign = {name for name in FOREIGN if name.startswith(("PIP", "PYTHON")) and left.get(name) == FOREIGN[name]}
    assert foreign == set() and left["PIP_USER"] == left["PIP_REQUIRE_VIRTUALENV"] == "0"


@pytest.mark.skipif(os.name == "nt", reason="make is not part of Windows")
def test_no_command_of_make_sees_a_variable_that_changes_results(tmp_path):
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text() + "\nseen:\n\t@env\n")
    said = subprocess.run(
        ["make", "--no-print-directory", "seen"], cwd=tmp_path, env=os.environ | FOREIGN | {"HTTPS_PROXY": "a"},
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    seen = {line.partition("=")[0] for line in said}
    assert seen & (set(FOREIGN) | set(execute.CLEARED)) == set() and "HTTPS_PROXY" in seen


@pytest.mark.parametrize(("name", "sentence"), [("nothing-of-this-name", "nothing-of-this-name"), ("pytest", None)])
def test_an_installation_counts_only_if_it_can_be_imported(monkeypatch, capsys, name, sentence):
    monkeypatch.setattr(install, "IMPORTED", ["json"])
    if sentence is None:
        return install.verify([name])
    with pytest.raises(SystemExit):
        install.verify([name])
    assert sentence in capsys.readouterr().out
    monkeypatch.setattr(install, "IMPORTED", ["no_module_of_this_name"])
    with pytest.raises(SystemExit):
        install.verify(["pytest"])
    assert "No module named 'no_module_of_this_name'" in capsys.readouterr().out


def test_an_installation_tells_what_it_does(monkeypatch, capsys):
    lines = ["Collecting numpy==2.0", "  Downloading numpy-2.0-x.whl.metadata (62 kB)", "Collecting six==1.0"]
    lines += ["Downloading https://example.org/numpy-2.0-x.whl (18.2 MB)", "Installing collected packages: numpy, six"]
    program = f"import sys; print({chr(10).join(lines)!r}); sys.exit('--bad' in sys.argv)"
    monkeypatch.setattr(install, "TOLD_EVERY", 0)
    start = subprocess.Popen
    monkeypatch.setattr(
        install.subprocess, "Popen", lambda command, **more: start([sys.executable, "-c", program, *command], **more)
    )
    install.pip("install", total=2)
    lines = [re.sub(r" (\(|in )\d+ s\)?$", "", line.strip()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "looking up 1 of 2: numpy==2.0",
        "looking up 2 of 2: six==1.0",
        "downloading 1 of 2: numpy-2.0-x.whl (18.2 MB)",
        "2 packages",
    ]
    with pytest.raises(SystemExit):
        install.pip("install", "--bad", total=2)
    assert "could not be installed" in capsys.readouterr().out


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


@pytest.mark.skipif(os.name == "nt", reason="make is not part of Windows")
def test_make_help_lists_every_command_of_the_readme():
    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for command in ("book", "test", "serve", "bench", "clean"):
        assert re.search(rf"^  make {command} +\w", said, re.MULTILINE)
