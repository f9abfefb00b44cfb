"""How a fill is drawn in the strip: its picture, and what is written under it."""

from __future__ import annotations

import html

from ...errors import FluxFillError
from ...images import Picture
from ...mask import Mask
from ...request import FillRequest
from ...showing import Showing, fitted
from ..faults import told
from ..thumbnails import data_url, preview_url
from . import words
from .fills import Fill

SIDE = 160
"""Longer side of a picture in the strip, px."""


class Faces:
    """Draws fills; those of one picture and mask share what is scaled for them."""

    def __init__(self) -> None:
        self._showing = Showing()
        self._shown: tuple[Picture, Mask] | None = None

    def look(self, fill: Fill) -> None:
        """See to it that a fill has its small picture; takes a while, for a result once."""
        request = fill.request
        if request is None:
            return
        showing = self._of(request)
        size = fitted(showing.natural_size(request), SIDE)
        if fill.result is not None:
            try:
                picture = showing.picture(fill.result, size, request=request)
                fill.picture = data_url(picture)
            except FluxFillError as error:
                fill.picture, fill.error = "", error
            # It holds picture and mask as they were sent, which are many times as large.
            fill.caption = caption(fill)
            fill.request = None
        elif not fill.picture:
            fill.picture = data_url(showing.original(request, size))
            fill.shape = size
            fill.caption = caption(fill)

    def _of(self, request: FillRequest) -> Showing:
        shown = request.picture, request.mask
        if self._shown is None or any(a is not b for a, b in zip(shown, self._shown, strict=True)):
            self._shown, self._showing = shown, Showing()
        return self._showing


def drawn(fill: Fill) -> str:
    """Return a fill as HTML."""
    if fill.stage == "failed":
        return _fault(fill)
    inside, picture = "", fill.picture
    if fill.stage != "done":
        said, percent = "stopped", None
        if fill.stage == "pending":
            face = fill.face()
            said, percent = face.word, face.percent
            picture = _preview(fill) or picture
        inside = f'<span class="ffnb-said">{html.escape(said)}</span>'
        if percent is not None:
            inside += f'<i class="ffnb-done-so-far" style="width:{percent}%"></i>'
    elif fill.error is not None:
        inside = f'<span class="ffnb-said">{html.escape(told(fill.error))}</span>'
    image = f'<img src="{picture}" alt="">' if picture else ""
    width, height = fill.shape
    return (
        f'<figure><div class="ffnb-shot" style="aspect-ratio:{width}/{height}">{image}{inside}'
        f"</div><figcaption>{fill.caption}</figcaption></figure>"
    )


def caption(fill: Fill) -> str:
    """Return what is written under a fill, as HTML: seed, prompt, what differs in the settings."""
    options = fill.options
    prompt = (options.prompt or "") if options is not None else ""
    lines = [f"<b>{html.escape(words.seed_of(options, fill.result))}</b>"]
    if prompt:
        text = html.escape(prompt)
        lines.append(f'<span class="ffnb-words" title="{text}">{text}</span>')
    said = [words.settings_of(options), "from the store" if fill.was_there else ""]
    if settings := " · ".join(filter(None, said)):
        lines.append(f"<span>{html.escape(settings)}</span>")
    return "".join(lines)


def _fault(fill: Fill) -> str:
    error = fill.error
    assert error is not None
    text = html.escape(f"{told(error)} {words.remedy(error)}".rstrip())
    return (
        '<div class="ffnb-fault" role="alert"><b><i class="fa fa-ffnb-error"></i>'
        f"{html.escape(words.headline(error))}</b><p>{text}</p>{words.folded(words.log(error))}"
        f"</div><figcaption>{fill.caption}</figcaption>"
    )


def _preview(fill: Fill) -> str:
    """What the service shows of the picture so far."""
    run = fill.run  # it may end meanwhile
    return preview_url(run.seen(0) if run is not None else None, SIDE)
