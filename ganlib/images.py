"""Image data sets as one uint8 tensor each, whose batches come as floats in [-1, 1], already on the device."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from numbers import Integral
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from ganlib import datafiles, files, runtime
from ganlib.batches import Batches, to_floats

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


@dataclass(frozen=True, eq=False)
class ImageSet(Dataset):
    """Images, labels and further known truth, held in memory on one device: a Dataset that a DataLoader takes too.

    * ``images``: uint8, (N, C, H, W), from 0 (the background of digits) to 255
    * ``labels``: int64, (N,), each an index into ``names``
    * ``names``: the names of the classes
    * ``factors``: what else is known of each image, by name, (N,) each: for glyphs ``face`` (int64, an index into
      ``glyphs.FACES``), ``slant``, ``weight`` and ``scale`` (float32, see ``glyphs.draw``); empty for other sets
    """

    images: Tensor
    labels: Tensor
    names: tuple[str, ...]
    factors: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self):
        if self.images.dtype != torch.uint8 or self.images.dim() != 4:
            kind = f"{self.images.dtype} of shape {tuple(self.images.shape)}"
            raise ValueError(f"An ImageSet holds images as torch.uint8 of shape (N, C, H, W), but got {kind}.")
        for name, values in {"labels": self.labels, **self.factors}.items():
            if values.shape != self.images.shape[:1]:
                needed, shape = (len(self.images),), tuple(values.shape)
                raise ValueError(f"{name} must have one value for each image, shape {needed}, but has shape {shape}.")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index) -> "ImageSet | tuple[Tensor, int]":
        """The subset at ``index``, a slice, indices or a mask of bools; at one integer the item (image, label).

        The image of an item is float32 in [-1, 1] of shape (C, H, W).
        """
        if isinstance(index, Integral) or (isinstance(index, Tensor) and index.dim() == 0):
            return to_floats(self.images[index]), int(self.labels[index])
        if not isinstance(index, slice):
            index = torch.as_tensor(index, device=self.images.device)
            index = (index if index.dtype == torch.bool else index.long()).reshape(-1)
        factors = {name: values[index] for name, values in self.factors.items()}
        return replace(self, images=self.images[index], labels=self.labels[index], factors=factors)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one image: (C, H, W)."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def to(self, device: torch.device | str) -> "ImageSet":
        """The same set on ``device``, from which its batches then come."""
        factors = {name: values.to(device) for name, values in self.factors.items()}
        return replace(self, images=self.images.to(device), labels=self.labels.to(device), factors=factors)

    def resized(self, size: int) -> "ImageSet":
        """The same set at ``size`` × ``size`` pixels: padded if up to a quarter larger, else resampled.

        From 28 to 32 a border of zeros is added on all sides and no pixel changes (where the border is odd, the right
        and bottom get the extra pixel). From 28 to 64, or to 14, the images are resampled: bilinear, antialiased.
        """
        if size < 1:
            raise ValueError(f"Images cannot have {size} pixels a side: choose a size of at least 1.")
        height, width = self.images.shape[2:]
        if max(height, width) <= size <= 1.25 * min(height, width):
            left, top = (size - width) // 2, (size - height) // 2
            images = F.pad(self.images, (left, size - width - left, top, size - height - top))
        else:
            parts = self.images.split(1000)  # in parts, since floats take four times the memory
            images = torch.cat([_resample(part, size) for part in parts]) if len(self) else self.images
        return replace(self, images=images)

    def floats(self) -> Tensor:
        """All images at once as float32 in [-1, 1]."""
        return to_floats(self.images)

    def batches(
        self, batch_size: int, *, generator: torch.Generator | None = None, with_labels: bool = False
    ) -> Batches:
        """Batches without end: float32 images in [-1, 1] of shape (batch_size, C, H, W), on the set's device.

        Each epoch visits the images in a fresh random order, each at most once; the incomplete last batch is dropped.
        The order comes from ``generator`` (on the CPU), or from PyTorch's global generator where that is None.
        With ``with_labels`` each item is (images, labels).
        """
        if not 1 <= batch_size <= len(self):
            raise ValueError(
                f"A batch of {batch_size} cannot be drawn from {len(self)} images: choose 1 to {len(self)}."
            )
        return Batches(self.images, self.labels, batch_size, generator, with_labels)


def load(name: str, train: bool = True) -> ImageSet:
    """The data set ``name``: glyphs, mnist, fashion_mnist, cifar10 or colour_glyphs; its training or its test part."""
    sets = {"glyphs": glyphs, "mnist": mnist, "fashion_mnist": fashion_mnist, "cifar10": cifar10}
    sets["colour_glyphs"] = colour_glyphs
    if name not in sets:
        raise ValueError(f"There is no data set {name!r}: choose one of {', '.join(sets)}.")
    return sets[name](train)


def digits(train: bool = True) -> ImageSet:
    """The digits that the chapters use: :func:`glyphs`, or :func:`mnist` where ``GANLIB_DIGITS=mnist``."""
    return load(runtime.digits_name(), train)


def glyphs(train: bool = True, *, n: int | None = None, seed: int | None = None, size: int = 28) -> ImageSet:
    """Digits drawn from 24 typefaces with random slant, weight, scale, shift and warp; see :mod:`ganlib.glyphs`.

    20,000 with seed 0 for training and 5,000 with seed 1 for testing, unless ``n`` and ``seed`` say otherwise. The
    same arguments give the same set. Drawing takes a few seconds once; later calls read a file in the cache folder.
    """
    from ganlib import glyphs as renderer

    n = n if n is not None else 20_000 if train else 5_000
    seed = seed if seed is not None else 0 if train else 1
    if n < 1 or size < 8:
        raise ValueError(f"glyphs needs at least 1 image of at least 8 pixels a side, not n={n} and size={size}.")

    def make() -> dict[str, Tensor]:
        images, labels, factors = renderer.render(n, seed=seed, size=size)
        return {"images": images, "labels": labels, **factors}

    key = f"glyphs-v{renderer.VERSION}-n{n}-seed{seed}-size{size}"
    tensors = _cached(runtime.cache_dir() / f"{key}.cache", make)
    images, labels = tensors.pop("images"), tensors.pop("labels")
    return ImageSet(images, labels, DIGITS, tensors)


def colour_glyphs(train: bool = True, *, n: int | None = None, seed: int | None = None, size: int = 28) -> ImageSet:
    """Glyphs stacked by threes into red, green and blue: 1,000 modes; see :func:`stacked`.

    20,000 with seed 0 for training and 5,000 with seed 1 for testing, unless ``n`` and ``seed`` say otherwise, made of
    the :func:`glyphs` of the same part. The same arguments give the same set.
    """
    n = n if n is not None else 20_000 if train else 5_000
    return stacked(glyphs(train, size=size), n, seed if seed is not None else 0 if train else 1)


def stacked(digits: ImageSet, n: int, seed: int) -> ImageSet:
    """``n`` colour images, each of three ``digits`` drawn at random: one in each channel.

    The label, from 0 to 999, reads the three from red to blue. Source: Metz et al. 2017, section 3.3.1.
    """
    if n < 1 or digits.shape[0] != 1 or digits.names != DIGITS:
        raise ValueError(f"Stacking needs digits of one channel and n of at least 1, not {digits.shape} and n={n}.")
    indices = torch.randint(len(digits), (n, 3), generator=torch.Generator().manual_seed(seed)).to(digits.labels.device)
    hundreds, tens, ones = digits.labels[indices].unbind(1)
    names = tuple(f"{label:03}" for label in range(1000))
    return ImageSet(digits.images[indices].squeeze(2), 100 * hundreds + 10 * tens + ones, names)


def mnist(train: bool = True) -> ImageSet:
    """MNIST, 28×28 handwritten digits: 60,000 for training, 10,000 for testing; downloaded where absent."""
    return ImageSet(*datafiles.mnist("MNIST", train), DIGITS)


def fashion_mnist(train: bool = True) -> ImageSet:
    """Fashion-MNIST, 28×28 pictures of clothes: 60,000 for training, 10,000 for testing; downloaded where absent."""
    return ImageSet(*datafiles.mnist("FashionMNIST", train), CLOTHES)


def cifar10(train: bool = True) -> ImageSet:
    """CIFAR-10, 32×32 colour photographs: 50,000 for training, 10,000 for testing; downloaded where absent."""
    return ImageSet(*datafiles.cifar10(train))


def folder(path: str | Path, size: int) -> ImageSet:
    """A person's own images, cropped to their central square and resized to ``size`` × ``size`` pixels.

    Each subfolder is a class; without subfolders all images are of one class, named for the folder. Hidden files and
    those without an image's suffix are passed over. Grey if every image is grey, else RGB; transparent parts turn
    black. A file that cannot be read, or has fewer than ``size`` pixels on a side, is an error that names it.
    """
    return ImageSet(*datafiles.folder(path, size))


def _resample(images: Tensor, size: int) -> Tensor:
    resampled = F.interpolate(images.float(), size=(size, size), mode="bilinear", antialias=True)
    return resampled.round_().clamp_(0, 255).to(torch.uint8)


def _cached(file: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors in ``file`` if it is there and whole; else those that ``make`` makes, which are then kept in it."""
    stored = file.read_bytes() if file.is_file() else b""
    checksum, content = stored[:32], stored[32:]
    if sha256(content).digest() == checksum:
        return safetensors.torch.load(content)
    tensors = make()
    content = safetensors.torch.save(tensors)
    try:
        files.write(file, sha256(content).digest() + content)
    except OSError as error:
        warnings.warn(f"{file} could not be written ({error}): the digits will be drawn anew each time.", stacklevel=3)
    return tensors
