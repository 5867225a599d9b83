"""Train the digit feature network on MNIST and glyphs, and write its weights into the package.

    python -m experiments.train_features [--epochs 6] [--seed 0] [--output FILE]

Needs MNIST (see ``GANLIB_DATA``). Takes about 10 minutes on 2 cores. Prints the accuracy on both test sets, and
writes the weights only where both reach 99 %.
"""

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from experiments import stored
from ganlib import features, images, runtime

ENOUGH = 0.99


def jitter(batch: Tensor) -> Tensor:
    """Shift, turn, scale and shear each image a little, so that the features do not hang on exact positions."""
    n = len(batch)
    noise = 0.1 * torch.randn(n, 2, 2) + torch.eye(2)
    shift = 0.06 * torch.randn(n, 2, 1)
    grid = affine_grid(torch.cat([noise, shift], 2), list(batch.shape), align_corners=False)
    return grid_sample(batch + 1, grid, align_corners=False) - 1


def train(epochs: int, lr: float = 4e-3, batch: int = 128) -> features.DigitNet:
    sets = [images.mnist(), images.glyphs(n=40_000, seed=100)]
    pixels = torch.cat([s.images for s in sets])
    labels = torch.cat([s.labels for s in sets])
    both = images.ImageSet(pixels, labels, sets[0].names)
    net = features.DigitNet().train()
    steps = epochs * len(both) // batch
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=1e-2, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    start = time.perf_counter()
    for step, (x, y) in enumerate(both.batches(batch, with_labels=True)):
        if step == steps:
            return net.eval()
        loss = cross_entropy(net(jitter(x)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            seconds = time.perf_counter() - start
            print(f"step {step:,} of {steps:,}: loss {loss.item():.4f}, {seconds:.0f} s", flush=True)


@torch.no_grad()
def accuracy(net: features.DigitNet, data: images.ImageSet) -> float:
    guesses = torch.cat([net(part).argmax(1) for part in data.floats().split(1000)])
    return (guesses == data.labels).double().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=features.WEIGHTS)
    options = parser.parse_args()
    runtime.seed_everything(options.seed)
    net = train(options.epochs)
    scores = {data: accuracy(net, images.load(data, train=False)) for data in ("mnist", "glyphs")}
    for data, score in scores.items():
        print(f"{data} test accuracy: {score:.4f}")
    if min(scores.values()) < ENOUGH:
        raise SystemExit(f"The weights were not written: both accuracies must reach {ENOUGH}; try more epochs.")
    stored.save_weights(net.state_dict(), options.output)


if __name__ == "__main__":
    main()
