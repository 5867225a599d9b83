"""Where and how a chapter runs: seed, device, profile and folders. The only module that reads the environment."""

import os
import random
from pathlib import Path

import numpy as np
import torch

PROFILES = ("quick", "full")


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's generators, so that a run can be repeated on the same machine."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def device() -> torch.device:
    """The device that chapters compute on: ``GANLIB_DEVICE`` where set, else a CUDA GPU, else the CPU."""
    name = os.environ.get("GANLIB_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"GANLIB_DEVICE={name!r} is not usable here: unset it, or name a device of this PyTorch, such as 'cpu'."
        ) from error


def profile() -> str:
    """``quick`` or ``full``: ``GANLIB_PROFILE`` where set, else ``full`` on a GPU and ``quick`` on a CPU."""
    default = "quick" if device().type == "cpu" else "full"
    return _one_of("GANLIB_PROFILE", PROFILES, default)


def pick(*, quick, full, rehearsal=None):
    """The value for the profile that runs: ``steps = pick(quick=800, full=60_000)``.

    Where ``full`` is an amount that costs time without training, such as samples, ``rehearsal`` names a small one for
    :func:`rehearsed_steps`.
    """
    if rehearsal is not None and rehearsed_steps():
        return rehearsal
    return {"quick": quick, "full": full}[profile()]


def rehearsed_steps() -> int | None:
    """How many steps a run trains for in a rehearsal, ``GANLIB_REHEARSAL``; None where it is not set.

    A rehearsal asks only whether the code of a chapter works: ``training.fit`` trains for so many steps and passes
    over the rest, and ``checks`` print their lines without a verdict.
    """
    value = os.environ.get("GANLIB_REHEARSAL") or None
    if value is not None and not (value.isdecimal() and int(value) > 0):
        raise ValueError(f"GANLIB_REHEARSAL={value!r} is no number of steps: set it to 1 or more, or unset it.")
    return value and int(value)


def digits_name() -> str:
    """Which digits ``images.digits()`` returns: ``GANLIB_DIGITS`` where set, else ``glyphs``."""
    return _one_of("GANLIB_DIGITS", ("glyphs", "mnist"), "glyphs")


def data_dir() -> Path:
    """The folder that holds, or receives, downloaded data sets: ``GANLIB_DATA``, else ``data`` in the cache folder."""
    return Path(os.environ.get("GANLIB_DATA") or cache_dir() / "data").expanduser()


def cache_dir() -> Path:
    """The folder for what can be made again: ``GANLIB_CACHE``, else ``ganlib`` in the user's cache folder."""
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("GANLIB_CACHE") or user_cache / "ganlib").expanduser()


def describe() -> str:
    """One line that says how this chapter runs, for a reader to see near its top."""
    where = device()
    detail = torch.cuda.get_device_name(where) if where.type == "cuda" else f"{torch.get_num_threads()} threads"
    return f"Profile {profile()} on {where.type} ({detail}), digits: {digits_name()}, PyTorch {torch.__version__}"


def _one_of(variable: str, allowed: tuple[str, ...], default: str) -> str:
    value = os.environ.get(variable) or default
    if value not in allowed:
        raise ValueError(f"{variable}={value!r} is unknown: set it to one of {', '.join(allowed)}, or unset it.")
    return value
