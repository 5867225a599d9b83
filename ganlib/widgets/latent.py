"""A generator that runs in the page: walks between two of its latents, and the directions that matter most to it."""

import math
from collections.abc import Sequence

import torch
import traitlets
from torch import Tensor, nn

from ganlib import models
from ganlib.conditional import ConditionalGenerator
from ganlib.widgets.explorer import Explorer, number
from ganlib.widgets.packing import normals, opened, packed, run

STEPS = 12  # pictures along the walk, less one


class LatentExplorer(Explorer):
    """A walk through the latent space of ``generator``, which makes images of 1 or 3 channels from ``latent`` numbers.

    The generator is an ``nn.Sequential`` as :mod:`ganlib.models` makes them, or a ``ConditionalGenerator`` around one,
    whose ``classes`` may have names. It is copied as it is in evaluation: BatchNorm folded into the layer before, the
    weights rounded to whole numbers of 8 or 16 ``bits`` with one scale for each unit. ``rounding`` says what that does
    to pixels: the root mean square of the change over 64 latents. Without arguments it shows a small untrained net.

    At the fraction ``alpha`` of the walk, z lies on the arc or the line from latent number ``first`` to ``second``, or,
    if the ``way`` is "stay", at the first. A class's code moves straight from that of ``start`` to that of ``end``.
    From there z moves by ``move1`` and ``move2`` along the two directions in which pictures change most.
    """

    _file = "latent"
    about = (
        "The picture that a generator makes of a latent on the way between two others, a strip of pictures along the "
        "way, and two curves over it: how fast the picture changes, and how long the latent is. Along a straight line "
        "the latents in the middle are shorter than almost all that the generator was trained on; along the arc not."
    )
    net = traitlets.Dict().tag(sync=True)
    way = traitlets.Enum(["arc", "line", "stay"], "arc").tag(sync=True)
    alpha = number(0.5, 0, 1)
    first = traitlets.Int(1, min=0).tag(sync=True)
    second = traitlets.Int(2, min=0).tag(sync=True)
    start = traitlets.Unicode().tag(sync=True)
    end = traitlets.Unicode().tag(sync=True)
    move1 = number(0, -4, 4)
    move2 = number(0, -4, 4)

    def __init__(self, generator: nn.Module | None = None, latent: int = 8, classes: Sequence | None = None,
                 bits: int | None = None, **traits):  # fmt: skip
        if generator is None:
            generator = _untrained(latent)
        net, self.rounding = packed(generator, latent, classes, bits)
        if names := net["classes"]:
            traits = {"way": "stay", "start": names[0], "end": names[-1], **traits}
            traits["start"], traits["end"] = str(traits["start"]), str(traits["end"])
        super().__init__(net=net, **traits)

    @traitlets.validate("start", "end")
    def _known(self, proposal):
        names = self.net["classes"]
        if names and proposal["value"] not in names:
            raise traitlets.TraitError(f"There is no class {proposal['value']!r}: choose one of {', '.join(names)}.")
        return proposal["value"]

    @classmethod
    def random(cls, draw) -> "LatentExplorer":
        """An explorer of a small untrained net, with a class or without one, somewhere on a walk."""
        traits = {name: draw.uniform(-4, 4) for name in ("move1", "move2")}
        traits |= {name: draw.randrange(1000) for name in ("first", "second")}
        traits |= {"way": draw.choice(cls.way.values), "alpha": draw.random()}
        if draw.random() < 0.5:
            return cls(**traits)
        traits |= {name: draw.choice("abc") for name in ("start", "end")}
        body = nn.Sequential(
            nn.Unflatten(1, (9, 1, 1)), nn.ConvTranspose2d(9, 6, 4), nn.BatchNorm2d(6), nn.ReLU(),
            nn.ConvTranspose2d(6, 3, 4, stride=2, padding=1), nn.Tanh(),
        )  # fmt: skip
        return cls(ConditionalGenerator(body, nn.Embedding(3, 4)), 5, "abc", draw.choice([8, 16]), **traits)

    def numbers(self) -> dict:
        """The length of z, the picture's mean and three of its pixels, and how fast it changes around alpha."""
        picture = self.picture(self.alpha)[0]
        height, width = picture.shape[-2:]
        pixels = {f"pixel_{row}": picture[0, height * row // 4, width // 2].item() for row in (1, 2, 3)}
        at = min(math.floor(self.alpha * STEPS), STEPS - 1)
        change = self.picture((at + 1) / STEPS) - self.picture(at / STEPS)
        whole = {"length": self.z(self.alpha).norm().item(), "mean": picture.mean().item()}
        return whole | pixels | {"change": change.square().mean().sqrt().item() * STEPS}

    def z(self, alpha: float) -> Tensor:
        """The latent at a fraction of the walk: shape (latent,), float64."""
        size, kind = self.net["latent"], torch.float64
        z0, z1 = (torch.tensor(normals(seed, size), dtype=kind) for seed in (self.first, self.second))
        shares: Sequence[float | Tensor] = (1 - alpha, alpha)
        if self.way == "arc" and self.first != self.second:
            omega = torch.acos(torch.cosine_similarity(z0, z1, dim=0))
            shares = [torch.sin(share * omega) / torch.sin(omega) for share in shares]
        here = z0 if self.way == "stay" else shares[0] * z0 + shares[1] * z1
        return here + torch.tensor([self.move1, self.move2], dtype=kind) @ opened(self.net)[0]

    def picture(self, alpha: float) -> Tensor:
        """The picture at a fraction of the walk, from the rounded weights: shape (1, C, H, W), float64."""
        _, codes, steps = opened(self.net)
        entered = self.z(alpha)
        if names := self.net["classes"]:
            start, end = (codes[names.index(name)] for name in (self.start, self.end))
            entered = torch.cat([entered, torch.lerp(start, end, alpha)])
        return run(steps, entered[None]).view(1, *self.net["shape"])


def _untrained(latent: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return models.mlp_generator(latent, (32,), (1, 12, 12))
