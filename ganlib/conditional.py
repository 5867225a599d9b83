"""Players that are told the class: a generator of (z, labels), and three discriminators of (x, labels).

Each wraps unconditional nets, such as those of :mod:`ganlib.models`. Labels are int64 of shape (N,), from 0 to
classes - 1; any other input is a ValueError that says so. ``training.step`` and ``training.fit`` train such players on
``ImageSet.batches(..., with_labels=True)``, and fakes get the labels of the real batch.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ganlib.losses import Game


class OneHot(nn.Module):
    """Labels (N,) as vectors (N, classes) of zeros with a one at the label's place: the embedding without weights."""

    def __init__(self, classes: int):
        super().__init__()
        self.num_embeddings = self.embedding_dim = classes

    def forward(self, labels: Tensor) -> Tensor:
        return one_hot(labels, self.num_embeddings).float()


class ConditionalGenerator(nn.Module):
    """A generator of the latent and a code of the class, laid end to end: G(z, y) = body([z, code(y)]).

    ``code`` is ``OneHot(classes)`` or ``nn.Embedding(classes, d)``; ``body`` takes latents longer by the code's length.
    Source: Mirza and Osindero 2014.
    """

    def __init__(self, body: nn.Module, code: OneHot | nn.Embedding):
        super().__init__()
        self.body, self.code = body, code

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.from_code(z, self.code(checked(labels, len(z), self.code.num_embeddings)))

    def from_code(self, z: Tensor, code: Tensor) -> Tensor:
        """Images of latents (N, latent) and any codes (N, d), such as one between those of two classes."""
        return self.body(torch.cat([z, code], 1))


class ConcatDiscriminator(nn.Module):
    """A discriminator that sees the label as ``classes`` further channels, one of them all ones, the others zeros.

    ``body`` takes images (N, C + classes, H, W). Source: Mirza and Osindero 2014, whose nets append the vector.
    """

    def __init__(self, body: nn.Module, classes: int):
        super().__init__()
        self.body, self.code = body, OneHot(classes)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        code = self.code(checked(labels, len(x), self.code.num_embeddings))
        return self.body(torch.cat([x, code[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1))


class ProjectionDiscriminator(nn.Module):
    """A discriminator with the logit a(x, y) = psi(h(x)) + <v_y, h(x)>, where v_y is an embedding of the class.

    ``unconditional`` is an ``nn.Sequential`` of :mod:`ganlib.models`: its last two modules turn features h(x) into a
    logit, and become psi; all before become h. Source: Miyato and Koyama 2018, equation 3.
    """

    def __init__(self, unconditional: nn.Sequential, classes: int):
        super().__init__()
        self.features, self.psi = unconditional[:-2], unconditional[-2:]
        self.directions = nn.Embedding(classes, _inputs(self.psi[0]))
        nn.init.normal_(self.directions.weight, 0.0, 0.02)  # as DCGAN's weights

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        v = self.directions(checked(labels, len(x), self.directions.num_embeddings))
        h = self.features(x)
        return self.psi(h) + (v * h.flatten(1)).sum(1)


class AuxiliaryDiscriminator(nn.Module):
    """A discriminator with a second head that classifies: the logit a(x), and log C(y | x) of the label.

    It does not look at the label, but reports the log-probability that the second head gives it: shape (N, 2), for the
    games that :func:`auxiliary` makes. ``unconditional`` as in ProjectionDiscriminator. Source: Odena et al. 2017.
    """

    def __init__(self, unconditional: nn.Sequential, classes: int):
        super().__init__()
        self.features, self.head = unconditional[:-2], unconditional[-2:]
        self.classifier = nn.Linear(_inputs(self.head[0]), classes)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        labels = checked(labels, len(x), self.classifier.out_features)
        h = self.features(x)
        log_classes = self.classifier(h.flatten(1)).log_softmax(1)
        return torch.stack([self.head(h), log_classes.gather(1, labels[:, None])[:, 0]], 1)


def auxiliary(game: Game, weight: float = 1.0, from_fakes: bool = True) -> Game:
    """``game``, in which both players also minimise ``weight`` times the cross-entropy of the class.

    Takes the pairs (N, 2) of AuxiliaryDiscriminator in place of logits. The classifier learns from real samples, and
    from fakes too if ``from_fakes``. Source: Odena et al. 2017, section 3, whose classifier learns from both.
    """

    def discriminator(real: Tensor, fake: Tensor) -> Tensor:
        learned = [real, fake] if from_fakes else [real]
        return game.discriminator(real[:, 0], fake[:, 0]) - weight * sum(pairs[:, 1].mean() for pairs in learned)

    def generator(*pairs: Tensor) -> Tensor:  # the fakes come last
        return game.generator(*(pair[:, 0] for pair in pairs)) - weight * pairs[-1][:, 1].mean()

    return Game(discriminator, generator, game.paired)


def checked(labels: Tensor | None, n: int, classes: int) -> Tensor:
    """``labels`` if they are ``n`` classes from 0 to ``classes`` - 1; else a ValueError that says what they are."""
    if labels is None:
        raise ValueError(
            "This player needs the class of each sample: call it with labels too, and train it on batches with labels, "
            "as ImageSet.batches(..., with_labels=True) gives."
        )
    if labels.shape != (n,) or labels.dtype != torch.int64:
        kind = f"{labels.dtype} of shape {tuple(labels.shape)}"
        raise ValueError(f"Labels must be torch.int64 of shape ({n},), one for each sample, but these are {kind}.")
    if n and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"Labels run from {labels.min()} to {labels.max()}, but this player knows {classes} classes: "
            f"use 0 to {classes - 1}, or build it for more classes."
        )
    return labels


def _inputs(layer: nn.Module) -> int:
    """How many features the layer that makes one logit of them weighs."""
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor):
        raise ValueError(
            "The last two modules of the discriminator must turn features into a logit, as those of ganlib.models do: "
            f"a layer with weights, and one that flattens; but the first of them is {layer}."
        )
    return weight.numel()
