"""Where engines run: threads, processes of this machine, or a Dask cluster."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from ..engines import Engine
from ..errors import InvalidOption
from . import checks
from .process import Process

T = TypeVar("T")

_WHERE = (
    "None, 'threads', 'processes', the address of a Dask scheduler such as "
    "'tcp://127.0.0.1:8786', or an Executor"
)
# How long the number of a cluster's threads is believed, s.
_SIZE_KNOWN_FOR = 2.0
_CONNECTING = 10.0
_BEFORE_ANOTHER = 0.5


class Workers(Protocol):
    """Something that carries out calls, several at a time."""

    @property
    def places(self) -> float:
        """How many calls it carries out at once."""

    @property
    def is_alive(self) -> bool:
        """Whether calls are still carried out."""

    def submit(self, call: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Begin a call; at most ``places`` at once.

        A worker that was lost is a `concurrent.futures.BrokenExecutor`, or a future that is
        cancelled though nobody did. If workers are still alive then, the call can be made again.
        """

    def close(self) -> None:
        """Take no more calls, and end with those under way."""


def workers_for(engine: Engine, executor: Executor | str | None, count: int | None) -> Workers:
    """Return what was asked for.

    Parameters
    ----------
    engine
        What is going to run. Its ``concurrency`` says how many calls it likes at once; without it,
        there are half as many threads as processors.
    executor
        See `fluxfill_nb.LocalServer`.
    count
        How many calls run at once; None: what suits the engine, the machine or the cluster.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is no such executor, or ``count`` is below 1.
    """
    if count is not None:
        count = checks.count("workers", count)
    if isinstance(executor, Executor):
        return Lent(executor, count)
    half = max(1, (os.cpu_count() or 2) // 2)
    if executor is None or executor == "threads":
        return Threads(count or int(getattr(engine, "concurrency", half)))
    if executor == "processes":
        return Processes(count or half)
    if isinstance(executor, str) and "://" in executor:
        return Cluster(executor, count)
    raise InvalidOption(f"There is no executor {executor!r}: it must be {_WHERE}.")


class Lent:
    """An executor of somebody else, who shuts it down.

    Parameters
    ----------
    executor
        Any.
    count
        How many calls it gets at once; None: all there are, and it decides which is next.
    """

    def __init__(self, executor: Executor, count: int | None) -> None:
        self._executor = executor
        self.places: float = count or float("inf")
        self.is_alive = True

    def submit(self, call: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Begin a call."""
        try:
            future = self._executor.submit(call, *arguments)
        except Exception:
            self.is_alive = False
            raise
        future.add_done_callback(self._look)
        return future

    def close(self) -> None:
        """Leave it to its owner."""

    def _look(self, future: Future[Any]) -> None:
        if not future.cancelled() and isinstance(future.exception(), BrokenExecutor):
            self.is_alive = False  # broken executors never mend


class Threads(Lent):
    """Threads of this process."""

    def __init__(self, count: int) -> None:
        super().__init__(ThreadPoolExecutor(count, thread_name_prefix="fluxfill-engine"), count)

    def close(self) -> None:
        """Let the threads end with what they do."""
        self._executor.shutdown(wait=False)


class Processes:
    """Processes of this machine: if one dies, no other call is lost.

    They start when they are needed first, and are replaced when they have died.
    """

    def __init__(self, count: int) -> None:
        self.places: float = count
        self.is_alive = True
        self._idle: list[Process | None] = [None] * count
        self._all: set[Process] = set()
        self._lock = threading.Lock()

    def submit(self, call: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Begin a call."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            process = self._idle.pop()  # the last one that worked: its engine is loaded
        threading.Thread(
            target=self._carry_out, args=(future, process, call, arguments),
            name="fluxfill-process", daemon=True,
        ).start()  # fmt: skip
        return future

    def close(self) -> None:
        """Let the processes end with what they do."""
        with self._lock:
            self.is_alive = False
            processes = list(self._all)
        for process in processes:
            process.end()

    def _carry_out(
        self,
        future: Future[T],
        process: Process | None,
        call: Callable[..., T],
        arguments: tuple[Any, ...],
    ) -> None:
        outcome: T
        try:
            process = self._living(process)
            outcome = process.call(call, *arguments)
        except BaseException as error:
            self._back(process)
            future.set_exception(error)
        else:
            self._back(process)
            future.set_result(outcome)

    def _living(self, process: Process | None) -> Process:
        """Return that process, or one that takes its place."""
        if process is not None:
            if process.is_alive:
                return process
            # Who kills one often kills all, this process soon after: a new one would outlive it.
            time.sleep(_BEFORE_ANOTHER)
        with self._lock:
            if not self.is_alive:
                raise BrokenExecutor("The server is shutting down")
            if process is not None:
                self._all.discard(process)
            new = Process()
            self._all.add(new)
        return new

    def _back(self, process: Process | None) -> None:
        with self._lock:
            self._idle.append(process)


class Cluster:
    """The workers of a Dask cluster.

    What a worker had when it died is begun again on another one, by the cluster itself.

    Parameters
    ----------
    address
        Of its scheduler.
    count
        How many calls it gets at once; None: as many as its workers have threads.

    Raises
    ------
    ImportError
        ``distributed`` is not installed.
    OSError
        Nobody answers there.
    """

    def __init__(self, address: str, count: int | None) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise ImportError(
                "A cluster needs Dask: pip install 'fluxfill-nb[dask]', here and on its workers."
            ) from None
        connect: Any = Client  # it has no types
        # Each fill carries its picture; there is no better place for it.
        warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
        self._client = connect(address, timeout=_CONNECTING, set_as_default=False)
        self._executor = self._client.get_executor(pure=False)
        self._count = count
        self._threads, self._asked = 1, float("-inf")

    @property
    def places(self) -> float:
        """How many threads its workers have by now; one at least: it waits for the first worker."""
        if self._count is not None:
            return self._count
        now = time.monotonic()
        if now > self._asked + _SIZE_KNOWN_FOR:
            self._asked = now
            with contextlib.suppress(Exception):  # out of reach: it is as it was
                self._threads = sum(self._client.nthreads().values())
        return max(1, self._threads)

    @property
    def is_alive(self) -> bool:
        """Whether the scheduler is there, or was a moment ago: a connection may come back."""
        return self._client.status in ("running", "connecting")

    def submit(self, call: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """Begin a call."""
        if not self.is_alive:  # Dask would take it, and never say a word
            raise BrokenExecutor("The connection to the cluster is lost")
        future: Future[T] = self._executor.submit(call, *arguments)
        return future

    def close(self) -> None:
        """Drop what has not begun; the cluster stays its owner's."""
        self._client.close()
