"""What travels through the wall, and in which form.

Outwards, from the student's process, only plain data comes: a text of JSON and tensors in the safetensors format, which
:class:`Packer` makes and :func:`unpack` reads into values of exact types. Nothing in them can run.
Inwards a pickle goes, since nothing trusted ever reads one; a function among the arguments goes as its number, and the
student's process can only ask for it to be called.
"""

import inspect
import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

LARGEST = 64_000_000  # bytes of a message
LONGEST = 4_000_000  # bytes of its text
LENGTHS = struct.Struct("<QQ")  # of the JSON and of the tensors
DEEPEST = 20  # levels of lists in lists
LAYERS = {
    each.__name__: each
    for each in (
        nn.AdaptiveAvgPool2d, nn.AvgPool2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d,
        nn.Dropout, nn.Dropout2d, nn.ELU, nn.Embedding, nn.Flatten, nn.GELU, nn.GroupNorm, nn.Hardtanh, nn.Identity,
        nn.InstanceNorm2d, nn.LayerNorm, nn.LeakyReLU, nn.Linear, nn.MaxPool2d, nn.PixelShuffle, nn.ReLU,
        nn.ReflectionPad2d, nn.Sequential, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Tanh, nn.Unflatten, nn.Upsample,
        nn.ZeroPad2d,
    )
}  # fmt: skip
WIDTHS = {
    "in_features",
    "out_features",
    "num_features",
    "num_embeddings",
    "embedding_dim",
    "in_channels",
    "out_channels",
}
WIDEST_LAYER, LARGEST_SETTING = 100_000, 256  # no answer needs more, and a larger one could take the grader's time


class PlainError(Exception):
    """A value cannot travel; the message says which."""


class NetworkError(PlainError):
    """A network of a student's own class, which only a person can judge."""


class Packer:
    """Values as JSON, and the tensors among them; ``graph`` are the packed tensors that know where they come from."""

    def __init__(self, given: Any = ()) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.graph: list[Tensor] = []
        self.given = list(things(given))

    def tree(self, value: Any, depth: int = 0) -> Any:
        """``value`` as JSON."""
        if depth > DEEPEST:
            raise PlainError("it is nested without end")
        if value is None or isinstance(value, bool | str):
            return value if not isinstance(value, str) else str(value)
        if isinstance(value, int | float):
            return {"int": str(int(value))} if isinstance(value, int) else {"float": float(value).hex()}
        for number, thing in enumerate(self.given):
            if value is thing and not isinstance(value, Tensor):
                return {"same": number}
        if isinstance(value, Tensor):
            return self.tensor(value)
        if isinstance(value, nn.Module):
            return {"net": recipe(value), "state": self.state(value.state_dict()), "training": value.training}
        if isinstance(value, Mapping):
            return {"dict": [[self.tree(key, depth + 1), self.tree(each, depth + 1)] for key, each in value.items()]}
        if isinstance(value, list | tuple):
            kind = "list" if isinstance(value, list) else "tuple"
            return {kind: [self.tree(each, depth + 1) for each in value]}
        if hasattr(value, "item") and getattr(value, "shape", None) == ():  # NumPy's numbers
            return self.tree(value.item(), depth + 1)
        if hasattr(value, "__array__"):
            return {"array": self.tree(torch.as_tensor(value.__array__()), depth + 1)}
        raise PlainError(f"a {type(value).__name__} is neither a number, a text, a tensor nor a network")

    def tensor(self, value: Tensor) -> dict:
        if value.numel() * value.element_size() > LARGEST:
            raise PlainError("a tensor is too large to travel")
        name = str(len(self.tensors))
        self.tensors[name] = value.detach().cpu().contiguous().clone()
        if value.requires_grad:
            self.graph.append(value)
            return {"tensor": name, "graph": len(self.graph) - 1}
        return {"tensor": name}

    def state(self, state: Mapping[str, Any]) -> dict:
        return {key: self.tree(each.detach() if isinstance(each, Tensor) else each) for key, each in state.items()}

    def message(self, tree: Any) -> bytes:
        """The bytes of a message that :func:`parse` reads."""
        text = json.dumps(tree).encode()
        tensors = safetensors.torch.save(self.tensors)
        return LENGTHS.pack(len(text), len(tensors)) + text + tensors


