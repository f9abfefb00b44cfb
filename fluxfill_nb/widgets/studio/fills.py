"""What was asked for in the Studio, and what came of it; without any widget."""

from __future__ import annotations

import threading
from typing import Literal

from ...client import FluxFill
from ...client.run import Run
from ...errors import RunStopped, StoreError
from ...options import FillOptions
from ...request import FillRequest
from ...result import FillResult, FillStatus
from ..live.cells import Face, Faces

Stage = Literal["pending", "done", "failed", "stopped"]


class Fill:
    """One fill: under way, and then its result, its error, or neither, because it was stopped.

    Attributes
    ----------
    client
        Who was asked.
    run
        The client's handle; None once there is a result.
    request
        What was asked for; None once a result has been looked at, which knows it.
    result
        What came of it, if all went well.
    error
        What went wrong, if something did.
    was_there
        Whether the store had the result already, so that it has cost nothing now.
    picture, shape
        What is shown of it, small, as a ``data:`` URL, empty until somebody has looked; and its
        (width, height), px.
    caption
        What is written under it, as HTML.
    """

    def __init__(self, client: FluxFill, request: FillRequest) -> None:
        self.client = client
        self.picture = self.caption = ""
        self.shape = request.picture.image.size
        self.was_there = False
        self.result: FillResult | None = None
        self._lock = threading.Lock()
        self._tried = False
        self._begin(request)

    def _begin(self, request: FillRequest) -> None:
        self.error: Exception | None = None
        self.request: FillRequest | None = request
        run = self.client.start(request, retry=self._tried)
        self.run: Run[FillResult] | None = run
        self._faces = Faces(run, labelled=False)
        self._is_settled = False

    def again(self) -> bool:
        """Ask for the same once more, also if what was asked for may have been paid for.

        Returns whether that is done: what is under way, or here, is not asked for.
        """
        with self._lock:
            if self.stage not in ("failed", "stopped") or self.request is None:
                return False
            self._tried = True
            self._begin(self.request)
            return True

    def stop(self) -> None:
        """Send nothing more; what was sent stays to be had."""
        if (run := self.run) is not None:
            run.cancel()

    @property
    def stage(self) -> Stage:
        """How far it is."""
        if not self._is_settled:
            return "pending"
        return "done" if self.result else "failed" if self.error else "stopped"

    def settle(self) -> bool:
        """Take what came of it, if it has ended; whether that is new."""
        with self._lock:
            if self._is_settled or self.run is None:
                return False
            outcome: object = self.run.outcome(0)
            if outcome is None and self.run.is_done:
                try:
                    outcome = self.run.result()
                except Exception as error:
                    outcome = error
            if outcome is None:
                return False
            if isinstance(outcome, StoreError) and outcome.result is not None:
                self.error, outcome = outcome, outcome.result
            if isinstance(outcome, FillResult):
                self.was_there = self.run.progress.kept > 0
                self.result, self.run = outcome, None
            elif not isinstance(outcome, RunStopped):
                assert isinstance(outcome, Exception)
                self.error = outcome
            self._is_settled = True
            return True

    @property
    def options(self) -> FillOptions | None:
        """With which settings; None if that is not known any more."""
        if self.request is not None:
            return self.request
        return None if self.result is None else self.result.request

    @property
    def elapsed(self) -> float:
        """For how long it is under way, s; 0 if it is not."""
        run = self.run
        return 0.0 if run is None else run.progress.elapsed

    def face(self) -> Face:
        """Return how it is shown while it is under way."""
        run = self.run
        face = self._faces.of(0)
        if run is not None and run.is_stopped and not run.is_done:
            return Face("under way", "stopping …", percent=face.percent)
        seen = run.seen(0) if run is not None else None
        if seen is not None and seen.status == FillStatus.PENDING and not seen.fraction:
            return Face("waiting", "waiting")
        return face
