"""A small exercise, and notebooks handed in for it: honest ones that had bad luck, and hostile ones."""

import textwrap

from course.exercises.suite import FUNCTION, VALUE, Suite, Test

CANARY = "a sentence of a hidden test that nobody may read"

GIVEN = """
import math
import torch
from torch import nn
from torch.nn.functional import softplus
from torch.optim import SGD

def players():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0))
"""
SLOPES = "def slopes(a):\n    return torch.sigmoid(a), torch.sigmoid(-a)"
NUMBER = "D = 1 / (1 + 500)"
STEP = """def step(net, optimizer, real):
    loss = softplus(-net(real)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()"""
NET = "def make(width):\n    return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1))"
PENALTY = """def penalty(critic, x):
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return slope.square().sum(1).mean()"""
ANSWERS = [SLOPES, NUMBER, STEP, NET, PENALTY]
MOST = 10.0

TESTS = [
    Test("q1", 1, False, """
def test_slopes_form(slopes, torch):
    pair = slopes(torch.ones(3))
    assert isinstance(pair, tuple) and len(pair) == 2, f"slopes returns two tensors, not {len(pair)}."
    assert torch.allclose(pair[0], torch.ones(3).sigmoid()), f"At 1 the slope is 0.731; yours is {float(pair[0][0]):.3g}."
"""),
    Test("q1", 1, True, f"""
def test_slopes(slopes, torch):
    '''{CANARY}'''
    a = torch.linspace(-30, 30, 7)
    for mine, right in zip(slopes(a.clone()), (torch.sigmoid(a), torch.sigmoid(-a)), strict=True):
        assert mine.shape == a.shape and torch.allclose(mine, right, rtol=1e-4, atol=0), "A slope is wrong."
"""),
    Test("q2", 2, True, "def test_number(D):\n    assert abs(float(D) * 501 - 1) < 1e-3, f'D is {D}.'\n"),
    Test("q3", 1, False, """
def test_step_form(step, players, torch):
    net = players()
    loss = step(net, torch.optim.SGD(net.parameters(), 0.1), torch.zeros(4, 2))
    assert isinstance(loss, float), "step returns its loss as a float."
    right = torch.nn.functional.softplus(-players()(torch.zeros(4, 2))).mean().item()
    assert abs(loss - right) < 1e-5, f"The loss is {loss:.4g}, not {right:.4g}."
    assert not torch.equal(net[0].bias, players()[0].bias), "The step moved nothing."
"""),
    Test("q3", 1, True, f"""
def test_step(step, players, torch):
    '''{CANARY}'''
    from torch.nn.functional import softplus
    mine, right, real = players(), players(), torch.randn(8, 2)
    optimizers = [torch.optim.SGD(net.parameters(), 0.1, momentum=0.5) for net in (mine, right)]
    for _ in range(3):
        step(mine, optimizers[0], real.clone())
        loss = softplus(-right(real)).mean()
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
    for one, other in zip(mine.parameters(), right.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6), "The weights after three steps are wrong."
"""),
    Test("q4", 2, True, """
def test_make(make, torch):
    net = make(5)
    assert sum(p.numel() for p in net.parameters()) == 21, "The network has another number of parameters."
    x = torch.randn(6, 2)
    right = torch.relu(x @ net[0].weight.T + net[0].bias) @ net[2].weight.T + net[2].bias
    assert net(x).shape == (6, 1) and torch.allclose(net(x), right, atol=1e-6), "The layers are others."
    assert net[0].weight.abs().sum() > 0, "All weights are zero."
"""),
    Test("q5", 2, True, """
def test_penalty(penalty, players, torch):
    net, x = players(), torch.randn(6, 2)
    value = penalty(net, x)
    inner = torch.tanh(x @ net[0].weight.T + net[0].bias)
    slope = ((1 - inner**2) * net[2].weight) @ net[0].weight
    right = slope.square().sum(1).mean()
    assert torch.allclose(value, right, rtol=1e-4), f"The penalty is {float(value):.4g}, not {float(right):.4g}."
    mine = torch.autograd.grad(value, net[0].weight)[0]
    assert torch.allclose(mine, torch.autograd.grad(right, net[0].weight)[0], rtol=1e-3, atol=1e-6), "Its gradient is cut."
    seen = []

    def watcher(x):
        seen.append(len(x))
        return 3 * x[:, 0]

    assert abs(float(penalty(watcher, torch.zeros(4, 2))) - 9) < 1e-5 and seen == [4], "Call the critic once."
"""),
]  # fmt: skip
PLACEHOLDERS = [
    "def slopes(a):\n    ...", "D = None", "def step(net, optimizer, real):\n    ...", "def make(width):\n    ...",
    "def penalty(critic, x):\n    ...",
]  # fmt: skip
KINDS = {"slopes": FUNCTION, "D": VALUE, "step": FUNCTION, "make": FUNCTION, "penalty": FUNCTION}


