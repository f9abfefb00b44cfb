"""What more workers bring: fills through the HTTP server on processes and on a Dask cluster.

Prints README's table. One engine waits, as for a GPU that it does not share: what it shows is what
the server itself costs. The other one computes, `patches`, for about a second a fill: it gains as
far as there are processors, of which server, scheduler and client, in this process, take a share.
A line and an exit status tell of a gain that is missed.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from distributed import LocalCluster
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.engines import Engine, Patches, Progress, name_of
from fluxfill_nb.options import FillOptions

DURATION_S = 0.5
FILLS_FOR_EACH_WORKER = 8
# The share of the ideal that must be there.
AT_LEAST = 0.8
# Of the pictures that are filled, px; half as wide and high is the hole.
SMALL, LARGE = 128, 768


@dataclass(frozen=True)
class Waiting:
    """Waits for half a second; changes nothing."""

    name: ClassVar[str] = "waiting"

    def __call__(
        self, image: Image.Image, _mask: ff.Mask, _options: FillOptions, progress: Progress, /
    ) -> Image.Image:
        """Return the picture as it is."""
        until = time.monotonic() + DURATION_S
        while (left := until - time.monotonic()) > 0:
            progress(1 - left / DURATION_S)
            time.sleep(min(left, 0.05))
        return image


class Row(NamedTuple):
    """One line of the table."""

    where: str
    engine: str
    workers: int
    rate: float
    gain: float
    ideal: float

    @property
    def is_met(self) -> bool:
        """Whether the gain is near the ideal."""
        return self.gain >= AT_LEAST * self.ideal

    def __str__(self) -> str:
        return (
            f"| {self.where}, {self.engine} | {self.workers} | {self.rate:.2f} | "
            f"{self.gain:.2f} (≥ {AT_LEAST * self.ideal:.1f}) |"
        )


def main() -> None:
    """Print the table; end with an error if a gain is missed."""
    processors = os.cpu_count() or 1
    rows: list[Row] = []
    for where in ("processes", "Dask"):
        rows += measured(where, Waiting(), SMALL, (1, 2, 4, 8), most=8)
        rows += measured(where, Patches(), LARGE, (1, 2), most=processors)
    print(f"| on {processors} processors | workers | fills a second | times one worker's |")
    print("| --- | --- | --- | --- |")
    print(*rows, sep="\n")
    missed = [f"{row.workers} workers on {row.where}" for row in rows if not row.is_met]
    if missed:
        sys.exit(f"Missed: {'; '.join(missed)}.")


def measured(
    where: str, engine: Engine, side: int, counts: tuple[int, ...], most: int
) -> Iterator[Row]:
    """Measure with each number of workers, of which at most so many can gain anything."""
    alone = 0.0
    for count in counts:
        with workers(where, count) as executor:
            rate = throughput(engine, side, executor, count)
        alone = alone or rate
        yield Row(
            where, f"`{name_of(engine)}`, {side} px", count, rate, rate / alone, min(count, most)
        )


@contextlib.contextmanager
def workers(where: str, count: int) -> Iterator[str]:
    """Give what a server is told of its workers."""
    if where == "processes":
        yield "processes"
        return
    with LocalCluster(
        n_workers=count, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


def throughput(engine: Engine, side: int, executor: str, count: int) -> float:
    """Return how many fills end in a second, once every worker is there."""
    noise = np.random.default_rng(0).integers(0, 256, (side // 16, side // 16, 3), np.uint8)
    image = Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)
    quarter = side // 4
    hole = ff.Mask.from_box(image.size, (quarter, quarter, 3 * quarter, 3 * quarter))
    request = ff.FillRequest(image, hole, steps=30)
    fills = FILLS_FOR_EACH_WORKER * count
    with ff.LocalServer(engine, executor=executor, workers=count) as server:
        with ff.FluxFill(base_url=server.url, store=None) as first:
            first.sweep(ff.Sweep(request, seed=range(2 * count)))
        # Another client: one that has waited for processes to start expects the next to be slow.
        with ff.FluxFill(base_url=server.url, store=None) as client:
            started = time.perf_counter()
            client.sweep(ff.Sweep(request, seed=range(100, 100 + fills)))
            return fills / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
