"""What is to be run, from what is typed: the axes, the sweep, and what stands in its way."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ...errors import InvalidInput, InvalidOption
from ...options import FillOptions
from ...request import FillRequest
from ...sweep import Sweep
from ...sweep import axes as axis
from ...sweep.dimensions import value_text
from ...wording import did_you_mean
from .values import Variable, of_field, variables

Place = Literal["columns", "rows", "panels", "pages"]

PLACES: tuple[Place, ...] = ("columns", "rows", "panels", "pages")
"""Where an axis can stand in the grid."""

ROLES: Mapping[Place, str] = {"columns": "col", "rows": "row", "panels": "panel", "pages": "page"}
"""What `fluxfill_nb.Grid` calls them."""

# Longer values are read more easily beside a row than above a column, characters.
_WORDY = 16


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be run.

    Attributes
    ----------
    request
        What all points have in common.
    variables
        What there is a field for, in order.
    axes
        The values of what varies, by name.
    places
        Where each axis of several values stands; there may be more axes than places.
    problems
        By name, what of the typed cannot be used.
    sweep
        What is run; None if there are problems.
    """

    request: FillRequest
    variables: tuple[Variable, ...]
    axes: Mapping[str, tuple[Any, ...]]
    places: Mapping[str, Place]
    problems: Mapping[str, str] = field(default_factory=dict)
    sweep: Sweep | None = None

    @property
    def options(self) -> dict[str, str]:
        """The axes' places as keywords of ``runs.grid(…)``; none if there are too many axes."""
        varying = [name for name, values in self.axes.items() if len(values) > 1]
        if len(varying) > len(PLACES):
            return {}
        at = {place: name for name, place in self.places.items()}
        return {ROLES[place]: at[place] for place in reversed(PLACES) if place in at}

    def labelled(self, name: str) -> str:
        """Return what people call an axis."""
        return next(one.label for one in self.variables if one.name == name)


def planned(request: FillRequest, entries: Mapping[str, str], places: Mapping[str, Place]) -> Plan:
    """Return what the typed values make.

    Parameters
    ----------
    request
        What all points have in common.
    entries
        By name, the values as text; an empty one is no axis.
    places
        By name, where an axis shall stand in the grid; the rest goes where there is room.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> request = ff.FillRequest(Image.new("RGB", (64, 48)), ff.Mask.full((64, 48)), seed=7)
    >>> plan = planned(request, {"guidance": "10-60:3", "steps": "15, 99"}, {})
    >>> plan.axes
    {'guidance': (10.0, 35.0, 60.0)}
    >>> plan.problems
    {'steps': '99 is out of range: give whole numbers from 15 to 50.'}
    """
    problems: dict[str, str] = {}
    axes: dict[str, tuple[Any, ...]] = {}
    shown = list(shown_variables(request, entries))
    for variable in shown:
        try:
            values = variable.read(entries.get(variable.name, "")).values
        except InvalidOption as error:
            problems[variable.name] = str(error)
            continue
        if values:
            axes[variable.name] = values
        elif variable.is_field:
            problems[variable.name] = f"Say what stands for {variable.label}, as in red, blue."
    sweep = None
    if not problems:
        try:
            sweep = Sweep(request, **axes)
        except InvalidInput as error:
            problems[""] = str(error)
    return Plan(request, tuple(shown), axes, arranged(axes, places), problems, sweep)


def shown_variables(request: FillRequest, entries: Mapping[str, str]) -> tuple[Variable, ...]:
    """Return what there is a field for: the usual, what was added, the fields of the prompts."""
    known = {variable.name: variable for variable in variables(FillOptions)}
    prompts: Sequence[str] = ()
    with contextlib.suppress(InvalidOption):  # that is told of elsewhere
        prompts = known["prompt"].read(entries.get("prompt", "")).values
    prompts = prompts or (request.prompt or "",)
    inner = dict.fromkeys(name for prompt in prompts for name in axis.fields(prompt))
    chosen = [one for one in known.values() if one.name in entries]
    return (*chosen, *(of_field(name) for name in inner if name not in known))


def arranged(axes: Mapping[str, Sequence[Any]], wanted: Mapping[str, Place]) -> dict[str, Place]:
    """Return where axes of several values stand: as wanted, the longest of the rest as columns."""
    rest = [name for name, values in axes.items() if len(values) > 1]
    taken: dict[str, Place] = {}
    there = offered(len(rest))
    for name in tuple(rest):
        if wanted.get(name) in there and wanted[name] not in taken.values():
            taken[name] = wanted[name]
            rest.remove(name)

    def wordy(name: str) -> bool:
        return max(len(value_text(value)) for value in axes[name]) > _WORDY

    for place in PLACES:
        if rest and place not in taken.values():
            # Of as many values, the later one is columns, as loops are written.
            order = sorted(rest, key=lambda name: (len(axes[name]), rest.index(name)))
            few = [name for name in order if wordy(name) == (place == "rows")] or order
            if place in ("columns", "rows"):
                order = few
            taken[order[-1]] = place
            rest.remove(order[-1])
    return {name: taken[name] for name in axes if name in taken}


def offered(count: int) -> tuple[Place, ...]:
    """Return where so many axes of several values can stand."""
    return PLACES[: max(2, count)]


def moved(places: Mapping[str, Place], name: str, to: Place) -> dict[str, Place]:
    """Return the places after one axis has been moved: who stood there goes where it was."""
    changed = dict(places)
    for other, place in places.items():
        if place == to and other != name and name in places:
            changed[other] = places[name]
    return changed | {name: to}


def taken_apart(sweep: Sweep) -> tuple[FillRequest, dict[str, str]]:
    """Return the request of a sweep, and the text of each of its axes.

    Raises
    ------
    fluxfill_nb.errors.InvalidInput
        It has axes, or points, that cannot be typed.
    """
    odd = [name for name in sweep.axes if name in axis.PICTURES]
    if odd:
        raise InvalidInput(
            f"{odd[0]} is an axis of this sweep, and the panel has one picture and one mask: run "
            "it with client.start(sweep)."
        )
    size = 1
    for values in sweep.axes.values():
        size *= len(values)
    if any(len(dimension) > 1 for dimension in sweep.dimensions) or len(sweep) < size:
        raise InvalidInput(
            "The panel makes all combinations of the axes, and this sweep has not all of them: "
            "run it with client.start(sweep)."
        )
    if sweep.to_dict()["values"]:
        raise InvalidInput(
            "The values of this sweep have names, and those of the panel have none: run it with "
            "client.start(sweep)."
        )
    texts = {name: variable_of(name).write(values) for name, values in sweep.axes.items()}
    return sweep.request, texts


def variable_of(name: str, among: Sequence[Variable] = ()) -> Variable:
    """Return what has this name: a setting, or a {field} of the prompts.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is no such setting; nor such a field among those given.
    """
    settings = {variable.name: variable for variable in variables(FillOptions)}
    known = settings | {variable.name: variable for variable in among}
    if name in known:
        return known[name]
    if among or name in FillOptions.names():
        hint = did_you_mean(name, known) or f"there are {', '.join(known)}."
        raise InvalidOption(f"{name} cannot be varied here: {hint}")
    return of_field(name)
