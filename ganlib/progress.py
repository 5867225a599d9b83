"""A line that counts the steps of a run, wherever the run is watched from."""

import sys

from torch import Tensor


class Progress:
    """A line that counts steps: rewritten in place in a terminal or a live notebook, one plain line in a built page."""

    def __init__(self, steps: int, enabled: bool):
        self.steps, self.handle, self.open = steps, None, False
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        self.terminal = enabled and sys.stderr.isatty()
        if enabled and shell is not None and hasattr(shell, "kernel"):
            from IPython.display import display

            self.handle = display({"text/plain": f"Training for {steps:,} steps."}, raw=True, display_id=True)

    def update(self, done: int, measured: Tensor) -> None:
        if not (self.terminal or self.handle):
            return
        d_loss, g_loss = measured[done - 1, :2].tolist()
        line = f"step {done:,} of {self.steps:,} · discriminator {d_loss:.3f} · generator {g_loss:.3f}"
        if self.handle:
            self.handle.update({"text/plain": line}, raw=True)
        else:
            print(f"\r{line:<72}", end="", file=sys.stderr, flush=True)  # covers a longer line before it
            self.open = True

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        if self.open:
            print(file=sys.stderr)
