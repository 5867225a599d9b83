"""Where a chapter runs: every variable of the environment, its default, and what is said of a wrong value."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from ganlib import runtime


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """No variable set, and no GPU found."""
    for name in ("DEVICE", "PROFILE", "REHEARSAL", "DIGITS", "DATA", "CACHE"):
        monkeypatch.delenv(f"GANLIB_{name}", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def draws():
    return random.random(), np.random.rand(), torch.rand(()).item()


@pytest.mark.parametrize("seed", [0, 7, 2**40])
def test_a_seed_repeats_all_three_generators(seed):
    runtime.seed_everything(seed)
    first = draws()
    runtime.seed_everything(seed)
    assert draws() == first
    runtime.seed_everything(seed + 1)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


def test_device_is_the_cpu_without_a_gpu_and_whatever_is_named(monkeypatch):
    assert runtime.device() == torch.device("cpu")
    monkeypatch.setenv("GANLIB_DEVICE", "meta")
    assert runtime.device() == torch.device("meta")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "cpu:x"])
def test_an_unusable_device_is_named(monkeypatch, name):
    monkeypatch.setenv("GANLIB_DEVICE", name)
    with pytest.raises(ValueError, match=f"GANLIB_DEVICE='{name}' is not usable here: unset it, or name a device"):
        runtime.device()


def test_profile_follows_the_device_unless_it_is_set(monkeypatch):
    assert runtime.profile() == "quick" and runtime.pick(quick=1, full=2) == 1
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cuda"))
    assert runtime.profile() == "full" and runtime.pick(quick=1, full=2) == 2
    monkeypatch.setenv("GANLIB_PROFILE", "quick")
    assert runtime.profile() == "quick" and runtime.pick(quick=1, full=2) == 1


def test_a_rehearsal_is_asked_for_by_its_steps(monkeypatch):
    monkeypatch.setenv("GANLIB_PROFILE", "full")
    for _ in ("unset", "empty"):
        assert runtime.rehearsed_steps() is None and runtime.pick(quick=1, full=2, rehearsal=3) == 2
        monkeypatch.setenv("GANLIB_REHEARSAL", "")
    monkeypatch.setenv("GANLIB_REHEARSAL", "5")
    assert runtime.rehearsed_steps() == 5
    assert runtime.pick(quick=1, full=2, rehearsal=3) == 3 and runtime.pick(quick=1, full=2) == 2


@pytest.mark.parametrize("steps", ["0", "-1", "two", "1.5"])
def test_a_rehearsal_of_no_steps_is_refused(monkeypatch, steps):
    monkeypatch.setenv("GANLIB_REHEARSAL", steps)
    with pytest.raises(ValueError, match=f"GANLIB_REHEARSAL='{steps}' is no number of steps: set it to 1 or more"):
        runtime.rehearsed_steps()


def test_digits_are_glyphs_unless_set(monkeypatch):
    assert runtime.digits_name() == "glyphs"
    monkeypatch.setenv("GANLIB_DIGITS", "mnist")
    assert runtime.digits_name() == "mnist"


@pytest.mark.parametrize(
    ("variable", "ask", "allowed"),
    [("GANLIB_PROFILE", runtime.profile, "quick, full"), ("GANLIB_DIGITS", runtime.digits_name, "glyphs, mnist")],
)
def test_unknown_values_list_the_known_ones_and_empty_ones_do_not_count(monkeypatch, variable, ask, allowed):
    default = ask()
    monkeypatch.setenv(variable, "")
    assert ask() == default
    monkeypatch.setenv(variable, "Quick")
    with pytest.raises(ValueError, match=f"{variable}='Quick' is unknown: set it to one of {allowed}, or unset it."):
        ask()


def test_folders(monkeypatch):
    assert runtime.cache_dir() == Path.home() / ".cache" / "ganlib"
    assert runtime.data_dir() == runtime.cache_dir() / "data"
    monkeypatch.setenv("XDG_CACHE_HOME", "/user/cache")
    assert runtime.cache_dir() == Path("/user/cache/ganlib")
    monkeypatch.setenv("GANLIB_CACHE", "~/c")
    assert runtime.cache_dir() == Path.home() / "c" and runtime.data_dir() == Path.home() / "c" / "data"
    monkeypatch.setenv("GANLIB_DATA", "~/d")
    assert runtime.data_dir() == Path.home() / "d" and runtime.cache_dir() == Path.home() / "c"


def test_one_line_says_how_a_chapter_runs(monkeypatch):
    monkeypatch.setenv("GANLIB_DIGITS", "mnist")
    assert runtime.describe() == (
        f"Profile quick on cpu ({torch.get_num_threads()} threads), digits: mnist, PyTorch {torch.__version__}"
    )


def test_no_other_module_reads_the_environment():
    package = Path(runtime.__file__).parent
    readers = {f.name for f in package.glob("*.py") if "environ" in f.read_text() or "getenv" in f.read_text()}
    assert readers == {"runtime.py"}
