"""The comparer: two of several pictures, in a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ipywidgets import Box
from PIL import Image
from traitlets import Bool, Enum, Float, Int, Tuple, validate

from ...errors import InvalidMask, InvalidOption
from ...mask import Mask, MaskSource, Size
from ...showing import fitted
from ...triptych import triptych
from ..canvas import LOCK
from ..faults import Steady
from ..painter.scene import canvas_size
from ..painter.viewport import Viewport
from ..parts import Whole
from ..signed import signed
from ..thumbnails import jpeg
from .bar import frame
from .compared import Comparable, Compared, difference
from .hands import Hands
from .sight import MODES, Sight
from .view import View

_ZOOM = 1.5
# How long pictures flicker until it is asked for again, s.
_FLICKERS = 30.0
_STATIC_HEIGHT = 260


@signed
class Compare(Whole, Steady):
    """Compare pictures: with a divider, side by side, by flickering, or by their difference.

    What the page shows is made here, of any part at any scale: it survives a reload, and what a
    drag, a button or a key does, an attribute or a method does too. Where there are no widgets, a
    small picture is shown of the two.

    Parameters
    ----------
    *pictures
        Two or more of one size: anything that `fluxfill_nb.open_image` takes, and results of fills.
        The originals of the results are compared too, so one result is enough.
    labels
        A name for each, the originals of results included and first; None for names of our own.
    mask
        What was filled: anything that `fluxfill_nb.Mask` takes. None: the mask of the results.
    width
        Of the canvas where the page has room, CSS px, 240 to 2000.

    Attributes
    ----------
    mode
        "swipe" (a divider between the two), "side" (side by side, seen from the same place),
        "flicker" (one after the other) or "difference".
    pair
        Places of the two pictures in ``labels``; names may be assigned as well.
    divider
        Where the first picture ends and the other begins, as a share of what is seen, 0 to 1.
    amplify
        How many times as large differences are shown, 1 to 16.
    flicker_rate
        Changes per second, 0.5 to 5.
    playing
        Whether the pictures flicker; after half a minute they stop.
    front
        Which of the pair is seen when they do not flicker: 0 or 1.
    outlined
        Whether the mask is outlined.
    zoom
        Canvas px per px of the pictures.
    scrolling
        Let the page scroll over the canvas.
    error
        What went wrong last.

    Raises
    ------
    fluxfill_nb.errors.InvalidInput
        There is nothing to compare, or the sizes differ.

    Examples
    --------
    >>> from PIL import Image
    >>> from fluxfill_nb.widgets.compare import Compare
    >>> before, after = (Image.new("RGB", (640, 480), colour) for colour in ("teal", "navy"))
    >>> compare = Compare(before, after, labels=["before", "after"])
    >>> compare
    <Compare 640 x 480: before | after>
    >>> compare.mode = "difference"
    >>> compare.swap()
    >>> compare.pair
    (1, 0)
    """

    mode = Enum(MODES, "swipe")
    pair = Tuple(default_value=(0, 1))
    divider = Float(0.5, min=0.0, max=1.0)
    amplify = Float(4.0, min=1.0, max=16.0)
    flicker_rate = Float(2.0, min=0.5, max=5.0)
    playing = Bool(False)
    front = Int(0, min=0, max=1)
    outlined = Bool(False)
    zoom = Float(1.0)
    scrolling = Bool(False)

    def __init__(
        self,
        *pictures: Comparable,
        labels: Sequence[str] | None = None,
        mask: MaskSource | None = None,
        width: int = 720,
    ) -> None:
        if not 240 <= width <= 2000:
            raise InvalidOption(f"The width is {width!r}: give 240 to 2000 CSS px.")
        self._compared = compared = Compared(pictures, labels, mask)
        super().__init__()
        canvas = canvas_size(compared.size, width)
        with LOCK:
            self._sight = Sight.whole(compared.size, canvas)
            first = min(compared.given.start, len(compared.labels) - 2)
            self.pair = (first, first + 1)
            self._sight = replace(self._sight, pair=self.pair)
            self.zoom = self._sight.viewport.scale
            self._view = View(compared, self._sight, width, self._hear, self._fail)
            self._hands = Hands(self, self._view, canvas[0] / width)
        self._stop: asyncio.TimerHandle | None = None
        for react, names in (
            (self._change_mode, ["mode"]),
            (self._look, ["pair", "divider", "amplify", "outlined"]),
            (self._flicker, ["playing", "flicker_rate", "front"]),
            (self._zoomed, ["zoom"]),
            (lambda: self._view.let_through(self.scrolling), ["scrolling"]),
        ):
            self.observe(lambda _, react=react: self._safely(react), names)
        stage = Box([self._view.stage], layout={"width": f"{width}px", "max_width": "100%"})
        self.children = frame(self, stage)

    # ------------------------------------------------------------------------------ the model

    @property
    def labels(self) -> tuple[str, ...]:
        """The pictures' names."""
        return self._compared.labels

    @property
    def size(self) -> Size:
        """(width, height) of each picture, px."""
        return self._compared.size

    @property
    def mask(self) -> Mask | None:
        """What was filled; None if it is not known."""
        return self._compared.mask

    @property
    def images(self) -> tuple[Image.Image, Image.Image]:
        """The two pictures that are compared, RGB; not to be changed."""
        one, other = self.pair
        return self._compared.image(one), self._compared.image(other)

    @property
    def sight(self) -> Sight:
        """What is seen, as a value."""
        return self._sight

    def swap(self) -> None:
        """Change the two pictures' places."""
        self.pair = self.pair[::-1]

    def difference(self) -> Image.Image:
        """Return how far the two pictures are apart, at full size, as it is shown."""
        return difference(*self.images, self.amplify)

    # ------------------------------------------------------------------------------ the view

    def see(self, viewport: Viewport) -> None:
        """Show a part of the pictures; its canvas is that of ``sight.viewport``."""
        with LOCK:
            self._sight = replace(self._sight, viewport=viewport)
            self._view.show(self._sight)
            self.zoom = viewport.scale

    def zoom_in(self) -> None:
        """Come closer to the middle of what is seen."""
        self._zoom_by(_ZOOM)

    def zoom_out(self) -> None:
        """Step back from the middle of what is seen."""
        self._zoom_by(1 / _ZOOM)

    def fit(self) -> None:
        """Show the whole pictures."""
        self.see(self._sight.fitted)

    def actual_size(self) -> None:
        """Show one px of the pictures as one px of the canvas."""
        self.see(self._sight.viewport.actual())

    def preview(self, height: int = _STATIC_HEIGHT) -> Image.Image:
        """Return the two pictures side by side, under their names.

        Parameters
        ----------
        height
            Of each, at most, px; never enlarged.

        Examples
        --------
        >>> from PIL import Image
        >>> from fluxfill_nb.widgets.compare import Compare
        >>> Compare(Image.new("L", (64, 48)), Image.new("L", (64, 48))).preview().size
        (164, 87)
        """
        panels = []
        for place, image in zip(self.pair, self.images, strict=True):
            size = fitted(image.size, (max(1, round(1.6 * height)), height))
            small = image
            if size < image.size:
                small = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
            if self.outlined and self.mask is not None:
                small = self.mask.resize(small.size).preview(small, opacity=0)
            panels.append((self.labels[place], small))
        return triptych(panels, height=height)

    def close(self) -> None:
        """Take the comparer off the page."""
        with LOCK:
            if hasattr(self, "_view"):
                self.playing = False
                self._view.close()
            super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return bundle | {"image/jpeg": jpeg(self.preview())}

    def __repr__(self) -> str:
        width, height = self.size
        one, other = (self.labels[place] for place in self.pair)
        return f"<Compare {width} x {height}: {one} | {other}>"

    # ------------------------------------------------------------------------------ what it hears

    @validate("pair")
    def _known(self, proposal: Any) -> tuple[int, int]:
        labels = self._compared.labels
        names = dict(zip(labels, range(len(labels)), strict=True))
        given = tuple(proposal["value"])
        pair = tuple(names.get(each, each) for each in given)
        if len(pair) != 2 or not all(place in names.values() for place in pair):
            known = ", ".join(f"{place} ({name})" for name, place in names.items())
            raise InvalidOption(f"The pair is {given!r}: give two of {known}.")
        return pair

    @validate("outlined")
    def _has_mask(self, proposal: Any) -> bool:
        if proposal["value"] and self.mask is None:
            raise InvalidMask("There is no mask to outline: give one, Compare(…, mask=mask).")
        return bool(proposal["value"])

    def _change_mode(self) -> None:
        self._sight = self._sight.in_mode(self.mode)
        self.playing = self.mode == "flicker"
        self._view.show(self._sight)
        self.zoom = self._sight.viewport.scale

    def _look(self) -> None:
        self._sight = replace(
            self._sight, pair=self.pair, divider=self.divider, amplify=self.amplify,
            outlined=self.outlined,
        )  # fmt: skip
        self._view.show(self._sight)

    def _flicker(self) -> None:
        if self._stop is not None:
            self._stop.cancel()
        beat = (self.flicker_rate, round(_FLICKERS * self.flicker_rate)) if self.playing else None
        self._view.flicker(beat, self.front)
        if self.playing:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # the page stops by itself
            self._stop = loop.call_later(_FLICKERS, lambda: setattr(self, "playing", False))

    def _zoomed(self) -> None:
        view = self._sight.viewport
        if self.zoom != view.scale:
            self.see(view.at_scale(self.zoom))

    def _zoom_by(self, factor: float) -> None:
        view = self._sight.viewport
        self.see(view.at_scale(view.scale * factor))

    def _hear(self, event: str, *told: Any) -> None:
        self._safely(lambda: self._hands.hear(event, *told))

    def _safely(self, action: Callable[[], None]) -> None:
        """Do what a page or a trait asks for; what goes wrong is shown, and it goes on."""
        with LOCK, self._view.together():
            try:
                action()
            except Exception as error:
                self._fail(error)
