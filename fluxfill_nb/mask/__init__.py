"""Masks: what is to be filled (white) and what is kept (black)."""

from .mask import Box as Box
from .mask import Mask as Mask
from .mask import MaskSource as MaskSource
from .mask import Points as Points
from .mask import Size as Size
