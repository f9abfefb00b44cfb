"""What a server is sent, for tests of what it does with it."""

from __future__ import annotations

import io

from fluxfill_nb.server.sent import Sent


def sent(picture, mask):
    """The files of a picture and its mask."""
    return Sent(png(picture), png(mask.to_pil()))


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
