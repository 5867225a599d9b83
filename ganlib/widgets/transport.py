"""Two histograms, the cheapest plan that moves one onto the other, and what three distances say of them."""

import random

import torch
import traitlets

from ganlib import divergences
from ganlib.widgets.explorer import Explorer

BINS = 8
BARS = tuple(f"{name}{bin}" for name in "pq" for bin in range(BINS))


def heights(*values: float) -> traitlets.List:
    """A trait that the page and the kernel share: one height for each bin, of any total."""
    return traitlets.List(traitlets.Float(min=0), list(values), minlen=BINS, maxlen=BINS).tag(sync=True)


class Transport(Explorer):
    """Histograms ``p`` and ``q`` of eight bins; ``q`` stands ``shift`` bins to the right of where it was given.

    Heights are divided by their sum. ``bar`` is the one that the slider sets: "p0" to "p7" or "q0" to "q7".
    """

    _file = "transport"
    about = (
        "Two histograms, and between them the cheapest plan that moves the one onto the other. As they move apart the "
        "Wasserstein distance grows by one for each bin; once they have no bin in common, the Jensen–Shannon "
        "divergence stays at log 2 and the total variation at 1."
    )
    p = heights(4, 5, 2, 0, 1, 2, 4, 2)
    q = heights(0, 1, 3, 5, 6, 4, 1, 0)
    shift = traitlets.Int(0, min=0, max=BINS).tag(sync=True)
    bar = traitlets.Enum(BARS, "q4").tag(sync=True)

    @traitlets.validate("p", "q")
    def _some_mass(self, proposal):
        if not 0 < sum(proposal["value"]) < float("inf"):
            raise traitlets.TraitError(f"{proposal['trait'].name} needs finite heights, at least one of them above 0.")
        return proposal["value"]

    @classmethod
    def random(cls, draw: random.Random) -> "Transport":
        """Any two histograms, with some bins empty, at any shift."""
        p, q = ([draw.choice((0.0, draw.random())) for _ in range(BINS)] for _ in range(2))
        p[draw.randrange(BINS)] = q[draw.randrange(BINS)] = 0.5
        return cls(p=p, q=q, shift=draw.randint(0, BINS), bar=draw.choice(BARS))

    def numbers(self) -> dict:
        """The distances of the two histograms: W1 in bins, the JSD in nats, and the TV."""
        masses = torch.zeros(2, 2 * BINS, dtype=torch.float64)
        for row, values, start in zip(masses, (self.p, self.q), (0, self.shift), strict=True):
            row[start : start + BINS] = torch.tensor(values, dtype=torch.float64) / sum(values)
        p, q = masses
        distances = {
            "w1": divergences.wasserstein1(p, q, spacing=1.0),
            "jsd": divergences.jensen_shannon(p, q),
            "tv": divergences.total_variation(p, q),
        }
        return {name: value.item() for name, value in distances.items()}
