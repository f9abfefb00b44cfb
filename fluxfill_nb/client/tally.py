"""How the fills of a run stand: noted by the conductor, read through the run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from .. import errors
from ..result import FillProgress, FillResult
from ..sweep import Outcome
from ..wording import span
from .purse import Purse

T = TypeVar("T")
State = Literal["waiting", "under way", "done", "failed"]
"""How far a fill is."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes
    ----------
    total, done, failed, under_way, waiting
        Numbers of fills; ``total`` is the sum of the others.
    kept
        How many of those done were there already: nobody had to be asked for them.
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
            parts[0] += f" ({self.kept} {'was' if self.kept == 1 else 'were'} there)"
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.under_way:
            parts.append(f"{self.under_way} under way")
        if self.spent:
            parts.append(f"${self.spent:.2f} spent")
        if self.left is not None and self.under_way + self.waiting:
            parts.append(f"about {span(self.left)} left")
        return ", ".join(parts)


class Tally(Generic[T]):
    """How the fills of a run stand, and what stops them. May be used from any thread.

    Parameters
    ----------
    count
        How many fills there are.
    conclude
        Makes of their outcomes what the run gives.
    purse
        What it may cost.

    Attributes
    ----------
    future
        What the run gives, once it is over.
    thread
        The thread whose event loop does the work; None: not known yet.
    halted_by
        The error that every further fill would meet too.
    """

    def __init__(self, count: int, conclude: Callable[[list[Outcome]], T], purse: Purse) -> None:
        self.future: Future[T] = Future()
        self.thread: int | None = None
        self.halted_by: errors.FluxFillError | None = None
        self._conclude = conclude
        self._purse = purse
        self._lock = threading.RLock()
        self._outcomes: list[Outcome] = [None] * count
        self._states: list[State] = ["waiting"] * count
        self._previews: dict[int, FillProgress] = {}
        self._sent: set[int] = set()
        self._asked: set[int] = set()
        self._began = time.monotonic()
        self._ended: float | None = None
        self._watchers: list[Callable[[int | None], object]] = []
        self._stop: Callable[[], object] | None = None
        self._stopped = False

    # ------------------------------------------------------------------------ read, and stopped

    @property
    def is_stopped(self) -> bool:
        """Whether somebody or something stopped it before its end."""
        return self._stopped or self.halted_by is not None

    @property
    def progress(self) -> RunProgress:
        """How far it is."""
        with self._lock:
            count = {state: self._states.count(state) for state in ("done", "failed", "under way")}
            elapsed = (self._ended or time.monotonic()) - self._began
            states = enumerate(self._states)
            fresh = sum(state == "done" and index in self._asked for index, state in states)
            left = None
            waiting = len(self._states) - sum(count.values())
            if fresh and not self.future.done():
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

    def result(self) -> T:
        """Return what has come so far."""
        if self.future.done():
            return self.future.result()
        with self._lock:
            return self._conclude(list(self._outcomes))

    def state(self, index: int) -> State:
        """Return how far a fill is."""
        with self._lock:
            return self._states[index]

    def outcome(self, index: int) -> Outcome:
        """Return what a fill has come to."""
        with self._lock:
            return self._outcomes[index]

    def seen(self, index: int) -> FillProgress | None:
        """Return what the service last said of a fill under way."""
        with self._lock:
            return self._previews.get(index)

    def watch(self, watcher: Callable[[int | None], object]) -> Callable[[], None]:
        """Have a function called with what changes; return what ends that."""
        with self._lock:
            self._watchers.append(watcher)

        def unwatch() -> None:
            with self._lock:
                if watcher in self._watchers:
                    self._watchers.remove(watcher)

        return unwatch

    def stop(self) -> None:
        """Have nothing more sent."""
        with self._lock:
            self._stopped = True
            if self._stop is not None and not self.future.done():
                self._stop()

    # ------------------------------------------------------------------------------------- noted

    def begin(self, stop: Callable[[], object]) -> bool:
        """Note how it is stopped; whether it may begin."""
        self.thread = threading.get_ident()
        with self._lock:
            self._stop = stop
            return not self._stopped

    def under_way(self, index: int) -> None:
        """Note that a fill is being worked on."""
        self._note(index, "under way")

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

    def heard(self, index: int, progress: FillProgress) -> None:
        """Note what the service says of a fill."""
        with self._lock:
            self._asked.add(index)
            self._previews[index] = progress
        self._tell(index)

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
        """Have nothing more sent: each further fill would meet this too."""
        with self._lock:
            self.halted_by = self.halted_by or error

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
                self.future.set_result(self._conclude(outcomes))
            except BaseException as error:
                self.future.set_exception(error)
        else:
            self.future.set_exception(failure)
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
