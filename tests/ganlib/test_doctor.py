"""The doctor's rules, each on looks made for it, and its manners. Its record is measured by the clinic (chapter 14)."""

from dataclasses import replace

import pytest
import torch
from test_training import LATENT, fit, planar

from ganlib import doctor, losses, vitals

HEALTHY = vitals.Look(
    step=1000, accuracy=0.6, order=0.7, gap=0.1, d_loss=1.3, g_loss=0.7, slope=0.5, d_gradient=1.0, g_gradient=1.0,
    diversity=1.0, cells=0.9, drift=0.1, stale=0.0, company=0.0, logits=(-1.0, 1.5), reals=(-1.0, 1.0),
    fakes=(-1.0, 1.0),
)  # fmt: skip
PROBABLE = {"logits": (0.1, 0.9)}
SICK = {
    "not finite": {"g_loss": float("nan")},
    "probabilities for logits": PROBABLE,
    "ranges that differ": {"reals": (0.0, 1.0)},
    "turned sign": {"order": 0.1},
    "saturation": {"order": 1.0, "slope": 1e-4, "d_loss": 1e-3},
    "discriminator wins": {"order": 1.0, "slope": 1.0, "d_loss": 1e-3},
    "mode collapse": {"diversity": 0.1, "cells": 0.02},
    "oscillation": {"drift": 2.0},
    "stale statistics": {"stale": 1.2},
    "batch statistics under a penalty": {"company": 0.5},
    "exploding logits": {"logits": (-300.0, 2.0)},
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


@pytest.mark.parametrize("name", SICK)
def test_a_fault_that_lasts_is_said_with_its_numbers_and_a_place_to_read(name):
    looks = [HEALTHY] * 10 + [replace(HEALTHY, **SICK[name])] * 10
    watch = watcher(looks)
    assert names(looks) == [name]
    assert watch.report().startswith(f"{name}: ") and "chapter" in watch.report() and watch.report().count("\n") == 0


@pytest.mark.parametrize("name", set(SICK) - {"not finite"})
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
    won = {"order": 1.0, "slope": 1.0, "d_loss": -50.0, "logits": (-300.0, 2.0)}  # what a critic's scores may be
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
