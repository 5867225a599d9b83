"""No part of ganlib forgets its device: all that takes tensors is run with all of them on a second device.

Each case below runs a part of ganlib on ``second_device.DEVICE``, where a tensor left on the CPU is an error as on a
GPU. What is run is recorded, so that a public function which no case runs fails the last test, unless ``EXEMPT`` says
why; and a device that is forgotten on purpose fails the case that should notice.
"""

import functools
import inspect
import itertools
import pkgutil
import sys
import tempfile
import textwrap
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple
from unittest import mock

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch
from second_device import DEVICE, DeviceMixError, SecondDevice
from torch import Tensor, nn

import ganlib
from ganlib import (
    batches,
    board,
    checkpoints,
    checks,
    conditional,
    divergences,
    doctor,
    features,
    films,
    glyphs,
    guard,
    images,
    inception,
    losses,
    metrics,
    models,
    penalties,
    plots,
    progress,
    stacked,
    toy,
    training,
    vitals,
)
from ganlib.widgets import LatentExplorer, PlaneGAN

SECOND = SecondDevice()  # one for all cases, since ganlib keeps the digit network for each device
GAMES = [getattr(losses, name) for name in dir(losses) if isinstance(getattr(losses, name), losses.Game)]


def there(*tensors) -> None:
    """Assert that all these tensors are on the second device."""
    assert tensors and {tensor.device for tensor in tensors} == {DEVICE}


def plane_players():
    generator = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 2))
    discriminator = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0))
    return [net.to(DEVICE) for net in (generator, discriminator)]


def image_players():
    generator = models.dcgan_generator(8, width=4, latent=4)
    return [net.to(DEVICE) for net in (generator, models.dcgan_discriminator(8, width=4, norm=None))]


def optimizers(*nets):
    return [training.adam(net) for net in nets]


def points(n: int = 64):
    ring = toy.GaussianMixture(toy.ring().means.to(DEVICE), 0.01)
    return (ring.sample(n) for _ in itertools.count())


def pictures(n: int = 40, channels: int = 1, size: int = 28) -> Tensor:
    return 2 * torch.rand(n, channels, size, size, device=DEVICE) - 1


def every_game():
    for game in GAMES:
        nets = plane_players()
        there(*training.step(*nets, *optimizers(*nets), next(points()), torch.randn(64, 2, device=DEVICE), game))


def every_penalty():
    nets = plane_players()
    kinds = [penalties.r1(0.1), penalties.r2(lambda done: 0.1), penalties.r1_and_r2(0.1)]
    for kind in (*kinds, penalties.gradient_penalty(1.0, nets[1])):
        penalty = penalties.lazy(kind, 2)(0)
        z = torch.randn(64, 2, device=DEVICE)
        there(*training.step(*nets, *optimizers(*nets), next(points()), z, penalty=penalty))
    there(penalties.interpolate(next(points()), next(points())))


def fit_with_an_average():
    nets = image_players()
    both, ema = optimizers(*nets), training.EMA(nets[0])
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(each, 3) for each in both]
    shared = {"latent": 4, "steps": 3, "ema": ema, "schedulers": schedules, "progress": False}
    history = training.fit(*nets, *both, iter(lambda: pictures(8, size=8), None), **shared)
    assert len(history) == 3 and history.d_loss.device == torch.device("cpu")  # ready to be drawn
    there(*guard.tensors_of(ema.model), *ema.state_dict().values())
    ema.load_state_dict(ema.state_dict())
    ema.update()


def fit_that_diverges():
    nets = plane_players()
    lost = losses.Game(lambda real, fake: real.mean() * float("nan"), losses.non_saturating_generator)
    with pytest.raises(training.TrainingDiverged) as stopped:
        training.fit(*nets, *optimizers(*nets), points(), latent=2, steps=2, game=lost, progress=False)
    assert stopped.value.history.d_loss.device == torch.device("cpu")
    there(*guard.tensors_of(nets[0]))


def a_line_of_progress():
    shown = progress.Progress(3, True)
    shown.terminal = True
    with shown:
        shown.update(1, torch.rand(3, 4, device=DEVICE))


