"""The values of an axis as text: what a person types, and how values are written.

Numbers stand in a row, and ranges among them: ``10, 30, 60``; ``0-7``, all whole numbers from 0 to
7; ``10-60:5``, five values from 10 to 60; ``4 random``, drawn once. Prompts stand in lines.
"""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import groupby
from typing import Any, Literal

from ...errors import InvalidOption
from ...options import FillOptions
from ...sweep.axes import MOST
from ...wording import quoted, shown
from ..panel.fields import Field, fields

Kind = Literal["whole", "number", "words", "lines", "list"]

SEEDS = 2**31
"""Random seeds are below this."""

USUAL = ("prompt", "guidance", "steps", "seed")
"""What most people vary."""

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(
    rf"({_NUMBER})\s*(?:-|–|to)\s*({_NUMBER})(?:\s*:\s*(\d+)(?:\s*values?)?)?", re.IGNORECASE
)
_RANDOM = re.compile(r"(\d+)\s*random(?:\s+seeds?)?", re.IGNORECASE)
_COUNT = re.compile(r"(\d+)\s*seeds?", re.IGNORECASE)
_BETWEEN = re.compile(r"[,;\n]")
_IN_QUOTES = r'"(?:\\.|[^"\\])*"'
_ITEM = re.compile(rf"\s*({_IN_QUOTES}(?=\s*(?:[,;\n]|$))|[^,;\n]*)\s*(?:[,;\n]|$)")
# From so many numbers in a row on, a range is shorter.
_RUN = 3


@dataclass(frozen=True)
class Reading:
    """What a text says.

    Attributes
    ----------
    values
        In the text's order.
    text
        What is to stand there from now on: what was drawn is written down.
    """

    values: tuple[Any, ...]
    text: str


