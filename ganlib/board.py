"""What a run looks like in TensorBoard: scalars, an image grid and histograms, written from ``fit``'s callback."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ganlib import losses
from ganlib.guard import untouched

LARGEST = 1e19  # TensorBoard's bins end at 1e20


class Board:
    """Logs a run for TensorBoard; an instance is ``fit``'s callback, and closes its file as a context manager.

        with Board("runs/first", generator, discriminator, real, latent=64, ema=ema) as board:
            training.fit(..., callback=board, callback_every=100)

    ``fit`` hands out the losses of its steps at its end alone, so the board takes a look of its own: at each call it
    shows both players the same ``real`` batch (N, ...) and the same latents, drawn once from ``seed``, and writes

    * ``loss/discriminator`` and ``loss/generator``, of ``game`` and without a penalty, ``logit/real``, ``logit/fake``
      (means), with the players in the mode in which they stand, as in a step;
    * ``score/<name>`` for each of ``scores``, functions of the shown generator, such as a Fréchet distance;
    * ``samples``, the images of the latents, by the average's model where ``ema`` is given, in evaluation mode; points
      that are no images are left out;
    * ``generator/<weight>`` and ``discriminator/<weight>``, histograms of the weights, and, ending in ``.grad``, of
      the gradients of the last step; entries that no histogram of TensorBoard can hold, NaN and all of 1e19 or more,
      are left out and counted in ``out of range``.

    The run is the same to the bit with a board and without: buffers, modes and random generators are set back.
    ``latent`` is the length of a latent, or the fixed latents themselves (N, ...); ``given`` is what both players are
    told of each sample besides, as in ``training.step``. A run that goes on from step ``start`` passes it: what the
    folder holds of later steps is then passed over.

    Raises ValueError where the folder holds another run, and ModuleNotFoundError without tensorboard, which is the
    optional extra ``board``.
    """

    def __init__(
        self,
        folder: str | Path,
        generator: nn.Module,
        discriminator: nn.Module,
        real: Tensor,
        latent: int | Tensor,
        *,
        game: losses.Game = losses.non_saturating,
        ema=None,
        given: Sequence[Tensor] = (),
        scores: Mapping[str, Callable[[nn.Module], float]] | None = None,
        seed: int = 0,
        start: int = 0,
    ):
        self.players = {"generator": generator, "discriminator": discriminator}
        self.shown = generator if ema is None else ema.model
        self.game, self.real, self.given, self.scores = game, real, given, dict(scores or {})
        if isinstance(latent, int):
            latent = torch.randn(len(real), latent, generator=torch.Generator().manual_seed(seed))
        if len(latent) != len(real):
            raise ValueError(f"A board needs as many latents as real samples, not {len(latent)} for {len(real)}.")
        self.latents = latent.to(real.device)
        self._writer = _open(Path(folder), start)
        if real.dim() == 4:
            self._write_images("real", real, start)

    @torch.no_grad()
    def __call__(self, step: int) -> None:
        """Write what the players are after step ``step``."""
        models = [*self.players.values(), self.shown]
        with untouched(*models):
            self._write_losses(step)
            for model in models:
                model.eval()
            samples = self.shown(self.latents, *self.given)
            if samples.dim() == 4:
                self._write_images("samples", samples, step)
            for name, score in self.scores.items():
                self._writer.add_scalar(f"score/{name}", score(self.shown), step)
        lost = 0
        for name, player in self.players.items():
            for weight, values in player.named_parameters():
                lost += self._histogram(f"{name}/{weight}", values, step)
                if values.grad is not None:
                    lost += self._histogram(f"{name}/{weight}.grad", values.grad, step)
        self._writer.add_scalar("out of range", lost, step)

    def _write_losses(self, step: int) -> None:
        generator, discriminator = self.players.values()
        fake = generator(self.latents, *self.given)
        real_logits, fake_logits = (discriminator(each, *self.given) for each in (self.real, fake))
        compared = (real_logits,) if self.game.paired else ()
        scalars = {
            "loss/discriminator": self.game.discriminator(real_logits, fake_logits),
            "loss/generator": self.game.generator(*compared, fake_logits),
            "logit/real": real_logits.mean(),
            "logit/fake": fake_logits.mean(),
        }
        for name, value in scalars.items():
            self._writer.add_scalar(name, value.item(), step)

    def _write_images(self, name: str, images: Tensor, step: int) -> None:
        """Write images (N, C, H, W) in [-1, 1] as one picture, eight in a row, black at the end."""
        self._writer.add_images(name, (images.detach().float() / 2 + 0.5).clamp(0, 1), step)

    def _histogram(self, name: str, values: Tensor, step: int) -> int:
        """Write a histogram of ``values``; returns how many of them it cannot hold."""
        entries = values.detach().float()
        entries = entries[entries.abs() < LARGEST]  # false for NaN too
        if len(entries):
            self._writer.add_histogram(name, entries, step)
        return values.numel() - len(entries)

    def close(self) -> None:
        """Write what is waiting, and close the file."""
        self._writer.close()

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, kind, error, _) -> None:
        if error is not None:  # such as TrainingDiverged, which is then read where the run is looked at
            self._writer.add_text("stopped", f"{kind.__name__}: {error}")
        self.close()


def _open(folder: Path, start: int):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ModuleNotFoundError(
            "The board is written with tensorboard, which is missing here: install the extra 'board' of ganlib, or "
            "run `pip install tensorboard`."
        ) from error
    if not start and any(folder.glob("events.out.tfevents.*")):
        raise ValueError(
            f"{folder} holds the events of another run, and TensorBoard would draw both as one: name another folder, "
            "or pass as start the step from which this run goes on."
        )
    return SummaryWriter(folder, purge_step=start + 1 if start else None)
