"""Telling whoever asked how far a fill is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

from anyio import to_thread
from PIL import Image

from .. import errors
from ..images import Picture
from ..result import FillProgress, FillTask
from ..sources import decode_base64
from . import wire

OnProgress: TypeAlias = Callable[[FillProgress], object]
"""What is told how far a fill is. Called on the client's event loop: it should be quick."""

_log = logging.getLogger(__name__)


async def tell(on_progress: OnProgress, task: FillTask, poll: wire.Poll, *, age: float) -> None:
    """Call back; what goes wrong there is for the log, and must not lose the picture."""
    try:
        preview = await to_thread.run_sync(_preview, poll.preview, abandon_on_cancel=True)
        on_progress(FillProgress(task, poll.status, age, poll.fraction, preview))
    except Exception:
        _log.exception("Task %s: the progress callback failed", task.id, extra={"task": task.id})


def _preview(shown: object) -> Image.Image | None:
    """Read a preview if it is Base64 of a picture, alone or under "image"; else None."""
    text = shown.get("image") if isinstance(shown, dict) else shown
    if not isinstance(text, str):
        return None
    try:
        # Decoded first: a text that is no Base64 would be taken for a path.
        return Picture.open(decode_base64(text) or b"").rgb
    except errors.InvalidImage:
        return None
