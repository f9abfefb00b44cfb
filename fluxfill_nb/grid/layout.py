"""Where everything of a grid stands: boxes and texts in px, before anything is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, TypeVar

from ..sweep.dimensions import Dimension
from .places import Places

INK = "#262626"
FAINT = "#6e6e6e"

Measure = Callable[[str, float, bool], float]
"""Width of a text at a size, px, and whether it is bold."""
Content = TypeVar("Content")
"""What a cell holds; the layout does not look at it."""

LINE = 1.3
"""From one line of text to the next, in sizes of the text."""

_MAX_HEADER_LINES = 3
_LONG_HEADER = 2
_MAX_TITLE_LINES = 2
_MAX_LEGEND_LINES = 4
_LEAST_WIDTH = 30  # in sizes of the text, so that a title is readable above a single cell
_WIDTH_OF_TEXT = 80  # pages are scaled down to the notebook's width, so text grows with them
_SMALLEST, _LARGEST = 13.0, 26.0
# Panels are put side by side so that the page comes near these proportions.
_PROPORTIONS = 1.4


class Text(NamedTuple):
    """Lines of text; ``x`` is their left, middle or right, ``y`` the top of the first, px."""

    x: float
    y: float
    lines: tuple[str, ...]
    size: float
    align: Literal["left", "center", "right"] = "left"
    colour: str = INK
    bold: bool = False

    @property
    def height(self) -> float:
        """Height of all lines, px."""
        return len(self.lines) * self.size * LINE


class Box(NamedTuple):
    """A rectangle, px."""

    left: float
    top: float
    width: float
    height: float


class Spot(NamedTuple, Generic[Content]):
    """A box with what is shown in it."""

    box: Box
    content: Content


@dataclass
class Page(Generic[Content]):
    """All that is drawn.

    Attributes
    ----------
    width, height
        Of the page, px.
    text
        Size of its normal text, px.
    texts, spots
        What stands on it.
    bar
        Where the scale of colours is, if there is one.
    """

    width: float = 0.0
    height: float = 0.0
    text: float = _SMALLEST
    texts: list[Text] = field(default_factory=list)
    spots: list[Spot[Content]] = field(default_factory=list)
    bar: Box | None = None


@dataclass(frozen=True)
class Contents(Generic[Content]):
    """What is to be laid out.

    Attributes
    ----------
    places
        Which axis goes where.
    cells
        By (panel, row, column), each from 0; column or row -1 is the original's. What is not there
        stays empty.
    cell
        (width, height) of each cell, px.
    captions
        Said below a cell, by its place: words that stay together.
    title, footer
        Said above and below everything.
    scale
        What the scale of colours says at its left and right; None: there is none.
    """

    places: Places
    cells: Mapping[tuple[int, int, int], Content]
    cell: tuple[float, float]
    captions: Mapping[tuple[int, int, int], Sequence[str]]
    title: str = ""
    footer: str = ""
    scale: tuple[str, str] | None = None


def columns(places: Places) -> int:
    """Return how many cells stand side by side in a panel.

    Examples
    --------
    >>> from fluxfill_nb.grid.layout import columns
    >>> from fluxfill_nb.grid.places import Places
    >>> columns(Places())
    1
    """
    return places.wrap or (len(places.col) if places.col else 1)


def rows(places: Places) -> int:
    """Return how many cells stand below each other in a panel."""
    if places.wrap and places.col:
        return math.ceil(len(places.col) / places.wrap)
    return len(places.row) if places.row else 1


def panels_across(places: Places, proportions: float) -> int:
    """Return how many panels stand side by side, each of these proportions (width by height)."""
    count = len(places.panel) if places.panel else 1
    return min(
        range(1, count + 1),
        key=lambda across: abs(
            math.log(across * proportions / math.ceil(count / across) / _PROPORTIONS)
        ),
    )


def wrapped(
    text: str, width: float, measure: Callable[[str], float], most: int = 1000
) -> tuple[str, ...]:
    """Return the text as lines of at most this width; what is too much ends with an ellipsis.

    Examples
    --------
    >>> from fluxfill_nb.grid.layout import wrapped
    >>> wrapped("a terracotta vase", 10, len)
    ('a', 'terracotta', 'vase')
    >>> wrapped("a terracotta vase", 12, len, most=1)
    ('a terracott…',)
    """
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if measure(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while len(line) > 1 and measure(line) > width:
            fit = max(1, sum(measure(line[:end]) <= width for end in range(1, len(line))))
            lines.append(line[:fit])
            line = line[fit:]
    lines.append(line)
    if len(lines) > most:
        last = lines[most - 1]
        while last and measure(f"{last}…") > width:
            last = last[:-1]
        lines[most - 1 :] = [f"{last.rstrip()}…"]
    return tuple(lines)


def _joined(
    parts: Sequence[str], separator: str, width: float, measure: Callable[[str], float]
) -> tuple[str, ...]:
    """The parts in lines that end between two parts; what takes several has them for itself."""
    lines: list[str] = []
    has_room = False
    for part in parts:
        if has_room and measure(longer := f"{lines[-1]}{separator}{part}") <= width:
            lines[-1] = longer
        else:
            own = wrapped(part, width, measure)
            lines += own
            has_room = len(own) == 1
    return tuple(lines)


def text_size(width: float, cell: float) -> float:
    """Return the size of normal text on a page of some width with cells of some width, px."""
    return max(_SMALLEST, min(width / _WIDTH_OF_TEXT, cell / 6, _LARGEST))


def lay_out(contents: Contents[Content], measure: Measure) -> Page[Content]:
    """Return where everything stands.

    Parameters
    ----------
    contents
        What is to be laid out.
    measure
        Widths of texts.
    """
    return _Layout(contents, measure).page


class _Layout(Generic[Content]):
    """The steps from contents to a page, from its top to its bottom."""

    def __init__(self, contents: Contents[Content], measure: Measure) -> None:
        self.contents = contents
        self.places = contents.places
        self.across = columns(self.places)
        self.down = rows(self.places)
        width, height = contents.cell
        self.side_by_side = panels_across(self.places, self.across * width / (self.down * height))
        self.text = text_size(self.side_by_side * self.across * width, width)
        self.measure = measure
        self.gap = max(2.0, round(max(width, height) * 0.02))
        self.margin = round(self.text)
        self.legend: list[tuple[str, str]] = []
        self.page: Page[Content] = Page(text=self.text)
        self._lay_out()

    def _lay_out(self) -> None:
        width, height = self.contents.cell
        places, text = self.places, self.text
        self.row_headers = self._headers(
            places.row, max(8 * text, min(width, 14 * text)), int(height / (text * LINE))
        )
        self.col_headers = self._headers(places.col, width, _MAX_HEADER_LINES)
        self.captions = {
            place: _joined(parts, " · ", width, self._measure(0.8))
            for place, parts in self.contents.captions.items()
        }
        # The original's column stands a little apart from what it is compared with.
        self.original_width = (
            width + self.gap + 0.5 * text if any(c < 0 for _, _, c in self.contents.cells) else 0.0
        )
        panel_width = self.original_width + self.across * (width + self.gap) - self.gap
        panel_titles = self._headers(places.panel, panel_width, _MAX_TITLE_LINES, bold=True)
        has_row = any(row < 0 for _, row, _ in self.contents.cells)
        label_width = self._widest([*self.row_headers, *[("original",)] * has_row])
        label_width += 0.6 * text if label_width else 0.0
        panel_gap = 1.6 * text
        block = label_width + self.side_by_side * (panel_width + panel_gap) - panel_gap
        self.page.width = math.ceil(max(block, _LEAST_WIDTH * text) + 2 * self.margin)

        y = self._title(self.margin)
        count = len(places.panel) if places.panel else 1
        for first in range(0, count, self.side_by_side):
            some = range(first, min(first + self.side_by_side, count))
            bottom = y
            titles = max((len(panel_titles[panel]) for panel in some if panel_titles), default=0)
            for place, panel in enumerate(some):
                left = self.margin + label_width + place * (panel_width + panel_gap)
                top = y
                if panel_titles:
                    self._put(left, top, panel_titles[panel], bold=True)
                    top += (titles * LINE + 0.3) * text
                bottom = self._panel(panel, left, top, labelled=place == 0)
            y = bottom + panel_gap
        y = self._below(y - panel_gap + 0.7 * text)
        self.page.height = math.ceil(y + 0.6 * self.margin)

    def _title(self, y: float) -> float:
        if not self.contents.title:
            return y
        lines = wrapped(
            self.contents.title, self._room, self._measure(1.3, bold=True), _MAX_TITLE_LINES
        )
        title = self._put(self.margin, y, lines, 1.3, bold=True)
        return y + title.height + 0.5 * self.text

    def _panel(self, panel: int, left: float, top: float, *, labelled: bool) -> float:
        """Lay out one panel; return its bottom."""
        width, height = self.contents.cell
        first_row = min(row for _, row, _ in self.contents.cells)
        header = self._height(self.col_headers)
        first = left + self.original_width
        y = top
        if not self.places.wrap:
            if header or self.original_width:
                header = max(header, self.text * LINE) + 0.25 * self.text
            for column, lines in enumerate(self.col_headers):
                self._above(first + column * (width + self.gap) + width / 2, y + header, lines)
            if self.original_width:
                self._above(left + width / 2, y + header, ("original",))
            y += header
        for row in range(first_row, self.down):
            if self.places.wrap:
                y += header + 0.25 * self.text
            caption = 0.0
            for column in range(-1 if self.original_width else 0, self.across):
                x = left if column < 0 else first + column * (width + self.gap)
                place = (panel, row, column)
                if place not in self.contents.cells:
                    continue
                box = Box(round(x), round(y), round(width), round(height))
                self.page.spots.append(Spot(box, self.contents.cells[place]))
                if self.places.wrap:
                    number = row * self.across + column
                    lines = ("original",) if column < 0 else self.col_headers[number]
                    self._above(x + width / 2, y - 0.25 * self.text, lines)
                if lines := self.captions.get(place, ()):
                    put = self._put(x + width / 2, y + height + 0.1 * self.text, lines, 0.8,
                                    align="center", colour=FAINT)  # fmt: skip
                    caption = max(caption, put.height + 0.3 * self.text)
            if labelled and (row < 0 or self.row_headers):
                lines = ("original",) if row < 0 else self.row_headers[row]
                middle = y + height / 2 - len(lines) * self.text * LINE / 2
                self._put(left - 0.6 * self.text, middle, lines, align="right")
            y += height + caption + self.gap
        return y - self.gap

    def _below(self, y: float) -> float:
        """Lay out the legend, the scale and the footer; return their bottom."""
        indent = max((self._measure(0.9, bold=True)(code) for code, _ in self.legend), default=0.0)
        indent += 0.7 * self.text
        for code, meaning in self.legend:
            self._put(self.margin, y, (code,), 0.9, bold=True)
            lines = wrapped(meaning, self._room - indent, self._measure(0.9), _MAX_LEGEND_LINES)
            y += self._put(self.margin + indent, y, lines, 0.9).height
        if self.legend:
            y += 0.4 * self.text
        if self.contents.scale is not None:
            low, high = self.contents.scale
            size = 0.85 * self.text
            left = self.margin + self._measure(0.85)(low) + 0.5 * self.text
            self.page.bar = Box(left, y + 0.15 * size, 9 * self.text, size)
            self._put(self.margin, y, (low,), 0.85, colour=FAINT)
            right = left + 9.5 * self.text
            lines = wrapped(high, self._room - right + self.margin, self._measure(0.85))
            y += self._put(right, y, lines, 0.85, colour=FAINT).height + 0.2 * self.text
        if self.contents.footer:
            lines = wrapped(self.contents.footer, self._room, self._measure(0.85))
            y += self._put(self.margin, y, lines, 0.85, colour=FAINT).height
        return y

    def _headers(
        self, dimension: Dimension | None, width: float, most: int, *, bold: bool = False
    ) -> list[tuple[str, ...]]:
        """The headers of a dimension.

        If they are long, without what they share; if they are too long even so, numbers. A legend
        explains both.
        """
        if dimension is None:
            return []
        measure = self._measure(1.0, bold=bold)
        short, shared = dimension.shortened()
        ways = [(dimension, min(most, _LONG_HEADER)), (short, most)] if shared else []
        for way, limit in [*ways, (dimension, most)]:
            parts = [way.parts(position) for position in range(len(way))]
            headers = [_joined(own, ", ", width, measure) for own in parts]
            words = {word for own in parts for part in own for word in part.split()}
            if max(map(len, headers)) <= max(limit, 1) and max(map(measure, words)) <= width:
                if way is short:
                    self.legend += shared.items()
                return headers
        letter = self._letter(dimension.names[0])
        codes = [f"{letter}{number}" for number in range(1, len(dimension) + 1)]
        self.legend += zip(codes, map(dimension.header, range(len(dimension))), strict=True)
        return [(code,) for code in codes]

    def _letter(self, name: str) -> str:
        """A short name for an axis that no other one has."""
        taken = {code.rstrip("0123456789") for code, _ in self.legend}
        shorts = (name[:length].upper() for length in range(1, len(name) + 1))
        return next((short for short in shorts if short not in taken), name)

    @property
    def _room(self) -> float:
        return self.page.width - 2 * self.margin

    def _measure(self, size: float, *, bold: bool = False) -> Callable[[str], float]:
        return lambda text: self.measure(text, size * self.text, bold)

    def _widest(self, headers: Sequence[tuple[str, ...]]) -> float:
        return max((self._measure(1.0)(line) for lines in headers for line in lines), default=0.0)

    def _height(self, headers: Sequence[tuple[str, ...]]) -> float:
        return max(map(len, headers), default=0) * self.text * LINE

    def _above(self, x: float, bottom: float, lines: tuple[str, ...]) -> None:
        """Put a header above something, close to it."""
        top = bottom - len(lines) * self.text * LINE - 0.15 * self.text
        self._put(x, top, lines, align="center")

    def _put(
        self,
        x: float,
        y: float,
        lines: tuple[str, ...],
        size: float = 1.0,
        *,
        align: Literal["left", "center", "right"] = "left",
        colour: str = INK,
        bold: bool = False,
    ) -> Text:
        text = Text(x, y, lines, size * self.text, align, colour, bold)
        self.page.texts.append(text)
        return text
