"""From a page to a figure."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox, BboxTransformTo
from PIL import Image

from ..errors import FluxFillError
from ..mask import Size
from ..result import FillResult
from ..showing import Showing, difference_colours, fitted
from .contents import Cell, number_text
from .figures import DPI, Shown
from .fonts import drawable, font, measured
from .layout import FAINT, INK, LINE, Box, Page, Text, wrapped

if TYPE_CHECKING:
    from matplotlib.backend_bases import RendererBase

# One px of the layout is a pixel of the figure as it is shown.
_POINTS = 72 / DPI
_COLOURS = colormaps["viridis"]
_DARK = 0.45  # luminance below which text on a colour is white
_FRAME = (0.0, 0.0, 0.0, 0.2)
_EMPTY, _FAILED = ("#f4f4f4", "#c9c9c9", FAINT), ("#faf0ee", "#dcb9b3", "#97362a")
_STAR = "#ffc83d"

Paint = Callable[[Size], Image.Image]
"""Makes a picture of at most a size."""


class _Pictures(Artist):
    """Draws all pictures of a figure, each made for exactly the pixels that it gets."""

    def __init__(self, pictures: Sequence[tuple[Box, Paint]]) -> None:
        super().__init__()
        self._pictures = pictures

    def draw(self, renderer: RendererBase) -> None:
        """Draw what is in view."""
        assert self.axes is not None
        if not self.get_visible():
            return
        per_unit = renderer.get_image_magnification()
        is_raster = per_unit == 1
        context = renderer.new_gc()
        context.set_clip_rectangle(self.axes.bbox)
        context.set_foreground(_FRAME, isRGBA=True)
        context.set_linewidth(renderer.points_to_pixels(0.5))  # type: ignore[arg-type]
        context.set_snap(True)
        view = self.axes.bbox
        for box, paint in self._pictures:
            corners = [(box.left, box.top + box.height), (box.left + box.width, box.top)]
            (left, bottom), (right, top) = self.axes.transData.transform(corners)
            if is_raster:  # else the resampling of half a pixel would blur
                left, bottom, right, top = map(round, (left, bottom, right, top))
            if right <= view.x0 or left >= view.x1 or top <= view.y0 or bottom >= view.y1:
                continue
            size = round((right - left) * per_unit), round((top - bottom) * per_unit)
            image = paint((max(1, size[0]), max(1, size[1])))
            width, height = image.width / per_unit, image.height / per_unit
            x, y = (left + right - width) / 2, (bottom + top - height) / 2
            if is_raster:
                x, y = math.floor(x), math.floor(y)
            pixels = np.full((image.height, image.width, 4), 255, np.uint8)
            pixels[::-1, :, :3] = np.asarray(image)
            renderer.draw_image(context, x, y, pixels)
            frame = BboxTransformTo(Bbox.from_bounds(x, y, width, height))
            renderer.draw_path(context, Outline.unit_rectangle(), frame)
        context.restore()


def draw(page: Page[Cell], extent: tuple[float, float], show: str, showing: Showing) -> Figure:
    """A figure of a page: one Axes whose data are px."""
    figure = Shown(of_photos=True, figsize=(page.width / DPI, page.height / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, page.width), ylim=(page.height, 0))
    axes.set_axis_off()
    axes.set_autoscale_on(False)
    pictures: list[tuple[Box, Paint]] = []
    for box, cell in page.spots:
        match cell.kind:
            case "number":
                _write_number(axes, box, cell.number, extent)
            case "none":
                _write_reason(axes, box, cell, page.text)
            case _:
                pictures.append((box, functools.partial(_paint, showing, cell, show)))
        if cell.stars:
            size = min(1.1 * page.text, box.height / 5)
            place = Text(box.left + 0.35 * size, box.top + box.height - 1.4 * size,
                         ("★" * cell.stars,), size, colour=_STAR)  # fmt: skip
            for artist in _write(axes, place):
                artist.set_path_effects([withStroke(linewidth=0.25 * size, foreground=INK)])
    if page.bar is not None:
        colours = difference_colours()
        if any(spot.content.kind == "number" for spot in page.spots):
            colours = (_COLOURS(np.arange(256))[:, :3] * 255).round().astype(np.uint8)
        ramp = Image.fromarray(colours[None])
        pictures.append((page.bar, ramp.resize))
    axes.add_artist(_Pictures(pictures))
    for text in page.texts:
        _write(axes, text)
    return figure


def _paint(showing: Showing, cell: Cell, show: str, size: Size) -> Image.Image:
    """The picture of a cell, of its own proportions within this size."""
    request = cell.point.request
    size = fitted(showing.natural_size(request, show), size)
    if not isinstance(cell.outcome, FillResult):
        return showing.original(request, size, show)
    try:
        return showing.picture(cell.outcome, size, show, request=request)
    except FluxFillError:
        return Image.new("RGB", size, _FAILED[0])


def _write_number(axes: Axes, box: Box, number: float, extent: tuple[float, float]) -> None:
    low, high = extent
    is_known = math.isfinite(number)
    colour = _COLOURS((number - low) / (high - low) if high > low else 0.5)
    luminance = float(np.dot(colour[:3], (0.299, 0.587, 0.114)))
    _fill(axes, box, colour if is_known else _EMPTY[0], "none")
    size = min(0.36 * box.height, box.width / 4.5)
    ink = (INK if luminance > _DARK else "white") if is_known else FAINT
    text = number_text(number)
    middle = box.top + (box.height - size * LINE) / 2
    _write(axes, Text(box.left + box.width / 2, middle, (text,), size, "center", ink))


def _write_reason(axes: Axes, box: Box, cell: Cell, text: float) -> None:
    """A cell without a picture: in what state it is, and why, as far as there is room."""
    word, reason = cell.why
    paper, edge, ink = _EMPTY if cell.outcome is None else _FAILED
    _fill(axes, box, paper, edge, dashed=cell.outcome is None)
    room = 0.88 * box.width
    title = min(0.95 * text, 0.95 * text * room / measured(word, 0.95 * text, True), box.height / 2)
    small = max(0.8 * title, 9.0)
    lines: tuple[str, ...] = ()
    most = int((0.9 * box.height - title * LINE) / (small * LINE))
    if reason and most > 0 and room > 5 * small:
        lines = wrapped(reason, room, lambda line: measured(line, small, False), most)
    top = box.top + (box.height - title * LINE - len(lines) * small * LINE) / 2
    middle = box.left + box.width / 2
    _write(axes, Text(middle, top, (word,), title, "center", ink, bold=True))
    _write(axes, Text(middle, top + title * LINE, lines, small, "center", ink))


def _fill(axes: Axes, box: Box, paper: Any, edge: str, *, dashed: bool = False) -> None:
    style = (0, (4, 3)) if dashed else "solid"
    axes.add_patch(
        Rectangle((box.left, box.top), box.width, box.height, facecolor=paper, edgecolor=edge,
                  linewidth=0.8, linestyle=style)
    )  # fmt: skip


def _write(axes: Axes, text: Text) -> list[Any]:
    """Put lines of text on the page; their capitals stand in the middle of their lines."""
    return [
        axes.text(
            text.x, text.y + (number + 0.5) * text.size * LINE + 0.36 * text.size, drawable(line),
            ha=text.align, va="baseline", color=text.colour, parse_math=False, usetex=False,
            fontproperties=font(text.size * _POINTS, text.bold),
        )
        for number, line in enumerate(text.lines)
    ]  # fmt: skip
