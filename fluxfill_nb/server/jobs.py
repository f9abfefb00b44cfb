"""The server's work: fills that wait, run, and are kept until they are fetched."""

from __future__ import annotations

import functools
import logging
import math
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from typing import Any

from ..engines import Engine
from ..options import FillOptions
from ..result import FillStatus
from . import checks
from .accounts import EVERYBODY, Account
from .job import Job, details_of
from .letters import Letter
from .metrics import Counts
from .pictures import Pictures
from .sent import Sent
from .turns import Turns
from .work import Carried, Outcome, work
from .workers import workers_for

_log = logging.getLogger(__name__)

KEPT_FOR = 3600.0
"""How long a finished task is kept, s: its samples' addresses live shorter, and are signed anew."""

MAX_KEPT = 1000
"""How many finished tasks are kept at most; the oldest go first."""

ATTEMPTS = 3
"""How often a fill is begun at most, if the worker that has it dies each time."""

FAILED = "The engine failed"
LOST = "The engine's worker died"
SHUT_DOWN = "The server was shut down"
"""What a task's ``Error`` says."""

_LONGEST_ERROR = 300


class ShutDown(Exception):
    """No more work is taken on; says in how many seconds it may be again."""

    def __init__(self, retry_after: float = 0.0) -> None:
        super().__init__()
        self.retry_after = math.ceil(retry_after)


@dataclass(eq=False)
class _Task:
    """What a job needs until it has ended."""

    job: Job
    account: Account | None
    on_end: Callable[[Job], None] | None
    submitted: float
    attempts: int = 0
    future: Future[Outcome] | None = None


