"""When to ask whether a picture is ready."""

from __future__ import annotations

from collections.abc import Iterator

_FIRST = 0.1
_LONGEST = 1.0
_FACTOR = 1.25


def pauses() -> Iterator[float]:
    """Yield the pauses before each poll, s: short ones first, for engines that are close by."""
    pause = _FIRST
    while True:
        yield pause
        pause = min(_LONGEST, pause * _FACTOR)
