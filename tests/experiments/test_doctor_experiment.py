"""The doctor's record: how chapters are run with a doctor beside, and what precision and recall count."""

import itertools
import json

import nbformat
import pytest
import torch

from experiments import doctor as doctor_report
from experiments import registry
from ganlib import training


def test_precision_and_recall_count_names():
    cases = [({"a"}, {"a"}), ({"a", "b"}, {"b", "c"}), (set(), {"a"}), (set(), set())]
    record = doctor_report.record(cases)
    assert record["precision"] == 2 / 4 and record["recall"] == 2 / 3 and record["runs"] == 4
    assert doctor_report.record([(set(), set())])["precision"] == 1


@pytest.mark.parametrize("labelled", [False, True])
def test_the_batches_that_a_doctor_takes_come_again(labelled):
    items = [(torch.full((100, 2), float(i)), torch.full((100,), i)) for i in range(9)]
    batches = (item if labelled else item[0] for item in items)
    taken, again = doctor_report.first_batches(batches)
    assert len(taken) == 3 and all(isinstance(item, tuple) for item in taken)
    numbers = [int((item[0] if labelled else item)[0, 0]) for item in again]
    assert numbers == list(range(9))


CELLS = """
import torch
from ganlib import training
SEED = 0
%pip install nothing
---
from test_training import planar, points, LATENT
torch.manual_seed(SEED)
pair = planar()
optimizers = [training.adam(net, 1e-3) for net in pair]
calls = []
options = {"callback": calls.append, "callback_every": 20, "progress": False}
for steps in (50, 200):
    history = training.fit(*pair, *optimizers, points(), latent=LATENT, steps=steps, **options)
---
diagnoses = {"one": (set(), {"seed %d" % SEED})}
"""


@pytest.fixture
def chapter(monkeypatch, tmp_path):
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS.split("---")]
    (tmp_path / "chapters").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "chapters/99_trial.ipynb")
    monkeypatch.setattr(doctor_report, "ROOT", tmp_path)
    monkeypatch.setattr(doctor_report, "CLINIC", "99_trial")
    return "99_trial"


def test_a_doctor_stands_beside_every_run_of_a_chapter_and_disturbs_no_callback(chapter, monkeypatch):
    monkeypatch.setattr(doctor_report, "CHAPTERS", (chapter,))
    original = training.fit
    assert doctor_report.chapters_part(1)["healthy runs"] == 1
    (run,) = doctor_report.watched(chapter)  # the run of 50 steps is too short to be judged
    assert run["steps"] == 200 and run["looks"] == 20 and isinstance(run["findings"], list) and run["faults"] == []
    assert training.fit is original
    names = doctor_report.execute(doctor_report.code_of(chapter))
    assert names["calls"] == [20, 40, *itertools.chain(range(20, 201, 20))]


def test_what_is_found_in_a_run_that_is_sick_on_purpose_is_no_false_alarm(monkeypatch):
    findings = {"one": ["a"], "two": ["a", "b"], "three": []}
    runs = {name: [{"findings": names, "faults": ["a"] if name == "two" else []}] for name, names in findings.items()}
    monkeypatch.setattr(doctor_report, "CHAPTERS", tuple(findings))
    monkeypatch.setattr(doctor_report, "watched", runs.get)
    part = doctor_report.chapters_part(1)
    assert (part["healthy runs"], part["false alarms"], len(part["runs"])) == (2, 2, 3)


def test_the_clinic_is_run_with_each_seed(chapter, monkeypatch):
    assert doctor_report.clinic(3) == {"one": (set(), {"seed 3"})}
    monkeypatch.setattr(doctor_report, "code_of", lambda _: ["diagnoses = {}"])
    with pytest.raises(ValueError, match="has no line `SEED = "):
        doctor_report.clinic(1)


def test_a_part_is_written_beside_the_other_with_its_own_command(chapter, tmp_path, monkeypatch, capsys):
    file = tmp_path / "doctor.json"
    monkeypatch.setattr(doctor_report, "CHAPTERS", ())
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    for part in ("chapters", "clinic"):
        assert registry.run("doctor", ["--seeds", "2", "--only", part, "--output", str(file)]) == 0
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert figures["clinic"]["command"] == "python -m experiments doctor --seeds 2 --only clinic"
    assert figures["chapters"]["command"] == "python -m experiments doctor --seeds 2 --only chapters"
    assert "clinic: cores" in capsys.readouterr().out and figures["clinic"]["runs"] == 2
