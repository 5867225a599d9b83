"""Checkpoints: bit-exact resumption, atomic writing under kills and full disks, and refusal of every other file."""

import copy
import io
import json
import multiprocessing
import os
import random
import signal
import sys
import time

import numpy as np
import pytest
import safetensors.torch
import torch
from test_training import LATENT, equal, planar, players, state
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

from ganlib import checkpoints, files, images, penalties, training

posix = pytest.mark.skipif(sys.platform != "linux", reason="needs fork and limits of Linux")


class Run:
    """A small GAN with all that a run can have: BatchNorm, an average, schedulers, a lazy penalty, shuffled images."""

    def __init__(self, seed=0, width=4):
        torch.manual_seed(seed)
        self.pair = players() if width == 4 else planar()
        optimizers = [training.adam(net, 1e-3) for net in self.pair]
        schedulers = [CosineAnnealingLR(optimizers[0], 100), LambdaLR(optimizers[1], lambda step: 0.99**step)]
        self.ema = training.EMA(self.pair[0], 0.9)
        pixels = torch.arange(20 * 64).remainder(256).to(torch.uint8).view(20, 1, 8, 8)
        self.batches = images.ImageSet(pixels, torch.zeros(20, dtype=torch.int64), ("one",)).batches(6)
        self.players = *self.pair, *optimizers
        names = ("generator", "discriminator", "g_optimizer", "d_optimizer")
        self.parts = dict(zip(names, self.players, strict=True)) | {"ema": self.ema, "batches": self.batches}
        self.parts |= {"g_schedule": schedulers[0], "d_schedule": schedulers[1]}
        self.settings = {"latent": LATENT, "ema": self.ema, "schedulers": schedulers, "progress": False}
        self.settings |= {"penalty": penalties.r1(1.0), "penalty_every": 4}

    def fit(self, steps, **more):
        return training.fit(*self.players, self.batches, steps=steps, **self.settings, **more)

    def state(self):
        return state(*self.pair, self.ema.model)


def test_a_run_that_goes_on_from_a_checkpoint_is_the_same_to_the_bit(tmp_path):
    file = tmp_path / "deep" / "run.safetensors"
    whole = Run()
    history = whole.fit(41)
    drawn = torch.rand(3), np.random.rand(3), random.random()

    first = Run()
    first.fit(18)
    checkpoints.save(file, 18, **first.parts)
    first.fit(30, start=18)  # goes on, and must not disturb what was saved
    second = Run(seed=5)
    second.fit(3)
    start = checkpoints.load(file, **second.parts)
    rest = second.fit(41, start=start)
    assert start == 18 and len(rest) == 23 and equal(second.state(), whole.state())
    assert rest.d_loss.equal(history.d_loss[18:]) and rest.g_loss.equal(history.g_loss[18:])
    assert [group["lr"] for group in second.players[2].param_groups] == [
        group["lr"] for group in whole.players[2].param_groups
    ]
    assert torch.rand(3).equal(drawn[0])


def test_every_random_generator_goes_on(tmp_path):
    torch.manual_seed(1), np.random.seed(2), random.seed(3)
    np.random.randn()  # leaves a second normal number waiting
    random.gauss(0, 1)
    own = images.ImageSet(torch.zeros(9, 1, 8, 8, dtype=torch.uint8), torch.zeros(9).long(), ("one",))
    batches = own.batches(2, generator=torch.Generator().manual_seed(4), with_labels=True)
    next(batches)
    checkpoints.save(tmp_path / "a", 7, batches=batches)

    def draw():
        order = [next(batches) and batches.state_dict()["order"] for _ in range(9)]
        return [torch.randn(2), torch.tensor([np.random.randn(), random.gauss(0, 1), random.random()]), *order]

    expected = draw()
    draw()
    assert checkpoints.load(tmp_path / "a", batches=batches) == 7
    assert equal(draw(), expected)


def test_odd_states_come_back_as_they_were(tmp_path):
    class Odd:
        held = {0: (1, [2.5, None]), "a": {"b": torch.tensor(3, dtype=torch.bfloat16)}, "e": {}, "t": True, "x": ()}
        held |= {"inf": float("inf"), "small": 5e-324, "empty": torch.empty(0, 3), "flag": torch.tensor([True, False])}
        got = None

        def state_dict(self):
            return self.held

        def load_state_dict(self, state):
            self.got = state

    checkpoints.save(tmp_path / "a", 0, odd=Odd())
    checkpoints.load(tmp_path / "a", odd=(odd := Odd()))
    tensors = {("a", "b"), ("empty",), ("flag",)}
    assert odd.got["a"]["b"].equal(odd.held["a"]["b"]) and odd.got["flag"].equal(odd.held["flag"])
    assert odd.got["empty"].shape == (0, 3)
    plain = {key: value for key, value in odd.held.items() if (key,) not in tensors and key != "a"}
    assert {key: odd.got[key] for key in plain} == plain and list(odd.got) == list(odd.held)


