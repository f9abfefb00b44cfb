"""Where pictures come from: paths, files, texts, arrays, images, opened as they are."""

from __future__ import annotations

import base64
import binascii
import io
import math
import os
import re
from numbers import Real
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageOps

from .errors import InvalidImage

ImageSource: TypeAlias = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | IO[bytes]
    | Image.Image
    | npt.NDArray[Any]
)
"""What `open_image` takes."""

MAX_MEGAPIXELS = 64.0
"""Largest picture that `open_image` takes unless told otherwise, in megapixels."""

# What Pillow may open here. Formats that run other programs (EPS) or hold no photographs stay out.
_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000")
# What the service is known to take as it is; everything else is sent as PNG.
_SENT_AS_THEY_ARE = ("JPEG", "PNG", "WEBP")
_SIGNATURES = {
    b"\x89PNG": "a PNG",
    b"\xff\xd8\xff": "a JPEG",
    b"RIFF": "a WebP",
    b"GIF8": "a GIF",
    b"ftypavif": "an AVIF",  # from the fifth byte on
}
# What a HEIC file says of itself, from its fifth byte on.
_HEIC = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1")
# What whole files end with. Pillow shows some that lack it, where others refuse them.
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_ORIENTATION = 0x0112
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
# How much of a path or text an error repeats.
_SHOWN = 200
# How far rounding may take floats beyond 0 and 1: less than half of one of 255 levels.
_ROUNDING = 1e-3


def read(
    source: ImageSource, *, max_megapixels: float = MAX_MEGAPIXELS
) -> tuple[Image.Image, bytes | None]:
    """Read a picture upright, in whatever mode it has; with its file if that can be sent as it is.

    For `open_image` and `fluxfill_nb.Mask`, which differ in what they make of the modes.
    """
    if not (isinstance(max_megapixels, Real) and max_megapixels > 0):
        raise InvalidImage(f"max_megapixels is {max_megapixels!r}: it must be a number above 0.")
    if isinstance(source, Image.Image):
        image, data, name = source, None, "the Pillow image"
    elif is_array(source):
        image, data, name = _from_array(as_array(source)), None, "the array"
    else:
        data, name = _bytes_of(source)
        image = _open_bytes(data, name)
    _check_size(image, name, max_megapixels)
    try:
        image.load()
        upright = image
        if image.getexif().get(_ORIENTATION, 1) != 1:
            upright = ImageOps.exif_transpose(image)
        if data is not None and _ENDS.get(image.format or "", b"") not in data:
            raise OSError("its end is missing")
        file = data if data is not None and _can_be_sent(image, data) else None
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
        remedy = "Get a whole copy of it."
        if data is None:
            remedy = "Was its file closed before it was loaded? Then give the file itself."
        reason = str(error) or type(error).__name__
        raise InvalidImage(
            f"{_sentence(name)} is cut off or damaged ({reason}). {remedy}"
        ) from error
    upright.format = image.format
    return upright, file


def is_array(source: object) -> bool:
    """Whether a source holds pixels as numbers: NumPy's, or another library's."""
    if isinstance(source, memoryview):
        return source.ndim > 1
    # NumPy's own texts have it as well: paths that come out of an array.
    return hasattr(source, "__array__") and not isinstance(source, (Image.Image, str, bytes))


def as_array(source: object) -> npt.NDArray[Any]:
    """Return the numbers of what `is_array` says is one.

    Raises
    ------
    fluxfill_nb.errors.InvalidImage
        It does not give them.
    """
    try:
        return np.asarray(source)
    except Exception as error:  # a tensor on a GPU, or one with gradients
        raise InvalidImage(
            f"The {type(source).__name__} does not turn into an array: {error}"
        ) from error


