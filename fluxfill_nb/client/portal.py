"""The background event loop on which blocking clients run: one daemon thread a process."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager
from typing import TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

T = TypeVar("T")

# How long a wait lasts at a time, s. Between two waits the interpreter hears the stop button, on
# Windows too, where a wait without an end cannot be interrupted.
_SLICE = 0.1

_lock = threading.Lock()
_portal: BlockingPortal | None = None
# Held so that it is not collected, which would end the loop.
_context: AbstractContextManager[BlockingPortal] | None = None


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run ``work`` on the background loop and wait for it; the stop button cancels it."""
    future: Future[T] = _the_portal().start_task_soon(work)
    try:
        while True:
            try:
                return future.result(_SLICE)
            except TimeoutError:
                if future.done():
                    raise
    except CancelledError:
        raise RuntimeError("The background loop of fluxfill_nb was shut down.") from None
    except BaseException:
        future.cancel()
        raise


def _the_portal() -> BlockingPortal:
    global _portal, _context
    with _lock:
        if _portal is None:
            _context = start_blocking_portal("asyncio", name="fluxfill-loop")
            _portal = _context.__enter__()
            atexit.register(_stop, _portal)
        return _portal


def _stop(portal: BlockingPortal) -> None:
    if portal is _portal:  # not in a fork, which has the loop but not its thread
        portal.call(portal.stop, True)


def _forget() -> None:
    """After a fork the child has no such thread: let it start its own."""
    global _portal, _context, _lock
    _lock = threading.Lock()
    _portal = _context = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
