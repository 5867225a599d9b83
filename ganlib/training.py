"""One readable training step, the loop around it, and an average of the generator's weights."""

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields

import torch
from torch import Tensor, nn

from ganlib import losses, runtime
from ganlib.guard import History, Snapshot, TrainingDiverged, check_batch, tensors_of
from ganlib.progress import Progress

# penalty(real, real_logits, fake, fake_logits): a scalar that is added to the discriminator's loss
Penalty = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

__all__ = ["EMA", "History", "Penalty", "TrainingDiverged", "adam", "fit", "step"]

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

    ``penalty(real, real_logits, fake, fake_logits)`` is added to the discriminator's loss; the logits were computed
    from these points, which require a gradient. Returns the discriminator's loss without it, the generator's loss and
    the mean logits of real and fake: detached scalars.
    """
    fake = generator(z, *given)  # made once; both updates use it

    points = real.detach(), fake.detach()  # the discriminator's loss must not reach the generator
    if penalty is not None:
        points = tuple(each.requires_grad_() for each in points)
    real_logits, fake_logits = (discriminator(each, *given) for each in points)
    d_loss = game.discriminator(real_logits, fake_logits)
    total = d_loss if penalty is None else d_loss + penalty(points[0], real_logits, points[1], fake_logits)
    d_optimizer.zero_grad()
    backward(total)
    d_optimizer.step()

    discriminator.requires_grad_(False)  # the generator's loss needs gradients through D, not of D's weights
    compared = (discriminator(real, *given),) if game.paired else ()
    g_loss = game.generator(*compared, discriminator(fake, *given))
    g_optimizer.zero_grad()
    backward(g_loss)
    g_optimizer.step()
    discriminator.requires_grad_(True)

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
    batches: Iterator[Tensor] | Iterator[tuple[Tensor, ...]],
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
    """Train both players for ``steps`` steps on an endless iterator of real batches; returns the history.

    A run that goes on from a checkpoint passes as ``start`` the steps done before; ``steps`` counts those too.
    Where an item is a tuple, such as (images, labels), the first is real and the rest is ``given``, as in ``step``.
    ``latent`` is the length of a latent, drawn from a standard normal, or a function that draws one for each sample of
    a batch. ``backward`` is as in ``step``. ``penalty``, as in ``step``, acts at every
    ``penalty_every``-th step, beginning with the first, and there so many times as strong. ``schedulers`` step once a
    step.
    ``callback(step)`` is called after step ``callback_every``, twice that, and so on.

    In a rehearsal (``runtime.rehearsed_steps``) only the first steps train. The rest pass at once: the callback hears
    of them, and the history repeats what was measured last.

    Raises ValueError for a batch that cannot be trained on or batches that end before ``steps``, and
    TrainingDiverged when a loss or a weight is no longer finite.
    """
    batches = (item if isinstance(item, tuple | list) else (item,) for item in batches)
    if not 0 <= start < steps:
        raise ValueError(f"There is nothing to train from step {start} to step {steps}: ask for more steps.")
    first = next(batches, (None,))
    check_batch(first[0], generator, discriminator)
    measured = torch.zeros(steps, len(fields(History)), device=first[0].device)
    good = Snapshot([discriminator, generator, *([ema.model] if ema is not None else [])], start)
    lazy = penalty and (lambda *seen: penalty_every * penalty(*seen))  # made up for the steps that it leaves out
    end = min(steps, start + (runtime.rehearsed_steps() or steps))  # short of ``steps`` in a rehearsal alone
    done, batches = start, itertools.islice(itertools.chain([first], batches), end - start)

    with Progress(steps, progress) as shown:
        for done, (real, *given) in enumerate(batches, start=start + 1):
            z = latent(real) if callable(latent) else torch.randn(len(real), latent, device=real.device)
            now = lazy if (done - 1) % penalty_every == 0 else None
            row = step(generator, discriminator, g_optimizer, d_optimizer, real, z, game, now, given, backward)
            torch.stack(row, out=measured[done - 1])
            if ema is not None:
                ema.update()
            for scheduler in schedulers:
                scheduler.step()
            if done % CHECK_EVERY == 0 or done == end:
                good.check(measured, done)
                shown.update(done, measured)
            if callback is not None and done % callback_every == 0:
                callback(done)

    if done < end:
        raise ValueError(
            f"The batches ended after step {done} of {steps}: pass an iterator without end, as ImageSet.batches gives."
        )
    for passed in range(end + 1, steps + 1):
        measured[passed - 1] = measured[end - 1]
        if callback is not None and passed % callback_every == 0:
            callback(passed)
    return History.of(measured[start:])
