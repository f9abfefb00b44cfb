"""The dimensions of a sweep's results, as views show them: names, and values as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from ..wording import shown

if TYPE_CHECKING:
    from .sweep import Point
    from .sweep_result import SweepResult

# Longer values are read more easily beside a row than above a column, characters.
_WORDY = 16
# Fewer words in common are read more quickly than left out.
_IN_COMMON = 4


@dataclass(frozen=True)
class Dimension:
    """An axis of a sweep, or several that go together, and the values that are there.

    Attributes
    ----------
    names
        Of the axes, one or several.
    values
        For each position the value of each.
    """

    names: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]

    def __len__(self) -> int:
        return len(self.values)

    def __str__(self) -> str:
        return " and ".join(self.names)

    def header(self, position: int) -> str:
        """Return ``name = value`` for a position."""
        return ", ".join(self.parts(position))

    def parts(self, position: int) -> tuple[str, ...]:
        """Return ``name = value`` for each of the axes at a position."""
        pairs = zip(self.names, self.values[position], strict=True)
        return tuple(f"{name} = {value_text(value)}" for name, value in pairs)

    def shortened(self) -> tuple[Dimension, dict[str, str]]:
        """Return it with ``…`` for what all texts of an axis share; and what they share, by axis.

        Examples
        --------
        >>> from fluxfill_nb.sweep.dimensions import Dimension
        >>> prompts = [(f"a photograph of a {what} on a table",) for what in ("vase", "pot")]
        >>> short, shared = Dimension(("prompt",), tuple(prompts)).shortened()
        >>> short.header(0), shared
        ('prompt = … vase …', {'prompt': 'a photograph of a … on a table'})
        """
        columns = {}
        shared = {}
        for name, values in zip(self.names, zip(*self.values, strict=True), strict=True):
            columns[name], text = _shortened(values)
            if text:
                shared[name] = text
        return Dimension(self.names, tuple(zip(*columns.values(), strict=True))), shared

    def text(self, position: int) -> str:
        """Return the value at a position, without the name."""
        return ", ".join(map(value_text, self.values[position]))

    def at(self, point: Point) -> int:
        """Return the position of a point."""
        return self.values.index(tuple(point.labels[name] for name in self.names))

    @property
    def is_wordy(self) -> bool:
        """Whether its values are long texts, or pictures, which belong beside rows."""
        texts = map(self.text, range(len(self)))
        return not {"image", "mask"}.isdisjoint(self.names) or max(map(len, texts)) > _WORDY


def dimensions_of(runs: SweepResult) -> tuple[Dimension, ...]:
    """Return the dimensions of a sweep, with the values that its points have."""
    dimensions = []
    for names in runs.sweep.dimensions:
        there = {tuple(point.labels[name] for name in names) for point in runs.sweep.points}
        order = runs.sweep.axes[names[0]]
        # Zipped axes are in step, so that the first one's order is that of all.
        values = sorted(there, key=lambda value: order.index(value[0]))
        dimensions.append(Dimension(names, tuple(values)))
    return tuple(dimensions)


def _shortened(values: Sequence[Any]) -> tuple[Sequence[Any], str]:
    """The values without what they share, and that; as they are if that is little."""
    if len(values) < 2 or not all(isinstance(value, str) for value in values):
        return values, ""
    texts = [value.split() for value in values]
    first = _alike(texts)
    last = _alike([text[first:][::-1] for text in texts])
    if first + last < _IN_COMMON or any(len(text) == first + last for text in texts):
        return values, ""
    before, after = texts[0][:first], texts[0][len(texts[0]) - last :]
    gaps = ["…"] * bool(before), ["…"] * bool(after)
    short = [" ".join([*gaps[0], *text[first : len(text) - last], *gaps[1]]) for text in texts]
    return short, " ".join([*before, "…", *after])


def _alike(texts: Sequence[Sequence[str]]) -> int:
    """With how many words all texts begin alike."""
    return len(list(takewhile(lambda words: len(set(words)) == 1, zip(*texts, strict=False))))


def value_text(value: Any) -> str:
    """Return a label as people write it.

    Examples
    --------
    >>> from fluxfill_nb.sweep.dimensions import value_text
    >>> value_text(30.0), value_text("")
    ('30', '""')
    """
    return " ".join(shown(value).split()) or '""'
