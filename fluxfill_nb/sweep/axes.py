"""An axis of a sweep: a name, its values, and what they are called."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import InvalidInput, InvalidOption
from ..images import Picture
from ..mask import Mask
from ..metrics import METRICS
from ..options import FillOptions
from ..sources import is_array
from ..wording import listed, quoted, shown
from .outcomes import COLUMNS

PICTURES = ("image", "mask")
"""The axes whose values are pictures."""

MOST = 100_000
"""How many values an axis, and how many points a sweep that is listed, may have."""

# What labels are.
_PLAIN = (str, int, float)
# A prompt's fields: {colour}.
_FIELD = re.compile(r"\{([A-Za-z_]\w*)\}")


@dataclass(frozen=True)
class Axis:
    """What one of a sweep's settings is varied over.

    Attributes
    ----------
    name
        Of a setting, ``image``, ``mask``, or a field of the prompt.
    labels
        What the values are called: themselves, or names of pictures.
    values
        As requests get them: checked settings, pictures, masks.
    """

    name: str
    labels: tuple[Any, ...]
    values: tuple[Any, ...]

    def filled_in(self, fields: Mapping[str, Any]) -> Axis:
        """Return the axis of prompts with values in place of their fields."""
        values = tuple(fill_in(value, fields) for value in self.values)
        return Axis(self.name, values if self.labels == self.values else self.labels, values)

    def find(self, wanted: Any, among: Sequence[Any] | None = None) -> list[int]:
        """Return the places of a label, or of each of several.

        Parameters
        ----------
        wanted
            A label, or a list of labels; numbers count as equal within 1e-9.
        among
            The labels that are there; default: all.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            A label is not there; the message lists those that are.
        """
        there = self.labels if among is None else among
        labels = [*wanted] if is_several(self.name, wanted) else [wanted]
        if not labels:
            raise InvalidInput(f"{self.name} is empty: name one or more of {listed(there)}.")
        places = {label: place for place, label in enumerate(self.labels)}
        present = set(there)
        found: list[int] = []
        for label in map(plain, labels):
            place = places.get(label) if isinstance(label, _PLAIN) else None
            if place is None or not _same(self.labels[place], label):
                close = (n for n, own in enumerate(self.labels) if _same(own, label))
                place = next(close, None)
            if place is None or self.labels[place] not in present:
                verb = "is" if len(there) == 1 else "are"
                raise InvalidInput(
                    f"{self.name} has no {quoted(label)} here: there {verb} {listed(there)}."
                )
            found.append(place)
        return found


def is_several(name: str, given: Any) -> bool:
    """Whether what was given for an axis is several values, rather than one."""
    if name in PICTURES:
        return (
            isinstance(given, Iterable)
            and not isinstance(
                given, (str, bytes, bytearray, memoryview, os.PathLike, Image.Image, Mask)
            )
            and not (hasattr(given, "read") or is_array(given))
        )
    return (
        isinstance(given, Iterable)
        and not isinstance(given, (str, bytes))
        and getattr(given, "ndim", 1) > 0
    )


def read(name: str, given: Any) -> Axis:
    """Return the axis of several values, each of them checked.

    Parameters
    ----------
    name
        Of the axis.
    given
        Any iterable of values; or a mapping of labels to values.

    Raises
    ------
    fluxfill_nb.errors.InvalidInput
        There is no value, one twice, or a wrong one: the message names all wrong ones. Or its name
        is that of a column of the results' tables.
    """
    if name.startswith("webhook"):
        raise InvalidOption(f"{name} is no axis, it does not change the picture: give one value.")
    if name in (*COLUMNS, *METRICS):
        raise InvalidOption(
            f"The prompt's field {{{name}}} has the name of a column that results' tables have: "
            f"call it otherwise, such as {{the_{name}}}."
        )
    if isinstance(given, (set, frozenset)):
        raise InvalidOption(f"{name} is a set, which has no order: give a list.")
    labels: list[Any] | None = None
    if isinstance(given, Mapping):
        labels, given = [str(label) for label in given], given.values()
    values = list(islice(given, MOST + 1))
    if not values:
        raise InvalidOption(f"{name} has no values: give at least one.")
    if len(values) > MOST:
        raise InvalidOption(f"{name} has over {MOST:,} values: give fewer.")
    if name in PICTURES:
        labels = labels or _names_of(name, values)
        values = _pictures(name, labels, values)
    else:
        values = _settings(name, values)
    labels = values if labels is None else labels
    _check_unique(name, labels, [v.digest for v in values] if name in PICTURES else values)
    _check_unique(name, labels, labels)
    return Axis(name, tuple(labels), tuple(values))


def single(name: str, given: Any) -> Any:
    """Return the one value that was given for a setting, checked; for a picture, opened."""
    if name in PICTURES:
        return _picture(name, name, given)
    given = plain(given)
    if name not in FillOptions.names():
        return _settings(name, [given])[0]
    _setting(name, given)
    return given


def fields(prompt: str) -> list[str]:
    """Return the names of a prompt's fields: ``['colour']`` of ``'a {colour} vase'``."""
    return _FIELD.findall(prompt)


