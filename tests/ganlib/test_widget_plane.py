"""The GAN that trains in the page: its steps beside ganlib's, where it trains and when, and what its buttons do."""

import re

import pytest
import torch
from test_widgets import show, stop_the_clock  # noqa: F401
from torch import nn

from ganlib import training
from ganlib.widgets import plane
from ganlib.widgets.plane import PlaneGAN

LOOK = "() => document.querySelector('canvas').toDataURL()"
TRAIN = """(batches) => { const { model, module } = document.querySelector('[data-explorer]').explorer;
const names = ['layers', 'weights', 'loss', 'gamma', 'd_rate', 'g_rate', 'momentum'];
return module.train(Object.fromEntries(names.map((name) => [name, model.get(name)])), batches); }"""


def weights_of(net) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def trained_by_ganlib(widget, batches):
    """Both players and the losses after each batch was a step of ganlib.training."""
    nets = [net.double() for net in widget.players()]
    optimizers, penalty = widget.optimizers(*nets), plane.r1_of(widget.gamma)
    game = plane.GAMES[widget.loss]
    losses = [training.step(*nets, *optimizers, real, z, game, penalty)[:2] for real, z in batches]
    return nets, torch.tensor(losses)


def some_batches(widget, n=20, m=16):
    data, latent = plane.DATA[widget.data], widget.layers["generator"]["sizes"][0]
    return [((data.sample(m) / data.std()).double(), torch.randn(m, latent).double()) for _ in range(n)]


def pair(latent=3, width=16, slope=0.1):
    """Untrained players of another shape than the shipped ones; one activation stands twice, as in chapter 6."""
    bend = nn.ReLU()
    generator = nn.Sequential(nn.Linear(latent, width), bend, nn.Linear(width, 8), bend, nn.Linear(8, 2))
    body = nn.Sequential(
        nn.Linear(2, width), nn.LeakyReLU(slope), nn.Linear(width, 8), nn.LeakyReLU(slope), nn.Linear(8, 1)
    )
    return generator, nn.Sequential(body, nn.Flatten(0))


CASES = [(loss, gamma, momentum) for loss in plane.GAMES for gamma, momentum in ((0.0, 0.0), (0.3, 0.5))]


@pytest.mark.parametrize("made", [False, True], ids=["shipped", "another shape"])
@pytest.mark.parametrize(("loss", "gamma", "momentum"), CASES)
def test_twenty_steps_in_the_page_are_ganlibs(show, loss, gamma, momentum, made):  # noqa: F811
    torch.manual_seed(0)
    nets = dict(zip(("generator", "discriminator"), pair(), strict=True)) if made else {}
    widget = PlaneGAN(**nets, loss=loss, gamma=gamma, momentum=momentum, d_rate=2e-3, g_rate=1e-3)
    batches = some_batches(widget)
    (generator, discriminator), losses = trained_by_ganlib(widget, batches)
    page = show(widget)
    result = page.evaluate(TRAIN, [{"real": real.tolist(), "z": z.tolist()} for real, z in batches])
    for name, net in (("generator", generator), ("discriminator", discriminator)):
        start = weights_of(widget.players()[name == "discriminator"])
        assert (weights_of(net) - start).abs().max() > 1e-3  # something was learned
        assert (torch.tensor(result[name]).double() - weights_of(net)).abs().max() < 1e-4
    assert (torch.tensor(result["losses"])[:, :2] - losses).abs().max() < 1e-4


def step_of(page) -> int:
    return int(re.match(r"([\d,]+) step", page.inner_text(".tell"))[1].replace(",", ""))


WATCH = """() => { window.asked = 0; window.open = 0; window.most = 0; window.budgets = new Set();
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (question) {
  if (!window.asked) {
    const hear = this.onmessage;
    this.onmessage = (event) => { window.open -= 1; hear(event); };
  }
  window.asked += 1;
  window.open += 1;
  window.most = Math.max(window.most, window.open);
  window.budgets.add(question.budget);
  post.call(this, question);
}; }"""
FRAME = 1000 / 60  # milliseconds


def wait_for_steps(page, more_than):
    page.wait_for_function(
        "(least) => Number(document.querySelector('.tell').textContent.match(/^[0-9,]+/)[0].replace(',', '')) > least",
        arg=more_than,
    )


def rests(page) -> bool:
    """Whether nothing more is asked of the worker once it has answered."""
    page.wait_for_function("window.open === 0")
    asked = page.evaluate("window.asked")
    page.wait_for_timeout(300)
    return page.evaluate("window.asked") == asked


def test_it_trains_in_a_worker_and_leaves_the_page_to_its_reader(show):  # noqa: F811
    page = show(PlaneGAN())
    page.wait_for_timeout(300)
    page.evaluate(WATCH)
    page.get_by_role("button", name="Play").click()
    wait_for_steps(page, 20)
    assert len(page.workers) == 1  # not on the thread of the page
    page.get_by_label("D's push on each fake").check()  # the page answers while the players train
    page.get_by_label("Data").select_option("grid9")
    page.wait_for_function("document.querySelector('.tell').textContent.includes('of 9 modes')")
    assert page.get_by_role("button", name="Pause").is_visible()
    wait_for_steps(page, step_of(page))
    page.get_by_role("button", name="Pause").click()
    assert rests(page)
    # Questions do not pile up, and while it plays a new picture is due within a frame.
    assert page.evaluate("window.most") == 1 and page.evaluate("window.asked") > 1
    assert 0 < max(page.evaluate("[...window.budgets]")) < FRAME


HIDE = """(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
document.dispatchEvent(new Event('visibilitychange')); }"""
SCROLL = "(far) => { document.body.style.height = '9000px'; window.scrollTo(0, far ? 8000 : 0); }"


