"""The benchmark: the course's recipe beside plain loops and Lightning, images a second, what fit and an import cost.

    python -m experiments bench [--seconds 30 100 300] [--data mnist|glyphs] [--only PART] [--output FILE]

The parts are ``frechet``, ``rates``, ``precision``, ``fit`` and ``import``; each is stored as it comes.

Every ratio is measured side by side, in one run on one machine, which should do nothing else meanwhile. The exit
status is 1 where a goal is missed. Without ``--data`` it takes MNIST where that is found and glyphs elsewhere.
"""

import argparse
import ctypes
import itertools
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from statistics import mean, median

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from experiments import bench_rates, plain_baselines, recipe, stored
from experiments.bench_scores import Scorer, goal, sample
from ganlib import images, losses, models, results, runtime, training

PARTS = ("frechet", "rates", "precision", "fit", "import")
RECIPE, LIGHTNING = "the course's recipe", "Lightning, net (c)"
# Net, padding of the images, Adam's beta1: PyTorch's default, and the value that Radford et al. 2016 advise for GANs.
PLAIN = {
    "plain mlp, net (a)": ("mlp", 0, 0.9),
    "plain DCGAN-32, net (c)": ("dcgan-32", 2, 0.9),
    "net (a), beta1 = 0.5": ("mlp", 0, 0.5),
    "net (c), beta1 = 0.5": ("dcgan-32", 2, 0.5),
}
JUDGED = list(PLAIN)[:2]  # Adam at 2e-4 as PyTorch has it; the tuned rows are shown beside, without a goal
ALL_BUDGETS = [*JUDGED, LIGHTNING, RECIPE]  # the rows that are trained for every budget
GOAL_AT = 100  # seconds; the tuned rows are trained no longer
LR, R1_WEIGHT, R1_EVERY = 3e-3, 0.8, 8  # chosen for the speed: higher and heavier than in the comparisons
PIECE = 6 * R1_EVERY  # steps between two looks at the clock


def train_recipe(data: images.ImageSet, seconds: float) -> tuple[nn.Module, int, float]:
    """Train as the course does, for at most ``seconds``: the averaged generator, steps, seconds used.

    The learning rate falls on a half cosine of the time spent. Training goes on in pieces, until the slowest piece so
    far would no longer fit into what is left; so it needs no calibration, and does not overrun.
    """
    nets = recipe.generator(), recipe.discriminator()
    generator, discriminator = (net.to(memory_format=torch.channels_last) for net in nets)  # some 15 % faster on a CPU
    players = recipe.players((generator, discriminator), LR)
    start = time.perf_counter()

    def elapsed() -> float:
        return time.perf_counter() - start

    def decay(_: int) -> float:
        return (1 + math.cos(math.pi * min(elapsed() / seconds, 1))) / 2

    ema = training.EMA(generator, recipe.DECAY)
    schedulers = [LambdaLR(optimizer, decay) for optimizer in players[2:]]
    batches = data.resized(recipe.SIZE).batches(recipe.BATCH)
    settings = {"ema": ema, "schedulers": schedulers, "penalty": recipe.r1(R1_WEIGHT), "penalty_every": R1_EVERY}
    steps, slowest = 0, 0.0
    while steps == 0 or elapsed() + slowest <= seconds:
        before = elapsed()
        recipe.fit(players, batches, PIECE, **settings)
        steps, slowest = steps + PIECE, max(slowest, elapsed() - before)
    return ema.model, steps, elapsed()


def frechet(name: str, budgets: Sequence[float], seeds: int = 1, samples: int = 10_000) -> dict:
    """Score each method after each of the ``budgets``, in seconds; the plain nets in the better of both modes.

    A plain run is scored on its way. The recipe's learning rate falls with the time left, so each budget is a run.
    """
    data, score, latent = images.load(name), Scorer(name, samples), plain_baselines.LATENT

    def outcomes(method: str):
        if method == RECIPE:
            for budget in budgets:
                runtime.seed_everything(seed)
                generator, steps, took = train_recipe(data, budget)
                yield budget, steps, took, (score(sample(generator, score.n, recipe.LATENT)), "eval")
            return
        net, padding, beta1 = PLAIN["plain DCGAN-32, net (c)" if method == LIGHTNING else method]
        batches, marks = plain_baselines.loader(name, data, padding), budgets_of(method, budgets)
        runtime.seed_everything(seed)
        if method == LIGHTNING:
            from experiments import lightning_baseline  # some seconds

            looks = lightning_baseline.train(net, batches, marks)
        else:
            looks = plain_baselines.train(net, batches, marks, beta1)
        for budget, (generator, steps, took) in zip(marks, looks, strict=True):
            yield budget, steps, took, score.better_mode(generator, latent)

    runtime.seed_everything(0)
    floor = score(data[torch.randperm(len(data))[: score.n]].floats())
    runs: dict[str, list[dict]] = {method: [] for method in [*PLAIN, LIGHTNING, RECIPE]}
    for seed, method in itertools.product(range(seeds), runs):
        for budget, steps, took, (distance, mode) in outcomes(method):
            run = {"seed": seed, "budget": budget, "frechet": distance, "mode": mode}
            runs[method].append(run | {"steps": steps, "seconds": took})
            print(f"  trained {method}, seed {seed}, {budget:g} s: {distance:.2f}", file=sys.stderr, flush=True)

    judged_at = GOAL_AT if GOAL_AT in budgets else max(budgets)
    reached = mean_at(runs[RECIPE], judged_at)
    claims = {method: f"recipe / {method}, {judged_at:g} s" for method in JUDGED}
    goals = [goal(claim, reached / mean_at(runs[method], judged_at), 1 / 20) for method, claim in claims.items()]
    goals.append(goal("recipe / the best other row, any time", max(against_the_best(runs, at) for at in budgets), 1))
    facts = {"data": name, "seeds": list(range(seeds)), "budgets": list(budgets), "samples": score.n}
    return facts | {"floor": floor, "runs": runs, "goals": goals}


