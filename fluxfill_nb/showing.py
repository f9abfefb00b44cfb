"""How a result is shown at the size of a cell: blended, raw, as a difference, or the crop.

Pictures are decoded to the pixels that are drawn, not to all that they have; what the results of
one picture and mask share is scaled once.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter

from .errors import InvalidInput, InvalidOption
from .images import Picture
from .mask import Mask, Size
from .request import FillRequest
from .result import FEATHER, FillResult, fade_in

SHOWS = ("composited", "raw", "difference", "crop")
"""What of a result is shown: the fill over the original; the picture as the service made it; how
far that is from the original; the fill over the original around the mask."""

THUMB_SIDE = 256
"""Longer side of the thumbnails that are kept, px."""

DIFFERENCE_TOP = 64
"""The change that is shown brightest, levels of 255; smaller ones go by their square root."""

# How much of the mask's longer side is shown around it, at least.
_CONTEXT, _LEAST_CONTEXT = 0.3, 24
_LINE_OF_SIDE = 1 / 180
_REDUCING_GAP = 2.0
_THUMB_QUALITY = 92
_UPRIGHT = 1
_ORIENTATION = 0x0112
# The colours of changes, from none to DIFFERENCE_TOP.
_COLOURS = ((12, 12, 24), (72, 28, 110), (190, 55, 84), (249, 142, 60), (252, 248, 178))

Box: TypeAlias = tuple[int, int, int, int]


class Showing:
    """Pictures of results at the sizes asked for; what they have in common is made once.

    A grid or a widget has one, for as long as it shows.

    Parameters
    ----------
    thumbs
        Keep thumbnails of results that lie in a store, in its folder, and use those that are there.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.showing import Showing
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_ellipse(picture.size, (80, 80, 140, 160))
    >>> with ff.connect("local") as client:
    ...     result = client.fill(picture, mask, steps=15, seed=7)
    >>> showing = Showing()
    >>> showing.picture(result, (64, 64)).size
    (64, 64)
    >>> showing.natural_size(result.request, "crop")
    (108, 128)
    """

    def __init__(self, *, thumbs: bool = True) -> None:
        self._keeps_thumbs = thumbs
        self._scenes: dict[tuple[int, int], _Scene] = {}

    def natural_size(self, request: FillRequest, show: str = "composited") -> Size:
        """Return (width, height) of what is shown at full size, px."""
        return self._scene(request).natural_size(show)

    def picture(
        self,
        result: FillResult,
        size: Size,
        show: str = "composited",
        *,
        request: FillRequest | None = None,
    ) -> Image.Image:
        """Return what is shown of a result, at exactly this size.

        At the original's size, ``composited`` is ``result.composited()``, pixel for pixel.

        Parameters
        ----------
        result
            The result.
        size
            (width, height), px.
        show
            One of `SHOWS`.
        request
            What was asked for, if an equal one is shared by more results than ``result.request``.

        Returns
        -------
        PIL.Image.Image
            Mode RGB.

        Raises
        ------
        fluxfill_nb.errors.InvalidImage
            The result's picture is damaged.
        fluxfill_nb.errors.InvalidInput
            The result's request is not known.
        """
        scene = self._scene(request or result.request)
        file = _thumb_file(result, show) if self._keeps_thumbs else None
        if file is None or max(size) > THUMB_SIDE:
            return scene.picture(_Raw(result, size, scene, (show,)), size, show)
        thumb = _read_thumb(file)
        if thumb is None:
            whole = scene.within(THUMB_SIDE, show)
            thumb = scene.picture(_Raw(result, whole, scene, (show,)), whole, show)
            _write_thumb(file, thumb)
        return thumb.resize(size, Image.Resampling.BICUBIC, reducing_gap=_REDUCING_GAP)

    def views(
        self, result: FillResult, side: int, shows: Sequence[str] = SHOWS
    ) -> dict[str, Image.Image]:
        """Return several views of a result, each within ``side`` px, from one decoding."""
        scene = self._scene(result.request)
        raw = _Raw(result, (side, side), scene, shows)
        return {show: scene.picture(raw, scene.within(side, show), show) for show in shows}

    def original(
        self, request: FillRequest, size: Size, show: str = "composited", *, outlined: bool = True
    ) -> Image.Image:
        """Return the original at this size, cropped as ``show`` is, with the mask's rim drawn."""
        scene = self._scene(request)
        backdrop = scene.backdrop(size, scene.window(show))
        return _outlined(backdrop.original, backdrop.hole) if outlined else backdrop.original.copy()

    def masks(self, request: FillRequest, size: Size) -> tuple[Image.Image, Image.Image]:
        """Return how much of a fill shows over the original, and what is filled; mode L."""
        scene = self._scene(request)
        backdrop = scene.backdrop(size, scene.window("composited"))
        return backdrop.share, backdrop.hole

    def crop(self, request: FillRequest) -> Box:
        """Return the (left, top, right, bottom) that ``crop`` shows, px."""
        return self._scene(request).window("crop")

    def _scene(self, request: FillRequest | None) -> _Scene:
        if request is None:
            raise InvalidInput(
                "The original picture is not known for this task: show its .raw instead."
            )
        # Both are shared by all requests of a sweep that differ in settings; the scene keeps them.
        key = id(request.picture), id(request.mask)
        if key not in self._scenes:
            self._scenes[key] = _Scene(request.picture, request.mask)
        return self._scenes[key]


