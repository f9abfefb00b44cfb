"""What the Studio is made of, from top to bottom."""

from __future__ import annotations

import base64
import binascii
import html
import re
import threading
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, cast

from ipywidgets import HTML, Box, FileUpload, Textarea, VBox, Widget

from ...errors import InvalidImage
from ...result import FillResult
from ..compare.compare import Compare
from ..live.view import _hear_while_busy
from ..painter import icons
from ..painter.controls import Controls, marked, reveal
from ..painter.painter import MaskPainter
from . import words
from .strip import Strip

if TYPE_CHECKING:
    from .studio import Studio

SEEDS = 4
"""How many pictures the second button asks for."""

_STAR = "<path fill='{}' d='m10 2.8 2.2 4.6 5 .7-3.6 3.5.9 5L10 14.2l-4.5 2.4.9-5L2.8 8.1l5-.7z'/>"
_DRAWINGS = {
    "fill-in": "<path d='M6.2 3.6v12.8L16.4 10z' fill='#000'/>",
    "stop": "<rect x='5.25' y='5.25' width='9.5' height='9.5' rx='1' fill='#000'/>",
    "open": "<path d='M2.75 15.5v-11h5l1.75 2h6v2.25M2.75 15.5l2.5-6.75h12.5l-2.5 6.75z'/>",
    "back": "<path d='M8.5 4.5 3 10l5.5 5.5M3 10h14'/>",
    "star": _STAR.format("none"),
    "onward": "<rect x='2.5' y='5' width='8' height='10' rx='1'/>"
    "<path d='M8 10h9.5M14 6.5l3.5 3.5-3.5 3.5'/>",
    "settings": "<path d='M3 6h6M13 6h4M3 14h2M9 14h8'/><circle cx='11' cy='6' r='2'/>"
    "<circle cx='7' cy='14' r='2'/>",
    "again": "<path d='M16 4v4h-4M15.6 8a6.25 6.25 0 1 0 .6 3.6'/>",
    "seeds": "<rect x='3' y='3' width='6' height='6' rx='1'/><rect x='11' y='3' width='6' "
    "height='6' rx='1'/><rect x='3' y='11' width='6' height='6' rx='1'/>"
    "<rect x='11' y='11' width='6' height='6' rx='1'/>",
    "older": "<path d='m5 7.5 5 5 5-5'/>",
    "keep": "<path d='M3.5 12.5v3a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1v-3M10 3.5v9"
    "M6.5 9l3.5 3.5L13.5 9'/>",
    "drop": "<path d='m5.2 5.2 9.6 9.6M14.8 5.2l-9.6 9.6'/>",
    "trouble": "<path d='M10 3.2 17.6 16.5H2.4zM10 8.2v3.6M10 14.2v.1'/>",
}

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
        # Of a painter, controls ask for no more than what the Studio has too.
        self._controls = controls = Controls(cast(MaskPainter, studio))
        self._lock = threading.RLock()
        self._viewer: Box | None = None
        self._source = self._make_source()
        self._head = controls.group(name="opening")
        self._easel = marked(Box([self._source]), "easel")
        self.strip = Strip(studio, controls)
        side = marked(Box([studio.panel]), "side")
        desk = marked(Box([self._easel, side, self._make_launch()]), "desk")
        around = marked(VBox([self._head, desk, self.strip.widget]), "studio")
        self.children: list[Widget] = [_stylesheet(), around]

    # ------------------------------------------------------------------------------ the picture

    def has_picture(self) -> None:
        """Show the painter, now that there is something to paint on."""
        if self._source not in self._head.children:
            self._easel.children = (marked(self._studio.painter, "painting"),)
            self._head.children = (self._source,)

    def compare(self) -> None:
        """Show the selected result beside its original, in the painter's place; or the painter."""
        with self._lock:
            painter, old = self._studio.painter, self._viewer
            result = self._studio.selected
            self._viewer = None if result is None else self._make_viewer(result)
            places = [each for each in (painter, self._viewer) if each is not None]
            self._easel.children = places or [self._source]
            if painter is not None:
                # It stays on the page: made anew, it would have to draw all again.
                reveal(painter, self._viewer is None)
            if old is not None:
                put_away(old)
        self.strip.choose()

    def _make_source(self) -> Box:
        studio, controls = self._studio, self._controls
        upload = controls.field(
            FileUpload, "Open", "Open a picture file",
            accept="image/*", icon=f"{icons.PREFIX}open",
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
            marked(upload, "act", "upload", "text"), controls.make(HTML, _DROP_HERE), dropped,
            name="source",
        )  # fmt: skip

    def _make_viewer(self, result: FillResult) -> Box:
        studio, controls = self._studio, self._controls
        back = controls.action(
            "back", "Back to painting", "Show the painter again",
            lambda: studio.set_trait("selected", None),
        )  # fmt: skip
        request = result.request
        told = filter(None, [words.seed_of(request, result), words.settings_of(request)])
        title = controls.make(HTML, f"<b>{html.escape(' · '.join(told))}</b>")
        bar = controls.group(marked(back, "act", "text"), title, name="viewer-bar")
        return marked(VBox([bar, Compare(result)]), "viewer")

    # ------------------------------------------------------------------------------ the buttons

    def _make_launch(self) -> Box:
        studio, controls = self._studio, self._controls
        one = controls.action("fill-in", "Fill", "", studio.fill)
        four = controls.action(
            "seeds", f"Fill ×{SEEDS} seeds", "", lambda: studio.fill(seeds=SEEDS)
        )
        stop = controls.action("stop", "Stop", "Stop all fills under way", studio.stop)
        for button in (one, four, stop):
            marked(button, "act", "text")
            _hear_while_busy(button)
        marked(one, "primary")
        self._price = controls.text("next-price")
        self._progress = controls.text("going")
        service = controls.text("who")
        buttons = controls.group(one, four, stop, self._price, name="buttons")

        def show_service(*_: object) -> None:
            client = studio.client
            each = studio.panel.price
            service.value = html.escape(
                words.of_service(None if client is None else client.service)
            )
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
                VBox, [buttons, self._hint(), self._progress, self._error(), service]
            ),
            "launch",
        )  # fmt: skip

    def show_progress(self, share: float | None, text: str) -> None:
        """Show how far all fills under way are, 0 to 1; None: there are none."""
        self._progress.value = (
            ""
            if share is None
            else f'<div class="ffnb-gauge" role="progressbar" aria-label="Fills under way" '
            f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{100 * share:.0f}">'
            f'<i style="width:{100 * share:.0f}%"></i></div><span>{html.escape(text)}</span>'
        )

    def _hint(self) -> Widget:
        hint = self._controls.text("hint-line")

        def show(text: str) -> None:
            hint.value = text and f'<span role="status">{html.escape(text)}</span>'
            reveal(hint, bool(text))

        self._controls.follow("hint", show)
        return hint

    def _error(self) -> Widget:
        studio, controls = self._studio, self._controls
        message = controls.text("trouble-text")
        dismiss = marked(
            controls.action("drop", "Dismiss", "Dismiss", lambda: setattr(studio, "error", "")),
            "act",
        )
        line = controls.group(message, dismiss, name="trouble")

        def show(text: str) -> None:
            message.value = text and (
                f'<div role="alert"><i class="fa fa-ffnb-trouble"></i><p>{html.escape(text)}</p>'
                f"</div>{words.folded(studio.log) if studio.log else ''}"
            )
            reveal(line, bool(text))

        controls.follow("error", show)
        return line


