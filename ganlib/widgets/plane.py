"""A GAN in the plane whose training goes on in the page: its players, its settings, and what ganlib makes of both."""

import itertools
import math

import torch
import traitlets
from safetensors.torch import load_file
from torch import Tensor, nn

from ganlib import losses, metrics, penalties, toy, training
from ganlib.widgets.explorer import HERE, Explorer, number

WEIGHTS = HERE / "plane.safetensors"  # made by experiments/train_plane.py
BETA2 = 0.99
BATCH = 128
GAMES = {
    name: getattr(losses, name)
    for name in ("non_saturating", "minimax", "least_squares", "hinge", "wasserstein", "relativistic")
}


def spiral(pieces: int = 24, turns: float = 1.5, sd: float = 0.05) -> toy.GaussianMixture:
    """Gaussians along a spiral that begins at radius 0.2."""
    along = torch.arange(pieces) / pieces
    angle = 2 * math.pi * turns * along
    return toy.GaussianMixture((0.2 + along).unsqueeze(1) * torch.stack([angle.cos(), angle.sin()], dim=1), sd)


DATA = {
    "ring": toy.ring(sd=0.05),
    "grid9": toy.grid(3, sd=0.1),
    "grid": toy.grid(sd=0.1),
    "two": toy.GaussianMixture(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), 0.1),
    "spiral": spiral(),
}


def mlp(sizes: list[int], slope: float) -> nn.Sequential:
    """Linear layers of these sizes, with LeakyReLU of this slope between them (ReLU where it is 0)."""
    layers = []
    for before, after in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(before, after), nn.LeakyReLU(slope)]
    return nn.Sequential(*layers[:-1])


def r1_of(gamma: float) -> training.Penalty | None:
    """R1 with the weight ``gamma`` as ``ganlib.training`` takes it, or none where the weight is 0."""
    return penalties.r1(gamma) if gamma > 0 else None


class PlaneGAN(Explorer):
    """A GAN on points in the plane that trains in the page, by the step of ``ganlib.training``.

    It begins with the trained ``generator`` and ``discriminator`` that it is given, or with a small pair that ships
    with ganlib: ``nn.Sequential`` of linear layers with ReLU or LeakyReLU between them. All work on data of unit
    scale. ``data`` and ``loss`` are names of ``DATA`` and ``GAMES``, ``gamma`` is the weight of R1, ``d_rate`` and
    ``g_rate`` are the learning rates, and ``momentum`` is Adam's beta1; its beta2 is 0.99. A batch has 128 samples.
    Raises ValueError for players of another shape.
    """

    _file = "plane"
    about = (
        "Points in the plane: crosses are data, dots are the generator's fakes. The ground is blue where the "
        "discriminator sees real and red where it sees fake. Both players train while you watch, and you can change "
        "the data, the loss, the penalty and the learning rates as they go."
    )
    data = traitlets.Enum(list(DATA), "ring").tag(sync=True)
    loss = traitlets.Enum(list(GAMES), "non_saturating").tag(sync=True)
    gamma = number(0.1, 0, 10)
    d_rate = number(1e-3, 1e-5, 0.1)
    g_rate = number(1e-3, 1e-5, 0.1)
    momentum = number(0.0, 0, 0.9)
    speed = traitlets.Enum(["full", "ten", "one"], "full").tag(sync=True)
    arrows = traitlets.Bool(False).tag(sync=True)
    layers = traitlets.Dict().tag(sync=True)
    weights = traitlets.Bytes().tag(sync=True)

    def __init__(self, generator: nn.Module | None = None, discriminator: nn.Module | None = None, **traits):
        if (generator is None) != (discriminator is None):
            raise ValueError("PlaneGAN shows a pair: pass a generator and a discriminator, or neither.")
        if generator is None or discriminator is None:
            generator, discriminator = shipped()
        shapes = _shape(generator, "generator"), _shape(discriminator, "discriminator")
        super().__init__(**pack(generator, discriminator, *shapes), **traits)

    def players(self, trained: bool = True) -> tuple[nn.Sequential, nn.Sequential]:
        """The pair that the page begins with, generator and discriminator, in single precision; or a random one."""
        nets = [mlp(**self.layers[name]) for name in ("generator", "discriminator")]
        if trained:
            flat = torch.frombuffer(bytearray(self.weights), dtype=torch.float32)
            nn.utils.vector_to_parameters(flat, [p for net in nets for p in net.parameters()])
        return nets[0], nn.Sequential(*nets[1], nn.Flatten(0))

    def optimizers(self, generator: nn.Module, discriminator: nn.Module) -> tuple[torch.optim.Adam, torch.optim.Adam]:
        """The optimiser of each player, generator first, as the page has them."""
        betas = (self.momentum, BETA2)
        return training.adam(generator, self.g_rate, betas), training.adam(discriminator, self.d_rate, betas)

    def run(self, steps: int, pair: tuple[nn.Module, nn.Module] | None = None) -> metrics.Coverage:
        """Train ``pair``, or a copy of the trained one, in the kernel as the page does, and measure 2,500 fakes."""
        data, pair = DATA[self.data], pair or self.players()
        latent = self.layers["generator"]["sizes"][0]
        batches = (data.sample(BATCH) / data.std() for _ in itertools.count())
        game, penalty = GAMES[self.loss], r1_of(self.gamma)
        training.fit(
            *pair,
            *self.optimizers(*pair),
            batches,
            latent=latent,
            steps=steps,
            game=game,
            penalty=penalty,
            progress=False,
        )
        with torch.no_grad():
            return metrics.mode_coverage(pair[0](torch.randn(2500, latent)) * data.std(), data)

    def numbers(self) -> dict:
        """What the players make of three points and three latents, before and after one step on them, and the data."""
        generator, discriminator = pair = self.players()
        for net in pair:
            net.double()
        real, z = _fixed(2), _fixed(self.layers["generator"]["sizes"][0])
        numbers = {}

        def tell(name):
            numbers.update({f"{name} logit {i}": a for i, a in enumerate(discriminator(real).tolist())})
            numbers.update({f"{name} image {i}": at for i, at in enumerate(generator(z).flatten().tolist())})

        tell("given")
        points = real.clone().requires_grad_()
        price = self.gamma * penalties.half_squared_norm(points, discriminator(points)).item()
        game, penalty = GAMES[self.loss], r1_of(self.gamma)
        d_loss, g_loss, *_ = training.step(*pair, *self.optimizers(*pair), real, z, game, penalty)
        tell("moved")
        data = DATA[self.data]
        scale = data.std()
        x, y = (data.means[1] / scale).tolist()
        own = {"modes": len(data.means), "x": x, "y": y, "sd": data.sd / scale, "scale": scale}
        return numbers | {"d_loss": d_loss.item(), "g_loss": g_loss.item(), "price": price} | own