def the_doctor():
    nets, labels = plane_players(), torch.zeros(64, dtype=torch.int64, device=DEVICE)
    watching = doctor.Doctor(*nets, next(points()), 2, ema=training.EMA(nets[0]))
    training.fit(*nets, *optimizers(*nets), points(), latent=2, steps=8, callback=watching, progress=False)
    assert watching.typical().finite and isinstance(watching.report(), str)
    pair = [conditional.ConditionalGenerator(nn.Linear(12, 2), conditional.OneHot(10)).to(DEVICE)]
    judge = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0))
    pair.append(conditional.ProjectionDiscriminator(judge, 10).to(DEVICE))
    _, mean = vitals.look(1, *pair, pair[0], next(points()), torch.randn(64, 2, device=DEVICE), given=[labels])
    there(mean)


def the_board():
    pytest.importorskip("tensorboard")
    nets = image_players()
    with board.Board(tempfile.mkdtemp(), *nets, pictures(9, size=8), latent=4) as shown:
        training.fit(
            *nets, *optimizers(*nets), iter(lambda: pictures(8, size=8), None),
            latent=4, steps=2, callback=shown, progress=False,
        )  # fmt: skip


def a_checkpoint():
    parts = dict(zip(("generator", "discriminator"), image_players(), strict=True))
    file = Path(tempfile.mkdtemp()) / "run.safetensors"
    checkpoints.save(file, 3, **parts)
    assert checkpoints.load(file, **parts) == 3
    there(*(tensor for part in parts.values() for tensor in guard.tensors_of(part)))


def a_data_set():
    pixels = torch.randint(256, (30, 1, 28, 28), dtype=torch.uint8)
    digits = images.ImageSet(pixels, torch.arange(30) % 10, images.DIGITS, {"slant": torch.rand(30)}).to(DEVICE)
    assert digits.shape == (1, 28, 28)
    there(digits[4][0])
    for each in (digits[digits.labels == 3], digits[[1, 2]], digits[:5], digits.resized(32)):
        there(each.images, each.labels, each.factors["slant"])
    there(digits.floats(), digits.resized(14).images, batches.to_floats(digits.images))
    for own in (None, torch.Generator()):
        stream = digits.batches(8, generator=own, with_labels=True)
        there(*next(stream))
        again = digits.batches(8, generator=own, with_labels=True)
        again.load_state_dict(stream.state_dict())
        there(*next(iter(again)))
    colours = images.stacked(digits, 12, seed=0)
    there(colours.images, colours.labels)


def drawn_digits():
    labels = torch.arange(4, device=DEVICE)
    slant, shift = torch.rand(4, device=DEVICE), torch.rand(4, 2, device=DEVICE)
    with mock.patch.object(glyphs, "_fields", lambda: torch.zeros(24, 10, 64, 64)):  # outlines take seconds to draw
        there(glyphs.draw(labels, labels, slant=slant, shift=shift, weight=0.1))


def densities():
    mixture = toy.GaussianMixture(toy.grid().means.to(DEVICE), 0.05)
    for own in (None, torch.Generator().manual_seed(0)):
        there(mixture.sample(20, own), mixture.log_prob(mixture.sample(20, own)))
    assert mixture.std() > 0
    coverage = metrics.mode_coverage(mixture.sample(200), mixture)
    there(coverage.counts)
    assert 0 < coverage.modes() <= 25
    metrics.mode_coverage(mixture.sample(200), toy.grid())  # the modes may be elsewhere


def distances_of_masses():
    p, q = torch.rand(2, 3, 9, device=DEVICE).softmax(-1)
    there(divergences.kl(p, q), divergences.jensen_shannon(p, q), divergences.total_variation(p, q))
    there(divergences.wasserstein1(p, q, 0.1))


def measures_of_features():
    a, b = torch.randn(2, 40, 5, device=DEVICE)
    there(*metrics.moments(a), *metrics.nearest_neighbours(pictures(), pictures()))
    numbers = metrics.frechet_distance(a, b), metrics.kernel_distance(a, b), *metrics.manifold_scores(a, b)
    numbers += metrics.inception_score(a.softmax(1)), metrics.kl_to_uniform(torch.arange(1, 5, device=DEVICE))
    assert all(isinstance(number, float) for number in numbers)


