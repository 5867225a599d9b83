"""The student's side of the wall: run the cells of a notebook, then answer calls until the pipe is closed.

    python -P -m course.grading.wall.server REQUESTS REPLIES

REQUESTS and REPLIES are numbers of inherited pipes. This process holds no test, no expected value and no file but what
Python itself needs; whatever the student's code does to it can change only what it answers. Each session is answered by
a copy of the process as the notebook left it, so what a call does, or that it ends its Python, harms no later one.
"""

import functools
import importlib
import io
import os
import pickle
import random
import resource
import signal
import struct
import sys
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from course.grading.wall import cells, plain

LENGTH = struct.Struct("<Q")


def usual(dtype: torch.dtype) -> None:
    """Put back what a notebook may have set for all of torch."""
    torch.set_grad_enabled(True)
    torch.set_default_dtype(dtype)
    torch.set_default_device(None)
    torch.set_num_threads(1)
    if torch.are_deterministic_algorithms_enabled():  # asked first, since the call imports a compiler
        torch.use_deterministic_algorithms(False)


class Caller(pickle.Unpickler):
    """Arguments of a call; functions and networks of the tests' own among them ask the trusted side to be called."""

    def __init__(self, content: bytes, ask: Callable):
        super().__init__(io.BytesIO(content))
        self.ask = ask
        self.parameters: dict[int, nn.Parameter] = {}  # each is one thing, however often it is named

    def persistent_load(self, pid: tuple) -> Any:
        kind, number, *rest = pid
        if kind == "parameter":
            return self.parameter(number, *rest)
        return Stand(self.ask, number, *rest) if kind == "net" else lambda *args: self.ask(number, args)

    def parameter(self, number: int, value: Tensor, hooks: list[int]) -> nn.Parameter:
        """A parameter that tells the trusted side, by its hooks, of each gradient that it receives."""
        if number not in self.parameters:
            self.parameters[number] = made = nn.Parameter(value)
            for hook in hooks:
                made.register_hook(functools.partial(self.received, hook))
        return self.parameters[number]

    def received(self, hook: int, gradient: Tensor) -> None:
        """Tell the trusted side of a gradient."""
        self.ask(hook, (gradient.detach(),))


class Stand(nn.Module):
    """A network whose layers only the trusted side knows: the parameters are here, and a call is made there."""

    def __init__(self, ask: Callable, number: int, parameters: dict, buffers: dict, training: dict):
        super().__init__()
        self.ask, self.number = ask, number
        for name in filter(None, training):
            parent, _, last = name.rpartition(".")
            self.get_submodule(parent).add_module(last, nn.Module())
        for name, each in parameters.items():
            parent, _, last = name.rpartition(".")
            self.get_submodule(parent).register_parameter(last, each)
        for name, each in buffers.items():
            parent, _, last = name.rpartition(".")
            self.get_submodule(parent).register_buffer(last, each)
        for name, module in self.named_modules():
            module.training = training[name]

    def forward(self, *args: Any) -> Any:
        tensors = [*self.parameters()], [*self.buffers()], {name: each.training for name, each in self.named_modules()}
        return self.ask(self.number, (*tensors, *args))


