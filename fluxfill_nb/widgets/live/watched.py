"""What the live view knows of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ...errors import FluxFillError
from ...result import FillProgress
from ...sweep import Outcome, Point


class Progress(Protocol):
    """How far a run is; as text, one line."""

    @property
    def total(self) -> int:
        """How many fills there are."""

    @property
    def done(self) -> int:
        """How many have a picture."""

    @property
    def failed(self) -> int:
        """How many ended without."""

    @property
    def under_way(self) -> int:
        """How many are being worked on."""

    @property
    def elapsed(self) -> float:
        """Since the start, s."""


class Watched(Protocol):
    """What is known here of a run."""

    @property
    def points(self) -> tuple[Point, ...]:
        """What is made."""

    @property
    def service(self) -> str:
        """Who makes it."""

    @property
    def progress(self) -> Progress:
        """How far it is."""

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""

    @property
    def is_stopped(self) -> bool:
        """Whether it ends before all is done."""

    @property
    def halted_by(self) -> FluxFillError | None:
        """The error that stopped it."""

    def state(self, index: int, /) -> str:
        """Return "waiting", "under way", "done" or "failed"."""

    def outcome(self, index: int, /) -> Outcome:
        """Return what a fill has come to."""

    def seen(self, index: int, /) -> FillProgress | None:
        """Return what the service said last of a fill under way."""

    def watch(self, watcher: Callable[[int | None], object], /) -> Callable[[], None]:
        """Have a function called with what changes; return what ends that."""

    def cancel(self) -> None:
        """Stop."""

    def result(self) -> Any:
        """Return what has come so far."""