def measures_of_digits():
    for size in (28, 32, 20):
        there(features.digit_features(pictures(size=size)), features.classify_digits(pictures(size=size)))
    assert isinstance(metrics.digit_frechet(pictures(), pictures()), float)
    triples = stacked.classify_triples(pictures(channels=3))
    modes = stacked.count_modes(triples)
    there(triples, modes.counts)
    assert 0 < modes.covered() <= 1000
    assert inception._Bytes(pictures())[0].device == torch.device("cpu")  # where torch-fidelity reads them


def players_that_are_told_the_class():
    labels, z = torch.arange(8, device=DEVICE), torch.randn(8, 4, device=DEVICE)

    def judge(channels=1):
        return models.dcgan_discriminator(8, channels, width=4, norm=None)

    judges = [
        conditional.ConcatDiscriminator(judge(11), 10),
        conditional.ProjectionDiscriminator(judge(), 10),
        conditional.AuxiliaryDiscriminator(judge(), 10),
    ]
    games = losses.hinge, losses.relativistic, conditional.auxiliary(losses.non_saturating)
    for code, discriminator, game in zip((conditional.OneHot(10), nn.Embedding(10, 10), nn.Embedding(10, 10)), judges,
                                         games, strict=True):  # fmt: skip
        generator = conditional.ConditionalGenerator(models.dcgan_generator(8, width=4, latent=14), code).to(DEVICE)
        nets = generator, discriminator.to(DEVICE)
        there(*training.step(*nets, *optimizers(*nets), pictures(8, size=8), z, game, given=[labels]))
        there(generator.from_code(z, generator.code(labels)))
    data = iter(lambda: (pictures(8, size=8), labels), None)
    training.fit(*nets, *optimizers(*nets), data, latent=4, steps=1, game=game, progress=False)


def every_reference_net():
    for generator, discriminator in (models.reference("mlp"), models.reference("mlp-conv"), image_players()):
        latent = 4 if isinstance(generator[0], nn.Unflatten) else 100
        made = generator.to(DEVICE)(torch.randn(2, latent, device=DEVICE))
        there(made, discriminator.to(DEVICE)(made))


def figures():
    (generator, discriminator), (real,) = plane_players(), itertools.islice(points(), 1)
    plots.image_grid(pictures(4))
    assert plots.to_pixels(pictures(4, channels=3)).device == torch.device("cpu")
    plots.filmstrip([("first", real, discriminator)], real, 2.0)
    fit = {"latent": 2, "steps": 2, "progress": False}
    plots.losses(training.fit(generator, discriminator, *optimizers(generator, discriminator), points(), **fit))
    plt.close("all")


def moving_pictures():
    (_, discriminator), (real,) = plane_players(), itertools.islice(points(), 1)
    moments = [(name, real, discriminator) for name in ("first", "last")]
    drawn = films.drawn(lambda axis, moment: plots.frame(axis, moment, real, 2.0), moments, side=1.0)
    assert films.Film(drawn, "A film", "Dots").webp() and len(films.tiled([pictures(4)], columns=2)) == 1


def checked_numbers():
    checks.close("a number", torch.ones((), device=DEVICE), 1, tol=0)
    checks.at_least("a number", torch.ones(1, device=DEVICE), torch.zeros(1, device=DEVICE))
    checks.at_most("a number", torch.ones((), device=DEVICE), 1)
    checks.holds("a truth", torch.ones((), device=DEVICE) > 0)


def explorers():
    conditioned = conditional.ConditionalGenerator(models.mlp_generator(7, (8,), (1, 4, 4)), nn.Embedding(3, 3))
    assert LatentExplorer(conditioned.to(DEVICE), 4).numbers() and LatentExplorer(image_players()[0], 4).numbers()
    assert PlaneGAN(*plane_players()).numbers()


CASES = [
    every_game,
    every_penalty,
    fit_with_an_average,
    fit_that_diverges,
    a_line_of_progress,
    the_doctor,
    the_board,
    a_checkpoint,
    a_data_set,
    drawn_digits,
    densities,
    distances_of_masses,
    measures_of_features,
    measures_of_digits,
    players_that_are_told_the_class,
    every_reference_net,
    figures,
    moving_pictures,
    checked_numbers,
    explorers,
]

