"""Train the small pair of players that the explorer ``PlaneGAN`` begins with, and write it into the package.

    python -m experiments.train_plane [--steps 12000] [--seed 0] [--output FILE]

Takes about half a minute on one core. Prints how the generator covers the ring, and writes the weights only where it
covers all eight modes with 90 % of high quality.
"""

import argparse
import itertools
from pathlib import Path

import torch
from torch import nn

from experiments import stored
from ganlib import metrics, runtime, toy, training
from ganlib.widgets import plane

ENOUGH = 0.90


def train(data: toy.GaussianMixture, steps: int, lr: float = 1e-3, gamma: float = 0.1) -> tuple[nn.Module, nn.Module]:
    """Both players after as many steps, with the loss, penalty and optimiser that the explorer begins with."""
    generator = plane.mlp([2, 32, 32, 2], 0.0)
    discriminator = nn.Sequential(*plane.mlp([2, 32, 32, 1], 0.2), nn.Flatten(0))
    nets = generator, discriminator
    optimizers = [training.adam(net, lr, (0.0, plane.BETA2)) for net in nets]
    schedulers = [torch.optim.lr_scheduler.CosineAnnealingLR(o, steps, 0.1 * lr) for o in optimizers]
    batches = (data.sample(plane.BATCH) / data.std() for _ in itertools.count())
    penalty = plane.r1_of(gamma)
    training.fit(*nets, *optimizers, batches, latent=2, steps=steps, penalty=penalty, schedulers=schedulers)
    return nets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=plane.WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    runtime.seed_everything(options.seed)
    data = plane.DATA["ring"]
    generator, discriminator = train(data, options.steps)
    with torch.no_grad():
        coverage = metrics.mode_coverage(generator(torch.randn(2500, 2)) * data.std(), data)
    print(f"modes by 20 samples: {coverage.modes(20)} of 8, high quality {coverage.high_quality:.3f}")
    if coverage.modes(20) < 8 or coverage.high_quality < ENOUGH:
        raise SystemExit(f"The weights were not written: all modes and a high quality of {ENOUGH} are needed.")
    weights = {
        f"{name}.{key}": tensor
        for name, net in (("generator", generator), ("discriminator", discriminator))
        for key, tensor in net.state_dict().items()
    }
    stored.save_weights(weights, options.output)


if __name__ == "__main__":
    main()
