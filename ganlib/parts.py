"""The parts of a run that a checkpoint holds, and what each is made of, so that none is taken for another."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn
from torch.nn.parameter import is_lazy


class Part(Protocol):
    """What a checkpoint can hold: networks, optimisers, schedulers, ``training.EMA``, ``ImageSet.batches``."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: dict) -> Any: ...


def makings(parts: Mapping[str, Part]) -> dict[str, dict]:
    """What each part is made of, as JSON: its class, a network's tensors, an optimiser's parameters in their order.

    A tensor is its format and shape; a parameter is also the place that it has in the networks among the parts.
    """
    places: dict[int, str] = {}
    for name, part in parts.items():
        if isinstance(part, nn.Module):
            for key, parameter in part.named_parameters(prefix=name, remove_duplicate=False):
                places.setdefault(id(parameter), key)
    makings = {}
    for name, part in parts.items():
        makings[name] = making = {"class": type(part).__qualname__}
        network = part if isinstance(part, nn.Module) else getattr(part, "model", None)
        if isinstance(network, nn.Module):
            states = network.state_dict().items()
            making |= {f"tensor {key}": _shape(each) for key, each in states if isinstance(each, Tensor)}
        for number, group in enumerate(getattr(part, "param_groups", ())):
            for at, parameter in enumerate(group["params"]):
                place = places.get(id(parameter), "of no named network")
                making[f"parameter {at} of group {number}"] = f"{place}, {_shape(parameter)}"
    return makings


def _shape(tensor: Tensor) -> str:
    if is_lazy(tensor):
        return "a tensor without values yet"
    return f"{str(tensor.dtype).removeprefix('torch.')} {[*tensor.shape]}"


def difference(saved: Any, here: dict) -> str:
    """The first thing that a part is not made of here as it was when it was saved, in words."""
    if not isinstance(saved, dict):
        return "the file does not say what it was made of"
    gone = object()
    what = next(each for each in [*here, *saved] if saved.get(each, gone) != here.get(each, gone))
    return f"{what} is {saved.get(what, 'missing')} in the file and {here.get(what, 'missing')} here"