def against_the_best(runs: dict[str, list[dict]], budget: float) -> float:
    """The recipe's distance over the smallest that another row has after ``budget``."""
    others = [done for method, done in runs.items() if method != RECIPE]
    scores = [mean_at(done, budget) for done in others if any(run["budget"] == budget for run in done)]
    return mean_at(runs[RECIPE], budget) / min(scores)


def budgets_of(method: str, budgets: Sequence[float]) -> list[float]:
    """The budgets that a method is trained for: rows without a goal stop at the first that reaches the goal's."""
    short = [budget for budget in budgets if budget <= GOAL_AT] or list(budgets)[:1]
    return list(budgets) if method in ALL_BUDGETS else short


def mean_at(runs: list[dict], budget: float) -> float:
    """The mean Fréchet distance of a method's runs of one budget."""
    return mean(run["frechet"] for run in runs if run["budget"] == budget)


def fit_cost(name: str, rounds: int = 12, steps: int = 100) -> dict:
    """The time of a step in ``fit`` and of the same step written bare, on the same nets, in alternating chunks."""
    keep_freed_memory()
    runtime.seed_everything(0)
    data = images.load(name)
    nets = {
        "mlp, net (a)": (*models.reference("mlp"), 100, data),
        RECIPE: (recipe.generator(), recipe.discriminator(), recipe.LATENT, data.resized(recipe.SIZE)),
    }
    timed, goals = {}, []
    for label, (generator, discriminator, latent, shown) in nets.items():
        optimizers = (training.adam(player) for player in (generator, discriminator))
        game = generator, discriminator, *optimizers, shown.batches(recipe.BATCH)
        settings = {"latent": latent, "steps": steps, "ema": training.EMA(generator)}
        took: dict[str, list[float]] = {"fit": [], "bare": []}
        for way in ["fit", "bare"] + ["fit", "bare", "bare", "fit"] * rounds:  # ABBA, so that a steady drift cancels
            start = time.perf_counter()
            if way == "fit":
                training.fit(*game, **settings, progress=False)
            else:
                bare(*game, **settings)
            took[way].append((time.perf_counter() - start) / steps * 1000)
        timed[label] = {way: median(times[1:]) for way, times in took.items()}  # the first chunk of each warms up
        goals.append(goal(f"fit / bare, {label}", timed[label]["fit"] / timed[label]["bare"], 1.05))
    rates = {"milliseconds a step": timed, "batch": recipe.BATCH, "chunks": 2 * rounds, "steps a chunk": steps}
    return rates | {"goals": goals}


def keep_freed_memory() -> None:
    """Tell Linux's allocator not to hand freed memory back to the system.

    Each gradient of net (a) is freed and claimed again at every step. Where the allocator lets go of it, a thousand
    page faults a step follow, a quarter of the time, and which of two loops they hit is luck.
    """
    trim_threshold, mmap_threshold = -1, -3  # of glibc's malloc.h
    with suppress(AttributeError, OSError, TypeError):  # other systems have no mallopt
        for parameter in (trim_threshold, mmap_threshold):
            ctypes.CDLL(None).mallopt(parameter, 2**30)


def bare(generator, discriminator, g_optimizer, d_optimizer, batches, *, latent, steps, ema) -> None:
    """The step of ``ganlib.training`` with nothing around it."""
    for real in itertools.islice(batches, steps):
        fake = generator(torch.randn(len(real), latent))
        d_loss = losses.non_saturating.discriminator(discriminator(real), discriminator(fake.detach()))
        d_optimizer.zero_grad()
        d_loss.backward()
        d_optimizer.step()
        discriminator.requires_grad_(False)
        g_loss = losses.non_saturating.generator(discriminator(fake))
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        discriminator.requires_grad_(True)
        ema.update()


def import_time(runs: int = 5) -> dict:
    """Seconds that ``import ganlib.losses`` takes after ``import torch``, each in a fresh process."""
    code = "import time, torch; t = time.perf_counter(); import ganlib.losses; print(time.perf_counter() - t)"
    took = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(runs)]
    goals = [goal("seconds of import ganlib.losses", median(took), 0.1)]
    return {"seconds": took, "best": min(took), "median": median(took), "goals": goals}