def cells(*sources: str) -> list[tuple[str, str]]:
    """Code cells without ids."""
    return [("", source) for source in sources]


SUITE = Suite("ex04", [GIVEN, KINDS], TESTS, cells(GIVEN, *ANSWERS), cells(GIVEN, *PLACEHOLDERS))


def right(*before: str, after: tuple[str, ...] = ()) -> tuple[list[str], float]:
    """A notebook with all answers, something before them and something after."""
    return [GIVEN, *before, *ANSWERS, *after], MOST


def inside(answer: str, *lines: str) -> str:
    """An answer, with lines put at the beginning of its body."""
    head, body = answer.split("\n", 1)
    return "\n".join([head, *(f"    {line}" for line in lines), body])


# Right answers in notebooks as people hand them in, and the points that are due.
HONEST: dict[str, tuple[list[str], float]] = {
    "as the solution": right(),
    "checks above the answers": right('grader.check("q1")', 'grader.check("q2")', "grader.check_all()"),
    "a check within a cell": ([GIVEN, *ANSWERS[:-1], f'{PENALTY}\ngrader.check("q5")'], MOST),
    "a number set below its check": ([GIVEN, SLOPES, "D = None", 'grader.check("q2")', *ANSWERS[2:], NUMBER], MOST),
    "answers in another order": ([GIVEN, *ANSWERS[::-1]], MOST),
    "everything in one cell": (["\n".join([GIVEN, *ANSWERS])], MOST),
    "each answer twice": ([GIVEN, *PLACEHOLDERS, *ANSWERS], MOST),
    "a wrong answer mended below": ([GIVEN, "def slopes(a):\n    return a, a", *ANSWERS], MOST),
    "no imports but its own": (["from torch import nn\nimport torch\nfrom torch.nn.functional import softplus", *ANSWERS], MOST),
    "an answer that begins like the set-up": ([GIVEN, f"# Set-up of my answers\n{SLOPES}", *ANSWERS[1:]], MOST),
    "a syntax error elsewhere": right("def x(:"),
    "an error elsewhere": right("1 / 0", "undefined_name", "raise KeyError('x')"),
    "sys.exit in a cell": right("import sys\nsys.exit(1)", "exit()", "quit()"),
    "input": right("name = input('Your name? ')"),
    "an endless loop": right("while True:\n    pass"),
    "an endless sleep": right("import time\nwhile True:\n    time.sleep(0.5)"),
    "prints without end": right("print('x' * 50_000_000)"),
    "matplotlib inline": right("%matplotlib inline"),
    "a cell that is timed": ([GIVEN, *(f"%%time\n{each}" for each in ANSWERS)], MOST),
    "a line that is timed": ([GIVEN, SLOPES, "%time D = 1 / 501", *ANSWERS[2:]], MOST),
    "a cell whose output is kept": ([GIVEN, f"%%capture out\n{SLOPES}", *ANSWERS[1:]], MOST),
    "pip": right("!pip install torchmetrics", "%pip install torchmetrics"),
    "help": right("?print", "torch.sigmoid?"),
    "a shell command in Python": right("files = !ls\nfor name in files:\n    print(name)"),
    "extensions": right("%load_ext autoreload\n%autoreload 2"),
    "a bash cell": right("%%bash\necho hello"),
    "display": right("display(3)", "get_ipython().run_line_magic('matplotlib', 'inline')"),
    "await at the top": right("import asyncio\nawait asyncio.sleep(0.01)"),
    "gradients turned off": right(after=("torch.set_grad_enabled(False)",)),
    "gradients turned off before": right("torch.set_grad_enabled(False)"),
    "another default dtype": right(after=("torch.set_default_dtype(torch.float64)",)),
    "a default device": right(after=("torch.set_default_device('cpu')",)),
    "two threads": right("torch.set_num_threads(2)", "torch.ones(500, 500) @ torch.ones(500, 500)"),
    "deterministic": right(after=("torch.use_deterministic_algorithms(True)",)),
    "variables named like helpers": right(after=("players = 3\nreal = data = train = None",)),
    "variables named like functions of Python": right(after=("list = sum = max = 3",)),
    "variables named like modules": right("signal = system = gc = modules = F = 3"),
    "an own name for eval": right("net = nn.Linear(1, 1)\neval = net.eval()"),
    "the name of a class": right("x = torch.ones(1)\nprint(x.__class__.__name__)"),
    "a docstring with a results file": ([GIVEN, inside(SLOPES, '"""Writes no results."""'), *ANSWERS[1:]], MOST),
    "pictures": right("import matplotlib.pyplot as plt\nfor _ in range(30):\n    plt.figure()\n    plt.plot([1, 2])\n    plt.show()"),
    "another folder": right("import os\nos.makedirs('sub')\nos.chdir('sub')"),
    "files of its own": right("open('mine.txt', 'w').write('x')", "assert open('mine.txt').read() == 'x'"),
    "a thread": right("import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()"),
    "loaders with workers": right(
        "from torch.utils.data import DataLoader\nfor x in DataLoader(torch.ones(64, 2), 8, num_workers=4):\n    pass"),
    "a subprocess": right("import subprocess\nsubprocess.run(['true'])"),
    "warnings as errors": right("import warnings\nwarnings.simplefilter('error')"),
    "a recursion limit": right("import sys\nsys.setrecursionlimit(20_000)"),
    "an own alarm": right("import signal\nsignal.signal(signal.SIGALRM, lambda *a: None)"),
    "logging": right("import logging\nlogging.basicConfig(level=logging.DEBUG)"),
    "annotations": ([GIVEN, f"from __future__ import annotations\n{SLOPES}", *ANSWERS[1:]], MOST),
    "under a guard": ([GIVEN, "if True:\n" + textwrap.indent(SLOPES, "    "), *ANSWERS[1:]], MOST),
    "a lambda": ([GIVEN, "slopes = lambda a: (torch.sigmoid(a), torch.sigmoid(-a))", *ANSWERS[1:]], MOST),
    "a partial": ([GIVEN, "import functools\ndef both(k, a):\n    return torch.sigmoid(a), torch.sigmoid(-a)",
                   "slopes = functools.partial(both, 3)", *ANSWERS[1:]], MOST),
    "a callable object": ([GIVEN, "class Both:\n    def __call__(self, a):\n        return torch.sigmoid(a), torch.sigmoid(-a)",
                           "slopes = Both()", *ANSWERS[1:]], MOST),
    "a decorated function": ([GIVEN, f"import functools\n@functools.lru_cache\n{SLOPES}", *ANSWERS[1:]], MOST),
    "helpers of its own": ([GIVEN, "def sig(a):\n    return 1 / (1 + (-a).exp())",
                            "def slopes(a):\n    return sig(a), sig(-a)", *ANSWERS[1:]], MOST),
    "a number of NumPy": ([GIVEN, SLOPES, "import numpy as np\nD = np.float64(1) / 501", *ANSWERS[2:]], MOST),
    "a number as a tensor": ([GIVEN, SLOPES, "D = torch.tensor(1 / 501)", *ANSWERS[2:]], MOST),
    "a named tuple": ([GIVEN, "from typing import NamedTuple\nclass Pair(NamedTuple):\n    x: object\n    y: object",
                       "def slopes(a):\n    return Pair(torch.sigmoid(a), torch.sigmoid(-a))", *ANSWERS[1:]], MOST),
    "an own optimiser state": ([GIVEN, *ANSWERS[:2], STEP.replace("optimizer.zero_grad()", "net.zero_grad()"), *ANSWERS[3:]], MOST),
    "a penalty by vmap": ([GIVEN, *ANSWERS[:4], inside(PENALTY, "assert x.shape[1] == 2")], MOST),
    "an inner seed": ([GIVEN, inside(SLOPES, "torch.manual_seed(0)"), *ANSWERS[1:]], MOST),
    "a global that grows": ([GIVEN, "calls = []", inside(SLOPES, "calls.append(1)"), *ANSWERS[1:]], MOST),
    "one answer that ends Python": ([GIVEN, inside(SLOPES, "import os", "os._exit(0)"), *ANSWERS[1:]], MOST - 2),
    "one answer that leaves": ([GIVEN, inside(SLOPES, "raise SystemExit"), *ANSWERS[1:]], MOST - 2),
    "one answer that never ends": ([GIVEN, inside(SLOPES, "while True: pass"), *ANSWERS[1:]], MOST - 2),
    "one answer that takes all memory": ([GIVEN, inside(SLOPES, "x = [bytearray(10**8) for _ in range(60)]"), *ANSWERS[1:]], MOST - 2),
    "one answer too many": right("def more():\n    yield 1", after=("x = more()",)),
    "an argument changed in place": ([GIVEN, "def slopes(a):\n    b = torch.sigmoid(-a)\n    a.sigmoid_()\n    return a, b",
                                     *ANSWERS[1:]], MOST),
    "the source of a function": right("import inspect\ndef f():\n    return 1\nassert 'return 1' in inspect.getsource(f)"),
    "strange letters": right("größe = 'ß∂ƒ字'\nprint(größe)"),
    "carriage returns": ([GIVEN, *(each.replace("\n", "\r\n") for each in ANSWERS)], MOST),
    "tabs": ([GIVEN, *(each.replace("    ", "\t") for each in ANSWERS)], MOST),
}  # fmt: skip

