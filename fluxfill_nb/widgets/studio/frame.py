"""What the Studio is made of, from top to bottom."""

from __future__ import annotations

import base64
import binascii
import html
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from ipywidgets import HTML, Box, FileUpload, Textarea, VBox, Widget

from ...errors import InvalidImage
from ...result import FillResult
from ..compare.compare import Compare
from ..controls import Controls, hear_while_busy, marked, reveal
from ..icons import PREFIX
from ..parts import close_all
from ..service import introduced
from ..sheets import sheets
from . import words
from .fills import Fill
from .strip import Strip

if TYPE_CHECKING:
    from .studio import Studio

    StudioControls: TypeAlias = Controls[Studio]

SEEDS = 4
"""How many pictures the second button asks for."""

# Of the comparer's canvas, CSS px: with its frame, it is as wide as a painter.
_VIEWER = 761

# What is dropped goes the way of a text field, the only one that pages have for it.
_DROPPED = (
    "event.preventDefault();this.classList.remove('ffnb-over');"
    "const file=event.dataTransfer.files[0];"
    "const field=this.closest('.ffnb-studio').querySelector('.ffnb-dropped textarea');"
    "if(file&amp;&amp;field){const reader=new FileReader();reader.onload=()=>{"
    "field.value=reader.result;"
    "for(const kind of ['input','change'])field.dispatchEvent(new Event(kind,{bubbles:true}))};"
    "reader.readAsDataURL(file)}"
)
_DROP_HERE = (
    '<div class="ffnb-drop" ondragover="event.preventDefault();this.classList.add(\'ffnb-over\')" '
    f'ondragleave="this.classList.remove(\'ffnb-over\')" ondrop="{_DROPPED}">'
    "<span>or drop one here</span></div>"
)


