"""The digit feature network, whose features every Fréchet distance of the course is measured in.

It classifies ten digits, 28x28, and was trained once on MNIST and on glyphs by ``experiments/train_features.py``. Its
weights ship with the package, so that distances can be compared between runs and machines.
"""

from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

WEIGHTS = Path(__file__).parent / "weights" / "digit_features.safetensors"
FEATURES = 64


class DigitNet(nn.Module):
    """A small convolutional classifier of digits; ``features`` returns what its last layer reads.

    Takes float images (N, 1, 28, 28) in [-1, 1]; returns logits (N, 10), or features (N, 64).
    """

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *_block(1, 24),
            *_block(24, 24),
            nn.MaxPool2d(2),
            *_block(24, 48),
            *_block(48, 48),
            nn.MaxPool2d(2),
            *_block(48, 96),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Linear(9 * 96, FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, 10)

    def features(self, images: Tensor) -> Tensor:
        """The features of ``images``, shape (N, 64)."""
        return self.body(images)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))


@cache
def digit_net(device: str = "cpu") -> DigitNet:
    """The trained network in evaluation mode, loaded once for each device."""
    net = DigitNet()
    net.load_state_dict({name: tensor.float() for name, tensor in load_file(WEIGHTS).items()})
    return net.eval().requires_grad_(False).to(device)


@torch.no_grad()
def digit_features(images: Tensor, batch: int = 500) -> Tensor:
    """Features of digit images, shape (N, 64), on the images' device.

    ``images`` are floats in [-1, 1] of shape (N, 1, H, W). Other sizes than 28 are brought to it first: 32 by
    cutting the border that padding had added, all others by antialiased interpolation.

    Raises ValueError for another number of channels or values outside [-1, 1].
    """
    net = digit_net(str(images.device))
    return torch.cat([net.features(_to_28(part)) for part in _checked(images).split(batch)])


@torch.no_grad()
def classify_digits(images: Tensor, batch: int = 500) -> Tensor:
    """Class probabilities of digit images, shape (N, 10); the images as in ``digit_features``."""
    net = digit_net(str(images.device))
    return torch.cat([net(_to_28(part)).softmax(1) for part in _checked(images).split(batch)])


def _block(before: int, after: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


def _checked(images: Tensor) -> Tensor:
    if images.dim() != 4 or images.shape[1] != 1:
        raise ValueError(
            f"Digit features need images of shape (N, 1, H, W), but these have shape {tuple(images.shape)}."
        )
    if not images.is_floating_point() or not -1.001 <= images.min() <= images.max() <= 1.001:
        raise ValueError(
            f"Digit features need float images in [-1, 1], but these are {images.dtype} from {images.min():.4g} to "
            f"{images.max():.4g}: scale them first, as ImageSet.floats does."
        )
    return images


def _to_28(images: Tensor) -> Tensor:
    if images.shape[-2:] == (28, 28):
        return images
    if images.shape[-2:] == (32, 32):
        return pad(images, (-2, -2, -2, -2))
    return interpolate(images, size=(28, 28), mode="bilinear", antialias=True)
