"""A page without a browser: what ipywidgets' and ipycanvas' JavaScript does, as far as painters go.

It gets the very messages that a kernel sends, with their bytes, and answers with those that a
browser sends. What is drawn is rendered with NumPy, so that tests can look at it. Like a browser,
it draws nothing more after the first command that fails.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import comm
import numpy as np
import pytest
from ipycanvas.canvas import _CANVAS_MANAGER, COMMANDS, Canvas
from ipywidgets import Widget
from ipywidgets.widgets.widget import _instances
from numpy.typing import NDArray
from PIL import Image, ImageColor

from fluxfill_nb import Mask

NAMES = {number: name for name, number in COMMANDS.items()}
ATTRIBUTES = {number: name for name, number in Canvas.ATTRS.items()}
MODEL = "IPY_MODEL_"


class Wire(comm.BaseComm):
    """A comm whose messages reach the pages that are open."""

    pages: list[Page] = []  # noqa: RUF012

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        copies = [bytes(buffer) for buffer in buffers or ()]
        for page in list(self.pages):
            page.receive(msg_type, self.comm_id, data or {}, copies)


@contextlib.contextmanager
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Page]]:
    """A kernel with nothing in it, to which pages can be opened."""
    with monkeypatch.context() as patch:
        patch.setattr(comm, "create_comm", Wire)
        Widget.close_all()
        _CANVAS_MANAGER.open()
        try:
            yield Page.open
        finally:
            Wire.pages.clear()
            Widget.close_all()


class Page:
    """What one browser tab holds."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, Any]] = {}
        self.surfaces: dict[str, Surface] = {}
        self.batches: list[list[tuple[str, str, list[Any]]]] = []
        self.said: list[tuple[str, Any]] = []
        self.sizes: list[int] = []
        self.current: Surface | None = None
        self.current_id = ""
        self.dead: Exception | None = None
        self._new: list[str] = []

    @classmethod
    def open(cls) -> Page:
        """Open a tab: it makes all models that the kernel has, and tells when it is ready."""
        page = cls()
        for model, widget in list(_instances.items()):
            page._make(model, widget.get_state())
        Wire.pages.append(page)
        page.answer()
        return page

    def close(self) -> None:
        Wire.pages.remove(self)

    def answer(self) -> None:
        """Tell the kernel that the canvases made since are ready."""
        while self._new:
            tell(self._new.pop(0), {"event": "client_ready"})

    # ------------------------------------------------------------------------------ messages

    def receive(self, kind: str, model: str, data: Any, buffers: list[bytes]) -> None:
        if kind == "comm_open":
            self._make(model, data["state"])
        elif kind == "comm_close":
            self.models.pop(model, None)
            self.surfaces.pop(model, None)
        elif data["method"] == "update":
            self.models[model].update(data["state"])
            if model in self.surfaces and data["state"].keys() & {"width", "height"}:
                self.surfaces[model].resize(*map(self.models[model].get, ("width", "height")))
        elif data["method"] == "custom":
            if self.models[model]["_model_name"] == "CanvasManagerModel":
                self._draw(buffers)
            else:
                self.said.append((model, data["content"]))

    def _make(self, model: str, state: dict[str, Any]) -> None:
        self.models[model] = dict(state)
        if state["_model_name"] == "CanvasModel":
            self.surfaces[model] = Surface(state["width"], state["height"])
            self._new.append(model)

    def _draw(self, buffers: list[bytes]) -> None:
        if self.dead is not None:
            return
        commands = json.loads(buffers[0], parse_constant=_refuse)
        buffers = buffers[1:]
        self.sizes.append(sum(map(len, buffers)))
        batch: list[tuple[str, str, list[Any]]] = []
        self.batches.append(batch)
        try:
            for number, args, *count in commands if isinstance(commands[0], list) else [commands]:
                own, buffers = buffers[: sum(count)], buffers[sum(count) :]
                name = NAMES[number]
                if name == "switchCanvas":
                    self.current_id = args[0].removeprefix(MODEL)
                    self.current = self.surfaces[self.current_id]
                elif self.current is None:
                    raise RuntimeError(f"{name}: there is no current canvas")
                else:
                    args = [_array(arg, own) if isinstance(arg, dict) else arg for arg in args]
                    if name == "drawImage":
                        args[0] = self.surfaces[args[0].removeprefix(MODEL)]
                    if name == "putImageData":
                        args.append(own[0])
                    getattr(self.current, name)(*args)
                batch.append((self.current_id, name, args))
        except Exception as error:
            self.dead = error

    # ------------------------------------------------------------------------------ what is seen

    def layers(self, painter: Any) -> list[NDArray[np.float32]]:
        """Picture, mask and marks: premultiplied RGBA, 0 to 1."""
        layers = self.models[painter._view._layers.model_id]["_canvases"]
        return [self.surfaces[layer.removeprefix(MODEL)].pixels for layer in layers]

    def seen(self, painter: Any, ground: float = 1.0) -> NDArray[np.float32]:
        """What is seen on a page of this grey: RGB, 0 to 1."""
        layers = self.layers(painter)
        seen = np.full((*layers[0].shape[:2], 3), ground, np.float32)
        for layer in layers:
            seen = layer[:, :, :3] + seen * (1 - layer[:, :, 3:])
        return seen

    def commands(self, name: str) -> list[list[Any]]:
        """The arguments of each command of a name, since the page was opened."""
        return [args for batch in self.batches for _, command, args in batch if command == name]