def test_shared_weights_are_kept(tmp_path):
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    checkpoints.save(tmp_path / "a", 1, net=tied)
    before = tied[0].weight.detach().clone()
    with torch.no_grad():
        tied[0].weight.zero_()
    checkpoints.load(tmp_path / "a", net=tied)
    assert tied[0].weight.equal(before) and tied[1].weight is tied[0].weight


def kept(tmp_path):
    """A run, its checkpoint after two steps, and the run two steps later."""
    run = Run()
    run.fit(2)
    file = tmp_path / "run.safetensors"
    checkpoints.save(file, 2, **run.parts)
    run.fit(4, start=2)
    return run, file


def refused(file, run, words):
    """Loading says ``words`` in one line and changes nothing, neither the parts nor the random numbers."""
    before, drawn = run.state(), torch.get_rng_state()
    moments = copy.deepcopy({name: part.state_dict() for name, part in run.parts.items()})
    with pytest.raises(checkpoints.CheckpointError, match=words) as error:
        checkpoints.load(file, **run.parts)
    assert equal(run.state(), before) and torch.get_rng_state().equal(drawn)
    after = copy.deepcopy({name: part.state_dict() for name, part in run.parts.items()})
    assert repr(moments) == repr(after)
    assert "\n" not in str(error.value) and file.name in str(error.value)
    assert error.value.__suppress_context__ or error.value.__context__ is None  # no trace from the deep


def test_a_truncated_file_is_refused_at_every_length(tmp_path):
    run, file = kept(tmp_path)
    content = file.read_bytes()
    for length in {
        0,
        1,
        7,
        8,
        9,
        len(content) // 2,
        len(content) - 1,
        *random.Random(0).sample(range(len(content)), 40),
    }:
        file.write_bytes(content[:length])
        refused(file, run, "is damaged or no checkpoint")
    file.write_bytes(content + b"\0")
    refused(file, run, "is damaged or no checkpoint")


def test_a_flipped_bit_anywhere_is_refused(tmp_path):
    run, file = kept(tmp_path)
    content = file.read_bytes()
    for place in random.Random(0).sample(range(len(content)), 60):
        file.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        refused(file, run, "damaged|is no checkpoint")