class Frame:
    """Lays out a Studio; what is pressed its methods do, what is shown follows its traits."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._controls: StudioControls = Controls(studio)
        controls = self._controls
        self.lock = threading.RLock()
        self._viewer: Box | None = None
        self._source = self._make_source()
        self._head = controls.group(name="opening")
        self._easel = marked(Box([self._source]), "easel")
        self.strip = Strip(studio, controls)
        side = marked(Box([studio.panel]), "side")
        desk = marked(Box([self._easel, self._make_launch(), side]), "desk")
        around = marked(VBox([self._head, desk, self.strip.widget]), "ui", "studio")
        self.children: list[Widget] = [*sheets("desk", "studio"), around]

    # ------------------------------------------------------------------------------ the picture

    def has_picture(self) -> None:
        """Show the painter, now that there is something to paint on."""
        if self._source not in self._head.children:
            self._easel.children = (marked(self._studio.painter, "painting"),)
            self._head.children = (self._source,)

    def compare(self) -> None:
        """Show the selected result beside its original, in the painter's place; or the painter."""
        with self.lock:
            if self._studio.comm is None:
                return  # it is closed
            painter, old = self._studio.painter, self._viewer
            result = self._studio.selected
            self._viewer = None if result is None else self._make_viewer(result)
            places = [each for each in (painter, self._viewer) if each is not None]
            self._easel.children = places or [self._source]
            if painter is not None:
                # It stays on the page: made anew, it would have to draw all again.
                reveal(painter, self._viewer is None)
            if old is not None:
                close_all([old])
        self.strip.choose()

    def _make_source(self) -> Box:
        studio, controls = self._studio, self._controls
        upload = controls.field(
            FileUpload, "Open", "Open a picture file",
            accept="image/*", icon=f"{PREFIX}open",
        )  # fmt: skip
        dropped = marked(Textarea(description="Dropped file", continuous_update=False), "dropped")

        def load() -> None:
            if upload.value:
                file = upload.value[0]
                # Otherwise the file would be saved with the notebook.
                upload.value = ()
                studio.image = bytes(file["content"])

        def take() -> None:
            if dropped.value:
                url, dropped.value = dropped.value, ""
                studio.image = _decoded(url)

        upload.observe(controls.guarded(load), "value")
        dropped.observe(controls.guarded(take), "value")
        return controls.group(
            marked(upload, "upload", "text"), controls.make(HTML, _DROP_HERE), dropped,
            name="source",
        )  # fmt: skip

    def _make_viewer(self, result: FillResult) -> Box:
        studio = self._studio
        # Of its own, for layouts and styles are closed with it.
        controls = Controls(studio)
        back = controls.action(
            "back", "Back to painting", "Show the painter again",
            lambda: studio.set_trait("selected", None),
        )  # fmt: skip
        request = result.request
        said = filter(None, [words.seed_of(request, result), words.settings_of(request)])
        title = controls.make(HTML, f"<b>{html.escape(' · '.join(said))}</b>")
        bar = controls.group(marked(back, "text"), title, name="viewer-bar")
        return marked(VBox([bar, Compare(result, width=_VIEWER)]), "viewer")

    # ------------------------------------------------------------------------------ the buttons

    def _make_launch(self) -> Box:
        studio, controls = self._studio, self._controls
        one = controls.action("fill-in", "Fill", "", studio.fill)
        four = controls.action(
            "seeds", f"Fill ×{SEEDS} seeds", "", lambda: studio.fill(seeds=SEEDS)
        )
        stop = controls.action("stop", "Stop", "Stop all fills under way", studio.stop)
        for button in (one, four, stop):
            marked(button, "text")
            hear_while_busy(button)
        marked(one, "primary")
        self._price = controls.text("next-price")
        # Apart, so that only what counts is read out, and not each second.
        self._going, self._lasting = controls.text("counts"), controls.text("lasting")
        going = controls.group(self._going, self._lasting, name="going")
        service = controls.text("who")
        buttons = controls.group(one, four, stop, going, self._price, name="buttons")

        def show_service(*_: object) -> None:
            client = studio.client
            each = studio.panel.price
            service.value = html.escape(introduced(None if client is None else client.service))
            self._price.value = html.escape(words.price(each))
            one.tooltip = " ".join(filter(None, ["Fill what is painted:", words.price(each)]))
            four.tooltip = (
                f"{SEEDS} pictures, each of another seed: {words.price(each, SEEDS)}".rstrip(": ")
            )

        show_service()
        studio.panel.observe(show_service, ["client", "service"])
        controls.follow("running", lambda count: setattr(stop, "disabled", not count))
        return marked(
            controls.make(
                VBox, [buttons, self._hint(), self._trouble(), service]
            ),
            "launch",
        )  # fmt: skip

    def show_progress(self, fills: Sequence[Fill]) -> None:
        """Show beside the buttons how far all fills under way are, and for how long they are."""
        counts, lasting, percent = words.progress(fills)
        self._going.value = counts and f'<span role="status">{counts}</span>'
        self._lasting.value = lasting and f"<span>{lasting}</span>" + (
            ""
            if percent is None
            else f'<div class="ffnb-gauge" role="progressbar" aria-label="Fills under way" '
            f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}">'
            f'<i style="width:{percent}%"></i></div>'
        )

    def _hint(self) -> Widget:
        hint = self._controls.text("hint-line")

        def show(text: str) -> None:
            hint.value = text and f'<span role="status">{html.escape(text)}</span>'
            reveal(hint, bool(text))

        self._controls.follow("hint", show)
        return hint

    def _trouble(self) -> Box:
        def more() -> str:
            return words.folded(self._studio.log) if self._studio.log else ""

        return self._controls.error_line(more)


def _decoded(url: str) -> bytes:
    """Return what a ``data:`` URL holds."""
    try:
        return base64.b64decode(url.partition(",")[2], validate=True)
    except binascii.Error:
        raise InvalidImage("What was dropped could not be read: use Open instead.") from None
