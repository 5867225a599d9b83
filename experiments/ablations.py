"""One factor at a time: a GAN's settings, each changed alone, scored on images that no run was trained on.

    python -m experiments ablations [--data mnist|glyphs] [--steps 800] [--seeds 3] [--output FILE]

The baseline is the course's recipe at half its size; each variant changes one factor of it. The score is the Fréchet
distance to the last sixth of the training images, which are held out; the test images are left for whoever has chosen.
The figures are written after every run; the same command goes on where it stopped.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler

from experiments import recipe, stored
from ganlib import features, images, losses, metrics, models, runtime, training

SIZE = 16  # the recipe's nets with half its side and half its width, so that a run takes seconds
SAMPLES = 1000  # fakes that are scored, and images of each kind that the discriminator judges
OTHER_SEEDS = 100  # added to the seed of the control, which changes nothing else
GROUPS = 4  # of GroupNorm


def constant(optimizer: torch.optim.Optimizer, _: int) -> LRScheduler:
    return LambdaLR(optimizer, lambda _: 1.0)


class Setting(NamedTuple):
    """What a run is trained with: the baseline, unless a variant says otherwise."""

    lr_d: float = recipe.LR
    lr_g: float = recipe.LR
    beta1: float = recipe.BETAS[0]
    batch: int = recipe.BATCH  # the number of steps is changed with it, so that every run sees as many images
    decay: float = 0.99  # of the averaged weights, a step of the baseline's batch
    targets: tuple[float, float] = (1.0, 0.0)  # the discriminator's, for real samples and for fakes
    clip: float | None = None  # bound of the norm of a player's gradient
    schedule: Callable[[torch.optim.Optimizer, int], LRScheduler] = CosineAnnealingLR
    dropout: float = 0.0  # in the discriminator
    d_norm: Callable[[int], nn.Module] | None = None
    g_norm: Callable[[int], nn.Module] | None = nn.BatchNorm2d
    spectral: bool = False
    r1: float = 0.0
    width: int = 8
    perceptrons: bool = False  # in the place of both convolutional nets
    images: int | None = None  # to train on; all of them where it is None
    other_seed: int = 0


group_norm = partial(nn.GroupNorm, GROUPS)
VARIANTS = {
    "baseline": Setting(),
    "nothing: other seeds": Setting(other_seed=OTHER_SEEDS),
    "both rates / 2": Setting(lr_d=recipe.LR / 2, lr_g=recipe.LR / 2),
    "both rates x 2": Setting(lr_d=recipe.LR * 2, lr_g=recipe.LR * 2),
    "rates D : G = 4 : 1": Setting(lr_d=recipe.LR * 2, lr_g=recipe.LR / 2),
    "rates D : G = 1 : 4": Setting(lr_d=recipe.LR / 2, lr_g=recipe.LR * 2),
    "beta1 = 0.5": Setting(beta1=0.5),
    "beta1 = 0.9": Setting(beta1=0.9),
    "batch 16": Setting(batch=16),
    "batch 128": Setting(batch=128),
    "EMA decay 0.999": Setting(decay=0.999),
    "real targets 0.9": Setting(targets=(0.9, 0.0)),
    "fake targets 0.1": Setting(targets=(1.0, 0.1)),
    "gradient norm at most 1": Setting(clip=1.0),
    "rate constant": Setting(schedule=constant),
    "D: dropout 0.3": Setting(dropout=0.3),
    "D: BatchNorm": Setting(d_norm=nn.BatchNorm2d),
    "D: GroupNorm": Setting(d_norm=group_norm),
    "D: spectral norm": Setting(spectral=True),
    "D: R1": Setting(r1=recipe.R1_WEIGHT),
    "G: GroupNorm": Setting(g_norm=group_norm),
    "G: no normalisation": Setting(g_norm=None),
    "width 16": Setting(width=16),
    "perceptrons": Setting(perceptrons=True),
    "500 images": Setting(images=500),
}


def nets(setting: Setting) -> tuple[nn.Module, nn.Module]:
    """The generator and the discriminator of a setting."""
    if setting.perceptrons:
        shape = 1, SIZE, SIZE
        return models.mlp_generator(recipe.LATENT, (256, 512), shape), models.mlp_discriminator((512, 256), shape)
    generator = models.dcgan_generator(SIZE, 1, setting.width, recipe.LATENT, norm=setting.g_norm)
    discriminator = models.dcgan_discriminator(SIZE, 1, setting.width, norm=setting.d_norm)
    layers: list[nn.Module] = []
    for layer in discriminator:
        layers.append(spectral_norm(layer) if setting.spectral and isinstance(layer, nn.Conv2d) else layer)
        if setting.dropout and isinstance(layer, nn.LeakyReLU):
            layers.append(nn.Dropout(setting.dropout))
    return generator, nn.Sequential(*layers)


def cross_entropy(real_target: float, fake_target: float) -> losses.Game:
    """The non-saturating game, whose discriminator is asked for these targets in the place of 1 and 0."""

    def one(logits: Tensor, target: float) -> Tensor:
        return (target * softplus(-logits) + (1 - target) * softplus(logits)).mean()

    def discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return one(real_logits, real_target) + one(fake_logits, fake_target)

    return losses.Game(discriminator, losses.non_saturating_generator)


def players(pair: tuple[nn.Module, nn.Module], setting: Setting) -> training.Players:
    """The nets with their Adams, which first clip their player's gradient where the setting says so."""
    both = recipe.players(pair, (setting.lr_g, setting.lr_d), (setting.beta1, recipe.BETAS[1]))
    if setting.clip is not None:
        for optimizer in both[2:]:
            optimizer.register_step_pre_hook(partial(clip, bound=setting.clip))
    return both


