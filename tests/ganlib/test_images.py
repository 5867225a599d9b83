"""Image sets and their batches, and the data sets that ganlib draws itself."""

import itertools

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, random_split

from ganlib import images
from ganlib.images import ImageSet


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANLIB_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("GANLIB_DIGITS", raising=False)


@pytest.fixture
def ten():
    """Ten 4×4 images, the i-th filled with 10·i, labelled i % 2, with its number as a factor."""
    number = torch.arange(10)
    pixels = (10 * number).to(torch.uint8)[:, None, None, None].expand(10, 1, 4, 4).contiguous()
    return ImageSet(pixels, number % 2, ("even", "odd"), {"number": number})


def numbers(batch):
    """Which of ``ten`` the images of a batch are."""
    return ((batch[:, 0, 0, 0] + 1) * 127.5 / 10).round().long()


def test_length_shape_and_floats(ten):
    assert len(ten) == 10 and ten.shape == (1, 4, 4)
    extremes = ImageSet(torch.tensor([0, 255, 51], dtype=torch.uint8).view(3, 1, 1, 1), torch.zeros(3).long(), ("x",))
    assert extremes.floats().dtype == torch.float32
    assert torch.allclose(extremes.floats().flatten(), torch.tensor([-1.0, 1.0, -0.6]), atol=1e-6)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (slice(2, 5), [2, 3, 4]),
        ([7, 1], [7, 1]),
        (torch.tensor([3, 3]), [3, 3]),
        (torch.arange(10) > 7, [8, 9]),
        (slice(-1, None), [9]),
        ([], []),
    ],
)
def test_subsets_keep_images_labels_and_factors_together(ten, index, expected):
    part = ten[index]
    assert isinstance(part, ImageSet) and part.factors["number"].tolist() == expected
    assert part.images[:, 0, 0, 0].tolist() == [10 * number for number in expected]
    assert part.labels.tolist() == [number % 2 for number in expected]
    assert part.names == ten.names


@pytest.mark.parametrize("index", [3, -1, np.int64(3), torch.tensor(3)])
def test_one_integer_gives_an_item_as_a_dataset_does(ten, index):
    image, label = ten[index]
    assert image.shape == (1, 4, 4) and image.dtype == torch.float32
    assert image.equal(ten.floats()[index]) and label == ten.labels[index] and type(label) is int


def test_a_loader_takes_a_set_and_its_subsets(ten):
    assert isinstance(ten, Dataset)
    for data, expected in ((ten, list(range(10))), (ten[4:7], [4, 5, 6]), (random_split(ten, [9, 1])[1], None)):
        batches = list(DataLoader(data, batch_size=3))
        seen = torch.cat([numbers(image) for image, _ in batches])
        assert seen.tolist() == (expected or data.indices)
        assert torch.cat([labels for _, labels in batches]).equal(seen % 2)
        assert all(image.dtype == torch.float32 and -1 <= image.min() <= image.max() <= 1 for image, _ in batches)
    assert [label for _, label in ten] == [number % 2 for number in range(10)]  # and it ends
    with pytest.raises(IndexError):
        ten[10]


def test_to_moves_every_tensor(ten):
    moved = ten.to("meta")
    assert {moved.images.device.type, moved.labels.device.type, moved.factors["number"].device.type} == {"meta"}


def test_malformed_sets_are_refused():
    with pytest.raises(ValueError, match="uint8 of shape"):
        ImageSet(torch.zeros(2, 1, 4, 4), torch.zeros(2).long(), ("x",))
    with pytest.raises(ValueError, match="labels must have one value for each image"):
        ImageSet(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(3).long(), ("x",))


