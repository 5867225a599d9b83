"""What travels through the wall comes out as it went in, or is refused in a sentence."""

import json
import math

import numpy as np
import pytest
import safetensors.torch
import torch
from corpus import cells
from torch import nn

from course.grading import sandbox
from course.grading.wall import plain
from course.grading.wall.student import Student, StudentError


def there_and_back(value, given=()):
    """A value as the trusted side gets it."""
    packer = plain.Packer(given)
    tree = packer.tree(value)
    back, tensors = plain.parse(packer.message({"value": tree}))
    return plain.unpack(back["value"], tensors, list(given))


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, -(10**30), 1.5, math.inf, -0.1, "x\n\0ß", [], [1, [2.0, "a"]], (), (1, (2,)), {},
     {"a": [1]}, {1: 2}],
)  # fmt: skip
def test_plain_values_keep_their_types(value):
    back = there_and_back(value)
    assert back == value and type(back) is type(value)


def test_what_only_looks_like_a_number_becomes_one():
    class Any(float):
        def __eq__(self, other):
            return True

        __hash__ = float.__hash__

    assert type(there_and_back(Any(3.0))) is float and there_and_back(Any(3.0)) != 4.0
    assert type(there_and_back(np.float64(2.5))) is float and type(there_and_back(np.int64(2))) is int
    assert math.isnan(there_and_back(math.nan))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool])
def test_tensors_keep_shape_and_dtype(dtype):
    value = torch.arange(6).view(2, 3).T.to(dtype)
    back = there_and_back(value)
    assert type(back) is torch.Tensor and back.dtype == dtype and torch.equal(back, value)
    assert np.array_equal(there_and_back(np.arange(3.0)), np.arange(3.0))


NETS = [
    nn.Sequential(nn.Linear(2, 4, bias=False), nn.BatchNorm1d(4), nn.LeakyReLU(0.3), nn.Dropout(0.2)),
    nn.Sequential(nn.Unflatten(1, (2, 1, 1)), nn.ConvTranspose2d(2, 3, (4, 4), 2, 1), nn.BatchNorm2d(3), nn.Tanh()),
    nn.Sequential(nn.Unflatten(1, (2, 1, 1)), nn.Upsample(scale_factor=4), nn.Conv2d(2, 2, 3, padding=1), nn.Flatten()),
    nn.Sequential(nn.Sequential(nn.Identity(), nn.Softplus()), nn.LayerNorm(2), nn.GELU()),
]


@pytest.mark.parametrize("net", NETS)
def test_a_network_comes_back_with_its_weights_and_its_mode(net):
    net.eval()
    back, x = there_and_back(net), torch.randn(5, 2)
    assert back is not net and torch.equal(back(x), net(x)) and not back.training
    assert all(not each.is_meta for each in [*back.parameters(), *back.buffers()])


def test_an_argument_that_is_returned_comes_back_as_itself():
    net = nn.Linear(1, 1)
    assert there_and_back([net], [net])[0] is net


@pytest.mark.parametrize(
    "tree",
    [
        3, 1.5, [], {}, {"int": "x"}, {"int": "9" * 5000}, {"float": "y"}, {"float": 3}, {"same": 0},
        {"same": -1}, {"same": True}, {"tensor": "no"}, {"tensor": []}, {"array": 3}, {"dict": [[1]]},
        {"dict": [[{"dict": []}, None]]},
        {"dict": [[{"list": []}, None]]}, {"list": 3}, {"tuple": None}, {"net": None, "state": {}, "training": True},
        {"net": ["Linear", {}], "state": {}, "training": True},
        {"net": ["eval", {"x": "1"}], "state": {}, "training": True},
        {"net": ["Linear", {"in_features": 10**9, "out_features": 10**9}], "state": {}, "training": True},
        {"net": ["Linear", {"in_features": 2, "out_features": 2}], "state": {}, "training": True},
        {"net": ["Flatten", {"start_dim": math.inf}], "state": {}, "training": True},
        {"net": ["Upsample", {"size": {"a": 1}}], "state": {}, "training": True},
    ],
)  # fmt: skip
def test_what_is_no_value_is_refused(tree):
    with pytest.raises(plain.PlainError):
        plain.unpack(tree, {})


def test_what_is_nested_without_end_is_refused():
    tree, value = {"list": []}, []
    for _ in range(100):
        tree, value = {"list": [tree]}, [value]
    with pytest.raises(plain.PlainError):
        plain.unpack(tree, {})
    with pytest.raises(plain.PlainError):
        plain.Packer().tree(value)


@pytest.mark.parametrize("value", [object(), len, {1, 2}, torch.float32, iter([]), type("Own", (nn.Module,), {})()])
def test_what_cannot_travel_is_refused_by_its_kind(value):
    with pytest.raises(plain.PlainError):
        plain.Packer().tree(value)


def frame(text: bytes, tensors: bytes = safetensors.torch.save({})) -> bytes:
    return plain.LENGTHS.pack(len(text), len(tensors)) + text + tensors


