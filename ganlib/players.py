"""The two players with their optimisers, and what is wrong with them before the first step."""

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import Parameter, signature
from typing import NamedTuple

import torch
from torch import nn


class Players(NamedTuple):
    """Both networks and the optimiser of each, in the order in which ``step`` and ``fit`` take them: ``fit(*players)``.

    The two networks are ``players[:2]``, and ``players[2:]`` their optimisers.
    """

    generator: nn.Module
    discriminator: nn.Module
    g_optimizer: torch.optim.Optimizer
    d_optimizer: torch.optim.Optimizer


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """No weight of ``model`` gets a gradient inside; after it, and after an error, each is as it was before."""
    trainable = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in trainable:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in trainable:
            weight.requires_grad_(True)


def check_players(players: Players) -> None:
    """Raise ValueError for players that would train nothing or something else, naming the one at fault.

    A weight that does not require a gradient is frozen on purpose; every other must be in its player's optimiser. An
    optimiser may hold further weights, such as those of a network beside the player, but none of the other player.
    """
    generator, discriminator, g_optimizer, d_optimizer = players
    for name, player, optimizer, other in (
        ("generator", generator, g_optimizer, discriminator),
        ("discriminator", discriminator, d_optimizer, generator),
    ):
        if not player.training:
            raise ValueError(f"The {name} is in evaluation mode: call {name}.train() before you train it.")
        held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
        trainable = {path: weight for path, weight in player.named_parameters() if weight.requires_grad}
        if not trainable:
            raise ValueError(f"The {name} has no weight that requires a gradient, so it cannot be trained.")
        own = {id(weight) for weight in player.parameters()}
        if any(id(weight) in held - own for weight in other.parameters()):
            raise ValueError(
                f"The {name}'s optimiser holds weights of the other player: make it of {name}.parameters(), and pass "
                "the generator's optimiser first."
            )
        left = [path for path, weight in trainable.items() if id(weight) not in held]
        if left:
            raise ValueError(
                f"The {name}'s optimiser does not hold {len(left)} of its {len(trainable)} weights, such as "
                f"{left[0]}: make the optimiser of the network as it now is, or freeze what is not to be trained by "
                "requires_grad_(False)."
            )
    homes = [{weight.device for weight in player.parameters()} for player in players[:2]]
    if homes[0].isdisjoint(homes[1]):
        there, here = (", ".join(sorted(map(str, home))) for home in homes)
        raise ValueError(
            f"The generator is on {there}, but the discriminator on {here}: move both to one device with .to(...)."
        )


def device_of(model: nn.Module) -> torch.device:
    """Where the first weight of ``model`` is."""
    return next(model.parameters()).device


def listen(players: Players, count: int) -> bool:
    """Whether both networks take ``count`` further arguments, such as labels, besides their first; neither may, too.

    Raises ValueError where one of them takes the arguments and the other does not.
    """
    generator, discriminator = (_takes(player, 1 + count) for player in players[:2])
    if generator != discriminator:
        deaf = "discriminator" if generator else "generator"
        raise ValueError(
            f"The batches hold {count} more beside the samples, such as labels, and the {deaf} alone takes no such "
            "argument: make both players take it, or pass batches of samples alone."
        )
    return generator


def _takes(model: nn.Module, count: int) -> bool:
    """Whether ``model`` can be called with ``count`` arguments, by the signature of its ``forward``."""
    wanted = signature(model.forward)
    wrapped = getattr(model, "_orig_mod", None) or getattr(model, "module", None)  # torch.compile; several processes
    if wrapped is not None and any(each.kind is Parameter.VAR_POSITIONAL for each in wanted.parameters.values()):
        return _takes(wrapped, count)
    try:
        wanted.bind(*range(count))
    except TypeError:
        return False
    return True
