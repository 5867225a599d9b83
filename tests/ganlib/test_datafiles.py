"""Data sets from files: what is read, and what is said of files that are absent, broken or unfit."""

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course.layout import ROOT
from ganlib import images

SHARED = Path(os.environ.get("GANLIB_DATA") or ROOT.parent / "shared" / "data")  # read before each test
needs_mnist = pytest.mark.skipif(
    not (SHARED / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file(),
    reason="no MNIST here: set GANLIB_DATA to a folder that holds MNIST/raw/*-ubyte",
)


@pytest.fixture(autouse=True)
def data(monkeypatch, tmp_path):
    folder = tmp_path / "data"
    monkeypatch.setenv("GANLIB_DATA", str(folder))
    return folder


@pytest.fixture
def offline(monkeypatch):
    """No network: every address that torchvision would load from names a file that is not there."""
    from torchvision import datasets

    monkeypatch.setattr(datasets.MNIST, "mirrors", ["file:///absent/"])
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", ["file:///absent/"])
    monkeypatch.setattr(datasets.CIFAR10, "url", "file:///absent/cifar-10-python.tar.gz")


def write_idx(path, values):
    head = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(head + values.tobytes())


@pytest.fixture
def tiny(data):
    """An MNIST of 20 training and 10 test images, as files."""
    raw = data / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 20), ("t10k", 10)):
        pixels = np.arange(n * 28 * 28, dtype=np.uint32).reshape(n, 28, 28) % 251
        write_idx(raw / f"{part}-images-idx3-ubyte", pixels.astype(np.uint8))
        write_idx(raw / f"{part}-labels-idx1-ubyte", (np.arange(n) % 10).astype(np.uint8))
    return raw


def test_mnist_files_are_read(tiny):
    train, test = images.mnist(), images.mnist(train=False)
    assert (len(train), len(test)) == (20, 10) and train.shape == (1, 28, 28)
    assert train.images[1, 0, 0, :3].tolist() == [784 % 251, 785 % 251, 786 % 251]
    assert train.labels.tolist() == list(range(10)) * 2 and train.names[7] == "7" and train.factors == {}


@needs_mnist
def test_the_real_mnist(monkeypatch):
    monkeypatch.setenv("GANLIB_DATA", str(SHARED))
    monkeypatch.setenv("GANLIB_DIGITS", "mnist")
    test = images.digits(train=False)
    assert len(test) == 10_000 and test.shape == (1, 28, 28)
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert hashlib.md5(test.images.numpy().tobytes()).hexdigest() == "240610fa99e73bfa49df8e7fc24d3206"


@pytest.mark.parametrize("part", ["images-idx3-ubyte", "labels-idx1-ubyte"])
@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda content: content[:-5], id="truncated"),
        pytest.param(lambda content: content[:6], id="only a part of the header"),
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: content + b"\0", id="too long"),
        pytest.param(lambda content: b"<html>" + content[6:], id="another format"),
        pytest.param(lambda content: content[:4] + b"\xff" * 4 + content[8:], id="an absurd size"),
    ],
)
def test_corrupt_idx_files_are_named(tiny, part, harm):
    file = tiny / f"train-{part}"
    file.write_bytes(harm(file.read_bytes()))
    with pytest.raises(ValueError, match="delete it so that MNIST is downloaded again, or go on with glyphs") as caught:
        images.mnist()
    assert str(caught.value).startswith(f"{file} is truncated or corrupt (")
    assert len(images.mnist(train=False)) == 10  # the other part is whole


@pytest.mark.parametrize("labels", [np.arange(19) % 10, np.arange(20)])
def test_labels_that_do_not_fit_are_corrupt(tiny, labels):
    write_idx(tiny / "train-labels-idx1-ubyte", labels.astype(np.uint8))
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte is truncated or corrupt .it holds"):
        images.mnist()


@pytest.mark.parametrize(
    ("load", "where"),
    [(images.mnist, "MNIST/raw"), (images.fashion_mnist, "FashionMNIST/raw"), (images.cifar10, "cifar-10-batches-py")],
)
def test_absent_data_offline_says_where_it_looked_and_how_to_go_on(offline, data, load, where):
    with pytest.raises(FileNotFoundError, match="could not be downloaded.*GANLIB_DATA.*GANLIB_DIGITS=glyphs") as caught:
        load()
    assert str(data / where) in str(caught.value)
    assert caught.value.__cause__ is not None


def test_fashion_mnist_has_its_own_folder_and_torchvisions_names(tiny):
    from torchvision.datasets import FashionMNIST

    tiny.parent.rename(tiny.parents[1] / "FashionMNIST")
    fashion = images.fashion_mnist()
    assert len(fashion) == 20 and list(fashion.names) == FashionMNIST.classes


def write_cifar(folder, monkeypatch):
    """A CIFAR-10 of 2 training and 2 test images, red and blue, whose checksums torchvision is told to expect."""
    from torchvision.datasets import CIFAR10

    folder.mkdir(parents=True)
    pixels = np.zeros((2, 3, 1024), dtype=np.uint8)
    pixels[0, 0], pixels[1, 2] = 255, 255

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    batch = {"data": pixels.reshape(2, -1), "labels": [1, 0]}
    monkeypatch.setattr(CIFAR10, "train_list", [write("data_batch_1", batch)])
    monkeypatch.setattr(CIFAR10, "test_list", [write("test_batch", batch)])
    filename, md5 = write("batches.meta", {"label_names": ["airplane", "automobile"]})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": filename, "key": "label_names", "md5": md5})


