"""Reading a mask: what a picture or an array says of which pixels to fill."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidImage, InvalidMask, MaskWarning
from ..images import to_rgb
from ..sources import ImageSource, array_to_8_bit, read

FILLED = 128
"""From this value on, a pixel is filled; the service knows black and white only."""

# How far lossy files stray from black and white, and how far channels of a grey picture may differ.
_LOSSY_NOISE = 16
_GREY_TOLERANCE = 24
# Share of the pixels that must speak clearly; the rest may be an antialiased edge.
_CLEAR = 0.98
# Share of half-filled pixels from which a mask looks like a photograph without colours.
_MOSTLY = 0.5


def from_array(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Take an array of shape ``(height, width)`` as a mask; refuse labels."""
    if array.size == 0:
        raise InvalidMask(f"The array has no pixels: its shape is {array.shape}.")
    if np.issubdtype(array.dtype, np.integer) and (array.dtype != np.uint8 or array.max() == 1):
        raise InvalidMask(
            f"The array ({array.dtype}, {array.min()} to {array.max()}) looks like labels: say "
            "which to fill, as in Mask(array == 1) or Mask(array > 0)."
        )
    try:
        values = array_to_8_bit(array)
    except InvalidImage as error:
        raise InvalidMask(str(error)) from None
    if 0 < values.max() < FILLED:
        _warn_of_nothing(int(values.max()), stacklevel=4)
    return values.copy() if np.may_share_memory(values, array) else values


def from_picture(source: ImageSource) -> npt.NDArray[np.uint8]:
    """Read a picture as a mask, by its luminance over black.

    Refuses pictures that do not say what to fill, and warns of those that fill nothing.
    """
    try:
        image, _ = read(source)
        # Most masks are grey: they need no copies of three channels.
        is_grey = image.mode in ("1", "L") and not image.has_transparency_data
        picture = image if is_grey else to_rgb(image)
    except InvalidImage as error:
        raise InvalidMask(f"As a mask: {error}") from error
    grey = np.asarray(picture.convert("L"))
    if not is_grey:
        rgb = np.asarray(picture.convert("RGB"))
        if picture.mode == "RGBA":
            # Alpha comes first: white strokes on transparent are often white throughout, or black
            # where they are transparent, and only alpha tells.
            alpha = np.asarray(picture.getchannel("A"))
            _refuse_cut_out(rgb, alpha)
            rgb = rgb[alpha >= FILLED]
            grey = (grey.astype(np.uint16) * alpha // 255).astype(np.uint8)
        _refuse_colours(rgb)
    if image.format in ("JPEG", "WEBP"):
        snapped = np.where(grey >= 255 - _LOSSY_NOISE, 255, grey)
        grey = np.where(grey <= _LOSSY_NOISE, 0, snapped).astype(np.uint8)
    if grey.max() < FILLED:
        _warn_of_nothing(int(grey.max()), stacklevel=4)
    elif (share := np.count_nonzero(_is_between(grey)) / grey.size) > _MOSTLY:
        warnings.warn(
            f"{share:.0%} of the mask is neither black nor white: is it a photograph, rather than "
            "its mask? What is lighter than 127 is filled; to choose, use Mask.from_threshold(…).",
            MaskWarning,
            stacklevel=3,
        )
    return grey


def _is_between(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return (grey > _LOSSY_NOISE) & (grey < 255 - _LOSSY_NOISE)


def _warn_of_nothing(lightest: int, stacklevel: int) -> None:
    warnings.warn(
        f"The mask fills nothing: its lightest value is {lightest}, and white (255) is what is "
        "filled. If black was meant to be filled, use ~Mask(…); if it holds labels, "
        "Mask(array > 0).",
        MaskWarning,
        stacklevel=stacklevel,
    )


def _refuse_cut_out(rgb: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8]) -> None:
    """Raise unless the opaque part is white, or white on black: painted, not cut out."""
    visible = alpha >= FILLED
    if alpha.min() == 255 or not visible.any():
        return
    white = (rgb.min(axis=2) >= FILLED) & visible
    black = (rgb.max(axis=2) < FILLED) & visible
    if not white.any() or np.count_nonzero(white | black) < _CLEAR * np.count_nonzero(visible):
        raise InvalidMask(
            "The mask has transparent and opaque parts, and the opaque ones are not white: "
            "does the transparent part mean fill? Then Mask.from_alpha(…); the opaque part? "
            "Then ~Mask.from_alpha(…)."
        )


def _refuse_colours(rgb: npt.NDArray[np.uint8]) -> None:
    """Raise if the picture has hues: a photograph, or labels painted in colours."""
    pixels = rgb.reshape(-1, 3)
    if not len(pixels):
        return
    red, green, blue = pixels.T  # in planes: NumPy is slow along an axis of three
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    if np.count_nonzero(spread <= _GREY_TOLERANCE) < _CLEAR * len(pixels):
        raise InvalidMask(
            "The mask is a colour picture; masks are white where to fill and black where to keep. "
            "To fill what is light, use Mask.from_threshold(…); what is transparent, "
            "Mask.from_alpha(…)."
        )
