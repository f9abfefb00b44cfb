"""One fill on the server."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from ..engines import Cancelled, Engine, name_of
from ..options import FillOptions
from ..result import FillStatus
from .letters import Letter
from .preview import MakePreview, Preview

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """One fill on the server.

    Written by the threads that run and end it, read by those that answer polls: ``status`` comes
    last.
    """

    options: FillOptions
    details: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: FillStatus = FillStatus.PENDING
    progress: float = 0.0
    preview: Preview = field(default_factory=Preview)
    started: float = 0.0
    ended: float = 0.0
    error: str = ""
    cost: float = 0.0
    is_fetched: bool = False
    letter: Letter | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def media_type(self) -> str:
        """MIME type of the picture."""
        return f"image/{self.options.output_format}"

    @property
    def is_stale(self) -> bool:
        """Whether `refresh` has work to do."""
        return self.preview.is_stale or (self.letter is not None and self.letter.is_away)

    def refresh(self) -> None:
        """Bring preview, and progress where it comes from afar, up to date; takes a while."""
        letter = self.letter
        if letter is None or not letter.is_away:
            self.preview.refresh()
        elif (written := letter.read()) is not None:
            progress, preview = written
            self.progress = max(self.progress, min(1.0, progress))
            self.preview.show(preview)

    def report(self, fraction: float, preview: MakePreview | None = None, /) -> None:
        """Take an engine's progress; see `fluxfill_nb.engines.Progress`."""
        if self.cancelled.is_set():
            raise Cancelled
        self.progress = max(self.progress, min(1.0, float(fraction)))
        if preview is not None:
            self.preview.offer(preview)


def details_of(engine: Engine, options: FillOptions) -> dict[str, Any]:
    """Return who works on a fill, and what an engine says of itself if it has ``details``."""
    details = {"service": f"local engine: {name_of(engine)}"}
    describe = getattr(engine, "details", None)
    if describe is not None:
        try:
            said = describe(options)
            json.dumps(said, allow_nan=False)
            details |= said
        except Exception:
            _log.exception("The engine's details cannot be shown")
    return details
