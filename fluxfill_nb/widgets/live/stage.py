"""A place in a cell's output, for a live view and then for pictures."""

from __future__ import annotations

import asyncio
import contextlib
import html
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from IPython import get_ipython
from IPython.display import DisplayHandle, display

from ...errors import FluxFillError
from ...wording import PLAIN_DIV
from .view import LiveView
from .watched import Watched
from .words import last_words, picture

# What ends sooner is not shown live, s.
_FLASH = 0.15

_log = logging.getLogger("fluxfill_nb.widgets")


@contextmanager
def showing(run: Watched, *, awaited: bool = False) -> Iterator[None]:
    """Show a run live for as long as a block lasts, and leave its pictures in the output.

    What ends at once is not shown live. However the block ends, no widget is left; and no picture
    either where the cell's last line is the result, which shows itself.

    Parameters
    ----------
    run
        The run.
    awaited
        Whether this thread's own event loop does the work, so that it must not be held up.
    """
    stage = _Stage(run)
    try:
        if awaited:
            asyncio.get_running_loop().call_later(_FLASH, stage.show)
        else:
            try:
                stage.wait_and_show()
            except KeyboardInterrupt:
                run.cancel()
                raise
        yield
    except BaseException:
        stage.clear(at_once=True)
        raise
    stage.clear()


class _Stage:
    """A place in a cell's output, for a view and then for pictures."""

    def __init__(self, run: Watched) -> None:
        self._run = run
        self._view: LiveView | None = None
        self._handle: DisplayHandle | None = None
        self._is_clear = False

    def wait_and_show(self) -> None:
        give_up = time.monotonic() + _FLASH
        while not self._run.is_done and time.monotonic() < give_up:
            time.sleep(_FLASH / 30)
        self.show()

    def show(self) -> None:
        if self._is_clear or self._run.is_done:
            return
        try:
            self._view = LiveView(self._run)
            self._handle = _display(self._view, display_id=True)
        except Exception:  # a run is not lost because nobody can watch it
            _log.exception("The run cannot be shown")

    def clear(self, *, at_once: bool = False) -> None:
        """Leave the pictures; at once, so that who stops it has control back: words only."""
        self._is_clear = True
        try:
            if self._view is not None:
                self._view.rest()
            left = {"text/plain": str(self._run.progress)} if at_once else picture(self._run)
            if self._handle is not None:
                self._handle.update(left, raw=True)  # type: ignore[no-untyped-call]
            else:
                self._handle = _display(left, raw=True, display_id=True)
            if not at_once:
                _after_the_cell(self._step_back)
            if words := last_words(self._run):
                as_html = f"{PLAIN_DIV}{html.escape(words)}</div>"
                _display({"text/plain": words, "text/html": as_html}, raw=True)
        except Exception:
            _log.exception("The run's pictures cannot be shown")
        finally:
            if self._view is not None:
                self._view.close()

    def _step_back(self, shown: object) -> None:
        """Leave words only, where the cell's last line shows the same pictures."""
        if self._handle is not None and shown is not None and shown is self._run.result():
            words = {"text/plain": str(self._run.progress)}
            self._handle.update(words, raw=True)  # type: ignore[no-untyped-call]


def _after_the_cell(react: Callable[[object], None]) -> None:
    """Call back with what the cell that runs now shows as its last line's value; None: nothing."""
    shell = get_ipython()
    if shell is None:
        return

    def once(execution: Any) -> None:
        shell.events.unregister("post_run_cell", once)
        with contextlib.suppress(FluxFillError):  # of a single fill that there is no picture
            react(execution.result)

    shell.events.register("post_run_cell", once)


def _display(what: Any, **how: Any) -> DisplayHandle | None:
    return display(what, **how)  # type: ignore[no-untyped-call, no-any-return]
