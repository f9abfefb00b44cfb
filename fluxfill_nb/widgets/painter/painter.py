"""The mask painter: a picture to paint on, in a notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipywidgets import Box
from PIL import Image, ImageColor

from ...errors import InvalidImage, InvalidOption
from ...images import ImageSource, encode_png, open_image
from ...mask import Mask, MaskSource, Size
from ...painting import Load, Log, Painting, Verbs
from ...painting.operation import IntBox, Operation
from ..canvas import LOCK
from ..parts import Whole
from ..signed import signed
from . import tools as tools_
from .dials import SHOWS, SIZES, Dials
from .hands import Hands
from .outcomes import GestureKind, Point
from .pictures import Pyramid
from .scene import Look, Scene, canvas_size
from .toolbar import frame
from .tools import BUILT_IN, Tool, ToolFunction
from .view import View
from .viewport import Viewport

_ZOOM = 1.5
_BRUSHES = ("brush", "eraser", "line")
_STATIC_SIDE, _STATIC_COLOURS = 480, 64
# Share of the picture's shorter side that the brush has at first.
_BRUSH = 0.05


@signed
class MaskPainter(Whole, Dials, Verbs):
    """Paint on a picture what is to be filled: with the mouse, with fingers, keys, or in code.

    The mask is kept here, at the picture's full size, and the page shows it: it survives a reload,
    and what a tool does, a method does too, and the log tells in Python. The attributes that can be
    set and observed are those of `fluxfill_nb.widgets.painter.dials.Dials`.

    Parameters
    ----------
    image
        Anything that `fluxfill_nb.open_image` takes; or another painter's ``painting``, to show
        that one once more.
    mask
        To begin with: anything that `fluxfill_nb.Mask` takes, of the picture's size.
    width
        Of the canvas where the page has room, CSS px, 240 to 2000.

    Examples
    --------
    >>> from PIL import Image
    >>> from fluxfill_nb.widgets.painter import MaskPainter
    >>> painter = MaskPainter(Image.new("RGB", (640, 480), "teal"))
    >>> painter.rectangle((100, 50, 300, 250))
    >>> painter.mask
    <Mask 640 x 480, fills 13.0 % in (100, 50, 300, 250)>
    >>> painter.undo()
    (100, 50, 300, 250)
    """

    def __init__(
        self, image: ImageSource | Painting, mask: MaskSource | None = None, *, width: int = 720
    ) -> None:
        if not 240 <= width <= 2000:
            raise InvalidOption(f"The width is {width!r}: give 240 to 2000 CSS px.")
        # What can be wrong comes first: a widget that was begun would stay on all pages.
        if not isinstance(image, Painting):
            image = Painting(image, mask)
        elif mask is not None:
            raise InvalidOption("A painting has its mask: assign painter.mask to replace it.")
        self._width = width
        self._after: Pyramid | None
        # Where the canvas is put; frames look at its width.
        self._stage = Box(layout={"width": f"{self._width}px", "max_width": "100%"})
        super().__init__()
        with LOCK:
            self._begin(image)
        for react, names in (
            (self._take_up_tool, ["tool"]),
            (self._point, ["brush_size"]),
            (self._show_look, ["overlay_color", "overlay_opacity", "show", "peek"]),
            (self._zoomed, ["zoom"]),
            (lambda: self._view.let_through(self.scrolling), ["scrolling"]),
        ):
            self.observe(lambda _, react=react: self._safely(react), names)
        self.children = frame(self, self._stage)

    # ------------------------------------------------------------------------------ the model

    @property
    def painting(self) -> Painting:
        """The picture, its mask and its history; may be shared with another painter."""
        return self._painting

    @painting.setter
    def painting(self, painting: Painting) -> None:
        with LOCK:
            self._forget_painting()
            self._view.close()
            self._begin(painting)

    @property
    def image(self) -> Image.Image:
        """The picture, RGB. Assign another to begin anew."""
        return self._painting.image

    @image.setter
    def image(self, image: ImageSource) -> None:
        self.painting = Painting(image)

    @property
    def mask(self) -> Mask:
        """What is painted. Assign a mask to replace it, which can be undone."""
        return self._painting.mask

    @mask.setter
    def mask(self, mask: MaskSource) -> None:
        self._painting.mask = mask

    @property
    def after(self) -> Image.Image | None:
        """What ``peek`` shows instead of the picture, such as a fill of it; None for nothing."""
        return None if self._after is None else self._after.image

    @after.setter
    def after(self, image: ImageSource | None) -> None:
        after = None if image is None else open_image(image).convert("RGB")
        if after is not None and after.size != self.size:
            raise InvalidImage(
                f"The picture to compare with has {after.width} x {after.height} px, this one "
                f"{self.size[0]} x {self.size[1]} px: they must have the same size."
            )
        with LOCK:
            self._after = None if after is None else Pyramid(after)
            self._show_look()

    @property
    def size(self) -> Size:
        """(width, height) of the picture, px."""
        return self._painting.size

    @property
    def log(self) -> Log:
        """What was done, as operations: JSON, a digest, and Python that repeats it."""
        return self._painting.log

    @property
    def coverage(self) -> float:
        """Share of the picture that is filled, 0 to 1."""
        return self._painting.coverage

    @property
    def bbox(self) -> IntBox | None:
        """Smallest (left, top, right, bottom) that holds all that is filled, px; None if empty."""
        return self._painting.bbox

    def apply(self, operation: Operation) -> IntBox | None:
        """Do one operation; return the box that it changed, px, or None if it changed nothing."""
        return self._painting.apply(operation)

    def undo(self) -> IntBox | None:
        """Take the last operation back; return the box that has changed, px."""
        return self._painting.undo()

    def redo(self) -> IntBox | None:
        """Do again what was undone last; return the box that has changed, px."""
        return self._painting.redo()

    # ------------------------------------------------------------------------------ tools

    def add_tool(
        self,
        name: str,
        function: ToolFunction,
        *,
        gesture: GestureKind = "click",
        tooltip: str = "",
        icon: str | None = None,
    ) -> None:
        """Add a tool that any function may be: a button beside the others.

        Parameters
        ----------
        name
            Of the tool, and what its button says.
        function
            Called as ``function(image, mask, points)`` with the picture, uint8 of shape ``(height,
            width, 3)``, the mask, uint8 of shape ``(height, width)``, and the points, (x, y) in px.
            It gives the new mask: a `fluxfill_nb.Mask`, or an array of shape ``(height, width)``,
            bool, uint8 or float in [0, 1].
        gesture
            How its points are given: "click" (one), "clicks" (several), "stroke" (a drag) or
            "box" (two corners).
        tooltip
            What it does, one sentence.
        icon
            SVG markup inside an ``<svg>`` of 20 by 20, or None for its name alone.

        Notes
        -----
        A model that segments by clicks, such as SAM (not run here: it needs its weights)::

            predictor = segment_anything.SamPredictor(model)

            def sam(image, mask, points):
                predictor.set_image(image)
                labels = np.ones(len(points))
                masks, scores, _ = predictor.predict(np.array(points), labels)
                return masks[scores.argmax()] | (mask > 127)

            painter.add_tool("SAM", sam, gesture="clicks", tooltip="Click what to fill, then Enter")

        Examples
        --------
        With scikit-image, what hangs together and is about as green as the clicked pixel:

        >>> import fluxfill_nb as ff
        >>> from skimage import data, segmentation
        >>> def alike(image, mask, points):
        ...     x, y = points[0]
        ...     found = segmentation.flood(image[:, :, 1], (int(y), int(x)), tolerance=30)
        ...     return found | (mask > 127)
        >>> painter = ff.MaskPainter(data.coffee())
        >>> painter.add_tool("alike", alike, tooltip="Fill what is about as green")
        >>> painter.use_tool("alike", [(300, 150)])
        >>> painter.coverage > 0
        True
        """
        tool = tools_.plugged_in(name, function, gesture, tooltip, icon)
        if name in {built_in.name for built_in in BUILT_IN}:
            raise InvalidOption(f"There is a tool {name!r} already: choose another name.")
        self.tools = (*(other for other in self.tools if other.name != name), tool)

    def use_tool(self, name: str, points: list[Point]) -> None:
        """Do what a plugged-in tool does.

        Parameters
        ----------
        name
            The tool's, as `add_tool` was given it.
        points
            (x, y) pairs, px.
        """
        tool = next((tool for tool in self.tools if tool.name == name and tool.function), None)
        if tool is None:
            raise InvalidOption(f"No tool {name!r} is plugged in: add_tool() does that.")
        painting = self._painting
        made = tools_.use(tool, painting.image, painting.mask, points)
        self.apply(Load.of(made, made_by=name))

    def swap(self) -> None:
        """Change from brush to eraser or back; with shapes, from adding to subtracting or back."""
        if self.tool in ("brush", "eraser"):
            self.tool = "brush" if self.tool == "eraser" else "eraser"
        else:
            self.mode = "add" if self.mode == "subtract" else "subtract"

    def close_shape(self) -> None:
        """Close the outline that is being made point by point."""
        with LOCK, self._view.together():
            self._hands.close()

    def cancel(self) -> None:
        """Drop the gesture under way."""
        with LOCK, self._view.together():
            self._hands.cancel()

    @property
    def chosen(self) -> Tool:
        """The tool that ``tool`` names."""
        tool: Tool = next(tool for tool in self.tools if tool.name == self.tool)
        return tool

    # ------------------------------------------------------------------------------ the view

    def see(self, viewport: Viewport) -> None:
        """Show that part of the picture which a viewport has."""
        with LOCK:
            self._scene.viewport = viewport
            self._view.moved()
            self.zoom = viewport.scale
            self._point()

    def zoom_in(self) -> None:
        """Come closer to the middle of what is seen."""
        self._zoom_by(_ZOOM)

    def zoom_out(self) -> None:
        """Step back from the middle of what is seen."""
        self._zoom_by(1 / _ZOOM)

    def fit(self) -> None:
        """Show the whole picture."""
        self.see(Viewport.fit(self.size, self._scene.viewport.canvas))

    def actual_size(self) -> None:
        """Show one px of the picture as one px of the canvas."""
        self.see(self._scene.viewport.actual())

    def show_next(self) -> None:
        """Show the mask in the next way."""
        self.show = SHOWS[(SHOWS.index(self.show) + 1) % len(SHOWS)]

    def preview(self, max_side: int = 1024) -> Image.Image:
        """Return the picture with the mask marked on it.

        Parameters
        ----------
        max_side
            Longest side, px; never enlarged.

        Examples
        --------
        >>> from PIL import Image
        >>> from fluxfill_nb.widgets.painter import MaskPainter
        >>> MaskPainter(Image.new("RGB", (640, 480))).preview(max_side=320).size
        (320, 240)
        """
        if max_side < 1:
            raise InvalidOption(f"max_side is {max_side!r} px: it must be 1 or above.")
        picture = self.image.copy()
        picture.thumbnail((max_side, max_side))
        colour = ImageColor.getrgb(self.overlay_color)
        return self.mask.resize(picture.size).preview(
            picture, colour=colour[:3], opacity=self.overlay_opacity
        )

    def close(self) -> None:
        """Take the painter off the page."""
        with LOCK:
            if hasattr(self, "_view"):
                self._forget_painting()
                self._view.close()
            super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        picture = self.preview(_STATIC_SIDE).quantize(_STATIC_COLOURS, dither=Image.Dither.NONE)
        return bundle | {"image/png": encode_png(picture)}

    def __repr__(self) -> str:
        return repr(self.mask).replace("<Mask", "<MaskPainter")

    # ------------------------------------------------------------------------------ what it hears

    def _begin(self, painting: Painting) -> None:
        """Put another picture on the stage."""
        canvas = canvas_size(painting.size, self._width)
        self._painting = painting
        self._after = None
        self._picture = Pyramid(painting.image)
        self._scene = Scene(
            Viewport.fit(painting.size, canvas), Look(), self._picture, painting.pixels
        )
        self._view = View(self._scene, self._width, self._hear, self._fail)
        self._hands = Hands(self, self._scene, self._view)
        self._stage.children = (self._view.stage,)
        self._forget_painting = painting.on_change(self._changed)
        self.brush_size = max(SIZES[0], round(min(*painting.size, 20 * SIZES[1]) * _BRUSH))
        self.zoom = self._scene.viewport.scale
        self._mirror()
        self._take_up_tool()
        self._show_look()
        self._view.let_through(self.scrolling)

    def _hear(self, event: str, *told: Any) -> None:
        self._safely(lambda: self._hands.hear(event, *told))

    def _changed(self, box: IntBox) -> None:
        def show() -> None:
            self._view.changed(box)
            self.error = ""
            self._mirror()

        self._safely(show)

    def _mirror(self) -> None:
        """Tell by traits what the painting is now."""
        self.can_undo, self.can_redo = self._painting.can_undo, self._painting.can_redo
        # Counted here: another picture's painting has a count of its own, maybe the same.
        self.mask_version += 1

    def _take_up_tool(self) -> None:
        self.cancel()
        self.hint = self.chosen.hint
        self._point()

    def _point(self) -> None:
        ring = self.brush_size if self.tool in _BRUSHES else None
        self._view.point(ring, "grab" if self.tool == "pan" else "crosshair")

    def _show_look(self) -> None:
        show = "picture" if self.peek else self.show
        self._scene.look = Look(show, self.overlay_color, self.overlay_opacity)
        self._view.looks_different()
        backdrop = self._after if self.peek and self._after is not None else self._picture
        if backdrop is not self._scene.backdrop:
            self._scene.backdrop = backdrop
            self._view.has_new_picture()

    def _zoomed(self) -> None:
        view = self._scene.viewport
        if self.zoom != view.scale:
            self.see(view.at_scale(self.zoom))

    def _zoom_by(self, factor: float) -> None:
        view = self._scene.viewport
        self.see(view.at_scale(view.scale * factor))

    def _safely(self, action: Callable[[], None]) -> None:
        """Do what a page or a trait asks for; what goes wrong is shown, and painting goes on."""
        with LOCK, self._view.together():
            try:
                action()
            except Exception as error:
                self._hands.cancel()
                self._fail(error)
