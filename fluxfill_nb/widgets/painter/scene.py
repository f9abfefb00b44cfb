"""The scene: what the canvas shows, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...mask import Size
from ...painting.operation import Grey, IntBox
from .pictures import Pyramid
from .viewport import Viewport

# Canvas px per CSS px, so that pictures are sharp on fine screens too, as long as it is no more
# than this many in all: what a page draws at each move goes through all of them.
_FINE = 1.5
_LARGEST_CANVAS = 0.6e6
# Height of the canvas, of its width.
_TALLEST, _FLATTEST = 0.8, 0.4


@dataclass(frozen=True, slots=True)
class Look:
    """How the mask is shown: "overlay", "outline", "mask" or "picture"; colour and opacity."""

    show: str = "overlay"
    colour: str = "#ff3b5c"
    opacity: float = 0.5

    @property
    def ink(self) -> str:
        """Colour of the mask."""
        return "#ffffff" if self.show == "mask" else self.colour


@dataclass
class Scene:
    """What a view shows. Whoever changes it tells the view.

    Attributes
    ----------
    viewport
        Which part, and how large.
    look
        How the mask is shown.
    backdrop
        The picture.
    pixels
        Gives the mask's values in a box, px.
    handles
        Whether the corners of a shape that is being made are points to click.
    """

    viewport: Viewport
    look: Look
    backdrop: Pyramid
    pixels: Callable[[IntBox], Grey]
    handles: bool = False


def canvas_size(picture: Size, width: int) -> Size:
    """Return (width, height), canvas px: as tall as the picture needs, and fine enough.

    Parameters
    ----------
    picture
        (width, height), px.
    width
        Of the canvas, CSS px.
    """
    height = width * min(max(picture[1] / picture[0], _FLATTEST), _TALLEST)
    fine = min(_FINE, (_LARGEST_CANVAS / (width * height)) ** 0.5)
    return round(width * fine), round(height * fine)