def put_away(widget: Widget) -> None:
    """Close a widget and all that it consists of, but for style sheets, which others share.

    What stays open and shows something closed hinders a page that is loaded anew. Canvases are
    closed by who draws on them, once no page does so any more.
    """
    parts = list(_parts(widget))
    widget.close()
    for part in parts:
        if isinstance(part, (MaskPainter, Compare)):
            part.close()
    for part in parts:
        if not ("ffnb-sheet" in part._dom_classes or part._model_module == "ipycanvas"):
            part.close()


def _parts(widget: Widget) -> Iterator[Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _parts(child)


def _decoded(url: str) -> bytes:
    """Return what a ``data:`` URL holds."""
    try:
        return base64.b64decode(url.partition(",")[2], validate=True)
    except binascii.Error:
        raise InvalidImage("What was dropped could not be read: use Open instead.") from None


_SHEETS: list[HTML] = []


def _stylesheet() -> HTML:
    """The style sheet, one for all Studios, as a widget."""
    # A closed widget has no comm, and is never shown again.
    if not (_SHEETS and _SHEETS[0].comm):
        _SHEETS[:] = [HTML(f"<style>{_css()}</style>")]
        _SHEETS[0].add_class("ffnb-sheet")
    return _SHEETS[0]


@cache
def _css() -> str:
    rules = resources.files(__package__).joinpath("studio.css").read_text("utf-8")
    # It is saved with the notebook: without comments and indentation.
    rules = re.sub(r"/\*.*?\*/", "", rules, flags=re.DOTALL)
    drawn = [icons.rule(name, icons.svg(drawing)) for name, drawing in _DRAWINGS.items()]
    starred = f".ffnb-on {icons.rule('star', icons.svg(_STAR.format('#000')))}"
    return re.sub(r"\s*\n\s*", "\n", "\n".join([rules, *drawn, starred]))