class _Backdrop(NamedTuple):
    """What the results of one picture and mask share at one size."""

    original: Image.Image
    share: Image.Image  # how much of the fill shows
    hole: Image.Image  # what is filled, black and white


class _Scene:
    """A picture with a mask, before anything is filled in."""

    def __init__(self, picture: Picture, mask: Mask) -> None:
        self._picture = picture
        self._mask = mask
        self.size = picture.image.size
        # A few sizes are asked for again and again, and one of the full size may be large.
        self.backdrop = functools.lru_cache(maxsize=4)(self._backdrop)

    def window(self, show: str) -> Box:
        """Which part of the picture is shown, px."""
        if show not in SHOWS:
            raise InvalidOption(
                f"show is {show!r}: it must be one of {', '.join(map(repr, SHOWS))}."
            )
        return self._crop if show == "crop" else (0, 0, *self.size)

    def natural_size(self, show: str) -> Size:
        """(width, height) of that part, px."""
        left, top, right, bottom = self.window(show)
        return right - left, bottom - top

    def within(self, side: int, show: str) -> Size:
        """The size of that part within a square."""
        return fitted(self.natural_size(show), side)

    @functools.cached_property
    def _crop(self) -> Box:
        left, top, right, bottom = self._mask.bbox or (0, 0, *self.size)
        context = max(_LEAST_CONTEXT, round(_CONTEXT * max(right - left, bottom - top)))
        width, height = self.size
        return (
            max(0, left - context), max(0, top - context),
            min(width, right + context), min(height, bottom + context),
        )  # fmt: skip

    @functools.cached_property
    def _share(self) -> Image.Image:
        feather = FEATHER if self._mask == self._mask.threshold() else 0
        return Image.fromarray(fade_in(self._mask.array, feather))

    def _backdrop(self, size: Size, window: Box) -> _Backdrop:
        linear = Image.Resampling.BILINEAR  # the sharper filters ring: the fill would leak out
        hole = self._mask.to_pil().resize(size, linear, window)
        return _Backdrop(
            _resized(self._picture.rgb, size, window),
            self._share.resize(size, linear, window),
            hole.point([255 * (value >= 128) for value in range(256)]),
        )

    def picture(self, raw: _Raw, size: Size, show: str) -> Image.Image:
        window = self.window(show)
        filled = raw.part(size, window, self.size)
        if show == "raw":
            return filled
        backdrop = self.backdrop(size, window)
        if show == "difference":
            return _outlined(_coloured(backdrop.original, filled), backdrop.hole, dark=False)
        out = backdrop.original.copy()
        out.paste(filled, mask=backdrop.share)
        return out


class _Raw:
    """A result's picture, decoded to no more pixels than the views of it need."""

    def __init__(self, result: FillResult, size: Size, scene: _Scene, shows: Sequence[str]) -> None:
        # A smaller part needs more of the picture's pixels.
        scale = max(
            of / part
            for show in shows
            for of, part in zip(scene.size, scene.natural_size(show), strict=True)
        )
        self._image = _decoded(
            result.encoded, (math.ceil(size[0] * scale), math.ceil(size[1] * scale))
        )

    def part(self, size: Size, window: Box, of: Size) -> Image.Image:
        """Return a window of the original, which is ``of`` px large, at this size."""
        # The picture may have come back in another size, and may be decoded to a smaller one.
        across, down = self._image.width / of[0], self._image.height / of[1]
        left, top, right, bottom = window
        box = (
            left * across,
            top * down,
            min(right * across, self._image.width),
            min(bottom * down, self._image.height),
        )
        return _resized(self._image, size, box)