EXEMPT = {  # a module, or one of its names, and why no case needs to run it
    "datafiles": "reads files into tensors on the CPU; ImageSet.to moves them",
    "files": "knows bytes, no tensors",
    "results": "knows JSON, no tensors",
    "runtime": "names the device, and makes no tensors on it",
    "widgets.bundle": "knows the text of JavaScript, no tensors",
    "widgets.dirac": "takes no tensors: computes on the CPU from its own numbers",
    "widgets.explorer": "knows traits, no tensors",
    "widgets.optimal_discriminator": "takes no tensors: computes on the CPU from its own numbers",
    "widgets.saturation": "takes no tensors: computes on the CPU from its own numbers",
    "widgets.transport": "takes no tensors: computes on the CPU from its own numbers",
    "widgets.plane": "its page trains a copy of the players that lies on the CPU; the case hands it players",
    "widgets.latent.LatentExplorer.random": "builds a small net of its own on the CPU",
    "parts.Part": "a protocol, without code",
    "parts.difference": "compares texts, no tensors",
    "glyphs.render": "draws on the CPU from a seed; ImageSet.to moves what it drew",
    "images.glyphs": "reads or draws on the CPU; ImageSet.to moves it",
    "images.colour_glyphs": "stacks what lies on the CPU; ImageSet.to moves it",
    "images.load": "names a set on the CPU; ImageSet.to moves it",
    "images.digits": "names a set on the CPU; ImageSet.to moves it",
    "images.mnist": "reads files; ImageSet.to moves it",
    "images.fashion_mnist": "reads files; ImageSet.to moves it",
    "images.cifar10": "reads files; ImageSet.to moves it",
    "images.folder": "reads files; ImageSet.to moves it",
    "inception.inception_frechet": "downloads its network; what it hands over is in a case",
    "metrics.perfect_high_quality": "takes and returns plain numbers",
    "stacked.perfect_kl": "takes and returns plain numbers",
    "models.parameter_count": "counts, and reads no tensor",
    "plots.use_style": "sets matplotlib up",
    "toy.gaussian": "makes a density on the CPU, by three numbers",
}


def run_there(case) -> None:
    with SECOND:
        case()


@functools.cache
def ran_in(case) -> set[CodeType]:
    """Run a case on the second device, once; returns the code of all functions that ran."""
    ran, before = set(), sys.getprofile()
    sys.setprofile(lambda frame, event, _: ran.add(frame.f_code) if event == "call" else None)
    try:
        run_there(case)
    finally:
        sys.setprofile(before)
    return ran


@pytest.fixture(autouse=True)
def quiet_figures():
    matplotlib.use("Agg")
    features.digit_net.cache_clear()
    yield
    features.digit_net.cache_clear()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_nothing_is_left_on_the_cpu(case):
    ran_in(case)


class Bend(NamedTuple):
    """A function of ganlib, what it says of the device, the same with a mistake, and the case that notices."""

    owner: object
    name: str
    right: str
    wrong: str
    case: FunctionType


BENDS = [
    Bend(training, "fit", "latent, device=real.device)", "latent)", fit_with_an_average),
    Bend(training, "fit", ", device=device_of(generator)", "", fit_with_an_average),
    Bend(training.EMA, "__init__", "copy.deepcopy(model)", "copy.deepcopy(model).cpu()", fit_with_an_average),
    Bend(penalties, "interpolate", ", device=real.device", "", every_penalty),
    Bend(guard.History, "of", ".cpu()", "", fit_with_an_average),
    Bend(guard.History, "of", ".cpu()", "", fit_that_diverges),
    Bend(doctor.Doctor, "__init__", ".to(real.device)", "", the_doctor),
    Bend(board.Board, "__init__", ".to(real.device)", "", the_board),
    Bend(checkpoints, "_pack", ".cpu()", "", a_checkpoint),
    Bend(images.ImageSet, "to", "self.labels.to(device)", "self.labels", a_data_set),
    Bend(glyphs, "draw", "_fields().to(device)", "_fields()", drawn_digits),
    Bend(toy.GaussianMixture, "sample", "[1], generator=generator).to(self.means.device)", "[1])", densities),
    Bend(toy.GaussianMixture, "sample", "(n,), ", "(n,), device=self.means.device, ", densities),
    Bend(metrics, "mode_coverage", "mixture.means.to(samples)", "mixture.means", densities),
    Bend(metrics, "manifold_scores", ", device=fake.device", "", measures_of_features),
    Bend(features, "digit_net", ".to(device)", "", measures_of_digits),
    Bend(stacked, "classify_triples", ", device=digits.device", "", measures_of_digits),
    Bend(plots, "to_pixels", ".cpu()", "", figures),
    Bend(plots, "scatter", ".cpu()", "", figures),
    Bend(plots, "field", ".to(next(discriminator.parameters()).device)", "", figures),
]