class Trap:
    """A pickle of this writes a file when it is opened."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.mkdir, (str(self.file),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_not_opened(tmp_path, zipped):
    run, file = kept(tmp_path)
    torch.save({"generator": Trap(tmp_path / "sprung")}, file, _use_new_zipfile_serialization=zipped)
    refused(file, run, "is a pickle.*can run any code.*was not opened")
    assert not (tmp_path / "sprung").exists()
    torch.load(io.BytesIO(file.read_bytes()), weights_only=False)
    assert (tmp_path / "sprung").exists()  # the trap works


def test_a_checkpoint_that_begins_like_a_pickle_is_read(tmp_path):
    """A safetensors file begins with the length of its header, whose first byte may be any multiple of 8."""

    class Note:
        words = ""

        def state_dict(self):
            return {"words": self.words}

        def load_state_dict(self, state):
            self.words = state["words"]

    note, beginnings = Note(), set()
    for length in range(0, 256, 8):
        note.words = "x" * length
        checkpoints.save(tmp_path / "a", length, note=note)
        beginnings.add((tmp_path / "a").read_bytes()[:1])
        assert checkpoints.load(tmp_path / "a", note=(other := Note())) == length and other.words == note.words
    assert b"\x80" in beginnings


WEIGHT = {"weight": torch.zeros(2)}  # one tensor at least: older versions of safetensors read no file of none


def forged(text, tensors=None, **facts):
    """A safetensors file that is right in all but its state."""
    tensors = tensors or WEIGHT
    facts = {"format": checkpoints.FORMAT, "state": text, "sha256": checkpoints._digest(text, tensors)} | facts
    return safetensors.torch.save(tensors, facts)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Hello, this is no checkpoint at all.", "damaged or no checkpoint"),
        (b"\xff" * 64, "damaged or no checkpoint"),
        (b"\x02" + b"\0" * 7 + b"[]", "damaged or no checkpoint"),
        (safetensors.torch.save(WEIGHT), "no checkpoint of this ganlib: its format is 'not named"),
        (safetensors.torch.save(WEIGHT, {"format": "pt"}), "its format is 'pt'.*Weights alone load with"),
        (forged("{}", format="ganlib checkpoint 99"), "its format is 'ganlib checkpoint 99'"),
        (forged("{}", sha256="0"), "its checksum does not hold"),
        (forged("{}"), "its parts do not read"),
        (forged("[" * 100_000), "its parts do not read"),
        (forged('{"step": 1, "parts": 3}'), "its parts do not read"),
        (forged('{"step": "x", "parts": {}}'), "its parts do not read"),
        (forged('{"step": 1, "parts": {"generator": {"tensor": "gone"}}}'), "its parts do not read"),
        (forged('{"step": 1, "parts": {"generator": {"code": "1"}}}'), "its parts do not read"),
        (forged('{"step": 1, "parts": {"generator": {}}}'), "its parts do not read"),
        (forged('{"step": 1, "made of": {}, "parts": {"generator": 1}}'), "holds generator, but batches, .*"),
        (forged('{"step": 1, "made of": 3, "parts": {}}'), "its parts do not read"),
    ],
    ids=range(16),  # the file's own bytes, in a name, would differ from process to process
)  # fmt: skip
def test_a_foreign_file_is_refused(tmp_path, content, words):
    file = tmp_path / "foreign.safetensors"
    file.write_bytes(content)
    refused(file, Run(), words)


def test_a_state_that_does_not_fit_is_refused_whatever_part_it_is_of(tmp_path):
    run, file = kept(tmp_path)
    names = [*run.parts, checkpoints.RANDOM]
    content = file.read_bytes()
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    tensors = safetensors.torch.load(content)
    for name in names:
        for wrong in (17, {"items": [["a", 1]]}, {"items": []}):
            state = json.loads(head["__metadata__"]["state"])
            state["parts"][name] = wrong
            if name in ("g_schedule", "d_schedule") and wrong != 17:
                continue  # a scheduler takes any dictionary
            file.write_bytes(forged(json.dumps(state), tensors))
            refused(file, run, f"The {name} in .* does not fit: .*Nothing was loaded")


@pytest.mark.parametrize("made", [{}, {"generator": 3}, {"generator": {}}])
def test_a_state_that_does_not_say_what_it_is_of_is_refused(tmp_path, made):
    run, file = kept(tmp_path)
    content = file.read_bytes()
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    state = json.loads(head["__metadata__"]["state"]) | {"made of": made}
    file.write_bytes(forged(json.dumps(state), safetensors.torch.load(content)))
    words = "class is missing" if made == {"generator": {}} else "does not say what it was made of"
    refused(file, run, f"The generator in .* does not fit: .*{words}.*Nothing was loaded")


def test_nets_of_another_shape_are_refused(tmp_path):
    _, file = kept(tmp_path)
    other = Run(width=2)
    with pytest.raises(checkpoints.CheckpointError, match="The generator in .* does not fit: .*Nothing was loaded"):
        checkpoints.load(file, **other.parts)


def test_a_missing_file_and_missing_parts_are_said(tmp_path):
    run, file = kept(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no checkpoint .*: save one first, or begin without"):
        checkpoints.load(tmp_path / "none", **run.parts)
    with pytest.raises(checkpoints.CheckpointError, match="holds batches, .*, but generator is to be loaded"):
        checkpoints.load(file, generator=run.pair[0])


def test_what_is_no_number_is_refused_and_the_earlier_file_stays(tmp_path):
    run, file = kept(tmp_path)
    content = file.read_bytes()

    class Part:
        def state_dict(self):
            return {"size": 3, "how": print}

    with pytest.raises(checkpoints.CheckpointError, match="was not written: odd.how is a builtin_function_or_method"):
        checkpoints.save(file, 3, odd=Part())
    assert file.read_bytes() == content


class Held:
    """A part of any state."""

    def __init__(self, state=None):
        self.state = state

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        self.state = state


def test_parts_and_keys_whose_names_run_together_keep_their_own(tmp_path):
    one, two, three, four, five = (torch.full((2,), float(number)) for number in range(1, 6))
    parts = {"net": Held({"head.w": one, "x": {"0": two}, "x.0": three}), "net.head": Held({"w": four})}
    parts["keys"] = Held({1: five, "1": one, "list": [two], "list.0": three})
    checkpoints.save(tmp_path / "a", 0, **parts)
    back = {name: Held() for name in parts}
    checkpoints.load(tmp_path / "a", **back)
    for name, part in parts.items():
        assert repr(back[name].state) == repr(part.state), name


def pair(optimizer=torch.optim.Adam, dtype=torch.float32, turned=False):
    """A network of two equal layers, and an optimiser of its parameters, perhaps in another order."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)).to(dtype)
    parameters = [*net.parameters()]
    return {"net": net, "opt": optimizer(parameters[2:] + parameters[:2] if turned else parameters, lr=0.1)}