def fill_in(prompt: str, values: Mapping[str, Any]) -> str:
    """Return the prompt with values in place of its fields."""
    return _FIELD.sub(
        lambda field: shown(values[field[1]]) if field[1] in values else field[0], prompt
    )


def plain(value: Any) -> Any:
    """Return NumPy's numbers as Python's, in as few digits as they have."""
    if isinstance(value, (np.float16, np.float32)):
        return float(str(value))
    if hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0:
        return value.item()
    return value


def _names_of(name: str, pictures: Sequence[Any]) -> list[str]:
    """What pictures are called that were given without names: their files, or numbers."""
    files = [Path(p).name for p in pictures if isinstance(p, os.PathLike) or _is_path(p)]
    if len(set(files)) == len(pictures):
        return files
    return [f"{name} {number}" for number in range(1, len(pictures) + 1)]


def _is_path(given: Any) -> bool:
    return isinstance(given, str) and len(given) < 256 and not given.startswith("data:")


def joined(problems: Sequence[InvalidInput]) -> InvalidInput:
    """Return several errors as one."""
    kinds = {type(problem) for problem in problems}
    kind = kinds.pop() if len(kinds) == 1 else InvalidInput
    return kind("\n".join(map(str, problems)))


def _pictures(name: str, labels: Sequence[str], given: Sequence[Any]) -> list[Any]:
    opened: list[Any] = []
    problems: list[InvalidInput] = []
    for label, source in zip(labels, given, strict=True):
        try:
            opened.append(_picture(name, label, source))
        except InvalidInput as error:
            problems.append(error)
    if problems:
        raise joined(problems)
    return opened


def _picture(name: str, label: str, given: Any) -> Picture | Mask:
    try:
        return Mask(given) if name == "mask" else Picture.open(given)
    except InvalidInput as error:
        raise type(error)(f"{label}: {error}") from None


def _settings(name: str, values: list[Any]) -> list[Any]:
    is_field = name not in FillOptions.names()
    checked: list[Any] = []
    wrong: list[Any] = []
    for value in map(plain, values):
        good = True
        if is_field:
            good = isinstance(value, _PLAIN) and value == value
        else:
            try:
                value = _setting(name, value)
            except InvalidOption:
                good = False
            else:
                value = FillOptions.model_fields[name].default if value is None else value
                good = value is not None
        (checked if good else wrong).append(value)
    if wrong:
        rule = "text or a number" if is_field else FillOptions.rule(name).removesuffix(", or None")
        if name == "seed":
            rule += ", as range(4) gives four"
        each = "it" if len(wrong) == 1 else "each"
        raise InvalidOption(f"{name} is {listed(wrong)}: {each} must be {rule}.")
    return checked


def _setting(name: str, value: Any) -> Any:
    """One checked setting; who gives a text such as '1-10' may mean several."""
    try:
        return getattr(FillOptions(**{name: value}), name)
    except InvalidOption as error:
        if isinstance(value, str) and re.search(r"\d", value):
            raise InvalidOption(
                f"{error} Several values are a list, or a range as in seed=range(4)."
            ) from None
        raise


def _check_unique(name: str, labels: Sequence[Any], values: Sequence[Hashable]) -> None:
    seen: dict[Hashable, Any] = {}
    for label, value in zip(labels, values, strict=True):
        if value in seen:
            first = seen[value]
            what = f"{quoted(label)} twice"
            if first != label:
                what = f"the same under two names, {quoted(first)} and {quoted(label)}"
            raise InvalidOption(
                f"{name} has {what}: give each value once. For points that are no grid, there is "
                "Sweep.from_points."
            )
        seen[value] = label


def _same(own: Any, wanted: Any) -> bool:
    if isinstance(own, bool) or isinstance(wanted, bool):
        return own is wanted
    if isinstance(own, float) or isinstance(wanted, float):
        numbers = isinstance(own, (int, float)) and isinstance(wanted, (int, float))
        return numbers and math.isclose(own, wanted, rel_tol=1e-9, abs_tol=1e-9)
    return type(own) is type(wanted) and bool(own == wanted)
