"""The server's work: fills that wait, run, and are kept until they are fetched."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from ..engines import Cancelled, Engine, Progress, name_of
from ..mask import Mask
from ..options import FillOptions
from ..result import FillStatus
from .accounts import Account
from .pictures import Pictures
from .preview import MakePreview, Preview

_log = logging.getLogger(__name__)

KEPT_FOR = 3600.0
"""How long a finished task is kept, s: its samples' addresses live shorter, and are signed anew."""

MAX_KEPT = 1000
"""How many finished tasks are kept at most; the oldest go first."""

FAILED = "The engine failed"
SHUT_DOWN = "The server was shut down"
"""What a task's ``Error`` says. Engines' own texts may hold anything: they go to the log only."""


class ShutDown(Exception):
    """No more work is taken on."""


@dataclass(frozen=True)
class Outcome:
    """What came of running an engine: a picture file, a failure, or neither: it was stopped."""

    started: float
    picture: bytes = b""
    failure: str = ""


@dataclass(eq=False)
class Job:
    """One fill on the server.

    Written by the thread that runs it, read by those that answer polls: ``status`` comes last.
    """

    options: FillOptions
    details: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: FillStatus = FillStatus.PENDING
    progress: float = 0.0
    preview: Preview = field(default_factory=Preview)
    started: float = 0.0
    ended: float = 0.0
    error: str = ""
    cost: float = 0.0
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def media_type(self) -> str:
        """MIME type of the picture."""
        return f"image/{self.options.output_format}"

    def report(self, fraction: float, preview: MakePreview | None = None, /) -> None:
        """Take an engine's progress; see `fluxfill_nb.engines.Progress`."""
        if self.cancelled.is_set():
            raise Cancelled
        self.progress = max(self.progress, min(1.0, float(fraction)))
        if preview is not None:
            self.preview.offer(preview)


