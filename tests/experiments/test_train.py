"""experiments.train: several processes train as one does, share the data, end together and go on from a checkpoint."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from course.layout import ROOT
from experiments import recipe, train
from ganlib import images, models

accelerate = pytest.importorskip("accelerate")
posix = pytest.mark.skipif(sys.platform == "win32", reason="PyTorch's launcher and SIGKILL need POSIX here")
BATCH, STEPS, KILLED, WIDTH = 12, 20, 13, 8
ARGUMENTS = [*("--batch", str(BATCH), "--steps", str(STEPS), "--every", "5", "--samples", "0", "--norm", "group")]

# What each process runs: train.py on 100 random images in float64, whose rounding Adam cannot blow up to a step.
WORKER = f"""
import os, signal, sys
from datetime import timedelta
from pathlib import Path
import torch
from experiments import train
from accelerate import Accelerator
from ganlib import images
from test_train import random_images

mode, folder = sys.argv[1], Path(sys.argv[2])
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
train.recipe.WIDTH = {WIDTH}
images.load = lambda name, train=True: random_images()
shares, prepare = train.shares, Accelerator.prepare

def dying(batches, processes, index):
    for step, share in enumerate(shares(batches, processes, index), 1):
        if step == {KILLED} and index == 1:
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        yield share

def noting(batches, processes, index):
    for share in shares(batches, processes, index):
        with open(folder / f"seen-{{index}}", "a") as seen:
            print(*names_of(share), file=seen)
        yield share

def names_of(share):
    return share[:, 0, 2, 2:4].add(1).mul(127.5).round().long().tolist()

if mode == "kill":
    train.PATIENCE = timedelta(days=1)  # is for processes that hang: who loses another process hears of it before
    train.shares = dying
    sys.exit(train.main(sys.argv[3:] + ["--folder", str(folder)]))
data = random_images().resized(train.recipe.SIZE)
accelerator = Accelerator(cpu=True)
for name in ("good", "overlap", "alone"):
    options = train.parse(sys.argv[3:] + ["--folder", str(folder / name)])
    train.shares = noting if name == "good" else shares
    if name == "overlap":
        train.shares = lambda batches, processes, index: shares(batches, processes, 0)
    if name == "alone":
        Accelerator.prepare = lambda self, *players: players
    train.train(options, data, accelerator)
accelerator.end_training()
"""


def random_images(n: int = 100) -> images.ImageSet:
    """``n`` images of noise, each named by its first two pixels."""
    pixels = torch.randint(256, (n, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    pixels[:, 0, 0, 0], pixels[:, 0, 0, 1] = torch.arange(n) % 16, torch.arange(n) // 16
    return images.ImageSet(pixels, torch.zeros(n, dtype=torch.int64), ("noise",))


def torchrun(processes: int) -> list[str]:
    return ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]


def python(*arguments: str) -> subprocess.CompletedProcess:
    """Run Python, whose processes talk over gloo, for at most a quarter of an hour."""
    loopback = {"GLOO_SOCKET_IFNAME": "lo0"} if sys.platform == "darwin" else {}  # gloo asks macOS for its name else
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **loopback}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=900, env=environment)


def launch(processes: int, mode: str, folder: Path, *more: str) -> subprocess.CompletedProcess:
    """Run WORKER in ``processes`` processes."""
    file = folder / "worker.py"
    file.write_text(WORKER)
    return python(*torchrun(processes), str(file), mode, str(folder), *ARGUMENTS, *more)


@pytest.fixture
def noise(monkeypatch):
    """Noise in place of the data sets, and one process that computes in float64."""
    monkeypatch.setattr(images, "load", lambda name, train=True: random_images())
    monkeypatch.setattr(recipe, "WIDTH", WIDTH)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # pytest keeps its own
    accelerate.state.AcceleratorState._reset_state(True)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
    accelerate.state.AcceleratorState._reset_state(True)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    numbered = load_file(folder / "checkpoint.safetensors")
    parts = {name.partition(" ")[2]: value for name, value in numbered.items()}
    return {name: value for name, value in parts.items() if name.split(".")[0] in ("generator", "discriminator", "ema")}


def distance(one: Path, other: Path) -> float:
    """The largest difference of any weight of the players and the average."""
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys() and len(a) > 20
    return max((a[name] - b[name]).abs().max().item() for name in a)


@posix
def test_two_processes_share_the_data_and_train_as_one_does(tmp_path, noise):
    two = launch(2, "compare", tmp_path)
    assert two.returncode == 0, two.stderr
    assert train.main([*ARGUMENTS, "--folder", str(tmp_path / "one")]) == 0
    assert distance(tmp_path / "good", tmp_path / "one") < 1e-5
    assert distance(tmp_path / "overlap", tmp_path / "one") > 1e-3  # the test sees shares that overlap
    assert distance(tmp_path / "alone", tmp_path / "one") > 1e-3  # and gradients that are not averaged

    lines = [(tmp_path / f"seen-{index}").read_text().splitlines() for index in range(2)]
    assert all(len(seen) == STEPS and len(set(seen)) == STEPS for seen in lines)
    an_epoch = len(random_images()) // BATCH  # 8 batches, which leave 4 of the 100 images out
    for at in range(0, STEPS, an_epoch):
        names = [name for seen in lines for line in seen[at : at + an_epoch] for name in line.split("] [")]
        names = [name.strip("[]") for name in names]
        assert len(names) == len(set(names)) == BATCH * len(lines[0][at : at + an_epoch])


IN_A_NOTEBOOK = """
import socket, sys
with socket.socket() as one:
    one.bind(("", 0))
    port = str(one.getsockname()[1])
