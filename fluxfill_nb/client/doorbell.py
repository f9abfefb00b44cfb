"""Waking a task of an event loop from any thread."""

from __future__ import annotations

import asyncio
import contextlib


class Doorbell:
    """Something to wait for in the running event loop, and to ring from anywhere."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    @property
    def is_rung(self) -> bool:
        """Whether somebody has rung."""
        return self._rung.is_set()

    def ring(self) -> None:
        """Wake who waits; may be called from any thread, more than once."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self, patience: float | None = None) -> bool:
        """Wait until somebody rings, at most ``patience`` s; return whether somebody did."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), patience)
        return self._rung.is_set()