class Jobs:
    """Runs fills, and keeps what came of them for a while.

    Accounts take turns. A fill whose worker dies is run again: engines are deterministic, and cost
    nothing.

    Parameters
    ----------
    engine
        What fills the pictures.
    executor
        Where it runs; see `fluxfill_nb.LocalServer`.
    workers
        How many fills run at once.
    kept_for
        How long finished tasks are kept, s.

    Attributes
    ----------
    is_discreet
        Whether an engine's own words about its failure go to the log only: they may hold anything.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is no such executor, ``workers`` is below 1, or ``kept_for`` is no time.
    ImportError, OSError
        The cluster cannot be reached.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        executor: Executor | str | None = None,
        workers: int | None = None,
        kept_for: float = KEPT_FOR,
    ) -> None:
        self.engine = engine
        self.kept_for = checks.amount("kept_for", kept_for)
        self.is_discreet = True
        self.workers = workers_for(engine, executor, workers)
        self.pictures = Pictures()
        self.counts = Counts()
        self._carried = Carried(engine)
        self._jobs: dict[str, Job] = {}
        self._ended: deque[Job] = deque()
        self._turns: Turns[_Task] = Turns()
        self._running: dict[str, _Task] = {}
        # One thread hands tasks on and takes them back, as long as there are any.
        self._news: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._has_foreman = False
        self._lock = threading.Lock()
        self._open_again = 0.0  # when it is expected, once no work is taken on any more
        self._closed = False

    @property
    def active(self) -> int:
        """How many jobs wait or run."""
        with self._lock:
            return len(self._jobs) - len(self._ended)

    @property
    def is_open(self) -> bool:
        """Whether work is taken on."""
        return not (self._closed or self._open_again) and self.workers.is_alive

    def census(self) -> dict[str, Counter[Any]]:
        """Return how many jobs of each account are ``waiting``, and how many ``running``."""
        with self._lock:
            running = Counter(task.account for task in self._running.values())
            return {"waiting": self._turns.waiting(), "running": running}

    def check_open(self) -> None:
        """Raise `ShutDown` if no work is taken on."""
        if not self.is_open:
            raise ShutDown(max(0.0, self._open_again - time.monotonic()))

    def submit(
        self,
        sent: Sent,
        options: FillOptions,
        *,
        account: Account | None = None,
        on_end: Callable[[Job], None] | None = None,
    ) -> Job:
        """Take a fill on; the settings that were left open are settled here, the seed included.

        Parameters
        ----------
        sent
            Picture and mask, which can be decoded.
        options
            See `fluxfill_nb.engines.Engine`.
        account
            Has a task open for it, which is closed when the job ends.
        on_end
            Called once when the job has ended, however it did.

        Raises
        ------
        ShutDown
            No work is taken on any more.
        """
        options = options.resolved()
        job = Job(options, details_of(self.engine, options), cost=account.cost if account else 0.0)
        job.letter = Letter(job.report, self.pictures.folder / f"{job.id}.letter")
        task = _Task(job, account, on_end, time.time())
        self.check_open()
        try:
            self.pictures.put_sent(job.id, sent)
        except OSError:
            self.check_open()  # the folder has just ended; or else the disk is full
            raise
        with self._lock:
            if self._closed:
                raise ShutDown  # all pictures go with the server
            self._drop_old()
            self._jobs[job.id] = job
            self._turns.put(account, task)
            if self._has_foreman:
                self._news.put(None)
            else:
                self._has_foreman = True
                threading.Thread(target=self._run, name="fluxfill-jobs", daemon=True).start()
        return job

    def get(self, job_id: str) -> Job | None:
        """Return the job of that id; None if there is none, or not any more."""
        with self._lock:
            self._drop_old()
            return self._jobs.get(job_id)

    def stop_taking(self, open_again: float) -> None:
        """Take no more work on; what was taken on goes on.

        Parameters
        ----------
        open_again
            In how many seconds work may be taken on again, by whoever comes after.
        """
        self._open_again = time.monotonic() + open_again

    def unfetched(self, since: float) -> int:
        """Return how many jobs wait or run, or have a picture that nobody has fetched.

        Parameters
        ----------
        since
            Pictures that were ready before do not count, seconds since 1970.
        """
        with self._lock:
            jobs = list(self._jobs.values())
        return sum(
            job.status == FillStatus.PENDING
            or (job.status == FillStatus.READY and job.ended >= since and not job.is_fetched)
            for job in jobs
        )

    def close(self) -> None:
        """Stop what runs, end what waits, and remove the pictures."""
        with self._lock:
            self._closed = True
            waiting = [self._turns.take() for _ in range(len(self._turns))]
            futures = [task.future for task in self._running.values()]
            for job in self._jobs.values():
                job.cancelled.set()
        for future in futures:
            if future is not None:
                future.cancel()
        for task in waiting:
            self._end(task, None)
        try:
            self.workers.close()
        finally:
            self.pictures.close()

    def _run(self) -> None:
        """Hand tasks on and take them back, until there are none."""
        while True:
            self._hand_on()
            with self._lock:
                if not self._turns and not self._running:
                    self._has_foreman = False
                    return
            self._take_back(self._news.get())

    def _hand_on(self) -> None:
        """Give the workers as much as they carry out at once."""
        while True:
            places = self.workers.places
            with self._lock:
                if not self._turns or len(self._running) >= places:
                    return
                task = self._turns.take()
                self._running[task.job.id] = task
            task.attempts += 1
            job = task.job
            try:
                future = self.workers.submit(
                    work, self._carried, self.pictures.sent(job.id), job.options, job.letter
                )
            except Exception as error:  # shut down or broken for good, or its cluster is away
                _log.warning("The executor takes no more work: %r", error)
                future = Future()
                future.set_exception(error)
            with self._lock:
                task.future = future
                closed = self._closed
            if closed:
                future.cancel()
            future.add_done_callback(functools.partial(self._has_ended, task))

    def _has_ended(self, task: _Task, _: Future[Outcome]) -> None:
        # In the executor's own thread, which may be its event loop: no work here.
        self._news.put(task)

    def _take_back(self, task: _Task | None) -> None:
        """See what came of a task."""
        if task is None:  # there is something to hand on
            return
        future, task.future = task.future, None
        assert future is not None
        lost = _is_lost(future)
        with self._lock:
            del self._running[task.job.id]
            again = lost and task.attempts < ATTEMPTS and not self._closed and self.workers.is_alive
            if again:
                self._turns.put_back(task.account, task)
        if again:
            self.counts.repeat()
            _log.warning("The worker of task %s died: it is run again", task.job.id)
        else:
            self._end(task, future)

    def _end(self, task: _Task, future: Future[Outcome] | None) -> None:
        """Write down what came of a task. Whatever happens, it ends."""
        job, account = task.job, task.account
        seconds, status = self._outcome(job, future)
        self.pictures.drop_sent(job.id)
        if job.letter is not None:
            job.letter.end()
            job.letter = None
        job.preview.end()
        job.ended = time.time()
        job.started = job.ended - seconds
        if account is not None:  # before anybody can see the end, and come with the next task
            account.close_task(paid=status == FillStatus.READY)
        name = EVERYBODY if account is None else account.name
        self.counts.end(name, status, max(0.0, job.started - task.submitted), seconds)
        with self._lock:
            self._ended.append(job)
            job.status = status
        if task.on_end is not None:
            try:
                task.on_end(job)
            except Exception:
                _log.exception("What was to be told of task %s failed", job.id)

    def _outcome(self, job: Job, future: Future[Outcome] | None) -> tuple[float, FillStatus]:
        """Take what a future holds into its job; return seconds of work, and the job's status."""
        job.error = SHUT_DOWN
        if future is None or job.cancelled.is_set():
            return 0.0, FillStatus.ERROR
        if _is_lost(future):
            job.error = LOST
            _log.error("The worker of task %s died, and it is not run again", job.id)
            return 0.0, FillStatus.ERROR
        job.error = FAILED
        try:
            # What this raises is the executor's: the engine's failures are in the outcome.
            outcome = future.result()
            if outcome.picture:
                self.pictures.put(job.id, outcome.picture)
                job.error, job.progress = "", 1.0
                return outcome.seconds, FillStatus.READY
            if outcome.failure:
                _log.error("The engine failed on task %s: %s", job.id, outcome.failure)
                if not self.is_discreet:
                    why = outcome.failure.strip().splitlines()[-1]
                    job.error = f"{FAILED}: {why}"[:_LONGEST_ERROR]
        except BaseException as error:
            _log.exception("Task %s failed", job.id)
            if not self.is_discreet:
                job.error = f"{job.error}: {error!r}"[:_LONGEST_ERROR]
        return 0.0, FillStatus.ERROR

    def _drop_old(self) -> None:
        oldest = time.time() - self.kept_for
        while self._ended and (len(self._ended) > MAX_KEPT or self._ended[0].ended < oldest):
            job = self._ended.popleft()
            del self._jobs[job.id]
            self.pictures.drop(job.id)


def _is_lost(future: Future[Any]) -> bool:
    """Whether a future ended without its call having done so."""
    return future.cancelled() or isinstance(future.exception(), BrokenExecutor)
