"""What the cells of a grid hold, and what is said around them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..errors import FluxFillError, InvalidOption
from ..metrics import METRICS, named_metrics
from ..options import FillOptions
from ..result import FillResult
from ..showing import DIFFERENCE_TOP, SHOWS, Showing, fitted
from ..sweep import STATES, status
from ..sweep.dimensions import Dimension, value_text
from ..wording import did_you_mean
from .layout import Contents, columns, panels_across, rows
from .places import Places

if TYPE_CHECKING:
    from ..sweep import Outcome, Point, SweepResult

Place = tuple[int, int, int]
"""Panel, row, column."""

# What is comfortable to look at; the whole page is kept within max_px.
_LARGEST_CELL, _LARGEST_FIELD, _SMALLEST_CELL = 360, 110, 40
_MOST_PX = 2200
_FIELD_PROPORTIONS = 0.55
_TIMES = ("duration", "price")
_SHOWN_AS = {
    "composited": "",
    "raw": "raw: as the service made it",
    "difference": "difference: the raw picture against the original",
    "crop": "crop: around the mask",
}
# How reasons begin, which says nothing that a cell does not show.
_TASK = re.compile(r"^Task \S+ (failed: )?")
_BETTER = {"lower": "lower is better", "near 1": "best near 1", "depends": ""}


@dataclass(frozen=True)
class Look:
    """How a grid is to look; all that its maker says beside the places.

    Attributes
    ----------
    show, original, caption, metric, cell, max_px, title
        As in `fluxfill_nb.Grid`.
    """

    show: str
    original: bool
    caption: tuple[str, ...]
    metric: str | None
    cell: int | None
    max_px: int
    title: str | None

    def check(self, axes: Sequence[str]) -> None:
        """Raise `fluxfill_nb.errors.InvalidOption` for what cannot be."""
        if self.show not in SHOWS:
            raise InvalidOption(f"show is {self.show!r}: it must be {' or '.join(SHOWS)}.")
        if self.metric is not None:
            named_metrics([self.metric])
        known = (*axes, *_settings(), *_TIMES, *METRICS)
        for name in self.caption:
            if name not in known:
                hint = did_you_mean(str(name), known) or f"there are {', '.join(known)}."
                raise InvalidOption(f"There is no caption {name!r}: {hint}")
        for name, least in (("cell", 16), ("max_px", 100)):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, (int, float)) and value >= least):
                raise InvalidOption(f"{name} is {value!r} px: it must be {least} or above.")


@dataclass(frozen=True)
class Cell:
    """What one cell shows.

    Attributes
    ----------
    kind
        A picture, an original, a number, or one of the states in which there is no picture.
    point
        Of the sweep; of an original, any that was made of it.
    outcome
        What came of the point.
    stars
        0 to 5.
    number
        The metric; NaN: it means nothing here.
    """

    kind: Literal["picture", "original", "number", "none"]
    point: Point
    outcome: Outcome = None
    stars: int = 0
    number: float = math.nan

    @property
    def why(self) -> tuple[str, str]:
        """Why there is no picture: in a word, and in full."""
        reason = str(self.outcome) if isinstance(self.outcome, FluxFillError) else ""
        return status(self.outcome), _TASK.sub("", reason)


class Survey:
    """All that a grid says of a sweep's results, worked out once for all of its pages.

    Parameters
    ----------
    runs
        The results.
    places
        Which axis goes where.
    look
        How they are to look.
    showing
        Gives the sizes of pictures.
    """

    def __init__(self, runs: SweepResult, places: Places, look: Look, showing: Showing) -> None:
        self._runs = runs
        self._places = places
        self._look = look
        self._showing = showing
        names = {name for name in look.caption if name in METRICS and name not in runs.axes}
        names |= {look.metric} if look.metric else set()
        done = [point for point, outcome in runs.items() if isinstance(outcome, FillResult)]
        measured = runs.metrics(*sorted(names)) if names and done else [{} for _ in done]
        self._measured = dict(zip((point.index for point in done), measured, strict=True))

    @property
    def extent(self) -> tuple[float, float]:
        """The least and the largest number of the metric, on all pages."""
        metric = self._look.metric
        numbers = [row[metric] for row in self._measured.values()] if metric else []
        finite = [number for number in numbers if math.isfinite(number)]
        return (min(finite), max(finite)) if finite else (math.nan, math.nan)

    def contents(self, page: int = 0) -> Contents[Cell]:
        """Return what stands on a page."""
        paged = self._places.page
        here = [
            (point, outcome)
            for point, outcome in self._runs.items()
            if paged is None or paged.at(point) == page
        ]
        cells = {self._place(point): self._cell(point, outcome) for point, outcome in here}
        captions = {
            place: tuple(filter(None, (self._caption(cell, name) for name in self._look.caption)))
            for place, cell in cells.items()
            if cell.outcome is not None
        }
        if self._look.original and not self._look.metric:
            cells |= self._originals(cells)
        return Contents(
            self._places,
            cells,
            self._size(),
            captions,
            self._title(page),
            self._footer(here),
            self._scale(),
        )

    # ---------------------------------------------------------------------------------- the cells

    def _place(self, point: Point) -> Place:
        places = self._places
        panel, row, column = (
            dimension.at(point) if dimension else 0
            for dimension in (places.panel, places.row, places.col)
        )
        return (panel, *divmod(column, places.wrap)) if places.wrap else (panel, row, column)

    def _cell(self, point: Point, outcome: Outcome) -> Cell:
        if not isinstance(outcome, FillResult):
            return Cell("none", point, outcome)
        stars = self._runs.stars(point)
        if self._look.metric is None:
            return Cell("picture", point, outcome, stars)
        number = self._measured[point.index][self._look.metric]
        return Cell("number", point, outcome, stars, number)

    def _originals(self, cells: dict[Place, Cell]) -> dict[Place, Cell]:
        """What was filled: beside each row, or above each column if the pictures differ there."""
        places = self._places
        by_row, by_column = _pictured(places.row), _pictured(places.col)
        if by_column and (by_row or places.wrap):
            raise InvalidOption(
                f"original=True has no place where {places.col} changes from cell to cell: give "
                f"row={(places.col.names[0] if places.col else '')!r}, or original=False."
            )
        originals: dict[Place, Cell] = {}
        for (panel, row, column), cell in cells.items():
            beside = panel, 0 if places.wrap else row, -1
            place = (panel, -1, column) if by_column else beside
            originals.setdefault(place, Cell("original", cell.point))
        return originals

    def _size(self) -> tuple[float, float]:
        """(width, height) of all cells, px."""
        side = self._look.cell or self._comfortable()
        if self._look.metric:
            return side, round(side * _FIELD_PROPORTIONS)
        requests = {
            (id(request.picture), id(request.mask)): request
            for request in (point.request for point in self._runs.sweep.points)
        }
        sizes = [
            fitted(self._showing.natural_size(request, self._look.show), round(side))
            for request in requests.values()
        ]
        return max(width for width, _ in sizes), max(height for _, height in sizes)

    def _comfortable(self) -> float:
        """The size of a cell if none is asked for, px."""
        places = self._places
        across, down = columns(places) + self._look.original, rows(places)
        side_by_side = panels_across(places, across / down)
        panels = math.ceil((len(places.panel) if places.panel else 1) / side_by_side)
        room = 0.9 * min(self._look.max_px, _MOST_PX)
        most = _LARGEST_FIELD if self._look.metric else _LARGEST_CELL
        fitting = min(room / (across * side_by_side), room / (down * panels), most)
        return max(_SMALLEST_CELL, fitting)

    # ----------------------------------------------------------------------------------- the texts

    def _caption(self, cell: Cell, name: str) -> str:
        done = cell.outcome if isinstance(cell.outcome, FillResult) else None
        value: Any = cell.point.labels.get(name)
        if name in cell.point.labels:
            pass
        elif name in METRICS:
            value = self._measured.get(cell.point.index, {}).get(name)
            value = None if value is None else number_text(value)
        elif name == "duration":
            seconds = done and done.duration
            return "" if seconds is None else f"{seconds:.1f} s"
        elif name == "price":
            price = done and done.price
            return "" if price is None else (f"${price:.2f}" if price else "free")
        elif name == "seed" and done and done.seed is not None:
            value = done.seed
        else:
            value = getattr(cell.point.request, name)
        return "" if value is None else f"{name} {value_text(value)}"

    def _title(self, page: int) -> str:
        title = self._look.title
        if title is None:
            sweep = self._runs.sweep
            prompts = {point.request.prompt for point in sweep.points}
            if len(prompts) == 1:
                title = prompts.pop()
            elif "prompt" not in sweep.axes:  # its fields say what differs
                title = sweep.request.prompt
            title = " ".join((title or "").split())
        if self._places.page is None:
            return title
        where = f"{self._places.page.header(page)} ({page + 1} of {len(self._places.page)})"
        return f"{title}: {where}" if title else where

    def _footer(self, here: Sequence[tuple[Point, Outcome]]) -> str:
        counts = Counter(status(outcome) for _, outcome in here)
        done = f"{counts['done']} of {len(here)} done"
        states = [f"{counts[state]} {state}" for state in STATES[1:] if counts[state]]
        request = self._runs.sweep.request
        common = [
            f"{name} {value_text(getattr(request, name))}"
            for name in _settings()
            if name not in ("prompt", *self._runs.axes)
            and getattr(request, name) != FillOptions.model_fields[name].default
        ]
        parts = [*self._runs.services, ", ".join(common), ", ".join([done, *states])]
        if not self._look.metric:
            parts.append(_SHOWN_AS[self._look.show])
        return "  ·  ".join(filter(None, parts))

    def _scale(self) -> tuple[str, str] | None:
        if self._look.metric:
            metric = METRICS[self._look.metric]
            low, high = map(number_text, self.extent)
            notes = ", ".join(filter(None, [metric.unit, _BETTER[metric.better]]))
            return low, f"{high}   {metric.name} ({notes}): {metric.says}"
        if self._look.show == "difference":
            return "no change", f"{DIFFERENCE_TOP} levels of 255 and more"
        return None


def number_text(number: float) -> str:
    """Return a number in three digits.

    Examples
    --------
    >>> from fluxfill_nb.grid.contents import number_text
    >>> number_text(8.3), number_text(123.4), number_text(float("nan"))
    ('8.30', '123', '–')
    """
    return f"{number:#.3g}".removesuffix(".") if math.isfinite(number) else "–"


def _settings() -> tuple[str, ...]:
    return tuple(name for name in FillOptions.names() if not name.startswith("webhook"))


def _pictured(dimension: Dimension | None) -> bool:
    return dimension is not None and not {"image", "mask"}.isdisjoint(dimension.names)
