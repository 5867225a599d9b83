"""The search: a kill and a second start, two processes on one study, pruning, divergence, and what it refuses."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import optuna
import pytest
import sqlalchemy.exc
import torch
from optuna.trial import TrialState

from experiments import search, studies
from ganlib import images, training

posix = pytest.mark.skipif(sys.platform != "linux", reason="needs fork and SIGKILL")
SHORT = ["--data", "glyphs", "--steps", "4", "--samples", "8"]


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """96 glyphs for the training set, no test set, a folder of its own, short waits, the number of threads put back."""
    glyphs = images.glyphs(n=96)
    monkeypatch.setattr(images, "load", lambda name, train=True: glyphs if train else pytest.fail("the test set"))
    monkeypatch.setattr(studies, "PAUSE", 0.1)
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def quick(monkeypatch):
    """``train`` in no time: the distance is told at each look, 100 times the generator's rate."""

    def train(task, settings, seed, look=lambda *_: None):
        for number in range(1, search.LOOKS + 1):
            look(number, 100 * settings["g_lr"])
        return 100 * settings["g_lr"]

    monkeypatch.setattr(search, "train", train)
    monkeypatch.setattr(search.features, "digit_features", lambda floats: torch.zeros(len(floats), 64))


def command(file, *more):
    return [*SHORT, "--storage", f"sqlite:///{file}", "--heartbeat", "1", "--confirm", "0", *more]


def trials(file, name="recipe"):
    return optuna.load_study(study_name=name, storage=f"sqlite:///{file}").trials


def start(arguments):
    process = multiprocessing.get_context("fork").Process(target=lambda: sys.exit(search.main(arguments)))
    process.start()
    return process


def test_a_whole_search_with_its_confirmation_and_plots(tmp_path, capsys):
    file = tmp_path / "deep" / "search.db"
    arguments = command(file, "--trials", "3", "--plots", str(tmp_path / "plots"))
    assert search.main([*arguments, "--confirm", "2", "--seed", "5"]) == 0
    records = trials(file)
    assert [trial.state for trial in records] == [TrialState.COMPLETE] * 3
    assert [trial.user_attrs["seed"] for trial in records] == [5, 6, 7]
    assert all(trial.last_step == search.LOOKS and trial.value > 0 for trial in records)
    assert all(trial.value == trial.intermediate_values[search.LOOKS] for trial in records)
    best = min(records, key=lambda trial: trial.value)
    again = trials(file, f"recipe, trial {best.number} again")
    assert [trial.user_attrs["seed"] for trial in again] == [100_005, 100_006]
    assert all(trial.user_attrs["recipe"] > 0 and trial.value > 0 for trial in again)
    names = {"history", "looks", "slice", "parallel", "importances", "timeline"}
    assert {plot.name for plot in (tmp_path / "plots").iterdir()} == {f"{name}.png" for name in names}
    said = capsys.readouterr().out
    assert f"The best, trial {best.number} (seed {best.number + 5}): {best.value:.2f} with" in said
    assert f"On new seeds (2): {(again[0].value + again[1].value) / 2:.2f} ±" in said


def test_a_trial_is_its_settings_and_its_seed_alone():
    task = search.prepare("glyphs", 8, 8)
    first, second = (search.train(task, search.RECIPE, seed) for seed in (0, 1))
    assert search.train(task, search.RECIPE, 0) == first != second


def test_a_smaller_batch_takes_more_steps(monkeypatch):
    lengths = []
    fit = training.fit
    monkeypatch.setattr(training, "fit", lambda *a, **b: lengths.append(b["steps"]) or fit(*a, **b))
    task = search.prepare("glyphs", 16, 8)
    for batch in (16, 32, 64):
        search.train(task, search.RECIPE | {"batch": batch}, 0)
    assert lengths == [32, 16, 8]


def test_what_is_held_out_is_not_trained_on():
    task = search.prepare("glyphs", 4, 30)
    everything = {image.numpy().tobytes() for image in images.load("glyphs").resized(32).images}
    trained = {image.numpy().tobytes() for image in task.data.images}
    assert len(everything) == 96 and len(trained) == 66 and trained < everything
    held = [image for image in images.load("glyphs").resized(32).images if image.numpy().tobytes() not in trained]
    features = search.features.digit_features(images.to_floats(torch.stack(held)))
    assert torch.allclose(features.sort(0)[0], task.reference.sort(0)[0], atol=1e-4)


