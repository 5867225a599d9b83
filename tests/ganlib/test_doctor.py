"""The doctor's rules, each on looks made for it, and its manners. Its record is measured by the failure clinic."""

import json
import re
from dataclasses import replace

import pytest
import torch
from test_training import LATENT, fit, planar

from course.layout import CHAPTERS
from ganlib import doctor, losses, vitals

CLINIC = CHAPTERS / "14_failure_clinic.ipynb"
HEALTHY = vitals.Look(
    step=1000, accuracy=0.6, auc=0.7, logit_gap=0.1, d_loss=1.3, g_loss=0.7, gradient_magnitude=0.5,
    d_gradient_norm=1.0, g_gradient_norm=1.0, diversity=1.0, nn_coverage=0.9, drift=0.1, train_eval_gap=0.0,
    batch_dependence=0.0, logit_range=(-1.0, 1.5), real_range=(-1.0, 1.0), fake_range=(-1.0, 1.0),
)  # fmt: skip
PROBABLE = {"logit_range": (0.1, 0.9)}
SICK = {
    "not finite": {"g_loss": float("nan")},
    "probabilities for logits": PROBABLE,
    "ranges that differ": {"real_range": (0.0, 1.0)},
    "turned sign": {"auc": 0.1},
    "saturation": {"auc": 1.0, "gradient_magnitude": 1e-4, "d_loss": 1e-3},
    "discriminator wins": {"auc": 1.0, "gradient_magnitude": 1.0, "d_loss": 1e-3},
    "mode collapse": {"diversity": 0.1, "nn_coverage": 0.02},
    "oscillation": {"drift": 2.0},
    "stale statistics": {"train_eval_gap": 1.2},
    "batch statistics under a penalty": {"batch_dependence": 0.5},
    "exploding logits": {"logit_range": (-300.0, 2.0)},
}


def watcher(looks, game=losses.non_saturating, penalty=print):
    watch = doctor.Doctor(*planar(), torch.zeros(64, 1, 1, 2), LATENT, game=game, penalty=penalty)
    watch.looks = list(looks)
    return watch


def names(looks, **options):
    return [finding.name for finding in watcher(looks, **options).findings()]


def test_every_rule_has_a_case_here():
    assert {rule.name for rule in doctor.RULES} == SICK.keys()
    assert {name for rule in doctor.RULES for name in rule.explains} <= SICK.keys()


def test_every_section_that_a_finding_names_is_in_the_clinic_and_its_table_of_rules_links_to_it():
    notebook = json.loads(CLINIC.read_text(encoding="utf-8"))
    text = "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    titles = dict(re.findall(r"^\((sec-[a-z-]+)\)=\n#+ (.+)$", text, re.MULTILINE))
    assert doctor.SECTIONS.items() <= titles.items()
    assert {rule.section for rule in doctor.RULES} == doctor.SECTIONS.keys()
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| \{ref\}`[^`<]+ <(sec-[a-z-]+)>` \|$", text, re.MULTILINE)
    assert {rule.name: rule.section for rule in doctor.RULES} == {name: dict(rows).get(name) for name in SICK}


@pytest.mark.parametrize("name", SICK)
def test_a_fault_that_lasts_is_said_with_its_numbers_and_a_place_to_read(name):
    looks = [HEALTHY] * 10 + [replace(HEALTHY, **SICK[name])] * 10
    watch = watcher(looks)
    assert names(looks) == [name]
    assert watch.report().startswith(f"{name}: ") and watch.report().endswith('" in the failure clinic.')
    assert watch.report().count("\n") == 0


@pytest.mark.parametrize("name", sorted(set(SICK) - {"not finite"}))
def test_a_fault_that_passed_or_shows_now_and_then_is_not_said(name):
    sick = replace(HEALTHY, **SICK[name])
    assert names([sick] * 10 + [HEALTHY] * 10) == []
    assert names([HEALTHY] * 10 + [sick, HEALTHY] * 5) == []


def test_a_number_that_broke_once_is_said_at_once_and_alone():
    broken = replace(HEALTHY, **SICK["not finite"], **SICK["mode collapse"])
    assert names([broken]) == names([HEALTHY, broken, *[HEALTHY] * 30]) == ["not finite"]


def test_causes_are_said_and_not_what_follows_from_them():
    saturated = SICK["saturation"] | SICK["mode collapse"]
    assert names([replace(HEALTHY, **saturated)] * 6) == ["saturation"]
    assert names([replace(HEALTHY, **(SICK["discriminator wins"] | SICK["mode collapse"]))] * 6) == [
        "discriminator wins"
    ]
    both = SICK["mode collapse"] | SICK["oscillation"]
    assert names([replace(HEALTHY, **both)] * 6) == ["mode collapse", "oscillation"]


def test_what_is_a_fault_depends_on_the_game():
    for game in (losses.least_squares, losses.wasserstein, losses.hinge, losses.relativistic):
        assert names([replace(HEALTHY, **PROBABLE)] * 6, game=game) == []
    assert names([replace(HEALTHY, **PROBABLE)] * 6, game=losses.minimax) == ["probabilities for logits"]
    won = {
        "auc": 1.0,
        "gradient_magnitude": 1.0,
        "d_loss": -50.0,
        "logit_range": (-300.0, 2.0),
    }  # what a critic's scores may be
    assert names([replace(HEALTHY, **won)] * 6, game=losses.wasserstein) == []
    assert names([replace(HEALTHY, **SICK["batch statistics under a penalty"])] * 6, penalty=None) == []


def test_a_young_generator_is_not_called_collapsed():
    assert names([replace(HEALTHY, step=500, **SICK["mode collapse"])] * 20) == []


def test_a_healthy_run_and_a_short_one():
    assert watcher([HEALTHY] * 6).report() == "Nothing that the doctor knows of is wrong with this run."
    assert watcher([HEALTHY] * 5).report().startswith("The doctor has looked 5 times and needs 6:")
    with pytest.raises(ValueError, match="64 real samples or more, but got 63"):
        doctor.Doctor(*planar(), torch.zeros(63, 2), LATENT)


def test_it_watches_fit():
    pair = planar()
    watch = doctor.Doctor(*pair, torch.randn(64, 2), LATENT)
    fit(pair, steps=60, callback=watch, callback_every=10)
    assert [look.step for look in watch.looks] == [10, 20, 30, 40, 50, 60] and watch.looks[0].drift == 0
    assert watch.report()