class Surface:
    """One canvas: its pixels (premultiplied RGBA), and how it draws."""

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        self.pixels = np.zeros((height, width, 4), np.float32)
        self._state: dict[str, Any] = {
            "transform": (1, 0, 0, 1, 0, 0), "clip": None, "global_alpha": 1.0,
            "fill_style": "#000000", "stroke_style": "#000000", "line_width": 1.0,
            "global_composite_operation": "source-over", "image_smoothing_enabled": True,
        }  # fmt: skip
        self._stack: list[dict[str, Any]] = []
        self._path: list[tuple[float, float, float, float]] = []

    def resize(self, width: int, height: int) -> None:
        """Change the size, which forgets all that was drawn and set."""
        self.__init__(width, height)  # type: ignore[misc]

    def set(self, attribute: int, value: Any) -> None:
        self._state[ATTRIBUTES[attribute]] = value

    def save(self) -> None:
        self._stack.append(dict(self._state))

    def restore(self) -> None:
        if self._stack:
            self._state = self._stack.pop()

    def setTransform(self, *matrix: float) -> None:
        assert np.isfinite(matrix).all()
        assert len(matrix) == 6
        self._state["transform"] = matrix

    def resetTransform(self) -> None:
        self._state["transform"] = (1, 0, 0, 1, 0, 0)

    def setLineDash(self, segments: list[float]) -> None:
        pass  # dashed lines are drawn whole

    def beginPath(self) -> None:
        self._path = []

    def rect(self, *rectangle: float) -> None:
        self._path.append(rectangle)  # type: ignore[arg-type]

    def clip(self) -> None:
        area = np.zeros(self.pixels.shape[:2], np.float32)
        for rectangle in self._path:
            area[self._slices(*rectangle)] = 1
        old = self._state["clip"]
        self._state["clip"] = area if old is None else area * old

    def clear(self) -> None:
        self.clearRect(0, 0, *self.size)

    def clearRect(self, *rectangle: float) -> None:
        place = self._slices(*rectangle)
        clip = self._state["clip"]
        keep = 0 if clip is None else 1 - clip[place][:, :, None]
        self.pixels[place] *= keep

    def fillRect(self, *rectangle: float) -> None:
        cover = np.zeros(self.pixels.shape[:2], np.float32)
        cover[self._slices(*rectangle)] = 1
        self._paint(cover, "fill_style")

    def fillCircle(self, x: float, y: float, radius: float) -> None:
        assert radius >= 0
        self._paint(self._line([(x, y)], 2 * radius), "fill_style")

    def strokeLines(self, points: NDArray[Any]) -> None:
        assert len(points) >= 4
        width = self._state["line_width"]
        self._paint(self._line(points.reshape(-1, 2), width), "stroke_style")

    def drawImage(self, source: Surface, x: float, y: float, *size: float) -> None:
        assert not size
        self._put(source.pixels, x, y)

    def putImageData(self, x: float, y: float, file: bytes) -> None:
        with Image.open(io.BytesIO(file)) as image:
            rgba = np.asarray(image.convert("RGBA"), np.float32) / 255
        rgba = np.concatenate((rgba[:, :, :3] * rgba[:, :, 3:], rgba[:, :, 3:]), axis=2)
        self._put(rgba, x, y)

    def _line(self, points: Any, width: float) -> NDArray[np.float32]:
        assert self._state["transform"] == (1, 0, 0, 1, 0, 0), "lines are drawn in canvas px"
        return Mask.from_strokes(self.size, points, width=width).array.astype(np.float32) / 255

    def _paint(self, cover: NDArray[np.float32], style: str) -> None:
        colour = np.array(ImageColor.getcolor(self._state[style], "RGBA"), np.float32) / 255
        colour[:3] *= colour[3]
        self._blend(cover[:, :, None] * colour)

    def _put(self, rgba: NDArray[np.float32], x: float, y: float) -> None:
        a, b, c, d, e, f = self._state["transform"]
        assert (b, c) == (0, 0)
        placed = np.zeros_like(self.pixels)
        if (a, d) == (1, 1) and float(e + x).is_integer() and float(f + y).is_integer():
            left, top = int(x + e), int(y + f)
            height, width = rgba.shape[:2]
            right, bottom = min(left + width, self.size[0]), min(top + height, self.size[1])
            x0, y0 = max(left, 0), max(top, 0)
            placed[y0:bottom, x0:right] = rgba[y0 - top : bottom - top, x0 - left : right - left]
        else:
            inverse = (1 / a, 0, -(e / a) - x, 0, 1 / d, -(f / d) - y)
            smooth = self._state["image_smoothing_enabled"]
            how = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
            for channel in range(4):
                plane = Image.fromarray(np.ascontiguousarray(rgba[:, :, channel]))
                moved = plane.transform(self.size, Image.Transform.AFFINE, inverse, how)
                placed[:, :, channel] = np.asarray(moved)
        self._blend(placed)

    def _blend(self, source: NDArray[np.float32]) -> None:
        source = source * np.float32(self._state["global_alpha"])
        if self._state["clip"] is not None:
            source = source * self._state["clip"][:, :, None]
        left = self.pixels * (1 - source[:, :, 3:])
        erase = self._state["global_composite_operation"] == "destination-out"
        self.pixels = left if erase else left + source

    def _slices(self, x: float, y: float, width: float, height: float) -> tuple[slice, slice]:
        a, _, _, d, e, f = self._state["transform"]
        edges = (a * x + e, d * y + f, a * (x + width) + e, d * (y + height) + f)
        left, top, right, bottom = (max(0, round(edge)) for edge in edges)
        return slice(top, bottom), slice(left, right)


