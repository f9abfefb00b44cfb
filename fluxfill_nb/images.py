"""What counts as a picture: reading it, turning it upright, encoding it, knowing it again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import math
import os
import re
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageFile, ImageOps

from .errors import InvalidImage

MAX_MEGAPIXELS = 64.0
"""Largest picture that `open_image` takes unless told otherwise, in megapixels."""

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
_FILE = "_fluxfill_nb_file"
_ORIENTATION = 0x0112
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
# How much of a path or text an error repeats.
_SHOWN = 200
# How far rounding may take floats beyond 0 and 1: less than half of one of 255 levels.
_ROUNDING = 1e-3


def open_image(source: ImageSource, *, max_megapixels: float = MAX_MEGAPIXELS) -> Image.Image:
    """Read a picture from wherever it is, upright, as RGB or RGBA.

    The EXIF orientation is applied, palettes, grey, CMYK and 16 bits are converted, transparency is
    kept as alpha, and a colour profile stays in ``image.info["icc_profile"]``. A picture that came
    as an upright RGB JPEG, PNG or WebP file remembers the file's bytes: as long as its pixels stay
    as they are, `fluxfill_nb.FillRequest` sends those very bytes (EXIF included), which are far
    smaller than a new PNG.

    Parameters
    ----------
    source
        A path, the bytes of a file, a binary file object, Base64 text, a ``data:`` URL, a Pillow
        image, or an array: uint8, float in [0, 1] or bool, of shape ``(height, width)`` or
        ``(height, width, channels)`` with 1, 3 or 4 channels.
    max_megapixels
        Refuse larger files before they are decoded, in megapixels (width x height / 1e6). Arrays
        and pictures that Pillow made in memory may have any size: their pixels are there already.

    Returns
    -------
    PIL.Image.Image
        A new image of mode RGB, or RGBA if any pixel could be transparent.

    Raises
    ------
    fluxfill_nb.errors.InvalidImage
        Not there, empty, not a picture, cut off, too large, or an array of another kind.

    Examples
    --------
    >>> import numpy as np
    >>> import fluxfill_nb as ff
    >>> image = ff.open_image(np.zeros((48, 64), dtype=bool))
    >>> image.mode, image.size
    ('RGB', (64, 48))
    """
    return Picture.open(source, max_megapixels=max_megapixels).given_out()


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as requests hold it: its pixels, and the file that they came from.

    Attributes
    ----------
    image
        Mode RGB or RGBA, upright. Not to be changed.
    file
        Bytes of an upright RGB JPEG, PNG or WebP file with exactly these pixels; else None.
    """

    image: Image.Image
    file: bytes | None = None

    @classmethod
    def open(cls, source: ImageSource, *, max_megapixels: float = MAX_MEGAPIXELS) -> Picture:
        """Read a picture; see `open_image`, which returns this picture's ``image``."""
        remembered = getattr(source, _FILE, None)
        if isinstance(source, Image.Image) and remembered is not None:
            file, digest = remembered
            copy = source.copy()
            # The image is the caller's to change: its file counts only while the pixels agree.
            picture = cls(copy, file) if pixel_digest(copy) == digest else cls(copy)
        else:
            image, file = read(source, max_megapixels=max_megapixels)
            picture = cls(to_rgb(image), file)
        return picture

    def given_out(self) -> Image.Image:
        """Return the image, which remembers its file: opened again, it is the same picture."""
        if self.file is not None and not hasattr(self.image, _FILE):
            setattr(self.image, _FILE, (self.file, self.digest))
        return self.image

    @cached_property
    def rgb(self) -> Image.Image:
        """The picture without its alpha. Not to be changed."""
        return self.image if self.image.mode == "RGB" else self.image.convert("RGB")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of size and pixels, alpha left out: the same for every lossless copy."""
        return pixel_digest(self.rgb)

    @cached_property
    def encoded(self) -> bytes:
        """The file's bytes if it came as one that can be sent, else a PNG; always RGB."""
        return self.file if self.file is not None else encode_png(self.rgb)


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


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a copy in mode RGB, or RGBA if it has transparency, with its colour profile."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        array = np.asarray(image)
        rgb = Image.fromarray(_to_8_bit(array, image.mode)).convert("RGB")
        if (see_through := image.info.get("transparency")) is not None:
            rgb.putalpha(Image.fromarray(np.where(array == see_through, 0, 255).astype(np.uint8)))
    elif image.mode == "CMYK" and profile:
        rgb, profile = _from_cmyk(image, profile), None
    else:
        try:
            rgb = image.convert("RGBA" if image.has_transparency_data else "RGB")
        except ValueError as error:
            raise InvalidImage(
                f"The picture has the mode {image.mode}, which cannot be turned into RGB. "
                "Save it as an RGB PNG or JPEG first."
            ) from error
    if rgb is image:
        rgb = image.copy()
    # A profile of grey or of inks says nothing of RGB.
    rgb.info = {"icc_profile": profile} if profile and image.mode.startswith(("RGB", "P")) else {}
    return rgb


def encode_png(image: Image.Image) -> bytes:
    """Return the image as a PNG: lossless, and packed fast rather than small."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def pixel_digest(image: Image.Image) -> str:
    """Return the SHA-256 of mode, size and pixels, in hexadecimal."""
    digest = hashlib.sha256(f"{image.mode} {image.width}x{image.height}\n".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


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


def _to_8_bit(array: npt.NDArray[Any], mode: str) -> npt.NDArray[np.uint8]:
    """Grey of 16 or 32 bits, or float, as 8 bits."""
    low, high = float(array.min()), float(array.max())
    if mode == "F" and low >= 0 and high <= 1:
        return array_to_8_bit(array)
    if mode != "F" and low >= 0 and high <= 0xFFFF:
        return ((array.astype(np.uint32) * 255 + 0x7FFF) // 0xFFFF).astype(np.uint8)
    raise InvalidImage(
        f"The picture has the mode {mode} and values from {low:g} to {high:g}; known are 16 bits "
        "(0 to 65535) and float from 0 to 1. Scale it and save it as 8 or 16 bits."
    )


def _from_cmyk(image: Image.Image, profile: bytes) -> Image.Image:
    """CMYK by its own profile where that can be read, else by Pillow's rule of thumb."""
    try:
        converted = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )  # fmt: skip
    except (ImageCms.PyCMSError, OSError):
        converted = None
    return image.convert("RGB") if converted is None else converted


def _sentence(name: str) -> str:
    return name[0].upper() + name[1:]