class Jobs:
    """Runs fills on an executor, and keeps what came of them for a while.

    Parameters
    ----------
    engine
        What fills the pictures.
    executor
        Where it runs; default: threads, half as many as there are processors. One that is given
        stays its owner's: it is not shut down here. From other processes no progress is heard.
    kept_for
        How long finished tasks are kept, s.
    """

    def __init__(
        self, engine: Engine, *, executor: Executor | None = None, kept_for: float = KEPT_FOR
    ) -> None:
        self.engine = engine
        self.kept_for = kept_for
        self.pictures = Pictures()
        self._owns_executor = executor is None
        self._executor = executor or ThreadPoolExecutor(
            max(1, (os.cpu_count() or 2) // 2), thread_name_prefix="fluxfill-engine"
        )
        self._jobs: dict[str, Job] = {}
        self._ended: deque[Job] = deque()
        self._futures: dict[str, Future[Outcome]] = {}
        self._lock = threading.Lock()
        self._closed = False

    @property
    def active(self) -> int:
        """How many jobs wait or run."""
        with self._lock:
            return len(self._jobs) - len(self._ended)

    def submit(
        self,
        image: Image.Image,
        mask: Mask,
        options: FillOptions,
        *,
        account: Account | None = None,
        on_end: Callable[[Job], None] | None = None,
    ) -> Job:
        """Take a fill on; the settings that were left open are settled here, the seed included.

        Parameters
        ----------
        image, mask, options
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
        job = Job(options, self._details(options), cost=account.cost if account else 0.0)
        with self._lock:
            self._drop_old()
            if self._closed:
                raise ShutDown
            self._jobs[job.id] = job
        try:
            future = self._executor.submit(
                work, self.engine, image, mask, options, _Reporter(job.report)
            )
        except Exception as error:  # closed meanwhile, its processes broke, its cluster is away
            with self._lock:
                del self._jobs[job.id]
            _log.warning("The executor takes no more work: %r", error)
            raise ShutDown from error
        with self._lock:
            self._futures[job.id] = future
            if self._closed:
                future.cancel()
        future.add_done_callback(lambda future: self._end(job, future, account, on_end))
        return job

    def get(self, job_id: str) -> Job | None:
        """Return the job of that id; None if there is none, or not any more."""
        with self._lock:
            self._drop_old()
            return self._jobs.get(job_id)

    def close(self) -> None:
        """Stop what runs, end what waits, and remove the pictures."""
        with self._lock:
            self._closed = True
            futures = list(self._futures.values())
            for job in self._jobs.values():
                job.cancelled.set()
        for future in futures:
            future.cancel()
        if self._owns_executor:
            self._executor.shutdown(wait=False)
        self.pictures.close()

    def _details(self, options: FillOptions) -> dict[str, Any]:
        """Who works on it, and what an engine says of itself if it has ``details(options)``."""
        details = {"service": f"local engine: {name_of(self.engine)}"}
        describe = getattr(self.engine, "details", None)
        if describe is not None:
            try:
                said = describe(options)
                json.dumps(said, allow_nan=False)
                details |= said
            except Exception:
                _log.exception("The engine's details cannot be shown")
        return details

    def _end(
        self,
        job: Job,
        future: Future[Outcome],
        account: Account | None,
        on_end: Callable[[Job], None] | None,
    ) -> None:
        """Write down what came of a job. Whatever happens, it ends."""
        status = self._outcome(job, future)
        job.preview.end()
        job.ended = time.time()
        if account is not None:  # before anybody can see the end, and come with the next task
            account.close_task(paid=status == FillStatus.READY)
        with self._lock:
            self._futures.pop(job.id, None)
            self._ended.append(job)
            job.status = status
        if on_end is not None:
            on_end(job)

    def _outcome(self, job: Job, future: Future[Outcome]) -> FillStatus:
        """Take what a future holds into its job; return the status that the job gets."""
        job.error = SHUT_DOWN if job.cancelled.is_set() or future.cancelled() else FAILED
        if future.cancelled():
            return FillStatus.ERROR
        try:
            # What this raises is the executor's: the engine's failures are in the outcome.
            outcome = future.result()
            job.started = outcome.started
            if outcome.picture:
                self.pictures.put(job.id, outcome.picture)
                job.error, job.progress = "", 1.0
                return FillStatus.READY
            if outcome.failure:
                _log.error("The engine failed on task %s: %s", job.id, outcome.failure)
        except Exception:
            if not job.cancelled.is_set():  # else the folder has gone, and that is meant
                _log.exception("Task %s failed", job.id)
        return FillStatus.ERROR

    def _drop_old(self) -> None:
        oldest = time.time() - self.kept_for
        while self._ended and (len(self._ended) > MAX_KEPT or self._ended[0].ended < oldest):
            job = self._ended.popleft()
            del self._jobs[job.id]
            self.pictures.drop(job.id)


class _Reporter:
    """An engine's way to report: heard where memory is shared, silent in another process."""

    def __init__(self, report: Progress) -> None:
        self._report = report

    def __call__(self, fraction: float, preview: MakePreview | None = None, /) -> None:
        self._report(fraction, preview)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Reporter, (_unheard,)


def _unheard(fraction: float, preview: MakePreview | None = None, /) -> None:
    """Nobody hears this."""


def work(
    engine: Engine, image: Image.Image, mask: Mask, options: FillOptions, progress: Progress
) -> Outcome:
    """Run an engine on one fill; never raises."""
    started = time.time()
    try:
        progress(0.0)
        filled = engine(image, mask, options, progress)
        return Outcome(started, _encoded(filled, image.size, str(options.output_format)))
    except Cancelled:
        return Outcome(started)
    except BaseException:  # SystemExit of an engine, too, is its own affair
        return Outcome(started, failure=traceback.format_exc())


def _encoded(filled: object, size: tuple[int, int], output_format: str) -> bytes:
    if not isinstance(filled, Image.Image):
        raise TypeError(f"It returned {type(filled).__name__}, not a Pillow image")
    if (filled.mode, filled.size) != ("RGB", size):
        raise ValueError(
            f"It returned {filled.mode} of {filled.width} x {filled.height} px, not RGB of "
            f"{size[0]} x {size[1]} px"
        )
    buffer = io.BytesIO()
    if output_format == "png":
        filled.save(buffer, "PNG", compress_level=3)
    else:
        filled.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()
