"""Reads image data sets from files: MNIST's kind, CIFAR-10, and a person's own pictures.

Each function returns tensors for an ``images.ImageSet``: images, uint8 of shape (N, C, H, W), and labels, int64 of
shape (N,), and names where the files hold them. Whatever is wrong with a file is said in one sentence that names it.
"""

import math
from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganlib import runtime

_OR_GLYPHS = "or go on with glyphs, which need no files (GANLIB_DIGITS=glyphs, or images.glyphs())"
_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def mnist(kind: str, train: bool) -> tuple[Tensor, Tensor]:
    """Images and labels of ``MNIST`` or ``FashionMNIST`` below ``runtime.data_dir()``; downloaded where absent."""
    from torchvision import datasets  # here, since importing torchvision takes a second

    root, loader = runtime.data_dir(), getattr(datasets, kind)
    raw, part = root / kind / "raw", "train" if train else "t10k"
    images, labels = raw / f"{part}-images-idx3-ubyte", raw / f"{part}-labels-idx1-ubyte"
    if not all((raw / Path(name).stem).is_file() for name, _ in loader.resources):
        _download(loader, kind, raw)
    n, height, width = _idx_shape(images, kind, dims=3)
    (n_labels,) = _idx_shape(labels, kind, dims=1)
    if n != n_labels:
        raise _corrupt(labels, kind, f"it holds {n_labels:,} labels for {n:,} images")
    data = loader(root, train=train)
    if data.targets.min() < 0 or data.targets.max() > 9:
        raise _corrupt(labels, kind, f"it holds the label {int(data.targets.max())}")
    return data.data.view(n, 1, height, width), data.targets


def cifar10(train: bool) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images, labels and names of CIFAR-10 below ``runtime.data_dir()``; downloaded where absent."""
    from torchvision.datasets import CIFAR10

    folder = runtime.data_dir() / CIFAR10.base_folder
    if not folder.is_dir():
        _download(CIFAR10, "CIFAR-10", folder)
    try:
        data = CIFAR10(runtime.data_dir(), train=train)
    except RuntimeError as error:  # torchvision compares the MD5 of every file
        raise _corrupt(folder, "CIFAR-10", "a file in it is absent or has the wrong checksum") from error
    images = torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor(data.targets), tuple(data.classes)


def folder(path: str | Path, size: int) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images, labels and class names of a person's own pictures; see ``images.folder``."""
    root = Path(path).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}: give the path of a folder that holds images.")
    if size < 1:
        raise ValueError(f"Images cannot have {size} pixels a side: choose a size of at least 1.")
    entries = sorted(entry for entry in root.iterdir() if not entry.name.startswith("."))
    classes = [entry for entry in entries if entry.is_dir()]
    if classes and _image_files(root):
        raise ValueError(f"{root} holds images beside subfolders: move them into subfolders, one for each class.")
    classes = classes or [root.resolve()]
    files = [_image_files(entry) for entry in classes]
    for entry, paths in zip(classes, files, strict=True):
        if not paths:
            raise ValueError(f"{entry} holds no image: put files there that end in {', '.join(sorted(_SUFFIXES))}.")
    squares = [_square(file, size) for paths in files for file in paths]
    colour = any(square.ndim == 3 for square in squares)
    squares = [np.atleast_3d(square) for square in squares]
    pixels = np.stack([np.broadcast_to(square, (size, size, 3)) if colour else square for square in squares])
    labels = torch.arange(len(classes)).repeat_interleave(torch.tensor([len(paths) for paths in files]))
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), labels, tuple(entry.name for entry in classes)


def _download(loader, kind: str, folder: Path) -> None:
    try:
        loader(runtime.data_dir(), download=True)
    except (RuntimeError, OSError, HTTPException) as error:
        raise FileNotFoundError(
            f"{kind} is not in {folder} and could not be downloaded into it: connect to the network, set GANLIB_DATA "
            f"to a folder that holds it, {_OR_GLYPHS}."
        ) from error


def _corrupt(path: Path, kind: str, what: str) -> ValueError:
    return ValueError(
        f"{path} is truncated or corrupt ({what}): delete it so that {kind} is downloaded again, {_OR_GLYPHS}."
    )


def _idx_shape(path: Path, kind: str, dims: int) -> tuple[int, ...]:
    """The shape that an IDX file of bytes states, once its magic number and its length agree with it.

    The format (Y. LeCun's MNIST page): two zero bytes, the type (8 for bytes), the number of dimensions; then each
    dimension as four bytes, big end first; then the values.
    """
    with path.open("rb") as file:
        head = file.read(4 + 4 * dims)
    if len(head) < 4 + 4 * dims or head[:4] != bytes([0, 0, 8, dims]):
        raise _corrupt(path, kind, f"it does not begin like an IDX file of {dims}-dimensional bytes")
    shape = tuple(int.from_bytes(head[start : start + 4], "big") for start in range(4, len(head), 4))
    stated, size = len(head) + math.prod(shape), path.stat().st_size
    if size != stated or 0 in shape:
        raise _corrupt(path, kind, f"it has {size:,} bytes, but its header states {stated:,}")
    return shape


def _image_files(folder: Path) -> list[Path]:
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.is_file() and entry.suffix.lower() in _SUFFIXES and not entry.name.startswith(".")
    )


def _square(file: Path, size: int) -> np.ndarray:
    """The central square of a picture, resized: uint8 (size, size) if it is grey, else (size, size, 3)."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened)  # as a viewer shows it; this also reads all the pixels
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow's readers raise
        raise ValueError(f"{file} cannot be read as an image: repair it, or take it out of the folder.") from error
    if min(picture.size) < size:
        width, height = picture.size
        raise ValueError(
            f"{file} has {width} × {height} pixels, too few for images of {size} × {size}: "
            "take it out of the folder, or choose a smaller size."
        )
    if picture.mode[0] in "IF":
        raise ValueError(f"{file} has more than 8 bits a pixel: save it with 8, as most programs do by default.")
    grey = picture.mode in ("1", "L", "LA")
    if picture.mode.endswith(("A", "a")) or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
    picture = picture.convert("L" if grey else "RGB")
    return np.array(ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC))
