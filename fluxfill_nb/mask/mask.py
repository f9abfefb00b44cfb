"""The mask: which pixels of a picture are filled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any, ClassVar, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from ..errors import InvalidImage, InvalidMask, InvalidOption
from ..images import encode_png, open_image, pixel_digest
from ..sources import ImageSource, as_array, is_array
from . import checks, morphology, reading
from .checks import Box, Points, Size, by
from .reading import FILLED

MaskSource: TypeAlias = "Mask | ImageSource"

_REPR_SIDE = 640
# From any point, the middle of some pixel is within half a pixel's diagonal.
_THINNEST = math.sqrt(0.5)


class Mask:
    """Which pixels of a picture are filled: 255 = fill, 0 = keep, values between = a soft edge.

    Frozen: every method returns a new mask. The service gets black and white, split at 128; the
    soft edge serves to blend the result over the original.

    Parameters
    ----------
    source
        A picture (path, bytes, file object, Base64, Pillow image), read by its luminance: white is
        filled; or, where it was painted on transparent, by what is white and opaque. Or an array of
        shape ``(height, width)`` or ``(height, width, 1)``: bool, uint8 in 0..255, or float in
        [0, 1]. Or another mask.

    Raises
    ------
    fluxfill_nb.errors.InvalidMask
        Not a picture, or one that does not say clearly what to fill: a colour picture, a cut-out,
        an array of labels. The message names the constructor that does.

    Warns
    -----
    fluxfill_nb.errors.MaskWarning
        Nothing in the picture is white, or hardly anything is black or white.

    Examples
    --------
    >>> import fluxfill_nb as ff
    >>> mask = ff.Mask.from_box((640, 480), (100, 50, 300, 250))
    >>> mask
    <Mask 640 x 480, fills 13.0 % in (100, 50, 300, 250)>
    >>> mask.grow(10).bbox
    (90, 40, 310, 260)
    >>> (mask | ~mask).coverage
    1.0
    """

    __slots__ = ("_array",)
    _array: npt.NDArray[np.uint8]
    # Keeps NumPy's operators off: `mask | array` is an error, not an array of odd values.
    __array_ufunc__: ClassVar[None] = None

    def __init__(self, source: MaskSource) -> None:
        if isinstance(source, Mask):
            array = source._array
        elif is_array(source) and (grey := _grey(source)) is not None:
            array = reading.from_array(grey)
        else:
            array = reading.from_picture(source)
        object.__setattr__(self, "_array", _frozen(array))

    @classmethod
    def _of(cls, array: npt.NDArray[np.uint8]) -> Mask:
        """A mask of exactly these values, which the caller gives away."""
        mask = object.__new__(cls)
        object.__setattr__(mask, "_array", _frozen(array))
        return mask

    # ------------------------------------------------------------------------------ constructors

    @classmethod
    def empty(cls, size: Size) -> Mask:
        """Return a mask that fills nothing.

        Parameters
        ----------
        size
            (width, height) of the picture, px.

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> ff.Mask.empty((64, 48)).is_empty
        True
        """
        return cls._of(_blank(size))

    @classmethod
    def full(cls, size: Size) -> Mask:
        """Return a mask that fills everything.

        Parameters
        ----------
        size
            (width, height) of the picture, px.

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> ff.Mask.full((64, 48)).coverage
        1.0
        """
        return ~cls.empty(size)

    @classmethod
    def from_box(cls, size: Size, box: Box) -> Mask:
        """Return a mask that fills a rectangle; what lies beyond the picture is cut off.

        Parameters
        ----------
        size
            (width, height) of the picture, px.
        box
            (left, top, right, bottom), px, rounded to whole pixels (halves up).

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> ff.Mask.from_box((64, 48), (10, 10, 20, 20)).bbox
        (10, 10, 20, 20)
        """
        array = _blank(size)
        edges = checks.box(box)
        left, top, right, bottom = (max(0, math.floor(edge + 0.5)) for edge in edges)
        array[top:bottom, left:right] = 255
        return cls._of(_not_blank(array, box))

    @classmethod
    def from_ellipse(cls, size: Size, box: Box) -> Mask:
        """Return a mask that fills the ellipse inside a box.

        Parameters
        ----------
        size
            (width, height) of the picture, px.
        box
            (left, top, right, bottom), px; may reach beyond the picture.

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> ff.Mask.from_ellipse((64, 48), (10, 10, 40, 30)).bbox
        (10, 10, 40, 30)
        """
        array = _blank(size)
        left, top, right, bottom = checks.box(box)
        height, width = array.shape
        y, x = np.ogrid[0.5:height, 0.5:width]
        across = ((2 * x - left - right) / (right - left)) ** 2
        down = ((2 * y - top - bottom) / (bottom - top)) ** 2
        array[across + down <= 1] = 255
        return cls._of(_not_blank(array, box))

    @classmethod
    def from_polygon(cls, size: Size, points: Points) -> Mask:
        """Return a mask that fills a polygon, closed from the last point to the first.

        Each pixel whose middle lies inside is filled, those too that a line which crosses itself
        goes round twice. What lies beyond the picture is cut off.

        Parameters
        ----------
        size
            (width, height) of the picture, px.
        points
            At least three (x, y), px.

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> ff.Mask.from_polygon((64, 48), [(10, 10), (50, 10), (50, 40), (10, 40)]).bbox
        (10, 10, 50, 40)
        """
        corners = checks.points(points)
        if len(corners) < 3:
            raise InvalidMask(f"A polygon needs at least 3 points, not {len(corners)}.")
        array = _blank(size)
        morphology.paint_polygon(array, corners)
        return cls._of(array)

    @classmethod
    def from_strokes(
        cls, size: Size, strokes: Points | Sequence[Points], *, width: float = 20.0
    ) -> Mask:
        """Return a mask as a round brush paints it; what lies beyond the picture is cut off.

        Parameters
        ----------
        size
            (width, height) of the picture, px.
        strokes
            One stroke, a sequence of (x, y) in px; or several. A stroke of one point is a dot.
        width
            Diameter of the brush, px, above 0. The thinnest brush still marks a line of pixels.

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> ff.Mask.from_strokes((64, 48), [(20, 20), (40, 20)], width=10).bbox
        (15, 15, 45, 25)
        """
        if not (isinstance(width, Real) and width > 0 and math.isfinite(width)):
            raise InvalidMask(f"The brush's width is {width!r} px: it must be a number above 0.")
        array = _blank(size)
        radius = max(width / 2, _THINNEST)
        several: Iterable[Points] = strokes if checks.are_strokes(strokes) else [strokes]
        for stroke in several:
            morphology.paint_stroke(array, checks.points(stroke), radius)
        return cls._of(array)

    @classmethod
    def from_alpha(cls, image: ImageSource) -> Mask:
        """Return a mask that fills what is transparent in a picture, as the service does.

        Parameters
        ----------
        image
            Anything that `fluxfill_nb.open_image` takes, with transparency.

        Raises
        ------
        fluxfill_nb.errors.InvalidMask
            The picture has no transparency.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> picture = Image.new("RGBA", (64, 48), (200, 30, 30, 255))
        >>> picture.paste((0, 0, 0, 0), (10, 10, 20, 20))
        >>> ff.Mask.from_alpha(picture).bbox
        (10, 10, 20, 20)
        """
        picture = open_image(image)
        alpha = np.asarray(picture.getchannel("A")) if picture.mode == "RGBA" else None
        if alpha is None or alpha.min() == 255:
            raise InvalidMask(
                "The picture is opaque everywhere, so its alpha says nothing about what to fill. "
                "Paint a mask and give that, or erase the part to fill and save as PNG."
            )
        return cls._of(255 - alpha)

    @classmethod
    def from_threshold(cls, image: ImageSource, low: float = 128, high: float = 255) -> Mask:
        """Return a mask that fills what is as light as asked for.

        Parameters
        ----------
        image
            Any picture; its alpha is ignored.
        low, high
            Luminance (ITU-R 601) from and up to which a pixel is filled, both included, 0 to 255.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> ramp = Image.linear_gradient("L")
        >>> ff.Mask.from_threshold(ramp, 0, 63).bbox
        (0, 0, 256, 64)
        """
        if not (checks.are_numbers(low, high) and 0 <= low <= high <= 255):
            raise InvalidMask(
                f"The luminance from {low!r} to {high!r} is no range within 0 to 255."
            )
        grey = np.asarray(open_image(image).convert("L"))
        return cls._of(_hard((grey >= low) & (grey <= high)))

    # --------------------------------------------------------------------------------- what it is

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        """The values, uint8 of shape ``(height, width)``, read-only. Not a copy."""
        return self._array

    @property
    def size(self) -> Size:
        """(width, height), px, like Pillow's."""
        return self._array.shape[1], self._array.shape[0]

    @property
    def coverage(self) -> float:
        """Share of the picture that is filled (values of 128 and above), 0 to 1."""
        return float(np.count_nonzero(self._array >= FILLED)) / self._array.size

    @property
    def bbox(self) -> tuple[int, int, int, int] | None:
        """Smallest (left, top, right, bottom) that holds all that is filled, px; None if empty."""
        return Image.fromarray(_hard(self._array >= FILLED)).getbbox()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is filled, that is, no value reaches 128."""
        return not bool((self._array >= FILLED).any())

    @property
    def digest(self) -> str:
        """SHA-256 of size and values, hexadecimal: the same for equal masks."""
        return pixel_digest(self.to_pil())

    def to_pil(self) -> Image.Image:
        """Return the mask as a Pillow image of mode L."""
        return Image.fromarray(self._array)

    def to_png(self) -> bytes:
        """Return what the service gets: a PNG of black and white, split at 128."""
        return encode_png(self.threshold().to_pil())

    # ------------------------------------------------------------------------------------ algebra

    def __or__(self, other: Mask) -> Mask:
        """Fill what either fills."""
        return self._with(other, np.maximum)

    def __and__(self, other: Mask) -> Mask:
        """Fill what both fill."""
        return self._with(other, np.minimum)

    def __sub__(self, other: Mask) -> Mask:
        """Fill what the first fills and the second does not."""
        return self._with(other, lambda a, b: np.minimum(a, 255 - b))

    def __xor__(self, other: Mask) -> Mask:
        """Fill what exactly one of the two fills."""
        return self._with(
            other, lambda a, b: np.maximum(np.minimum(a, 255 - b), np.minimum(255 - a, b))
        )

    def __invert__(self) -> Mask:
        """Fill what was kept, and keep what was filled."""
        return Mask._of(255 - self._array)

    def _with(
        self,
        other: Mask,
        join: Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], npt.NDArray[np.uint8]],
    ) -> Mask:
        if is_array(other):  # left to itself, NumPy would say something about ufuncs
            raise TypeError(
                f"A Mask does not go with {type(other).__name__}: make it one first, Mask(…)."
            )
        if not isinstance(other, Mask):
            return NotImplemented
        if other.size != self.size:
            raise InvalidMask(
                f"Masks of {by(self.size)} and {by(other.size)} px do not fit together: "
                "make both for the same picture, or resize() one."
            )
        return Mask._of(join(self._array, other._array))

    # ------------------------------------------------------------------------------------ changes

    def grow(self, radius: int) -> Mask:
        """Return the mask grown by a disc, soft edges included.

        Parameters
        ----------
        radius
            How far, whole px, 0 and above.

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> ff.Mask.from_box((64, 48), (20, 20, 30, 30)).grow(5).bbox
        (15, 15, 35, 35)
        """
        return Mask._of(morphology.dilate(self._array, checks.radius(radius, "grow", "shrink")))

    def shrink(self, radius: int) -> Mask:
        """Return the mask shrunk by a disc; the picture's border does not eat into it.

        Parameters
        ----------
        radius
            How far, whole px, 0 and above.

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> ff.Mask.from_box((64, 48), (20, 20, 40, 40)).shrink(5).bbox
        (25, 25, 35, 35)
        """
        radius = checks.radius(radius, "shrink", "grow")
        return Mask._of(255 - morphology.dilate(255 - self._array, radius))

    def feather(self, radius: float) -> Mask:
        """Return the mask with a soft edge, about ``radius`` px to either side.

        Parameters
        ----------
        radius
            Reach of the soft edge, px; the blur's standard deviation is half of it.

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> soft = ff.Mask.from_box((64, 48), (20, 10, 40, 30)).feather(6)
        >>> bool(soft.array[20, 17] < 128 <= soft.array[20, 23])
        True
        """
        return self._blurred(checks.reach(radius, "feather") / 2)

    def smooth(self, radius: float) -> Mask:
        """Return the mask with corners rounded and ragged edges evened out, hard.

        Parameters
        ----------
        radius
            Size of the details that go, px.

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> speck = ff.Mask.from_box((64, 48), (20, 20, 22, 22))
        >>> speck.smooth(4).is_empty
        True
        """
        return self._blurred(checks.reach(radius, "smooth")).threshold()

    def fill_holes(self) -> Mask:
        """Return the mask with every part filled that it encloses.

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> disc = ff.Mask.from_ellipse((64, 48), (10, 4, 50, 44))
        >>> ring = disc - disc.shrink(5)
        >>> ring.fill_holes() == disc
        True
        """
        array = self._array.copy()
        array[morphology.enclosed(array < FILLED)] = 255
        return Mask._of(array)

    def threshold(self, level: int = FILLED) -> Mask:
        """Return the mask in black and white: 255 from ``level`` on, else 0.

        Examples
        --------
        >>> import numpy as np
        >>> import fluxfill_nb as ff
        >>> ff.Mask(np.array([[0, 127, 128, 255]], dtype=np.uint8)).threshold().array
        array([[  0,   0, 255, 255]], dtype=uint8)
        """
        if not (isinstance(level, Real) and 1 <= level <= 255):
            raise InvalidMask(f"The level is {level!r}: it must be a number from 1 to 255.")
        return Mask._of(_hard(self._array >= level))

    def resize(self, size: Size) -> Mask:
        """Return the mask scaled to another picture size; a hard mask stays hard.

        Examples
        --------
        >>> import fluxfill_nb as ff
        >>> ff.Mask.from_box((64, 48), (10, 10, 20, 20)).resize((128, 96)).bbox
        (20, 20, 40, 40)
        """
        scaled = Mask._of(
            np.array(self.to_pil().resize(checks.size(size), Image.Resampling.BILINEAR))
        )
        return scaled.threshold() if self == self.threshold() else scaled

    def _blurred(self, sigma: float) -> Mask:
        return Mask._of(np.array(self.to_pil().filter(ImageFilter.GaussianBlur(sigma))))

    # ------------------------------------------------------------------------------------ display

    def preview(
        self,
        image: ImageSource,
        *,
        colour: tuple[int, int, int] = (255, 0, 96),
        opacity: float = 0.45,
    ) -> Image.Image:
        """Return the picture with the mask marked on it: a tint, and a black and white outline.

        Parameters
        ----------
        image
            The picture, of the mask's size.
        colour
            RGB of the tint, 0 to 255 each.
        opacity
            Of the tint, 0 to 1.

        Returns
        -------
        PIL.Image.Image
            Mode RGB.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> picture = Image.new("RGB", (64, 48), "white")
        >>> marked = ff.Mask.from_box(picture.size, (10, 10, 20, 20)).preview(picture, opacity=1)
        >>> marked.getpixel((15, 15)), marked.getpixel((10, 15)), marked.getpixel((9, 15))
        ((255, 0, 96), (255, 255, 255), (0, 0, 0))
        """
        if not (isinstance(opacity, Real) and 0 <= opacity <= 1):
            raise InvalidOption(f"The opacity is {opacity!r}: it must be a number from 0 to 1.")
        tone = checks.colour(colour)
        picture = open_image(image).convert("RGB")
        self.check_fits(picture.size)
        tint = self.to_pil().point([round(value * opacity) for value in range(256)])
        picture.paste(tone, mask=tint)
        # One of the two lines stands out from whatever is beneath.
        hard = self.threshold()
        line = max(1, round(max(self.size) / 600))
        picture.paste((0, 0, 0), mask=(hard.grow(line) - hard).to_pil())
        picture.paste((255, 255, 255), mask=(hard - hard.shrink(line)).to_pil())
        return picture

    def check_fits(self, size: Size) -> None:
        """Raise `fluxfill_nb.errors.InvalidMask` unless the mask has a picture's size."""
        if self.size == tuple(size):
            return
        hint = "Make it for this picture, or resize() it."
        if self.size == tuple(size)[::-1]:
            hint = (
                "It seems turned by 90°: a camera's picture is turned upright by its EXIF data; "
                "open it with open_image and make the mask for that size."
            )
        raise InvalidMask(f"The mask has {by(self.size)} px, the picture {by(size)} px. {hint}")

    def __repr__(self) -> str:
        what = "fills nothing"
        if (box := self.bbox) is not None:
            what = f"fills {self.coverage:.1%} in {box}".replace("%", " %")
        return f"<Mask {by(self.size)}, {what}>"

    def _repr_png_(self) -> bytes:
        image = self.to_pil()
        image.thumbnail((_REPR_SIDE, _REPR_SIDE))
        return encode_png(image)

    # ------------------------------------------------------------------------------------- a value

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """For ``np.asarray(mask)``, without a copy."""
        return self._array.__array_interface__

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Masks are frozen: {name!r} cannot be set. Methods make new masks.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Masks are frozen: {name!r} cannot be deleted.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        return np.array_equal(self._array, other._array)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[Any, ...]:
        return Mask._of, (np.asarray(self._array),)


def _frozen(array: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    array = np.ascontiguousarray(array, dtype=np.uint8)
    array.setflags(write=False)
    return array.view()  # a view of what is read-only cannot be made writable again


def _grey(source: object) -> npt.NDArray[Any] | None:
    """An array as ``(height, width)`` if it has but one channel."""
    try:
        array = as_array(source)
    except InvalidImage as error:
        raise InvalidMask(f"As a mask: {error}") from error
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return array if array.ndim == 2 else None


def _hard(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return flags.astype(np.uint8) * np.uint8(255)


def _blank(size: Size) -> npt.NDArray[np.uint8]:
    width, height = checks.size(size)
    return np.zeros((height, width), np.uint8)


def _not_blank(array: npt.NDArray[np.uint8], box: Box) -> npt.NDArray[np.uint8]:
    if not array.any():
        raise InvalidMask(
            f"The box {box!r} holds no pixel of the picture of {by(array.shape[::-1])} px: boxes "
            "are (left, top, right, bottom) in px."
        )
    return array
