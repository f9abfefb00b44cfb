"""What is filled, as the model takes it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...mask.reading import FILLED

if TYPE_CHECKING:
    from ...mask import Mask

GRID = 16
"""The model takes pictures whose sides are multiples of this, px: 2 x 2 latents of 8 px each."""


class Scene:
    """A picture and its mask, padded to the model's grid. Equal if their pixels are.

    The rim is repeated to the right and below, in the mask as well: a hole that reaches the border
    goes on there. `crop` takes off again what was added.

    Parameters
    ----------
    image
        Made RGB if it is not.
    mask
        Of the picture's size; 128 and above is filled.

    Raises
    ------
    ValueError
        Picture and mask differ in size.
    """

    def __init__(self, image: Image.Image, mask: Mask) -> None:
        if image.size != mask.size:
            raise ValueError(f"The picture is {image.size} px, its mask {mask.size} px.")
        self._original = image.size
        across, down = (-side % GRID for side in image.size)
        rim = ((0, down), (0, across))
        self.pixels = np.pad(np.asarray(image.convert("RGB")), (*rim, (0, 0)), "edge")
        self.hole = np.pad(mask.array >= FILLED, rim, "edge")
        self.size = (self.pixels.shape[1], self.pixels.shape[0])
        digest = hashlib.blake2b(repr(self.size).encode(), digest_size=16)
        digest.update(self.pixels.data)
        digest.update(np.packbits(self.hole).data)
        self._digest = digest.digest()

    def crop(self, picture: Image.Image, scale: int = 1) -> Image.Image:
        """Return the part of a picture of the padded size that the original takes up.

        Parameters
        ----------
        picture
            What was made of the scene, maybe smaller.
        scale
            How many times smaller it is; parts of a pixel are kept.
        """
        width, height = (-(-side // scale) for side in self._original)
        return picture.crop((0, 0, width, height))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scene) and other._digest == self._digest

    def __hash__(self) -> int:
        return hash(self._digest)
