"""How fast a service was of late, and so how long what is to come will take."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ..store import RunStore
from .places import MOST

_REMEMBERED = 24


def expected(store: RunStore, service: str, count: int) -> float | None:
    """Return how long so many fills will take, s, by what the store knows of the last ones.

    An engine on this machine is as fast for one as for many at once; a service elsewhere has room
    for many.
    """
    if service.startswith("local engine"):
        each = pace_of([row for row in store.table() if row["service"] == service])
        return None if each is None else each * count
    known = store.durations("bfl.ai" if service.endswith("bfl.ai") else service)
    return statistics.median(known) * -(-count // MOST) if known else None


def pace_of(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Return how long it was from one picture to the next, s, while there was work.

    Parameters
    ----------
    rows
        Each with ``when`` it was submitted, and its ``duration``, s, or None.

    Examples
    --------
    >>> from datetime import datetime
    >>> noon = datetime(2026, 1, 1, 12)
    >>> pace_of([{"when": noon, "duration": 2.0}, {"when": noon, "duration": 4.0}])
    2.0
    """
    spans = [
        (row["when"], row["when"] + timedelta(seconds=row["duration"]))
        for row in rows
        if row["duration"] is not None
    ][-_REMEMBERED:]
    if not spans:
        return None
    busy, until = timedelta(), min(spans)[0]
    for began, ended in sorted(spans):
        busy += max(timedelta(), ended - max(began, until))
        until = max(until, ended)
    return busy.total_seconds() / len(spans)
