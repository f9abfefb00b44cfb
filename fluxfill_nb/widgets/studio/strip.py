"""The results in a strip of cards, the newest first."""

from __future__ import annotations

import itertools
import threading
from functools import partial
from typing import TYPE_CHECKING

from ipywidgets import HTML, Box, Button, Layout, VBox, Widget

from ...errors import SubmissionUnconfirmed
from ..controls import hear_while_busy, marked, reveal
from ..icons import PREFIX
from ..parts import inside
from . import words
from .faces import Faces, caption, drawn
from .fills import Fill

if TYPE_CHECKING:
    from .frame import StudioControls
    from .studio import Studio

CARDS = 12
"""How many cards are shown at first, and how many more with each press on the button for that."""

_START = """<ol class="ffnb-steps">
<li><b>Paint</b> over what is to be filled.</li>
<li><b>Say</b> what belongs there, or nothing at all.</li>
<li>Press <b>Fill</b>. What comes of it is shown here, to compare, to keep, and to go on from.</li>
</ol>"""


class Strip:
    """Shows fills, the latest few of them at first.

    Parameters
    ----------
    studio
        What a card's buttons do, its methods do.
    controls
        Makes the buttons.
    """

    def __init__(self, studio: Studio, controls: StudioControls) -> None:
        self.studio = studio
        self.controls = controls
        self._faces = Faces()
        self._lock = threading.RLock()
        self._cards: list[Card] = []
        self._numbers = itertools.count()
        self._offering: Card | None = None
        self._shown = CARDS
        self._head = controls.text("results-head")
        self._empty = marked(controls.make(HTML, _START), "empty")
        self._places = marked(Box(), "cards")
        self._more = marked(
            controls.action("more", "Show more", "Show older results", self.show_more),
            "text",
        )  # fmt: skip
        self.widget = marked(
            controls.make(VBox, [self._head, self._empty, self._places, self._more]), "results"
        )
        self._arrange()

    def add(self, fill: Fill) -> None:
        """Show one more, as the newest; at once, its picture comes later."""
        with self._lock:
            if self.studio.comm is None:
                return  # it is closed
            fill.caption = caption(fill)
            card = Card(self, fill, next(self._numbers))
            self._cards.append(card)
            card.show()
            # At the end, and drawn as the first: a page makes all anew that comes after a new one.
            self._places.children = (*self._places.children, card.widget)
            self._arrange()

    def show_more(self) -> None:
        """Show some more of the older ones."""
        with self._lock:
            self._shown += CARDS
            self._arrange()

    def refresh(self, fill: Fill) -> None:
        """Bring the card of a fill up to date."""
        self._faces.look(fill)
        with self._lock:
            for card in self._cards:
                if card.fill is fill and card.is_shown:
                    card.show()

    def drop(self, fill: Fill) -> None:
        """Show a fill no more."""
        with self._lock:
            for card in [card for card in self._cards if card.fill is fill]:
                self._cards.remove(card)
                card.hide()
            self._arrange()

    def forget(self) -> None:
        """Show nothing more; what is shown stays."""
        with self._lock:
            self._cards, self._offering = [], None

    def offer(self, card: Card | None) -> None:
        """Have a card offer its result as a file, and no other; None: none at all."""
        with self._lock:
            if self._offering is not None and self._offering.is_shown:
                self._offering.forget_link()
            self._offering = card
            if card is not None:
                card.offer()

    def choose(self) -> None:
        """Mark the card of the selected result."""
        with self._lock:
            for card in self._cards:
                card.mark()

    def _arrange(self) -> None:
        """Show the latest cards, and how many there are."""
        for card in self._cards[: -self._shown]:
            card.hide()
        for card in self._cards[-self._shown :]:
            if not card.is_shown:
                card.show()
        rest, count = len(self._cards) - self._shown, len(self._cards)
        reveal(self._empty, not count)
        reveal(self._more, rest > 0)
        self._more.description = f"Show {min(max(rest, 0), CARDS)} more"
        number = f" <small>{count}</small>" if count else ""
        self._head.value = f"<h3>Results{number}</h3>"


