"""What watches over a run: its history, how it may end early, a look without a trace, the way back from a NaN."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class History:
    """What each step measured: one float tensor of shape (steps,) for each name, on the CPU once ``fit`` returns.

    ``start`` is the number of steps done before; the first entry is of the step after these.
    """

    d_loss: Tensor
    g_loss: Tensor
    real_logit: Tensor
    fake_logit: Tensor
    start: int = 0

    @classmethod
    def of(cls, measured: Tensor, start: int = 0) -> "History":
        """The history in the rows of ``measured``, shape (steps, 4), of which the first is of step ``start`` + 1."""
        d_loss, g_loss, real_logit, fake_logit = measured.cpu().unbind(1)
        return cls(d_loss, g_loss, real_logit, fake_logit, start)

    def __len__(self) -> int:
        return len(self.d_loss)


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite; players, average, optimisers and schedulers are set back to the last good step.

    ``history`` is what was measured, up to and including the step at fault.
    """

    def __init__(self, message: str, history: History):
        super().__init__(message)
        self.history = history


class TrainingEnded(ValueError):
    """The batches ended before the run did; the players keep what they learned.

    ``history`` is what was measured.
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


class Snapshot:
    """The state of a run when it was last seen to be finite, and the way back to it.

    ``models`` are the discriminator, the generator and perhaps its average; ``parts`` the optimisers and schedulers,
    whose ``state_dict`` is kept; ``start`` is the number of steps done.
    """

    players = ("discriminator", "generator")

    def __init__(self, models: Sequence[nn.Module], parts: Sequence, start: int = 0):
        self.models, self.parts = models, parts
        self.pairs = [(tensor, tensor.detach().clone()) for model in models for tensor in tensors_of(model)]
        self.start = self.checked = start
        self._keep(start)

    @torch.no_grad()
    def check(self, measured: Tensor, done: int) -> None:
        """Keep the state after step ``done`` if all is finite; else set it back and raise TrainingDiverged."""
        new = measured[self.checked : done, :2]  # the losses, the discriminator's first
        bad = (~torch.isfinite(new)).nonzero()
        if len(bad):
            row, player = bad[0].tolist()
            at = self.checked + row + 1
            self._stop(f"{self.players[player]}'s loss became {new[row, player].item()} at step {at}", measured[:at])
        for player, model in zip(self.players, self.models, strict=False):
            if not all(torch.isfinite(t).all() for t in tensors_of(model)):
                self._stop(f"{player}'s weights were no longer finite after step {done}", measured[:done])
        self._keep(done)
        self.checked = done

    @torch.no_grad()
    def _keep(self, step: int) -> None:
        for tensor, kept in self.pairs:
            kept.copy_(tensor)
        self.states = [copy.deepcopy(part.state_dict()) for part in self.parts]
        self.step = step

    def _stop(self, what: str, measured: Tensor) -> None:
        for tensor, kept in self.pairs:
            tensor.copy_(kept)
        for part, state in zip(self.parts, self.states, strict=True):
            part.load_state_dict(state)
        raise TrainingDiverged(
            f"The {what}: training stopped, and both players were set back to their weights after step {self.step}, "
            "their optimisers too; go on at a lower learning rate, or look for a logarithm, a division or a norm at 0 "
            "in the loss, or for NaN among the data.",
            History.of(measured[self.start :], self.start),
        )
