"""The latent explorer's generators: folded, rounded and run as they should, in Python and in the page."""

import pytest
import torch
from test_widgets import show  # noqa: F401
from torch import nn

from ganlib import models
from ganlib.conditional import ConditionalGenerator, OneHot
from ganlib.widgets import packing
from ganlib.widgets.latent import LatentExplorer


def trained(generator):
    """The generator with weights and statistics that are far from those of a fresh one."""
    torch.manual_seed(0)
    for module in generator.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for values in (module.running_mean, module.weight.data, module.bias.data):
                values.normal_()
            module.running_var.uniform_(0.1, 4)
    return generator


@pytest.mark.parametrize("bits, most", [(8, 0.02), (16, 1e-4)])
@pytest.mark.parametrize(
    "generator, size",
    [
        (lambda: models.mlp_generator(6, (16, 24), (1, 5, 5), norm=True), 6),
        (lambda: models.dcgan_generator(16, channels=3, width=4, latent=6), 6),
        (lambda: models.dcgan_generator(12, width=4, latent=6, norm=None), 6),
        (lambda: ConditionalGenerator(models.dcgan_generator(8, width=4, latent=6), nn.Embedding(3, 2)), 4),
        (lambda: ConditionalGenerator(models.mlp_generator(6, (16,), (1, 5, 5)), OneHot(3)), 3),
    ],
)
def test_the_packed_generator_is_the_generator_up_to_rounding(generator, size, bits, most):
    generator = trained(generator())
    conditional = isinstance(generator, ConditionalGenerator)
    explorer = LatentExplorer(generator, size, bits=bits, way="arc", alpha=0.3, move1=1.5, move2=-0.5)
    assert 0 < explorer.rounding < most
    z, (directions, codes, _) = explorer.z(0.3).float()[None], packing.opened(explorer.net)
    with torch.no_grad():
        generator.eval()
        exact = generator.from_code(z, codes[:1].lerp(codes[-1:], 0.3).float()) if conditional else generator(z)
    assert (explorer.picture(0.3) - exact).abs().max() < 8 * most
    assert directions @ directions.T == pytest.approx(torch.eye(2).double(), abs=1e-6)


def test_pictures_change_more_along_the_directions_than_along_others():
    explorer = LatentExplorer(trained(models.mlp_generator(20, (32,), (1, 5, 5))), 20)
    directions, _, steps = packing.opened(explorer.net)
    z = torch.randn(200, 20).double()

    def change(by):
        return (packing.run(steps, z + 0.01 * by) - packing.run(steps, z)).square().mean()

    first, second = (change(direction) for direction in directions)
    others = torch.stack([change(coordinate) for coordinate in torch.eye(20).double()])
    assert first > second > others.mean() and first > others.max()


@pytest.mark.parametrize(
    "generator, words",
    [
        (nn.Sequential(nn.Linear(8, 4), nn.Sigmoid(), nn.Unflatten(1, (1, 2, 2))), "not Sigmoid"),
        (nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 4), nn.Unflatten(1, (1, 2, 2))), "not BatchNorm1d"),
        (nn.Sequential(nn.Unflatten(1, (8, 1, 1)), nn.ConvTranspose2d(8, 1, (3, 2))), "not ConvTranspose2d"),
        (nn.Sequential(nn.Linear(8, 2)), r"but makes \(64, 2\)"),
    ],
)
def test_what_it_cannot_run_it_names(generator, words):
    with pytest.raises(ValueError, match=words):
        LatentExplorer(generator)


def test_classes_have_one_name_each_and_others_are_refused():
    generator = ConditionalGenerator(models.mlp_generator(6, (4,), (1, 4, 4)), nn.Embedding(3, 2))
    with pytest.raises(ValueError, match="knows 3 classes, but 2 names"):
        LatentExplorer(generator, 4, classes="ab")
    explorer = LatentExplorer(generator, 4)
    assert (explorer.start, explorer.end, explorer.way) == ("0", "2", "stay")
    with pytest.raises(Exception, match="There is no class '7'"):
        explorer.start = "7"


def test_it_leaves_the_random_numbers_and_the_generator_alone():
    generator = models.mlp_generator(6, (4,), (1, 4, 4), norm=True)
    before = torch.get_rng_state()
    LatentExplorer(), LatentExplorer(generator, 6)
    assert torch.equal(before, torch.get_rng_state())
    assert generator.training and next(generator.parameters()).requires_grad


def test_latents_are_normal_and_the_band_holds_95_of_100():
    lengths = torch.tensor([packing.normals(seed, 20) for seed in range(4000)]).norm(dim=1)
    low, high = packing.typical_length(20)
    assert ((low < lengths) & (lengths < high)).double().mean() == pytest.approx(0.95, abs=0.015)
    assert lengths.square().mean() == pytest.approx(20, abs=0.5)
    assert packing.typical_length(1)[1] == pytest.approx(2.2414, abs=1e-3)  # chi with one degree of freedom


def test_classes_and_new_latents_in_the_page(show):  # noqa: F811
    generator = ConditionalGenerator(trained(models.dcgan_generator(8, width=4, latent=6)), nn.Embedding(3, 2))
    page = show(LatentExplorer(generator, 4, classes=["ant", "bee", "cat"], alpha=1.0))
    last, words = page.get_by_role("button", name="New last latent"), page.locator(".tell")
    assert "with latent 1 kept" in words.inner_text() and "1.00 of cat" in words.inner_text() and last.is_hidden()
    page.get_by_label("class at α = 1").select_option("bee")
    assert "1.00 of bee" in words.inner_text()
    page.get_by_label("the latent goes").select_option("line")
    last.click()
    page.get_by_role("button", name="New first latent").click()
    assert "on the straight line from latent 4 to latent 3" in words.inner_text()
    page.get_by_role("button", name="Reset").click()
    assert "with latent 1 kept" in words.inner_text() and last.is_hidden()
