"""Where the cells stand: in rows and columns with headers, or one after another."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TypeVar

from ipywidgets import HTML, DOMWidget, GridBox, Layout
from ipywidgets.widgets.widget_string import HTMLStyle

from ...sweep import Point, SweepResult
from ...sweep.dimensions import Dimension, dimensions_of
from .cells import SIDE
from .watched import Watched

# From so many columns on, the grid scrolls; wider ones, and sparse ones, have no columns at all.
_SCROLLS, _MOST_COLUMNS, _SPARSE = 8, 24, 2

W = TypeVar("W", bound=DOMWidget)


@dataclass(frozen=True)
class Table:
    """Rows and columns of cells; without columns, they follow one another, each with its label."""

    columns: Dimension | None
    rows: tuple[Dimension, ...] = ()

    def row_of(self, point: Point) -> tuple[int, ...]:
        """Return where a point's row is, in each dimension."""
        return tuple(dimension.at(point) for dimension in self.rows)

    def laid_out(self, points: tuple[Point, ...], cells: list[HTML]) -> GridBox:
        """Return the cells in a grid, with headers."""
        if self.columns is None:
            return _classed(GridBox(cells), "flow")
        count = len(self.columns)
        at = {
            (self.row_of(point), self.columns.at(point)): cell
            for point, cell in zip(points, cells, strict=True)
        }
        rows = sorted({row for row, _ in at})
        headers = texts("header", 1 + count + len(rows))
        nothing = headers[0]
        children = headers[: 1 + count]
        for column, header in enumerate(children[1:]):
            header.value = _title(self.columns.header(column))
        for row, header in zip(rows, headers[1 + count :], strict=True):
            names = zip(self.rows, row, strict=True)
            header.value = _title(", ".join(dimension.header(place) for dimension, place in names))
            children += [header, *(at.get((row, column), nothing) for column in range(count))]
        least = "0px" if count <= _SCROLLS else f"{SIDE * 5 // 8}px"
        template = (
            f"minmax({SIDE * 3 // 5}px, max-content) repeat({count}, minmax({least}, {SIDE}px))"
        )
        return _classed(GridBox(children, layout={"grid_template_columns": template}), "table")


def table_of(run: Watched) -> Table:
    """Return the rows and columns that the results' figure will have, if they make a table."""
    try:
        runs = run.result()
    except Exception:  # of a single fill, that there is none yet; of a run, why it failed
        return Table(None)
    if not isinstance(runs, SweepResult):
        return Table(None)
    axes = [dimension for dimension in dimensions_of(runs) if len(dimension) > 1]
    if len(axes) < 2:
        return Table(None)
    columns = max(axes, key=lambda axis: (not axis.is_wordy, len(axis), axes.index(axis)))
    table = Table(columns, tuple(axis for axis in axes if axis is not columns))
    places = len(columns) * len({table.row_of(point) for point in run.points})
    if len(columns) > _MOST_COLUMNS or places > _SPARSE * len(run.points):
        return Table(None)
    return table


def texts(name: str, count: int) -> list[HTML]:
    """Return widgets for HTML, each of which costs the page one model: they share all else."""
    layout, style = Layout(), HTMLStyle()
    return [_classed(HTML(layout=layout, style=style), name) for _ in range(count)]


def _title(text: str) -> str:
    escaped = html.escape(text)
    return f'<span title="{escaped}">{escaped}</span>'


def _classed(widget: W, name: str) -> W:
    widget.add_class(f"ffnb-{name}")
    return widget
