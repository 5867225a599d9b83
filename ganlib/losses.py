"""The losses of a GAN as plain functions of logits, and the pairs of them that make a game.

A discriminator returns a logit a(x) for each sample; its probability that x is real is D(x) = sigmoid(a(x)).
Every loss is to be minimised by its own player, and every expectation is a mean over the batch. All are written
with softplus(a) = log(1 + e^a), which neither overflows nor loses digits: -log D = softplus(-a) and
-log(1 - D) = softplus(a).
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import softplus


class Game(NamedTuple):
    """The pair of losses that two players minimise.

    ``discriminator(real_logits, fake_logits)`` and ``generator(fake_logits)`` each return a scalar tensor.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


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


minimax = Game(cross_entropy_discriminator, minimax_generator)
non_saturating = Game(cross_entropy_discriminator, non_saturating_generator)
