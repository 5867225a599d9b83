"""Both losses of the generator, and the gradient that each sends back, against the logit of a fake."""

import torch

from ganlib import losses
from ganlib.widgets.explorer import Explorer, number


class Saturation(Explorer):
    """The minimax and the non-saturating loss of one fake, with ``logit`` from -8 to 8."""

    _file = "saturation"
    about = (
        "Two curves of the generator's loss against the logit of a fake, and their slopes. Where the discriminator is "
        "sure of a fake, far left, the minimax loss is flat and the non-saturating loss has slope minus one."
    )
    logit = number(-4.0, -8, 8)

    def numbers(self) -> dict:
        """D, and the value and the gradient of each loss at the logit."""
        logit = torch.tensor([self.logit], dtype=torch.float64, requires_grad=True)
        values = {"D": logit.sigmoid().item()}
        for name, loss in (("minimax", losses.minimax_generator), ("non_saturating", losses.non_saturating_generator)):
            value = loss(logit)
            values[name], values[f"{name}_gradient"] = value.item(), torch.autograd.grad(value, logit)[0].item()
        return values
