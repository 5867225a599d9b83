"""A study of Optuna that survives its processes and is shared by several: storage, sampler, and the loop of trials."""

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from ganlib import training

try:
    import optuna
    from optuna.trial import TrialState
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
except ModuleNotFoundError:
    sys.exit("The search needs Optuna: install the extra 'search' of ganlib, or run `pip install optuna`.")

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)  # what counts towards the number of trials
PAUSE = 1.0  # seconds between two looks at what other processes do


class Surplus(Exception):
    """A trial that was begun although others, begun before it, make the number full."""


class ByNumber(optuna.samplers.BaseSampler):
    """TPE that draws by the seed and the trial's number, so that no two processes draw the same settings."""

    def __init__(self, seed: int):
        self.seed = seed
        self.tpe = optuna.samplers.TPESampler(seed=seed)

    def before_trial(self, study, trial):
        self.tpe = optuna.samplers.TPESampler(seed=(self.seed * 1_000_003 + trial.number) % 2**32)

    def infer_relative_search_space(self, study, trial):
        return self.tpe.infer_relative_search_space(study, trial)

    def sample_relative(self, study, trial, search_space):
        return self.tpe.sample_relative(study, trial, search_space)

    def sample_independent(self, study, trial, name, distribution):
        return self.tpe.sample_independent(study, trial, name, distribution)


def quiet() -> warnings.catch_warnings:
    """No warnings that the heartbeat, or a plot, is an experimental part of Optuna."""
    return warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning)


def open_storage(url: str, heartbeat: int) -> optuna.storages.RDBStorage:
    """The database at ``url``, in which each running trial gives a sign of life every ``heartbeat`` seconds.

    Raises ValueError, in one sentence without the password, where the database cannot be used.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("--storage takes a database's URL, as in sqlite:///runs/search.db.") from None
    shown, options = parsed.render_as_string(hide_password=True), {}
    if parsed.get_backend_name() == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise ValueError(f"{shown} is kept in memory and lost at the end: name a file, as in sqlite:///search.db.")
        options = {"connect_args": {"timeout": 60}}  # seconds to wait while another process writes
    settings = {"heartbeat_interval": heartbeat, "grace_period": 3 * heartbeat}
    settings |= {"engine_kwargs": options, "heartbeat_stale_trial_callback": mourn}
    for attempt in range(3):
        try:
            if options:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            with quiet():
                return optuna.storages.RDBStorage(url, **settings)
        except (ImportError, NoSuchModuleError) as error:
            driver = getattr(error.__cause__, "name", None) or parsed.drivername
            raise ValueError(f"{shown} needs the database driver {driver!r}, which is not installed here.") from None
        except (SQLAlchemyError, OSError, RuntimeError) as error:
            if attempt == 2:
                said = str(getattr(error, "orig", error)).strip().split("\n")[0].rstrip(".")
                raise ValueError(f"The database {shown} cannot be used: {said}.") from None
            time.sleep(0.5)  # two processes that make the same tables at once: one of them fails, and finds them now
    raise AssertionError


def mourn(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    print(f"{study.study_name}: the process of trial {trial.number} ended before it; it counts as failed.", flush=True)


def open_study(storage, name: str, facts: dict, sampler=None, pruner=None) -> optuna.Study:
    """The study ``name``, new or as it is; raises ValueError where it was begun with other settings."""
    study = optuna.create_study(
        storage=storage, study_name=name, load_if_exists=True, sampler=sampler, pruner=pruner, direction="minimize"
    )
    held = study.user_attrs.get("facts")
    if held not in (None, facts):
        said = " ".join(f"--{key} {value}" for key, value in held.items())
        raise ValueError(f"The study {name!r} was begun with {said}: go on with these, or name another --study.")
    study.set_user_attr("facts", facts)
    return study


def work(study: optuna.Study, total: int, run: Callable[[optuna.Trial], float]) -> None:
    """Run trials until ``total`` have ended well or by pruning, whichever process ran them."""

    def count(states, below: float = float("inf")) -> int:
        return sum(each.number < below for each in study.get_trials(deepcopy=False, states=states))

    given_up: list[int] = []

    def one(trial: optuna.Trial) -> float:
        if count((*ENDED, TrialState.RUNNING), below=trial.number) >= total:  # another process was quicker
            trial.set_user_attr("reason", "one too many: others began the last trials before")
            raise Surplus
        try:
            return run(trial)
        except training.TrainingDiverged as stopped:  # pruned, not failed: TPE learns from pruned trials alone
            trial.set_user_attr("reason", f"diverged: {str(stopped).split(':')[0]}")
            raise optuna.TrialPruned from None
        except optuna.exceptions.UpdateFinishedTrialError:
            given_up.append(trial.number)
            raise

    while count(ENDED) < total:
        with quiet():
            optuna.storages.fail_stale_trials(study)
        if count((*ENDED, TrialState.RUNNING)) >= total:
            time.sleep(PAUSE)  # the last trials are other processes'; should these die, we take over
            continue
        try:
            study.optimize(one, n_trials=1, catch=(Surplus,), callbacks=[tell])
        except (optuna.exceptions.UpdateFinishedTrialError, ValueError):  # which of them depends on Optuna's version
            if not given_up:
                raise
            print(f"Trial {given_up.pop()} was silent for so long that another process gave it up.", flush=True)


def tell(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    result = f"{trial.value:.2f}" if trial.state == TrialState.COMPLETE else trial.state.name.lower()
    reason = trial.user_attrs.get("reason")
    print(f"{study.study_name}, trial {trial.number}: {result}{f' ({reason})' if reason else ''}", flush=True)
