"""What one look at a run measures: how the discriminator judges, what reaches the generator, and what the fakes are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganlib import losses
from ganlib.guard import untouched


@dataclass(frozen=True)
class Look:
    """What one look measured, after ``step`` steps.

    * ``accuracy``: the share of samples that the discriminator tells right, a logit above 0 meaning real
    * ``auc``: the area under the ROC curve of the logits; ``logit_gap``: the difference of the mean logits
    * ``d_loss``, ``g_loss``: the losses; ``gradient_magnitude``: the mean absolute derivative of the generator's loss
      in the logit of a fake
    * ``d_gradient_norm``, ``g_gradient_norm``: norms of the gradients that the last step left
    * ``diversity``: the mean distance of two fakes, over that of two real samples
    * ``nn_coverage``, nearest-neighbour coverage: how many different real samples are nearest to some fake, over the
      same count for other real samples
    * ``drift``: how far the mean of the fakes moved since the look before, over the spread of the real samples
    * ``train_eval_gap``: how far the means of evaluation and of training mode are apart, over the same spread
    * ``batch_dependence``: how much a logit depends on the rest of its batch, over the standard deviation of the logits
    * ``logit_range``, ``real_range``, ``fake_range``: the least and the greatest value of each
    """

    step: int
    accuracy: float
    auc: float
    logit_gap: float
    d_loss: float
    g_loss: float
    gradient_magnitude: float
    d_gradient_norm: float
    g_gradient_norm: float
    diversity: float
    nn_coverage: float
    drift: float
    train_eval_gap: float
    batch_dependence: float
    logit_range: tuple[float, float]
    real_range: tuple[float, float]
    fake_range: tuple[float, float]

    @property
    def finite(self) -> bool:
        """Whether losses, gradients and samples are finite numbers."""
        numbers = (self.d_loss, self.g_loss, self.d_gradient_norm, self.g_gradient_norm, *self.fake_range)
        return all(map(math.isfinite, numbers))


@torch.no_grad()
def look(
    step: int,
    generator: nn.Module,
    discriminator: nn.Module,
    sampled: nn.Module,
    real: Tensor,
    z: Tensor,
    game: losses.Game = losses.non_saturating,
    given: Sequence[Tensor] = (),
    before: Tensor | None = None,
) -> tuple[Look, Tensor]:
    """Look at both players on ``real`` samples and latents ``z``, as many; also the mean of the fakes, for the next.

    ``sampled`` is the network that is sampled from, in evaluation mode; ``before`` is the mean of the look before.
    Weights, buffers, modes and random numbers are left as they were.
    """
    with untouched(generator, discriminator, sampled):
        fake = generator(z, *given)
        real_logits, fake_logits = discriminator(real, *given), discriminator(fake, *given)
        half = len(real) // 2
        twice = [torch.cat([each[:half], each[:half]]) for each in given]
        mixed = discriminator(torch.cat([real[:half], fake[:half]]), *twice)
        evaluated = sampled.eval()(z, *given).flatten(1)
    x, y, logits = real.flatten(1), fake.flatten(1), torch.cat([real_logits, fake_logits])
    loss, magnitude = _generator_loss(game, real_logits, fake_logits)
    mean, spread = y.mean(0), (x - x.mean(0)).norm(dim=1).mean()
    latest = Look(
        step,
        accuracy=float(torch.cat([real_logits > 0, fake_logits < 0]).float().mean()),
        auc=float(auc(real_logits, fake_logits)),
        logit_gap=float(real_logits.mean() - fake_logits.mean()),
        d_loss=float(game.discriminator(real_logits, fake_logits)),
        g_loss=float(loss),
        gradient_magnitude=float(magnitude),
        d_gradient_norm=_gradient_norm(discriminator),
        g_gradient_norm=_gradient_norm(generator),
        diversity=float(torch.pdist(y).mean() / torch.pdist(x).mean()),
        nn_coverage=_nearest(y[half:], x[:half]) / _nearest(x[half:], x[:half]),
        drift=0.0 if before is None else float((mean - before).norm() / spread),
        train_eval_gap=float((evaluated.mean(0) - mean).norm() / spread),
        batch_dependence=float((mixed[:half] - real_logits[:half]).abs().mean() / logits.std()),
        logit_range=_ends(logits),
        real_range=_ends(real),
        fake_range=_ends(fake),
    )
    return latest, mean


def auc(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The area under the ROC curve of a discriminator, from logits (n,) of real samples and (m,) of fakes.

    It is the chance that a real sample's logit exceeds a fake's, where equal logits count one half.
    """
    above, equal = real_logits[:, None] > fake_logits, real_logits[:, None] == fake_logits
    return (above.float() + equal.float() / 2).mean()


def _generator_loss(game: losses.Game, real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    """The generator's loss, and the mean size of its gradient in the logit of one fake."""
    with torch.enable_grad():
        fake_logits = fake_logits.clone().requires_grad_()
        loss = game.generator(*([real_logits] if game.paired else []), fake_logits)
        return loss.detach(), torch.autograd.grad(loss, fake_logits)[0].abs().sum()


def _gradient_norm(model: nn.Module) -> float:
    norms = [parameter.grad.norm() for parameter in model.parameters() if parameter.grad is not None]
    return float(torch.stack(norms).norm()) if norms else 0.0


def _nearest(points: Tensor, centres: Tensor) -> int:
    """How many of ``centres`` are the nearest to some point."""
    return len(torch.cdist(points, centres).argmin(1).unique())


def _ends(values: Tensor) -> tuple[float, float]:
    return float(values.min()), float(values.max())