from experiments import train
from accelerate import notebook_launcher
notebook_launcher(train.main, (sys.argv[1:],), num_processes=2, use_port=port)
"""
LAUNCHERS = {
    "torchrun": [*torchrun(2), "-m", "experiments.train"],
    "accelerate launch": [
        *("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0"),
        *("--module", "experiments.train"),
    ],
    "notebook_launcher": ["-c", IN_A_NOTEBOOK],
}


@posix
def test_each_launcher_of_chapter_17_trains_the_same(tmp_path):
    arguments = ["--steps", "3", "--batch", "8", "--samples", "0"]
    for name, launcher in LAUNCHERS.items():
        done = python(*launcher, *arguments, "--folder", str(tmp_path / name))
        assert "2 process(es) trained for 3 steps of 8" in done.stdout, (name, done.stderr)
        assert distance(tmp_path / name, tmp_path / "torchrun") < 1e-5, name


@pytest.mark.parametrize(("n", "batch", "processes"), [(50, 12, 2), (50, 12, 3), (47, 6, 2), (47, 9, 3), (8, 8, 2)])
def test_no_image_comes_twice_in_an_epoch(n, batch, processes):
    pixels = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1)
    data = images.ImageSet(pixels, torch.zeros(n, dtype=torch.int64), ("one",))
    streams = []
    for index in range(processes):
        whole = data.batches(batch, generator=torch.Generator().manual_seed(3))
        streams.append(train.shares(whole, processes, index))
    orders = []
    for _ in range(3):
        seen = [next(stream) for _ in range(n // batch) for stream in streams]
        assert {len(share) for share in seen} == {batch // processes}
        orders.append(torch.cat(seen).flatten().tolist())
        assert len(set(orders[-1])) == batch * (n // batch)
    assert orders[0] != orders[1] != orders[2]


def test_each_process_has_its_share_of_the_latents():
    torch.manual_seed(0)
    whole = torch.randn(12, recipe.LATENT)
    parts = []
    for index in range(3):
        torch.manual_seed(0)
        parts.append(train.latents(12, 3, index)(torch.empty(4)))
    assert torch.equal(torch.cat(parts), whole)


@posix
def test_a_killed_process_ends_the_job_which_goes_on_from_its_checkpoint(tmp_path, noise, capsys):
    killed = launch(2, "kill", tmp_path)
    assert killed.returncode != 0 and (tmp_path / "killed").exists()
    assert "Process 0 of 2 no longer hears the others" in killed.stderr or "was told to end" in killed.stderr
    assert "it goes on from its last checkpoint" in killed.stderr
    assert "worker.py" not in killed.stderr.replace("worker.py FAILED", "")  # no traceback of the surviving process
    assert "SIGKILL" in killed.stderr  # the launcher says which process was lost, and how

    assert train.main([*ARGUMENTS, "--folder", str(tmp_path)]) == 0
    assert "went on from step 10 to 20 steps" in capsys.readouterr().out
    assert train.main([*ARGUMENTS, "--folder", str(tmp_path / "whole")]) == 0
    assert distance(tmp_path, tmp_path / "whole") < 1e-5


def test_one_process_goes_on_to_the_bit(tmp_path, noise, capsys):
    torch.set_default_dtype(torch.float32)
    for folder, ends in (("whole", [18]), ("parts", [7, 10, 18])):
        for end in ends:
            assert train.main([*ARGUMENTS, "--steps", str(end), "--folder", str(tmp_path / folder)]) == 0
    assert "went on from step 10 to 18" in capsys.readouterr().out
    assert distance(tmp_path / "whole", tmp_path / "parts") == 0
    assert train.main([*ARGUMENTS, "--steps", "18", "--folder", str(tmp_path / "parts")]) == 0  # nothing left to do
    assert distance(tmp_path / "whole", tmp_path / "parts") == 0


def test_the_score_is_that_of_the_averaged_generator(tmp_path, noise, capsys):
    torch.set_default_dtype(torch.float32)
    arguments = [*ARGUMENTS, "--steps", "3", "--samples", "80", "--folder", str(tmp_path)]
    assert train.main(arguments) == 0
    assert float(capsys.readouterr().out.split("Fréchet distance: ")[1]) > 0
    ema = load_file(tmp_path / "generator.safetensors")
    assert ema.keys() == models.dcgan_generator(32, norm=train.NORMS["group"]).state_dict().keys()
    kept = weights(tmp_path)
    assert all(torch.equal(kept[f"ema.{name}"], value) for name, value in ema.items())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "cats"], "--data cats is unknown: choose glyphs, mnist."),
        (["--norm", "spectral"], "--norm spectral is unknown: choose group, batch, none."),
        (["--steps", "0"], "--steps 0 is too few: name at least 1."),
        (["--every", "-1"], "--every -1 is too few: name at least 1."),
        (["--samples", "-1"], "--samples -1 is too few: name at least 0."),
        (["--batch", "101"], "A batch of 101 cannot be drawn from 100 images: choose 1 to 100."),
    ],
)
def test_a_bad_argument_gets_one_sentence(arguments, sentence, tmp_path, noise, capsys):
    assert train.main([*ARGUMENTS, "--folder", str(tmp_path / "run"), *arguments]) == 2
    assert capsys.readouterr().err == sentence + "\n"
    assert not (tmp_path / "run").exists()


def test_a_batch_that_cannot_be_shared_equally_is_refused():
    class ThreeProcesses:
        num_processes, process_index = 3, 0

    with pytest.raises(ValueError, match="A batch of 32 cannot be shared equally by 3 processes: name a multiple of 3"):
        train.train(train.parse([]), random_images(), ThreeProcesses())


def test_a_run_goes_on_only_with_its_own_settings(tmp_path, noise, capsys):
    arguments = [*ARGUMENTS, "--steps", "2", "--folder", str(tmp_path)]
    assert train.main(arguments) == 0
    assert train.main([*arguments, "--steps", "4", "--batch", "10", "--seed", "1"]) == 2
    said = capsys.readouterr().err
    assert "the run was begun with --batch 12, --seed 0; name that again, or another --folder" in said
    assert said.count("\n") == 1
    (tmp_path / "checkpoint.safetensors").write_bytes(b"\x80nothing")
    assert train.main([*arguments, "--steps", "4"]) == 2
    assert "is a pickle" in capsys.readouterr().err


def test_only_a_lost_connection_is_called_one():
    assert train.is_lost(torch.distributed.DistBackendError("NCCL error"))
    assert train.is_lost(RuntimeError("[/x/third_party/gloo/gloo/transport/tcp/pair.cc:545] Connection reset by peer"))
    assert not train.is_lost(RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"))
