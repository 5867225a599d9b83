"""The shared code of The Adversarial Game, a course on generative adversarial networks.

Importing the package imports no torch; each module is imported by name, as in ``from ganlib import losses``.
"""

__version__ = "0.1.0"
