"""How the client awaits: with the loop awake, and to the end what must not be broken off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

import anyio

T = TypeVar("T")

_BEAT = 0.1


class _Heart:
    """The one beat of a loop, however many things are awaited there."""

    def __init__(self) -> None:
        self.awaited = 0
        self._timer: asyncio.TimerHandle | None = None

    def beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(_BEAT, self.beat, loop)

    def rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None  # it holds the loop


_hearts: WeakKeyDictionary[asyncio.AbstractEventLoop, _Heart] = WeakKeyDictionary()


async def awake(work: Callable[[], Awaitable[T]]) -> T:
    """Await ``work()`` while the loop wakes ten times a second.

    The kernel's handler of an interrupt is a callback on the notebook's loop that does not wake it:
    without this, a cell that awaits an answer stops only when the answer comes.
    """
    loop = asyncio.get_running_loop()
    heart = _hearts.setdefault(loop, _Heart())
    heart.awaited += 1
    if heart.awaited == 1:
        heart.beat(loop)
    try:
        return await work()
    finally:
        heart.awaited -= 1
        if not heart.awaited:
            heart.rest()


async def to_its_end(work: Callable[[], Awaitable[T]]) -> T:
    """Await ``work()`` to its end, even if the caller is cancelled: that takes effect afterwards.

    A shield alone does not do: the cancellations of anyio stop at it, those of asyncio do not.
    """
    result: list[T] = []
    failure: list[Exception] = []

    async def shielded() -> None:
        with anyio.CancelScope(shield=True):
            try:
                result.append(await work())
            except Exception as error:
                failure.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(shielded)
    if failure:
        raise failure[0]
    return result[0]
