"""Conditional players: what they compute, how they train, and what they say to labels that do not fit."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from ganlib import conditional, images, losses, models, training
from ganlib.penalties import half_squared_norm, r1_and_r2

K, LATENT, SIZE = 3, 5, 8
KINDS = ("concatenation", "auxiliary", "projection")


def make_generator(code=None):
    torch.manual_seed(0)
    code = code or nn.Embedding(K, 2)
    body = models.dcgan_generator(SIZE, width=4, latent=LATENT + code.embedding_dim)
    return conditional.ConditionalGenerator(body, code)


def make_discriminator(kind):
    torch.manual_seed(0)
    if kind == "concatenation":
        return conditional.ConcatDiscriminator(models.dcgan_discriminator(SIZE, 1 + K, 4, norm=None), K)
    kinds = {"auxiliary": conditional.AuxiliaryDiscriminator, "projection": conditional.ProjectionDiscriminator}
    return kinds[kind](models.dcgan_discriminator(SIZE, width=4, norm=None), K)


def take_a_step(pair, kind, game=losses.non_saturating, penalty=None):
    x, labels, z = batch()
    optimizers = [training.adam(player) for player in pair]
    measured = training.step(*pair, *optimizers, x, z, game_for(kind, game), penalty, (labels,))
    assert torch.stack(measured).isfinite().all()
    return labels


def game_for(kind, game=losses.non_saturating):
    return conditional.auxiliary(game) if kind == "auxiliary" else game


def batch(n=6):
    torch.manual_seed(1)
    return torch.rand(n, 1, SIZE, SIZE) * 2 - 1, torch.arange(n) % K, torch.randn(n, LATENT)


def test_one_hot_is_a_row_of_the_identity():
    code = conditional.OneHot(K)
    assert code(torch.tensor([2, 0])).equal(torch.tensor([[0.0, 0, 1], [1, 0, 0]]))
    assert not list(code.parameters()) and (code.num_embeddings, code.embedding_dim) == (K, K)


@pytest.mark.parametrize("code", [conditional.OneHot(K), nn.Embedding(K, 2)])
def test_a_generator_reads_the_latent_and_then_the_code(code):
    generator = make_generator(code).eval()
    _, labels, z = batch()
    made = generator(z, labels)
    assert made.shape == (6, 1, SIZE, SIZE)
    assert made.equal(generator.body(torch.cat([z, code(labels)], 1)))
    assert made.equal(generator.from_code(z, code(labels)))
    assert not made.allclose(generator(z, (labels + 1) % K), atol=1e-4)


def test_concatenation_appends_planes_of_ones_and_zeros():
    discriminator = make_discriminator("concatenation")
    x, labels, _ = batch()
    seen = []
    discriminator.body.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs))
    assert discriminator(x, labels).shape == (6,)
    assert seen[0][:, :1].equal(x)
    for sample, label in zip(seen[0], labels, strict=True):
        planes = torch.zeros(K, SIZE, SIZE)
        planes[label] = 1
        assert sample[1:].equal(planes)


@pytest.mark.parametrize(
    "unconditional",
    [
        models.dcgan_discriminator(SIZE, width=4),
        models.mlp_discriminator((6, 5), (1, SIZE, SIZE)),
        models.conv_discriminator(1, (3, 4), SIZE),
    ],
)
def test_projection_adds_the_inner_product_with_the_features(unconditional):
    whole = copy.deepcopy(unconditional).eval()
    discriminator = conditional.ProjectionDiscriminator(unconditional, K).eval()
    x, labels, _ = batch()
    vectors = discriminator.directions.weight
    with torch.no_grad():
        h = whole[:-2](x).flatten(1)
        products = [torch.dot(vectors[label], features) for label, features in zip(labels, h, strict=True)]
        torch.testing.assert_close(discriminator(x, labels), whole(x) + torch.stack(products))
        vectors.zero_()
        assert discriminator(x, labels).equal(whole(x))


def test_the_auxiliary_reports_the_logit_and_the_log_probability_of_the_label():
    discriminator = make_discriminator("auxiliary")
    x, labels, _ = batch()
    seen = discriminator(x, labels)
    h = discriminator.features(x)
    assert seen.shape == (6, 2) and seen[:, 0].equal(discriminator.head(h))
    torch.testing.assert_close(-seen[:, 1].mean(), cross_entropy(discriminator.classifier(h.flatten(1)), labels))
    others = torch.stack([discriminator(x, torch.full_like(labels, label))[:, 1] for label in range(K)])
    torch.testing.assert_close(others.exp().sum(0), torch.ones(6))


@pytest.mark.parametrize("game", [losses.non_saturating, losses.relativistic])
def test_the_auxiliary_game_adds_the_class_loss_to_both_players(game):
    torch.manual_seed(0)
    real, fake = torch.randn(4, 2), torch.randn(4, 2)
    both = conditional.auxiliary(game, weight=0.5)
    expected = game.discriminator(real[:, 0], fake[:, 0]) - 0.5 * real[:, 1].mean()
    reals_alone = conditional.auxiliary(game, weight=0.5, from_fakes=False)
    torch.testing.assert_close(reals_alone.discriminator(real, fake), expected)
    torch.testing.assert_close(both.discriminator(real, fake), expected - 0.5 * fake[:, 1].mean())
    seen = (real, fake) if game.paired else (fake,)
    expected = game.generator(*(pair[:, 0] for pair in seen)) - 0.5 * fake[:, 1].mean()
    torch.testing.assert_close(both.generator(*seen), expected)
    torch.testing.assert_close(reals_alone.generator(*seen), expected)
    assert both.paired == game.paired


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_moves_every_weight_of_both_players(kind):
    pair = make_generator(), make_discriminator(kind)
    before = [{name: weight.detach().clone() for name, weight in player.named_parameters()} for player in pair]
    take_a_step(pair, kind)
    for player, old in zip(pair, before, strict=True):
        for name, weight in player.named_parameters():
            assert weight.isfinite().all() and not weight.equal(old[name]), f"{name} did not move"


@pytest.mark.parametrize("kind", KINDS)
def test_a_paired_game_compares_reals_and_fakes_of_one_label(kind):
    pair, conditions = (make_generator(), make_discriminator(kind)), []
    pair[1].register_forward_pre_hook(lambda _, inputs: conditions.append(inputs[1]))
    labels = take_a_step(pair, kind, losses.relativistic)
    assert len(conditions) == 4 and all(each.equal(labels) for each in conditions)


@pytest.mark.parametrize("kind", KINDS)
def test_r1_reaches_the_players_through_a_step(kind):
    slopes = []

    def penalty(real, real_logits, fake, fake_logits):
        slopes.append(half_squared_norm(real, real_logits.view(len(real), -1)[:, 0]))
        return slopes[-1]

    take_a_step((make_generator(), make_discriminator(kind)), kind, penalty=penalty)
    assert len(slopes) == 1 and slopes[0] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_fit_gives_fakes_the_labels_of_the_real_batch(kind):
    data = images.glyphs(n=64, size=SIZE)
    data = images.ImageSet(data.images, data.labels % K, data.names[:K])
    pair = make_generator(), make_discriminator(kind)
    conditions = {"generator": [], "discriminator": []}
    for name, player in zip(conditions, pair, strict=True):
        player.register_forward_pre_hook(lambda _, inputs, name=name: conditions[name].append(inputs[1]))
    batches = data.batches(16, generator=torch.Generator().manual_seed(0), with_labels=True)
    optimizers = [training.adam(player) for player in pair]
    ema = training.EMA(pair[0])
    options = {"latent": LATENT, "steps": 2, "game": game_for(kind), "ema": ema, "progress": False}
    assert len(training.fit(*pair, *optimizers, batches, **options)) == 2
    again = data.batches(16, generator=torch.Generator().manual_seed(0), with_labels=True)
    drawn = [next(again)[1] for _ in range(2)]
    for labels, first in zip(conditions.values(), (1, 2), strict=True):
        del labels[:first]  # of the probe
    assert [len(labels) for labels in conditions.values()] == [2, 6]
    assert all(labels.equal(drawn[i]) for i, labels in enumerate(conditions["generator"]))
    assert all(labels.equal(drawn[i // 3]) for i, labels in enumerate(conditions["discriminator"]))
    assert ema.model(torch.randn(4, LATENT), torch.arange(4) % K).shape == (4, 1, SIZE, SIZE)


def test_a_generator_learns_which_class_is_which():
    torch.manual_seed(0)
    places = torch.tensor([-1.0, 0.0, 1.0])

    class Points(nn.Module):  # the smallest projection discriminator: h(x) = (1, x, x²) and psi(h) = 0
        def __init__(self):
            super().__init__()
            self.directions = nn.Embedding(K, 3)

        def forward(self, x, labels):
            return (self.directions(labels) * torch.cat([x**0, x, x**2], 1)).sum(1)

    def batches():
        while True:
            labels = torch.randint(K, (64,))
            yield places[labels, None] + 0.1 * torch.randn(64, 1), labels

    generator = conditional.ConditionalGenerator(nn.Linear(LATENT + K, 1), conditional.OneHot(K))
    pair = generator, Points()
    optimizers = [training.adam(player, 1e-2, (0.0, 0.99)) for player in pair]

    options = {"latent": LATENT, "steps": 600, "penalty": r1_and_r2(0.1), "progress": False}
    training.fit(*pair, *optimizers, batches(), **options)
    with torch.no_grad():
        means = [generator(torch.randn(500, LATENT), torch.full((500,), label)).mean().item() for label in range(K)]
    assert means == pytest.approx(places.tolist(), abs=0.25)


def players():
    return [("generator", make_generator()), *((kind, make_discriminator(kind)) for kind in KINDS)]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, "This player needs the class of each sample: "),
        (torch.tensor([0, 1, 2, 3, 0, 0]), "Labels run from 0 to 3, but this player knows 3 classes: use 0 to 2, or "),
        (torch.tensor([0, 1, 2, -1, 0, 0]), "Labels run from -1 to 2, but this player knows 3 classes"),
        (torch.zeros(5, dtype=torch.int64), r"Labels must be torch.int64 of shape \(6,\), one for each sample, but "),
        (torch.zeros(6), r"Labels must be torch.int64 .* but these are torch.float32 of shape \(6,\)"),
    ],
)
def test_labels_that_do_not_fit_are_refused_in_one_sentence(labels, words):
    x, _, z = batch()
    for name, player in players():
        with pytest.raises(ValueError, match=words) as refused:
            player(z if name == "generator" else x, labels)
        assert str(refused.value).count(". ") == 0 and str(refused.value).endswith(".")


@pytest.mark.parametrize("kind", [conditional.ProjectionDiscriminator, conditional.AuxiliaryDiscriminator])
def test_a_discriminator_without_a_last_layer_of_weights_is_refused_in_one_sentence(kind):
    with pytest.raises(ValueError, match=r"must turn features into a logit, .* the first of them is ReLU\(\)\.$"):
        kind(nn.Sequential(nn.Linear(4, 1), nn.ReLU(), nn.Flatten(0)), 3)


def test_batches_without_labels_are_refused():
    data = images.glyphs(n=32, size=SIZE)
    pair = make_generator(), make_discriminator("projection")
    optimizers = [training.adam(player) for player in pair]
    with pytest.raises(ValueError, match="needs the class of each sample"):
        training.fit(*pair, *optimizers, data.batches(8), latent=LATENT, steps=1, progress=False)


def test_no_samples_need_no_labels():
    empty = torch.zeros(0, dtype=torch.int64)
    assert make_generator().eval()(torch.zeros(0, LATENT), empty).shape == (0, 1, SIZE, SIZE)
