"""Batches without end from images held in memory, which can say where they are and go on from there."""

from typing import Any

import torch
from torch import Tensor


def to_floats(images: Tensor) -> Tensor:
    """uint8 images as float32 in [-1, 1]."""
    return images.float().div_(127.5).sub_(1)


class Batches:
    """An endless iterator over batches, each image at most once an epoch; ``ImageSet.batches`` makes it.

    ``state_dict`` holds the order of the epoch that runs and the place in it, so that a run that stopped can go on
    with the very batch that came next. The numbers that later epochs are shuffled by belong to ``generator``, or to
    PyTorch's global generator, whose states a checkpoint keeps beside.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        batch_size: int,
        generator: torch.Generator | None = None,
        with_labels: bool = False,
    ):
        self.images, self.labels, self.batch_size = images, labels, batch_size
        self.generator, self.with_labels = generator, with_labels
        self._order, self._at = torch.empty(0, dtype=torch.int64), 0

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Tensor | tuple[Tensor, Tensor]:
        if self._at + self.batch_size > len(self._order):
            self._order = torch.randperm(len(self.images), generator=self.generator).to(self.images.device)
            self._at = 0
        indices = self._order[self._at : self._at + self.batch_size]
        self._at += self.batch_size
        images = to_floats(self.images[indices])
        return (images, self.labels[indices]) if self.with_labels else images

    def state_dict(self) -> dict[str, Any]:
        """The order of this epoch, the place in it, and the state of an own generator."""
        own = None if self.generator is None else self.generator.get_state()
        return {"order": self._order.cpu(), "at": self._at, "batch_size": self.batch_size, "generator": own}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where ``state`` was taken; raises ValueError where it is of another set or batch size."""
        order = state["order"]
        if state["batch_size"] != self.batch_size or len(order) not in (0, len(self.images)):
            raise ValueError(
                f"these batches hold {self.batch_size} of {len(self.images):,} images, but the stored ones "
                f"{state['batch_size']} of {len(order):,}"
            )
        if (state["generator"] is None) != (self.generator is None):
            raise ValueError("only one of these batches and the stored ones has a generator of its own")
        self._order, self._at = order.to(self.images.device), state["at"]
        if self.generator is not None:
            self.generator.set_state(state["generator"])
