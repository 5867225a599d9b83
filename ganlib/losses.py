"""The losses of a GAN as plain functions of logits, the pairs of them that make a game, and penalties on gradients.

The discriminator's network returns a number a(x) for each sample. In the cross-entropy games it is a logit, and the
probability that x is real is D(x) = sigmoid(a(x)); in the others it is a score. Every loss is to be minimised by its
own player, and every expectation is a mean over the batch. The cross-entropies are written with
softplus(a) = log(1 + e^a), which neither overflows nor loses digits: -log D = softplus(-a) and
-log(1 - D) = softplus(a).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus


class Game(NamedTuple):
    """The pair of losses that two players minimise.

    ``discriminator(real_logits, fake_logits)`` and ``generator(fake_logits)`` each return a scalar tensor. Where
    ``paired`` is true the generator's loss compares with real samples too: ``generator(real_logits, fake_logits)``.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[..., Tensor]
    paired: bool = False


def cross_entropy_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Binary cross-entropy of telling real from fake: -E log D(x) - E log(1 - D(G(z))).

    Logits of any shape; returns a scalar in nats. Its minimum over D, for equal distributions, is log 4.
    Source: Goodfellow et al. 2014, equation 1, with the sign turned so that the discriminator minimises.
    """
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def minimax_generator(fake_logits: Tensor) -> Tensor:
    """The generator's side of the minimax game: E log(1 - D(G(z))).

    Its gradient in a logit is -sigmoid(a), which vanishes where the discriminator rejects a fake with confidence.
    Source: Goodfellow et al. 2014, equation 1.
    """
    return -softplus(fake_logits).mean()


def non_saturating_generator(fake_logits: Tensor) -> Tensor:
    """The generator's non-saturating loss: -E log D(G(z)).

    Its gradient in a logit is sigmoid(a) - 1, which is largest where the discriminator rejects a fake.
    Source: Goodfellow et al. 2014, section 3.
    """
    return softplus(-fake_logits).mean()


def least_squares_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Squared distance of the scores from their targets, 1 for real and 0 for fake: E(a(x) - 1)²/2 + E a(G(z))²/2.

    Source: Mao et al. 2017, equation 9.
    """
    return ((real_logits - 1).square().mean() + fake_logits.square().mean()) / 2


def least_squares_generator(fake_logits: Tensor) -> Tensor:
    """Squared distance of the fakes' scores from the target of real ones: E(a(G(z)) - 1)²/2.

    Source: Mao et al. 2017, equation 9.
    """
    return (fake_logits - 1).square().mean() / 2


def hinge_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """How far the scores are from clearing a margin of 1: E max(0, 1 - a(x)) + E max(0, 1 + a(G(z))).

    The generator of this game minimises ``wasserstein_generator``. Source: Lim and Ye 2017; Miyato et al. 2018.
    """
    return (1 - real_logits).relu().mean() + (1 + fake_logits).relu().mean()


def wasserstein_critic(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """The critic's loss E a(G(z)) - E a(x): for the best 1-Lipschitz critic, minus the Wasserstein-1 distance.

    It bounds nothing unless the critic is kept Lipschitz. Source: Arjovsky et al. 2017 (WGAN), equation 2.
    """
    return fake_scores.mean() - real_scores.mean()


def wasserstein_generator(fake_scores: Tensor) -> Tensor:
    """The generator's loss against a critic: -E a(G(z)). Source: Arjovsky et al. 2017 (WGAN), section 3."""
    return -fake_scores.mean()


def relativistic_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Cross-entropy of telling which of a pair is the fake: E softplus(a(G(z)) - a(x)).

    Real and fake are paired by their place in the batch. Source: Jolicoeur-Martineau 2019; Huang et al. 2025.
    """
    _check_pairs(real_logits, fake_logits)
    return softplus(fake_logits - real_logits).mean()


def relativistic_generator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The same with the roles exchanged: E softplus(a(x) - a(G(z))). Source: Huang et al. 2025."""
    _check_pairs(real_logits, fake_logits)
    return softplus(real_logits - fake_logits).mean()


minimax = Game(cross_entropy_discriminator, minimax_generator)
non_saturating = Game(cross_entropy_discriminator, non_saturating_generator)
least_squares = Game(least_squares_discriminator, least_squares_generator)
hinge = Game(hinge_discriminator, wasserstein_generator)
wasserstein = Game(wasserstein_critic, wasserstein_generator)
relativistic = Game(relativistic_discriminator, relativistic_generator, paired=True)


def r1(real_logits: Tensor, real: Tensor) -> Tensor:
    """The squared norm of the discriminator's gradient at real samples: E ||∇a(x)||²/2, to be added with a weight.

    ``real`` has shape (m, ...) and ``real_logits`` one logit a sample, computed from it after
    ``real.requires_grad_()``. The square is summed over all but the first axis.
    Source: Mescheder et al. 2018, equation 9.
    """
    return _gradients(real_logits, real).square().sum(1).mean() / 2


def r2(fake_logits: Tensor, fake: Tensor) -> Tensor:
    """The same at fakes: E ||∇a(G(z))||²/2. ``fake`` must not carry the generator's graph: detach it first.

    Source: Mescheder et al. 2018, equation 10.
    """
    return r1(fake_logits, fake)


def gradient_penalty(logits: Tensor, points: Tensor, target: float = 1.0) -> Tensor:
    """How far the norm of the gradient is from ``target``: E (||∇a(x)|| - target)², to be added with a weight.

    Shapes as in ``r1``. Its own gradient is 0, and not NaN, where the norm is 0.
    Source: Gulrajani et al. 2017, equation 3.
    """
    return (torch.linalg.vector_norm(_gradients(logits, points), dim=1) - target).square().mean()


def interpolate(real: Tensor, fake: Tensor) -> Tensor:
    """Points on the lines between real and fake samples, each at its own uniform fraction, ready for a penalty.

    Both have shape (m, ...); so has the result, which is cut from their graphs and requires a gradient.
    Source: Gulrajani et al. 2017, algorithm 1.
    """
    _check_pairs(real, fake)
    alpha = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device, dtype=real.dtype)
    return torch.lerp(fake.detach(), real.detach(), alpha).requires_grad_()


def _gradients(logits: Tensor, points: Tensor) -> Tensor:
    """The gradient of each logit in its own point, shape (m, number of coordinates), itself differentiable."""
    if not points.requires_grad:
        raise ValueError(
            "The points do not require a gradient: call points.requires_grad_() before you compute logits."
        )
    if logits.numel() != len(points):
        raise ValueError(
            f"A penalty needs one logit a sample, but {len(points)} points came with logits of shape "
            f"{tuple(logits.shape)}."
        )
    gradients = None
    if logits.requires_grad:
        (gradients,) = torch.autograd.grad(logits.sum(), points, create_graph=True, allow_unused=True)
    if gradients is None:
        raise ValueError(
            "The logits were not computed from these points: call points.requires_grad_() first, then compute the "
            "logits from them, outside torch.no_grad()."
        )
    return gradients.flatten(1)


def _check_pairs(real: Tensor, fake: Tensor) -> None:
    if real.shape != fake.shape:
        raise ValueError(
            f"Real and fake are compared in pairs, but their shapes are {tuple(real.shape)} and {tuple(fake.shape)}: "
            "draw as many fakes as there are real samples."
        )
