"""The first cell of a notebook that is graded, run as text in its kernel: a guard of what graders rely on."""


def guard(record: str, seconds: int):
    """Bound each cell to ``seconds``; returns a function that appends to ``record`` what has changed since.

    The record has a line of JSON for each look: a list of at most nine names.
    """
    import builtins
    import json
    import math
    import signal
    import sys

    import numpy
    import torch
    from IPython import get_ipython
    from torch.nn import functional

    def classes():
        own = [module for name, module in list(sys.modules.items()) if name.split(".")[0] == "otter"]
        types = {id(each): each for module in own for each in vars(module).values() if isinstance(each, type)}
        return [each for each in types.values() if each.__module__.split(".")[0] == "otter"]

    watched = [builtins, math, torch.testing, functional, torch.Tensor, *classes()]
    single = {
        torch: "abs all allclose any as_tensor equal isclose isfinite norm tensor autograd".split(),
        numpy: "abs all allclose any array array_equal asarray isclose isfinite".split(),
    }
    modules = {"torch": torch, "np": numpy, "numpy": numpy, "math": math, "nn": torch.nn, "F": functional}

    def seen():
        pairs = [(one, name) for one in watched for name, value in list(vars(one).items()) if callable(value)]
        pairs += [(one, name) for one, names in single.items() for name in names]
        pairs.remove((builtins, "input"))  # the kernel itself sets it anew for each cell
        values = {f"{one.__name__}.{name}": vars(one).get(name) for one, name in pairs}
        return {name: (id(value), id(getattr(value, "__code__", None))) for name, value in values.items()}

    before, shell, write = seen(), get_ipython(), open

    def verify():
        now = seen()
        changed = [name for name, value in before.items() if now.get(name) != value]
        changed += [name for name, true in modules.items() if name in shell.user_ns and shell.user_ns[name] is not true]
        for name in modules.keys() & shell.user_ns.keys():
            shell.user_ns[name] = modules[name]
        with write(record, "a") as file:
            file.write(json.dumps(changed[:9]) + "\n")

    def late(*_):
        raise TimeoutError(f"a cell ran longer than {seconds} s")

    signal.signal(signal.SIGALRM, late)
    shell.events.register("pre_run_cell", lambda *_: signal.setitimer(signal.ITIMER_REAL, seconds, seconds))
    shell.events.register("post_run_cell", lambda *_: signal.setitimer(signal.ITIMER_REAL, 0))
    return verify
