"""The networks: shapes, parameter counts from the sizes of their layers, initial weights, and one training step."""

import itertools

import pytest
import torch
from torch import nn

from ganlib import models, training

SIZES = (8, 28, 32, 48, 64, 96)


def dense(*sizes):
    """Weights and biases of linear layers between ``sizes``."""
    return sum((before + 1) * after for before, after in itertools.pairwise(sizes))


def convolutions(kernel, *channels, bias=False):
    """Weights of ``kernel`` × ``kernel`` convolutions, plain or transposed, between ``channels``."""
    return sum((kernel**2 * before + bias) * after for before, after in itertools.pairwise(channels))


def norms(*widths):
    return 2 * sum(widths)


REFERENCE = {  # generator, discriminator, channels, size
    "mlp": (dense(100, 256, 512, 784), dense(784, 512, 256, 1), 1, 28),
    "mlp-conv": (
        dense(100, 256, 512, 1024, 784) + norms(256, 512, 1024),
        convolutions(5, 1, 32, 64, 128, bias=True) + dense(4 * 4 * 128, 1),
        1,
        28,
    ),
    "dcgan-32": (
        convolutions(4, 100, 256, 128, 64, 1) + norms(256, 128, 64),
        convolutions(4, 1, 64, 128, 256, 1) + norms(128, 256),
        1,
        32,
    ),
    "dcgan-64": (
        convolutions(4, 100, 512, 256, 128, 64, 3) + norms(512, 256, 128, 64),
        convolutions(4, 3, 64, 128, 256, 512, 1) + norms(128, 256, 512),
        3,
        64,
    ),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_reference_pairs_have_their_shapes_and_parameter_counts(name):
    g_count, d_count, channels, size = REFERENCE[name]
    torch.manual_seed(0)
    generator, discriminator = models.reference(name)
    assert models.parameter_count(generator) == g_count
    assert models.parameter_count(discriminator) == d_count
    fakes = generator(100 * torch.randn(2, 100))  # latents far out, to reach the ends of the range
    assert fakes.shape == (2, channels, size, size) and -1 <= fakes.min() < -0.3 < 0.3 < fakes.max() <= 1
    assert discriminator(fakes).shape == (2,)


def test_the_published_parameter_counts():
    assert REFERENCE["mlp"][:2] == (559_632, 533_505)
    assert REFERENCE["dcgan-64"][:2] == (3_576_704, 2_765_568)
    assert set(models.REFERENCE) == set(REFERENCE)


def test_buffers_are_no_parameters():
    assert models.parameter_count(nn.BatchNorm1d(5)) == 10


def test_an_unknown_net_lists_the_known_ones():
    with pytest.raises(ValueError, match="no reference net 'dcgan': choose one of mlp, mlp-conv, dcgan-32, dcgan-64."):
        models.reference("dcgan")


def trains(generator, discriminator, shape, latent=6):
    """One training step on four images, which must move every weight of both players and leave it finite."""
    torch.manual_seed(0)
    before = [[p.detach().clone() for p in net.parameters()] for net in (generator, discriminator)]
    real, z = torch.rand(4, *shape) * 2 - 1, torch.randn(4, latent)
    fakes = generator(z)
    assert fakes.shape == real.shape and fakes.abs().max() <= 1
    optimizers = training.adam(generator), training.adam(discriminator)
    measured = training.step(generator, discriminator, *optimizers, real, z)
    assert torch.stack(measured).isfinite().all()
    for net, old in zip((generator, discriminator), before, strict=True):
        for (name, parameter), value in zip(net.named_parameters(), old, strict=True):
            assert parameter.isfinite().all() and not parameter.equal(value), f"{name} did not move"


@pytest.mark.parametrize("norm", [False, True])
def test_mlp_pair_trains_at_small_width(norm):
    shape = (3, 5, 4)
    trains(models.mlp_generator(6, (8, 9), shape, norm), models.mlp_discriminator((9, 8), shape), shape)


@pytest.mark.parametrize("size", [28, 32, 5])
def test_mlp_conv_pair_trains_at_small_width(size):
    shape = (2, size, size)
    generator = models.mlp_generator(6, (8, 9, 10), shape, norm=True)
    trains(generator, models.conv_discriminator(2, (3, 4, 5), size), shape)


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, None])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_dcgan_pair_of_every_size_trains(size, channels, norm):
    generator = models.dcgan_generator(size, channels, 4, 6, norm)
    discriminator = models.dcgan_discriminator(size, channels, 4, norm)
    modules = [*generator.modules(), *discriminator.modules()]
    assert any(isinstance(m, nn.BatchNorm2d) for m in modules) is (norm is not None)
    trains(generator, discriminator, (channels, size, size))


