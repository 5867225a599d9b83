"""Explorers: pictures with controls that run in a live notebook and, without a kernel, in the pages of the book."""

from ganlib.widgets.dirac import DiracGAN
from ganlib.widgets.latent import LatentExplorer
from ganlib.widgets.optimal_discriminator import OptimalDiscriminator
from ganlib.widgets.plane import PlaneGAN
from ganlib.widgets.saturation import Saturation
from ganlib.widgets.transport import Transport

__all__ = ["DiracGAN", "LatentExplorer", "OptimalDiscriminator", "PlaneGAN", "Saturation", "Transport"]
