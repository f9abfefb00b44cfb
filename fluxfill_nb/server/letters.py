"""How an engine's progress reaches the server: by a call, or from another process by a letter."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from ..engines import Cancelled, Progress
from .preview import MakePreview, data_url

_log = logging.getLogger(__name__)

_PAUSE = 0.2
# How long from one report to the next, and from one preview to the next, s.
_PREVIEW_PAUSE = 1.0


class Letter:
    """What an engine is given to report with.

    Where memory is shared, it calls. Pickled, it becomes a `Writer`: a worker on this machine, or
    on another one that sees the same folder, writes a file; from others nothing is heard, and they
    cannot be stopped.
    """

    def __init__(self, report: Progress, path: Path) -> None:
        self._report = report
        self._path = path
        self.is_away = False

    def __call__(self, fraction: float, preview: MakePreview | None = None, /) -> None:
        """Report; see `fluxfill_nb.engines.Progress`."""
        self._report(fraction, preview)

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.is_away:
            self._path.touch()
            self.is_away = True
        return Writer, (str(self._path),)

    def read(self) -> tuple[float, str | None] | None:
        """Return what was written last: the share that is done, and a preview's ``data:`` URL."""
        try:
            written = json.loads(self._path.read_bytes())
        except (OSError, ValueError):  # nothing yet, or not any more
            return None
        return float(written["progress"]), written["preview"]

    def end(self) -> None:
        """Take the file away: whoever still writes is to stop."""
        if self.is_away:
            self._path.unlink(missing_ok=True)


class Writer:
    """The other end of a `Letter`, in another process."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._is_read = self._path.exists()
        self._next = self._next_preview = 0.0
        self._preview: str | None = None

    def __call__(self, fraction: float, preview: MakePreview | None = None, /) -> None:
        """Write down what is reported, a few times a second at most.

        Raises
        ------
        fluxfill_nb.engines.Cancelled
            The file has gone.
        """
        if not self._is_read:
            return
        if not self._path.exists():
            raise Cancelled
        now = time.monotonic()
        if now < self._next:
            return
        if preview is not None and now >= self._next_preview:
            try:
                self._preview = data_url(preview)
            except Exception:
                _log.exception("The engine's preview cannot be shown")
            self._next_preview = time.monotonic() + _PREVIEW_PAUSE
        draft = self._path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        with contextlib.suppress(OSError):  # a full disk; or the folder has just ended
            draft.write_text(json.dumps({"progress": float(fraction), "preview": self._preview}))
            draft.replace(self._path)  # readers see the one before or this one, never a half
        self._next = time.monotonic() + _PAUSE
