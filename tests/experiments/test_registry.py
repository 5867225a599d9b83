"""The registry: what is stored can be made anew, a bad argument is one sentence, and no file is lost."""

import json
import shlex
import shutil

import pytest

from experiments import registry, stored
from ganlib import results


def test_every_stored_command_is_one_that_its_experiment_understands(capsys):
    assert registry.main(["--check"]) == 0 and "Every stored command" in capsys.readouterr().out
    assert all((results.FOLDER / f"{name}.json").is_file() for name in registry.NAMES)


@pytest.mark.parametrize(
    ("file", "wrong", "why"),
    [
        ("losses", "python scripts/compare_losses.py --data mnist", "does not begin with python -m experiments losses"),
        ("losses", "python -m experiments modes --seeds 3", "does not begin with python -m experiments losses"),
        ("modes", "python -m experiments modes --sedes 3", "unrecognized arguments: --sedes 3"),
        ("modes", "python -m experiments modes --seeds 0", "a whole number of at least 1, not '0'"),
        ("modes", "python -m experiments modes", "would be written `python -m experiments modes --seeds 3`"),
        ("doctor", "python -m experiments doctor --seeds 5 --only wards", "there is no part 'wards'"),
    ],
)
def test_a_stored_command_that_makes_nothing_anew_is_caught(tmp_path, monkeypatch, capsys, file, wrong, why):
    shutil.copytree(results.FOLDER, tmp_path / "results")
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    changed = tmp_path / f"results/{file}.json"
    figures = json.loads(changed.read_text(encoding="utf-8"))
    (figures if "command" in figures else figures["clinic"])["command"] = wrong
    changed.write_text(json.dumps(figures), encoding="utf-8")
    assert registry.main(["--check"]) == 1
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and said.startswith(f"{file}.json: `{wrong}`") and why in said


def test_figures_without_a_command_are_caught(tmp_path):
    (tmp_path / "modes.json").write_text('{"runs": {}}')
    (tmp_path / "another_program.json").write_text("{}")
    assert registry.check(tmp_path) == ["modes.json does not say which command made it."]


@pytest.mark.parametrize("name", registry.NAMES)
def test_the_command_names_every_option_but_where_the_figures_go(name):
    parser = registry.parser(name)
    chosen = parser.parse_args([])
    written = registry.command(name, chosen)
    again = parser.parse_args([*shlex.split(written)[4:], "--output", "elsewhere.json"])
    assert vars(again) | {"output": 0} == vars(chosen) | {"output": 0} and registry.command(name, again) == written
    assert chosen.output == results.FOLDER / f"{name}.json"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ablatoins"], "no experiment 'ablatoins': choose one of ablations, bench"),
        (["ablations", "--steps", "0"], "--steps: takes a whole number of at least 1, not '0'"),
        (["conditional", "--data", "cifar"], "no data set 'cifar', choose mnist, glyphs"),
        (["conditional", "--seeds", "0"], "--seeds: takes a whole number of at least 1"),
        (["losses", "--stacked"], "unrecognized arguments: --stacked"),
        (["bench", "--only", "fid"], "no part 'fid', choose frechet, rates, precision, fit, import"),
        (["bench", "--seconds", "0"], "more than 0 seconds, not '0'"),
        (["bench", "--seconds", "nan"], "more than 0 seconds, not 'nan'"),
        (["bench", "--seeds", "two"], "at least 1, not 'two'"),
        (["speed", "--rounds", "0"], "--rounds: takes a whole number of at least 1"),
        (["modes", "--seeds", "0"], "--seeds: takes a whole number of at least 1"),
    ],
)
def test_a_bad_argument_is_one_sentence(arguments, words, capsys):
    assert registry.main(arguments) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_all_names_are_listed_with_a_line_each(capsys):
    assert registry.main([]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split()[0] for line in lines] == list(registry.NAMES) and all(len(line.split()) > 5 for line in lines)


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path, capsys):
    file = tmp_path / "modes.json"
    file.write_text("half of")
    assert registry.main(["modes", "--output", str(file)]) == 2
    said = capsys.readouterr().err
    assert "holds no figures that can be read" in said and said.count("\n") == 1 and file.read_text() == "half of"


def test_the_provenance_is_written_once_for_all_and_other_parts_stay(tmp_path):
    file = tmp_path / "trial.json"
    stored.Record(file, "first").keep({"score": 0.1}, "one")
    stored.Record(file, "second").keep({"score": 0.2}, "other")
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert [(part["command"], part["score"]) for part in figures.values()] == [("first", 0.1), ("second", 0.2)]
    assert all({"date", "cpu", "threads", "torch"} <= set(part) for part in figures.values())


def test_a_missed_goal_of_any_part_counts():
    met, missed = {"goals": [{"met": True}]}, {"goals": [{"met": True}, {"met": False}]}
    assert not registry.missed({"a": met, "b": met}) and not registry.missed(met) and not registry.missed({"runs": {}})
    assert registry.missed({"a": met, "b": missed}) and registry.missed(missed)
