"""What watches over a run: its history, what batches it refuses, a look without a trace, the way back from a NaN."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class History:
    """What each step measured: one float tensor of shape (steps,) for each name, on the CPU once ``fit`` returns."""

    d_loss: Tensor
    g_loss: Tensor
    real_logit: Tensor
    fake_logit: Tensor

    @classmethod
    def of(cls, measured: Tensor) -> "History":
        """The history in the rows of ``measured``, shape (steps, 4)."""
        return cls(*measured.cpu().unbind(1))

    def __len__(self) -> int:
        return len(self.d_loss)


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite; both players have been set back to their last finite weights.

    ``history`` is what was measured, up to and including the step at fault.
    """

    def __init__(self, message: str, history: History):
        super().__init__(message)
        self.history = history


def tensors_of(model: nn.Module) -> list[Tensor]:
    """The weights and buffers of a network."""
    return [*model.parameters(), *model.buffers()]


@contextmanager
def untouched(*models: nn.Module) -> Iterator[None]:
    """Set back what forward passes leave behind: statistics of BatchNorm, modes, and numbers drawn by dropout."""
    modes = [(module, module.training) for model in models for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for model in models for buffer in model.buffers()]
    devices = {tensor.device for model in models for tensor in tensors_of(model) if tensor.is_cuda}
    with torch.random.fork_rng(sorted(device.index for device in devices)):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)
            for module, training in modes:
                module.training = training


def check_batch(batch: Tensor | None, *models: nn.Module) -> None:
    """Raise ValueError for a first batch that the ``models`` cannot be trained on."""
    if batch is None:
        raise ValueError("There are no batches to train on: pass an iterator without end, as ImageSet.batches gives.")
    if batch.dim() == 4 and not -1.001 <= batch.min() <= batch.max() <= 1.001:
        raise ValueError(
            f"The images run from {batch.min():.3g} to {batch.max():.3g}, but a generator that ends in tanh makes "
            "values in [-1, 1]: scale the images to that range, as ImageSet.batches does."
        )
    norms = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for model in models for m in model.modules())
    if len(batch) == 1 and norms:
        raise ValueError(
            "A batch of one leaves BatchNorm no spread to normalise by: use batches of at least 2, or nets without "
            "BatchNorm."
        )


class Snapshot:
    """The last weights that were seen to be finite, and the way back to them.

    ``models`` are the discriminator, the generator and perhaps its average; ``start`` is the number of steps done.
    """

    players = ("discriminator", "generator")

    def __init__(self, models: Sequence[nn.Module], start: int = 0):
        self.models = models
        self.pairs = [(tensor, tensor.detach().clone()) for model in models for tensor in tensors_of(model)]
        self.start = self.checked = self.step = start

    @torch.no_grad()
    def check(self, measured: Tensor, done: int) -> None:
        """Keep the weights after step ``done`` if all is finite; else set them back and raise TrainingDiverged."""
        new = measured[self.checked : done, :2]  # the losses, the discriminator's first
        bad = (~torch.isfinite(new)).nonzero()
        if len(bad):
            row, player = bad[0].tolist()
            at = self.checked + row + 1
            self._stop(f"{self.players[player]}'s loss became {new[row, player].item()} at step {at}", measured[:at])
        for player, model in zip(self.players, self.models, strict=False):
            if not all(torch.isfinite(t).all() for t in tensors_of(model)):
                self._stop(f"{player}'s weights were no longer finite after step {done}", measured[:done])
        for tensor, copy in self.pairs:
            copy.copy_(tensor)
        self.checked = self.step = done

    def _stop(self, what: str, measured: Tensor) -> None:
        for tensor, copy in self.pairs:
            tensor.copy_(copy)
        raise TrainingDiverged(
            f"The {what}: training stopped, and both players were set back to their weights after step {self.step}; "
            "go on with new optimizers of a lower learning rate, or look for a logarithm, a division or a norm at 0 "
            "in the loss.",
            History.of(measured[self.start :]),
        )
