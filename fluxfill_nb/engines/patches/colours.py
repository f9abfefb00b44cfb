"""The colour words of a prompt: all that the engine understands of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from PIL import ImageColor

Colour = tuple[int, int, int]

_NAMED: dict[str, Colour] = {
    name: (int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16))
    for name, code in ImageColor.colormap.items()
    if isinstance(code, str)
}
_LONGEST = 5  # words of a colour: dark medium spring green, pale light golden rod yellow

# A modifier mixes the colour after it with another one, by so many percent.
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_MODIFIERS: dict[str, tuple[Colour, int]] = {
    "dark": (_BLACK, 45),
    "deep": (_BLACK, 30),
    "bright": (_WHITE, 20),
    "light": (_WHITE, 45),
    "pale": (_WHITE, 60),
}
_NEGATIONS = frozenset({"no", "not", "without"})

_NOUNS = {
    "asphalt": "dimgray",
    "beach": "tan",
    "brick": "firebrick",
    "bricks": "firebrick",
    "cloud": "whitesmoke",
    "clouds": "whitesmoke",
    "concrete": "darkgray",
    "desert": "sandybrown",
    "forest": "darkgreen",
    "grass": "olivedrab",
    "ice": "aliceblue",
    "lake": "steelblue",
    "lawn": "olivedrab",
    "leaves": "forestgreen",
    "metal": "slategray",
    "night": "midnightblue",
    "ocean": "steelblue",
    "road": "dimgray",
    "rust": "chocolate",
    "sand": "tan",
    "sea": "steelblue",
    "skin": "burlywood",
    "sky": "lightskyblue",
    "stone": "gray",
    "sunset": "coral",
    "terracotta": "sienna",
    "tree": "darkgreen",
    "trees": "darkgreen",
    "water": "lightsteelblue",
    "wood": "sienna",
    "wooden": "sienna",
}


@dataclass(frozen=True)
class Reading:
    """What was understood of a prompt.

    Attributes
    ----------
    colours
        Red, green and blue, 0 to 255, of each colour.
    names
        Their names, in the same order: a CSS name, a modified one, or the noun that implies it.
    ignored
        The words that mean nothing to the engine, lower case, each once.
    """

    colours: tuple[Colour, ...]
    names: tuple[str, ...]
    ignored: tuple[str, ...]


def read_prompt(prompt: str, *, nouns: bool = False) -> Reading:
    """Find the colours in a prompt.

    Colours are the 148 CSS names, in one word or several ("skyblue", "sky blue", "Sky-Blue"), each
    with one of dark, deep, bright, light, pale before it. A colour after no, not or without is
    ignored.

    Parameters
    ----------
    prompt
        Any text.
    nouns
        Let some nouns that imply a colour (sky, grass, brick, …) count as well.

    Examples
    --------
    >>> read_prompt("A red vase").names
    ('red',)
    >>> read_prompt("dark green grass", nouns=True).names
    ('darkgreen', 'grass')
    """
    found: dict[str, Colour] = {}
    ignored: list[str] = []
    # Punctuation parts words that would be one name: "white, smoke".
    for phrase in re.split(r"[^\w\s'\u2019-]+", prompt.lower()):
        words = re.findall(r"[^\W_]+(?:['\u2019][^\W_]+)*", phrase)
        start = 0
        while start < len(words):
            length, name, colour = _first_colour(words[start : start + _LONGEST], nouns)
            negated = start > 0 and words[start - 1] in _NEGATIONS
            if colour is None or negated:
                ignored += words[start : start + length]
            else:
                found.setdefault(name, colour)
            start += length
    return Reading(tuple(found.values()), tuple(found), tuple(dict.fromkeys(ignored)))


def _first_colour(words: list[str], nouns: bool) -> tuple[int, str, Colour | None]:
    """Return the number of words, the name and the value of the colour ``words`` begin with."""
    length, name, colour = _first_plain_colour(words, nouns)
    if colour is None and words[0] in _MODIFIERS and len(words) > 1:
        length, name, colour = _first_plain_colour(words[1:], nouns)
        if colour is not None:
            return length + 1, f"{words[0]} {name}", _mix(colour, *_MODIFIERS[words[0]])
    return (1, words[0], None) if colour is None else (length, name, colour)


def _first_plain_colour(words: list[str], nouns: bool) -> tuple[int, str, Colour | None]:
    for length in range(len(words), 0, -1):
        name = "".join(words[:length])
        if name in _NAMED:
            return length, name, _NAMED[name]
    if nouns and words[0] in _NOUNS:
        return 1, words[0], _NAMED[_NOUNS[words[0]]]
    return 1, words[0], None


def _mix(colour: Colour, other: Colour, percent: int) -> Colour:
    red, green, blue = (a + (b - a) * percent // 100 for a, b in zip(colour, other, strict=True))
    return red, green, blue