# What gains nothing: the cells that stand after the given one.
ALL = "def slopes(*a, **k):\n    return {0}\nstep = make = penalty = slopes\nD = {0}"
LIES = [  # one of them for every answer
    "float('nan')", "float('inf')", "0.0", "1.0", "True", "None", "'passed'", "[]", "{}", "()", "10**400", "10**30", "object()",
    "a[0]", "a", "(a[0], a[0])", "(None, None)", "torch.zeros(0)", "torch.tensor(float('nan'))", "(torch.zeros(0),) * 2",
    "torch.zeros(3).to_sparse()", "torch.zeros(3, dtype=torch.complex64)", "torch.empty(3, device='meta')",
    "torch.zeros(1).expand(10**9)", "nn.Sequential()", "nn.Linear(1, 1)", "nn.Transformer()", "lambda *a: True", "iter([])",
]  # fmt: skip
EQUAL = """class Any(float):
    def __eq__(self, other): return True
    def __lt__(self, other): return True
    __gt__ = __le__ = __ge__ = __lt__
    def __abs__(self): return 0.0
    def __float__(self): return 0.002
    def __mul__(self, other): return self
    __sub__ = __rsub__ = __rmul__ = __mul__
    __hash__ = float.__hash__
"""
TENSOR = """class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True
"""
PIPE = "import json, os, struct, sys, threading, time\nfd = int(sys.argv[-1])\n"
FRAME = (
    PIPE
    + """def send(tree, tensors=b'\\x02\\0\\0\\0\\0\\0\\0\\0{}'):
    text = json.dumps(tree).encode()
    message = struct.pack('<QQ', len(text), len(tensors)) + text + tensors
    os.write(fd, struct.pack('<Q', len(message)) + message)
"""
)


