"""A run: fills under way, and the handle by which they are watched, stopped and waited for."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from .. import errors
from ..result import FillProgress, FillResult
from ..sweep import Outcome, Point
from .purse import Purse

T = TypeVar("T")
State = Literal["waiting", "under way", "done", "failed"]
"""How far a fill is."""
OnResult: TypeAlias = Callable[[Point, Outcome], object]
"""What is told of each fill that has ended."""

SETTLES = 30.0
"""How long a stopped run may take to note what it has sent, s."""

_log = logging.getLogger(__name__)
# How long a wait lasts at a time, s: between two, the stop button is heard.
_SLICE = 0.1


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes
    ----------
    total, done, failed, under_way, waiting
        Numbers of fills; ``total`` is the sum of the others.
    kept
        How many of those done were there already, and cost nothing now.
    spent
        What this run has cost, USD; None if the service's price is not known.
    elapsed
        Since the start, s.
    left
        How much longer it is likely to take, s; None as long as nothing is known.
    """

    total: int
    done: int
    failed: int
    under_way: int
    waiting: int
    kept: int
    spent: float | None
    elapsed: float
    left: float | None

    def __str__(self) -> str:
        parts = [f"{self.done}/{self.total} done"]
        if self.kept:
            parts[0] += f" ({self.kept} were there)"
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.under_way:
            parts.append(f"{self.under_way} under way")
        if self.spent:
            parts.append(f"${self.spent:.2f} spent")
        if self.left is not None and self.under_way + self.waiting:
            parts.append(f"about {_span(self.left)} left")
        return ", ".join(parts)


