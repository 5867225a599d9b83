"""A search with Optuna for the settings of the recipe on digits; it stops and goes on, and several processes share it.

    python -m experiments.search [--study NAME] [--storage URL] [--trials 20] [--steps 600] [--data mnist|glyphs]
                             [--seed 0] [--confirm 3] [--samples 1000] [--plots FOLDER]

A trial trains narrow players of the recipe; its value is the Fréchet distance to images that were held out of the
*training* set. The study is kept in a database, by default the SQLite file runs/search.db: the same command goes on
after a stop of any kind, and the same command in several processes, or on several machines with one database server,
shares the trials. At the end the best settings and the recipe's own are trained on ``--confirm`` new seeds. The exit
status is 2 where the command is at fault.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import torch

from experiments import recipe, stored, studies
from experiments.studies import ENDED, SQLAlchemyError, TrialState, optuna
from ganlib import features, images, metrics, models, runtime, training

WIDTH, LOOKS = 8, 4  # half the recipe's width; each trial is scored four times
RECIPE = {"g_lr": recipe.LR, "d_lr": recipe.LR, "beta1": recipe.BETAS[0], "batch": recipe.BATCH}
RECIPE |= {"r1": recipe.R1_WEIGHT, "decay": recipe.DECAY}
NEW_SEEDS = 100_000  # where the seeds of the confirmation begin, away from those of the trials


class Task(NamedTuple):
    """What every trial is given: images to train on, features of the images held out, and the length of training."""

    data: images.ImageSet
    reference: torch.Tensor
    steps: int


def prepare(name: str, steps: int, samples: int) -> Task:
    """Split the training set of ``name``, always in the same way; the test set is left alone."""
    data = images.load(name)
    if not 2 <= samples <= len(data) // 2:
        raise ValueError(f"Of {len(data):,} images, 2 to {len(data) // 2:,} can be held out, not {samples}.")
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    reference = features.digit_features(data[order[:samples]].floats())
    return Task(data[order[samples:]].resized(recipe.SIZE), reference, steps)


def suggest(trial: optuna.Trial) -> dict:
    """The space of the search: rates, weights and what an average forgets on logarithmic scales."""
    return {
        "g_lr": trial.suggest_float("g_lr", 1e-4, 1e-2, log=True),
        "d_lr": trial.suggest_float("d_lr", 1e-4, 1e-2, log=True),
        "beta1": trial.suggest_float("beta1", 0.0, 0.9),
        "batch": trial.suggest_categorical("batch", [16, 32, 64]),
        "r1": trial.suggest_float("r1", 1e-2, 10, log=True),
        "decay": 1 - trial.suggest_float("forget", 1e-3, 1e-1, log=True),
    }


def train(task: Task, settings: dict, seed: int, look: Callable[[int, float], None] = lambda *_: None) -> float:
    """The Fréchet distance after training; ``look(number, distance)`` is called four times on the way.

    All trials see as many images: ``task.steps`` is meant at the recipe's batch, and a smaller batch takes more steps.
    """
    runtime.seed_everything(seed)
    generator = models.dcgan_generator(recipe.SIZE, 1, WIDTH, recipe.LATENT)
    discriminator = models.dcgan_discriminator(recipe.SIZE, 1, WIDTH, norm=None)
    rates, betas = (settings["g_lr"], settings["d_lr"]), (settings["beta1"], recipe.BETAS[1])
    players = recipe.players((generator, discriminator), rates, betas)
    ema = training.EMA(generator, settings["decay"])
    every = max(1, round(task.steps * recipe.BATCH / settings["batch"] / LOOKS))
    steps = every * LOOKS
    latents = torch.randn(len(task.reference), recipe.LATENT, generator=torch.Generator().manual_seed(seed))
    seen: list[float] = []

    @torch.no_grad()
    def score(_: int) -> None:
        fakes = torch.cat([ema.model(z) for z in latents.split(500)])
        if not fakes.isfinite().all():
            raise training.TrainingDiverged("The generator's images were no longer finite.", None)
        seen.append(metrics.frechet_distance(features.digit_features(fakes), task.reference))
        look(len(seen), seen[-1])

    recipe.fit(
        players,
        task.data.batches(settings["batch"]),
        steps,
        penalty=recipe.r1(settings["r1"]),
        penalty_every=recipe.R1_EVERY,
        ema=ema,
        callback=score,
        callback_every=every,
    )
    return seen[-1]


def search(task: Task, study: optuna.Study, trials: int, seed: int) -> None:
    """Run the search itself: a seed of its own for each trial, and pruning at each look but the last."""

    def run(trial: optuna.Trial) -> float:
        settings = suggest(trial)
        trial.set_user_attr("seed", seed + trial.number)

        def look(number: int, distance: float) -> None:
            trial.report(distance, number)
            if number < LOOKS and trial.should_prune():
                trial.set_user_attr("reason", f"behind at look {number} of {LOOKS}: {distance:.2f}")
                raise optuna.TrialPruned

        return train(task, settings, seed + trial.number, look)

    studies.work(study, trials, run)


def confirm(task: Task, study: optuna.Study, storage, runs: int, seed: int) -> optuna.Study:
    """Train the best settings and the recipe's own on new seeds, in a study of its own that processes share too."""
    best = dict(study.best_params)
    settings = best | {"decay": 1 - best["forget"]}
    name = f"{study.study_name}, trial {study.best_trial.number} again"
    again = studies.open_study(storage, name, study.user_attrs["facts"])

    def run(trial: optuna.Trial) -> float:
        number = seed + NEW_SEEDS + trial.number
        trial.set_user_attr("seed", number)
        trial.set_user_attr("recipe", train(task, RECIPE, number))
        return train(task, settings, number)

    studies.work(again, runs, run)
    return again


