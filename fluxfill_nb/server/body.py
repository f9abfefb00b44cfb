"""What the server is sent: the request's body, read and checked."""

from __future__ import annotations

import os

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError

from ..errors import InvalidImage, InvalidInput, InvalidMask
from ..options import FillFields, FillOptions
from ..sources import decode_base64
from .refusals import problems, refused
from .sent import Sent

MAX_MEGABYTES = 20.0
"""Limit of picture and mask each, as of the hosted service's sibling endpoints."""

MAX_BODY = int(2 * MAX_MEGABYTES * 1e6 * 4 / 3) + 2_000_000
"""Limit of the whole body, bytes: picture and mask as Base64, and room for the settings."""

MAX_TEXT = 20_000
"""Limit of each text among the settings, characters: they are kept with finished tasks."""

_CHECKERS = max(1, (os.cpu_count() or 2) // 2)
# One for each event loop that the application is used from, as anyio's own is.
_checkers: RunVar[CapacityLimiter] = RunVar("fluxfill_checkers")


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

    def sent(self) -> Sent:
        """Return picture and mask as files, of which it is certain that they can be decoded.

        Raises
        ------
        fastapi.exceptions.RequestValidationError
            Names the field that is wrong.
        """
        sent = Sent(
            _file("image", self.image), None if self.mask is None else _file("mask", self.mask)
        )
        try:
            picture = sent.picture()
        except InvalidImage as error:
            raise refused("image", str(error), self.image) from None
        try:
            sent.hole(picture)
        except (InvalidImage, InvalidMask) as error:
            raise refused("mask", str(error), self.mask) from None
        return sent


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


async def check(content: bytes) -> tuple[FillOptions, Sent]:
    """Check a body, in a thread; a few at a time.

    Raises
    ------
    fastapi.exceptions.RequestValidationError
        Names each field that is wrong.
    """
    try:
        limiter = _checkers.get()
    except LookupError:
        limiter = CapacityLimiter(_CHECKERS)
        _checkers.set(limiter)
    return await to_thread.run_sync(_checked, content, limiter=limiter)


def _checked(content: bytes) -> tuple[FillOptions, Sent]:
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
    secret = options.webhook_secret
    texts = {
        "prompt": options.prompt or "",
        "webhook_secret": secret.get_secret_value() if secret else "",
    }
    for name, text in texts.items():
        if len(text) > MAX_TEXT:
            raise refused(name, f"It is over the limit of {MAX_TEXT} characters")
    return options, body.sent()


def _file(field: str, text: str) -> bytes:
    data = decode_base64(text)
    if not data:
        raise refused(field, "Not valid Base64", text)
    if len(data) > MAX_MEGABYTES * 1e6:
        raise refused(
            field, f"{len(data) / 1e6:.1f} MB is over the limit of {MAX_MEGABYTES:g} MB", text
        )
    return data
