"""Figures as pixels, and as notebooks show them."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..images import encode_png
from .fonts import DRAWING

DPI = 100
"""Of grids as they are laid out, and shown."""

_QUALITY = 88


class Shown(Figure):
    """A figure on white that a notebook shows though nobody has loaded pyplot.

    Parameters
    ----------
    of_photos
        Whether it is shown as a JPEG; else as a PNG.
    **how
        As matplotlib takes it.
    """

    def __init__(self, *, of_photos: bool, **how: Any) -> None:
        super().__init__(facecolor="white", **how)
        FigureCanvasAgg(self)
        self._of_photos = of_photos

    def _repr_jpeg_(self) -> bytes | None:
        return as_jpeg(self, self.dpi) if self._of_photos else None

    def _repr_png_(self) -> bytes | None:
        if self._of_photos:
            return None
        with DRAWING:
            return encode_png(rendered(self, self.dpi).convert("RGB"))


def rendered(figure: Figure, dpi: float) -> Image.Image:
    """Return the figure as a picture, mode RGBX: its canvas, not copied.

    Drawn once, which is less than ``figure.savefig`` does. JPEG takes it so.
    """
    canvas, own_dpi = figure.canvas, figure.dpi
    try:
        figure.dpi = dpi
        drawing = FigureCanvasAgg(figure)
        drawing.draw()  # type: ignore[no-untyped-call]
        size = drawing.get_width_height(physical=True)
        pixels: Any = drawing.buffer_rgba()  # type: ignore[no-untyped-call]
        return Image.frombuffer("RGBX", size, pixels, "raw", "RGBX", 0, 1)
    finally:
        figure.dpi = own_dpi
        figure.set_canvas(canvas)


def as_jpeg(figure: Figure, dpi: float) -> bytes:
    """Return the figure as notebooks show photos."""
    buffer = io.BytesIO()
    with DRAWING:
        rendered(figure, dpi).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
