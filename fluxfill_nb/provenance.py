"""What a saved picture says of its origin: JSON in a PNG's text, or in EXIF."""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from .errors import InvalidImage, InvalidOption
from .options import FillOptions
from .version import __version__

KEY = "fluxfill_nb"
"""Name of the PNG text chunk."""

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""The file suffixes in which pictures are saved."""

_SOFTWARE = f"fluxfill_nb {__version__}"
# EXIF's user comment begins with the name of its encoding, in eight bytes.
_ASCII = b"ASCII\0\0\0"
# JPEG keeps EXIF in one segment of 64 KiB; this leaves room for what stands around the text.
_JPEG_TEXT = 65_000
# What hostile or damaged files make Pillow and json raise.
_READING_ERRORS = (
    OSError, SyntaxError, ValueError, LookupError, TypeError, AttributeError, EOFError,
    OverflowError, MemoryError, RecursionError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip


def write(
    image: Image.Image, path: str | os.PathLike[str], origin: dict[str, Any], *, quality: int = 95
) -> Path:
    """Save a picture together with its origin.

    Parameters
    ----------
    image
        The picture; a colour profile in its ``info`` is saved too.
    path
        Ends with .png, .jpg, .jpeg or .webp.
    origin
        Anything that JSON can hold. Nothing secret.
    quality
        Of JPEG and WebP, 1 to 100.

    Raises
    ------
    fluxfill_nb.errors.InvalidImage
        The suffix is another one, or the picture too large or the origin too long for the format.
    fluxfill_nb.errors.InvalidOption
        ``quality`` is out of range.
    """
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InvalidImage(
            f"Pictures are saved as {', '.join(FORMATS)}; {path.name!r} ends otherwise."
        )
    if quality not in range(1, 101):
        raise InvalidOption(f"quality is {quality!r}: it must be a whole number from 1 to 100.")
    text = json.dumps(origin)
    if kind == "JPEG" and len(text) > _JPEG_TEXT:
        raise InvalidImage(f"JPEG cannot hold so long a prompt ({len(text)} bytes). Save as PNG.")
    arguments: dict[str, Any] = {"icc_profile": image.info.get("icc_profile")}
    if kind == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("Software", _SOFTWARE)
        chunks.add_text(KEY, text)
        arguments["pnginfo"] = chunks
    else:
        exif = Image.Exif()
        exif[ExifTags.Base.Software] = _SOFTWARE
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _ASCII + text.encode("ascii")
        arguments |= {"exif": exif, "quality": int(quality)}
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **arguments)
    except (OSError, ValueError) as error:
        raise InvalidImage(
            f"{kind} cannot hold this picture of {image.width} x {image.height} px ({error}). "
            "Save as PNG."
        ) from error
    path.write_bytes(buffer.getvalue())
    return path


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a picture that `write` saved says of its origin.

    Raises
    ------
    fluxfill_nb.errors.InvalidImage
        It says nothing, or is no picture.
    """
    name = os.fspath(path)
    try:
        with Image.open(path, formats=tuple(set(FORMATS.values()))) as image:
            text: Any = image.info.get(KEY) or getattr(image, "text", {}).get(KEY)
            comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
        if text is None and isinstance(comment, bytes):
            text = comment.removeprefix(_ASCII).decode("ascii")
        origin = json.loads(text)
        if "settings" in origin or "service" not in origin:
            _check(origin)
            return dict(origin)
    except FileNotFoundError:
        raise InvalidImage(f"There is no file {name!r}.") from None
    except _READING_ERRORS as error:
        raise InvalidImage(
            f"{name!r} does not say how it was made: it was not saved by fluxfill_nb, is damaged, "
            "or another program has rewritten it."
        ) from error
    raise InvalidImage(
        f"{name!r} does not say how it was made: its task came from elsewhere, without the request."
    )


def _check(origin: dict[str, Any]) -> None:
    """Raise unless the origin has all that a request is made again from."""
    settings = origin["settings"]
    FillOptions(**settings)
    if any(name.startswith("webhook") for name in settings):
        raise ValueError("a file must not say where to call")
    _width, _height = origin["image"]["size"]
    origin["image"]["sha256"], origin["mask"]["sha256"]
