"""What a server counts, as Prometheus reads it."""

from __future__ import annotations

import bisect
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from ..engines import name_of
from ..result import FillStatus
from .accounts import Account

if TYPE_CHECKING:
    from .jobs import Jobs

_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0)
"""Up to where the buckets of durations go, s."""


class Durations:
    """How long something took, in buckets; see `_SECONDS`."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_SECONDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect.bisect_left(_SECONDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return how many there are up to each bucket's end."""
        ends = [*map(str, _SECONDS), "+Inf"]
        return list(zip(ends, map(float, accumulate(self._counts)), strict=True))


class Counts:
    """What has come of the fills so far; written by `Jobs`, safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.ended: Counter[tuple[str, str]] = Counter()
        self.repeated = 0
        self.waited, self.filled = Durations(), Durations()

    def end(self, name: str, status: FillStatus, waited: float, filled: float) -> None:
        """Count a fill that has ended: how long it waited, and how long the engine took, s."""
        with self._lock:
            self.ended[name, str(status)] += 1
            if status == FillStatus.READY:
                self.waited.add(waited)
                self.filled.add(filled)

    def repeat(self) -> None:
        """Count a fill that is run again."""
        with self._lock:
            self.repeated += 1


def exposed(
    jobs: Jobs, accounts: Sequence[Account], refused: Counter[int], accept: str
) -> tuple[bytes, str]:
    """Return the figures as text, and its media type.

    Keys are called by their names.

    Parameters
    ----------
    jobs, accounts, refused
        What to tell of: ``refused`` counts requests by the status that they were answered.
    accept
        What the reader asks for.

    Raises
    ------
    ImportError
        ``prometheus_client`` is not installed.
    """
    try:
        import prometheus_client
        from prometheus_client.exposition import choose_encoder
    except ImportError:
        raise ImportError(
            "Metrics need prometheus_client: pip install 'fluxfill-nb[serve]'"
        ) from None
    registry = prometheus_client.CollectorRegistry()
    registry.register(_Figures(jobs, accounts, refused))
    prometheus_client.ProcessCollector(registry=registry)
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Figures:
    """The server's figures, collected when somebody asks."""

    def __init__(self, jobs: Jobs, accounts: Sequence[Account], refused: Counter[int]) -> None:
        self._jobs, self._accounts, self._refused = jobs, accounts, refused

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        counts = self._jobs.counts
        yield InfoMetricFamily(
            "fluxfill_engine", "What fills.", {"name": name_of(self._jobs.engine)}
        )
        ended = CounterMetricFamily("fluxfill_fills", "Fills that have ended.", None, _ENDED)
        for (name, status), number in list(counts.ended.items()):
            ended.add_metric([name, status], number)
        yield ended
        census = self._jobs.census()
        for what, sentence in (("waiting", "Fills in line."), ("running", "Fills under way.")):
            gauge = GaugeMetricFamily(f"fluxfill_fills_{what}", sentence, labels=["key"])
            for account in self._accounts:
                gauge.add_metric([account.name], census[what][account])
            yield gauge
        left = GaugeMetricFamily("fluxfill_credits", "What keys have left.", labels=["key"])
        for account in self._accounts:
            if not account.is_free:
                left.add_metric([account.name], account.credits)
        yield left
        refusals = CounterMetricFamily(
            "fluxfill_refusals", "Submissions answered no.", labels=["status"]
        )
        for status_code, number in list(self._refused.items()):
            refusals.add_metric([str(status_code)], number)
        yield refusals
        yield CounterMetricFamily(
            "fluxfill_repeats", "Fills run again, because their worker was lost.", counts.repeated
        )
        yield GaugeMetricFamily(
            "fluxfill_ready", "Whether fills are taken on.", float(self._jobs.is_open)
        )
        for what, sentence, durations in (
            ("wait", "From submission to the engine's start.", counts.waited),
            ("fill", "What the engine took for a picture.", counts.filled),
        ):
            yield HistogramMetricFamily(
                f"fluxfill_{what}_seconds",
                sentence,
                buckets=durations.buckets(),
                sum_value=durations.total,
            )


_ENDED = ("key", "status")