class Pointer:
    """A person at a page, who points at a painter's canvas in px of the picture."""

    def __init__(self, painter: Any) -> None:
        self.painter = painter

    def event(self, event: str, **told: Any) -> None:
        tell(self.painter._view._pad.model_id, {"event": event, **told})

    def place(self, point: tuple[float, float]) -> dict[str, float]:
        x, y = self.painter._scene.viewport.to_canvas(*point)
        return {"x": x, "y": y}

    def down(self, x: float, y: float) -> None:
        self.event("mouse_down", **self.place((x, y)))

    def move(self, x: float, y: float) -> None:
        self.event("mouse_move", **self.place((x, y)))

    def up(self, x: float, y: float) -> None:
        self.event("mouse_up", **self.place((x, y)))

    def out(self, x: float, y: float) -> None:
        self.event("mouse_out", **self.place((x, y)))

    def wheel(self, dx: float, dy: float) -> None:
        self.event("mouse_wheel", x=dx, y=dy)

    def click(self, *point: float) -> None:
        self.move(*point)
        self.down(*point)
        self.up(*point)

    def drag(self, points: Any) -> None:
        self.move(*points[0])
        self.down(*points[0])
        for point in points[1:]:
            self.move(*point)
        self.up(*points[-1])

    def touch(self, event: str, points: Any) -> None:
        self.event(f"touch_{event}", touches=[self.place(point) for point in points])

    def key(self, key: str, *, shift: bool = False, ctrl: bool = False, meta: bool = False) -> None:
        self.event("key_down", key=key, shift_key=shift, ctrl_key=ctrl, meta_key=meta)


def tell(model: str, content: dict[str, Any]) -> None:
    """Send a message to the kernel as a page does."""
    wire = comm.get_comm_manager().get_comm(model)
    if wire is not None:
        wire.handle_msg(
            {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
        )


def _array(described: dict[str, Any], buffers: list[bytes]) -> NDArray[Any]:
    return np.frombuffer(buffers[described["idx"]], described["dtype"])


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
