"""The networks of the course: multilayer perceptrons and DCGANs of any size, and the reference pairs by name.

A generator maps latents of shape (N, latent) to images of shape (N, C, H, W) in [-1, 1]. A discriminator maps such
images to logits of shape (N,). Each is an ``nn.Sequential`` that can be printed and read from top to bottom.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)


def mlp_generator(latent: int, hidden: Sequence[int], shape: Sequence[int], norm: bool = False) -> nn.Sequential:
    """A multilayer perceptron from latents to images of ``shape`` (C, H, W), with a tanh at its end.

    With ``norm`` a BatchNorm stands between each hidden layer and its LeakyReLU(0.2).
    """
    pixels = math.prod(shape)
    return nn.Sequential(
        *_dense([latent, *hidden], norm), nn.Linear(hidden[-1], pixels), nn.Tanh(), nn.Unflatten(1, tuple(shape))
    )


def mlp_discriminator(hidden: Sequence[int], shape: Sequence[int]) -> nn.Sequential:
    """A multilayer perceptron from images of ``shape`` (C, H, W) to one logit each, with LeakyReLU(0.2)."""
    pixels = math.prod(shape)
    return nn.Sequential(nn.Flatten(), *_dense([pixels, *hidden]), nn.Linear(hidden[-1], 1), nn.Flatten(0))


def conv_discriminator(channels: int = 1, widths: Sequence[int] = (32, 64, 128), size: int = 28) -> nn.Sequential:
    """Convolutions 5x5 of stride 2 with LeakyReLU(0.2), then one linear layer to a logit; no normalisation."""
    layers: list[nn.Module] = []
    for before, after in zip([channels, *widths], widths, strict=False):
        layers += [nn.Conv2d(before, after, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
        size = (size + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * size**2, 1), nn.Flatten(0))


def dcgan_generator(
    size: int = 32,
    channels: int = 1,
    width: int = 64,
    latent: int = 100,
    norm: type[nn.Module] | None = nn.BatchNorm2d,
) -> nn.Sequential:
    """The generator of a DCGAN for square images of ``size`` pixels, which must be 4, 5, 6 or 7, doubled at least once.

    One transposed convolution makes a small square from the latent; each further one, 4x4 of stride 2, doubles its
    side and halves its channels, down to ``width`` before the last. Source: Radford et al. 2016.
    """
    start, doublings = _doublings(size)
    widths = [width * 2**i for i in reversed(range(doublings))]
    layers: list[nn.Module] = [
        nn.Unflatten(1, (latent, 1, 1)),
        *_up(latent, widths[0], norm, kernel_size=start, stride=1, padding=0),
    ]
    for before, after in zip(widths, widths[1:], strict=False):
        layers += _up(before, after, norm, kernel_size=4, stride=2, padding=1)
    last = nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1, bias=norm is None)
    return dcgan_init(nn.Sequential(*layers, last, nn.Tanh()))


def dcgan_discriminator(
    size: int = 32,
    channels: int = 1,
    width: int = 64,
    norm: type[nn.Module] | None = nn.BatchNorm2d,
) -> nn.Sequential:
    """The discriminator of a DCGAN, the generator's mirror image: it halves the side and doubles the channels.

    The first layer has no normalisation, as in Radford et al. 2016. ``norm=None`` leaves it out everywhere.
    """
    start, halvings = _doublings(size)
    widths = [width * 2**i for i in range(halvings)]
    bias = norm is None
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=bias), nn.LeakyReLU(0.2)]
    for before, after in zip(widths, widths[1:], strict=False):
        layers.append(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=bias))
        layers += [norm(after)] if norm else []
        layers.append(nn.LeakyReLU(0.2))
    return dcgan_init(nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, start, bias=bias), OneLogit(size)))


class OneLogit(nn.Module):
    """Flatten (N, 1, 1, 1) to (N,), and refuse images that are not of ``size``, which leave several scores each."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    def forward(self, scores: Tensor) -> Tensor:
        outputs = scores.shape[1:].numel()
        if outputs != 1:
            raise ValueError(
                f"This discriminator was built for {self.size}-pixel images, but these leave {outputs} "
                "scores each instead of one: resize the images, or build the discriminator for their size."
            )
        return scores.flatten()


def dcgan_init(model: Net) -> Net:
    """Draw weights from N(0, 0.02²), BatchNorm's from N(1, 0.02²), with biases 0; returns the model.

    Source: Radford et al. 2016, section 4.
    """
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d, nn.BatchNorm1d)):
            is_norm = isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d))
            nn.init.normal_(module.weight, 1.0 if is_norm else 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model


Pair = tuple[nn.Sequential, nn.Sequential]


def _mlp() -> Pair:
    shape = (1, 28, 28)
    return mlp_generator(100, (256, 512), shape), mlp_discriminator((512, 256), shape)


def _mlp_conv() -> Pair:
    return mlp_generator(100, (256, 512, 1024), (1, 28, 28), norm=True), conv_discriminator()


REFERENCE: dict[str, Callable[[], Pair]] = {
    "mlp": _mlp,
    "mlp-conv": _mlp_conv,
    "dcgan-32": lambda: (dcgan_generator(32), dcgan_discriminator(32)),
    "dcgan-64": lambda: (dcgan_generator(64, channels=3), dcgan_discriminator(64, channels=3)),
}


def reference(name: str) -> Pair:
    """The generator and discriminator of a reference net of the course, freshly initialised.

    ``mlp`` (net a) · ``mlp-conv`` (net b) · ``dcgan-32`` (net c, one channel) ·
    ``dcgan-64`` (net d, three channels). All have latents of 100 numbers.
    """
    if name not in REFERENCE:
        raise ValueError(f"There is no reference net {name!r}: choose one of {', '.join(REFERENCE)}.")
    return REFERENCE[name]()


def parameter_count(model: nn.Module) -> int:
    """How many numbers training adjusts in ``model``; buffers, such as BatchNorm's statistics, do not count."""
    return sum(p.numel() for p in model.parameters())


def _dense(sizes: Sequence[int], norm: bool = False) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in zip(sizes, sizes[1:], strict=False):
        layers.append(nn.Linear(before, after))
        layers += [nn.BatchNorm1d(after)] if norm else []
        layers.append(nn.LeakyReLU(0.2))
    return layers


def _up(
    before: int, after: int, norm: type[nn.Module] | None, *, kernel_size: int, stride: int, padding: int
) -> list[nn.Module]:
    convolution = nn.ConvTranspose2d(before, after, kernel_size, stride, padding, bias=norm is None)
    return [convolution, *([norm(after)] if norm else []), nn.ReLU()]


def _doublings(size: int) -> tuple[int, int]:
    """``(s, k)`` with size = s 2^k, 4 <= s <= 7 and k >= 1."""
    start, doublings = size, 0
    while start > 7 and start % 2 == 0:
        start, doublings = start // 2, doublings + 1
    if not 4 <= start <= 7 or doublings == 0:
        fits = [s * 2**k for k in range(1, 11) for s in range(4, 8)]
        nearest = sorted(sorted(fits, key=lambda fit: abs(fit - size))[:2])
        raise ValueError(
            f"A DCGAN cannot make {size}-pixel images: the size must be 4, 5, 6 or 7, doubled at least once, "
            f"such as {nearest[0]} or {nearest[1]}."
        )
    return start, doublings
