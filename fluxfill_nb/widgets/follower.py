"""What brings a view up to date, beside the work that is shown."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

INTERVAL = 0.25
"""Least time between two updates, s."""

TICK = 1.0
"""What runs on unheard, such as the seconds, is brought up to date so often, s."""

# How often in a row an update may fail before nothing more is tried.
_FAULTS = 3

_log = logging.getLogger("fluxfill_nb.widgets")


class Follower:
    """Calls a function in a thread of its own, when stirred, a few times a second at most.

    The thread is there only as long as there is something to follow.

    Parameters
    ----------
    show
        Brings the view up to date; returns whether there is more to come. If it fails, it is
        called again a little later.
    """

    def __init__(self, show: Callable[[], bool]) -> None:
        self._show = show
        self._lock = threading.Lock()
        self._stirred = threading.Event()
        self._thread: threading.Thread | None = None

    def stir(self) -> None:
        """Have the view brought up to date; returns at once. May be called from any thread."""
        with self._lock:
            self._stirred.set()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="fluxfill-follower", daemon=True
                )
                self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait until there is nothing to follow, so many s at most."""
        with self._lock:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _work(self) -> None:
        faults = 0
        while True:
            self._stirred.clear()
            began = time.monotonic()
            try:
                more = self._show()
                faults = 0
            except Exception:
                _log.exception("What is shown cannot be brought up to date")
                faults += 1
                more = faults < _FAULTS
            with self._lock:
                if not more and not self._stirred.is_set():
                    self._thread = None
                    return
            time.sleep(max(0.0, began + INTERVAL - time.monotonic()))
            self._stirred.wait(TICK)