def decode_base64(text: str) -> bytes | None:
    """Return what Base64 text or a ``data:`` URL holds; None if it is neither."""
    if text.startswith("data:"):
        header, _, text = text.partition(",")
        if not header.endswith(";base64"):
            return None
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # line breaks, the URL alphabet, no padding; or no Base64
        pass
    text = re.sub(r"\s+", "", text).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _bytes_of(source: object) -> tuple[bytes, str]:
    """The bytes of a file, and what to call it in an error."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data, name = bytes(source), "the data"
    elif isinstance(source, str) and _ADDRESS.match(source):
        raise InvalidImage(
            "Addresses are not opened: download the picture first and give its path."
        )
    elif isinstance(source, str) and not _is_file(source):
        decoded = decode_base64(source) if source.startswith("data:") or len(source) > 64 else None
        if decoded is None:
            text = re.sub("^(data:[^,]*,).*", r"\1…", source, flags=re.DOTALL)
            raise InvalidImage(
                f"There is no file {_shown(text)} (looked in {Path.cwd()}), and it is no Base64 "
                "either."
            )
        data, name = decoded, "the Base64 text"
    elif isinstance(source, (str, os.PathLike)):
        path = Path(os.fsdecode(source))
        name = f"the file {_shown(str(path))}"
        try:
            data = path.read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidImage(f"{_sentence(name)} cannot be read: {reason}.") from error
    elif hasattr(source, "read"):
        try:
            content = source.read()
        except (OSError, ValueError) as error:
            raise InvalidImage(
                f"The file object cannot be read: {error}. Open it again."
            ) from error
        if not isinstance(content, bytes):
            raise InvalidImage(
                "The file object gives text: open it in binary mode, open(path, 'rb')."
            )
        data, name = content, f"the file object {getattr(source, 'name', '')!r}".replace(" ''", "")
        if not data and _position(source):
            raise InvalidImage(
                f"{_sentence(name)} is at its end: nothing is left to read. Rewind it by seek(0)."
            )
    else:
        raise InvalidImage(
            f"A value of type {type(source).__name__} is no picture: give a path, bytes, a file "
            "object, Base64, a Pillow image or an array."
        )
    if not data:
        raise InvalidImage(f"{_sentence(name)} is empty (0 bytes).")
    return data, name


def _position(file: Any) -> int:
    try:
        return int(file.tell())
    except (AttributeError, OSError, ValueError):  # a pipe, or something that is read only
        return 0


def _is_file(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):  # too long, or with a zero byte: no path
        return False


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:40]}… ({len(text)} characters)")


def _open_bytes(data: bytes, name: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidImage(
            f"{_sentence(name)} is too large even for Pillow ({error}). If it can be trusted, "
            "raise both PIL.Image.MAX_IMAGE_PIXELS and max_megapixels."
        ) from error
    except Exception as error:  # mostly UnidentifiedImageError
        for signature, kind in _SIGNATURES.items():
            if signature in (data[: len(signature)], data[4:12]):
                raise InvalidImage(
                    f"{_sentence(name)} begins like {kind} file, but is cut off or damaged "
                    f"({len(data)} bytes). Get a whole copy of it."
                ) from error
        if data[4:12] in _HEIC:
            raise InvalidImage(
                f"{_sentence(name)} is HEIC, which is not read here: save it as JPEG, or open it "
                "with pillow-heif and give the Pillow image."
            ) from error
        raise InvalidImage(
            f"{_sentence(name)} is not a picture in a known format (JPEG, PNG, WebP, TIFF, BMP, "
            f"GIF, …); it begins with {data[:8]!r}."
        ) from error


def _check_size(image: Image.Image, name: str, max_megapixels: float) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise InvalidImage(f"{_sentence(name)} has no pixels: its size is {width} x {height}.")
    megapixels = width * height / 1e6
    if isinstance(image, ImageFile.ImageFile) and megapixels > max_megapixels:
        raise InvalidImage(
            f"{_sentence(name)} has {width} x {height} pixels = {megapixels:.1f} MP, over the "
            f"limit of {max_megapixels:g} MP. Scale it down, or raise max_megapixels."
        )


def _can_be_sent(image: Image.Image, data: bytes) -> bool:
    """Whether a file is what `open_image` makes of it: upright, one frame, RGB of 8 bits."""
    return (
        image.format in _SENT_AS_THEY_ARE
        and image.mode == "RGB"
        and not image.has_transparency_data
        and image.getexif().get(_ORIENTATION, 1) == 1
        and getattr(image, "n_frames", 1) == 1
        and not (image.format == "PNG" and data[24] != 8)  # the depth in bits
    )


def _from_array(array: npt.NDArray[Any]) -> Image.Image:
    if array.size == 0:
        raise InvalidImage(f"The array has no pixels: its shape is {array.shape}.")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InvalidImage(
            f"The array has the shape {array.shape}: pictures are (height, width), "
            "(height, width, 3) or (height, width, 4)."
        )
    return Image.fromarray(array_to_8_bit(array))


def array_to_8_bit(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return uint8, float in [0, 1] or bool as uint8 in 0..255; refuse everything else."""
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):  # also when either is NaN
            remedy = "Divide by the white value (255 or 65535), or convert to uint8."
            if low >= -1 and high <= 2:
                remedy = "To cut off what lies beyond, use np.clip(array, 0, 1)."
            elif not (math.isfinite(low) and math.isfinite(high)):
                remedy = "Replace what is no number, as np.nan_to_num does."
            raise InvalidImage(
                f"The float array spans {low:g} to {high:g}: floats must lie in [0, 1]. {remedy}"
            )
        return (array * 255 + 0.5).astype(np.uint8)
    raise InvalidImage(
        f"The array's dtype is {array.dtype}: give uint8, float in [0, 1] or bool; "
        "for 16 bits, divide by 65535.0."
    )


def _sentence(name: str) -> str:
    return name[0].upper() + name[1:]
