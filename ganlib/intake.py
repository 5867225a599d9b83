"""What comes into a run: batches from any iterable, and what is wrong with the first before a step is taken."""

import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ganlib.guard import untouched
from ganlib.players import Players, device_of, listen

HOW = "pass an iterator without end, as ImageSet.batches gives, or a DataLoader"
RANGES = {"TanhBackward0": ("tanh", -1.0, 1.0), "SigmoidBackward0": ("a sigmoid", 0.0, 1.0)}
SHAPED = ("View", "Reshape", "UnsafeView", "ToCopy", "Clone")  # what leaves every value as it is


def supply(batches: Iterable, players: Players) -> Iterator[tuple[Tensor, tuple[Any, ...]]]:
    """Real samples and what is given beside them, on the players' device, from ``batches`` again and again.

    What can be iterated anew, such as a DataLoader, begins again at its end; an iterator ends there. Where an item is
    a tuple, its first is real and the rest is given, if the players take that: else it is left out. A batch of one
    sample, the rest of an epoch, is passed over by players with BatchNorm. Raises ValueError for a first item that
    cannot be trained on.
    """
    if isinstance(batches, Tensor | Dataset):
        raise ValueError(f"A {type(batches).__name__} holds samples and no batches: {HOW} of it.")
    items, device = _endless(batches), device_of(players.generator)
    first = next(items, None)
    if first is None:
        raise ValueError(f"There are no batches to train on: {HOW}.")
    check_batch(first[0], *players[:2])
    conditional = len(first) > 1 and listen(players, len(first) - 1)
    norms = has_batch_norm(*players[:2])
    for real, *given in itertools.chain([first], items):
        if len(real) > 1 or not norms:
            yield real.to(device), tuple(_moved(each, device) for each in given) if conditional else ()


def _endless(batches: Iterable) -> Iterator[Sequence]:
    while True:
        empty = True
        for item in batches:
            yield item if isinstance(item, tuple | list) else (item,)
            empty = False
        if empty or iter(batches) is batches:
            return


def _moved(value: Any, device: torch.device) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value


def has_batch_norm(*models: nn.Module) -> bool:
    """Whether a layer of the ``models`` normalises by the statistics of a batch."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for model in models for m in model.modules())


def check_batch(real: Any, *models: nn.Module) -> None:
    """Raise ValueError for a first batch that the ``models`` cannot be trained on."""
    if not isinstance(real, Tensor):
        kind = type(real).__name__
        raise ValueError(f"A batch must be a tensor of samples, or a tuple that begins with one, but this is a {kind}.")
    if not real.is_floating_point():
        raise ValueError(f"The batches hold {real.dtype}: pass floats, images in [-1, 1], as ImageSet.batches gives.")
    if not real.isfinite().all():
        kind = "NaN" if real.isnan().any() else "infinite values"
        raise ValueError(f"There are {kind} among the data: leave such samples out, or mend how they are read.")
    if len(real) == 1 and has_batch_norm(*models):
        raise ValueError(
            "A batch of one leaves BatchNorm no spread to normalise by: use batches of at least 2, or nets without "
            "BatchNorm."
        )


def probe(players: Players, real: Tensor, z: Tensor, given: Sequence[Any]) -> None:
    """Send the first batch through both networks, without a trace; raise ValueError where something does not fit.

    Data outside the range of a generator that ends in tanh or a sigmoid are refused; one that ends otherwise may train
    on any. Images that lie in [0, 1] before a tanh are warned of.
    """
    generator, discriminator = players[:2]
    with untouched(generator, discriminator):
        fake = _through("generator", generator, z, given)
        check_range(real, fake)
        for batch in (real, fake):
            try:
                _through("discriminator", discriminator, batch, given)
            except ValueError:
                if real.shape[1:] == fake.shape[1:]:
                    raise
                made, held = tuple(fake.shape[1:]), tuple(real.shape[1:])
                raise ValueError(
                    f"The generator makes samples of shape {made}, but the data have shape {held}, and the "
                    "discriminator does not take both: build the players for the data's shape."
                ) from None


def _through(name: str, player: nn.Module, batch: Tensor, given: Sequence[Any]) -> Tensor:
    try:
        made = player(batch, *given)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError) as error:
        what = "latents" if name == "generator" else "samples"
        said = " ".join(str(error).split())[:200]
        raise ValueError(f"The {name} does not take {what} of shape {tuple(batch.shape)}: {said}") from error
    if not isinstance(made, Tensor):
        raise ValueError(
            f"The {name} returns a {type(made).__name__}, but must return one tensor: wrap it in a module that returns "
            f"the {'samples' if name == 'generator' else 'logits'} alone."
        )
    return made


def check_range(real: Tensor, fake: Tensor) -> None:
    """Raise ValueError for data that the generator cannot make, by what it ends in, as the graph of ``fake`` tells."""
    end = fake.grad_fn
    while end is not None and end.name().startswith(SHAPED):
        end = end.next_functions[0][0]
    if end is None or end.name() not in RANGES:
        return
    name, least, most = RANGES[end.name()]
    low, high = real.min().item(), real.max().item()
    if not least - 1e-3 <= low <= high <= most + 1e-3:
        raise ValueError(
            f"The data run from {low:.3g} to {high:.3g}, but a generator that ends in {name} makes values in "
            f"[{least:.0f}, {most:.0f}]: scale the data to that range, or end the generator otherwise."
        )
    if real.dim() == 4 and least < 0 <= low and high > 0.5:
        warnings.warn(
            f"The images lie in [0, 1], but the generator ends in {name}, whose range is [-1, 1]: scale them by "
            "2 * images - 1, as ImageSet.batches does.",
            stacklevel=4,
        )