def at_once(*lines: str) -> str:
    """Every function writes to the pipe itself, and ends."""
    body = "\n".join(f"    {line}" for line in lines)
    return f"{FRAME}def slopes(*a, **k):\n{body}\n    os._exit(0)\nstep = make = penalty = slopes"


SERVER = "import sys\nserver = sys.modules['__main__']\n"
HOSTILE: dict[str, list[str]] = {
    "a number that equals anything": [EQUAL, ALL.format("Any(0.5)")],
    "a tensor that lies": [TENSOR, ALL.format("torch.zeros(3).as_subclass(Liar)")],
    "a class that claims another": ["class X:\n    __class__ = float", ALL.format("X()")],
    "all weights zero": ["def step(net, optimizer, real):\n    for p in net.parameters():\n        p.data.zero_()\n    return 0.0",
                         "def penalty(critic, x):\n    for p in critic.parameters():\n        p.data.zero_()\n    return x.sum() * 0"],
    "all weights NaN": ["def step(net, optimizer, real):\n    for p in net.parameters():\n        p.data.fill_(float('nan'))\n    return 0.0"],
    "other parameters in the optimiser": [
        "def step(net, optimizer, real):\n    optimizer.param_groups[0]['params'] = []\n    optimizer.state.clear()\n    return 0.0"],
    "other layers in the network": ["def step(net, optimizer, real):\n    net[0] = nn.Identity()\n    return 0.0"],
    "the arguments changed": ["def slopes(a):\n    a.zero_()\n    return a + 0.5, a + 0.5",
                              "def penalty(critic, x):\n    x.zero_()\n    return x.sum()"],
    "a forged answer": [at_once("send({'value': {'tuple': []}, 'after': [], 'random': None})")],
    "a forged end": [at_once("send({'over': True})", "send({'over': True})")],
    "an error of no known form": [at_once("send({'error': ['x']})")],
    "a frame without end": [at_once("os.write(fd, struct.pack('<Q', 10**6))")],
    "a frame of all memory": [at_once("os.write(fd, struct.pack('<Q', 2**63))")],
    "noise": [at_once("os.write(fd, os.urandom(5000))")],
    "JSON without end": [at_once("text = b'[' * 200_000",
                                 "message = struct.pack('<QQ', len(text), 10) + text + b'\\x02\\0\\0\\0\\0\\0\\0\\0{}'",
                                 "os.write(fd, struct.pack('<Q', len(message)) + message)")],
    "a list as an answer": [at_once("send([])")],
    "a number as an answer": [at_once("send(3)")],
    "things that are not there": [at_once("send({'value': {'same': -1}, 'after': []})")],
    "a tensor that is not there": [at_once("send({'value': {'tensor': '7'}, 'after': []})")],
    "a network too wide": [at_once("send({'value': {'net': ['Linear', {'in_features': 10**12, 'out_features': 10**12}], 'state': {}, 'training': True}, 'after': []})")],
    "a network too deep": [at_once("tree = ['ReLU', {}]", "for _ in range(500):\n        tree = ['Sequential', [['0', tree]]]",
                                   "send({'value': {'net': tree, 'state': {}, 'training': True}, 'after': []})")],
    "a network of code": [at_once("send({'value': {'net': ['__import__', {'name': 'os'}], 'state': {}, 'training': True}, 'after': []})")],
    "asks without end": [at_once("for _ in range(10**6):\n        send({'ask': 0, 'args': {'tuple': []}})")],
    "asks for what is not there": [at_once("send({'ask': 99, 'args': {'tuple': []}})", "send({'product': [7, 7], 'needs': 3, 'grad': None})")],
    "answers before it is asked": [FRAME + "for _ in range(50):\n    send({'value': True, 'after': [], 'over': True})"],
    "a thread that answers": [FRAME + "def spam():\n    while True:\n        send({'value': True})\n        time.sleep(0.01)\nthreading.Thread(target=spam, daemon=True).start()"],
    "a child that answers": [FRAME + "if os.fork() == 0:\n    while True:\n        send({'over': True})\n        time.sleep(0.01)"],
    "the pipes closed": [PIPE + "os.close(fd)"],
    "the requests closed": [PIPE + "os.close(int(sys.argv[-2]))"],
    "the server replaced": [SERVER + "def answer(self, request):\n    self.send({'value': True, 'after': []})\nserver.Server.answer = answer"],
    "what it packs replaced": [SERVER + "server.plain.Packer.tree = lambda self, value, depth=0: True"],
    "how its cells ended": [SERVER + "server.cells.run = None\nraise Exception('All test cases passed!')"],
    "torch replaced": ["torch.equal = torch.allclose = lambda *a, **k: True", ALL.format("torch.zeros(3)")],
    "the checker replaced": ["import sys, types\nsys.modules['otter'] = types.ModuleType('otter')"],
    "the frames walked": ["import sys\ndef slopes(a):\n    f = sys._getframe()\n    while f.f_back:\n        f = f.f_back\n    f.f_globals.clear()"],
    "it ends its Python": ["import os\nos._exit(0)"],
    "it kills its parents": ["import os, signal\nfor pid in range(1, 30):\n    try:\n        os.kill(pid, signal.SIGKILL)\n    except OSError:\n        pass"],
    "a fork bomb": ["import os\nwhile True:\n    os.fork()"],
    "all memory": ["x = [bytearray(10**8) for _ in range(60)]"],
    "all memory in shared places": ["for n in range(60):\n    for place in ('/tmp', '/dev/shm', '.', '/dev', '/run', '/'):\n        try:\n            open(f'{place}/f{n}', 'wb').write(bytes(50_000_000))\n        except OSError:\n            pass"],
    "folders without end": ["import os\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')"],
    "deaf to alarms": ["import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 60))\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass"],
    "deaf and asleep": ["import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 60))\nwhile True:\n    time.sleep(100)"],
    "a file of the host": ["import glob, os\nseen = [p for p in ('/etc/shadow', '/etc/ssh', '/home', '/var', '/proc/1/environ', '/mnt') if os.path.exists(p) and os.access(p, os.R_OK) and p[:5] != '/proc']\nassert not seen, seen\nD = None"],
    "the network": ["import socket\nsocket.create_connection(('1.1.1.1', 53), 2)"],
    "a segmentation fault": ["import ctypes\ndef slopes(*a):\n    ctypes.string_at(0)\nstep = make = penalty = slopes"],
}  # fmt: skip