def unpack(tree: Any, tensors: Mapping[str, Tensor], given: list | tuple = ()) -> Any:
    """The value that a tree of JSON means, of exact types; raises PlainError for what is none.

    A tensor that the student's process can differentiate comes as :class:`Grown`; one of the things that were ``given``
    with the call comes as itself.
    """
    try:
        return _unpack(tree, tensors, given)
    except PlainError:
        raise
    except Exception:  # whatever a hostile tree leads to
        raise PlainError("the answer is of no known form") from None


def _unpack(tree: Any, tensors: Mapping[str, Tensor], given: list | tuple, depth: int = 0) -> Any:
    if depth > DEEPEST + 1:
        raise PlainError("the answer is nested without end")
    if tree is None or isinstance(tree, bool | str):
        return tree
    if not isinstance(tree, dict):
        raise PlainError("the answer is of no known form")
    inner = depth + 1
    if "int" in tree:
        return int(tree["int"])
    if "float" in tree:
        return float.fromhex(tree["float"])
    if "same" in tree:
        return given[at(tree["same"], len(given))]
    if "tensor" in tree:
        value = tensors[tree["tensor"]]
        return Grown(value, tree["graph"]) if type(tree.get("graph")) is int else value
    if "array" in tree:
        return tensors[tree["array"]["tensor"]].numpy()
    if "dict" in tree:
        pairs = [(_unpack(key, tensors, (), inner), each) for key, each in tree["dict"]]
        return {key: _unpack(each, tensors, given, inner) for key, each in pairs}
    if "list" in tree or "tuple" in tree:
        values = [_unpack(each, tensors, given, inner) for each in tree["list" if "list" in tree else "tuple"]]
        return values if "list" in tree else tuple(values)
    if "net" in tree:
        with torch.device("meta"):  # no recipe, however large, takes memory: the tensors are those of the message
            net = build(tree["net"])
        net.load_state_dict({key: _unpack(each, tensors, ()) for key, each in tree["state"].items()}, assign=True)
        if any(each.is_meta for each in [*net.parameters(), *net.buffers()]):
            raise PlainError("a network came back without all its tensors")
        return net.train(tree["training"] is True)
    raise PlainError("the answer is of no known form")


def at(number: Any, count: int) -> int:
    """A place among ``count`` things; raises PlainError for what is none."""
    if type(number) is not int or not 0 <= number < count:
        raise PlainError("the answer names a thing that is not there")
    return number


def parse(content: bytes) -> tuple[dict, dict[str, Tensor]]:
    """The tree and the tensors of a message without its lengths; raises PlainError for what is none."""
    try:
        text, tensors = LENGTHS.unpack(content[: LENGTHS.size])
        if text > LONGEST or text + tensors + LENGTHS.size != len(content):
            raise ValueError
        split = LENGTHS.size + text
        tree, stored = json.loads(content[LENGTHS.size : split]), safetensors.torch.load(content[split:])
    except Exception:  # whatever hostile bytes lead to
        raise PlainError("the answer does not read") from None
    if not isinstance(tree, dict):
        raise PlainError("the answer does not read")
    return tree, stored


class Grown:
    """A tensor's value, and its number among those of one call that can be differentiated."""

    def __init__(self, value: Tensor, number: int):
        self.value, self.number = value, number


def recipe(net: nn.Module) -> Any:
    """How a network of PyTorch's own layers is built: each layer's name and arguments, as JSON."""
    kind = type(net)
    if LAYERS.get(kind.__name__) is not kind:
        raise NetworkError(
            f"a {kind.__name__} is no layer that the grader knows: build the network of those of torch.nn"
        )
    if kind is nn.Sequential:
        return ["Sequential", [[name, recipe(child)] for name, child in net.named_children()]]
    words = {}
    for name in inspect.signature(kind.__init__).parameters:
        if name in ("self", "device", "dtype", "inplace", "args", "kwargs") or not hasattr(net, name):
            continue
        value = getattr(net, name)
        words[name] = value is not None if name == "bias" else list(value) if isinstance(value, tuple) else value
    return [kind.__name__, words]


