"""What goes wrong in a widget: said there in one line, and the widget goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from traitlets import HasTraits, Unicode

from ..errors import FluxFillError

logger = logging.getLogger("fluxfill_nb.widgets")

# So much of a task's id tells it from others; the error carries the whole of it.
_ID = 8


class Steady(HasTraits):
    """A widget that goes on when something goes wrong, and says in ``error`` what it was."""

    error = Unicode("")
    _lock: AbstractContextManager[Any]

    def _safely(self, action: Callable[[], None]) -> None:
        """Do what the page asks for; what goes wrong is shown, and the widget goes on."""
        with self._lock:
            try:
                self.error = ""
                action()
            except Exception as error:
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        logger.error("%s failed.", self, exc_info=error)
        self.error = told(error)


def told(error: Exception) -> str:
    """Return an error as one line: ours speak for themselves, others with their kind."""
    text = " ".join(str(error).split())
    if not (isinstance(error, FluxFillError) and text):
        return f"{type(error).__name__}: {text}".rstrip(": ")
    task = getattr(getattr(error, "result", None) or error, "task", None)
    return text if task is None else text.replace(task.id, task.id[:_ID])