@pytest.mark.parametrize(
    ("saved", "here", "words"),
    [
        ({"dtype": torch.float64}, {}, r"net .*: tensor 0.weight is float64 \[3, 3\] in the file and float32"),
        ({}, {"dtype": torch.float64}, r"net .*: tensor 0.weight is float32 \[3, 3\] in the file and float64"),
        ({}, {"optimizer": torch.optim.AdamW}, "opt .*: class is Adam in the file and AdamW here"),
        ({}, {"optimizer": torch.optim.SGD}, "opt .*: class is Adam in the file and SGD here"),
        ({"optimizer": torch.optim.SGD}, {"optimizer": torch.optim.RMSprop}, "opt .*: class is SGD"),
        ({}, {"turned": True}, "opt .*: parameter 0 of group 0 is net.0.weight, .* in the file and net.1.weight"),
    ],
)
def test_what_would_go_on_wrongly_in_silence_is_refused(tmp_path, saved, here, words):
    made = pair(**saved)
    made["net"](torch.ones(1, 3, dtype=saved.get("dtype"))).sum().backward()
    made["opt"].step()
    checkpoints.save(tmp_path / "a", 1, **made)
    checkpoints.load(tmp_path / "a", **pair(**saved))
    other = pair(**here)
    before = copy.deepcopy(other["net"].state_dict())
    with pytest.raises(checkpoints.CheckpointError, match=f"The {words}.*Nothing was loaded"):
        checkpoints.load(tmp_path / "a", **other)
    assert equal(list(other["net"].state_dict().values()), list(before.values())) and not other["opt"].state


def test_a_network_that_has_one_tensor_more_is_refused(tmp_path):
    checkpoints.save(tmp_path / "a", 1, net=nn.Linear(2, 2, bias=False))
    with pytest.raises(checkpoints.CheckpointError, match="tensor bias is missing in the file and float32"):
        checkpoints.load(tmp_path / "a", net=nn.Linear(2, 2))
    checkpoints.save(tmp_path / "a", 1, net=nn.Linear(2, 2))
    with pytest.raises(checkpoints.CheckpointError, match=r"tensor bias is float32 \[2\] in the file and missing here"):
        checkpoints.load(tmp_path / "a", net=nn.Linear(2, 2, bias=False))


def endless():
    state = {}
    state["again"] = state
    return state


@pytest.mark.filterwarnings("ignore:Sparse CSR", "ignore:The PyTorch API of nested")
@pytest.mark.parametrize(
    ("state", "words"),
    [
        (lambda: {("a", 1): 1}, r"odd has the key \('a', 1\), and the keys"),
        (lambda: {True: 1}, "odd has the key True"),
        (lambda: {"a": {None: 1}}, "odd.a has the key None"),
        (lambda: {"a": torch.ones(2).to_sparse()}, "odd.a is a tensor that is sparse"),
        (lambda: {"a": torch.ones(2, 2).to_sparse_csr()}, "odd.a is a tensor that is sparse"),
        (lambda: {"a": [torch.ones(2, device="meta")]}, "odd.a.0 is a tensor that is without values"),
        (lambda: {"a": torch.ones(2, dtype=torch.complex64)}, "odd.a is a tensor that is complex"),
        (lambda: {"a": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])}, "odd.a is a tensor that is nested"),
        (lambda: {"a": nn.LazyLinear(2).weight}, "odd.a is a tensor that is without values yet"),
        (lambda: {"a": np.int64(3)}, "odd.a is a int64"),
        (endless, "was not written: .*recursion"),
    ],
    ids=range(11),
)
def test_what_would_not_come_back_is_refused_before_anything_is_written(tmp_path, state, words):
    file = tmp_path / "a"
    checkpoints.save(file, 1, odd=Held({"a": 1}))
    content = file.read_bytes()
    with pytest.raises(checkpoints.CheckpointError, match=words) as error:
        checkpoints.save(file, 2, odd=Held(state()))
    assert file.read_bytes() == content and list(tmp_path.iterdir()) == [file]
    assert error.value.__suppress_context__ and "\n" not in str(error.value)


def test_a_network_without_values_yet_is_refused_both_ways(tmp_path):
    with pytest.raises(checkpoints.CheckpointError, match="net.weight is a tensor that is without values yet"):
        checkpoints.save(tmp_path / "a", 1, net=nn.LazyLinear(2))
    checkpoints.save(tmp_path / "a", 1, net=nn.Linear(3, 2))
    with pytest.raises(checkpoints.CheckpointError, match="class is Linear in the file and LazyLinear here"):
        checkpoints.load(tmp_path / "a", net=nn.LazyLinear(2))


