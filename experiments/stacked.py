"""Two losses on colour images of three digits each, one of them also with its penalties at every step: modes covered.

    python -m experiments stacked [--data mnist|glyphs] [--steps 2000] [--seeds 3] [--output FILE]

The nets and the recipe are those of the comparison of losses. The file has a part for each data set and is written
after every run; the same command goes on where it stopped.
"""

import argparse

import torch
from torch import Tensor

from experiments import losses, recipe, stored
from ganlib import images, stacked

TRIPLES, COUNTED = 60_000, 26_000  # colour images to train on, and samples whose modes are counted, as in the papers
PAIRS = losses.LOSSES["relativistic + R1 + R2"]
LOSSES = {
    "non-saturating": losses.LOSSES["non-saturating"],
    "relativistic + R1 + R2": PAIRS,
    "the same, every step": PAIRS._replace(every=1),  # the penalty's mean over the steps stays what it was
}

table = losses.table


def options(parser: argparse.ArgumentParser) -> None:
    stored.options(parser, "loss")


def run(record: stored.Record, data: str, steps: int, seeds: int) -> dict:
    """The modes that each loss covers, and the KL of its samples over all modes."""
    torch.set_num_threads(1)  # so that seconds of the CPU can be compared
    shown = images.stacked(images.load(data), TRIPLES, seed=0).resized(recipe.SIZE)
    test = images.stacked(images.load(data, train=False), COUNTED, seed=1)

    def modes(made: Tensor) -> dict:
        counts = stacked.count_modes(stacked.classify_triples(made))
        return {"modes": counts.covered(), "kl": counts.kl}

    facts = {"data": data, "steps": steps, "seeds": list(range(seeds)), "samples": COUNTED, "batch": recipe.BATCH}
    facts |= {"floor": stacked.perfect_kl(COUNTED), "real": modes(test.floats())}

    def one(loss: str, seed: int) -> dict:
        generator, cost = losses.train(LOSSES[loss], shown, steps, seed)
        return modes(recipe.sample(generator, COUNTED)) | cost

    return stored.compare("loss", LOSSES, facts, one, record, data, summarised=True)
