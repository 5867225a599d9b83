"""The trusted side of the wall: names of the student's notebook as values and functions that tests can use.

A call sends its arguments to the student's process, waits within bounds, and converts what comes back into values of
exact types. What a call did to networks, optimisers and generators among its arguments is done to the trusted ones.
Results can be differentiated as if they had been computed here: the student's process is asked for the products.
"""

import io
import os
import pickle
import select
import struct
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from course.grading import released, sandbox
from course.grading.wall import plain

LENGTH = struct.Struct("<Q")
PROGRAM = (sys.executable, "-P", "-m", "course.grading.wall.server")
CANNOT_TRAVEL = (
    "An answer is of a kind that cannot be judged: use numbers, tensors and networks of torch.nn's own layers."
)
REPLACED = "Your function puts other tensors into a network that it was given: change its own in place."
MOST_ASKED = 10_000  # times in one session that a function of the tests is called
RANDOM = "random"


class StudentError(Exception):
    """The student's code ended in an error, or its answer is none; ``name`` is the error's own name."""

    def __init__(self, name: str, says: str = ""):
        super().__init__(says or name)
        self.name = name


class LostError(Exception):
    """The student's process is gone or stopped; the message says why."""


class Pickler(pickle.Pickler):
    """Arguments on their way in; functions and networks of the tests' own stay here, as numbers."""

    def __init__(self, file: io.BytesIO, functions: list[Callable]):
        super().__init__(file)
        self.functions = functions

    def persistent_id(self, thing: Any) -> tuple | None:
        if isinstance(thing, nn.Parameter) and thing._backward_hooks:
            hooks = [self._number(hook) for hook in thing._backward_hooks.values()]
            return "parameter", id(thing), thing.detach().clone(), hooks
        if isinstance(thing, nn.Module) and (_is_local(type(thing)) or _is_watched(thing)):
            return self._net(thing)
        if isinstance(thing, types.FunctionType) and _is_local(thing):
            return "function", self._number(thing)
        return None

    def _number(self, thing: Callable) -> int:
        self.functions.append(thing)
        return len(self.functions) - 1

    def _net(self, net: nn.Module) -> tuple:
        parameters, buffers = dict(net.named_parameters()), dict(net.named_buffers())
        training = {name: module.training for name, module in net.named_modules()}

        def call(weights: list, kept: list, training: dict, *args: Any) -> Any:
            for name, module in net.named_modules():
                module.training = training[name] is True
            values = dict(zip([*parameters, *buffers], [*weights, *kept], strict=True))
            return functional_call(net, values, args)

        return "net", self._number(call), parameters, buffers, training

    def reducer_override(self, thing: Any) -> Any:
        """A tensor that is a part of another goes alone: the other may hold what the student must not see."""
        if type(thing) is Tensor and thing.untyped_storage().nbytes() > thing.numel() * thing.element_size():
            return thing.detach().clone().requires_grad_(thing.requires_grad).__reduce_ex__(pickle.DEFAULT_PROTOCOL)
        return NotImplemented


def _is_local(thing: Any) -> bool:
    """Whether a function or class cannot be imported by its name on the other side."""
    return getattr(sys.modules.get(thing.__module__), thing.__qualname__, None) is not thing


def _is_watched(net: nn.Module) -> bool:
    """Whether somebody on this side waits for what a network is given or makes."""
    return any(each._forward_pre_hooks or each._forward_hooks for each in net.modules())


