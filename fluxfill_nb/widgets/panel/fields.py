"""What the panel has to show of a table of parameters: one field for each, read from the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ...options import FillOptions

Kind = Literal["text", "line", "secret", "switch", "choice", "slider", "number"]

# The order in which people ask; what is not named here comes after, in the table's order.
_ORDER = (
    "prompt", "prompt_upsampling", "guidance", "steps", "seed", "output_format", "safety_tolerance",
)  # fmt: skip
_ADVANCED = "webhook"

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "sample": {"guidance": 30.0},
    "draft": {"steps": 15},
}
"""What each preset sets guidance and steps to, where it is not the service's default."""

PRESET_FIELDS = ("guidance", "steps")
"""What presets set; they leave the rest as it is."""

WORDS: Mapping[str, Mapping[float, str]] = {
    "safety_tolerance": {0: "0 strictest", 2: "2 default", 6: "6 most tolerant"},
}
"""Marks that say more than their number."""

# From this ratio on, stops grow by the same factor, and not by the same amount.
_WIDE = 20
_STOPS_A_DECADE = 100
_STOPS = 100


@dataclass(frozen=True)
class Scale:
    """Where on a slider a value is: by factors if the range is wide, else by amounts.

    Parameters
    ----------
    low, high
        The range, ends included.
    whole
        Whether only whole numbers are meant.
    default
        Is marked.

    Examples
    --------
    >>> scale = Scale(1.5, 100, whole=False, default=60)
    >>> scale.marks
    (1.5, 3.0, 10.0, 30.0, 60.0, 100.0)
    >>> [scale.value(scale.stop(mark)) for mark in scale.marks]
    [1.5, 3.0, 10.0, 30.0, 60.0, 100.0]
    """

    low: float
    high: float
    whole: bool
    default: float | None = None

    @property
    def is_wide(self) -> bool:
        """Whether the stops grow by the same factor."""
        return self.low > 0 and self.high / self.low >= _WIDE

    @cached_property
    def marks(self) -> tuple[float, ...]:
        """Values to be written at the slider."""
        marks = {float(self.low), float(self.high)}
        if self.default is not None:
            marks.add(float(self.default))
        if self.is_wide:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)))
            round_ones = (digit * 10.0**decade for decade in decades for digit in (1, 3))
            marks |= {mark for mark in round_ones if self.low < mark < self.high}
        return tuple(sorted(marks))

    @property
    def stops(self) -> int:
        """How many steps the slider has."""
        if self.is_wide:
            return round(math.log10(self.high / self.low) * _STOPS_A_DECADE)
        return int(self.high - self.low) if self.whole else _STOPS

    @property
    def step(self) -> float:
        """By how much a field for the number goes up and down."""
        if self.whole:
            return 1
        fine = (self.high - self.low) / _STOPS
        decade = math.pow(10, math.floor(math.log10(fine)))
        return max(digit * decade for digit in (1.0, 2.0, 5.0) if digit * decade <= fine)

    def share(self, value: float) -> float:
        """Return how far along the slider a value is, 0 to 1."""
        if self.is_wide:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def stop(self, value: float) -> int:
        """Return the stop that is nearest to a value."""
        return round(self.share(value) * self.stops)

    def value(self, stop: int) -> float:
        """Return the value at a stop, as round as the stops are fine."""
        for mark in self.marks:
            if self.stop(mark) == stop:
                return int(mark) if self.whole else mark
        share = stop / self.stops
        if self.is_wide:
            value = self.low * math.pow(self.high / self.low, share)
            value = round(value, 1 if value < 10 else 0)
        else:
            value = self.low + share * (self.high - self.low)
            value = round(value, max(0, -math.floor(math.log10(self.step))))
        return round(value) if self.whole else value


@dataclass(frozen=True)
class Field:
    """One parameter, as the panel shows it.

    Parameters
    ----------
    name, label
        In code, and for people.
    kind
        What can be done with it: "text" (of several lines), "line", "secret", "switch", "choice",
        "slider" (a number from … to …), or "number" (any).
    help
        What it does.
    rule
        What it may be, in words.
    default
        What None, where it is allowed, stands for.
    choices
        Of a "choice".
    scale
        Of a "slider".
    whole
        Of a "number".
    """

    name: str
    label: str
    kind: Kind
    help: str
    rule: str
    default: Any
    choices: tuple[Any, ...] = ()
    scale: Scale | None = None
    whole: bool = False

    @property
    def is_advanced(self) -> bool:
        """Whether few people need it."""
        return self.name.startswith(_ADVANCED)

    @property
    def explanation(self) -> str:
        """What it does, its range, its default."""
        parts = [self.help]
        if self.scale is not None:
            parts.append(f"From {self.scale.low:g} to {self.scale.high:g}.")
            if self.default is not None and "default" not in self.help:
                parts.append(f"Default: {self.default:g}.")
        return " ".join(filter(None, parts))

    @property
    def demand(self) -> str:
        """What to say where a value breaks the rule."""
        return f"Must be {self.rule.replace(', or None', ', or empty')}."

    def words(self, value: float) -> str:
        """Return what is written at a mark."""
        return WORDS.get(self.name, {}).get(value, f"{value:g}")

    @property
    def marks(self) -> tuple[float, ...]:
        """The marks of a slider."""
        assert self.scale is not None
        return tuple(WORDS[self.name]) if self.name in WORDS else self.scale.marks


def fields(model: type[FillOptions]) -> tuple[Field, ...]:
    """Return the fields of a table of parameters, in the order in which they are shown.

    Examples
    --------
    >>> from fluxfill_nb.options import FillOptions
    >>> [field.name for field in fields(FillOptions)][:4]
    ['prompt', 'prompt_upsampling', 'guidance', 'steps']
    """
    properties = model.model_json_schema()["properties"]
    made = [_field(model, name, properties[name]) for name in model.model_fields]
    places = {name: place for place, name in enumerate(_ORDER)}
    return tuple(sorted(made, key=lambda field: places.get(field.name, len(places))))


def _field(model: type[FillOptions], name: str, schema: dict[str, Any]) -> Field:
    one = next((part for part in schema.get("anyOf", ()) if part.get("type") != "null"), schema)
    default = model.model_fields[name].default
    kind = _kind(one)
    whole = one.get("type") == "integer"
    return Field(
        name=name,
        label=name.capitalize().replace("_", " ").replace(" url", " URL"),
        kind=kind,
        help=schema.get("description", ""),
        rule=model.rule(name) if name in model.names() else "another value",
        default=default,
        choices=tuple(one.get("enum", ())),
        scale=Scale(one["minimum"], one["maximum"], whole, default) if kind == "slider" else None,
        whole=whole,
    )


def _kind(schema: dict[str, Any]) -> Kind:
    if "enum" in schema:
        return "choice"
    if schema["type"] == "boolean":
        return "switch"
    if schema["type"] in ("integer", "number"):
        return "slider" if {"minimum", "maximum"} <= schema.keys() else "number"
    if schema.get("format") == "password":
        return "secret"
    return "line" if "format" in schema or "maxLength" in schema else "text"
