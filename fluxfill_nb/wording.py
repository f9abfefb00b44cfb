"""How sweeps speak of their values: in reprs, tables and errors."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

PLAIN_DIV = '<div class="mathjax_ignore tex2jax_ignore">'
"""Begins HTML that may hold prices: what stands between two $, Jupyter takes for a formula."""

# How much of a text is repeated.
_LONG = 60


def shown(value: Any) -> str:
    """Return a label as people write it: 30 for 30.0."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def quoted(value: Any) -> str:
    """Return a value for a message: text in quotes, and nothing too long."""
    if isinstance(value, float):
        return shown(value)
    if isinstance(value, str):
        return repr(value if len(value) <= _LONG else f"{value[: _LONG - 1]}…")
    text = repr(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def listed(values: Iterable[Any], most: int = 8) -> str:
    """Return labels in a row, the first ones if there are many."""
    values = list(values)
    if len(values) > 2 and _is_range(values):
        return f"{values[0]} to {values[-1]}"
    rest = len(values) - most
    text = ", ".join(quoted(value) for value in values[:most])
    return text if rest <= 0 else f"{text} and {rest:,} more"


def named(labels: Mapping[str, Any]) -> str:
    """Return labels with their names, as code: ``guidance=30, seed=1``."""
    return ", ".join(f"{name}={quoted(label)}" for name, label in labels.items())


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the hint for a name that is wrong; empty if none comes near."""
    close = difflib.get_close_matches(name, [other for other in known if other != name], n=1)
    return f"did you mean {close[0]}?" if close else ""


def counted(number: int, noun: str) -> str:
    """Return ``1 fill``, ``1,000 fills``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def extent(shape: Sequence[int], dimensions: Sequence[Sequence[str]]) -> str:
    """Return ``: 3 guidance x 4 seed``; nothing for no dimensions."""
    sizes = [f"{size:,} {' + '.join(dim)}" for size, dim in zip(shape, dimensions, strict=True)]
    return f": {' x '.join(sizes)}" if sizes else ""


def span(seconds: float) -> str:
    """Return a time as people say it: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{max(1, math.ceil(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _is_range(values: list[Any]) -> bool:
    return all(type(value) is int for value in values) and values == list(
        range(values[0], values[0] + len(values))
    )
