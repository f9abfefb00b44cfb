"""A longer way to a server: everything arrives later, in order, and nothing is slowed but that."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def latency(port: int, round_trip: float) -> Iterator[int]:
    """Give a loopback port from which the server on another one is so far away.

    Parameters
    ----------
    port
        The server's, on loopback.
    round_trip
        How much longer an answer takes, s. Half of it is spent on the way there.
    """
    loop = asyncio.new_event_loop()
    way = _Way(port, round_trip / 2)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(way.meet, "127.0.0.1", 0), loop
    ).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(way.close(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class _Way:
    """Between a visitor and the server, in both directions."""

    def __init__(self, port: int, delay: float) -> None:
        self._port = port
        self._delay = delay
        self._meetings: set[asyncio.Task[None]] = set()

    async def meet(self, here: asyncio.StreamReader, home: asyncio.StreamWriter) -> None:
        meeting = asyncio.current_task()
        assert meeting is not None
        self._meetings.add(meeting)
        try:
            there, away = await asyncio.open_connection("127.0.0.1", self._port)
            with contextlib.closing(away), contextlib.closing(home):
                await asyncio.gather(self._carry(here, away), self._carry(there, home))
        except (OSError, asyncio.CancelledError):
            pass  # either side may leave at any time, and so may this
        finally:
            self._meetings.discard(meeting)

    async def _carry(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        now = asyncio.get_running_loop().time
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def arrive() -> None:
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(due - now())
                if not data:
                    break
                to.write(data)
                await to.drain()
            to.write_eof()

        arriving = asyncio.ensure_future(arrive())
        try:
            data = b" "
            while data:
                data = await source.read(1 << 16)
                under_way.put_nowait((now() + self._delay, data))
            await arriving
        finally:
            arriving.cancel()

    async def close(self, server: asyncio.Server) -> None:
        server.close()
        for meeting in tuple(self._meetings):
            meeting.cancel()
        await asyncio.gather(*self._meetings, return_exceptions=True)