def fitted(natural: Size, side: int | Size) -> Size:
    """Return the largest size of these proportions within a square or a box, px.

    Examples
    --------
    >>> from fluxfill_nb.showing import fitted
    >>> fitted((1024, 768), 200)
    (200, 150)
    """
    box = (side, side) if isinstance(side, int) else side
    scale = min(box[0] / natural[0], box[1] / natural[1])
    return max(1, round(natural[0] * scale)), max(1, round(natural[1] * scale))


@functools.cache
def difference_colours() -> npt.NDArray[np.uint8]:
    """Return the 256 colours that differences are shown in, from none to `DIFFERENCE_TOP`."""
    stops = np.linspace(0, 255, len(_COLOURS))
    channels = [np.interp(np.arange(256), stops, values) for values in zip(*_COLOURS, strict=True)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


@functools.cache
def _colour_of_level() -> npt.NDArray[np.uint8]:
    levels = np.minimum(np.arange(256) / DIFFERENCE_TOP, 1)
    return difference_colours()[(np.sqrt(levels) * 255).round().astype(np.uint8)]


def _coloured(original: Image.Image, filled: Image.Image) -> Image.Image:
    """How far two pictures are apart: the mean over the channels, as a colour."""
    apart = np.asarray(ImageChops.difference(original, filled))
    return Image.fromarray(
        _colour_of_level()[apart.mean(axis=2, dtype=np.float32).astype(np.uint8)]
    )


def _outlined(image: Image.Image, hole: Image.Image, *, dark: bool = True) -> Image.Image:
    """The picture with the hole's rim as a white line, and a black one around it."""
    line = max(1, round(max(image.size) * _LINE_OF_SIDE))
    disc = ImageFilter.MaxFilter(2 * line + 1)
    out = image.copy()
    if dark:
        out.paste((0, 0, 0), mask=ImageChops.subtract(hole.filter(disc), hole))
    kept = ImageChops.invert(hole)
    out.paste((255, 255, 255), mask=ImageChops.subtract(kept.filter(disc), kept))
    return out


def _decoded(encoded: bytes, need: Size) -> Image.Image:
    """Decode a picture, a JPEG to half, a quarter or an eighth if that is still enough."""
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        image = Image.open(io.BytesIO(encoded), formats=("JPEG",))
        if image.mode == "RGB" and image.getexif().get(_ORIENTATION, _UPRIGHT) == _UPRIGHT:
            image.draft("RGB", need)
            image.load()
            return image
    return Picture.open(encoded).rgb  # knows all else, and says what is wrong with it


def _resized(image: Image.Image, size: Size, box: tuple[float, float, float, float]) -> Image.Image:
    lanczos = Image.Resampling.LANCZOS
    return image.resize(size, lanczos, box, reducing_gap=_REDUCING_GAP)


def _thumb_file(result: FillResult, show: str) -> Path | None:
    """Where a result's thumbnail is kept: beside the pictures of its store, if it lies in one."""
    if result.file is None:
        return None
    # The name tells the kinds apart, and one day those of another size.
    return result.file.thumbs / f"{result.file.path.stem}_{show}-{THUMB_SIDE}.jpg"


def _read_thumb(file: Path) -> Image.Image | None:
    try:
        # At once: Pillow reads files in many small steps.
        image = Image.open(io.BytesIO(file.read_bytes()), formats=("JPEG",))
        image.load()
        return image if image.mode == "RGB" else None
    except (OSError, SyntaxError, ValueError):  # not there, or damaged: it is made anew
        return None


def _write_thumb(file: Path, image: Image.Image) -> None:
    """Keep a thumbnail, whole or not at all; a store that cannot be written to does without."""
    unfinished = file.with_name(f".{file.stem}.{os.getpid()}.{threading.get_ident()}")
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(unfinished, "JPEG", quality=_THUMB_QUALITY)
        unfinished.replace(file)