def bent(bend: Bend):
    """The function with its mistake, compiled among the names of its module."""
    plain = inspect.unwrap(getattr(bend.owner, bend.name))
    source = textwrap.dedent(inspect.getsource(plain))
    assert bend.right in source, f"{bend.name} no longer says {bend.right!r}: mend the table of this test"
    made: dict = {}
    exec(
        compile(source.replace(bend.right, bend.wrong), f"bent {bend.name}", "exec"),
        vars(inspect.getmodule(plain)),
        made,
    )
    return made[bend.name]


@pytest.mark.parametrize("bend", BENDS, ids=lambda bend: f"{bend.name}: {bend.right[:30].strip()}")
def test_a_forgotten_device_is_noticed(bend, monkeypatch):
    monkeypatch.setattr(bend.owner, bend.name, bent(bend))
    with pytest.raises((DeviceMixError, AssertionError, ValueError)) as noticed:
        run_there(bend.case)
    if isinstance(noticed.value, ValueError):  # ``fit`` says in its own words what its first batch ran into
        assert isinstance(noticed.value.__cause__, DeviceMixError)


SPECIAL = ("__init__", "__call__", "__next__", "__getitem__")


def code_of(member) -> CodeType | None:
    """The code of a function, method or property, behind its decorators."""
    member = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
    member = inspect.unwrap(member)
    code = getattr(member, "__code__", None)
    return code if code is not None and not code.co_filename.startswith("<") else None  # as dataclasses write it


def public(module) -> dict[str, CodeType]:
    """The public functions of a module and the public methods of its classes, by name."""
    prefix = module.__name__.removeprefix("ganlib.")
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    members_by_name = {}
    for name, value in own.items():
        if name.startswith("_"):
            continue
        if not isinstance(value, type):
            members_by_name[f"{prefix}.{name}"] = code_of(value)
        elif not issubclass(value, Exception):
            members = {key: code_of(member) for key, member in vars(value).items() if key[0] != "_" or key in SPECIAL}
            members_by_name |= {f"{prefix}.{name}.{key}": code for key, code in members.items()}
    return {name: code for name, code in members_by_name.items() if code is not None}


def test_every_public_function_is_run_there_or_exempt():
    known = {}
    for module in pkgutil.walk_packages(ganlib.__path__, "ganlib."):
        known |= public(import_module(module.name))
    ran = set().union(*map(ran_in, CASES))
    exempt = {name for name in known if any(f"{name}.".startswith(f"{each}.") for each in EXEMPT)}
    forgotten = [name for name, code in known.items() if code not in ran and name not in exempt]
    assert forgotten == [], "run these in a case, or say in EXEMPT why not"
    gone = [each for each in EXEMPT if not any(f"{name}.".startswith(f"{each}.") for name in known)]
    assert gone == [], "EXEMPT names what ganlib no longer has"


def test_an_operation_on_both_devices_is_refused_as_on_a_gpu():
    with SECOND:
        here, index = torch.arange(3.0, device=DEVICE), torch.tensor([0, 2])
        refused = [
            lambda: here + torch.zeros(3),
            lambda: torch.zeros(3)[here.long()],
            lambda: here.numpy(),
            lambda: torch.randn(3, generator=torch.Generator(), device=DEVICE),
            lambda: torch.stack([here, torch.zeros(3)]),
        ]
        for each in refused:
            with pytest.raises(DeviceMixError):
                each()
        there(here[index], here + torch.tensor(1.0), torch.zeros(3).to(here))
        there(torch.zeros_like(here).copy_(torch.ones(3)))
        assert here.cpu().device == here.to("cpu").device == torch.zeros(3).device == torch.device("cpu")
        assert here.sum().item() == 3 and here[here > 0].tolist() == [1, 2]  # values are real