@posix
def test_a_killed_search_goes_on(tmp_path, monkeypatch, quick, capsys):
    file, train = tmp_path / "search.db", search.train

    def hang(task, settings, seed, look):
        return train(task, settings, seed, look) if seed < 2 else time.sleep(3600)

    monkeypatch.setattr(search, "train", hang)
    process = start(command(file, "--trials", "5"))
    while process.is_alive() and not (file.exists() and running(file)):
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    before = trials(file)
    assert [trial.state.name for trial in before] == ["COMPLETE", "COMPLETE", "RUNNING"]

    monkeypatch.setattr(search, "train", train)
    assert search.main(command(file, "--trials", "5")) == 0
    after = trials(file)
    assert "the process of trial 2 ended before it" in capsys.readouterr().out
    assert [trial.state.name for trial in after] == ["COMPLETE"] * 2 + ["FAIL"] + ["COMPLETE"] * 3
    assert [trial.value for trial in after[:2]] == [trial.value for trial in before[:2]]
    assert search.main(command(file, "--trials", "5")) == 0 and len(trials(file)) == 6  # nothing is left to do
    assert search.main(command(file, "--trials", "6")) == 0 and len(trials(file)) == 7


def running(file):
    try:
        return [trial for trial in trials(file) if trial.state == TrialState.RUNNING and trial.number == 2]
    except (KeyError, sqlalchemy.exc.SQLAlchemyError):  # the study is being made
        return []


@posix
def test_two_processes_share_a_study(tmp_path, monkeypatch, quick):
    file, train, marks = tmp_path / "search.db", search.train, tmp_path / "marks"
    marks.mkdir()

    def marked(task, settings, seed, look=lambda *_: None):
        (marks / f"{seed} by {os.getpid()}").touch()
        time.sleep(0.2)
        return train(task, settings, seed, look)

    monkeypatch.setattr(search, "train", marked)
    processes = [start(command(file, "--trials", "12", "--confirm", "3")) for _ in range(2)]
    for process in processes:
        process.join(50)
    assert [process.exitcode for process in processes] == [0, 0]
    ended = [trial for trial in trials(file) if trial.state in studies.ENDED]
    rest = [trial for trial in trials(file) if trial.state not in studies.ENDED]
    assert len(ended) == 12 and all(trial.user_attrs["reason"].startswith("one too many") for trial in rest)
    assert len({tuple(trial.params.items()) for trial in ended}) == len({t.user_attrs["seed"] for t in ended}) == 12
    done = [mark.name.split(" by ") for mark in marks.iterdir()]
    searched = [seed for seed, _ in done if int(seed) < search.NEW_SEEDS]
    assert sorted(map(int, searched)) == sorted(trial.user_attrs["seed"] for trial in ended)
    assert {int(pid) for _, pid in done} == {process.pid for process in processes}
    best = optuna.load_study(study_name="recipe", storage=f"sqlite:///{file}").best_trial
    again = trials(file, f"recipe, trial {best.number} again")
    assert sum(trial.state == TrialState.COMPLETE for trial in again) == 3


def test_the_last_trial_is_not_run_twice(monkeypatch):
    study, ran, others = optuna.create_study(), [], []
    optimize = study.optimize

    def slow(*given, **options):  # another process begins the last trial between our look and our trial
        others.append(study.ask())
        optimize(*given, **options)

    monkeypatch.setattr(study, "optimize", slow)
    monkeypatch.setattr(studies.time, "sleep", lambda _: study.tell(others[0], 1.0))
    studies.work(study, 1, lambda trial: ran.append(trial.number) or 0.0)
    assert ran == [] and [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL"]
    assert study.trials[1].user_attrs["reason"].startswith("one too many")


def test_a_trial_that_was_given_up_does_not_end_the_process(tmp_path, capsys):
    storage = studies.open_storage(f"sqlite:///{tmp_path / 'a.db'}", 1)
    study = studies.open_study(storage, "a", {})

    def run(trial):
        if trial.number == 0:  # as another process does when it hears nothing
            storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        trial.report(1.0, 1)
        return 1.0

    studies.work(study, 2, run)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert "Trial 0 was silent for so long that another process gave it up" in capsys.readouterr().out


def test_a_trial_behind_the_median_is_pruned_but_never_at_the_first_or_the_last_look(tmp_path, monkeypatch, capsys):
    values = {5: [50, 50, 50, 50], 6: [50, 1, 1, 1], 7: [10, 10, 10, 10]}
    looked = []

    def train(task, settings, seed, look):
        for number, value in enumerate(values.get(seed, [10, 10, 10, 5]), start=1):
            looked.append((seed, number))
            look(number, value)
        return value

    monkeypatch.setattr(search, "train", train)
    assert search.main(command(tmp_path / "search.db", "--trials", "8")) == 0
    records = trials(tmp_path / "search.db")
    assert [trial.number for trial in records if trial.state == TrialState.PRUNED] == [5]
    assert [number for seed, number in looked if seed == 5] == [1, 2]
    assert records[5].user_attrs["reason"] == "behind at look 2 of 4: 50.00"
    assert "Trials: 7 complete, 1 pruned, 0 failed." in capsys.readouterr().out


def test_a_divergence_is_kept_with_its_reason_and_does_not_end_the_study(tmp_path, monkeypatch, capsys):
    suggest = search.suggest

    def wild(trial):
        return suggest(trial) | ({"g_lr": 1e38, "d_lr": 1e38} if trial.number != 1 else {})

    monkeypatch.setattr(search, "suggest", wild)
    assert search.main(command(tmp_path / "search.db", "--trials", "3", "--confirm", "1")) == 0
    records = trials(tmp_path / "search.db")
    assert [trial.state.name for trial in records] == ["PRUNED", "COMPLETE", "PRUNED"]
    assert all(records[at].user_attrs["reason"].startswith("diverged: The ") for at in (0, 2))
    said = capsys.readouterr().out
    assert "trial 2: pruned (diverged: The" in said and "2 pruned, 0 failed" in said

    monkeypatch.setattr(search, "suggest", lambda trial: suggest(trial) | {"g_lr": 1e38, "d_lr": 1e38})
    assert search.main(command(tmp_path / "search.db", "--study", "wild", "--trials", "1", "--plots", "plots")) == 0
    assert "None came to its end" in capsys.readouterr().out and not Path("plots").exists()


def test_another_error_fails_the_trial_and_ends_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "train", lambda *_: {}["a mistake"])
    with pytest.raises(KeyError, match="a mistake"):
        search.main(command(tmp_path / "search.db", "--trials", "3"))
    assert [trial.state.name for trial in trials(tmp_path / "search.db")] == ["FAIL"]


