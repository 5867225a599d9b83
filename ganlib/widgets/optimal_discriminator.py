"""The best discriminator against a Gaussian generator, its value, and that of a discriminator of the reader's own."""

import torch
from torch.nn.functional import logsigmoid

from ganlib import divergences, toy
from ganlib.widgets.explorer import Explorer, number


class OptimalDiscriminator(Explorer):
    """Data N(0, 1) against a generator N(theta, sd²), and a logistic discriminator to set beside the best one.

    The reader's own discriminator has the logit ``steepness * (place - x)``: it is one half at ``place``, and where its
    steepness is positive it takes what lies to the left for real.
    """

    _file = "optimal_discriminator"
    about = (
        "Two bells on a line, the data p and the generator's q, with the best discriminator D* = p/(p + q) above them "
        "and its value 2 JSD(p, q) - log 4 below. As q is moved onto p, D* flattens to one half and the value sinks to "
        "-log 4, which it reaches for q = p alone. A discriminator of your own is never worth more than D*."
    )
    theta = number(2.0, -5, 5)
    sd = number(1.0, 0.4, 2.5)
    place = number(0.5, -5, 5)
    steepness = number(1.0, -4, 4)

    def numbers(self) -> dict:
        """The divergence, the value of the best and of the reader's discriminator, and D* at 0: densities on a grid."""
        x, spacing = torch.linspace(-25, 25, 1001, dtype=torch.float64), 0.05
        generator = toy.GaussianMixture(torch.tensor([[self.theta]], dtype=torch.float64), self.sd)
        log_p, log_q = toy.gaussian().log_prob(x[:, None]), generator.log_prob(x[:, None])
        p, q = log_p.exp() * spacing, log_q.exp() * spacing
        best, own = log_p - log_q, self.steepness * (self.place - x)
        value, own_value = ((p * logsigmoid(logit) + q * logsigmoid(-logit)).sum().item() for logit in (best, own))
        return {
            "jsd": divergences.jensen_shannon(p, q).item(),
            "value": value,
            "own_value": own_value,
            "best_at_0": best[len(x) // 2].sigmoid().item(),
        }
