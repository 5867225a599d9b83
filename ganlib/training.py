"""One readable training step, the loop around it, and an average of the generator's weights."""

import copy
import itertools
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from ganlib import losses, penalties, runtime
from ganlib.guard import History, Snapshot, TrainingDiverged, TrainingEnded, tensors_of
from ganlib.intake import HOW, probe, supply
from ganlib.penalties import Penalty
from ganlib.players import Players, check_players, device_of, frozen
from ganlib.progress import Progress

__all__ = ["EMA", "History", "Penalty", "Players", "TrainingDiverged", "TrainingEnded", "adam", "fit", "step"]

CHECK_EVERY = 100  # steps between two looks at the losses; each look waits for the device


def adam(model: nn.Module, lr: float = 2e-4, betas: tuple[float, float] = (0.5, 0.999)) -> torch.optim.Adam:
    """Adam with beta1 = 0.5, as Radford et al. 2016 advise for GANs, in PyTorch's fused form."""
    return torch.optim.Adam(model.parameters(), lr=lr, betas=betas, fused=True)


def step(
    generator: nn.Module,
    discriminator: nn.Module,
    g_optimizer: torch.optim.Optimizer,
    d_optimizer: torch.optim.Optimizer,
    real: Tensor,
    z: Tensor,
    game: losses.Game = losses.non_saturating,
    penalty: Penalty | None = None,
    given: Sequence[Tensor] = (),
    backward: Callable[[Tensor], None] = Tensor.backward,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Update the discriminator, then the generator, once each, on a batch ``real`` and latents ``z`` (m, latent).

    ``given`` is what both players are told of each sample besides, such as its label: further arguments of both.
    ``backward(loss)`` computes the gradients; a library for many devices brings its own.

    ``penalty(real, real_logits, fake, fake_logits)``, such as those of :mod:`ganlib.penalties`, is added to the
    discriminator's loss; the logits were computed from these points, which require a gradient. Weights that require
    none are frozen and stay so. Returns the discriminator's loss without the penalty, the generator's loss and the
    mean logits of real and fake: detached scalars.
    """
    fake = generator(z, *given)  # made once; both updates use it

    points = real.detach(), fake.detach()  # the discriminator's loss must not reach the generator
    if penalty is not None:
        for each in points:
            each.requires_grad_()
    real_logits, fake_logits = (discriminator(each, *given) for each in points)
    d_loss = game.discriminator(real_logits, fake_logits)
    total = d_loss if penalty is None else d_loss + penalty(points[0], real_logits, points[1], fake_logits)
    d_optimizer.zero_grad()
    backward(total)
    d_optimizer.step()

    with frozen(discriminator):  # the generator's loss needs gradients through D, not of D's weights
        compared = (discriminator(real, *given),) if game.paired else ()
        g_loss = game.generator(*compared, discriminator(fake, *given))
        g_optimizer.zero_grad()
        backward(g_loss)
        g_optimizer.step()

    return d_loss.detach(), g_loss.detach(), real_logits.detach().mean(), fake_logits.detach().mean()


class EMA:
    """An exponential moving average of a model: its weights, and its buffers such as BatchNorm's statistics.

    After each ``update`` the average is ``decay`` times itself plus ``1 - decay`` times the model; integer buffers
    are copied. ``ema.model`` is a copy in evaluation mode, ready to sample from. Source: Yazıcı et al. 2019.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999):
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        pairs = list(zip(tensors_of(self.model), tensors_of(model), strict=True))
        self._floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._others = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Move the average one step towards the model that it was made from."""
        averages, current = zip(*self._floats, strict=True)
        torch._foreach_lerp_(averages, current, 1 - self.decay)
        for average, value in self._others:
            average.copy_(value)

    def follows(self, model: nn.Module) -> bool:
        """Whether this is the average of ``model`` as it now is."""
        current = {id(tensor) for tensor in tensors_of(model)}
        return all(id(source) in current for _, source in self._floats + self._others)

    def state_dict(self) -> dict[str, Tensor]:
        """The average's weights and buffers, as a checkpoint keeps them."""
        return self.model.state_dict()

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Set the average to what ``state_dict`` returned."""
        self.model.load_state_dict(state)


def fit(
    generator: nn.Module,
    discriminator: nn.Module,
    g_optimizer: torch.optim.Optimizer,
    d_optimizer: torch.optim.Optimizer,
    batches: Iterable[Tensor] | Iterable[tuple[Tensor, ...]],
    *,
    latent: int | Callable[[Tensor], Tensor],
    steps: int,
    start: int = 0,
    game: losses.Game = losses.non_saturating,
    penalty: Penalty | None = None,
    penalty_every: int = 1,
    ema: EMA | None = None,
    schedulers: Sequence[torch.optim.lr_scheduler.LRScheduler] = (),
    callback: Callable[[int], None] | None = None,
    callback_every: int = 1,
    backward: Callable[[Tensor], None] = Tensor.backward,
    progress: bool = True,
) -> History:
    """Train both players for ``steps`` steps on real ``batches``; returns the history.

    ``batches`` is an iterator without end, such as ``ImageSet.batches``, or what can be iterated again, such as a
    DataLoader; each batch is moved to the players' device. Where an item is a tuple, such as (images, labels), the
    first is real and the rest is ``given``, as in ``step``, if the ``forward`` of both players takes it, and left out
    if that of neither does.
    A run that goes on from a checkpoint passes as ``start`` the steps done before; ``steps`` counts those too.
    ``latent`` is the length of a latent, drawn from a standard normal, or a function that draws one for each sample of
    a batch. ``backward`` is as in ``step``. ``penalty``, as in ``step``, acts at every ``penalty_every``-th step,
    beginning with the first, and there so many times as strong; one that has a parameter ``done`` is told the number
    of steps done before. ``schedulers`` step once a step.
    ``callback(step)`` is called after step ``callback_every``, twice that, and so on.

    In a rehearsal (``runtime.rehearsed_steps``) only the first steps train. The rest pass at once: the callback hears
    of them, and the history repeats what was measured last.

    Raises ValueError before the first step for players, optimisers or a batch that do not fit; a first batch is sent
    through both players, without a trace, to see that. Raises TrainingDiverged when a loss or a weight is no longer
    finite, and TrainingEnded when an iterator ends before ``steps``. These and all else that ends the run, such as
    Ctrl-C, carry what was measured as ``history``.
    """
    players = Players(generator, discriminator, g_optimizer, d_optimizer)
    if not 0 <= start <= steps:
        raise ValueError(f"There is nothing to train from step {start} to step {steps}: ask for more steps.")
    if penalty_every < 1 or callback_every < 1:
        raise ValueError("Neither penalty_every nor callback_every can be less than 1, which is every step.")
    if start == steps:  # a script that went on has nothing to do
        return History.of(torch.zeros(0, 4), start)
    check_players(players)
    _check_followers(players, ema, schedulers)
    measured = torch.zeros(steps, 4, device=device_of(generator))  # a row a step: what History holds
    items = supply(batches, players)
    first = next(items)
    models = [discriminator, generator, *([ema.model] if ema is not None else [])]
    good = Snapshot(models, [g_optimizer, d_optimizer, *schedulers], start)
    penalty_of, done = penalties.lazy(penalty, penalty_every), start
    end = min(steps, start + (runtime.rehearsed_steps() or steps))  # short of ``steps`` in a rehearsal alone

    try:
        with Progress(steps, progress) as shown:
            for real, given in itertools.islice(itertools.chain([first], items), end - start):
                z = latent(real) if callable(latent) else torch.randn(len(real), latent, device=real.device)
                if done == start:
                    probe(players, real, z, given)
                row = step(*players, real, z, game, penalty_of(done), given, backward)
                torch.stack(row, out=measured[done])
                done += 1
                if ema is not None:
                    ema.update()
                for scheduler in schedulers:
                    scheduler.step()
                if done % CHECK_EVERY == 0 or done == end:
                    good.check(measured, done)
                    shown.update(done, measured)
                if callback is not None and done % callback_every == 0:
                    callback(done)
    except BaseException as error:
        vars(error).setdefault("history", History.of(measured[start:done], start))
        raise
    if done < end:
        good.check(measured, done)
        raise TrainingEnded(
            f"The batches ended after step {done} of {steps}: {HOW}; the players keep what they learned, and this "
            "error holds the history.",
            History.of(measured[start:done], start),
        )
    for passed in range(end + 1, steps + 1):
        measured[passed - 1] = measured[end - 1]
        if callback is not None and passed % callback_every == 0:
            callback(passed)
    return History.of(measured[start:], start)


def _check_followers(players: Players, ema: EMA | None, schedulers: Sequence) -> None:
    """Raise ValueError for an average or a scheduler that follows something else than these players."""
    if isinstance(ema, EMA) and not ema.follows(players.generator):
        raise ValueError("The average is of another network: make it of the generator as it now is, EMA(generator).")
    optimizers = [at for each in players[2:] for at in (each, getattr(each, "optimizer", each))]  # bare and wrapped
    for scheduler in schedulers:
        optimizer = getattr(scheduler, "optimizer", None)
        if optimizer is not None and not any(optimizer is each for each in optimizers):
            raise ValueError(
                f"A {type(scheduler).__name__} follows another optimiser: make it of the one that trains a player."
            )
