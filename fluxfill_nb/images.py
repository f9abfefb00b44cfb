"""What counts as a picture: upright, RGB or RGBA; encoding it, knowing it again."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from .errors import InvalidImage
from .sources import MAX_MEGAPIXELS, array_to_8_bit, read
from .sources import ImageSource as ImageSource

_FILE = "_fluxfill_nb_file"


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
