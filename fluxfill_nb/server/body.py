"""What the server is sent: the request's body, checked and decoded."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError
from PIL import Image
from pydantic import Field

from ..errors import InvalidImage, InvalidMask
from ..images import decode_base64, open_image
from ..mask import Mask
from ..options import FillFields, FillOptions

MAX_MEGABYTES = 20.0
MAX_MEGAPIXELS = 20.0
"""Limits of picture and mask each; those of the hosted service's sibling endpoints."""


class FillBody(FillFields):
    """JSON body of ``POST /v1/flux-pro-1.0-fill``."""

    image: str = Field(
        description="Base64 of the picture. Without a mask, its transparent part is filled."
    )
    mask: str | None = Field(
        default=None,
        description="Base64 of a picture of the same size: white is filled, black is kept.",
    )

    def options(self) -> FillOptions:
        """Return the settings alone."""
        return FillOptions(**self.model_dump(exclude={"image", "mask"}))

    def pictures(self) -> tuple[Image.Image, Mask]:
        """Decode picture (RGB) and mask (hard).

        Raises
        ------
        fastapi.exceptions.RequestValidationError
            Names the field that is wrong.
        """
        picture = _picture("image", self.image)
        try:
            if self.mask is None:
                mask = Mask.from_alpha(picture)
            else:
                mask = Mask.from_threshold(_over_black(_picture("mask", self.mask)))
                mask.check_fits(picture.size)
        except InvalidMask as error:
            raise _refused("mask", str(error), self.mask) from None
        return picture.convert("RGB"), mask.threshold()


def _picture(field: str, text: str) -> Image.Image:
    data = decode_base64(text)
    if not data:
        raise _refused(field, "Not valid Base64", text)
    if len(data) > MAX_MEGABYTES * 1e6:
        raise _refused(
            field, f"{len(data) / 1e6:.1f} MB is over the limit of {MAX_MEGABYTES:g} MB", text
        )
    try:
        return open_image(data, max_megapixels=MAX_MEGAPIXELS)
    except InvalidImage as error:
        raise _refused(field, str(error), text) from None


def _over_black(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)


def _refused(field: str, message: str, value: str | None) -> RequestValidationError:
    """An error in the shape that pydantic's have."""
    return RequestValidationError(
        [{"type": "value_error", "loc": ("body", field), "msg": message, "input": value}]
    )
