"""The background event loop on which blocking clients run: one daemon thread a process."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TypeVar

import anyio
from anyio.from_thread import BlockingPortal

T = TypeVar("T")

# How long a wait lasts at a time, s. Between two waits the interpreter hears the stop button, on
# Windows too, where a wait without an end cannot be interrupted.
_SLICE = 0.1

_lock = threading.Lock()
_portal: BlockingPortal | None = None


def begin(work: Callable[[], Awaitable[T]]) -> Future[T]:
    """Run ``work`` on the background loop, without waiting for it."""
    future: Future[T] = _the_portal().start_task_soon(work)
    return future


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run ``work`` on the background loop and wait for it; the stop button cancels it."""
    future = begin(work)
    try:
        while not future.done():
            with suppress(TimeoutError):
                return future.result(_SLICE)
        return future.result()
    except CancelledError:
        raise RuntimeError("The background loop of fluxfill_nb was shut down.") from None
    except BaseException:
        future.cancel()
        raise


def _the_portal() -> BlockingPortal:
    global _portal
    with _lock:
        if _portal is None:
            started: Future[BlockingPortal] = Future()
            threading.Thread(
                target=anyio.run, args=(_serve, started), name="fluxfill-loop", daemon=True
            ).start()
            _portal = started.result()
            atexit.register(_stop, _portal)
        return _portal


async def _serve(started: Future[BlockingPortal]) -> None:
    async with BlockingPortal() as portal:
        started.set_result(portal)
        await portal.sleep_until_stopped()


def _stop(portal: BlockingPortal) -> None:
    if portal is _portal:  # not in a fork, which has the portal but not its thread
        portal.call(portal.stop, True)


def _forget() -> None:
    """After a fork the child has no such thread: let it start its own."""
    global _portal, _lock
    _lock = threading.Lock()
    _portal = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
