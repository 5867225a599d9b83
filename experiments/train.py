"""Train the course's recipe on digits, in one process or in several; a run that was stopped goes on by itself.

    python -m experiments.train [--data glyphs|mnist] [--steps N] [--batch N] [--norm group|batch|none] [--folder DIR]
    accelerate launch --multi_gpu --num_processes 2 --module experiments.train    # one process for each GPU, or CPU
    torchrun --nproc_per_node 2 -m experiments.train                              # the same, by PyTorch's launcher

``--batch`` counts the images of one step in all processes together. Every process draws the same random numbers and
keeps its share of what they choose, so that their number changes the speed and nothing else, but for rounding; with
BatchNorm, which looks at one share alone, it changes the result. The folder receives ``checkpoint.safetensors`` every
``--every`` steps, from which the same command goes on, and ``generator.safetensors``, the averaged generator.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor, nn
from torch.distributed import DistError

from experiments import recipe
from experiments.stored import save_weights
from ganlib import checkpoints, images, metrics, models, runtime, training

DATA = ("glyphs", "mnist")
NORMS = {"group": partial(nn.GroupNorm, 8), "batch": nn.BatchNorm2d, "none": None}
PATIENCE = timedelta(minutes=5)  # that the processes wait for one that does not answer
STOPPED = "it goes on from its last checkpoint when the same command is given again"


class Settings:
    """What must not change between the parts of a run, kept in its checkpoint."""

    def __init__(self, **values: str | int):
        self.values = values

    def state_dict(self) -> dict:
        return self.values

    def load_state_dict(self, state: dict) -> None:
        """Accept the stored settings; raises ValueError where these are others."""
        if state != self.values:
            names = sorted(name for name in self.values if self.values[name] != state.get(name))
            was = ", ".join(f"--{name} {state.get(name)}" for name in names)
            raise ValueError(f"the run was begun with {was}; name that again, or another --folder")


def shares(batches: Iterator[Tensor], processes: int, index: int) -> Iterator[Tensor]:
    """The part of each global batch that process ``index`` of ``processes`` trains on, as PyTorch's default floats."""
    for batch in batches:
        yield batch.chunk(processes)[index].to(torch.get_default_dtype())


def latents(batch: int, processes: int, index: int) -> Callable[[Tensor], Tensor]:
    """A function that draws the latents of a global batch and returns the share of one process, beside its images.

    They are drawn on the CPU, whose numbers are the same beside every kind of device.
    """
    return lambda real: torch.randn(batch, recipe.LATENT).chunk(processes)[index].to(real.device)


def train(options: argparse.Namespace, data: images.ImageSet, accelerator) -> tuple[training.EMA, int]:
    """Train up to ``options.steps``; returns the averaged generator, and the step that the run went on from."""
    processes, index = accelerator.num_processes, accelerator.process_index
    if options.batch % processes:
        raise ValueError(
            f"A batch of {options.batch} cannot be shared equally by {processes} processes: name a multiple of "
            f"{processes}."
        )
    runtime.seed_everything(options.seed)  # the same in all processes
    generator = models.dcgan_generator(recipe.SIZE, data.shape[0], recipe.WIDTH, recipe.LATENT, NORMS[options.norm])
    nets = [net.to(accelerator.device) for net in (generator, recipe.discriminator(data.shape[0]))]
    players = recipe.players(nets)
    ema = training.EMA(players.generator, recipe.DECAY)
    batches = data.to(accelerator.device).batches(options.batch)  # global ones
    settings = Settings(data=options.data, batch=options.batch, norm=options.norm, seed=options.seed)
    parts = {"settings": settings, **players._asdict(), "ema": ema, "batches": batches}  # read in this order

    file = options.folder / "checkpoint.safetensors"
    start = checkpoints.load(file, **parts) if file.exists() else 0

    def keep(step: int) -> None:
        if accelerator.is_main_process:
            checkpoints.save(file, step, **parts)

    if start < options.steps:
        # Not recipe.fit: here each process draws its share of the latents, and no rate falls, since --steps may grow.
        training.fit(
            *accelerator.prepare(*players),  # the nets of several processes now average their gradients
            shares(batches, processes, index),
            latent=latents(options.batch, processes, index),
            steps=options.steps,
            start=start,
            penalty=recipe.r1(),
            penalty_every=recipe.R1_EVERY,
            ema=ema,
            callback=keep,
            callback_every=options.every,
            backward=accelerator.backward,
            progress=accelerator.is_main_process,
        )
        if options.steps % options.every:
            keep(options.steps)
    return ema, start


