"""Penalties on the discriminator's gradient, in the form in which ``training.step`` and ``training.fit`` take them.

``r1(0.2)``, ``r2``, ``r1_and_r2`` and ``gradient_penalty`` take their weight first and return a penalty. The weight
may be a function of the number of steps done before, which is 0 at the first step: a schedule is
``r1(lambda done: 0.1 * 0.999**done)``. What they weigh are the two formulas below them, which take points and the
logits that were computed from these.

A penalty of one's own is a function ``penalty(real, real_logits, fake, fake_logits)`` that returns a scalar. Both
batches require a gradient and are cut from the generator. If it has a parameter ``done``, ``fit`` passes that too.
"""

from collections.abc import Callable
from inspect import signature

import torch
from torch import Tensor

from ganlib.losses import check_pairs

# penalty(real, real_logits, fake, fake_logits[, done]): a scalar that is added to the discriminator's loss
Penalty = Callable[..., Tensor]
Weight = float | Callable[[int], float]

COMPILED = (
    "A penalty on the gradient needs a second derivative (a double backward), which torch.compile does not offer: "
    "leave the discriminator uncompiled, or the penalty out."
)


def r1(weight: Weight) -> Penalty:
    """R1: the weight times half the squared gradient at real samples. Source: Mescheder et al. 2018, equation 9."""
    return _weighted(weight, lambda real, real_logits, fake, fake_logits: half_squared_norm(real, real_logits))


def r2(weight: Weight) -> Penalty:
    """R2: the same at fakes. Source: Mescheder et al. 2018, equation 10."""
    return _weighted(weight, lambda real, real_logits, fake, fake_logits: half_squared_norm(fake, fake_logits))


def r1_and_r2(weight: Weight) -> Penalty:
    """R1 and R2 with one weight. Source: Huang et al. 2025."""
    return _weighted(
        weight,
        lambda real, real_logits, fake, fake_logits: (
            half_squared_norm(real, real_logits) + half_squared_norm(fake, fake_logits)
        ),
    )


def gradient_penalty(weight: Weight, critic: Callable[[Tensor], Tensor], target: float = 1.0) -> Penalty:
    """The penalty of WGAN-GP: ``critic`` is to have a gradient of norm ``target`` between real and fake samples.

    Source: Gulrajani et al. 2017, equation 3 and algorithm 1.
    """

    def price(real: Tensor, real_scores: Tensor, fake: Tensor, fake_scores: Tensor) -> Tensor:
        points = interpolate(real, fake)
        return squared_gap(points, critic(points), target)

    return _weighted(weight, price)


def half_squared_norm(points: Tensor, logits: Tensor) -> Tensor:
    """Half the mean squared norm of the gradient: E ||∇a(x)||²/2, the formula of R1 and R2.

    ``points`` has shape (m, ...) and ``logits`` one logit a sample, computed from it after
    ``points.requires_grad_()``. The square is summed over all but the first axis. Raises ValueError for logits of
    other points.
    """
    return _gradients(points, logits).square().sum(1).mean() / 2


def squared_gap(points: Tensor, logits: Tensor, target: float = 1.0) -> Tensor:
    """How far the norm of the gradient is from ``target``: E (||∇a(x)|| - target)², the formula of WGAN-GP.

    Shapes and errors as in ``half_squared_norm``. Its own gradient is 0, and not NaN, where the norm is 0.
    """
    return (torch.linalg.vector_norm(_gradients(points, logits), dim=1) - target).square().mean()


def interpolate(real: Tensor, fake: Tensor) -> Tensor:
    """Points on the lines between real and fake samples, each at its own uniform fraction, ready for a penalty.

    Both have shape (m, ...); so has the result, which is cut from their graphs and requires a gradient.
    Source: Gulrajani et al. 2017, algorithm 1.
    """
    check_pairs(real, fake)
    alpha = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device, dtype=real.dtype)
    return torch.lerp(fake.detach(), real.detach(), alpha).requires_grad_()


def lazy(penalty: Penalty | None, every: int = 1) -> Callable[[int], Penalty | None]:
    """The penalty of each step, asked for by the number of steps done before, from the first on each ``every``-th.

    It is there ``every`` times as strong, to make up for the steps between, which have none. It is told the number of
    steps done where it has a parameter ``done``.
    """
    scheduled = penalty is not None and "done" in signature(penalty).parameters

    def of_step(done: int) -> Penalty | None:
        if penalty is None or done % every:
            return None
        schedule = {"done": done} if scheduled else {}
        return lambda *seen: every * penalty(*seen, **schedule)

    return of_step


def _weighted(weight: Weight, price: Penalty) -> Penalty:
    def penalty(*seen: Tensor, done: int | None = None) -> Tensor:
        if not callable(weight):
            return weight * price(*seen)
        if done is None:
            raise ValueError(
                "The weight of this penalty is a function of the steps done: training.fit tells it, and elsewhere you "
                "pass done=... to the penalty."
            )
        return weight(done) * price(*seen)

    return penalty


def _gradients(points: Tensor, logits: Tensor) -> Tensor:
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
        try:
            (gradients,) = torch.autograd.grad(logits.sum(), points, create_graph=True, allow_unused=True)
        except RuntimeError as error:
            if "create_graph" in str(error):  # which torch.compile's own backend refuses
                raise ValueError(COMPILED) from error
            raise
    if gradients is None:
        raise ValueError(
            "The logits were not computed from these points: call points.requires_grad_() first, then compute the "
            "logits from them, outside torch.no_grad()."
        )
    if "CompiledFunction" in type(gradients.grad_fn).__name__:
        raise ValueError(COMPILED)
    return gradients.flatten(1)