@pytest.mark.parametrize(
    "content",
    [b"", b"x" * 40, frame(b"{")[:-1], frame(b"{"), frame(b"[]"), frame(b"3"), frame(b"{}", b"abc"),
     frame(b"[" * 99_999),
     frame(b"{}") + b"x", frame(b'{"a": ' + b"9" * 9999 + b"}"), frame(b"\xff")],
)  # fmt: skip
def test_a_message_that_does_not_read_is_refused(content):
    with pytest.raises(plain.PlainError):
        plain.parse(content)
    assert plain.parse(frame(json.dumps({"a": 1}).encode())) == ({"a": 1}, {})


@pytest.mark.parametrize("draw", [torch.rand, torch.randn])
@pytest.mark.parametrize("count", [0, 1, 3, 17, 623, 624, 625, 5001])
def test_a_state_that_follows_from_draws_is_taken(draw, count):
    generator = torch.Generator().manual_seed(7)
    draw(5, generator=generator)
    before = generator.get_state()
    draw(count, generator=generator)
    after = generator.get_state()
    taken = torch.Generator()
    taken.set_state(plain.drawn(before, after))
    assert torch.equal(torch.randn(30, generator=taken), torch.randn(30, generator=generator))


@pytest.mark.parametrize("after", [None, 3, torch.zeros(5), torch.zeros(5056, dtype=torch.uint8)])
def test_another_state_is_not_taken(after):
    generator = torch.Generator().manual_seed(7)
    before = generator.get_state()
    other = torch.Generator().manual_seed(8).get_state()
    zeros = before.clone()
    zeros[plain.TWISTER] = 0
    for each in (after, other, zeros):
        assert torch.equal(plain.drawn(before, each), before)


@pytest.fixture(scope="module")
def student():
    """A student's process, in a sandbox where there is one."""
    notebook = """
import torch
from torch import nn
def penalty(critic, x):
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return slope.square().sum(1).mean()
def zero(x):
    x.zero_()
def step(net, optimizer, x):
    optimizer.zero_grad()
    net(x).square().mean().backward()
    optimizer.step()
    net.eval()
def draw():
    return torch.randn(3)
class Own(nn.Module):
    pass
def own():
    return Own()
value = 2.5
"""
    made = Student(sandbox.Limits(), sandbox.available())
    made.begin(cells(notebook), 60)
    yield made
    made.close()


def test_a_call_can_be_derived_twice_and_by_all_that_it_depends_on(student):
    net, x = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)), torch.randn(4, 2)

    def right(critic, x):
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return slope.square().sum(1).mean()

    with student.session():
        mine = student.call("penalty", net, x)
        assert torch.allclose(mine, right(net, x))
        for weight in net.parameters():
            (one,), (other,) = (
                torch.autograd.grad(value, weight, allow_unused=True, create_graph=True)
                for value in (student.call("penalty", net, x), right(net, x))
            )
            assert (one is None) == (other is None) and (one is None or torch.allclose(one, other, atol=1e-6))
            if one is not None:
                twice = [torch.autograd.grad(each.square().sum(), net[0].weight)[0] for each in (one, other)]
                assert torch.allclose(*twice, atol=1e-5)


def test_a_function_of_the_tests_is_called_on_this_side(student):
    seen = []

    def critic(x):
        seen.append(x.detach().clone())
        return (x**3).sum(1)

    with student.session():
        value = student.call("penalty", critic, torch.tensor([[2.0, 0.0]]))
    assert float(value) == 144.0 and len(seen) == 1 and torch.equal(seen[0], torch.tensor([[2.0, 0.0]]))


def test_a_network_of_the_tests_own_class_is_called_on_this_side_and_trained_there(student):
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(2))

        def forward(self, x):
            return x * self.w

    net, x = Scale(), torch.tensor([[1.0, 2.0]])
    with student.session():
        student.call("step", net, torch.optim.SGD(net.parameters(), 0.1), x)
    assert torch.allclose(net.w, torch.tensor([0.9, 0.6])) and torch.allclose(net.w.grad, torch.tensor([1.0, 4.0]))
    assert not net.training


def test_random_numbers_go_on_on_both_sides(student):
    torch.manual_seed(5)
    right = [torch.randn(3) for _ in range(3)]
    torch.manual_seed(5)
    with student.session():
        mine = [student.call("draw"), torch.randn(3), student.call("draw")]
    assert all(torch.equal(one, other) for one, other in zip(mine, right, strict=True))


def test_a_tensor_keeps_its_values_here_whatever_a_call_does_to_it(student):
    x = torch.ones(2)
    with student.session():
        student.call("zero", x)
    assert torch.equal(x, torch.ones(2))


def test_faults_are_told_by_name(student):
    with student.session():
        for call, words in [
            (lambda: student.call("absent"), "does not define absent"),
            (lambda: student.value("absent"), "does not define absent"),
            (lambda: student.call("own"), "cannot be judged"),
            (lambda: student.call("penalty", 3), "TypeError"),
        ]:
            with pytest.raises(StudentError, match=words):
                call()
        assert student.value("value") == 2.5
