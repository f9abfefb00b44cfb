"""A brake: an action that is asked for often, and done now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Throttle:
    """Does an action at most once in an interval, and once more after the last request.

    The wait is a timer on the running loop. Where no loop runs, the action is done at once; so it
    is where the timer is overdue, its loop being held up by a cell that computes.

    Parameters
    ----------
    action
        What is done; it finds out itself what is new since the last time.
    interval
        From the end of one action to the start of the next, s.
    leading
        Whether the first request after a pause is met at once, or after the interval.
    """

    def __init__(
        self,
        action: Callable[[], None],
        interval: float,
        *,
        leading: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._action = action
        self._interval = interval
        self._leading = leading
        self._clock = clock
        self._earliest = clock()
        self._waiting = False

    def __call__(self) -> None:
        """Ask for the action."""
        now = self._clock()
        if not self._waiting and not self._leading:
            self._earliest = now + self._interval
        wait = self._earliest - now
        if wait <= 0:
            self._run()
        elif not self._waiting:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                self._run()
            else:
                self._waiting = True
                loop.call_later(wait, self._fire)

    def _fire(self) -> None:
        if self._waiting:
            self._run()

    def _run(self) -> None:
        self._waiting = False
        try:
            self._action()
        finally:
            self._earliest = self._clock() + self._interval
