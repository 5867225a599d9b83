"""A callback that watches a run: it looks at both players now and then, and says what it sees, and where to read."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ganlib import losses, training
from ganlib.vitals import Look, look

ENOUGH = 6  # looks
MOST = 0.75  # the share of the late looks that must show a fault
YOUNG = 500  # steps, in which the samples of most generators are still alike
SECTIONS = {  # of the book's failure clinic: the label and the title of each that a finding sends the reader to
    "sec-clinic-wins": "The discriminator's loss falls to 0",
    "sec-clinic-saturation": "The gradient saturates",
    "sec-clinic-collapse": "The same sample, again and again",
    "sec-clinic-oscillation": "Wrong, and each time elsewhere",
    "sec-clinic-nan": "NaN, and a penalty in the loss",
    "sec-clinic-batchnorm": "Batch normalisation under a gradient penalty",
    "sec-clinic-stale": "Bad samples in evaluation mode",
    "sec-clinic-range": "Images in [0, 1] against a tanh",
    "sec-clinic-sigmoid": "Probabilities where logits belong",
    "sec-clinic-sign": "The sign of a critic's loss",
}
LOGITS = {losses.cross_entropy_discriminator}  # other scores may lie anywhere, and so in [0, 1] too
BOUNDED = {  # losses of 0 or more, with scores that a good discriminator keeps small
    losses.cross_entropy_discriminator,
    losses.hinge_discriminator,
    losses.least_squares_discriminator,
    losses.relativistic_discriminator,
}


class Finding(NamedTuple):
    """What the doctor sees, in a word and in a sentence, and the label of the section to read, a key of SECTIONS."""

    name: str
    sentence: str
    section: str

    def __str__(self) -> str:
        return f'{self.name}: {self.sentence} Read "{SECTIONS[self.section]}" in the failure clinic.'


class Rule(NamedTuple):
    """A fault: what a look shows of it, a sentence with numbers of a typical look, where to read, what it explains."""

    name: str
    shows: Callable[[Look, "Doctor"], bool]
    sentence: str
    section: str
    explains: tuple[str, ...] = ()


# The bounds lie between what the clinic's cases and what healthy runs show: experiments/doctor.py measures both.
RULES = (
    Rule(
        "not finite",
        lambda look, _: not look.finite,
        "a loss, a gradient or a sample is infinite or not a number.",
        "sec-clinic-nan",
    ),
    Rule(
        "probabilities for logits",
        lambda look, doctor: (
            0 <= look.logit_range[0] and look.logit_range[1] <= 1 and doctor.game.discriminator in LOGITS
        ),
        "all outputs of the discriminator lie in [0, 1]: it seems to end in a sigmoid, and the loss applies another.",
        "sec-clinic-sigmoid",
        explains=("turned sign", "mode collapse", "oscillation"),
    ),
    Rule(
        "ranges that differ",
        lambda look, doctor: look.real_range[0] >= 0 and look.fake_range[0] < -0.1 and doctor.real.dim() == 4,
        "no pixel of the data lies below 0, but the generator's do: scale the data to [-1, 1], where tanh ends.",
        "sec-clinic-range",
        explains=("oscillation",),
    ),
    Rule(
        "turned sign",
        lambda look, _: look.auc < 0.2,
        "the discriminator's AUC is {auc:.2f}, so fakes score above real samples: the sign of a loss is turned.",
        "sec-clinic-sign",
        explains=("mode collapse", "oscillation"),
    ),
    Rule(
        "saturation",
        lambda look, _: look.auc > 0.99 and look.gradient_magnitude < 0.01,
        "the discriminator's AUC is {auc:.2f}, and the gradient of the generator's loss in the logit of a fake has a "
        "magnitude of only {gradient_magnitude:.1g}.",
        "sec-clinic-saturation",
        explains=("discriminator wins", "mode collapse", "exploding logits"),
    ),
    Rule(
        "discriminator wins",
        lambda look, doctor: look.auc > 0.99 and look.d_loss < 0.1 and doctor.game.discriminator in BOUNDED,
        "its AUC is {auc:.2f}, at a loss of {d_loss:.1g}: lower its learning rate, or penalise its gradient.",
        "sec-clinic-wins",
        explains=("mode collapse",),
    ),
    Rule(
        "mode collapse",
        lambda look, _: look.diversity < 0.5 and look.nn_coverage < 0.15 and look.step > YOUNG,
        "fakes lie {diversity:.0%} as far apart as real samples do, and near few of them.",
        "sec-clinic-collapse",
    ),
    Rule(
        "oscillation",
        lambda look, _: look.drift > 1.2,
        "from look to look the mean of the fakes moves by {drift:.1f} times the spread of the data.",
        "sec-clinic-oscillation",
    ),
    Rule(
        "stale statistics",
        lambda look, _: look.train_eval_gap > 1,
        "the sampled network in evaluation mode differs from the trained one by {train_eval_gap:.1f} times the data's "
        "spread.",
        "sec-clinic-stale",
    ),
    Rule(
        "batch statistics under a penalty",
        lambda look, doctor: doctor.penalty is not None and look.batch_dependence > 0.01,
        "a logit depends on the other samples of its batch, so a penalty on its gradient is not the sample's own.",
        "sec-clinic-batchnorm",
    ),
    Rule(
        "exploding logits",
        lambda look, doctor: max(map(abs, look.logit_range)) > 100 and doctor.game.discriminator in BOUNDED,
        "logits go beyond 100 in size, where a probability is 0 or 1 to all its digits: damp the game by a penalty.",
        "sec-clinic-oscillation",
    ),
)


class Doctor:
    """Watch a run of ``training.fit``: pass it as ``callback``, and print its ``report()`` when you like.

    ``real`` is a batch of 64 samples or more that fakes are compared with, ``latent`` the length of a latent.
    ``game`` and ``penalty`` are those of the run. ``ema`` is the average of weights that you sample from, in evaluation
    mode, where that is not the generator itself. ``given``, such as labels of ``real``, goes to both players.
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
        ema: training.EMA | None = None,
        given: Sequence[Tensor] = (),
    ):
        if len(real) < 64:
            raise ValueError(f"The doctor compares with 64 real samples or more, but got {len(real)}.")
        self.players = generator, discriminator, generator if ema is None else ema.model
        self.real: Tensor = real.detach()
        self.given: Sequence[Tensor] = given
        self.game: losses.Game = game
        self.penalty: Callable | None = penalty
        own = torch.Generator().manual_seed(0)
        self.z = torch.randn(len(real), latent, generator=own).to(real.device)
        self.looks: list[Look] = []
        self._mean: Tensor | None = None

    def __call__(self, step: int) -> None:
        """Look once, after ``step`` steps."""
        latest, self._mean = look(step, *self.players, self.real, self.z, self.game, self.given, self._mean)
        self.looks.append(latest)

    def typical(self) -> Look:
        """The medians of what the looks of the run's second half measured; the ends of the ranges are the last ones."""
        late = self.looks[len(self.looks) // 2 :]
        names = [each.name for each in fields(Look) if isinstance(getattr(late[0], each.name), float)]
        return replace(late[-1], **{name: median(getattr(each, name) for each in late) for name in names})

    def findings(self) -> list[Finding]:
        """The faults that most looks of the run's second half show, and numbers that broke at any time."""
        late = self.looks[len(self.looks) // 2 :] if len(self.looks) >= ENOUGH else []
        shown = [rule for rule in RULES if late and sum(rule.shows(each, self) for each in late) >= MOST * len(late)]
        if any(not each.finite for each in self.looks):
            shown = [RULES[0]]  # what else a broken run shows follows from that
        explained = {name for rule in shown for name in rule.explains}
        numbers = vars(self.typical()) if late else {}
        causes = [rule for rule in shown if rule.name not in explained]
        return [Finding(rule.name, rule.sentence.format(**numbers), rule.section) for rule in causes]

    def report(self) -> str:
        """The findings, a sentence each; or that there are none."""
        if len(self.looks) < ENOUGH and not self.findings():
            return f"The doctor has looked {len(self.looks)} times and needs {ENOUGH}: have it called more often."
        return "\n".join(map(str, self.findings())) or "Nothing that the doctor knows of is wrong with this run."
