"""The Dirac-GAN: the path of its two players, and the eigenvalues of a step at the equilibrium."""

import math
import random

import torch
import traitlets
from torch import Tensor

from ganlib import losses, penalties
from ganlib.widgets.explorer import Explorer, number

FAR = 1000.0  # a run that comes this far from the equilibrium is over

GAMES = ["minimax", "non_saturating", "wasserstein"]
RULES = ["simultaneous", "alternating", "generator_first", "extragradient"]


class DiracGAN(Explorer):
    """One data point at 0, one fake at theta, and the discriminator's logit phi x: the Dirac-GAN.

    ``game`` names a pair of losses of ``ganlib.losses`` and ``rule`` the order of the updates; ``alternating`` lets
    the discriminator step first. ``eta`` is the step size, from 0.05 to 4.5, and ``gamma`` the weight of R1, from 0 to
    2.5. The players start from ``theta`` and ``phi``, each from -2 to 2, and take ``steps`` steps, at most 300.
    """

    _file = "dirac"
    about = (
        "A plane of the generator's parameter theta and the discriminator's phi, with the arrows of their gradients "
        "and the path of their steps, and beside it the two eigenvalues of a step at the equilibrium with the unit "
        "circle. Inside the circle the players come to rest, outside they are driven away, and on it "
        "the next terms decide, or a linear game turns for ever."
    )
    game = traitlets.Enum(GAMES, "minimax").tag(sync=True)
    rule = traitlets.Enum(RULES, "simultaneous").tag(sync=True)
    theta = number(1.0, -2, 2)
    phi = number(-1.0, -2, 2)
    eta = number(0.25, 0.05, 4.5)
    gamma = number(0.0, 0, 2.5)
    steps = number(150.0, 0, 300)

    @classmethod
    def random(cls, draw: random.Random) -> "DiracGAN":
        """One to compare with its page: step sizes to 2, since beyond, some runs are chaotic and rounding decides."""
        bounds = {"theta": (-2, 2), "phi": (-2, 2), "eta": (0.05, 2), "gamma": (0, 2.5), "steps": (0, 300)}
        knobs = {name: draw.uniform(*ends) for name, ends in bounds.items()}
        return cls(game=draw.choice(GAMES), rule=draw.choice(RULES), **knobs)

    def field(self, w: Tensor) -> Tensor:
        """Where each player's own gradient sends it from ``w``, a tensor of theta and phi."""
        w = w if w.requires_grad else w.clone().requires_grad_()
        theta, phi = w
        game, real = getattr(losses, self.game), torch.zeros(1, 1, dtype=w.dtype, requires_grad=True)
        real_logits, fake_logits = phi * real[:, 0], (phi * theta).reshape(1)
        d_loss = game.discriminator(real_logits, fake_logits)
        d_loss = d_loss + self.gamma * penalties.half_squared_norm(real, real_logits)
        g_loss = game.generator(fake_logits)
        (g_gradient,) = torch.autograd.grad(g_loss, theta, create_graph=True)
        (d_gradient,) = torch.autograd.grad(d_loss, phi, create_graph=True)
        return -torch.stack([g_gradient, d_gradient])

    def update(self, w: Tensor) -> Tensor:
        """Theta and phi after one more step."""
        ahead = w + self.eta * self.field(w)
        if self.rule == "simultaneous":
            return ahead
        if self.rule == "extragradient":
            return w + self.eta * self.field(ahead)
        first = 0 if self.rule == "generator_first" else 1
        half = torch.stack([ahead[i] if i == first else w[i] for i in (0, 1)])  # the second player answers this
        answer = half + self.eta * self.field(half)
        return torch.stack([half[i] if i == first else answer[i] for i in (0, 1)])

    def numbers(self) -> dict:
        """Theta, phi and their distance from 0 after the steps; the eigenvalues of a step, and the larger |lambda|."""
        w = torch.tensor([self.theta, self.phi], dtype=torch.float64)
        for _ in range(math.floor(self.steps)):
            if w.norm() > FAR:
                break
            w = self.update(w).detach()
        matrix = torch.func.jacrev(self.update)(torch.zeros(2, dtype=torch.float64))
        eigenvalues = torch.linalg.eigvals(matrix)
        first, second = sorted(eigenvalues.tolist(), key=lambda value: (-value.imag, -value.real))
        return {
            "theta": w[0].item(),
            "phi": w[1].item(),
            "distance": w.norm().item(),
            "first_real": first.real,
            "first_imag": first.imag,
            "second_real": second.real,
            "second_imag": second.imag,
            "radius": eigenvalues.abs().max().item(),
        }