def build(words: Any, depth: int = 0) -> nn.Module:
    """The network of a recipe, which may be anything; raises PlainError for what is none."""
    try:
        name, rest = words
        if depth > DEEPEST:
            raise ValueError
        if name == "Sequential":
            net = nn.Sequential()
            for child, inside in rest:
                net.add_module(str(child), build(inside, depth + 1))
            return net
        return LAYERS[name](**{key: _setting(each, key) for key, each in rest.items()})
    except Exception as error:
        raise PlainError(f"a network's recipe does not read ({type(error).__name__})") from None


def _setting(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return tuple(_setting(each, name) for each in value)
    most = WIDEST_LAYER if name in WIDTHS else LARGEST_SETTING
    if isinstance(value, int | float) and not (math.isfinite(value) and abs(value) <= most):
        raise ValueError
    if value is not None and not isinstance(value, int | float | str):
        raise TypeError
    return value


def things(value: Any) -> Iterator[nn.Module | Optimizer | torch.Generator | Tensor]:
    """The networks, optimisers, generators and tensors among arguments, in an order that both sides know."""
    if isinstance(value, nn.Module | Optimizer | torch.Generator | Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from things(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from things(each)


def floats(arguments: Any) -> list[Tensor]:
    """The tensors of floats among arguments, one that stands there twice twice."""
    return [each for each in things(arguments) if isinstance(each, Tensor) and each.is_floating_point()]


def leaves(arguments: Any) -> list[Tensor]:
    """What a call can be differentiated in: its tensors that ask for it, and the weights of its networks."""
    each_once: dict[int, Tensor] = {}
    for thing in things(arguments):
        inside = [thing] if isinstance(thing, Tensor) else thing.parameters() if isinstance(thing, nn.Module) else ()
        each_once |= {id(each): each for each in inside if each.requires_grad}
    return list(each_once.values())


def parts(arguments: Any) -> list[dict[str, Tensor]]:
    """The parameters and buffers of each network among arguments, by name."""
    nets = [thing for thing in things(arguments) if isinstance(thing, nn.Module)]
    return [dict([*net.named_parameters(), *net.named_buffers()]) for net in nets]


def replaced(before: list[dict[str, Tensor]], arguments: Any) -> bool:
    """Whether a network among the arguments holds other tensors than before, or the same ones under other names."""
    now = parts(arguments)
    return any(
        one.keys() != other.keys() or any(one[name] is not other[name] for name in one)
        for one, other in zip(before, now, strict=True)
    )


def after(arguments: Any, packer: Packer) -> list:
    """What a call may have changed, of each thing among its arguments."""
    return [_after(thing, packer) for thing in things(arguments)]


def _after(thing: Any, packer: Packer) -> Any:
    if isinstance(thing, nn.Module):
        parameters = dict(thing.named_parameters())
        return {
            "state": packer.state(thing.state_dict()),
            "grad": {name: packer.tree(None if p.grad is None else p.grad.detach()) for name, p in parameters.items()},
            "asks": {name: p.requires_grad for name, p in parameters.items()},
            "training": {name: module.training for name, module in thing.named_modules()},
        }
    if isinstance(thing, Optimizer):
        return packer.tree(_detached(thing.state_dict()))
    if isinstance(thing, torch.Generator):
        return packer.tree(thing.get_state())
    grad = thing.grad if thing.is_leaf else None
    return {
        "value": packer.tree(thing.detach()),
        "grad": packer.tree(None if grad is None else grad.detach()),
        "asks": thing.requires_grad,
    }


def _detached(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Mapping):
        return {key: _detached(each) for key, each in value.items()}
    return [_detached(each) for each in value] if isinstance(value, list | tuple) else value


def set_after(arguments: Any, trees: Any, tensors: Mapping[str, Tensor]) -> None:
    """Bring the trusted things into the states that the student's call left; raises PlainError for odd ones.

    A tensor that is no parameter keeps its values here: what a test compares with may be computed from it.
    """
    own = list(things(arguments))
    if not isinstance(trees, list) or len(own) != len(trees):
        raise PlainError("the call says the states of other things than it was given")
    try:
        with torch.no_grad():
            for thing, tree in zip(own, trees, strict=True):
                _set(thing, tree, tensors)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError):
        raise PlainError("the call left something in a state that it cannot have") from None


def _set(thing: Any, tree: Any, tensors: Mapping[str, Tensor]) -> None:
    if isinstance(thing, nn.Module):
        states = {key: _like(unpack(tree["state"][key], tensors), old) for key, old in thing.state_dict().items()}
        if not all(_alike(states[key], old) for key, old in thing.state_dict().items()):
            thing.load_state_dict(states)  # not where nothing changed: autograd refuses what was written to
        for name, parameter in thing.named_parameters():
            parameter.grad = _like(unpack(tree["grad"][name], tensors), parameter)
            parameter.requires_grad_(tree["asks"][name] is True)
        for name, module in thing.named_modules():
            module.training = tree["training"][name] is True
    elif isinstance(thing, Optimizer):
        groups = thing.state_dict()["param_groups"]
        state = unpack(tree, tensors)
        if [each["params"] for each in state["param_groups"]] != [each["params"] for each in groups]:
            raise PlainError("an optimizer came back with other parameters")
        thing.load_state_dict(state)
    elif isinstance(thing, torch.Generator):
        thing.set_state(drawn(thing.get_state(), unpack(tree, tensors)))
    else:
        value = _like(unpack(tree["value"], tensors), thing)
        if value is None:
            raise PlainError("a tensor that was given did not come back")
        if thing.is_leaf and thing.requires_grad and not _alike(value, thing):
            thing.copy_(value)
        if thing.is_leaf and thing.is_floating_point():
            thing.requires_grad_(tree["asks"] is True)
            thing.grad = _like(unpack(tree["grad"], tensors), thing)


def _alike(one: Tensor | None, other: Tensor) -> bool:
    """Whether two tensors of one form are equal, NaN to NaN."""
    if one is None:
        return False
    return torch.equal(one, other) or (one.is_floating_point() and torch.allclose(one, other, 0, 0, equal_nan=True))


def _like(value: Any, other: Tensor) -> Tensor | None:
    if value is not None and (
        not isinstance(value, Tensor) or value.shape != other.shape or value.dtype != other.dtype
    ):
        raise PlainError("a tensor came back in another form than it was given")
    return value


WORDS = 624  # that a Mersenne twister makes at once
SEED, LEFT, NEXT = (
    slice(0, 8),
    slice(8, 12),
    slice(16, 24),
)  # the places of a state: how many words are left, which is next
TWISTER, CACHE = slice(24, 24 + 8 * WORDS), slice(24 + 8 * WORDS, None)  # the words, and a normal number kept for later
FURTHEST = 1000  # times that they are made anew
PAIR = 4  # words that a pair of normal numbers takes


def drawn(before: Tensor, after: Any) -> Tensor:
    """The state of a generator after some draws from ``before``: ``after``, where it is such a state, else ``before``.

    A state that does not follow, such as that of another seed, could make what a test draws next easy to answer.
    """
    alike = isinstance(after, Tensor) and after.dtype == before.dtype and after.shape == before.shape
    if not alike or not torch.equal(before[SEED], after[SEED]):
        return before
    generator = torch.Generator()
    generator.set_state(before)
    for _ in range(FURTHEST):
        state = generator.get_state()
        if torch.equal(state[TWISTER], after[TWISTER]):
            return state if torch.equal(state, after) else _placed(state, after)
        torch.rand(WORDS, generator=generator)
    return before


def _placed(state: Tensor, after: Tensor) -> Tensor:
    """A state with the words of ``after``, as many of them left, and what it keeps for later where that follows."""
    left = int.from_bytes(bytes(after[LEFT].tolist()), "little")
    if not 1 <= left <= WORDS:
        return state
    generator = torch.Generator()
    if left + PAIR <= WORDS:  # the last draw may have been one of a pair of normal numbers
        generator.set_state(_with_left(state, left + PAIR))
        torch.randn(1, generator=generator)
        if torch.equal(generator.get_state()[CACHE], after[CACHE]):
            return generator.get_state()
    return _with_left(state, left)


def _with_left(state: Tensor, left: int) -> Tensor:
    state = state.clone()
    state[LEFT] = torch.tensor(list(left.to_bytes(4, "little")), dtype=torch.uint8)
    state[NEXT] = torch.tensor(list((WORDS + 1 - left).to_bytes(8, "little")), dtype=torch.uint8)
    state[CACHE] = 0
    return state
