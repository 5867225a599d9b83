"""The whole state of a run in one file: written at once or not at all, and read without running anything in it.

A checkpoint is a safetensors file. Its tensors are the weights, the optimisers' moments and the states of the random
generators; numbers and names stand beside them as JSON. Neither can hold code, as the pickles of ``torch.save`` can.
"""

import json
import random
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ganlib import files

FORMAT = "ganlib checkpoint 1"
RANDOM = "random generators"  # the part that each checkpoint has besides those that are named
PICKLES = (b"PK\x03\x04", b"\x80")  # how torch.save begins a file, now and before PyTorch 1.6


class CheckpointError(RuntimeError):
    """A checkpoint could not be written, or is not one that can be used here."""


class Part(Protocol):
    """What a checkpoint can hold: networks, optimisers, schedulers, ``training.EMA``, ``ImageSet.batches``."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: dict) -> Any: ...


def save(file: str | Path, step: int, **parts: Part) -> None:
    """Write the state of all ``parts``, of the random generators and the number of steps done to ``file``.

    The file is written beside its place, forced onto the disk and then renamed, so that at every moment ``file`` is
    the earlier checkpoint or this one, whole. Raises CheckpointError where that fails; the earlier one is then intact.
    """
    file = Path(file)
    tensors: dict[str, Tensor] = {}
    try:
        everything = {**parts, RANDOM: _Generators()}
        tree = {name: _pack(part.state_dict(), name, tensors) for name, part in everything.items()}
        text = json.dumps({"step": step, "parts": tree})
    except TypeError as error:
        raise CheckpointError(f"{file} was not written: {error}.") from None
    facts = {"format": FORMAT, "state": text, "sha256": _digest(text, tensors)}
    content = safetensors.torch.save(tensors, facts)
    try:
        for left in file.parent.glob(f"{file.name}.*.partial"):  # by a process that was killed
            left.unlink()
        files.write(file, content)
    except OSError as error:
        rest = "The checkpoint that was there is intact" if file.exists() else "Nothing was there before"
        raise CheckpointError(f"{file} could not be written: {error.strerror or error}. {rest}.") from error


def load(file: str | Path, **parts: Part) -> int:
    """Set all ``parts`` and the random generators to the state in ``file``; returns the number of steps done.

    The parts must be those that were saved, by the same names. A run that goes on from here does bit for bit what it
    would have done, on the same machine with the same packages. Raises FileNotFoundError where there is no file, and
    CheckpointError for one that is damaged, foreign, a pickle or of other parts; every part is then as before.
    """
    file = Path(file)
    step, states = _read(file)
    if states.keys() - {RANDOM} != parts.keys():
        present, wanted = (", ".join(sorted(names)) or "nothing" for names in (states.keys() - {RANDOM}, parts))
        raise CheckpointError(f"{file} holds {present}, but {wanted} is to be loaded: name the parts that were saved.")
    before: dict[str, Any] = {}
    everything = {**parts, RANDOM: _Generators()}
    try:
        for name, part in everything.items():
            before[name] = _copy(part.state_dict())
            part.load_state_dict(states[name])
    except Exception as error:  # whatever a part of any kind says of a state that is not its own
        at = [*before][-1]
        for name, state in before.items():
            everything[name].load_state_dict(state)
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise CheckpointError(
            f"The {at} in {file} does not fit: {reason}. Nothing was loaded; build the parts as they were when it was "
            "saved."
        ) from None
    return step


def _read(file: Path) -> tuple[int, dict[str, dict]]:
    """The step and the state of each part in a file that may be anything."""
    if not file.is_file():
        raise FileNotFoundError(f"There is no checkpoint {file}: save one first, or begin without.")
    content = file.read_bytes()
    if (
        content.startswith(PICKLES) and content[8:9] != b"{"
    ):  # a safetensors file may begin so: with its header's length
        raise CheckpointError(
            f"{file} is a pickle, as torch.save writes it, and a pickle can run any code when it is opened: it was not "
            "opened. Have the weights from somebody you trust, as safetensors."
        )
    try:
        tensors = safetensors.torch.load(content)
        head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (SafetensorError, ValueError, RecursionError, OverflowError, KeyError) as error:
        raise CheckpointError(
            f"{file} is damaged or no checkpoint ({type(error).__name__}): go on from another, or begin anew."
        ) from None
    facts = head.get("__metadata__", {})
    if facts.get("format") != FORMAT:
        raise CheckpointError(
            f"{file} is no checkpoint of this ganlib: its format is {facts.get('format', 'not named')!r}, and "
            f"{FORMAT!r} is asked for. Weights alone load with safetensors.torch.load_file."
        )
    if facts.get("sha256") != _digest(facts.get("state", ""), tensors):
        raise CheckpointError(f"{file} is damaged: its checksum does not hold. Go on from another, or begin anew.")
    try:
        state = json.loads(facts["state"])
        return int(state["step"]), {name: _unpack(tree, tensors) for name, tree in state["parts"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError):  # RecursionError is a RuntimeError
        raise CheckpointError(f"{file} is no checkpoint: its parts do not read as they were written.") from None


def _pack(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """``value`` as JSON; its tensors go to ``tensors`` under ``name``, and what JSON has no form for is marked."""
    if isinstance(value, Tensor) and not value.numel():  # which older versions of safetensors write and do not read
        return {"empty": [str(value.dtype).removeprefix("torch."), *value.shape]}
    if isinstance(value, Tensor):
        tensors[name] = value.detach().cpu().contiguous().clone()  # cloned, since safetensors refuses shared memory
        return {"tensor": name}
    if isinstance(value, Mapping):  # keys may be whole numbers, which JSON's cannot
        return {"items": [[key, _pack(each, f"{name}.{key}", tensors)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_pack(each, f"{name}.{at}", tensors) for at, each in enumerate(value)]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{name} is a {type(value).__name__}, and a checkpoint holds tensors, numbers and text alone")


def _unpack(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "empty":
        dtype, *shape = content
        return torch.empty(0, dtype=getattr(torch, dtype)).reshape(shape)
    if kind == "items":
        return {key: _unpack(each, tensors) for key, each in content}
    return {"list": list, "tuple": tuple}[kind](_unpack(each, tensors) for each in content)


def _copy(state: Any) -> Any:
    """A state with tensors of its own: loading changes those of networks and optimisers in place."""
    tensors: dict[str, Tensor] = {}
    return _unpack(_pack(state, "", tensors), tensors)


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    digest = sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


class _Generators:
    """The states of Python's, NumPy's and PyTorch's generators, the last on every GPU too, as a part."""

    def state_dict(self) -> dict[str, Any]:
        state = np.random.get_state(legacy=False)
        keys, at = torch.from_numpy(state["state"]["key"].astype(np.int64)), state["state"]["pos"]
        return {
            "python": random.getstate(),
            "numpy": (state["bit_generator"], keys, at, state["has_gauss"], state["gauss"]),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all(),
        }

    def load_state_dict(self, states: dict[str, Any]) -> None:
        name, keys, *rest = states["numpy"]
        random.setstate(states["python"])
        np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
        torch.set_rng_state(states["torch"])
        if len(states["cuda"]) == torch.cuda.device_count():  # on another machine nothing could be bit-exact
            torch.cuda.set_rng_state_all(states["cuda"])