class Card:
    """The place of one fill in the strip, with widgets in it only while it is shown."""

    def __init__(self, strip: Strip, fill: Fill, number: int) -> None:
        self.fill = fill
        self._strip = strip
        self._stage = ""
        self._face: HTML | None = None
        self._star: Button | None = None
        self._link: HTML | None = None
        self.widget = marked(VBox(layout=Layout(order=str(-number))), "card")

    @property
    def is_shown(self) -> bool:
        """Whether there are widgets in it."""
        return self._face is not None

    def show(self) -> None:
        """Show how the fill stands now."""
        if self._face is None:
            self._face = marked(self._strip.controls.make(HTML), "face")
            self._stage = ""
        self._face.value = drawn(self.fill)
        if self._stage != self.fill.stage:
            self.widget.remove_class(f"ffnb-is-{self._stage}")
            self._stage = self.fill.stage
            self.widget.add_class(f"ffnb-is-{self._stage}")
            self._fill_in([self._face, *self._buttons()])
        self.mark()

    def hide(self) -> None:
        """Take the widgets out."""
        self._face = self._star = None
        self._fill_in([])

    def mark(self) -> None:
        """Show whether it is the selected one, and whether it is starred."""
        result = self.fill.result
        if result is None or self._face is None:
            return
        chosen = self._strip.studio.selected is result
        (self.widget.add_class if chosen else self.widget.remove_class)("ffnb-chosen")
        if self._star is not None:
            starred = self._strip.studio.stars(result) > 0
            (self._star.add_class if starred else self._star.remove_class)("ffnb-on")
            self._star.icon = PREFIX + ("starred" if starred else "star")
            self._star.tooltip = "Starred: press to take the star away" if starred else "Star"

    def _fill_in(self, parts: list[Widget]) -> None:
        kept = list(inside(parts))
        old = [part for part in inside(self.widget.children) if part not in kept]
        self.widget.children = parts
        for part in old:
            part.close()

    def _buttons(self) -> list[Widget]:
        studio, fill, result = self._strip.studio, self.fill, self.fill.result
        act = self._strip.controls.action
        if result is not None:
            name = words.seed_of(fill.options, result)
            open_ = marked(
                act("peek", f"Compare {name}", "Compare with the original",
                    lambda: studio.set_trait("selected", result)),
                "open",
            )  # fmt: skip
            self._star = act("star", f"Star {name}", "Star", self._switch_star)
            save = act("download", f"Save {name}", "Save as PNG", lambda: self._strip.offer(self))
            buttons = [
                self._star,
                act("onward", f"Go on from {name}", "Use as the next picture",
                    lambda: studio.use(result)),
                act("settings", f"Settings of {name}", "Take these settings, and the seed",
                    lambda: studio.take_settings(result)),
                save,
            ]  # fmt: skip
            return [open_, self._row(*buttons)]
        if fill.stage == "pending":
            stop = marked(act("stop", "Stop", "Stop this fill", fill.stop), "text")
            hear_while_busy(stop)
            return [self._row(stop)]
        lost = isinstance(fill.error, SubmissionUnconfirmed)
        risk = "Ask for it again: it may be charged twice" if lost else "Ask for it again"
        again = act("again", "Again", risk, partial(studio.again, fill))
        drop = act("cancel", "Dismiss", "Take it away", partial(studio.drop, fill))
        return [self._row(marked(again, "text"), marked(drop, "text"))]

    def _row(self, *buttons: Button) -> Box:
        return self._strip.controls.group(*buttons, name="acts")

    def _switch_star(self) -> None:
        result = self.fill.result
        assert result is not None
        self._strip.studio.star(result, 0 if self._strip.studio.stars(result) else 1)

    def offer(self) -> None:
        """Show a link with the picture's file, which is as large as it is."""
        assert self.fill.result is not None
        self._link = marked(
            self._strip.controls.make(HTML, self._strip.studio.link(self.fill.result)), "link"
        )
        self._fill_in([*self.widget.children, self._link])

    def forget_link(self) -> None:
        """Let go of that."""
        self._fill_in([part for part in self.widget.children if part is not self._link])
