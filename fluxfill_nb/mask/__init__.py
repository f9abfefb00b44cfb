"""Masks: what is to be filled (white) and what is kept (black)."""

from .checks import Box as Box
from .checks import Points as Points
from .checks import Size as Size
from .mask import Mask as Mask
from .mask import MaskSource as MaskSource