@dataclass(frozen=True)
class Variable:
    """Something that can be varied: its name, and how its values are written.

    Parameters
    ----------
    name, label
        In code, and for people.
    kind
        "whole": whole numbers; "number": any; "words": some of a few; "lines": texts, each in a
        line; "list": short texts in a row.
    help
        What it does.
    low, high
        The range of numbers, ends included; None: there is no end.
    words
        Of "words": what each value is called.

    Examples
    --------
    >>> seed = next(variable for variable in variables(FillOptions) if variable.name == "seed")
    >>> seed.read("0-2, 9").values
    (0, 1, 2, 9)
    >>> seed.write([0, 1, 2, 9])
    '0-2, 9'
    """

    name: str
    label: str
    kind: Kind
    help: str = ""
    low: float | None = None
    high: float | None = None
    words: Mapping[str, Any] = field(default_factory=dict)

    # --------------------------------------------------------------------------- what it is told

    @property
    def is_field(self) -> bool:
        """Whether it stands for a {field} of the prompts, and not for a setting."""
        return self.kind == "list"

    @property
    def example(self) -> str:
        """What might be typed, in as few characters as explain it."""
        match self.kind:
            case "lines":
                return "One in each line"
            case "list":
                return "red, blue"
            case "words":
                return ", ".join(self.words)
        if self.low is None or self.high is None:
            return "0-7, or 3, 5, 9, or 4 random"
        low, high = self._round_ones
        if high - low < 10:
            return f"{low:g}, {high:g}, or {low:g}-{high:g}"
        return f"{low:g}, {high:g}, or {low:g}-{high:g}:5 (five values)"

    @property
    def syntax(self) -> str:
        """How its values are typed."""
        match self.kind:
            case "lines":
                return 'One in each line; "" for an empty one.'
            case "list":
                return f"What stands for {{{self.name}}} in the prompts, with commas between."
            case "words":
                return f"One or more of {', '.join(self.words)}."
        if self.low is None or self.high is None:
            return (
                "Values: 3, 5, 9. A range: 0-7 is all eight. 4 random: drawn once, and written "
                "down. All of these go together, with commas between."
            )
        low, high = self._round_ones
        every = f" {low:g}-{low + 3:g}: all whole numbers between." if self.kind == "whole" else ""
        return (
            f"Values: {low:g}, {high:g}. A range: {low:g}-{high:g}:5 is five values, ends "
            f"included.{every} From {self.low:g} to {self.high:g}."
        )

    @property
    def _round_ones(self) -> tuple[float, float]:
        """Two numbers from its range, for examples."""
        assert self.low is not None
        assert self.high is not None
        if self.high - self.low < 20:
            return self.low, self.high
        return -(-self.low // 10) * 10, self.high * 0.6 // 10 * 10

    # ------------------------------------------------------------------------------ from the text

    def read(self, text: str, draw: Callable[[int], int] = secrets.randbelow) -> Reading:
        """Return the values that a text stands for; none for an empty one.

        Parameters
        ----------
        text
            As a person types it.
        draw
            Returns a random number from 0 up to below its argument.

        Raises
        ------
        fluxfill_nb.errors.InvalidOption
            The rule that the text breaks, in one sentence.
        """
        match self.kind:
            case "lines":
                lines = (line.strip() for line in text.split("\n"))
                values: list[Any] = [_unquoted(line) for line in lines if line]
            case "list":
                values = [_unquoted(item) for item in _items(text)]
            case "words":
                values = [self._word(word) for word in _parts(text)]
            case _:
                values, drawn = self._numbers(text, draw)
                if drawn:
                    text = self.write(values)
        for value, times in Counter(values).items():
            if times > 1:
                raise InvalidOption(f"{self.called(value)} is there twice: once is enough.")
        return Reading(tuple(values), text)

    def _word(self, typed: str) -> Any:
        for word, value in self.words.items():
            if typed.casefold() in (word.casefold(), str(value).casefold()):
                return value
        raise InvalidOption(f"{quoted(typed)} is none of {', '.join(self.words)}.")

    def _numbers(self, text: str, draw: Callable[[int], int]) -> tuple[list[Any], bool]:
        values: list[Any] = []
        wanted = 0
        for part in _parts(text):
            if self.low is None and (found := _RANDOM.fullmatch(part)):
                wanted += self._checked_count(int(found[1]))
            elif self.name == "seed" and (found := _COUNT.fullmatch(part)):
                values += range(self._checked_count(int(found[1])))
            elif re.fullmatch(_NUMBER, part):
                values.append(self._number(part))
            elif found := _RANGE.fullmatch(part):
                values += self._range(part, found[1], found[2], found[3])
            else:
                raise InvalidOption(f"{quoted(part)} is no number and no range: {self._rule}.")
            self._checked_count(len(values) + wanted)
        taken = set(values)
        for _ in range(wanted):
            while (seed := draw(SEEDS)) in taken:
                pass
            taken.add(seed)
            values.append(seed)
        return values, wanted > 0

    def _number(self, typed: str) -> Any:
        if self.kind == "whole" and not re.fullmatch(r"[-+]?\d+", typed):
            raise InvalidOption(f"{typed} is no whole number: {self._rule}.")
        value = int(typed) if self.kind == "whole" else float(typed)
        above = self.low is None or value >= self.low
        if not (above and (self.high is None or value <= self.high)):
            raise InvalidOption(f"{typed} is out of range: {self._rule}.")
        return value

    def _range(self, part: str, first: str, last: str, count: str | None) -> Iterable[Any]:
        low, high = self._number(first), self._number(last)
        if low >= high:
            raise InvalidOption(f"{part}: a range goes from the lower to the higher number.")
        if count is None:
            if self.kind != "whole":
                raise InvalidOption(f"{part}: say how many values, as in {first}-{last}:5.")
            self._checked_count(high - low + 1)
            return range(low, high + 1)
        steps = self._checked_count(int(count)) - 1
        if steps < 1:
            raise InvalidOption(f"{part}: a range has two values or more.")
        if self.kind == "whole":
            if steps > high - low:
                raise InvalidOption(
                    f"{part}: there are only {high - low + 1} whole numbers from {low} to {high}."
                )
            return [low + round(step * (high - low) / steps) for step in range(steps + 1)]
        between = (low + step * (high - low) / steps for step in range(1, steps))
        return [low, *(float(f"{value:.6g}") for value in between), high]

    @staticmethod
    def _checked_count(count: int) -> int:
        if not 1 <= count <= MOST:
            raise InvalidOption(f"That is {count:,} values: there may be 1 to {MOST:,}.")
        return count

    @cached_property
    def _rule(self) -> str:
        kind = "whole numbers" if self.kind == "whole" else "numbers"
        if self.low is None or self.high is None:
            return f"give {kind}, as in {self.example}"
        return f"give {kind} from {self.low:g} to {self.high:g}"

    # -------------------------------------------------------------------------------- to the text

    def write(self, values: Iterable[Any]) -> str:
        """Return the text that stands for values; `read` returns these again."""
        values = list(values)
        match self.kind:
            case "whole":
                return ", ".join(_with_ranges(values))
            case "number":
                return ", ".join(map(_in_full, values))
            case "lines":
                return "\n".join(_quoted_if(value, _is_odd_line) for value in values)
            case "list":
                return ", ".join(_quoted_if(shown(value), _is_odd_item) for value in values)
        return ", ".join(map(self.called, values))

    def called(self, value: Any) -> str:
        """Return what a value is called."""
        names = (word for word, known in self.words.items() if known == value)
        return next(names, None) or (quoted(value) if isinstance(value, str) else shown(value))


@cache
def variables(model: type[FillOptions]) -> tuple[Variable, ...]:
    """Return what can be varied of a table of parameters, the usual ones first.

    Examples
    --------
    >>> [variable.name for variable in variables(FillOptions)][:5]
    ['prompt', 'guidance', 'steps', 'seed', 'prompt_upsampling']
    """
    made = [_variable(each) for each in fields(model) if not _is_no_axis(each)]
    return tuple(sorted(made, key=lambda one: one.name not in USUAL))


def of_field(name: str) -> Variable:
    """Return what stands for a {field} of the prompts."""
    return Variable(name, f"{{{name}}}", "list", f"What stands for {{{name}}} in the prompts.")


def _is_no_axis(field: Field) -> bool:
    """Whether it does not change the picture, or must not be seen."""
    return field.kind == "secret" or field.name.startswith("webhook")


def _variable(field: Field) -> Variable:
    kinds: dict[str, Kind] = {
        "text": "lines", "line": "lines", "switch": "words", "choice": "words",
    }  # fmt: skip
    scale = field.scale
    numeric: Kind = "whole" if field.whole or (scale and scale.whole) else "number"
    words = {"off": False, "on": True} if field.kind == "switch" else {}
    return Variable(
        field.name,
        field.label,
        kinds.get(field.kind, numeric),
        field.help,
        low=None if scale is None else scale.low,
        high=None if scale is None else scale.high,
        words=words | {str(choice): choice for choice in field.choices},
    )


def _parts(text: str) -> Iterator[str]:
    """What stands between commas; a comma too many does no harm."""
    return filter(None, (part.strip() for part in _BETWEEN.split(text)))


def _items(text: str) -> Iterator[str]:
    """What stands between commas, other than those within quotes."""
    return filter(None, (found[1].strip() for found in _ITEM.finditer(text)))


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            value = json.loads(text)
        except ValueError:  # quotes that belong to it
            return text
        if isinstance(value, str):
            return value
    return text


def _quoted_if(text: str, is_odd: Callable[[str], bool]) -> str:
    return json.dumps(text) if is_odd(text) else text


def _is_odd_line(text: str) -> bool:
    """Whether it would not be read as it is."""
    return not text or text != text.strip() or "\n" in text or text[0] == text[-1] == '"'


def _is_odd_item(text: str) -> bool:
    return _is_odd_line(text) or '"' in text or _BETWEEN.search(text) is not None


def _in_full(value: float) -> str:
    """A number with as many digits as it has."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _with_ranges(values: Sequence[int]) -> Iterator[str]:
    # Numbers that follow one another are as far from their places.
    for _, group in groupby(enumerate(values), key=lambda pair: pair[1] - pair[0]):
        run = [value for _, value in group]
        if len(run) < _RUN:
            yield from map(str, run)
        else:
            yield f"{run[0]}{'-' if run[0] >= 0 else ' to '}{run[-1]}"
