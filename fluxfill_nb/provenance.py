"""What a saved picture says of its origin: JSON in a PNG's text, or in EXIF."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from .errors import InvalidImage
from .version import __version__

KEY = "fluxfill_nb"
"""Name of the PNG text chunk."""

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""The file suffixes in which pictures are saved."""

_SOFTWARE = f"fluxfill_nb {__version__}"
# EXIF's user comment begins with the name of its encoding, in eight bytes.
_ASCII = b"ASCII\0\0\0"


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
        The suffix is another one, or the origin is too long for the format.
    """
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InvalidImage(
            f"Pictures are saved as {', '.join(FORMATS)}; {path.name!r} ends otherwise."
        )
    text = json.dumps(origin)
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
        arguments |= {"exif": exif, "quality": quality}
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **arguments)
    except ValueError as error:
        raise InvalidImage(
            f"{kind} cannot hold so long a prompt ({len(text)} bytes). Save as PNG."
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
        with Image.open(path) as image:
            text: Any = getattr(image, "text", {}).get(KEY)
            comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
        if text is None and isinstance(comment, bytes):
            text = comment.removeprefix(_ASCII).decode("ascii")
        origin = json.loads(text)
        origin["settings"], origin["image"]["sha256"], origin["mask"]["sha256"]
    except FileNotFoundError:
        raise InvalidImage(f"There is no file {name!r}.") from None
    except (OSError, ValueError, KeyError, TypeError, SyntaxError) as error:
        raise InvalidImage(
            f"{name!r} does not say how it was made: it was not saved by fluxfill_nb, or "
            "another program has rewritten it."
        ) from error
    return dict(origin)