class Run(Generic[T]):
    """Fills under way. Made by ``client.start(…)``, which does not wait.

    May be read, stopped and waited for from any thread, and awaited on any event loop. In a
    notebook it shows itself as a live view.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_box(picture.size, (80, 80, 120, 120))
    >>> request = ff.FillRequest(picture, mask, steps=15)
    >>> with ff.connect("local", store=None) as client:
    ...     run = client.start(ff.Sweep(request, seed=range(3)))
    ...     runs = run.wait()
    >>> run.is_done, len(runs.results)
    (True, 3)
    """

    def __init__(
        self, points: tuple[Point, ...], conclude: Callable[[list[Outcome]], T], *,
        service: str, purse: Purse,
    ) -> None:  # fmt: skip
        self.points = points
        self.service = service
        self._conclude = conclude
        self._purse = purse
        self._lock = threading.RLock()
        self._outcomes: list[Outcome] = [None] * len(points)
        self._states: list[State] = ["waiting"] * len(points)
        self._previews: dict[int, FillProgress] = {}
        self._sent: set[int] = set()
        self._began = time.monotonic()
        self._ended: float | None = None
        self._watchers: list[Callable[[int | None], object]] = []
        self._stopped = False
        self._halted: errors.FluxFillError | None = None
        self._stop: Callable[[], object] | None = None
        self._thread: int | None = None
        self._future: Future[T] = Future()

    # -------------------------------------------------------------------------------- for whoever

    @property
    def is_done(self) -> bool:
        """Whether it has ended: all is there, or it was stopped."""
        return self._future.done()

    @property
    def is_stopped(self) -> bool:
        """Whether somebody or something stopped it before its end."""
        return self._stopped or self._halted is not None

    @property
    def halted_by(self) -> errors.FluxFillError | None:
        """The error that ended it early, because every further fill would meet it too."""
        return self._halted

    @property
    def progress(self) -> RunProgress:
        """How far it is."""
        with self._lock:
            count = {state: self._states.count(state) for state in ("done", "failed", "under way")}
            elapsed = (self._ended or time.monotonic()) - self._began
            states = enumerate(self._states)
            fresh = sum(state == "done" and index in self._sent for index, state in states)
            left = None
            waiting = len(self._states) - sum(count.values())
            if fresh and not self.is_done:
                left = elapsed / fresh * (waiting + count["under way"])
            return RunProgress(
                total=len(self._states),
                done=count["done"],
                failed=count["failed"],
                under_way=count["under way"],
                waiting=waiting,
                kept=count["done"] - fresh,
                spent=self._purse.spent if self._purse.knows_price else None,
                elapsed=elapsed,
                left=left,
            )

    def state(self, index: int) -> State:
        """Return how far the fill of ``points[index]`` is."""
        with self._lock:
            return self._states[index]

    def outcome(self, index: int) -> Outcome:
        """Return what ``points[index]`` has come to: a result, an error, or None as yet."""
        with self._lock:
            return self._outcomes[index]

    def seen(self, index: int) -> FillProgress | None:
        """Return what the service last said of ``points[index]``, if it is under way."""
        with self._lock:
            return self._previews.get(index)

    def watch(self, watcher: Callable[[int | None], object]) -> Callable[[], None]:
        """Have a function called with the index of each fill that changes, and None at the end.

        Parameters
        ----------
        watcher
            Called in the client's thread: it should be quick, and neither print nor display.

        Returns
        -------
        collections.abc.Callable
            What ends that.
        """
        with self._lock:
            self._watchers.append(watcher)

        def unwatch() -> None:
            with self._lock:
                if watcher in self._watchers:
                    self._watchers.remove(watcher)

        return unwatch

    def cancel(self) -> None:
        """Stop: nothing more is sent; what was sent stays to be had, and what is done is kept.

        Returns at once. The fills under way are taken up again by ``client.resume()``, or by
        starting the same again.
        """
        with self._lock:
            self._stopped = True
            if self._stop is not None and not self.is_done:
                self._stop()

    def result(self) -> T:
        """Return what has come so far, without waiting.

        Raises
        ------
        fluxfill_nb.errors.FluxFillError
            Of a single fill: its picture is not here yet, or why there is none.
        """
        if self._future.done():
            return self._future.result()
        with self._lock:
            return self._conclude(list(self._outcomes))

    def wait(self) -> T:
        """Wait for the end, and return what has come. The stop button stops the run.

        Raises
        ------
        KeyboardInterrupt
            The run was stopped; what was sent by then is kept.
        RuntimeError
            Called on the event loop that does the work: await the run there.
        """
        if self._thread == threading.get_ident() and not self.is_done:
            raise RuntimeError("This is the loop that does the work: write `await run` here.")
        try:
            while True:
                try:
                    return self._future.result(_SLICE)
                except TimeoutError:
                    if self._future.done():
                        raise
        except KeyboardInterrupt as interrupt:
            self._stop_for(interrupt)
            raise

    def __await__(self) -> Generator[Any, None, T]:
        return self._awaited().__await__()

    async def _awaited(self) -> T:
        future = asyncio.wrap_future(self._future)
        try:
            # In slices: the kernel's interrupt does not wake its loop.
            while not (await asyncio.wait({future}, timeout=_SLICE))[0]:
                pass
            return future.result()
        except asyncio.CancelledError as interrupt:
            self.cancel()
            give_up = time.monotonic() + SETTLES
            while not self._future.done() and time.monotonic() < give_up:
                await asyncio.sleep(_SLICE / 10)
            interrupt.add_note(self._how_to_go_on())
            raise

    def _stop_for(self, interrupt: KeyboardInterrupt) -> None:
        """Stop, and wait until what was sent is noted."""
        self.cancel()
        give_up = time.monotonic() + SETTLES
        while not self._future.done() and time.monotonic() < give_up:
            time.sleep(_SLICE / 10)
        if not hasattr(interrupt, "__notes__"):
            interrupt.add_note(self._how_to_go_on())

    def _how_to_go_on(self) -> str:
        return f"Stopped: {self.progress}. Run it again to go on: nothing is paid for twice."

    def __repr__(self) -> str:
        end = "stopped" if self.is_stopped else "ended" if self.is_done else "running"
        return f"<Run, {end}: {self.progress}, {self.service}>"

    def _repr_mimebundle_(self, **_kwargs: Any) -> Any:
        from ..widgets.live import LiveView

        return LiveView(self)._repr_mimebundle_()

    @contextmanager
    def shown(self, *, awaited: bool = False) -> Iterator[None]:
        """Show it live for as long as a block lasts, if this is a notebook.

        Parameters
        ----------
        awaited
            Whether this thread's own event loop does the work, so that it must not be held up.

        Yields
        ------
        None
            The block.
        """
        try:
            if not _in_notebook():
                yield
                return
            from ..widgets.live import showing

            with showing(self, awaited=awaited):
                yield
        except KeyboardInterrupt as interrupt:
            self._stop_for(interrupt)
            raise

    # --------------------------------------------------------------------------- for who does it

    def belongs_to_this_thread(self) -> None:
        """Note that it is this thread's event loop that does the work."""
        self._thread = threading.get_ident()

    def begin(self, stop: Callable[[], object]) -> bool:
        """Note how it is stopped; whether it may begin."""
        self.belongs_to_this_thread()
        with self._lock:
            self._stop = stop
            return not self._stopped

    def under_way(self, index: int) -> None:
        """Note that a fill is being worked on."""
        self._note(index, "under way")

    def seen_of(self, index: int) -> Callable[[FillProgress], None]:
        """Return what notes the progress of one fill."""

        def seen(progress: FillProgress) -> None:
            with self._lock:
                self._previews[index] = progress
            self._tell(index)

        return seen

    def sending(self, index: int) -> None:
        """Note that a request is about to be sent.

        Raises
        ------
        fluxfill_nb.errors.BudgetReached
            It would cost more than is allowed.
        """
        with self._lock:
            self._purse.take()
            self._sent.add(index)

    def settled(self, index: int, outcome: Outcome, *, was_free: bool = False) -> None:
        """Note how a fill has ended; None: it did not."""
        with self._lock:
            self._outcomes[index] = outcome
            self._previews.pop(index, None)
            if index in self._sent:
                if was_free:
                    self._purse.put_back()
                elif isinstance(outcome, FillResult) and outcome.price is not None:
                    self._purse.correct(outcome.price)
        failed = isinstance(outcome, errors.FluxFillError)
        self._note(index, "waiting" if outcome is None else "failed" if failed else "done")

    def halt(self, error: errors.FluxFillError) -> None:
        """Send nothing more: each further fill would meet this too."""
        with self._lock:
            self._halted = self._halted or error

    def end(self, failure: BaseException | None = None) -> None:
        """Note that it is over."""
        with self._lock:
            self._ended = time.monotonic()
            for index, state in enumerate(self._states):
                if state == "under way":
                    self._states[index] = "waiting"
            outcomes = list(self._outcomes)
        if failure is None:
            try:
                self._future.set_result(self._conclude(outcomes))
            except BaseException as error:
                self._future.set_exception(error)
        else:
            self._future.set_exception(failure)
        self._tell(None)

    def _note(self, index: int, state: State) -> None:
        with self._lock:
            self._states[index] = state
        self._tell(index)

    def _tell(self, index: int | None) -> None:
        with self._lock:
            watchers = tuple(self._watchers)
        for watcher in watchers:
            try:
                watcher(index)
            except Exception:
                _log.exception("A watcher of the run failed")


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
