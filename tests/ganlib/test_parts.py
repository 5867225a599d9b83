"""What a checkpoint says of its parts: what each is made of, and how two of them differ."""

import json

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from ganlib import parts, training


def run():
    one, two = nn.Linear(2, 1), nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    optimizer = torch.optim.Adam([{"params": [*two.parameters()][:2]}, {"params": [one.bias, one.weight]}])
    named = {"one": one, "two": two, "opt": optimizer, "schedule": CosineAnnealingLR(optimizer, 9)}
    return named | {"ema": training.EMA(one, 0.9), "other": torch.optim.SGD([nn.Parameter(torch.zeros(3))])}


def test_each_part_is_described_and_the_description_is_json():
    made = parts.makings(run())
    assert json.loads(json.dumps(made)) == made and list(made) == list(run())
    assert made["one"] == {"class": "Linear", "tensor weight": "float32 [1, 2]", "tensor bias": "float32 [1]"}
    assert made["two"]["tensor 1.num_batches_tracked"] == "int64 []" and made["two"]["class"] == "Sequential"
    assert made["ema"] == {**made["one"], "class": "EMA"} and made["schedule"] == {"class": "CosineAnnealingLR"}
    assert made["opt"] == {
        "class": "Adam",
        "parameter 0 of group 0": "two.0.weight, float32 [1, 1]",
        "parameter 1 of group 0": "two.0.bias, float32 [1]",
        "parameter 0 of group 1": "one.bias, float32 [1]",
        "parameter 1 of group 1": "one.weight, float32 [1, 2]",
    }
    assert made["other"] == {"class": "SGD", "parameter 0 of group 0": "of no named network, float32 [3]"}


def test_a_tied_weight_has_its_first_name_and_a_lazy_one_no_shape():
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.LazyLinear(1))
    tied[1].weight = tied[0].weight
    made = parts.makings({"net": tied, "opt": torch.optim.SGD([tied[1].weight])})
    assert made["opt"]["parameter 0 of group 0"] == "net.0.weight, float32 [2, 2]"
    assert made["net"]["tensor 1.weight"] == "float32 [2, 2]"
    assert made["net"]["tensor 2.weight"] == "a tensor without values yet"


@pytest.mark.parametrize(
    ("saved", "here", "words"),
    [
        ({"class": "A"}, {"class": "B"}, "class is A in the file and B here"),
        ({"class": "A"}, {"class": "A", "x": "1"}, "x is missing in the file and 1 here"),
        ({"class": "A", "x": "1"}, {"class": "A"}, "x is 1 in the file and missing here"),
        ({"class": "A", "x": "missing"}, {"class": "A"}, "x is missing in the file and missing here"),
        (None, {"class": "A"}, "does not say what it was made of"),
        ([1], {"class": "A"}, "does not say what it was made of"),
    ],
)
def test_the_first_difference_is_named(saved, here, words):
    assert words in parts.difference(saved, here)