class Server:
    """Answers requests about the names of a scope."""

    def __init__(self, requests: io.RawIOBase, replies: io.RawIOBase):
        self.requests, self.replies = requests, replies
        self.scope: dict = {}
        self.seconds = 60.0
        self.graphs: list[tuple[list, list]] = []  # of each call: what it returned, and what it was given, to derive

    def send(self, tree: Any, packer: plain.Packer | None = None) -> None:
        message = (packer or plain.Packer()).message(tree)
        content = memoryview(LENGTH.pack(len(message)) + message)
        while content:
            content = content[self.replies.write(content) :]

    def receive(self) -> Any:
        [length] = LENGTH.unpack(self.read(LENGTH.size))
        return Caller(self.read(length), self.ask).load()

    def read(self, count: int) -> bytes:
        """That many bytes, and none more: a copy of this process reads what follows."""
        content = bytearray()
        while len(content) < count:
            part = self.requests.read(count - len(content))
            if not part:
                raise EOFError
            content += part
        return bytes(content)

    def asked(self, request: dict, packer: plain.Packer) -> Any:
        """What the trusted side answers; until it does, it may itself call the student's functions."""
        self.send(request, packer)
        while "what" in (request := self.receive()):
            self.answer(request)
        if "refused" in request:
            raise TypeError("a function that was handed over does not take these arguments")
        return request["answer"]

    def ask(self, number: int, args: tuple) -> Any:
        """What a function of the trusted side makes of ``args``, which can be differentiated."""
        inputs = plain.floats(args) if torch.is_grad_enabled() else []
        packer = plain.Packer()
        value = self.asked({"ask": number, "args": packer.tree(args)}, packer)
        if not inputs or not isinstance(value, tuple) or value[0] != "grown":
            return value[2] if isinstance(value, tuple) and value[:1] == ("grown",) else value
        return Asked.apply(self, value[1], value[2], *inputs)

    def answer(self, request: dict) -> None:
        """Answer one request; what the student's code raises is answered too, by its name."""
        packer = plain.Packer()
        try:
            torch.set_rng_state(request["random"])
            arguments = (request.get("args", ()), request.get("kwargs", {}))
            packer = plain.Packer(arguments)
            inputs: list = []
            before = plain.parts(arguments)
            if request["what"] == "value":
                value = self.scope[request["name"]]
            elif request["what"] == "call":
                inputs = plain.leaves(arguments)
                with torch.set_grad_enabled(request["grad"]):
                    value = self.scope[request["name"]](*arguments[0], **arguments[1])
            else:
                outputs, given = self.graphs[request["call"]]
                grads = [each if each is None else each.detach().requires_grad_() for each in request["grads"]]
                pairs = [(each, grad) for each, grad in zip(outputs, grads, strict=True) if grad is not None]
                made, by = map(list, zip(*pairs, strict=True))
                value = torch.autograd.grad(made, given, by, create_graph=True, allow_unused=True)
                inputs = [*given, *(each for each in grads if each is not None)]
            tree = {"value": packer.tree(value), "after": plain.after(arguments, packer)}
            tree["replaced"] = plain.replaced(before, arguments)
            if request["what"] != "value":
                tree["call"] = len(self.graphs)
                self.graphs.append((packer.graph, inputs))
            tree |= {"random": packer.tree(torch.get_rng_state())}
        except EOFError:
            raise
        except BaseException as error:
            packer = plain.Packer()
            tree = {"error": type(error).__name__}
            if "name" in request and request["name"] not in self.scope:
                tree = {"missing": True}
        self.send(tree, packer)

    def session(self, dtype: torch.dtype) -> None:
        """Answer requests in a copy of this process, and say when it is over."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            self.send({"over": True})
            return
        try:
            usual(dtype)
            while "what" in (request := self.receive()):
                with cells.bounded(self.seconds):
                    self.answer(request)
        finally:
            os._exit(0)

    def begin(self) -> None:
        """Run the notebook that the first request holds, and say how each cell ended."""
        request = self.receive()
        self.seconds = request["seconds"]
        for name, most in request["limits"].items():
            resource.setrlimit(getattr(resource, name), (most, most))
        module = types.ModuleType("exercise")
        sys.modules["exercise"] = module
        self.scope = vars(module)
        self.scope |= {"grader": cells.Checker(), "__name__": "__main__", "input": lambda *_: ""}
        sys.path.insert(0, "")  # as in a notebook
        exec(request["imports"], self.scope)
        torch.set_num_threads(1)
        torch.manual_seed(0)
        random.seed(0)
        if any("optim" in source for _, source in request["cells"]):
            importlib.import_module("torch._dynamo")  # which every optimiser imports: here once, not in each session
        ended = cells.run(
            request["cells"], [cells.Released(*each) for each in request["released"]], self.scope, self.seconds
        )
        self.send({"ended": ended})

    def serve(self) -> None:
        """Sessions, until the trusted side closes its pipe."""
        self.begin()
        while True:
            try:
                request = self.receive()
            except EOFError:
                return
            self.session(request["dtype"])


class Asked(torch.autograd.Function):
    """A tensor that the trusted side computed, as a function of what it was given."""

    @staticmethod
    def forward(ctx, server: Server, call: tuple, value: Tensor, *inputs: Tensor):
        ctx.server, ctx.call = server, call
        ctx.save_for_backward(*inputs)
        return value.clone()

    @staticmethod
    def backward(ctx, grad):
        packer = plain.Packer()
        needs = list(ctx.needs_input_grad[3:])
        tree = {"product": list(ctx.call), "needs": needs, "grad": packer.tree(grad.detach())}
        call, values = ctx.server.asked(tree, packer)
        inputs = (*ctx.saved_tensors, grad)
        made = [
            None if each is None else Asked.apply(ctx.server, (call, at), each, *inputs)
            for at, each in enumerate(values)
        ]
        return None, None, None, *made


def main() -> None:
    requests, replies = (int(each) for each in sys.argv[1:])
    Server(os.fdopen(requests, "rb", buffering=0), os.fdopen(replies, "wb", buffering=0)).serve()


if __name__ == "__main__":
    main()
