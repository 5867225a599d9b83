"""A second device for a machine that has none: tensors that lie on it compute on the CPU, and may not meet others.

``with SecondDevice():`` makes ``DEVICE`` usable as a GPU would be. A tensor is there if it was made with
``device=DEVICE``, moved by ``.to(DEVICE)``, or computed from others that are there; its ``.device`` says so. As on a
GPU, an operation on tensors of both devices is a RuntimeError, except where PyTorch allows it: copies, indices, and
single numbers from the CPU. So is a draw on the device by a generator of the CPU; and NumPy cannot read what is there.

PyTorch's own FakeTensorMode has no values, so that ``.item()`` and masks end a test; the device ``meta`` neither.
"""

from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("privateuseone:0")  # PyTorch's name for a device that it does not know
COPIES = ("aten::copy_", "aten::_foreach_copy_", "aten::set_")
INDEXING = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
ON_HOST_ALONE = ("numpy", "__array__", "__dlpack__", "__array_interface__")


class DeviceMixError(RuntimeError):
    """Tensors of two devices met, or one was asked for what only the CPU can do."""


def _tensors(values) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _storages(values) -> list[torch.UntypedStorage]:
    return [tensor.untyped_storage() for tensor in _tensors(values)]


class SecondDevice(TorchFunctionMode):
    """The mode that answers for ``DEVICE``; the device of a tensor is that of its storage, so views share it."""

    def __init__(self):
        super().__init__()
        self._here: dict[int, torch.UntypedStorage] = {}  # kept alive, so that no address is used twice
        self._operations = _Operations(self)

    def __enter__(self):
        self._operations.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._operations.__exit__(*error)

    def holds(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage()._cdata in self._here

    def place(self, values, here: bool) -> None:
        for storage in _storages(values):
            if here:
                self._here[storage._cdata] = storage
            else:
                self._here.pop(storage._cdata, None)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if func == Tensor.device.__get__:
            return DEVICE if self.holds(args[0]) else func(*args)
        if name in ON_HOST_ALONE and args and self.holds(args[0]):
            raise DeviceMixError(f"{name}: a tensor on {DEVICE} must be copied to the CPU first")
        if func in (Tensor.to, Tensor.cpu):
            return self._move(func, *args, **kwargs)
        if func == Tensor.__deepcopy__:  # it copies the memory, which is no operation
            result = func(*args, **kwargs)
            self.place(result, self.holds(args[0]))
            return result
        if kwargs.get("device") is None:
            with self._operations.inside(any(map(self.holds, _tensors((args, kwargs))))):
                return func(*args, **kwargs)
        here = torch.device(kwargs["device"]) == DEVICE
        if here and kwargs.get("generator") is not None:
            raise DeviceMixError(f"{name}: expected a generator of {DEVICE}, but this one is of the CPU")
        return self._moved(partial(func, *args, **kwargs | {"device": "cpu"}), args, here)

    def _move(self, func, tensor, *args, **kwargs):
        """``tensor.to`` and ``tensor.cpu``, with the device in any place."""
        wanted = [value for value in (*args, *kwargs.values()) if isinstance(value, (torch.device, Tensor))]
        wanted += [torch.device(value) for value in (*args, *kwargs.values()) if isinstance(value, str)]
        here = self.holds(tensor)
        for value in wanted:
            here = self.holds(value) if isinstance(value, Tensor) else value == DEVICE
        if func is Tensor.cpu:
            here = False

        def on_cpu(value):
            return "cpu" if isinstance(value, (torch.device, str)) else value

        moved = partial(func, tensor, *map(on_cpu, args), **{key: on_cpu(value) for key, value in kwargs.items()})
        return self._moved(moved, (tensor,), here)

    def _moved(self, call, args, here: bool):
        self._operations.moving = True
        try:
            result = call()
            before = {storage._cdata: storage._cdata in self._here for storage in _storages(args)}

            def own(value):  # what PyTorch did not copy, for both are on the CPU
                if isinstance(value, Tensor) and before.get(value.untyped_storage()._cdata, here) != here:
                    return value.clone()
                return value

            result = tree_map(own, result)
        finally:
            self._operations.moving = False
        self.place(result, here)
        return result


class _Operations(TorchDispatchMode):
    """Sees each operation below autograd, those of the backward pass too: refuses mixtures, and passes on where."""

    def __init__(self, device: SecondDevice):
        super().__init__()
        self.device, self.moving, self.made_here = device, False, False

    @contextmanager
    def inside(self, here: bool):
        """While PyTorch computes on tensors that are here, what it makes for that is here too, as it would be."""
        before, self.made_here = self.made_here, here or self.made_here
        try:
            yield
        finally:
            self.made_here = before

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func._schema.name
        tensors = _tensors((args, kwargs))
        here = [tensor for tensor in tensors if self.device.holds(tensor)]
        if self.moving or name in COPIES:
            return func(*args, **kwargs)
        judged = tensors
        if name in INDEXING:  # indices may come from the CPU, but values and what is indexed are together
            judged = _tensors((args[0], *args[2:])) if self.device.holds(args[0]) else tensors
        strangers = [tensor for tensor in judged if not self.device.holds(tensor) and tensor.dim() > 0]
        if here and strangers:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in strangers)
            raise DeviceMixError(f"{name}: tensors on {DEVICE} met others on the CPU, of shape {shapes}")
        result = func(*args, **kwargs)
        if here or (self.made_here and not tensors):
            self.device.place(result, here=True)
        return result
