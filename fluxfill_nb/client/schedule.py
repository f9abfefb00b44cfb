"""When to ask whether a picture is ready: learnt from how long the last ones took."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

_REMEMBERED = 16
_ENOUGH = 3
# Until something is known: often at first, for engines that are close by.
_FIRST, _FACTOR, _LONGEST = 0.1, 1.25, 1.0
# Once it is: from a little before the early ones, in steps of this share of the time passed.
_EARLY, _LATE, _STEP = 0.15, 0.95, 0.08
# What is ready at the first look has been so for a while: looked for sooner, next time.
_SOONER = 0.85
_SHORTEST = 0.05


class Schedule:
    """The moments at which to poll, s after the submission. May be shared by threads."""

    def __init__(self, durations: Iterable[float] = ()) -> None:
        self._durations = deque(durations, maxlen=_REMEMBERED)
        self._lock = threading.Lock()

    def learn(self, duration: float, *, looks: int) -> None:
        """Note after how long and how many looks a picture was ready, s."""
        with self._lock:
            self._durations.append(duration if looks > 1 else duration * _SOONER)

    @property
    def typical(self) -> float | None:
        """The median duration, s; None as long as little is known."""
        with self._lock:
            known = sorted(self._durations)
        return known[len(known) // 2] if len(known) >= _ENOUGH else None

    def moments(self) -> Iterator[float]:
        """Yield the moments, s after the submission, without end.

        Few before a picture is likely to be ready, dense ones around that time, then ever fewer.
        """
        with self._lock:
            known = sorted(self._durations)
        if len(known) < _ENOUGH:
            yield from _ever_fewer(0.0, _FIRST)
            return
        # A little early, so that it is noticed when pictures become ready sooner.
        moment = max(_SHORTEST, known[int(_EARLY * len(known))] * (1 - _STEP))
        late = known[int(_LATE * len(known))]
        while moment <= late:
            yield moment
            moment += max(_SHORTEST, _STEP * moment)
        yield moment
        yield from _ever_fewer(moment, max(_SHORTEST, _STEP * moment))


def _ever_fewer(moment: float, pause: float) -> Iterator[float]:
    while True:
        moment += pause
        yield moment
        pause = min(max(_LONGEST, pause), pause * _FACTOR)
