"""Eight losses of a GAN on one backbone at one budget: the same scores, several seeds, standard errors.

    python -m experiments losses [--data mnist|glyphs] [--steps 2000] [--seeds 3] [--output FILE]

Each run trains the nets of chapter 10 with its recipe; only the loss is switched. The figures are written after every
run, and a picture of samples beside them; the same command goes on where it stopped.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from experiments import recipe, stored
from ganlib import features, images, losses, metrics, penalties, plots, runtime, training

CLIP = 0.01  # Arjovsky et al. 2017 (WGAN)
GP_WEIGHT = 10.0  # Gulrajani et al. 2017
SHOWN = 16  # samples a loss in the picture


def gradient_penalty(discriminator: nn.Module) -> training.Penalty:
    return penalties.gradient_penalty(GP_WEIGHT, discriminator)


def r1(_: nn.Module) -> training.Penalty:
    return recipe.r1()


def r1_and_r2(_: nn.Module) -> training.Penalty:
    return penalties.r1_and_r2(recipe.R1_WEIGHT)


class Loss(NamedTuple):
    """A game and what keeps its discriminator in bounds."""

    game: losses.Game
    penalty: Callable[[nn.Module], training.Penalty] | None = None
    every: int = 1
    clip: float | None = None
    spectral: bool = False


LOSSES = {
    "non-saturating": Loss(losses.non_saturating),
    "least squares": Loss(losses.least_squares),
    "hinge": Loss(losses.hinge),
    "WGAN, clipped": Loss(losses.wasserstein, clip=CLIP),
    "WGAN-GP": Loss(losses.wasserstein, gradient_penalty),
    "SN-hinge": Loss(losses.hinge, spectral=True),
    "non-saturating + R1": Loss(losses.non_saturating, r1, recipe.R1_EVERY),
    "relativistic + R1 + R2": Loss(losses.relativistic, r1_and_r2, recipe.R1_EVERY),
}


def nets(loss: Loss, channels: int = 1) -> tuple[nn.Module, nn.Module]:
    """The nets of the recipe, with spectral normalisation in the discriminator where the loss asks for it."""
    generator, discriminator = recipe.generator(channels), recipe.discriminator(channels)
    if loss.spectral:
        for module in discriminator.modules():
            if isinstance(module, nn.Conv2d):
                spectral_norm(module)
    return generator, discriminator


def train(loss: Loss, data: images.ImageSet, steps: int, seed: int) -> tuple[nn.Module, dict]:
    """The averaged generator and what its training cost; where it diverged, the last finite one, and where."""
    runtime.seed_everything(seed)
    players = recipe.players(nets(loss, data.shape[0]))
    if loss.clip is not None:
        players.d_optimizer.register_step_post_hook(lambda *_: clip(players.discriminator, loss.clip))
    return recipe.train(
        players,
        data.batches(recipe.BATCH),
        steps,
        game=loss.game,
        penalty=loss.penalty(players.discriminator) if loss.penalty else None,
        penalty_every=loss.every,
    )


@torch.no_grad()
def clip(discriminator: nn.Module, bound: float) -> None:
    for parameter in discriminator.parameters():
        parameter.clamp_(-bound, bound)


def scores(fake: Tensor, real: Tensor) -> dict:
    """Fréchet distance, precision and recall of features ``fake`` and ``real``."""
    scores = metrics.manifold_scores(real, fake, k=5)
    return {"frechet": metrics.frechet_distance(fake, real), "precision": scores.precision, "recall": scores.recall}


def options(parser: argparse.ArgumentParser) -> None:
    stored.options(parser, "loss")


def run(record: stored.Record, data: str, steps: int, seeds: int) -> dict:
    """Every loss on digits, scored against the test images; a picture of samples beside the file."""
    torch.set_num_threads(1)  # so that seconds of the CPU can be compared
    shown, test = images.load(data), images.load(data, train=False)
    n = min(10_000, len(test))
    reference = features.digit_features(test[:n].floats())
    runtime.seed_everything(0)
    floor = scores(features.digit_features(shown[torch.randperm(len(shown))[:n]].floats()), reference)
    facts = {"data": data, "steps": steps, "seeds": list(range(seeds)), "samples": n}
    facts |= {"batch": recipe.BATCH, "floor": floor}
    shown = shown.resized(recipe.SIZE)

    def one(loss: str, seed: int) -> dict:
        generator, cost = train(LOSSES[loss], shown, steps, seed)
        made = recipe.sample(generator, n)
        if seed == 0:
            draw(made[:SHOWN], list(LOSSES).index(loss), record.file.with_suffix(".png"))
        return scores(features.digit_features(made), reference) | cost

    return stored.compare("loss", LOSSES, facts, one, record, summarised=True)


def draw(made: Tensor, row: int, file: Path) -> None:
    """Put a loss's samples, in a row, into the picture of all losses."""
    picture = Image.open(file) if file.exists() else Image.new("L", (SHOWN * recipe.SIZE, len(LOSSES) * recipe.SIZE))
    strip = torch.cat([*plots.to_pixels(made)], dim=1).mul(255).round().byte()
    picture.paste(Image.fromarray(strip.numpy()), (0, row * recipe.SIZE))
    picture.save(file, optimize=True)


def table(figures: dict) -> str:
    """The summary as text: a row for each loss, a column for each score."""
    columns = [score for score in figures["runs"][0] if score not in ("loss", "seed", "diverged_at")]
    lines = [f"{figures['data']}, {figures['steps']:,} steps, {figures['samples']:,} samples, seeds {figures['seeds']}"]
    lines += ["".join([f"{'':24}", *(f"{column:>20}" for column in columns)])]
    for loss, means in figures["summary"].items():
        cells = []
        for column in columns:
            error = means[column]["standard_error"]
            cells += [f"{means[column]['mean']:.3f}" + (f" ± {error:.3f}" if error is not None else "")]
        lines += ["".join([f"{loss:24}", *(f"{cell:>20}" for cell in cells)])]
    return "\n".join(lines)
