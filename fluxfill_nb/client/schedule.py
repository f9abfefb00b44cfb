"""When to ask whether a picture is ready: learnt from how long the last ones took."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator

_REMEMBERED = 16
_ENOUGH = 3
# Until something is known: often at first, for engines that are close by.
_FIRST, _FACTOR, _LONGEST = 0.1, 1.25, 1.0
# Once it is: from the early ones on, in steps of this share of the time passed.
_EARLY, _LATE, _STEP = 0.25, 0.95, 0.075
# Before: at least so often, s, or after this share of the time passed. What is known may be wrong,
# as services are slow at one hour and quick at the next.
_RARELY, _SHARE = 3.0, 0.5
_SHORTEST = 0.05


class Schedule:
    """The moments at which to poll, s after the submission. May be shared by threads.

    Parameters
    ----------
    durations
        How long fills took, s, the last one last.
    """

    def __init__(self, durations: Iterable[float] = ()) -> None:
        self._durations = deque(durations, maxlen=_REMEMBERED)
        self._lock = threading.Lock()

    def learn(self, ready: float, *, unready: float) -> None:
        """Note when a picture was seen to be ready, and when it last was not, s."""
        with self._lock:
            # Nobody knows when in between; the longer that was, the more is there to learn.
            self._durations.append((unready + ready) / 2)

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
        early, late = (known[int(share * len(known))] for share in (_EARLY, _LATE))
        early = max(_SHORTEST, early * (1 - _STEP / 2))
        moment = _RARELY
        while moment < early * (1 - _STEP):
            yield moment
            moment += max(_RARELY, _SHARE * moment)
        moment = min(moment, early)
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
