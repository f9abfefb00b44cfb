"""A process of this machine that carries out calls for the server, one at a time."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import pickle
import queue
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")

# Not forked: a server has threads, and a GPU does not survive it.
_spawn = multiprocessing.get_context("spawn")
_all: weakref.WeakSet[Process] = weakref.WeakSet()
# Service managers and terminals tell every process of a group; only the server is meant.
_UNHEARD = (signal.SIGINT, signal.SIGTERM)
_END = b""
_is_over = threading.Event()


class Process:
    """Starts at once, and ends with this process at the latest.

    A pipe is all that joins the two. Pools of the standard library have semaphores with names
    besides; whoever ends all processes at once, as kernels and service managers do, leaves those
    behind, and a warning of it.
    """

    def __init__(self) -> None:
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=_work, args=(theirs,), name="fluxfill-worker")
        with _signals_held_back():
            self._process.start()
        theirs.close()
        self._sending = threading.Lock()
        self._owner = os.getpid()
        _all.add(self)

    def call(self, call: Callable[..., T], /, *arguments: Any) -> T:
        """Return what a call returns there.

        Raises
        ------
        concurrent.futures.BrokenExecutor
            The process has died.
        RuntimeError
            What was raised there, in words.
        """
        try:
            with self._sending:
                self._pipe.send((call, arguments))
            outcome, problem = self._pipe.recv()
        except (EOFError, OSError):
            if _is_over.is_set():
                threading.Event().wait()  # nobody is to hear of it any more
            self._process.kill()
            self._process.join()
            raise BrokenExecutor("The process has died") from None
        if problem:
            raise RuntimeError(problem)
        value: T = outcome
        return value

    @property
    def is_alive(self) -> bool:
        """Whether it takes calls, as far as is known."""
        return self._process.is_alive()

    def end(self) -> None:
        """Let it end after the call that is under way; what has not begun is dropped."""
        with self._sending, contextlib.suppress(OSError):  # it has ended
            self._pipe.send_bytes(_END)
        # Somebody has to take note of its end, or it stays in the system's list.
        threading.Thread(target=self._process.join, name="fluxfill-ended", daemon=True).start()

    def kill(self) -> None:
        """End it now; in a fork of this process, do nothing."""
        if self._owner == os.getpid():
            self._process.kill()


@atexit.register  # after multiprocessing's own, which waits for processes: so this one is first
def _kill_all() -> None:
    _is_over.set()
    for process in list(_all):
        process.kill()


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let what is started here not hear signals before it is ready for them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it would let them through when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _UNHEARD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection) -> None:
    """Be the process: carry out what comes, until nothing does."""
    for number in _UNHEARD:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _UNHEARD)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    is_ending = threading.Event()
    threading.Thread(target=_listen, args=(pipe, calls, is_ending), daemon=True).start()
    for pickled in iter(calls.get, _END):
        if is_ending.is_set():
            return
        try:
            call, arguments = pickle.loads(pickled)
            answer = call(*arguments), ""
        except Exception as error:
            answer = None, f"{type(error).__name__}: {error}"
        with contextlib.suppress(OSError):  # see below
            pipe.send(answer)


def _listen(pipe: Connection, calls: queue.SimpleQueue[bytes], is_ending: threading.Event) -> None:
    """Pass calls on; if the server has gone, there is nobody to work for."""
    while True:
        try:
            received = pipe.recv_bytes()
        except (EOFError, OSError):
            os._exit(1)
        if received == _END:
            is_ending.set()
        calls.put(received)
