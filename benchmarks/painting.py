"""How fast painting is, against its targets; prints README's table.

Work is done in turn, in one run, so that what slows the machine down slows all of it; the figures
are medians. A line and an exit status tell of targets that are missed.
"""

from __future__ import annotations

import gc
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import psutil
from PIL import Image

from fluxfill_nb.painting import Grow, Invert, Operation, Painting, Stroke

LARGE = (4096, 4096)
MEDIUM = (2000, 2000)
ROUNDS = 9
STROKES = 100
SCRIBBLE = "stroke of 200 points, 80 px wide, 12 700 px long, 16.8 MP"


class Row(NamedTuple):
    """One line of the table."""

    work: str
    figure: float
    at_most: float
    unit: str = "ms"

    @property
    def is_met(self) -> bool:
        """Whether the figure is within its target."""
        return self.figure <= self.at_most

    def __str__(self) -> str:
        return f"| {self.work} | {self.figure:.1f} {self.unit} | {self.at_most:g} {self.unit} |"


def main() -> None:
    """Print the table; end with an error if a target is missed."""
    # Memory comes first: later, there would be some to use again.
    rows = [row for part in (memory, kernel) for row in part()]
    print("| work | fluxfill_nb | target, at most |")
    print("| --- | --- | --- |")
    print(*rows, sep="\n")
    missed = [row.work for row in rows if not row.is_met]
    if missed:
        sys.exit(f"Missed: {'; '.join(missed)}.")


def kernel() -> Iterator[Row]:
    """Commits and undos of the mask itself, without a front end."""
    large, medium = painting(LARGE), painting(MEDIUM)
    works: list[tuple[str, Painting, Operation, float]] = [
        (f"{SCRIBBLE}, hard", large, scribble(80, 1), 50),
        (f"{SCRIBBLE}, soft", large, scribble(80, 0.5), 50),
        ("invert, 16.8 MP", large, Invert(), 50),
        ("grow by 40 px, 4 MP", medium, Grow(40), 100),
    ]
    commits: dict[str, list[float]] = {work: [] for work, *_ in works}
    undos: dict[str, list[float]] = {work: [] for work, *_ in works}
    for _ in range(ROUNDS):
        for work, on, operation, _ in works:
            commits[work].append(milliseconds(lambda on=on, what=operation: on.apply(what)))
            undos[work].append(milliseconds(on.undo))
    for work, _, _, target in works:
        yield Row(f"commit: {work}", statistics.median(commits[work]), target)
    for work, *_ in works:
        yield Row(f"undo: {work}", statistics.median(undos[work]), 20)


def memory() -> Iterator[Row]:
    """What the process holds after many strokes, beyond the picture."""
    on = Painting(Image.new("RGB", LARGE, "gray"))
    gc.collect()
    before = psutil.Process().memory_info().rss
    for number in range(STROKES):
        on.apply(scribble(80, number % 2 / 2, turn=number))
    gc.collect()
    held = psutil.Process().memory_info().rss - before
    yield Row(f"memory after {STROKES} such strokes, half of them soft", held / 1e6, 150, "MB")


def painting(size: tuple[int, int]) -> Painting:
    """Return a painting with something in its mask."""
    on = Painting(Image.new("RGB", size, "gray"))
    for number in range(3):
        on.apply(scribble(size[0] / 20, 1, turn=10 * number, side=size[0]))
    return on


def scribble(size: float, hardness: float, *, turn: int = 0, side: int = LARGE[0]) -> Stroke:
    """Return 200 points as a hand leaves them in 3 s: an eight over two thirds of the picture."""
    time_ = np.linspace(0, 1, 200)
    x = 0.5 + 0.33 * np.sin(2 * math.pi * (time_ + turn / 17))
    y = 0.5 + 0.33 * np.sin(2 * math.pi * (2 * time_ + turn / 23))
    return Stroke(tuple(zip((x * side).tolist(), (y * side).tolist(), strict=True)), size, hardness)


def milliseconds(work: Callable[[], object]) -> float:
    """How long it took."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3


if __name__ == "__main__":
    main()
