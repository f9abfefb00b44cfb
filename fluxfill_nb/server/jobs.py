"""The server's work: fills that wait, run, and are kept until they are fetched."""

from __future__ import annotations

import io
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

from PIL import Image

from ..engines import Cancelled, Engine
from ..mask import Mask
from ..options import FillOptions
from ..result import FillStatus

_log = logging.getLogger(__name__)

KEPT_FOR = 600.0
"""How long a finished picture is kept, s: the hosted service's samples live as long."""


@dataclass
class Job:
    """One fill on the server.

    Written by the thread that runs it, read by those that answer polls.
    """

    options: FillOptions
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: FillStatus = FillStatus.PENDING
    progress: float = 0.0
    submitted: float = field(default_factory=time.time)
    started: float = 0.0
    ended: float = 0.0
    picture: bytes = b""
    error: str = ""
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def media_type(self) -> str:
        """MIME type of the picture."""
        return f"image/{self.options.output_format}"

    @property
    def is_active(self) -> bool:
        """Whether it still waits or runs."""
        return not self.ended

    def report(self, fraction: float, _preview: Callable[[], Image.Image] | None = None, /) -> None:
        """Take an engine's progress; see `fluxfill_nb.engines.Progress`."""
        if self.cancelled.is_set():
            raise Cancelled
        self.progress = max(self.progress, min(1.0, fraction))


class Jobs:
    """Runs fills on an executor, and keeps what came of them for a while.

    Parameters
    ----------
    engine
        What fills the pictures.
    executor
        Where it runs; default: threads, half as many as there are processors.
    kept_for
        How long finished pictures are kept, s.
    """

    def __init__(
        self, engine: Engine, *, executor: Executor | None = None, kept_for: float = KEPT_FOR
    ) -> None:
        self.engine = engine
        self.kept_for = kept_for
        self._executor = executor or ThreadPoolExecutor(
            max(1, (os.cpu_count() or 2) // 2), thread_name_prefix="fluxfill-engine"
        )
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    @property
    def active(self) -> int:
        """How many jobs wait or run."""
        with self._lock:
            return sum(job.is_active for job in self._jobs.values())

    def submit(self, image: Image.Image, mask: Mask, options: FillOptions) -> Job:
        """Take a fill on; the settings that were left open are settled here, the seed included."""
        job = Job(options.resolved())
        with self._lock:
            self._drop_expired()
            self._jobs[job.id] = job
        self._executor.submit(self._run, job, image, mask)
        return job

    def get(self, job_id: str) -> Job | None:
        """Return the job of that id; None if there is none, or not any more."""
        with self._lock:
            self._drop_expired()
            return self._jobs.get(job_id)

    def close(self) -> None:
        """Stop what runs and forget what waits."""
        with self._lock:
            for job in self._jobs.values():
                job.cancelled.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _run(self, job: Job, image: Image.Image, mask: Mask) -> None:
        job.started = time.time()
        try:
            job.report(0.0)
            filled = self.engine(image, mask, job.options, job.report)
            job.picture = _encoded(filled, str(job.options.output_format))
            job.progress = 1.0
            outcome = FillStatus.READY
        except Cancelled:
            job.error, outcome = "The server was shut down", FillStatus.ERROR
        except Exception:
            # The text may hold anything; only the log on the server's side gets it.
            _log.exception("The engine failed on task %s", job.id)
            job.error, outcome = "The engine failed", FillStatus.ERROR
        job.ended = time.time()
        job.status = outcome

    def _drop_expired(self) -> None:
        oldest = time.time() - self.kept_for
        expired = [key for key, job in self._jobs.items() if job.ended and job.ended < oldest]
        for key in expired:
            del self._jobs[key]


def _encoded(image: Image.Image, output_format: str) -> bytes:
    buffer = io.BytesIO()
    if output_format == "png":
        image.save(buffer, "PNG", compress_level=3)
    else:
        image.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()
