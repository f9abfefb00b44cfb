"""The cells: how each fill of a run is shown."""

from __future__ import annotations

import html
import re
import textwrap
import time
from dataclasses import dataclass

from ...errors import FluxFillError
from ...result import FillProgress, FillResult
from ...showing import Showing, fitted
from ...sweep import Point, status
from ...sweep.dimensions import value_text
from ..faults import told
from ..thumbnails import data_url, preview_url
from .watched import Watched

SIDE = 160
"""Longer side of a cell's picture, px."""

# Of the service's previews: size, px, and after how much of the work the next is shown, per cent.
_PREVIEW_SIDE, _PREVIEW_STEP, _STEP = 112, 20, 5
# How much of a reason is read without pointing at it, characters.
_SHORT = 70
# How reasons begin, which says nothing that a cell does not show.
_TASK = re.compile(r"^Task \S+ (failed: )?")


@dataclass(frozen=True)
class Face:
    """All that the look of a cell depends on."""

    state: str
    word: str = ""
    reason: str = ""
    percent: int | None = None


class Faces:
    """How each fill of a run is shown."""

    def __init__(self, run: Watched, *, labelled: bool) -> None:
        self._run = run
        self._labelled = labelled
        self._showing = Showing()
        self._since: dict[int, tuple[FillProgress | None, float]] = {}

    def of(self, index: int) -> Face:
        """Return what is to be seen of a fill now."""
        run = self._run
        state, outcome = run.state(index), run.outcome(index)
        if state == "done" and isinstance(outcome, FillResult):
            seconds = outcome.duration
            return Face(state, "" if seconds is None else f"{seconds:.1f} s")
        if state == "failed" and isinstance(outcome, FluxFillError):
            return Face(state, status(outcome), told(outcome))
        if state == "under way":
            return self._at_work(index)
        if not run.is_done:
            return Face("waiting", "waiting")
        return Face("waiting", "stopped" if run.is_stopped else "missing")

    def _at_work(self, index: int) -> Face:
        seen, now = self._run.seen(index), time.monotonic()
        known = self._since.get(index)
        if known is None or known[0] is not seen:
            since = now - seen.elapsed if seen else known[1] if known else now
            known = self._since[index] = seen, since
        if seen is not None and seen.fraction is not None:
            # A preview weighs more than words: there are but a few.
            step = _PREVIEW_STEP if seen.preview else _STEP
            if percent := int(100 * seen.fraction) // step * step:
                return Face("under way", f"running {percent} %", percent=percent)
        seconds = int(now - known[1])
        return Face("under way", f"running {seconds if seconds < 5 else seconds // 5 * 5} s")

    def drawn(self, index: int, face: Face) -> str:
        """Return a cell as HTML."""
        point = self._run.points[index]
        label = _label(point)
        size = self._showing.natural_size(point.request)
        picture, word = "", face.word
        if face.state == "done":
            try:
                picture = self._thumbnail(index, fitted(size, SIDE))
            except FluxFillError as error:
                face = Face("failed", "damaged", told(error))
                word = face.word
        elif face.percent is not None:
            picture = self._preview(index)
        inside = f'<img src="{picture}" alt="{html.escape(label)}">' if picture else ""
        if face.state != "done":
            short = textwrap.shorten(_TASK.sub("", face.reason), _SHORT, placeholder=" …")
            reason = f"<small>{html.escape(short)}</small>" if short else ""
            inside += f'<span class="ffnb-said"><b>{html.escape(word)}</b>{reason}</span>'
        if face.percent is not None:
            inside += f'<i class="ffnb-strip" style="width:{face.percent}%"></i>'
        title = ": ".join(filter(None, [label, face.reason or word]))
        under = [label] if self._labelled and label else []
        under += [word] if face.state == "done" and word else []
        caption = "".join(f"<span>{html.escape(text)}</span>" for text in under) or "&nbsp;"
        return (
            f'<figure class="ffnb-{face.state.replace(" ", "-")}" title="{html.escape(title)}">'
            f'<div style="aspect-ratio:{size[0]}/{size[1]}">{inside}</div>'
            f"<figcaption>{caption}</figcaption></figure>"
        )

    def _thumbnail(self, index: int, size: tuple[int, int]) -> str:
        outcome = self._run.outcome(index)
        assert isinstance(outcome, FillResult)
        request = self._run.points[index].request
        return data_url(self._showing.picture(outcome, size, request=request))

    def _preview(self, index: int) -> str:
        return preview_url(self._run.seen(index), _PREVIEW_SIDE)


def _label(point: Point) -> str:
    return ", ".join(f"{name} = {value_text(value)}" for name, value in point.labels.items())
