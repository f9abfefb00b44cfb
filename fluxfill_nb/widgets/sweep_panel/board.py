"""The grid of a run: the live view's cells where the plan has them, each with a star."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ipywidgets import HTML, Button, GridBox, Layout, VBox

from ...sweep import Point, SweepResult
from ...sweep.dimensions import Dimension, dimensions_of
from ...wording import named
from ..controls import Controls, Owner, marked
from ..icons import PREFIX
from ..live.table import Table
from ..live.view import MOST_CELLS
from .plan import PLACES, Place, Plan

# Wider grids have no columns: their cells follow one another.
_MOST_COLUMNS = 24


@dataclass(frozen=True)
class Board(Table):
    """Rows and columns of cells, each with a star below it.

    Attributes
    ----------
    stars
        For each point a button; none if there are too many points to show each.
    """

    stars: tuple[Button, ...] = ()

    def laid_out(self, points: tuple[Point, ...], cells: list[HTML]) -> GridBox:
        """Return the cells in a grid, with headers."""
        if self.stars:
            layout = Layout()
            pairs = zip(cells, self.stars, strict=True)
            cells = [marked(VBox(pair, layout=layout), "starred") for pair in pairs]
        return super().laid_out(points, cells)


def board_of(plan: Plan, owner: Owner, star: Callable[[int], None]) -> Board:
    """Return where the cells of a plan's run stand.

    Parameters
    ----------
    plan
        Says what stands where.
    owner
        Shows what goes wrong.
    star
        Called with the number of the point whose star is pressed.
    """
    assert plan.sweep is not None
    points = plan.sweep.points
    controls = Controls(owner)  # of its own: what the stars share goes with them
    stars: list[Button] = []
    if len(points) <= MOST_CELLS:
        for point in points:
            label = f"Star {named(point.labels)}".rstrip()
            button = controls.action("star", label, label, partial(star, point.index))
            stars.append(marked(button, "star"))
    columns, rows = _sides(plan)
    return Board(columns, rows, tuple(stars))


def show_stars(button: Button, stars: int) -> None:
    """Let a button show whether a picture has stars."""
    label = button.description
    button.tooltip = f"{label} – on" if stars else label
    button.icon = f"{PREFIX}{'starred' if stars else 'star'}"


def _sides(plan: Plan) -> tuple[Dimension | None, tuple[Dimension, ...]]:
    """The columns, and what the rows are made of, the slowest first."""
    assert plan.sweep is not None
    at: dict[Place | None, Dimension] = {}
    rest: list[Dimension] = []
    for dimension in dimensions_of(SweepResult(plan.sweep, [None] * len(plan.sweep))):
        place = plan.places.get(dimension.names[0])
        if place is not None:
            at[place] = dimension
        elif len(dimension) > 1:
            rest.append(dimension)
    if len(at) + len(rest) < 2 and "rows" not in at and "panels" not in at:
        return None, ()
    columns = at.pop("columns", None)
    if columns is None:
        columns = Dimension((), ((),))
    if len(columns) > _MOST_COLUMNS:
        return None, ()
    return columns, (*rest, *(at[place] for place in reversed(PLACES) if place in at))
