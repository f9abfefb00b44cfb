"""Which axis of a sweep goes where in a grid: rows, columns, panels, pages."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InvalidOption
from ..sweep.dimensions import Dimension
from ..wording import did_you_mean

ROLES = ("row", "col", "panel", "page")
"""Where an axis can go."""

# More columns than this are wrapped, if there are no rows.
_ONE_LINE = 6
# Wrapped grids are this much wider than high.
_WIDE = 1.6


@dataclass(frozen=True)
class Places:
    """What stands where; None: nothing does.

    Attributes
    ----------
    row, col, panel, page
        The axes.
    wrap
        After how many columns the next line begins; None: there are rows, or all is one line.
    """

    row: Dimension | None = None
    col: Dimension | None = None
    panel: Dimension | None = None
    page: Dimension | None = None
    wrap: int | None = None


def places_of(
    axes: Sequence[Dimension], wanted: Mapping[str, str | None], col_wrap: int | None
) -> Places:
    """Return where each axis goes.

    Parameters
    ----------
    axes
        All that there are.
    wanted
        The name of an axis for each of `ROLES`, or None. If none is named for rows and columns,
        they are chosen: the longest axis as columns.
    col_wrap
        After how many columns to begin a new line.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is no such axis, it is given twice, or one has no place.
    """
    given: dict[str, Dimension] = {}
    for role in ROLES:
        name = wanted[role]
        if name is not None:
            check_axis([known for axis in axes for known in axis.names], name, role)
            axis = next(axis for axis in axes if name in axis.names)
            if axis in given.values():
                raise InvalidOption(
                    f"{role} is {name!r}, which is given already: it needs another."
                )
            given[role] = axis
    rest = [axis for axis in axes if len(axis) > 1 and axis not in given.values()]
    places = given | _chosen(rest, given, col_wrap)
    left = [axis for axis in rest if axis not in places.values()]
    if left:
        raise InvalidOption(_no_place(left[0], places))
    return Places(**places, wrap=_wrap(places, col_wrap))


def check_axis(names: Collection[str], name: str, role: str) -> None:
    """Raise `fluxfill_nb.errors.InvalidOption` unless a sweep has such an axis."""
    if name not in names:
        hint = did_you_mean(str(name), names) or f"there are {', '.join(names) or 'none'}."
        raise InvalidOption(f"{role} is {name!r}, which is no axis of this sweep: {hint}")


def _chosen(
    rest: list[Dimension], given: Mapping[str, Dimension], col_wrap: int | None
) -> dict[str, Dimension]:
    """Places for the axes that were given none, as far as there is but one sensible way."""
    free = [role for role in ("row", "col") if role not in given]
    if len(free) == 1 and len(rest) == 1 and col_wrap is None:
        return {free[0]: rest[0]}
    room = 2 + ("panel" not in given)
    if len(free) < 2 or not rest or len(rest) > room or (col_wrap and len(rest) > 1):
        return {}
    # The longest becomes the columns; of two as long, the later one, as loops are written.
    order = sorted(rest, key=lambda axis: (not axis.is_wordy, len(axis), rest.index(axis)))
    if len(rest) == 1:
        return {"col": order[-1]}
    if len(rest) == 2:
        return {"col": order[-1], "row": order[0]}
    panel = min(rest, key=lambda axis: (axis.is_wordy, len(axis)))
    order.remove(panel)
    return {"col": order[-1], "row": order[0], "panel": panel}


def _no_place(axis: Dimension, places: Mapping[str, Dimension]) -> str:
    name = axis.names[0]
    values = ", ".join(map(axis.text, range(min(3, len(axis))))) + ("…" if len(axis) > 3 else "")
    value = axis.values[0][0]
    free = [f"{role}={name!r}" for role in ROLES if role not in places]
    ways = f"Give {' or '.join(free)}, or choose" if free else "Choose"
    return (
        f"The axis {axis} ({values}) has no place in this grid. {ways} one value of it first, "
        f"as in runs.sel({name}={value!r}).grid(…)."
    )


def _wrap(places: Mapping[str, Dimension], col_wrap: int | None) -> int | None:
    if col_wrap is not None:
        if col_wrap < 1:
            raise InvalidOption(f"col_wrap is {col_wrap!r}: it must be 1 or above.")
        if "row" in places or "col" not in places:
            raise InvalidOption("col_wrap needs columns and no rows: give col= and leave row= out.")
        return min(col_wrap, len(places["col"]))
    if "row" in places or "col" not in places or len(places["col"]) <= _ONE_LINE:
        return None
    count = len(places["col"])
    ideal = math.sqrt(count * _WIDE)
    widths = range(math.ceil(math.sqrt(count)), math.ceil(2 * math.sqrt(count)) + 1)
    return min(widths, key=lambda width: (-count % width, abs(width - ideal)))
