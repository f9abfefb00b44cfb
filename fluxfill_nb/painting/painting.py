"""A painting: a picture, the mask over it, and how the mask came to be."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from PIL import Image

from ..images import ImageSource, open_image
from ..mask import Mask, MaskSource, Size
from ..mask.reading import FILLED
from .history import Patch, Steps
from .load import Load
from .log import Log
from .operation import Grey, IntBox, Operation
from .verbs import Verbs

Callback: TypeAlias = Callable[[IntBox], object]

_log = logging.getLogger(__name__)


class Painting(Verbs):
    """A picture, the mask that is painted over it, and its history. Any thread may use it.

    Parameters
    ----------
    image
        Anything that `fluxfill_nb.open_image` takes.
    mask
        What to begin with: anything that `fluxfill_nb.Mask` takes, of the picture's size. It is the
        log's first operation, and cannot be undone.

    Examples
    --------
    >>> from PIL import Image
    >>> from fluxfill_nb.painting import Painting
    >>> painting = Painting(Image.new("RGB", (64, 48)))
    >>> painting.rectangle((10, 10, 30, 30))
    >>> painting.grow(2)
    >>> painting.mask
    <Mask 64 x 48, fills 18.4 % in (8, 8, 32, 32)>
    >>> painting.undo()
    (8, 8, 32, 32)
    >>> print(painting.log.to_code())
    painter.rectangle((10, 10, 30, 30))
    """

    def __init__(self, image: ImageSource, mask: MaskSource | None = None) -> None:
        picture = open_image(image)
        self._image = picture if picture.mode == "RGB" else picture.convert("RGB")
        start = Mask.empty(self.size) if mask is None else Mask(mask)
        start.check_fits(self.size)
        self._start = () if not start.array.any() else (Load.of(start),)
        # Never changed in place: each operation paints on a copy, so that one that fails leaves no
        # trace, and masks need no copy of their own.
        self._array: Grey = start.array
        self._done = Steps()
        self._undone = Steps()
        self._version = 0
        self._measures: tuple[int, float, IntBox | None] = (-1, 0.0, None)
        self._callbacks: dict[object, Callback] = {}
        self._lock = threading.RLock()

    # ------------------------------------------------------------------------------- what it is

    @property
    def image(self) -> Image.Image:
        """The picture, mode RGB. Not to be changed."""
        return self._image

    @property
    def size(self) -> Size:
        """(width, height), px."""
        return self._image.size

    @property
    def lock(self) -> threading.RLock:
        """What to hold to see several attributes of one moment."""
        return self._lock

    @property
    def version(self) -> int:
        """How often the mask has changed, undo and redo included."""
        return self._version

    @property
    def mask(self) -> Mask:
        """The mask as it is now. Assigned to, another takes its place, which can be undone."""
        return Mask._of(self._array)

    @mask.setter
    def mask(self, source: MaskSource) -> None:
        self.load(source)

    @property
    def log(self) -> Log:
        """The operations that made the mask, without those undone."""
        with self._lock:
            return Log(self.size, (*self._start, *self._done))

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return len(self._done) > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return len(self._undone) > 0

    @property
    def coverage(self) -> float:
        """Share of the picture that is filled, 0 to 1."""
        return self._measured()[0]

    @property
    def bbox(self) -> IntBox | None:
        """Smallest (left, top, right, bottom) that holds all that is filled, px; None if empty."""
        return self._measured()[1]

    def pixels(self, box: IntBox) -> Grey:
        """Return a copy of the mask's values in a box, cut off at the picture's border."""
        left, top, right, bottom = (max(0, edge) for edge in box)
        return self._array[top:bottom, left:right].copy()

    def __repr__(self) -> str:
        count = len(self.log)
        return f"<Painting, {count} operation{'s' * (count != 1)}: {self.mask!r}>"

    # ---------------------------------------------------------------------------------- changes

    def apply(self, operation: Operation) -> IntBox | None:
        """Paint an operation; return the box that has changed.

        None if nothing has, which is not logged.
        """
        with self._lock:
            box = self._paint(operation)
            if box is not None:
                self._undone.clear()
        return self._tell(box)

    def undo(self) -> IntBox | None:
        """Take the last operation back; return the box that has changed."""
        with self._lock:
            box = None
            if self.can_undo:
                operation, patch = self._done.last
                if patch is None:
                    self._done = self._remembered()
                    operation, patch = self._done.last
                assert patch is not None  # of the newest, it is always kept
                array = patch.applied(self._array)
                self._done.pop()
                self._undone.push(operation, patch)
                box = self._become(array, patch.box)
        return self._tell(box)

    def redo(self) -> IntBox | None:
        """Do what was undone last; return the box that has changed."""
        with self._lock:
            box = None
            if self.can_redo:
                operation, patch = self._undone.last
                if patch is None:
                    box = self._paint(operation)
                else:
                    array = patch.applied(self._array)
                    self._done.push(operation, patch)
                    box = self._become(array, patch.box)
                self._undone.pop()
        return self._tell(box)

    def on_change(self, callback: Callback) -> Callable[[], None]:
        """Call back with the box after each change; return what ends that.

        Called by the thread that made the change, outside the lock. What a callback raises is
        logged, and stops neither the painting nor the other callbacks.
        """
        key = object()

        def end() -> None:
            with self._lock:
                self._callbacks.pop(key, None)

        with self._lock:
            self._callbacks[key] = callback
        return end

    # ------------------------------------------------------------------------------ how it is done

    def _paint(self, operation: Operation) -> IntBox | None:
        after = self._array.copy()
        patch = _painted(operation, after, self._array, self._image)
        if patch is None:
            return None
        self._done.push(operation, patch)
        return self._become(after, patch.box)

    def _become(self, array: Grey, box: IntBox) -> IntBox:
        array.setflags(write=False)
        self._array = array
        self._version += 1
        return box

    def _remembered(self) -> Steps:
        """The same steps, painted again, so that the latest have their patches."""
        steps = Steps()
        after = np.array(Log(self.size, self._start).replay().array)
        for operation in self._done:
            before = after.copy()
            patch = _painted(operation, after, before, self._image)
            assert patch is not None, operation  # it was logged because it changed something
            steps.push(operation, patch)
        return steps

    def _tell(self, box: IntBox | None) -> IntBox | None:
        if box is not None:
            with self._lock:
                callbacks = list(self._callbacks.values())
            for callback in callbacks:
                try:
                    callback(box)
                except Exception:
                    _log.exception("A callback of a painting's change failed.")
        return box

    def _measured(self) -> tuple[float, IntBox | None]:
        """Coverage and bounding box, measured once for each version."""
        with self._lock:
            if self._measures[0] != self._version:
                # The highest bit says whether a value reaches 128.
                rows, columns = (
                    np.flatnonzero(np.bitwise_or.reduce(self._array, axis=axis) >= FILLED).tolist()
                    for axis in (1, 0)
                )
                box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if rows else None
                self._measures = self._version, self.mask.coverage, box
            return self._measures[1:]


def _painted(operation: Operation, mask: Grey, before: Grey, image: Image.Image) -> Patch | None:
    """Paint on a mask, which is a copy of ``before``; return the difference, if there is any."""
    height, width = mask.shape
    reach = operation.reach((width, height))
    if reach is None:
        return None
    operation.paint(mask, image)
    return Patch.between(before, mask, reach)