def test_each_epoch_visits_each_image_once_in_a_new_order(ten):
    batches = ten.batches(5, generator=torch.Generator().manual_seed(0))
    epochs = [torch.cat([numbers(next(batches)) for _ in range(2)]).tolist() for _ in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_incomplete_last_batch_is_dropped(ten):
    batches = ten.batches(4, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        epoch = torch.cat([numbers(next(batches)) for _ in range(2)])
        assert epoch.numel() == 8 and epoch.unique().numel() == 8


def test_batches_are_floats_in_range_with_their_labels(ten):
    for batch, labels in itertools.islice(ten.batches(3, with_labels=True), 5):
        assert batch.shape == (3, 1, 4, 4) and batch.dtype == torch.float32
        assert batch.min() >= -1 and batch.max() <= 1
        assert labels.equal(numbers(batch) % 2)


def test_order_comes_from_the_generator_alone(ten):
    def first_order(seed):
        return numbers(next(ten.batches(10, generator=torch.Generator().manual_seed(seed)))).tolist()

    before = torch.get_rng_state()
    assert first_order(1) == first_order(1) != first_order(2)
    assert torch.get_rng_state().equal(before)


def test_without_a_generator_the_global_one_decides(ten):
    torch.manual_seed(5)
    first = next(ten.batches(10))
    torch.manual_seed(5)
    assert first.equal(next(ten.batches(10)))


def test_a_batch_never_shares_memory_with_the_set(ten):
    next(ten.batches(10)).fill_(0)
    assert ten.images[:, 0, 0, 0].tolist() == [10 * number for number in range(10)]


@pytest.mark.parametrize("batch_size", [0, -1, 11])
def test_impossible_batch_sizes_fail_at_once(ten, batch_size):
    with pytest.raises(ValueError, match=f"A batch of {batch_size} cannot be drawn from 10 images: choose 1 to 10."):
        ten.batches(batch_size)


def test_slightly_larger_is_padded_with_zeros_and_keeps_every_pixel():
    pixels = torch.randint(1, 256, (3, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    padded = ImageSet(pixels, torch.zeros(3).long(), ("x",)).resized(32).images
    assert padded.shape == (3, 1, 32, 32) and padded[:, :, 2:30, 2:30].equal(pixels)
    assert padded.int().sum() == pixels.int().sum()


@pytest.mark.parametrize("size", [64, 14])
def test_other_sizes_are_resampled(size):
    ramp = torch.linspace(0, 252, 28).round().to(torch.uint8).expand(1500, 1, 28, 28)
    resized = ImageSet(ramp, torch.zeros(1500).long(), ("x",)).resized(size)
    assert resized.shape == (1, size, size) and len(resized) == 1500
    columns = resized.images[1400, 0].float()
    assert columns.std(0).max() == 0 and (columns[0].diff() >= 0).all()
    assert abs(columns.mean() - ramp[0].float().mean()) < 1
    assert columns[0, 0] < 20 and columns[0, -1] > 230


def test_the_same_size_changes_nothing_and_no_size_is_refused(ten):
    assert ten.resized(4).images.equal(ten.images)
    with pytest.raises(ValueError, match="Images cannot have 0 pixels a side"):
        ten.resized(0)


def test_unknown_data_set_lists_the_known_ones():
    with pytest.raises(ValueError, match="no data set 'minst': choose one of glyphs, mnist, fashion_mnist, cifar10"):
        images.load("minst")


def test_digits_are_glyphs_unless_asked_for_mnist(monkeypatch):
    monkeypatch.setattr(images, "glyphs", lambda train: ("glyphs", train))
    monkeypatch.setattr(images, "mnist", lambda train: ("mnist", train))
    assert images.digits() == ("glyphs", True)
    monkeypatch.setenv("GANLIB_DIGITS", "mnist")
    assert images.digits(train=False) == ("mnist", False)
    assert images.load("glyphs", train=False) == ("glyphs", False)


def test_glyphs_carry_their_truth_and_come_back_from_the_cache(monkeypatch, tmp_path):
    first = images.glyphs(n=200)
    assert first.shape == (1, 28, 28) and len(first) == 200 and first.names == tuple("0123456789")
    assert set(first.factors) == {"face", "slant", "weight", "scale"}
    (cached,) = (tmp_path / "cache").iterdir()  # and no temporary file beside it

    monkeypatch.setattr("ganlib.glyphs.render", None)  # so that a second drawing would fail
    second = images.glyphs(n=200)
    assert first.images.equal(second.images) and first.labels.equal(second.labels)
    assert all(first.factors[name].equal(second.factors[name]) for name in first.factors)


@pytest.mark.parametrize("harm", [lambda b: b"", lambda b: b[:1000], lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_a_corrupt_cache_is_made_again(tmp_path, harm):
    first = images.glyphs(n=50)
    (cached,) = (tmp_path / "cache").iterdir()
    whole = cached.read_bytes()
    cached.write_bytes(harm(whole))
    assert images.glyphs(n=50).images.equal(first.images)
    assert cached.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_said_and_survived(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="could not be written"):
        assert len(images.glyphs(n=20)) == 20


def test_training_and_test_glyphs_differ_and_each_argument_has_its_own_cache(tmp_path):
    train, test = images.glyphs(True, n=40), images.glyphs(False, n=40)
    assert not train.images.equal(test.images)
    assert not train.images.equal(images.glyphs(n=40, seed=9).images)
    assert images.glyphs(n=40, size=32).shape == (1, 32, 32)
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_impossible_glyphs_are_refused():
    with pytest.raises(ValueError, match="at least 1 image of at least 8 pixels"):
        images.glyphs(n=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
def test_batches_come_from_the_gpu(ten):
    batch, labels = next(ten.to("cuda").batches(4, generator=torch.Generator().manual_seed(0), with_labels=True))
    assert batch.is_cuda and labels.is_cuda and len(ten.to("cuda")[[1, 2]]) == 2
    assert batch.cpu().equal(next(ten.batches(4, generator=torch.Generator().manual_seed(0))))