def table(figures: dict) -> str:
    """The figures as text: one table for each part, then the goals."""
    lines = []
    if part := figures.get("frechet"):
        lines += [f"Fréchet distance of {part['samples']:,} samples to as many test images of {part['data']}"]
        lines += ["after so many seconds of training; loading the data and scoring stay outside the clock"]
        lines += [f"{'':28}{'budget':>8}{'steps':>8}{'distance':>10}{'range':>18}{'/ recipe':>10}  mode"]
        lines += [f"{'training images (the floor)':28}{'':16}{part['floor']:10.2f}"]
        for method, done in part["runs"].items():
            for budget in dict.fromkeys(run["budget"] for run in done):
                runs = [run for run in done if run["budget"] == budget]
                scores = [run["frechet"] for run in runs]
                spread = f"{min(scores):.2f} to {max(scores):.2f}" if len(runs) > 1 else ""
                against = mean(scores) / mean_at(part["runs"][RECIPE], budget)
                steps, modes = mean(run["steps"] for run in runs), ", ".join(sorted({run["mode"] for run in runs}))
                numbers = f"{budget:8g}{steps:8,.0f}{mean(scores):10.2f}{spread:>18}{against:10.1f}"
                lines += [f"{method:28}{numbers}  {modes}"]
    if part := figures.get("rates"):
        lines += ["", f"Images a second of {part['data']}, batch {part['batch']}, with the loading of the data"]
        lines += [f"(medians of {part['chunks']} chunks each, in turns){'':9}{'images':>8}{'/ plain':>10}"]
        for net, rates in part["images a second"].items():
            lines += [net]
            lines += [f"  {way:50}{rate:8,.0f}{rate / rates[bench_rates.PLAIN]:10.2f}" for way, rate in rates.items()]
    if part := figures.get("precision"):
        lines += ["", f"Fréchet distance of {part['samples']:,} samples, ganlib's way in both precisions"]
        lines += [f"{'':28}{'steps':>8}{'float32':>10}{'bfloat16':>10}  each seed's"]
        for net, runs in part["runs"].items():
            scores = [runs[kind] for kind in ("float32", "bfloat16")]
            each = " | ".join(", ".join(f"{score:.1f}" for score in kind) for kind in scores)
            lines += [f"{net:28}{runs['steps']:8,}{mean(scores[0]):10.1f}{mean(scores[1]):10.1f}  {each}"]
    if part := figures.get("fit"):
        lines += ["", f"One step at batch {part['batch']}, ms (medians of {part['chunks']} alternating chunks each)"]
        lines += [f"{'':28}{'fit':>8}{'bare':>9}{'fit / bare':>12}"]
        for label, ms in part["milliseconds a step"].items():
            lines += [f"{label:28}{ms['fit']:8.3f}{ms['bare']:9.3f}{ms['fit'] / ms['bare']:12.3f}"]
    if part := figures.get("import"):
        lines += ["", f"import ganlib.losses after import torch, s ({len(part['seconds'])} fresh processes)"]
        lines += [f"{'best':28}{part['best']:8.4f}", f"{'median':28}{part['median']:8.4f}"]
    lines += ["", f"{'Goals':60}{'measured':>9}  bound"]
    for each in itertools.chain(*(part["goals"] for part in figures.values())):
        verdict = "met" if each["met"] else "MISSED"
        lines += [f"{each['claim']:60}{each['measured']:9.3f}  {results.bound(each):14}  {verdict}"]
    return "\n".join(lines)


def mnist_is_here() -> bool:
    raw = runtime.data_dir() / "MNIST" / "raw"
    return all((raw / f"{part}-images-idx3-ubyte").is_file() for part in ("train", "t10k"))


def options(parser: argparse.ArgumentParser) -> None:
    here = "mnist" if mnist_is_here() else "glyphs"
    parser.add_argument("--seconds", type=seconds, nargs="+", default=[30.0, 100.0, 300.0], help="of training")
    parser.add_argument("--data", type=stored.one_of("data set", stored.DATA), default=here, help="mnist or glyphs")
    parser.add_argument("--only", type=stored.one_of("part", PARTS), help=f"one part: {', '.join(PARTS)}")
    parser.add_argument("--seeds", type=stored.count, default=1, help="trainings of each method, seeds from 0")


def seconds(text: str) -> float:
    """The type of a budget."""
    try:
        if 0 < float(text) < math.inf:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"training takes more than 0 seconds, not {text!r}")


def run(record: stored.Record, seconds: list[float], data: str, only: str | None, seeds: int) -> dict:
    """The figures of all parts, or of ``only`` one; each is kept as it comes."""
    if data == "glyphs" and not mnist_is_here():
        print("MNIST is not found (GANLIB_DATA names no folder that holds MNIST/raw), so this runs on glyphs.")
    parts = {
        "frechet": lambda: frechet(data, sorted(seconds), seeds),
        "rates": lambda: bench_rates.rates(data),
        "precision": lambda: bench_rates.precision(data),
        "fit": lambda: fit_cost(data),
        "import": import_time,
    }
    return {part: record.keep(parts[part](), part) for part in PARTS if only in (None, part)}