def test_cifar10_is_read_and_its_corruption_named(data, monkeypatch):
    folder = data / "cifar-10-batches-py"
    write_cifar(folder, monkeypatch)
    photos = images.cifar10()
    assert photos.images.shape == (2, 3, 32, 32) and photos.images.is_contiguous()
    assert photos.images[0, :, 5, 5].tolist() == [255, 0, 0] and photos.images[1, :, 5, 5].tolist() == [0, 0, 255]
    assert photos.labels.tolist() == [1, 0] and photos.names == ("airplane", "automobile")

    (folder / "data_batch_1").write_bytes(b"half")
    with pytest.raises(ValueError, match="delete it so that CIFAR-10 is downloaded again") as caught:
        images.cifar10()
    assert str(folder) in str(caught.value) and caught.value.__cause__ is not None


def save(path, colour, size=(20, 16), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def test_own_pictures_in_one_folder_are_one_class(tmp_path):
    save(tmp_path / "mine" / "b.png", (0, 255, 0))
    save(tmp_path / "mine" / "a.PNG", (255, 0, 0))
    (tmp_path / "mine" / "notes.txt").write_text("not an image")
    (tmp_path / "mine" / ".hidden.png").write_text("not an image")
    own = images.folder(tmp_path / "mine", 8)
    assert own.images.shape == (2, 3, 8, 8) and own.names == ("mine",) and own.labels.tolist() == [0, 0]
    assert own.images[:, :, 4, 4].tolist() == [[255, 0, 0], [0, 255, 0]]


def test_subfolders_are_classes(tmp_path):
    save(tmp_path / "mine" / "dogs" / "1.png", 200, mode="L")
    save(tmp_path / "mine" / "cats" / "1.png", 100, mode="L")
    save(tmp_path / "mine" / "cats" / "2.png", 50, mode="L")
    own = images.folder(tmp_path / "mine", 8)
    assert own.names == ("cats", "dogs") and own.labels.tolist() == [0, 0, 1]
    assert own.shape == (1, 8, 8) and own.images[:, 0, 0, 0].tolist() == [100, 50, 200]


def test_one_coloured_picture_makes_the_set_rgb(tmp_path):
    save(tmp_path / "mine" / "1.png", 77, mode="L")
    save(tmp_path / "mine" / "2.png", (1, 2, 3))
    assert images.folder(tmp_path / "mine", 8).images[:, :, 0, 0].tolist() == [[77, 77, 77], [1, 2, 3]]


def test_transparent_parts_turn_black(tmp_path):
    save(tmp_path / "mine" / "1.png", (255, 255, 255, 0), mode="RGBA")
    save(tmp_path / "mine" / "2.png", (255, 255, 255, 255), mode="RGBA")
    assert images.folder(tmp_path / "mine", 8).images.flatten(1).float().mean(1).tolist() == [0, 255]


def test_a_picture_is_cropped_to_its_central_square(tmp_path):
    picture = np.full((8, 24), 255, dtype=np.uint8)
    picture[:, 8:16] = 100
    (tmp_path / "mine").mkdir()
    Image.fromarray(picture).save(tmp_path / "mine" / "1.png")
    assert images.folder(tmp_path / "mine", 8).images.unique().tolist() == [100]


def test_unreadable_pictures_are_named(tmp_path):
    save(tmp_path / "mine" / "good.png", (9, 9, 9), size=(64, 64))
    content = (tmp_path / "mine" / "good.png").read_bytes()
    for harmed in (b"not an image", content[: len(content) // 2]):
        (tmp_path / "mine" / "bad.png").write_bytes(harmed)
        with pytest.raises(ValueError, match=r"bad\.png cannot be read as an image: repair it, or take it out"):
            images.folder(tmp_path / "mine", 8)


def test_too_small_pictures_are_named(tmp_path):
    save(tmp_path / "mine" / "small.png", (9, 9, 9), size=(40, 7))
    with pytest.raises(ValueError, match=r"small\.png has 40 × 7 pixels, too few for images of 8 × 8"):
        images.folder(tmp_path / "mine", 8)


def test_sixteen_bit_pictures_are_named(tmp_path):
    save(tmp_path / "mine" / "deep.png", 4000, mode="I;16")
    with pytest.raises(ValueError, match=r"deep\.png has more than 8 bits"):
        images.folder(tmp_path / "mine", 8)


def test_folders_without_pictures_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder .*nowhere"):
        images.folder(tmp_path / "nowhere", 8)
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="mine holds no image"):
        images.folder(tmp_path / "mine", 8)
    save(tmp_path / "mine" / "cats" / "1.png", (1, 1, 1))
    (tmp_path / "mine" / "dogs").mkdir()
    with pytest.raises(ValueError, match="dogs holds no image"):
        images.folder(tmp_path / "mine", 8)
    save(tmp_path / "mine" / "loose.png", (1, 1, 1))
    with pytest.raises(ValueError, match="holds images beside subfolders"):
        images.folder(tmp_path / "mine", 8)


def test_a_set_of_own_pictures_trains_like_any_other(tmp_path):
    save(tmp_path / "mine" / "1.png", (255, 255, 255))
    assert next(images.folder(tmp_path / "mine", 8).batches(1)).equal(torch.ones(1, 3, 8, 8))
