"""The whole state of a run in one file: written at once or not at all, and read without running anything in it.

A checkpoint is a safetensors file. Its tensors are the weights, the optimisers' moments and the states of the random
generators; numbers and names stand beside them as JSON, with what each part was made of. Neither can hold code, as the
pickles of ``torch.save`` can.
"""

import copy
import json
import random
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.nn.parameter import is_lazy

from ganlib import files
from ganlib.parts import Part, difference, makings

FORMAT = "ganlib checkpoint 2"
RANDOM = "random generators"  # the part that each checkpoint has besides those that are named
ALONE = "a checkpoint holds ordinary tensors of real numbers, numbers and text alone"
UNWRITABLE = (TypeError, ValueError, KeyError, RecursionError, SafetensorError)
PICKLES = (b"PK\x03\x04", b"\x80")  # how torch.save begins a file, now and before PyTorch 1.6


class CheckpointError(RuntimeError):
    """A checkpoint could not be written, or is not one that can be used here."""


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
        text = json.dumps({"step": step, "made of": makings(parts), "parts": tree})
        facts = {"format": FORMAT, "state": text, "sha256": _digest(text, tensors)}
        content = safetensors.torch.save(tensors, facts)
    except UNWRITABLE as error:
        raise CheckpointError(f"{file} was not written: {' '.join(str(error).split())[:300]}.") from None
    try:
        files.sweep(file)
        files.write(file, content)
    except OSError as error:
        rest = "The checkpoint that was there is intact" if file.exists() else "Nothing was there before"
        raise CheckpointError(f"{file} could not be written: {error.strerror or error}. {rest}.") from error


def load(file: str | Path, **parts: Part) -> int:
    """Set all ``parts`` and the random generators to the state in ``file``; returns the number of steps done.

    The parts must be those that were saved, by the same names. A run that goes on from here does bit for bit what it
    would have done, on the same machine with the same packages. Raises FileNotFoundError where there is no file, and
    CheckpointError for one that is damaged, foreign, a pickle or of other parts, be it another class, other shapes or
    formats of numbers, or parameters in another order; every part is then as before.
    """
    file = Path(file)
    step, made, states = _read(file)
    if states.keys() - {RANDOM} != parts.keys():
        present, wanted = (", ".join(sorted(names)) or "nothing" for names in (states.keys() - {RANDOM}, parts))
        raise CheckpointError(f"{file} holds {present}, but {wanted} is to be loaded: name the parts that were saved.")
    for name, making in makings(parts).items():
        if made.get(name) != making:
            raise _misfit(file, name, difference(made.get(name), making))
    before: dict[str, Any] = {}
    everything = {**parts, RANDOM: _Generators()}
    try:
        for at, part in everything.items():
            before[at] = copy.deepcopy(part.state_dict())  # loading changes networks and optimisers in place
            part.load_state_dict(states[at])
    except Exception as error:  # whatever a part of any kind says of a state that is not its own
        for name, state in before.items():
            everything[name].load_state_dict(state)
        raise _misfit(file, at, " ".join(str(error).split())[:300] or type(error).__name__) from None
    return step


def _misfit(file: Path, name: str, reason: str) -> CheckpointError:
    return CheckpointError(
        f"The {name} in {file} does not fit: {reason}. Nothing was loaded; build the parts as they were when it was "
        "saved."
    )


def _read(file: Path) -> tuple[int, dict, dict[str, Any]]:
    """The step, what each part was made of and its state, in a file that may be anything."""
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
        states = {name: _unpack(tree, tensors) for name, tree in state["parts"].items()}
        return int(state["step"]), dict(state["made of"]), states
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError):  # RecursionError is a RuntimeError
        raise CheckpointError(f"{file} is no checkpoint: its parts do not read as they were written.") from None


def _pack(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """``value`` as JSON; its tensors go, numbered and named, to ``tensors``, and what JSON has no form for is marked.

    Raises TypeError, with ``name``, for what a checkpoint cannot hold.
    """
    if isinstance(value, Tensor):
        _check(value, name)
        if not value.numel():  # which older versions of safetensors write and do not read
            return {"empty": [str(value.dtype).removeprefix("torch."), *value.shape]}
        numbered = f"{len(tensors)} {name}"  # the name alone may be two tensors': of net's head.w and of net.head's w
        tensors[numbered] = value.detach().cpu().contiguous().clone()  # cloned: safetensors refuses shared memory
        return {"tensor": numbered}
    if isinstance(value, Mapping):  # keys may be whole numbers, which JSON's cannot
        for key in value:
            if not isinstance(key, str) and type(key) is not int:
                raise TypeError(f"{name} has the key {key!r}, and the keys in a checkpoint are text or whole numbers")
        return {"items": [[key, _pack(each, f"{name}.{key}", tensors)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_pack(each, f"{name}.{at}", tensors) for at, each in enumerate(value)]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{name} is a {type(value).__name__}, and {ALONE}")


def _check(tensor: Tensor, name: str) -> None:
    """Raise TypeError for a tensor that a file cannot hold as it is."""
    kinds = {
        "without values yet": is_lazy(tensor),
        "without values": tensor.is_meta,
        "nested": tensor.is_nested,
        "sparse": not tensor.is_nested and tensor.layout is not torch.strided,
        "quantised": tensor.is_quantized,
        "complex": tensor.is_complex(),
    }
    for kind, so in kinds.items():
        if so:
            raise TypeError(f"{name} is a tensor that is {kind}, and {ALONE}")


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
