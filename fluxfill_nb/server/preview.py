"""A look at a picture in the making."""

from __future__ import annotations

import base64
import io
import logging
import threading
from collections.abc import Callable

from PIL import Image

_log = logging.getLogger(__name__)

SIDE = 256
"""Longest side of a preview, px."""

MakePreview = Callable[[], Image.Image]


class Preview:
    """The latest look at one picture: made when somebody asks, and once for each step.

    The engine's thread offers, those that answer polls ask; neither waits for the other.
    """

    def __init__(self) -> None:
        self.url: str | None = None
        # Each offer is an object of its own, so that a step is told from the one before even
        # where an engine gives the same callable again.
        self._offered: tuple[MakePreview] | None = None
        self._made: tuple[MakePreview] | None = None
        self._making = threading.Lock()
        self._is_over = False

    def show(self, url: str | None) -> None:
        """Take a picture that was made elsewhere, as a ``data:`` URL."""
        self.url = None if self._is_over else url

    def offer(self, make: MakePreview) -> None:
        """Take what makes a picture of the present state."""
        self._offered = (make,)

    def end(self) -> None:
        """Let go of everything: there is a whole picture now, or none will come."""
        self._is_over = True
        self._offered = self._made = self.url = None

    @property
    def is_stale(self) -> bool:
        """Whether `refresh` has work to do, and nobody is at it."""
        return self._offered is not self._made and not self._making.locked()

    def refresh(self) -> None:
        """Bring ``url`` up to date, a ``data:`` URL of a JPEG; takes a while."""
        if not self._making.acquire(blocking=False):
            return  # another poll is at it; this one is answered with the look before
        try:
            offered = self._made = self._offered
            url = None if offered is None else data_url(*offered)
            self.url = url if self._offered else None  # it may have ended meanwhile
        except Exception:
            _log.exception("The engine's preview cannot be shown")
        finally:
            self._making.release()


def data_url(make: MakePreview) -> str:
    """Return a small JPEG of what is made, as a ``data:`` URL."""
    image = make().convert("RGB")
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
