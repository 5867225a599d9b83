"""Five conditional GANs and an unconditional one: the same budget, the same scores, several seeds.

    python -m experiments conditional [--data mnist|glyphs] [--steps 2000] [--seeds 3] [--output FILE]

Each run trains the nets of chapter 13 with its recipe, and measures the averaged generator on the test set's own
labels. The file is written after every run, and a later call of the same command goes on where it stopped.
"""

import argparse
import time
from statistics import mean, stdev

import torch
from torch import Tensor, nn

from experiments import recipe, stored
from ganlib import conditional, features, images, losses, metrics, penalties, runtime

METHODS = ("unconditional", "concatenation", "embedding", "auxiliary", "auxiliary-real", "projection")
MEASURES = ("accuracy", "frechet", "spread")
CLASSES = 10
DECAY = 0.995  # of the averaged weights; shorter than the recipe's
R1, R1_EVERY = 0.05, 16


def nets(method: str) -> tuple[nn.Module, nn.Module, losses.Game]:
    """The nets of a method and its game; every generator but the first two's takes an embedding of the class."""
    if method == "unconditional":
        return recipe.generator(), recipe.discriminator(), losses.non_saturating
    code = conditional.OneHot(CLASSES) if method == "concatenation" else nn.Embedding(CLASSES, CLASSES)
    generator = conditional.ConditionalGenerator(recipe.generator(latent=recipe.LATENT + CLASSES), code)
    if method.startswith("auxiliary"):
        tuned = {"weight": 0.1, "from_fakes": False} if method == "auxiliary-real" else {}
        game = conditional.auxiliary(losses.non_saturating, **tuned)
        return generator, conditional.AuxiliaryDiscriminator(recipe.discriminator(), CLASSES), game
    if method == "projection":
        return generator, conditional.ProjectionDiscriminator(recipe.discriminator(), CLASSES), losses.non_saturating
    return generator, conditional.ConcatDiscriminator(recipe.discriminator(1 + CLASSES), CLASSES), losses.non_saturating


def penalty(real: Tensor, real_logits: Tensor, *_) -> Tensor:
    """R1; of the auxiliary's pairs, of the logit alone."""
    return R1 * penalties.half_squared_norm(real, real_logits.view(len(real), -1)[:, 0])


def train(method: str, data: images.ImageSet, steps: int, seed: int) -> tuple[nn.Module, dict]:
    """The averaged generator and what its training cost; the seconds are the clock's, since a GPU may train."""
    runtime.seed_everything(seed)
    device = data.images.device
    generator, discriminator, game = nets(method)
    return recipe.train(
        recipe.players((generator.to(device), discriminator.to(device))),
        data.batches(recipe.BATCH, with_labels=method != "unconditional"),
        steps,
        decay=DECAY,
        clock=time.perf_counter,
        game=game,
        penalty=penalty,
        penalty_every=R1_EVERY,
    )


@torch.no_grad()
def measure(generator: nn.Module, method: str, labels: Tensor, reference: Tensor) -> dict:
    """Share of samples that the feature network takes for the class asked for; Fréchet distance; spread in a class.

    ``reference`` are the features of real images with these ``labels``. The spread is the trace of the covariance of
    the features within a class, averaged over the classes, over that of the real images.
    """
    z = torch.randn(len(labels), recipe.LATENT, device=labels.device)
    given = () if method == "unconditional" else (labels,)
    parts = zip(*(tensor.split(500) for tensor in (z, *given)), strict=True)
    made = features.digit_features(torch.cat([generator(*part) for part in parts]))
    taken = features.digit_net(str(made.device)).head(made).argmax(1)
    scores = {
        "frechet": metrics.frechet_distance(made, reference),
        "spread": spread(made, given[0] if given else taken),
    }
    if given:
        scores["accuracy"] = (taken == labels).double().mean().item()
    return scores | {"spread": scores["spread"] / spread(reference, labels)}


def spread(vectors: Tensor, labels: Tensor) -> float:
    """The trace of the covariance of features (N, d) within a class, averaged over classes with 2 samples or more."""
    groups = [vectors[labels == label].double() for label in labels.unique()]
    return mean(group.var(0).sum().item() for group in groups if len(group) > 1)


def table(figures: dict) -> str:
    """The figures as text: mean and standard deviation over the seeds of each method."""
    lines = [f"{figures['data']}, {figures['steps']:,} steps, {figures['samples']:,} samples, seeds {figures['seeds']}"]
    lines += [f"{'':16}{'class accuracy':>18}{'Fréchet distance':>20}{'spread in class':>18}{'seconds':>10}"]
    for method in METHODS:
        if not (runs := [run for run in figures["runs"] if run["method"] == method]):
            continue
        row = f"{method:16}"
        for measure, width in zip(MEASURES, (18, 20, 18), strict=True):
            values = [run[measure] for run in runs if measure in run]
            shown = f"{mean(values):.3f}" if values else "–"
            row += f"{shown + (f' ± {stdev(values):.3f}' if len(values) > 1 else ''):>{width}}"
        lines += [row + f"{mean(run['seconds'] for run in runs):10.1f}"]
    return "\n".join(lines)


def options(parser: argparse.ArgumentParser) -> None:
    stored.options(parser, "method")


def run(record: stored.Record, data: str, steps: int, seeds: int) -> dict:
    """The figures of all methods."""
    record.device = device = runtime.device()
    train_set, test_set = (images.load(data, part).to(device) for part in (True, False))
    shown, reference = train_set.resized(recipe.SIZE), features.digit_features(test_set.floats())
    facts = {"data": data, "steps": steps, "seeds": list(range(seeds)), "samples": len(test_set), "batch": recipe.BATCH}

    def one(method: str, seed: int) -> dict:
        generator, cost = train(method, shown, steps, seed)
        return cost | measure(generator, method, test_set.labels, reference)

    return stored.compare("method", METHODS, facts, one, record)
