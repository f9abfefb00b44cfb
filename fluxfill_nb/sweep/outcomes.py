"""What can have come of a point of a sweep."""

from __future__ import annotations

from typing import TypeAlias

from ..errors import FluxFillError, SubmissionUnconfirmed, TaskModerated
from ..result import FillResult

Outcome: TypeAlias = FillResult | FluxFillError | None
"""What came of a point: a picture, the reason why there is none, or nothing yet."""

STATES = ("done", "failed", "moderated", "unconfirmed", "missing")
"""What can have become of a point."""

COLUMNS = ("status", "reason", "stars", "service", "duration_s", "price_usd")
"""What results' tables tell of a point, besides its labels and its seed."""


def status(outcome: Outcome) -> str:
    """Return one of `STATES` for what came of a point."""
    match outcome:
        case FillResult():
            return "done"
        case None:
            return "missing"
        case TaskModerated():
            return "moderated"
        case SubmissionUnconfirmed():
            return "unconfirmed"
        case _:
            return "failed"