def spread(values: list[float]) -> str:
    error = f" ± {stdev(values) / len(values) ** 0.5:.2f}" if len(values) > 1 else ""
    return f"{mean(values):.2f}{error}"


def summary(study: optuna.Study, again: optuna.Study | None) -> str:
    """What the search found, the best value as it was seen and as it is on new seeds."""
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    counts = [states.count(state) for state in (*ENDED, TrialState.FAIL)]
    lines = ["Trials: {} complete, {} pruned, {} failed.".format(*counts)]
    if TrialState.COMPLETE not in states:
        return f"{lines[0]} None came to its end, so there is no best: lower the learning rates, or add trials."
    best = study.best_trial
    settings = ", ".join(f"{name} {value:.3g}" for name, value in best.params.items())
    lines += [f"The best, trial {best.number} (seed {best.user_attrs['seed']}): {best.value:.2f} with {settings}."]
    ended = again.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if again else []
    if ended:
        pairs = [(trial.value, trial.user_attrs["recipe"]) for trial in ended]
        best_value, usual, saved = (
            spread([*column]) for column in zip(*((a, b, b - a) for a, b in pairs), strict=True)
        )
        lines += [
            f"On new seeds ({len(pairs)}): {best_value}; the recipe's own settings there: {usual}; saved: {saved}."
        ]
    return "\n".join(lines)


def draw(study: optuna.Study, folder: Path) -> None:
    """Write Optuna's own plots of the study as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    show = optuna.visualization.matplotlib
    plots = {"history": show.plot_optimization_history, "looks": show.plot_intermediate_values}
    plots |= {"slice": show.plot_slice, "parallel": show.plot_parallel_coordinate}
    plots |= {"importances": show.plot_param_importances, "timeline": show.plot_timeline}
    folder.mkdir(parents=True, exist_ok=True)
    for name, plot in plots.items():
        with studies.quiet():
            plot(study)
        plt.gcf().savefig(folder / f"{name}.png", dpi=110, bbox_inches="tight")
        plt.close("all")


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--study", default="recipe", help="its name in the database (default: recipe)")
    options.add_argument("--storage", default="sqlite:///runs/search.db", help="URL of the database")
    options.add_argument("--trials", type=int, default=20, help="ended trials of the study in all (default: 20)")
    options.add_argument("--steps", type=int, default=600, help="of a trial at a batch of 32 (default: 600)")
    options.add_argument("--data", default="glyphs", help="mnist or glyphs (default: glyphs)")
    options.add_argument("--seed", type=int, default=0, help="of the first trial (default: 0)")
    options.add_argument("--samples", type=int, default=1000, help="images held out, and fakes (default: 1000)")
    options.add_argument("--confirm", type=int, default=3, help="new seeds for the best settings (default: 3)")
    options.add_argument("--heartbeat", type=int, default=20, help="seconds; one silent for three failed (default: 20)")
    options.add_argument("--plots", type=Path, help="also write Optuna's plots into this folder")
    chosen = options.parse_args(arguments)
    torch.set_num_threads(1)  # several processes share the cores better than several threads
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    facts = {name: getattr(chosen, name) for name in ("data", "steps", "samples", "seed")}
    try:
        if chosen.data not in stored.DATA:
            raise ValueError(f"The search has no data set {chosen.data!r}: choose {' or '.join(stored.DATA)}.")
        if min(chosen.trials, chosen.steps, chosen.heartbeat) < 1 or min(chosen.confirm, chosen.seed) < 0:
            raise ValueError("--trials, --steps and --heartbeat are at least 1, --confirm and --seed at least 0.")
        storage = studies.open_storage(chosen.storage, chosen.heartbeat)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2)  # 2: the first look is passed over
        study = studies.open_study(storage, chosen.study, facts, studies.ByNumber(chosen.seed), pruner)
        task = prepare(chosen.data, chosen.steps, chosen.samples)
        search(task, study, chosen.trials, chosen.seed)
        settled = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        again = None
        if chosen.confirm and settled:
            again = confirm(task, study, storage, chosen.confirm, chosen.seed)
        print(summary(study, again))
        if chosen.plots and settled:
            draw(study, chosen.plots)
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        print(f"The database failed ({type(error).__name__}); the same command goes on.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; the same command goes on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
