"""A watcher of a run: it looks at both players now and then, and says what it sees, and where to read."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ganlib import losses
from ganlib.vitals import Look, look

ENOUGH = 6  # looks
MOST = 0.75  # the share of the late looks that must show a fault
YOUNG = 500  # steps, in which the samples of most generators are still alike
CLINIC = "the failure clinic (chapter 14)"


class Finding(NamedTuple):
    """What the doctor sees, in a word and in a sentence, and where to read."""

    name: str
    sentence: str
    read: str

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence} Read {self.read}."


class Rule(NamedTuple):
    """A fault: what a look shows of it, a sentence with numbers of a typical look, and the faults that it explains."""

    name: str
    shows: Callable[[Look, "Doctor"], bool]
    sentence: str
    read: str
    explains: tuple[str, ...] = ()


# The bounds lie between what the clinic's cases and what healthy runs show: experiments/doctor.py measures both.
RULES = (
    Rule(
        "not finite",
        lambda look, _: not look.finite,
        "a loss, a gradient or a sample is infinite or not a number.",
        f"{CLINIC}, NaN",
    ),
    Rule(
        "probabilities for logits",
        lambda look, doctor: 0 <= look.logits[0] and look.logits[1] <= 1 and doctor.game.discriminator in LOGITS,
        "all outputs of the discriminator lie in [0, 1]: it seems to end in a sigmoid, and the loss applies another.",
        "The generator's loss (chapter 4)",
        explains=("turned sign", "mode collapse", "oscillation"),
    ),
    Rule(
        "ranges that differ",
        lambda look, doctor: look.reals[0] >= 0 and look.fakes[0] < -0.1 and doctor.real.dim() == 4,
        "no pixel of the data lies below 0, but the generator's do: scale the data to [-1, 1], where tanh ends.",
        CLINIC,
        explains=("oscillation",),
    ),
    Rule(
        "turned sign",
        lambda look, _: look.order < 0.2,
        "a real sample has the higher score in only {order:.0%} of the pairs: the sign of a loss is turned.",
        "The Wasserstein distance (chapter 5)",
        explains=("mode collapse", "oscillation"),
    ),
    Rule(
        "saturation",
        lambda look, _: look.order > 0.99 and look.slope < 0.01,
        "the discriminator is right in all it says, and the generator's loss has a slope of only {slope:.1g} there.",
        "The generator's loss (chapter 4)",
        explains=("discriminator wins", "mode collapse", "exploding logits"),
    ),
    Rule(
        "discriminator wins",
        lambda look, doctor: look.order > 0.99 and look.d_loss < 0.1 and doctor.game.discriminator in BOUNDED,
        "it tells every fake from every real sample, at a loss of {d_loss:.1g}: slow it down, or penalise its slope.",
        "Taming the critic (chapter 8)",
        explains=("mode collapse",),
    ),
    Rule(
        "mode collapse",
        lambda look, _: look.diversity < 0.5 and look.cells < 0.15 and look.step > YOUNG,
        "fakes lie {diversity:.0%} as far apart as real samples do, and near few of them.",
        "The training loop (chapter 6)",
    ),
    Rule(
        "oscillation",
        lambda look, _: look.drift > 1.2,
        "from look to look the mean of the fakes moves by {drift:.1f} times the spread of the data.",
        "Dynamics (chapter 7)",
    ),
    Rule(
        "stale statistics",
        lambda look, _: look.stale > 1,
        "the sampled network in evaluation mode differs from the trained one by {stale:.1f} times the data's spread.",
        f"{CLINIC}, evaluation mode",
    ),
    Rule(
        "batch statistics under a penalty",
        lambda look, doctor: doctor.penalty is not None and look.company > 0.01,
        "a logit depends on the other samples of its batch, so a penalty on its gradient is not the sample's own.",
        "Taming the critic (chapter 8)",
    ),
    Rule(
        "exploding logits",
        lambda look, doctor: max(map(abs, look.logits)) > 100 and doctor.game.discriminator in BOUNDED,
        "logits go beyond 100 in size, where a probability is 0 or 1 to all its digits.",
        "Dynamics (chapter 7)",
    ),
)
LOGITS = {losses.cross_entropy_discriminator}  # other scores may lie anywhere, and so in [0, 1] too
BOUNDED = {  # losses of 0 or more, with scores that a good discriminator keeps small
    losses.cross_entropy_discriminator,
    losses.hinge_discriminator,
    losses.least_squares_discriminator,
    losses.relativistic_discriminator,
}


class Doctor:
    """Watch a run of ``training.fit``: pass it as ``callback``, and print its ``report()`` when you like.

    ``real`` is a batch of 64 samples or more that fakes are compared with, ``latent`` the length of a latent.
    ``game`` and ``penalty`` are those of the run. ``average`` is the network that you sample from, in evaluation mode,
    where that is not the generator itself. ``given``, such as labels of ``real``, goes to both players.
    The run is left as it would be without: weights, statistics and random numbers do not change.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        real: Tensor,
        latent: int,
        *,
        game: losses.Game = losses.non_saturating,
        penalty: Callable | None = None,
        average: nn.Module | None = None,
        given: Sequence[Tensor] = (),
    ):
        if len(real) < 64:
            raise ValueError(f"The doctor compares with 64 real samples or more, but got {len(real)}.")
        self.players = generator, discriminator, average or generator
        self.real, self.given, self.game, self.penalty = real.detach(), given, game, penalty
        own = torch.Generator().manual_seed(0)
        self.z = torch.randn(len(real), latent, generator=own).to(real.device)
        self.looks: list[Look] = []
        self._mean: Tensor | None = None

    def __call__(self, step: int) -> None:
        """Look once, after ``step`` steps."""
        seen, self._mean = look(step, *self.players, self.real, self.z, self.game, self.given, self._mean)
        self.looks.append(seen)

    def typical(self) -> Look:
        """The medians of what the looks of the run's second half measured; the ends of the ranges are the last ones."""
        late = self.looks[len(self.looks) // 2 :]
        names = [each.name for each in fields(Look) if isinstance(getattr(late[0], each.name), float)]
        return replace(late[-1], **{name: median(getattr(each, name) for each in late) for name in names})

    def findings(self) -> list[Finding]:
        """The faults that most looks of the run's second half show, and numbers that broke at any time."""
        late = self.looks[len(self.looks) // 2 :] if len(self.looks) >= ENOUGH else []
        seen = [rule for rule in RULES if late and sum(rule.shows(each, self) for each in late) >= MOST * len(late)]
        if any(not each.finite for each in self.looks):
            seen = [RULES[0]]  # what else a broken run shows follows from that
        explained = {name for rule in seen for name in rule.explains}
        numbers = vars(self.typical()) if late else {}
        told = [rule for rule in seen if rule.name not in explained]
        return [Finding(rule.name, rule.sentence.format(**numbers), rule.read) for rule in told]

    def report(self) -> str:
        """The findings, a sentence each; or that there are none."""
        if len(self.looks) < ENOUGH and not self.findings():
            return f"The doctor has looked {len(self.looks)} times and needs {ENOUGH}: have it called more often."
        return "\n".join(map(str, self.findings())) or "Nothing that the doctor knows of is wrong with this run."
