"""Small pictures, as JPEG: alone, or inside HTML."""

from __future__ import annotations

import base64
import io

from PIL import Image

from ..result import FillProgress

_QUALITY, _PREVIEW_QUALITY = 82, 60


def jpeg(image: Image.Image, quality: int = _QUALITY) -> bytes:
    """Return a picture as the bytes of a JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def data_url(image: Image.Image, quality: int = _QUALITY) -> str:
    """Return a picture as a ``data:`` URL, for HTML."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(image, quality)).decode()}"


def preview_url(seen: FillProgress | None, side: int) -> str:
    """Return what the service shows of the picture so far, within a square; empty if nothing."""
    if seen is None or seen.preview is None:
        return ""
    image = seen.preview.convert("RGB")
    image.thumbnail((side, side))
    return data_url(image, _PREVIEW_QUALITY)
