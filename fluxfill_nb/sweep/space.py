"""The space of a sweep: axes, and which of their combinations are its points."""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..errors import InvalidInput
from ..wording import did_you_mean, listed
from .axes import MOST, Axis, is_several, plain

Labels = dict[str, Any]
"""Axis to label."""


@dataclass(frozen=True)
class Space:
    """Axes, their dimensions, and the chosen places among all combinations. Frozen.

    A place is the number of a combination, the last dimension counted fastest: so a space of
    billions takes no room until its places are gone through.

    Attributes
    ----------
    own
        All axes by name.
    dimensions
        Their names; those that go together are one dimension.
    chosen
        The places of the points: a range if it is all.
    dropped
        Names of axes that are none any longer: all points agree on them.
    """

    own: Mapping[str, Axis]
    dimensions: tuple[tuple[str, ...], ...]
    chosen: Sequence[int]
    dropped: frozenset[str] = frozenset()

    @classmethod
    def product(cls, axes: Mapping[str, Axis]) -> Space:
        """Return the space of all combinations."""
        total = math.prod(len(own.labels) for own in axes.values())
        if total > sys.maxsize:
            raise InvalidInput(f"The axes have {total:.0e} combinations: give fewer values.")
        return cls(dict(axes), tuple((name,) for name in axes), range(total))

    # ------------------------------------------------------------------------------ which points

    def zipped(self, names: Sequence[str]) -> Space:
        """Return the space in which these axes go together."""
        if not all(isinstance(name, str) for name in names) or len(set(names)) < 2:
            raise InvalidInput(
                "zipped() takes the names of two axes or more, as in zipped('guidance', 'steps')."
            )
        lengths = {name: len(self.axis(name).labels) for name in names}
        for dimension in self.dimensions:
            if len(dimension) > 1 and (twice := set(dimension) & set(names)):
                raise InvalidInput(
                    f"{min(twice)} is zipped already: name all that go together at once."
                )
        if len(set(lengths.values())) > 1:
            each = ", ".join(f"{length} {name}" for name, length in lengths.items())
            raise InvalidInput(f"Zipped axes need as many values each; there are {each}.")
        if self.dropped or not self.is_whole:
            raise InvalidInput("Zip first: Sweep(…).zipped(…), then sampled() or without().")
        together = tuple(name for name in self.own if name in names)
        dimensions = dict.fromkeys(together if dim[0] in names else dim for dim in self.dimensions)
        total = math.prod(len(self.own[dim[0]].labels) for dim in dimensions)
        return replace(self, dimensions=tuple(dimensions), chosen=range(total))

    def sampled(self, count: int, seed: int) -> Space:
        """Return the space of some points, drawn at random, in their order."""
        if type(count) is not int or not 1 <= count <= len(self.chosen):
            raise InvalidInput(
                f"sampled({count!r}): the count must be a whole number from 1 to "
                f"{len(self.chosen):,}, the number of points."
            )
        return self.only(sorted(random.Random(seed).sample(range(len(self.chosen)), count)))

    def without(
        self, function: Callable[[Labels], object] | None, labels: Mapping[str, Any]
    ) -> Space:
        """Return the space without the points that a function, or labels, tell."""
        if (function is None) == (not labels):
            raise InvalidInput(
                "without() needs labels, as in without(guidance=30), or one function of them, as "
                "in without(lambda point: point['guidance'] > 30)."
            )
        if function is None:
            out = set(self.find(labels))
        else:
            self.check_countable()
            if not callable(function):
                raise InvalidInput(
                    f"without({function!r}): give a function, or labels by name, as in "
                    "without(guidance=30)."
                )
            places = enumerate(self.chosen)
            out = {number for number, place in places if function(self.labels(place))}
        kept = [number for number in range(len(self.chosen)) if number not in out]
        if not kept:
            raise InvalidInput(f"All {len(self.chosen)} points would be left out: none is left.")
        return self.only(kept)

    def only(self, numbers: Sequence[int], drop: Iterable[str] = ()) -> Space:
        """Return the space of some points, by number; and without the axes on which they agree."""
        rising = all(one < other for one, other in itertools.pairwise(numbers))
        if not numbers or not rising or numbers[0] < 0 or numbers[-1] >= len(self.chosen):
            raise InvalidInput(
                f"The places of points must rise within 0 to {len(self.chosen) - 1}, and be one or "
                f"more; they are {listed(numbers)}."
            )
        gone = {n for dim in self.dimensions if not set(dim).isdisjoint(drop) for n in dim}
        chosen = self.chosen
        if len(numbers) < len(chosen):
            chosen = tuple(chosen[number] for number in numbers)
        return replace(self, chosen=chosen, dropped=self.dropped | gone)

    def find(self, labels: Mapping[str, Any]) -> list[int]:
        """Return the numbers of the points that have all these labels.

        Parameters
        ----------
        labels
            Axis to label, or to a list of them.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            An axis is unknown, a label none of its own, or there are too many points.
        """
        self.check_countable()
        wanted = {
            name: set(self.axis(name).find(label, self.axes[name]))
            for name, label in labels.items()
        }
        numbers = []
        for number, place in enumerate(self.chosen):
            indexes = self.indexes(place)
            if all(indexes[name] in places for name, places in wanted.items()):
                numbers.append(number)
        return numbers

    def check_countable(self) -> None:
        """Raise if there are too many points to go through one by one."""
        if len(self.chosen) > MOST:
            raise InvalidInput(
                f"The sweep has {len(self.chosen):,} points, too many to go through: take a "
                "sample first, as in sweep.sampled(1000)."
            )

    # --------------------------------------------------------------------------------- what it is

    @property
    def is_whole(self) -> bool:
        """Whether every combination is a point."""
        return isinstance(self.chosen, range)

    @property
    def shown_dimensions(self) -> tuple[tuple[str, ...], ...]:
        """The dimensions that are not dropped."""
        return tuple(dim for dim in self.dimensions if dim[0] not in self.dropped)

    @cached_property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """The axes that are not dropped, with those of their labels that occur."""
        shown = {name: own.labels for name, own in self.own.items() if name not in self.dropped}
        if self.is_whole:
            return shown
        used: dict[str, set[int]] = {name: set() for name in shown}
        for place in self.chosen:
            for name, index in self.indexes(place).items():
                if name in used:
                    used[name].add(index)
        return {name: tuple(shown[name][i] for i in sorted(used[name])) for name in shown}

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each dimension has."""
        return tuple(len(self.axes[dim[0]]) for dim in self.shown_dimensions)

    def axis(self, name: str) -> Axis:
        """Return an axis; raise if there is none of this name."""
        if name in self.own and name not in self.dropped:
            return self.own[name]
        hint = did_you_mean(str(name), self.axes)
        if not hint:
            hint = f"the axes are {', '.join(self.axes)}." if self.axes else "there are none left."
        raise InvalidInput(f"There is no axis {name!r} in this sweep: {hint}")

    def indexes(self, place: int) -> dict[str, int]:
        """Return for each axis which of its values a place has."""
        found: dict[str, int] = {}
        for dimension in reversed(self.dimensions):
            place, index = divmod(place, len(self.own[dimension[0]].labels))
            for name in dimension:
                found[name] = index
        return {name: found[name] for name in self.own}

    def labels(self, place: int) -> Labels:
        """Return the labels of a place."""
        return {
            name: self.own[name].labels[index]
            for name, index in self.indexes(place).items()
            if name not in self.dropped
        }


def columns(rows: Any) -> tuple[dict[str, list[Any]], tuple[int, ...]]:
    """Return the values of each column of some rows, each once; and the place of each row.

    Parameters
    ----------
    rows
        A list of dicts with the same names, or a DataFrame.

    Raises
    ------
    fluxfill_nb.errors.InvalidInput
        The rows are no such list, or two are the same.
    """
    records = _records(rows)
    indexes: dict[str, dict[Any, int]] = {name: {} for name in records[0]}
    values: dict[str, list[Any]] = {name: [] for name in records[0]}
    for number, record in enumerate(records):
        for name, known in indexes.items():
            value = plain(record[name])
            if is_several(name, value):
                raise InvalidInput(
                    f"rows[{number}] has several values of {name}, a row has one of each. For all "
                    "combinations, use Sweep(request, …)."
                )
            if known.setdefault(_identity(value), len(known)) == len(values[name]):
                values[name].append(value)
    places: dict[int, int] = {}
    for number, record in enumerate(records):
        place = 0
        for name, known in indexes.items():
            place = place * len(known) + known[_identity(plain(record[name]))]
        if place in places:
            raise InvalidInput(f"rows[{places[place]}] and rows[{number}] are the same point.")
        places[place] = number
    return values, tuple(places)


def _records(rows: Any) -> list[dict[str, Any]]:
    if hasattr(rows, "to_dict"):  # a DataFrame
        rows = rows.to_dict("records")
    elif isinstance(rows, (Mapping, str)) or not isinstance(rows, Iterable):
        raise InvalidInput(
            f"rows is a {type(rows).__name__}: give a list of dicts, one for each point, or a "
            "DataFrame."
        )
    records: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InvalidInput(f"rows[{number}] is {row!r}: it must be a dict of axis to value.")
        records.append(dict(row))
        if row.keys() != records[0].keys():
            odd = ", ".join(sorted(map(str, row.keys() ^ records[0].keys())))
            raise InvalidInput(
                f"rows[0] and rows[{number}] do not have the same names: only one of them has "
                f"{odd}. Give every row a value for each."
            )
    if not records:
        raise InvalidInput("rows is empty: there is no point.")
    return records


def _identity(value: Any) -> Any:
    """What tells a column's values apart: pictures by being the same object."""
    return value if isinstance(value, (str, int, float, type(None))) else id(value)
