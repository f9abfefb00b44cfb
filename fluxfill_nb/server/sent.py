"""A picture and its mask as they were sent: files, until somebody works on them."""

from __future__ import annotations

from dataclasses import dataclass, field

from PIL import Image

from ..images import open_image
from ..mask import Mask

MAX_MEGAPIXELS = 20.0
"""Limit of picture and mask each, as of the hosted service's sibling endpoints."""


@dataclass(frozen=True)
class Sent:
    """Picture and mask, encoded: a few megabytes, where their pixels are a hundred.

    Parameters
    ----------
    image
        A picture file's bytes. Without a mask, its transparent part is filled.
    mask
        The same of a picture of the same size: white is filled, black is kept.
    """

    image: bytes = field(repr=False)
    mask: bytes | None = field(default=None, repr=False)

    def picture(self) -> Image.Image:
        """Decode the picture: RGB, or RGBA.

        Raises
        ------
        fluxfill_nb.errors.InvalidImage
            It is none, or too large.
        """
        return open_image(self.image, max_megapixels=MAX_MEGAPIXELS)

    def hole(self, picture: Image.Image) -> Mask:
        """Decode the mask (hard); ``picture`` is what `picture` returned.

        Raises
        ------
        fluxfill_nb.errors.InvalidImage
            It is no picture, or too large.
        fluxfill_nb.errors.InvalidMask
            It does not fit, or marks nothing.
        """
        if self.mask is None:
            return Mask.from_alpha(picture).threshold()
        mask = Mask.from_threshold(
            _over_black(open_image(self.mask, max_megapixels=MAX_MEGAPIXELS))
        )
        mask.check_fits(picture.size)
        return mask.threshold()

    def decoded(self) -> tuple[Image.Image, Mask]:
        """Decode both: picture (RGB) and mask."""
        picture = self.picture()
        return picture.convert("RGB"), self.hole(picture)


def _over_black(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
