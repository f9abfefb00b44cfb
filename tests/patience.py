"""Waiting for what other threads and processes do."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import sys
import time
from collections.abc import Callable
from typing import Any

# Far more than anything takes: machines that run tests stand still at odd moments.
PATIENCE = 60.0


def until(
    holds: Callable[[], Any], what: str = "it comes to that", patience: float = PATIENCE
) -> None:
    """Wait until something holds; if it does not, show what everybody was waiting for."""
    give_up = time.monotonic() + patience
    while not holds():
        if time.monotonic() > give_up:
            _show_who_waits()
            raise AssertionError(f"Not within {patience:g} s: {what}.")
        time.sleep(0.01)


def _show_who_waits() -> None:
    faulthandler.dump_traceback(sys.__stderr__)
    for task in gc.get_objects():
        if isinstance(task, asyncio.Task) and not task.done():
            print(f"\n{task}", file=sys.stderr)
            awaited: Any = task.get_coro()
            while (frame := getattr(awaited, "cr_frame", None)) is not None:
                print(f"  {frame.f_code.co_filename}:{frame.f_lineno}", file=sys.stderr)
                awaited = awaited.cr_await