def shipped() -> tuple[nn.Sequential, nn.Sequential]:
    """The trained pair that ships with ganlib: 2-32-32-2 with ReLU and 2-32-32-1 with LeakyReLU of slope 0.2."""
    pair = mlp([2, 32, 32, 2], 0.0), mlp([2, 32, 32, 1], 0.2)
    stored = load_file(WEIGHTS)
    for net, name in zip(pair, ("generator", "discriminator"), strict=True):
        net.load_state_dict({key.removeprefix(f"{name}."): t for key, t in stored.items() if key.startswith(name)})
    return pair[0], nn.Sequential(*pair[1], nn.Flatten(0))


def pack(generator: nn.Module, discriminator: nn.Module, g_shape: dict, d_shape: dict) -> dict:
    """Both players as the page takes them: their shapes, and their weights in one row of float32, little-endian."""
    flat = [p.detach().cpu().float().flatten() for net in (generator, discriminator) for p in net.parameters()]
    weights = torch.cat(flat).numpy().astype("<f4").tobytes()
    return {"layers": {"generator": g_shape, "discriminator": d_shape}, "weights": weights}


def _fixed(columns: int) -> Tensor:
    """Three rows of numbers that the page knows too."""
    row, column = torch.arange(3, dtype=torch.float64), torch.arange(columns, dtype=torch.float64)
    return 1.5 * torch.sin(1 + row.unsqueeze(1) + 2.7 * column)


def _leaves(net: nn.Module) -> list[nn.Module]:
    return [leaf for part in net for leaf in _leaves(part)] if isinstance(net, nn.Sequential) else [net]


def _shape(net: nn.Module, name: str) -> dict:
    """The sizes of a player's layers and the slope between them; ValueError where it is not of the supported shape."""
    *body, last = [leaf for leaf in _leaves(net) if not isinstance(leaf, nn.Flatten)] or [net]
    linear, bends = [*body[::2], last], body[1::2]
    slopes = {0.0 if isinstance(bend, nn.ReLU) else getattr(bend, "negative_slope", -1.0) for bend in bends}
    fits = (
        len(linear) == len(bends) + 1 > 1
        and all(isinstance(layer, nn.Linear) and layer.bias is not None for layer in linear)
        and all(isinstance(bend, nn.ReLU | nn.LeakyReLU) for bend in bends)
        and len(slopes) == 1
        and min(slopes) >= 0
        and last.out_features == (2 if name == "generator" else 1)
        and (name == "generator" or linear[0].in_features == 2)
    )
    if not fits:
        ends = "its last layer must return 2 numbers" if name == "generator" else "it must take 2 numbers and return 1"
        raise ValueError(
            f"The {name} cannot train in the page: it must be an nn.Sequential of linear layers with biases and with "
            f"ReLU, or LeakyReLU of one slope, between them, and {ends}."
        )
    return {"sizes": [linear[0].in_features, *(layer.out_features for layer in linear)], "slope": slopes.pop()}