@torch.no_grad()
def score(generator: nn.Module, options: argparse.Namespace, device: torch.device) -> float:
    """The Fréchet distance of ``options.samples`` images to as many test images."""
    test = images.load(options.data, train=False)[: options.samples].to(device)
    made = [generator(torch.randn(len(part), recipe.LATENT).to(device)) for part in test.images.split(500)]
    return metrics.digit_frechet(torch.cat(made), test.floats())


def stop(sentence: str) -> NoReturn:
    """End this process at once, with one sentence: nothing may wait for another process that is gone."""
    print(f"{sentence}: the job stops, and {STOPPED}.", file=sys.stderr, flush=True)
    os._exit(1)


def is_lost(error: RuntimeError) -> bool:
    """Whether ``error`` says that the processes could not exchange their gradients."""
    return isinstance(error, DistError) or any(name in str(error) for name in ("gloo", "Gloo", "NCCL"))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options of the command line; raises ValueError for a value that cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=DATA[0], help="glyphs or mnist (default: glyphs)")
    parser.add_argument("--steps", type=int, default=2000, help="of training, with those done before (default: 2000)")
    parser.add_argument("--batch", type=int, default=recipe.BATCH, help="images a step, of all processes together")
    parser.add_argument("--norm", default="group", help="layers of the generator: group, batch or none")
    parser.add_argument("--folder", type=Path, default=Path("run"), help="for what is kept (default: run)")
    parser.add_argument("--every", type=int, default=500, help="steps between two checkpoints (default: 500)")
    parser.add_argument("--samples", type=int, default=5000, help="for the score; 0 leaves it out (default: 5000)")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default: 0)")
    options = parser.parse_args(arguments)
    for name, allowed in (("data", DATA), ("norm", NORMS)):
        if (value := getattr(options, name)) not in allowed:
            raise ValueError(f"--{name} {value} is unknown: choose {', '.join(allowed)}.")
    for name, least in (("steps", 1), ("batch", 1), ("every", 1), ("samples", 0)):
        if (value := getattr(options, name)) < least:
            raise ValueError(f"--{name} {value} is too few: name at least {least}.")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Train, keep the averaged generator, print its score; 2, and one sentence, where the command is at fault."""
    try:
        from accelerate import Accelerator, InitProcessGroupKwargs
    except ImportError:
        print("experiments/train.py needs accelerate: pip install accelerate", file=sys.stderr)
        return 2
    patience = InitProcessGroupKwargs(timeout=PATIENCE)
    accelerator = Accelerator(cpu=runtime.device().type == "cpu", kwargs_handlers=[patience])
    main_one = accelerator.is_main_process
    try:
        options = parse(arguments)
        data = images.load(options.data).resized(recipe.SIZE)
        signal.signal(signal.SIGTERM, lambda *_: stop("This process was told to end, perhaps since another is gone"))
        ema, start = train(options, data, accelerator)
    except (ValueError, FileNotFoundError, checkpoints.CheckpointError, training.TrainingDiverged) as error:
        if main_one:
            print(error, file=sys.stderr)
        return 2
    except RuntimeError as error:
        if accelerator.num_processes == 1 or not is_lost(error):
            raise
        stop(f"Process {accelerator.process_index} of {accelerator.num_processes} no longer hears the others")
    if main_one:
        done = f"went on from step {start:,} to" if start else "trained for"
        print(f"{accelerator.num_processes} process(es) {done} {max(start, options.steps):,} steps of {options.batch}")
        save_weights(ema.model.state_dict(), options.folder / "generator.safetensors")
        if options.samples:
            print(f"Fréchet distance: {score(ema.model, options, accelerator.device):.2f}")
    accelerator.end_training()
    return 0


if __name__ == "__main__":
    sys.exit(main())
