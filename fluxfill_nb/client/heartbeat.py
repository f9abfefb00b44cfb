"""Keeps an event loop awake, so that a notebook's stop button is heard while it waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")

_BEAT = 0.1


async def awake(work: Callable[[], Awaitable[T]]) -> T:
    """Await ``work()`` while the loop wakes ten times a second.

    The kernel's handler of an interrupt is a callback on the notebook's loop that does not wake it:
    without this, a cell that awaits an answer stops only when the answer comes.
    """
    result: list[T] = []
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_beat)
        try:
            result.append(await work())
        except Exception as error:
            # Kept from the task group, which would wrap it into a group of one.
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return result[0]


async def _beat() -> None:
    while True:
        await anyio.sleep(_BEAT)