def test_widths_double_towards_the_small_end():
    def convolved(model):
        return [(m.in_channels, m.out_channels, m.kernel_size[0]) for m in model if hasattr(m, "kernel_size")]

    assert convolved(models.dcgan_generator(56, 3, 4, 6)) == [(6, 16, 7), (16, 8, 4), (8, 4, 4), (4, 3, 4)]
    assert convolved(models.dcgan_discriminator(56, 3, 4)) == [(3, 4, 4), (4, 8, 4), (8, 16, 4), (16, 1, 7)]


def test_no_norm_beside_the_images():
    assert isinstance(models.dcgan_discriminator(32)[1], nn.LeakyReLU)
    assert isinstance(models.dcgan_generator(32)[-2], nn.ConvTranspose2d)


@pytest.mark.parametrize("name", ["dcgan-32", "dcgan-64"])
def test_dcgans_start_from_small_normal_weights(name):
    torch.manual_seed(0)
    for module in itertools.chain.from_iterable(net.modules() for net in models.reference(name)):
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)):
            weight, n = module.weight, module.weight.numel()
            mean = 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0
            assert abs(weight.mean() - mean) < 5 * 0.02 / n**0.5
            assert abs(weight.std() / 0.02 - 1) < 5 / (2 * n) ** 0.5
        assert getattr(module, "bias", None) is None or not module.bias.any()


def test_biases_of_a_dcgan_without_norm_start_at_zero():
    for net in (models.dcgan_generator(16, width=4, norm=None), models.dcgan_discriminator(16, width=4, norm=None)):
        biases = [p for name, p in net.named_parameters() if name.endswith("bias")]
        assert len(biases) == 3 and not any(b.any() for b in biases)


def test_mlps_keep_pytorchs_initial_weights():
    torch.manual_seed(0)
    for net in models.reference("mlp"):
        for layer in (m for m in net if isinstance(m, nn.Linear)):
            expected = (3 * layer.in_features) ** -0.5  # the sd of a uniform distribution on ±1/√n
            assert layer.weight.std().item() == pytest.approx(expected, rel=5 / layer.weight.numel() ** 0.5)


@pytest.mark.parametrize("make", [models.dcgan_generator, models.dcgan_discriminator])
@pytest.mark.parametrize(
    ("size", "nearest"),
    [(30, "28 or 32"), (4, "8 or 10"), (27, "24 or 28"), (100, "96 or 112"), (0, "8 or 10"), (-8, "8 or 10")],
)
def test_sizes_that_cannot_be_made_name_the_nearest_that_can(make, size, nearest):
    with pytest.raises(ValueError) as refused:
        make(size)
    assert str(refused.value) == (
        f"A DCGAN cannot make {size}-pixel images: the size must be 4, 5, 6 or 7, doubled at least once, such as "
        f"{nearest}."
    )


def test_images_of_another_size_are_refused():
    discriminator = models.dcgan_discriminator(64, width=4)
    with pytest.raises(ValueError, match="built for 64-pixel images, but these leave 25 scores each instead of one: "):
        discriminator(torch.zeros(2, 1, 128, 128))
    assert discriminator(torch.zeros(1, 1, 64, 64)).shape == (1,)
