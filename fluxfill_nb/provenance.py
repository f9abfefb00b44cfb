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
_PNG_START, _JPEG_START = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
# What segments of a JPEG begin with: EXIF, and a comment of ours.
_EXIF, _COMMENT = b"Exif\0\0", f"{KEY} ".encode()
# Their markers: header, EXIF, comment, and where the pixels begin.
_JFIF_MARKER, _EXIF_MARKER, _COMMENT_MARKER, _SCAN_MARKER = 0xE0, 0xE1, 0xFE, 0xDA
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
        arguments |= {"exif": _exif(text), "quality": int(quality)}
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


def embed(file: bytes, origin: dict[str, Any]) -> bytes:
    """Return a JPEG or PNG file with its origin put in; every other byte stays as it is.

    An origin that was put in before gives way.

    Parameters
    ----------
    file
        A whole file.
    origin
        Anything that JSON can hold. Nothing secret.

    Raises
    ------
    fluxfill_nb.errors.InvalidImage
        It is another kind of file, or the origin is too long for a JPEG.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> from fluxfill_nb import provenance
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (64, 48)).save(file, "PNG")
    >>> told = provenance.embed(file.getvalue(), {"service": "example"})
    >>> Image.open(io.BytesIO(told)).text["fluxfill_nb"]
    '{"service": "example"}'
    """
    text = json.dumps(origin)
    try:
        if file.startswith(_PNG_START):
            return _into_png(file, text)
        if file.startswith(_JPEG_START):
            return _into_jpeg(file, text)
    except (struct.error, IndexError):
        raise InvalidImage("The file is cut off or damaged.") from None
    raise InvalidImage(f"The file is neither JPEG nor PNG: it begins with {file[:8]!r}.")


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a picture that `write` saved, or `embed` made, says of its origin.

    Raises
    ------
    fluxfill_nb.errors.InvalidImage
        It says nothing, or is no picture.
    """
    name = os.fspath(path)
    try:
        with Image.open(path, formats=tuple(set(FORMATS.values()))) as image:
            text: Any = image.info.get(KEY) or getattr(image, "text", {}).get(KEY)
            for kind, comment in getattr(image, "applist", []):
                if kind == "COM" and comment.startswith(_COMMENT):
                    text = comment.removeprefix(_COMMENT)
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


def _exif(text: str) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = _SOFTWARE
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _ASCII + text.encode("ascii")
    return exif


def _into_jpeg(file: bytes, text: str) -> bytes:
    """Put a segment with the text behind the header, and take an earlier one out."""
    if len(text) > _JPEG_TEXT:
        raise InvalidImage(f"JPEG cannot hold so long a prompt ({len(text)} bytes). Save as PNG.")
    position, kept, others = len(_JPEG_START), [], False
    while file[position + 1] != _SCAN_MARKER:
        (length,) = struct.unpack_from(">H", file, position + 2)
        stop = position + 2 + length
        content = file[position + 4 : stop]
        if file[position] != 0xFF or stop > len(file):
            raise IndexError
        ours = content.startswith((_COMMENT, _EXIF)) and f"{KEY} ".encode() in content
        if not ours:
            kept.append(file[position:stop])
            others |= content.startswith(_EXIF)
        position = stop
    # Readers take the first EXIF for the only one: where there is one, it stays so.
    marker = _COMMENT_MARKER if others else _EXIF_MARKER
    payload = _COMMENT + text.encode("ascii") if others else _exif(text).tobytes()
    segment = struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
    first = 1 if kept and kept[0][1] == _JFIF_MARKER else 0
    return b"".join([_JPEG_START, *kept[:first], segment, *kept[first:], file[position:]])


def _into_png(file: bytes, text: str) -> bytes:
    """Put a chunk with the text behind the header, and take an earlier one out."""
    content = b"tEXt" + f"{KEY}\0{text}".encode("ascii")
    chunk = struct.pack(">I", len(content) - 4) + content
    chunk += struct.pack(">I", zlib.crc32(content))
    position, kept = len(_PNG_START), []
    while (kind := file[position + 4 : position + 8]) != b"IDAT":
        (length,) = struct.unpack_from(">I", file, position)
        stop = position + 12 + length
        if stop > len(file):
            raise IndexError
        if not (kind == b"tEXt" and file[position + 8 : stop].startswith(f"{KEY}\0".encode())):
            kept.append(file[position:stop])
        position = stop
    return b"".join([_PNG_START, *kept[:1], chunk, *kept[1:], file[position:]])


def _check(origin: dict[str, Any]) -> None:
    """Raise unless the origin has all that a request is made again from."""
    settings = origin["settings"]
    FillOptions(**settings)
    if any(name.startswith("webhook") for name in settings):
        raise ValueError("a file must not say where to call")
    _width, _height = origin["image"]["size"]
    origin["image"]["sha256"], origin["mask"]["sha256"]
