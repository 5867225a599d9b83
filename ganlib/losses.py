"""The losses of a GAN as plain functions of logits, and the pairs of them that make a game.

The discriminator's network returns a number a(x) for each sample. In the cross-entropy games it is a logit, and the
probability that x is real is D(x) = sigmoid(a(x)); in the others it is a score. Every loss is to be minimised by its
own player, and every expectation is a mean over the batch. The cross-entropies are written with
softplus(a) = log(1 + e^a), which neither overflows nor loses digits: -log D = softplus(-a) and
-log(1 - D) = softplus(a).
"""

from collections.abc import Callable
from typing import NamedTuple

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

    Source: Lim and Ye 2017; Miyato et al. 2018, equation 16.
    """
    return (1 - real_logits).relu().mean() + (1 + fake_logits).relu().mean()


def hinge_generator(fake_logits: Tensor) -> Tensor:
    """The generator's loss in the hinge game, which has no margin: -E a(G(z)).

    Source: Lim and Ye 2017; Miyato et al. 2018, equation 17.
    """
    return -fake_logits.mean()


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
    check_pairs(real_logits, fake_logits)
    return softplus(fake_logits - real_logits).mean()


def relativistic_generator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The same with the roles exchanged: E softplus(a(x) - a(G(z))). Source: Huang et al. 2025."""
    check_pairs(real_logits, fake_logits)
    return softplus(real_logits - fake_logits).mean()


minimax = Game(cross_entropy_discriminator, minimax_generator)
non_saturating = Game(cross_entropy_discriminator, non_saturating_generator)
least_squares = Game(least_squares_discriminator, least_squares_generator)
hinge = Game(hinge_discriminator, hinge_generator)
wasserstein = Game(wasserstein_critic, wasserstein_generator)
relativistic = Game(relativistic_discriminator, relativistic_generator, paired=True)


def check_pairs(real: Tensor, fake: Tensor) -> None:
    """Raise ValueError unless real and fake have one shape, so that they can be compared in pairs."""
    if real.shape != fake.shape:
        raise ValueError(
            f"Real and fake are compared in pairs, but their shapes are {tuple(real.shape)} and {tuple(fake.shape)}: "
            "draw as many fakes as there are real samples."
        )