class Student:
    """The student's process: its notebook runs when it begins, and sessions follow."""

    def __init__(self, limits: sandbox.Limits, walled: bool):
        inward, self._requests = os.pipe()
        self._replies, outward = os.pipe()
        self.box = sandbox.Box([*PROGRAM, str(inward), str(outward)], (inward, outward), limits, walled)
        os.close(inward)
        os.close(outward)
        self.functions: list[Callable] = []
        self.graphs: list[tuple[list, list]] = []  # of the tests' own functions that the student's code called
        self.asked = 0
        self.ended: list[dict] = []

    def begin(self, notebook: list[tuple[str, str]], cell_seconds: float) -> None:
        """Run the notebook; raises LostError where its process does not come to the end of it."""
        self._send(
            {
                "cells": notebook,
                "released": [tuple(each) for each in released.cells()],
                "imports": released.imports(),
                "seconds": cell_seconds,
                "limits": sandbox.resources(self.box.limits),
            }
        )
        tree, _ = self._receive()
        self.ended = _ends(tree.get("ended"), len(notebook))

    def close(self) -> None:
        """End the process and all that it started."""
        self.box.close()
        os.close(self._requests)
        os.close(self._replies)

    @contextmanager
    def session(self) -> Iterator[None]:
        """A copy of the student's process as the notebook left it, for the calls of one test."""
        self.functions, self.graphs, self.asked = [], [], 0
        self._begin()
        try:
            yield
        finally:
            self._send({"end": True})
            tree, _ = self._receive()
            if "over" not in tree:
                raise LostError("it said more than it was asked")

    def _begin(self) -> None:
        self._send({"dtype": torch.get_default_dtype()})

    def _read(self, count: int) -> bytes:
        content = bytearray()
        while len(content) < count:
            ready, _, _ = select.select([self._replies], [], [], sandbox.LOOK_EVERY)
            part = os.read(self._replies, min(count - len(content), 1 << 20)) if ready else None
            if part == b"" or (part is None and self.box.ended()):
                raise LostError(self.box.limit or "the notebook ended its own Python")
            content += part or b""
        return bytes(content)

    def _receive(self) -> tuple[dict, dict[str, Tensor]]:
        [length] = LENGTH.unpack(self._read(LENGTH.size))
        if length > plain.LARGEST:
            raise LostError("its answer is too large")
        try:
            return plain.parse(self._read(length))
        except plain.PlainError as error:
            raise LostError(str(error)) from None

    def _send(self, request: Any) -> None:
        file = io.BytesIO()
        Pickler(file, self.functions).dump(request)
        content = file.getbuffer()
        whole = memoryview(LENGTH.pack(len(content)) + bytes(content))
        os.set_blocking(self._requests, False)
        while whole:
            try:
                _, ready, _ = select.select([], [self._requests], [], sandbox.LOOK_EVERY)
                if ready:
                    whole = whole[os.write(self._requests, whole[: 1 << 16]) :]
                elif self.box.ended():
                    raise BrokenPipeError
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise LostError(self.box.limit or "the notebook ended its own Python") from None

    def request(self, **request: Any) -> tuple[dict, dict[str, Tensor]]:
        """The tree and tensors that answer a request; functions that are asked for are called on the way."""
        self._send({**request, RANDOM: torch.get_rng_state()})
        tree, tensors = self._receive()
        while "ask" in tree or "product" in tree:
            self._send(self._own(tree, tensors))
            tree, tensors = self._receive()
        if "over" in tree:
            self._begin()  # the copy that answered has ended: another takes its place
            raise StudentError("SystemExit", "Your code ended its own Python.")
        if "missing" in tree:
            raise StudentError("NameError", f"Your notebook does not define {request.get('name', 'it')}.")
        if "error" in tree:
            name = str(tree["error"])[:60]
            raise StudentError(name, CANNOT_TRAVEL if name in ("PlainError", "NetworkError") else "")
        if tree.get("replaced"):
            raise StudentError("ValueError", REPLACED)
        try:
            torch.set_rng_state(plain.drawn(torch.get_rng_state(), plain.unpack(tree.get(RANDOM), tensors)))
        except plain.PlainError as error:
            raise StudentError("ValueError", _sentence(error)) from None
        return tree, tensors

    def _own(self, tree: dict, tensors: dict[str, Tensor]) -> dict:
        """What a function of the tests makes of the student's arguments, or the derivatives of what it made."""
        self.asked += 1
        if self.asked > MOST_ASKED:
            raise LostError("it asks without end")
        try:
            return {"answer": self._asked_for(tree, tensors) if "ask" in tree else self._product(tree, tensors)}
        except (TypeError, ValueError, IndexError, KeyError, RuntimeError, plain.PlainError):
            return {"refused": True}

    def _asked_for(self, tree: dict, tensors: dict[str, Tensor]) -> Any:
        args = _plain(plain.unpack(tree["args"], tensors))
        inputs = [each.requires_grad_() for each in plain.floats(args)]
        with torch.enable_grad():
            value = self.functions[plain.at(tree["ask"], len(self.functions))](*args)
        if not isinstance(value, Tensor) or not value.requires_grad:
            return value.detach() if isinstance(value, Tensor) else value
        self.graphs.append(([value], inputs))
        return "grown", (len(self.graphs) - 1, 0), value.detach()

    def _product(self, tree: dict, tensors: dict[str, Tensor]) -> Any:
        call, place = tree["product"]
        outputs, given = self.graphs[plain.at(call, len(self.graphs))]
        grad = plain.unpack(tree["grad"], tensors)
        grad = _plain(grad).requires_grad_()
        needs = [need is True for need in tree["needs"]]
        wanted = [each for each, need in zip(given, needs, strict=True) if need]
        made = torch.autograd.grad(
            outputs[plain.at(place, len(outputs))], wanted, grad, create_graph=True, allow_unused=True
        )
        left = iter(made)
        values = [next(left) if need else None for need in needs]
        self.graphs.append((values, [*given, grad]))
        return len(self.graphs) - 1, [None if each is None else each.detach() for each in values]

    def value(self, name: str) -> Any:
        """What stands under a name of the notebook."""
        tree, tensors = self.request(what="value", name=name)
        return _plain(self._unpacked(tree, tensors))

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """What a function of the notebook returns, and does to its arguments."""
        inputs = plain.leaves((args, kwargs)) if torch.is_grad_enabled() else []
        tree, tensors = self.request(what="call", name=name, args=args, kwargs=kwargs, grad=torch.is_grad_enabled())
        value = self._unpacked(tree, tensors, list(plain.things((args, kwargs))))
        try:
            plain.set_after((args, kwargs), tree.get("after"), tensors)
        except plain.PlainError as error:
            raise StudentError("ValueError", _sentence(error)) from None
        grown = _grown(value)
        if not grown or not inputs:
            return _plain(value)
        made = Remote.apply(self, _number(tree), [each.value for each in grown], *inputs)
        return _plain(value, dict(zip(map(id, grown), made, strict=True)))

    def _unpacked(self, tree: dict, tensors: dict[str, Tensor], given: list | tuple = ()) -> Any:
        try:
            return plain.unpack(tree.get("value"), tensors, given)
        except plain.PlainError as error:
            raise StudentError("ValueError", _sentence(error)) from None