def clip(optimizer: torch.optim.Optimizer, *_, bound: float) -> None:
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    nn.utils.clip_grad_norm_(weights, bound)


def train(setting: Setting, data: images.ImageSet, steps: int, seed: int) -> tuple[list[nn.Module], dict]:
    """The averaged generator, the last one and the discriminator; what the training took, and where it diverged."""
    runtime.seed_everything(seed + setting.other_seed)
    both = players(nets(setting), setting)
    share = setting.batch / recipe.BATCH  # of the baseline's images a step
    steps = round(steps / share)
    ema, cost = recipe.train(
        both,
        data.batches(setting.batch),
        steps,
        decay=setting.decay**share,
        schedulers=[setting.schedule(optimizer, steps) for optimizer in both[2:]],
        game=cross_entropy(*setting.targets),
        penalty=recipe.r1(setting.r1) if setting.r1 else None,
        penalty_every=recipe.R1_EVERY,
    )
    return [ema, *both[:2]], cost


@torch.no_grad()
def called_real(discriminator: nn.Module, points: Tensor) -> float:
    """The share of ``points`` that the discriminator, in evaluation mode, gives a logit above 0."""
    return (discriminator.eval()(points) > 0).double().mean().item()


def sharpness(pictures: Tensor) -> float:
    """The mean absolute difference of neighbouring pixels, which blur makes smaller."""
    return ((pictures.diff(dim=2).abs().mean() + pictures.diff(dim=3).abs().mean()) / 2).item()


def options(parser: argparse.ArgumentParser) -> None:
    stored.options(parser, "variant", steps=800)


def run(record: stored.Record, data: str, steps: int, seeds: int) -> dict:
    """The figures of all variants."""
    torch.set_num_threads(1)  # so that seconds of the CPU can be compared
    everything = images.load(data).resized(SIZE)
    cut = len(everything) - len(everything) // 6
    shown, held_out = everything[:cut], everything[cut:]
    n = min(SAMPLES, len(held_out))
    real, seen = held_out[:n].floats(), shown[:n].floats()
    reference = features.digit_features(real)

    def frechet(pictures: Tensor) -> float:
        return metrics.frechet_distance(features.digit_features(pictures), reference)

    facts = {"data": data, "steps": steps, "seeds": list(range(seeds)), "samples": n, "batch": recipe.BATCH}
    facts["floor"] = frechet(seen)

    def one(variant: str, seed: int) -> dict:
        setting = VARIANTS[variant]
        part = shown[: setting.images]
        (ema, last, discriminator), cost = train(setting, part, steps, seed)
        made = recipe.sample(ema, n)
        scores = {"frechet": frechet(made), "frechet_last": frechet(recipe.sample(last, n))}
        scores["sharpness"] = sharpness(made) / sharpness(real)
        kinds = {"seen": part[:n].floats(), "held_out": real, "fake": recipe.sample(last, n)}
        return scores | {f"{kind}_called_real": called_real(discriminator, x) for kind, x in kinds.items()} | cost

    return stored.compare("variant", VARIANTS, facts, one, record, summarised=True)


def table(figures: dict) -> str:
    """The summary as text: a row for each variant, averaged weights and last weights."""
    lines = [f"{figures['data']}, {figures['steps']:,} steps, {figures['samples']:,} samples, seeds {figures['seeds']}"]
    lines += [f"{'Fréchet distance':28}{'averaged weights':>20}{'last weights':>20}"]
    for variant, scores in figures["summary"].items():
        cells = []
        for measure in ("frechet", "frechet_last"):
            error = scores[measure]["standard_error"]
            cells += [f"{scores[measure]['mean']:.1f}" + (f" ± {error:.1f}" if error is not None else "")]
        lines += ["".join([f"{variant:28}", *(f"{cell:>20}" for cell in cells)])]
    return "\n".join(lines)
