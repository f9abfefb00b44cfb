"""What the server is sent: the request's body, read, checked and decoded."""

from __future__ import annotations

import os

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from PIL import Image
from pydantic import Field, ValidationError

from ..errors import InvalidImage, InvalidInput, InvalidMask
from ..images import decode_base64, open_image
from ..mask import Mask
from ..options import FillFields, FillOptions
from .refusals import problems, refused

MAX_MEGABYTES = 20.0
MAX_MEGAPIXELS = 20.0
"""Limits of picture and mask each; those of the hosted service's sibling endpoints."""

MAX_BODY = int(2 * MAX_MEGABYTES * 1e6 * 4 / 3) + 2_000_000
"""Limit of the whole body, bytes: picture and mask as Base64, and room for the settings."""

_DECODERS = max(1, (os.cpu_count() or 2) // 2)
# One for each event loop that the application is used from, as anyio's own is.
_decoders: RunVar[CapacityLimiter] = RunVar("fluxfill_decoders")


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
        return FillOptions(**{name: getattr(self, name) for name in FillFields.model_fields})

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
            raise refused("mask", str(error), self.mask) from None
        return picture.convert("RGB"), mask.threshold()


async def receive(request: Request) -> bytes:
    """Return the body as it was sent.

    Raises
    ------
    fastapi.exceptions.RequestValidationError
        It is over the limit, or does not say that it is JSON: pages of other sites can make a
        browser send anything else here unasked.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise _refused_as_a_whole("The Content-Type must be application/json")
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > MAX_BODY:
            raise _refused_as_a_whole(f"It is over the limit of {MAX_BODY / 1e6:.1f} MB")
    return b"".join(parts)


def _refused_as_a_whole(message: str) -> RequestValidationError:
    return RequestValidationError(
        [{"type": "value_error", "loc": ("body",), "msg": message, "input": None}]
    )


async def decode(content: bytes) -> tuple[FillOptions, Image.Image, Mask]:
    """Check and decode a body, in a thread; a few at a time.

    Raises
    ------
    fastapi.exceptions.RequestValidationError
        Names each field that is wrong.
    """
    try:
        limiter = _decoders.get()
    except LookupError:
        limiter = CapacityLimiter(_DECODERS)
        _decoders.set(limiter)
    return await to_thread.run_sync(_decode, content, limiter=limiter)


def _decode(content: bytes) -> tuple[FillOptions, Image.Image, Mask]:
    try:
        body = FillBody.model_validate_json(content)
    except ValidationError as error:
        found = problems(error.errors(include_url=False))
        for problem in found:
            problem["loc"] = ("body", *problem["loc"])
        raise RequestValidationError(found) from None
    try:
        options = body.options()
    except InvalidInput as error:  # an address that grew too long when it was percent-encoded
        raise refused("webhook_url", str(error)) from None
    return options, *body.pictures()


def _picture(field: str, text: str) -> Image.Image:
    data = decode_base64(text)
    if not data:
        raise refused(field, "Not valid Base64", text)
    if len(data) > MAX_MEGABYTES * 1e6:
        raise refused(
            field, f"{len(data) / 1e6:.1f} MB is over the limit of {MAX_MEGABYTES:g} MB", text
        )
    try:
        return open_image(data, max_megapixels=MAX_MEGAPIXELS)
    except InvalidImage as error:
        raise refused(field, str(error), text) from None


def _over_black(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