class Remote(torch.autograd.Function):
    """Tensors that a call returned, as functions of what it was given; the student's process derives them."""

    @staticmethod
    def forward(ctx, student: Student, call: int, values: list[Tensor], *inputs: Tensor):
        ctx.student, ctx.call = student, call
        ctx.save_for_backward(*inputs)
        return tuple(each.clone() for each in values)

    @staticmethod
    def backward(ctx, *grads):
        tree, tensors = ctx.student.request(what="product", call=ctx.call, grads=list(grads))
        products = ctx.student._unpacked(tree, tensors)
        inputs = ctx.saved_tensors
        alike = isinstance(products, tuple) and len(products) == len(inputs)
        if not alike or not all(_fits(product, given) for product, given in zip(products, inputs, strict=True)):
            raise StudentError("ValueError", "Gradients of other tensors came back.")
        grown = _grown(products)
        if torch.is_grad_enabled() and grown:
            by = [each for each in grads if each is not None]
            made = Remote.apply(ctx.student, _number(tree), [each.value for each in grown], *inputs, *by)
            products = _plain(products, dict(zip(map(id, grown), made, strict=True)))
        return None, None, None, *(_plain(each) for each in products)


def _number(tree: dict) -> int:
    if type(tree.get("call")) is not int:
        raise StudentError("ValueError", "The answer is of no known form.")
    return tree["call"]


def _fits(product: Any, given: Tensor) -> bool:
    value = product.value if isinstance(product, plain.Grown) else product
    return value is None or isinstance(value, Tensor) and value.shape == given.shape and value.dtype == given.dtype


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _ends(ended: Any, count: int) -> list[dict]:
    """How each cell ended, of exact types; a notebook that says something else says nothing."""
    if not isinstance(ended, list) or len(ended) != count or not all(isinstance(each, dict) for each in ended):
        return [{"error": "", "skipped": []}] * count
    skipped = [each["skipped"] if isinstance(each.get("skipped"), list) else [] for each in ended]
    return [
        {"error": str(each.get("error", ""))[:60], "skipped": [str(word)[:40] for word in words[:9]]}
        for each, words in zip(ended, skipped, strict=True)
    ]


def _grown(value: Any) -> list[plain.Grown]:
    if isinstance(value, plain.Grown):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [each for part in inside for each in _grown(part)]


def _plain(value: Any, made: dict[int, Tensor] | None = None) -> Any:
    """A value without Grown tensors: each is what was made of it, or its value alone."""
    if isinstance(value, plain.Grown):
        return (made or {}).get(id(value), value.value)
    if isinstance(value, dict):
        return {key: _plain(each, made) for key, each in value.items()}
    return type(value)(_plain(each, made) for each in value) if type(value) in (list, tuple) else value