def test_a_sampler_draws_by_the_number_of_the_trial():
    def drawn(seed, skip=0):
        study = optuna.create_study(sampler=studies.ByNumber(seed))
        for _ in range(skip):
            study.tell(study.ask(), state=TrialState.FAIL)
        return [search.suggest(study.ask()) for _ in range(3)]

    assert drawn(0) == drawn(0) != drawn(1)
    assert drawn(0)[1:] == drawn(0, skip=1)[:2]
    assert len({settings["g_lr"] for settings in drawn(0)}) == 3


def test_the_summary_of_known_trials():
    study, again = optuna.create_study(), optuna.create_study()
    for number, value in enumerate((3.0, 2.0)):
        trial = study.ask()
        trial.suggest_float("g_lr", 0.5, 0.5)
        trial.set_user_attr("seed", number)
        study.tell(trial, value)
    for value, usual in ((2.5, 4.0), (3.5, 5.5)):
        trial = again.ask()
        trial.set_user_attr("recipe", usual)
        again.tell(trial, value)
    lines = search.summary(study, again).splitlines()
    assert lines[1:] == [
        "The best, trial 1 (seed 1): 2.00 with g_lr 0.5.",
        "On new seeds (2): 3.00 ± 0.50; the recipe's own settings there: 4.75 ± 0.75; saved: 1.75 ± 0.25.",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "faces"], "choose mnist or glyphs"),
        (["--trials", "0"], "--heartbeat are at least 1"),
        (["--confirm", "-1"], "--confirm and --seed at least 0"),
        (["--samples", "60"], "Of 96 images, 2 to 48 can be held out, not 60"),
        (["--storage", "nonsense"], "takes a database's URL"),
        (["--storage", "sqlite://"], "kept in memory and lost"),
        (["--storage", "sqlite:///file/search.db"], "cannot be used"),
        (["--storage", "sqlite:///file"], "cannot be used: file is not a database"),
        (["--storage", "nosuch://u:secret@host/db"], "'nosuch', which is not installed"),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(arguments, said, capsys, monkeypatch, quick):
    monkeypatch.setattr(studies.time, "sleep", lambda _: None)
    Path("file").write_text("This is no database. " * 100)
    assert search.main([*command("search.db"), *arguments]) == 2
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1 and "secret" not in message


def test_a_server_that_does_not_answer_is_named_without_its_password(monkeypatch, capsys):
    def refuse(*_, **__):
        raise sqlalchemy.exc.OperationalError("x", None, OSError("connection to server refused\nIs it running?"))

    monkeypatch.setattr(studies.optuna.storages, "RDBStorage", refuse)
    monkeypatch.setattr(studies.time, "sleep", lambda _: None)
    assert search.main(["--storage", "postgresql://me:secret@host/db"]) == 2
    said = "The database postgresql://me:***@host/db cannot be used: connection to server refused.\n"
    assert capsys.readouterr().err == said


def test_a_study_of_other_settings_is_not_gone_on_with(tmp_path, quick, capsys):
    file = tmp_path / "search.db"
    assert search.main(command(file, "--trials", "1")) == 0
    assert search.main([*command(file, "--trials", "2"), "--steps", "5"]) == 2
    assert "was begun with --data glyphs --steps 4 --samples 8 --seed 0" in capsys.readouterr().err
    assert search.main([*command(file, "--trials", "1"), "--steps", "5", "--study", "longer"]) == 0
    assert len(trials(file)) == len(trials(file, "longer")) == 1