@pytest.mark.parametrize("away", [HIDE, SCROLL], ids=["hidden", "out of sight"])
@pytest.mark.parametrize("speed", ["full", "ten"])
def test_it_trains_only_while_it_can_be_seen(show, away, speed):  # noqa: F811
    page = show(PlaneGAN(speed=speed))
    page.wait_for_timeout(300)
    page.evaluate(WATCH)
    page.get_by_role("button", name="Play").click()
    wait_for_steps(page, 3)
    page.evaluate(away, True)
    page.wait_for_timeout(300)
    assert rests(page)
    before = step_of(page)
    page.evaluate(away, False)
    wait_for_steps(page, before)


def test_its_buttons(show):  # noqa: F811
    page = show(PlaneGAN())
    page.wait_for_timeout(300)
    first = page.evaluate(LOOK), page.inner_text(".tell")
    for steps in (1, 2):
        page.get_by_role("button", name="One step").press("Enter")
        page.wait_for_function(f"document.querySelector('.tell').textContent.startsWith('{steps} step')")
    page.get_by_role("button", name="New random weights").click()
    page.wait_for_timeout(200)
    random = page.inner_text(".tell")
    assert "0 steps from random weights" in random and "8 of 8" not in random
    page.get_by_label("Data").select_option("spiral")
    page.get_by_label("Loss").select_option("wasserstein")
    page.wait_for_timeout(200)
    assert "of 24 modes" in page.inner_text(".tell") and "Wasserstein" in page.inner_text(".tell")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_timeout(300)
    assert (page.evaluate(LOOK), page.inner_text(".tell")) == first


@pytest.mark.parametrize(("speed", "steps"), [("ten", 10), ("one", 1)])
def test_a_speed_is_steps_a_second_of_the_pages_clock(show, speed, steps):  # noqa: F811
    page = show(PlaneGAN(speed=speed))
    page.wait_for_timeout(300)
    stop_the_clock(page)
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(1000)
    page.get_by_role("button", name="Pause").click()
    page.wait_for_function(f"document.querySelector('.tell').textContent.startsWith('{steps} step')")


@pytest.mark.parametrize("name", ["data", "loss", "arrows"])
def test_every_choice_changes_the_picture_and_reset_takes_it_back(show, name):  # noqa: F811
    page = show(PlaneGAN())
    page.wait_for_timeout(300)
    first = page.evaluate(LOOK)
    if name == "arrows":
        page.get_by_label("D's push on each fake").check()
    else:
        page.get_by_role("combobox", name=name.capitalize()).select_option(index=4)
    page.wait_for_timeout(300)
    assert page.evaluate(LOOK) != first
    page.get_by_role("button", name="Reset").click()
    page.wait_for_timeout(300)
    assert page.evaluate(LOOK) == first


def test_a_run_that_diverges_stops_and_says_so(show):  # noqa: F811
    generator, discriminator = PlaneGAN().players()
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter *= 1e4
    page = show(PlaneGAN(generator, discriminator, loss="least_squares"))
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('.tell').textContent.includes('ran away')", timeout=30_000)
    assert page.get_by_role("button", name="Play").is_visible()
    page.get_by_role("button", name="Reset").click()
    page.wait_for_timeout(300)
    assert step_of(page) == 0


def test_it_trains_without_workers(show):  # noqa: F811
    widget = PlaneGAN()
    page = show(widget)
    page.evaluate(
        """() => { window.Worker = class { constructor() { throw new Error('forbidden'); } };
        const here = document.querySelector('[data-explorer]'), el = document.createElement('div');
        here.replaceChildren(el);
        here.explorer.module.default.render({ model: here.explorer.model, el }); }"""
    )
    page.get_by_role("button", name="Play").click()
    wait_for_steps(page, 10)


def test_shipped_players_cover_the_ring_and_go_on_to():
    torch.manual_seed(1)
    for steps in (1, 50):
        coverage = PlaneGAN().run(steps)
        assert coverage.modes(20) == 8 and coverage.high_quality > 0.8
    random = PlaneGAN().players(trained=False)
    start = weights_of(random[0])
    assert PlaneGAN().run(1, random).high_quality < 0.5 and not torch.equal(weights_of(random[0]), start)
    assert plane.WEIGHTS.stat().st_size < 12_000


def test_given_players_come_back():
    torch.manual_seed(0)
    given = pair()
    back = PlaneGAN(*given).players()
    x, z = torch.randn(5, 2), torch.randn(5, 3)
    assert torch.equal(back[0](z), given[0](z)) and torch.equal(back[1](x), given[1](x))


@pytest.mark.parametrize(
    ("net", "name"),
    [
        (nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2)), "generator"),
        (nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)), "generator"),
        (nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.LeakyReLU(0.2), nn.Linear(8, 2)), "generator"),
        (nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 2)), "generator"),
        (nn.Sequential(), "generator"),
        (nn.Linear(2, 2), "generator"),
        (nn.Bilinear(2, 2, 2), "generator"),
        (nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)), "discriminator"),
        (nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid()), "discriminator"),
        (nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1, bias=False)), "discriminator"),
    ],
)
def test_players_of_another_shape_are_refused_in_one_sentence(net, name):
    nets = dict(zip(("generator", "discriminator"), pair(), strict=True)) | {name: net}
    with pytest.raises(
        ValueError, match=rf"^The {name} cannot train in the page: it must be .* between them, and it[^.]*\.$"
    ):
        PlaneGAN(**nets)


def test_one_player_is_not_a_pair():
    with pytest.raises(ValueError, match="pass a generator and a discriminator, or neither"):
        PlaneGAN(pair()[0])