def test_unfinished_files_of_others_and_of_now_stay_and_old_ones_of_its_own_go(tmp_path):
    name = "run[12]"
    mine = f"{name}.{'a' * 16}.partial"
    others = ["run1.0123456789abcdef.partial", f"{name}.best.0123456789abcdef.partial", f"{name}.notes.partial"]
    for each in [mine, *others]:
        (tmp_path / each).write_bytes(b"half")
        os.utime(tmp_path / each, (0, 0))
    young = f"{name}.{'b' * 16}.partial"  # another program writes it now
    (tmp_path / young).write_bytes(b"half")
    checkpoints.save(tmp_path / name, 1, odd=Held({"a": 1}))
    assert {path.name for path in tmp_path.iterdir()} == {name, young, *others}


def test_two_writers_of_one_file_do_not_meet(tmp_path, monkeypatch):
    file, names = tmp_path / "a", []
    replace = os.replace

    def meet(partial, target):
        names.append(partial)
        if len(names) == 1:  # while the first has written and not yet renamed, the second does all
            checkpoints.save(file, 2, odd=Held({"a": 2}))
        replace(partial, target)

    monkeypatch.setattr(files.os, "replace", meet)
    checkpoints.save(file, 1, odd=Held({"a": 1}))
    assert len(set(names)) == 2 and checkpoints.load(file, odd=Held({"a": 1})) == 1
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_failing_disk_loses_nothing(tmp_path, monkeypatch, fails):
    run, file = kept(tmp_path)
    content = file.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, fails, fail)
    with pytest.raises(
        checkpoints.CheckpointError, match="No space left on device. The checkpoint that was there is in"
    ):
        checkpoints.save(file, 4, **run.parts)
    with pytest.raises(checkpoints.CheckpointError, match="No space left on device. Nothing was there before"):
        checkpoints.save(tmp_path / "new", 4, **run.parts)
    assert file.read_bytes() == content and [path.name for path in tmp_path.iterdir()] == [file.name]


def in_a_fork(work, *arguments):
    started = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    started.start()
    return started


@posix
def test_a_full_disk_loses_nothing(tmp_path):
    """The kernel itself refuses to let the file grow beyond half of what the checkpoint needs."""
    run, file = kept(tmp_path)
    content, said = file.read_bytes(), tmp_path / "said"

    def write():
        import resource  # Windows has none

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2, len(content) // 2))
        try:
            checkpoints.save(file, 4, **run.parts)
        except checkpoints.CheckpointError as error:
            said.write_text(str(error))

    in_a_fork(write).join()
    assert "File too large. The checkpoint that was there is intact" in said.read_text()
    assert file.read_bytes() == content and {path.name for path in tmp_path.iterdir()} == {file.name, "said"}
    assert checkpoints.load(file, **run.parts) == 2


KILLS, BALLAST = 50, 500  # with 2 MB of weights besides, much of the time goes into writing


def ballast():
    return nn.Linear(BALLAST, 1000)


def train(file, steps):
    """Train on from ``file`` where it is there, and write it after every step."""
    torch.set_num_threads(1)
    run = Run()
    parts = run.parts | {"ballast": ballast()}
    start = checkpoints.load(file, **parts) if file.exists() else 0
    run.fit(steps, start=start, callback=lambda step: checkpoints.save(file, step, **parts))
    return run


def written(file):
    return file.stat().st_mtime_ns if file.exists() else None


@posix
def test_killed_at_fifty_random_moments_a_run_always_resumes_from_a_whole_checkpoint(tmp_path):
    file, dice, halves, steps = tmp_path / "run.safetensors", random.Random(0), 0, [0]
    for _ in range(KILLS):
        before = written(file)
        started = in_a_fork(train, file, 10**6)
        while started.is_alive() and written(file) == before:
            time.sleep(0.001)  # until it has resumed and written once
        time.sleep(dice.uniform(0, 0.06))
        os.kill(started.pid, signal.SIGKILL)
        started.join()
        assert started.exitcode == -signal.SIGKILL
        halves += any(tmp_path.glob("*.partial"))
        run = Run()
        steps.append(checkpoints.load(file, **run.parts, ballast=ballast()))
    assert steps == sorted(set(steps)), "each run went on from the checkpoint of the one before"
    assert halves > 0, "no kill met a write"

    assert equal(run.state(), train(tmp_path / "whole.safetensors", steps[-1]).state())
