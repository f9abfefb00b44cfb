"""What is drawn as lines: live ink, rubber bands, and the ring of a large brush."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...painting import Stroke
from ...painting.operation import IntBox
from .outcomes import Shape
from .viewport import Viewport

# One of the two lines stands out from whatever is beneath.
_DARK, _LIGHT = "#000000", "#ffffff"
_WIDE, _NARROW = 3.5, 1.5
# Half the side of a handle, canvas px.
_HANDLE = 4.0


def draw_ink(
    canvas: Any, strokes: Sequence[Stroke], viewport: Viewport, colour: str, rubber: str | None
) -> None:
    """Draw strokes as opaque lines; those of the eraser take ink away, or have a colour too.

    A soft brush is drawn as wide as it is half opaque.

    Parameters
    ----------
    canvas
        An ipycanvas ``Canvas``.
    strokes
        Pieces of one or several strokes; a piece begins where the one before ends.
    viewport
        Of the canvas.
    colour
        Of the ink.
    rubber
        Colour of what is erased; None where ink is taken away.
    """
    canvas.line_cap = canvas.line_join = "round"
    for stroke, points in _lines(strokes):
        erased = stroke.mode == "subtract"
        canvas.global_composite_operation = (
            "destination-out" if erased and rubber is None else "source-over"
        )
        shade = rubber if erased and rubber is not None else colour
        width = max(1.0, stroke.size * (1 + stroke.hardness) / 2 * viewport.scale)
        line = _on_canvas(points, viewport)
        if len(line) == 1 or not np.ptp(line, axis=0).any():
            canvas.fill_style = shade
            canvas.fill_circle(float(line[0, 0]), float(line[0, 1]), width / 2)
        else:
            canvas.stroke_style = shade
            canvas.line_width = width
            canvas.stroke_lines(line)
    canvas.global_composite_operation = "source-over"


def inked(strokes: Sequence[Stroke], viewport: Viewport) -> IntBox:
    """Return what the lines that `draw_ink` draws for strokes may cover, px of the picture."""
    reach = max(stroke.size for stroke in strokes) / 2 + 2 + 2 / viewport.scale
    columns, rows = zip(*(point for stroke in strokes for point in stroke.points), strict=True)
    left, right, top, bottom = (
        min(max(round(edge), 0), side)
        for values, side in zip((columns, rows), viewport.picture, strict=True)
        for edge in (min(values) - reach, max(values) + reach)
    )
    return left, top, right, bottom


def draw_shape(canvas: Any, shape: Shape, viewport: Viewport, handles: bool) -> None:
    """Draw a shape as a dark and a light line, with a handle at each corner if asked for."""
    outlines = [line for line in _outlines(shape, viewport) if len(line) > 1]
    canvas.line_cap = canvas.line_join = "round"
    # What takes away is dashed.
    canvas.set_line_dash([6, 5] if shape.mode == "subtract" and shape.kind != "ring" else [])
    for colour, width in ((_DARK, _WIDE), (_LIGHT, _NARROW)):
        canvas.stroke_style = colour
        canvas.line_width = width
        for line in outlines:
            canvas.stroke_lines(line)
        canvas.set_line_dash([])
    if handles:
        for place, (x, y) in enumerate(_on_canvas(shape.points, viewport).tolist()):
            # The first corner closes the outline: a larger one is easier to hit.
            half = _HANDLE * (1.5 if place == 0 else 1)
            canvas.fill_style = _DARK
            canvas.fill_rect(x - half - 1, y - half - 1, 2 * half + 2)
            canvas.fill_style = _LIGHT
            canvas.fill_rect(x - half, y - half, 2 * half)


def _lines(strokes: Sequence[Stroke]) -> Iterator[tuple[Stroke, list[tuple[float, float]]]]:
    """Pieces joined to lines, as long as the brush stays the same."""
    line: list[tuple[float, float]] = []
    last: Stroke | None = None
    for stroke in strokes:
        same = last is not None and (stroke.size, stroke.hardness, stroke.mode) == (
            last.size, last.hardness, last.mode
        )  # fmt: skip
        if same and line[-1] == stroke.points[0]:
            line.extend(stroke.points[1:])
        else:
            if last is not None:
                yield last, line
            line = list(stroke.points)
        last = stroke
    if last is not None:
        yield last, line


def _outlines(shape: Shape, viewport: Viewport) -> Iterator[npt.NDArray[np.float32]]:
    """The lines to draw for a shape, canvas px."""
    points = _on_canvas(shape.points, viewport)
    radius = shape.size / 2 * viewport.scale
    if shape.kind == "ring":
        yield _oval(points[0] - radius, points[0] + radius)
    elif shape.kind == "ellipse":
        yield _oval(points[0], points[1])
    elif shape.kind == "rectangle":
        (left, top), (right, bottom) = points
        yield np.array(
            [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], np.float32
        )
    else:
        yield np.concatenate((points, points[:1])) if shape.closed else points
        # A line of the brush: its two ends as well, where it is wider than the line drawn.
        if radius > _WIDE:
            yield from (_oval(end - radius, end + radius) for end in (points[0], points[-1]))


def _oval(near: npt.NDArray[np.float32], far: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """An ellipse in a box, as a line of so many points that none is seen as a corner."""
    radii = np.abs(far - near) / 2
    count = max(24, min(360, math.ceil(float(radii.max()))))
    angle = np.linspace(0, 2 * math.pi, count + 1)
    turn = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    return np.asarray((near + far) / 2 + radii * turn, np.float32)


def _on_canvas(
    points: Sequence[tuple[float, float]], viewport: Viewport
) -> npt.NDArray[np.float32]:
    array = np.asarray(points, np.float64) * viewport.scale + (viewport.x, viewport.y)
    return array.astype(np.float32)
