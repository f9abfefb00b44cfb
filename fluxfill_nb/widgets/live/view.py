"""The live view of a run, as a widget."""

from __future__ import annotations

import threading
import time
from typing import Any

from ipywidgets import HTML, Button, HBox

from ..controls import hear_while_busy, marked
from ..follower import Follower
from ..icons import PREFIX
from ..parts import Whole
from ..sheets import css
from .cells import Face, Faces
from .table import Table, table_of, texts
from .watched import Watched
from .words import head, picture

MOST_CELLS = 400
"""Runs of more fills have no cell for each: the latest few are shown."""

_LATEST = 6
# How long pictures may hold up the line, s.
_PATIENCE = 0.1
# How long the last update may take, s.
_LAST = 2.0


class LiveView(Whole):
    """A run as it goes, with a button that stops it.

    It is brought up to date from a thread of its own, at most four times a second, so that the run
    is not held up. Of a run that has ended, a notebook shows the pictures, without widgets.

    Parameters
    ----------
    run
        What ``client.start(…)`` returns.
    table
        Where its fills stand; default: as in the results' figure.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.sweep import Sweep
    >>> from fluxfill_nb.widgets.live import LiveView
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_box(picture.size, (80, 80, 120, 120))
    >>> sweep = Sweep(ff.FillRequest(picture, mask, steps=15), seed=[1, 2])
    >>> with ff.connect("local", store=None) as client:
    ...     run = client.start(sweep)
    ...     view = LiveView(run)
    ...     runs = run.wait()
    >>> view
    <LiveView: 2/2 done>
    """

    def __init__(self, run: Watched, table: Table | None = None) -> None:
        self._run = run
        self._has_all = len(run.points) <= MOST_CELLS
        table = (table or table_of(run)) if self._has_all else Table(None)
        self._faces = Faces(run, labelled=table.columns is None)
        self._looks: dict[int, Face] = {}
        self._arrived = 0
        self._lock = threading.Lock()
        self._changed = dict.fromkeys(range(len(run.points)))
        self._under_way: set[int] = set()
        self._has_ended = self._leaving = False
        self._cells = texts("cell", len(run.points) if self._has_all else _LATEST)
        self._head = HTML(head(run))
        self._stop = Button(
            description="Stop",
            icon=f"{PREFIX}stop",
            tooltip="Send nothing more, and keep what is done; as the notebook's own stop button",
        )
        self._stop.on_click(lambda _: self._cancel())
        self._sheet = HTML(f"<style>{css('live')}</style>")
        top = HBox([self._head, self._stop])
        super().__init__([self._sheet, top, table.laid_out(run.points, self._cells)])
        marked(self, "ui", "live")
        marked(self._sheet, "sheet")
        hear_while_busy(marked(self._stop, "text"))
        marked(top, "head")
        self._follower = Follower(self._bring_up_to_date)
        self._unwatch = run.watch(self._hear)
        self._follower.stir()

    def rest(self) -> None:
        """Follow the run no longer; what is said by then is the last."""
        self._unwatch()
        self._leaving = True
        self._follower.stir()
        self._follower.join(_LAST)

    def close(self) -> None:
        """Take it off the page, and all that it is made of."""
        if hasattr(self, "_follower"):
            self.rest()
            for text in (*self._cells, self._sheet):
                text.value = ""  # what records the messages of a page keeps the last one
        super().close()

    # ------------------------------------------------------------------- in the client's thread

    def _hear(self, index: int | None) -> None:
        if index is not None:
            with self._lock:
                self._changed[index] = None
        self._follower.stir()

    # ---------------------------------------------------------------------- in whichever thread

    def _cancel(self) -> None:
        self._run.cancel()
        self._follower.stir()

    # ------------------------------------------------------------------------ in its own thread

    def _bring_up_to_date(self) -> bool:
        """Show how things are; return whether there is more to come."""
        leaving = self._leaving
        if self._run.is_done and not self._has_ended:
            self._has_ended = True
            with self._lock:  # what waited does so no longer
                self._changed |= dict.fromkeys(range(len(self._run.points)))
        self._show_cells()
        self._show_line()
        is_over = leaving or (self._has_ended and not self._changed)
        if is_over:
            self._unwatch()
        elif self._changed:  # there was no time for it
            self._follower.stir()
        return not is_over

    def _show_line(self) -> None:
        """Bar, line and button."""
        self._head.value = head(self._run)
        if self._run.is_done:
            self._stop.add_class("ffnb-off")
        elif self._run.is_stopped:
            self._stop.disabled = True
            self._stop.description = "Stopping …"

    def _show_cells(self) -> None:
        """Bring the cells of what has changed up to date, as many as there is time for."""
        give_up = time.monotonic() + _PATIENCE
        for index in self._due():
            if time.monotonic() > give_up:
                break
            with self._lock:
                self._changed.pop(index, None)
            self._show(index)

    def _due(self) -> list[int]:
        with self._lock:
            changed = [*self._changed, *(self._under_way - self._changed.keys())]
            if self._has_all:
                return changed
            ended = [index for index in changed if self._run.state(index) in ("done", "failed")]
            latest = [index for index in ended if index not in self._looks][-_LATEST:]
            self._changed = dict.fromkeys(latest)
            return latest

    def _show(self, index: int) -> None:
        face = self._faces.of(index)
        keep = self._under_way.add if face.state == "under way" else self._under_way.discard
        keep(index)
        if self._looks.get(index) == face:
            return
        self._looks[index] = face
        place = index
        if not self._has_all:  # the oldest of the latest makes room
            place = self._arrived % _LATEST
            self._arrived += 1
        self._cells[place].value = self._faces.drawn(index, face)

    # ---------------------------------------------------------------------------------- display

    def __repr__(self) -> str:
        return f"<LiveView: {self._run.progress}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        if not self._run.is_done:
            bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
            return bundle
        self.close()
        return picture(self._run)
