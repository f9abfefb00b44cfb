"""The painter's canvas: what of its scene is drawn when.

The layers are picture, mask and marks. Two hidden canvases hold picture and mask as they were last
rendered; while the view moves, they are drawn scaled and shifted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...painting import Stroke
from ...painting.operation import IntBox
from ..canvas import CanvasView
from .cursor import LARGEST, pointer_css
from .marks import draw_ink, draw_shape, inked
from .outcomes import Shape
from .pictures import CRISP, joined, render_mask, render_outline
from .scene import Scene

# What the eraser draws where there is no ink to take away.
_RUBBER = "#303030"


class View(CanvasView):
    """Draws a scene, and hears what is done on it.

    Parameters
    ----------
    scene
        What is drawn.
    width
        Of the canvas where the page has room, CSS px.
    hear
        Called with the name of each event and what ipycanvas tells of it.
    fail
        Called with what went wrong in a draw.
    """

    ALL = frozenset({"sharp", "picture", "picture layer", "mask layer", "marks"})

    def __init__(
        self,
        scene: Scene,
        width: int,
        hear: Callable[..., None],
        fail: Callable[[Exception], None],
    ) -> None:
        super().__init__(scene.viewport.canvas, 3, 2, hear, fail)
        self._scene = scene
        self._width = width
        self._picture, self._ink = self._hidden
        self._rendered = scene.viewport
        self._look = scene.look
        self._live: list[Stroke] = []
        self._drawn = 0
        # The shape that was given last, and what is drawn of it.
        self._given: Shape | None = None
        self._shape: Shape | None = None
        self._box: IntBox | None = None

    # ------------------------------------------------------------------------------ what is new

    def moved(self) -> None:
        """Show the scene's viewport: at once what there is, sharp when it has settled."""
        self.show(self._given)
        self._ask("picture layer", "mask layer", "marks")
        self._settle()

    def looks_different(self) -> None:
        """Show the scene's look."""
        old, self._look = self._look, self._scene.look
        if (old.show, old.ink) != (self._look.show, self._look.ink):
            self._box = self._whole
        self._ask("mask layer")

    def has_new_picture(self) -> None:
        """Show the scene's picture."""
        self._ask("picture", "picture layer")

    def changed(self, box: IntBox) -> None:
        """Show what the mask is now inside a box, px of the picture."""
        self._box = joined(self._box, box)
        self._ask("mask layer")

    def ink(self, stroke: Stroke) -> None:
        """Draw a piece of the stroke under way."""
        self._live.append(stroke)
        self._ask("mask layer")

    def show(self, shape: Shape | None) -> None:
        """Draw a shape instead of the one before."""
        self._given = shape
        if shape is not None and shape.kind == "ring" and shape.size * self._scale <= LARGEST:
            shape = None  # the pointer is that ring
        if shape != self._shape:
            self._shape = shape
            self._ask("marks")

    def forget(self) -> None:
        """Take back live ink and shape; what the mask is there is shown instead."""
        self.show(None)
        if self._live:
            self._box = joined(self._box, inked(self._live, self._rendered))
            self._live = []
            self._ask("mask layer")

    # ------------------------------------------------------------------------------ the pointer

    def point(self, brush: float | None, cursor: str = "crosshair") -> None:
        """Give the pointer its shape: a ring as large as the brush, px of the picture."""
        diameter = None if brush is None else brush * self._scale
        if brush is not None and self._given is not None and self._given.kind == "ring":
            self.show(replace(self._given, size=brush))
        self._style(pointer_css(f".{self._css} .ffnb-pad", diameter, self._width, cursor))

    # ------------------------------------------------------------------------------ drawing

    @property
    def _scale(self) -> float:
        """CSS px per px of the picture, where the page has room."""
        return self._scene.viewport.scale * self._width / self._scene.viewport.canvas[0]

    @property
    def _whole(self) -> IntBox:
        return (0, 0, *self._scene.viewport.picture)

    def _draw_stale(self, stale: set[str]) -> None:
        scene = self._scene
        box, self._box = self._box, None
        if "sharp" in stale:
            self._rendered = scene.viewport
            box = self._whole
        if "picture" in stale:
            self._picture.clear()
            self._put(self._picture, scene.backdrop.render(self._rendered))
        if box is not None:
            self._render_mask(box)
        if self._drawn < len(self._live):
            rubber = _RUBBER if scene.look.show in ("outline", "picture") else None
            pieces = self._live[self._drawn :]
            draw_ink(self._ink, pieces, self._rendered, scene.look.ink, rubber)
            self._drawn = len(self._live)
        if "picture layer" in stale:
            self._compose(self._layers[0], self._picture)
        if "mask layer" in stale:
            look = scene.look
            # Lines are seen as they are; the ink among them lets the picture through.
            solid = look.show == "mask" or (look.show == "outline" and not self._live)
            self._compose(
                self._layers[1], self._ink, 1.0 if solid else look.opacity,
                ground="#000000" if look.show == "mask" else None,
            )  # fmt: skip
        if "marks" in stale:
            layer = self._layers[2]
            layer.clear()
            if self._shape is not None:
                draw_shape(layer, self._shape, scene.viewport, scene.handles)

    def _render_mask(self, box: IntBox) -> None:
        ink, view, look = self._ink, self._rendered, self._scene.look
        if box == self._whole:
            # Ink beyond the picture would vanish with the end of the stroke.
            ink.restore()
            ink.save()
            ink.clear()
            ink.begin_path()
            ink.rect(view.x, view.y, view.picture[0] * view.scale, view.picture[1] * view.scale)
            ink.clip()
        pixels = self._scene.pixels
        patch = None
        if look.show == "outline":
            patch = render_outline(pixels, view, box)
        elif look.show != "picture":
            patch = render_mask(pixels, view, box, look.ink)
        ink.global_composite_operation = "source-over"
        if patch is not None:
            ink.clear_rect(
                patch.left, patch.top, patch.right - patch.left, patch.bottom - patch.top
            )
            self._put(ink, patch)
        elif look.show == "picture":
            ink.clear()
        self._drawn = 0

    def _compose(
        self, layer: Any, source: Any, opacity: float = 1.0, ground: str | None = None
    ) -> None:
        """Draw a source on its layer, from where it was rendered to where it is seen now."""
        was, now = self._rendered, self._scene.viewport
        scale = now.scale / was.scale
        layer.reset_transform()
        layer.clear()
        layer.set_transform(scale, 0, 0, scale, now.x - scale * was.x, now.y - scale * was.y)
        layer.image_smoothing_enabled = now.scale < CRISP
        layer.global_alpha = opacity
        if ground is not None:
            layer.fill_style = ground
            width, height = was.picture
            layer.fill_rect(was.x, was.y, width * was.scale, height * was.scale)
        layer.draw_image(source)
