"""What the sweep panel is made of, from top to bottom."""

from __future__ import annotations

import html
import threading
from functools import partial
from typing import TYPE_CHECKING

from ipywidgets import HTML, Box, Dropdown, Text, VBox, Widget

from ...showing import Showing, fitted
from ..controls import Controls, hear_while_busy, marked, reveal
from ..copied import Copied
from ..live.view import LiveView
from ..parts import close_all
from ..service import introduced
from ..sheets import sheets
from ..thumbnails import data_url
from . import words
from .board import Board, board_of, show_stars
from .plan import Plan
from .rows import Row, row
from .values import USUAL, variables

if TYPE_CHECKING:
    from .course import Course
    from .sweep_panel import SweepPanel

_THUMB = 132
_SAME = "The sweep as Python"


class Frame:
    """Lays out a sweep panel; what is pressed its methods do, what is shown follows its traits."""

    def __init__(self, panel: SweepPanel) -> None:
        self._panel = panel
        self._controls = controls = Controls(panel)
        self._lock = threading.RLock()
        self._rows: dict[str, Row] = {}
        self._board: Board | None = None
        self._view: LiveView | None = None
        self._old: list[LiveView] = []
        self._axes = marked(controls.make(VBox), "axes")
        self._live = marked(Box(), "place")
        axes = marked(controls.make(VBox, [self._axes, self._more()]), "card", "left")
        side = marked(
            controls.make(
                VBox, [self._given(), self._outlook(), self._purse(), *self._launch()]
            ),
            "card", "right",
        )  # fmt: skip
        desk = controls.group(axes, side, name="desk")
        self.children = [
            *sheets("desk", "sweep_panel"),
            desk,
            self._code(),
            controls.error_line(),
            self._outcome(),
            self._live,
        ]
        self._show_rows()
        panel.observe(lambda _: self._show_rows(), ["plan", "problems"])

    # -------------------------------------------------------------------------------- the axes

    def _show_rows(self) -> None:
        panel = self._panel
        with self._lock:
            plan: Plan = panel.plan
            for variable in plan.variables:
                if variable.name not in self._rows:
                    added = variable.name not in USUAL and not variable.is_field
                    self._rows[variable.name] = row(
                        self._controls,
                        variable,
                        enter=partial(panel.enter, variable.name),
                        place=partial(panel.place, variable.name),
                        drop=partial(panel.drop, variable.name) if added else None,
                    )
            shown = {variable.name: self._rows[variable.name] for variable in plan.variables}
            for name, each in shown.items():
                each.show(plan, panel.entries.get(name, ""), panel.problems.get(name))
            children = tuple(each.widget for each in shown.values())
            if self._axes.children != children:
                self._axes.children = children

    def _more(self) -> Widget:
        """What adds a field for another setting."""
        panel, controls = self._panel, self._controls
        rest = [each for each in variables(type(panel.request.options)) if each.name not in USUAL]
        choice = marked(
            controls.field(
                Dropdown, "Vary also", "Add a field for another setting",
                options=[("Choose a setting …", "")],
            ),
            "line-field",
        )  # fmt: skip
        is_own = [False]

        def offer(*_: object) -> None:
            left = [(each.label, each.name) for each in rest if each.name not in panel.entries]
            options = (("Choose a setting …", ""), *left)
            if choice.options != options:
                is_own[0] = True
                choice.options, choice.value = options, ""
                is_own[0] = False
            reveal(line, bool(left))

        def chosen() -> None:
            if choice.value and not is_own[0]:
                panel.entries = panel.entries | {choice.value: ""}

        line = controls.group(choice, name="row axisrow")
        offer()
        panel.observe(offer, "entries")
        choice.observe(controls.guarded(chosen), "value")
        return line

    # ------------------------------------------------------------------------------ what it makes

    def _given(self) -> Widget:
        """The picture, and what all fills have in common."""
        given = self._controls.text("given")

        def show(*_: object) -> None:
            request = self._panel.request
            showing = Showing()
            size = fitted(showing.natural_size(request), _THUMB)
            given.value = (
                f'<img src="{data_url(showing.original(request, size))}" '
                f'width="{size[0]}" height="{size[1]}" '
                'alt="The picture; what is filled is outlined">'
                f"<div>{words.in_common(self._panel.plan)}</div>"
            )

        show()
        last = [self._panel.request]

        def changed(*_: object) -> None:
            request = self._panel.request
            same = request.picture is last[0].picture and request.mask is last[0].mask
            last[0] = request
            if same:
                image = given.value[: given.value.index(">") + 1]
                given.value = f"{image}<div>{words.in_common(self._panel.plan)}</div>"
            else:
                show()

        self._panel.observe(changed, "plan")
        return given

    def _outlook(self) -> Widget:
        """The grid's shape, count, price and time."""
        outlook = self._controls.text("outlook")

        def show(*_: object) -> None:
            panel = self._panel
            budget = None if "budget" in panel.problems else panel.budget
            outlook.value = words.outlook(panel.plan, panel.forecast, budget)

        show()
        self._panel.observe(show, ["plan", "forecast", "budget"])
        return outlook

    def _purse(self) -> Widget:
        """The budget; where nothing costs anything, there is none."""
        panel, controls = self._panel, self._controls
        field = marked(
            controls.field(
                Text, "Budget", "The most that may be spent, USD: at that, the run stops",
                placeholder="USD; empty: any amount", continuous_update=False,
            ),
            "line-field",
        )  # fmt: skip
        note = marked(controls.make(HTML), "note", "off")
        line = controls.group(field, note, name="row shortrow budget")

        def show(*_: object) -> None:
            problem = panel.problems.get("budget")
            if not problem:
                field.value = "" if panel.budget is None else f"{panel.budget:.10g}"
            (line.add_class if problem else line.remove_class)("ffnb-wrong")
            note.value = f'<span role="alert">{html.escape(problem)}</span>' if problem else ""
            reveal(note, bool(problem))
            reveal(line, panel.client.price != 0 or panel.budget is not None)

        def typed() -> None:
            known = "" if panel.budget is None else f"{panel.budget:.10g}"
            if field.value != known or "budget" in panel.problems:
                panel._type_budget(field.value)

        show()
        panel.observe(show, ["budget", "problems", "client"])
        field.observe(controls.guarded(typed), "value")
        return line

    # ------------------------------------------------------------------------------ the buttons

    def _launch(self) -> list[Widget]:
        panel, controls = self._panel, self._controls
        run = controls.action("play", "Run", "", panel.run)
        stop = controls.action(
            "stop", "Stop", "Send nothing more, and keep what is done", panel.stop
        )
        resume = controls.action("resume", "Resume", "", panel.resume)
        retry = controls.action("again", "Retry failed", "", panel.retry_failed)
        for button in (run, stop, resume, retry):
            marked(button, "text")
            hear_while_busy(button)
        marked(run, "primary")
        marked(resume, "primary")
        hint = marked(controls.make(HTML), "why")
        who = controls.text("who")

        def show(*_: object) -> None:
            obstacle = panel.obstacle
            is_busy = panel.state in ("running", "stopping")
            goes_on = panel.state == "stopped" and panel.is_current
            run.disabled = bool(obstacle)
            run.description, run.tooltip = words.of_run(panel.plan, panel.forecast, obstacle)
            stop.disabled = panel.state != "running"
            stop.description = "Stopping …" if panel.state == "stopping" else "Stop"
            course = None if is_busy else panel._course
            missing, failed = (0, 0) if course is None else course.left_over
            resume.description = f"Resume {missing}" if missing else "Resume"
            resume.tooltip = "Go on with the sweep that was stopped: only what is missing is sent"
            retry.tooltip = f"Send the {failed} that failed again, and what is missing"
            reveal(resume, goes_on)
            reveal(run, not goes_on)
            reveal(retry, failed > 0)
            reveal(stop, is_busy or not failed)  # there is room for one of the two
            told = "" if is_busy else "<br>".join(map(html.escape, panel.obstacles))
            hint.value = told and f'<span role="status">{told}</span>'
            reveal(hint, bool(told))

        def show_service(*_: object) -> None:
            who.value = html.escape(introduced(panel.client.service, asks=False))

        show()
        show_service()
        panel.observe(show, ["plan", "forecast", "problems", "state"])
        panel.observe(show_service, "client")
        shown = marked(controls.switch("shows_code", "", "Python", "The same in Python"), "text")
        buttons = controls.group(run, resume, stop, retry, shown, name="buttons")
        return [buttons, hint, who]

    def _code(self) -> Widget:
        panel = self._panel
        shown = Copied(self._controls, lambda: panel.set_trait("shows_code", False))

        def show(*_: object) -> None:
            if not panel.shows_code:
                shown.hide()
            elif panel.problems:
                shown.show("\n".join(f"# {line}" for line in panel.obstacles), _SAME)
            else:
                shown.show(panel.to_python(), _SAME)

        show()
        panel.observe(show, ["plan", "problems", "shows_code", "client", "budget"])
        return shown.widget

    # ------------------------------------------------------------------------------ the run

    def _outcome(self) -> Widget:
        """What has become of the run, and what can be done now."""
        panel, controls = self._panel, self._controls
        line = controls.text("came")

        def show(*_: object) -> None:
            line.value = words.came_of(panel)
            reveal(line, bool(line.value))

        show()
        panel.observe(show, ["state", "plan", "budget"])
        return line

    def watch(self, course: Course) -> None:
        """Show a run as it goes, in the place of the one before."""
        with self._lock:
            if self._panel.comm is None:
                return  # it is closed
            self._board = board_of(course.plan, self._panel, self._panel._star)
            if self._view is not None:
                self._old.append(self._view)
            self._view = LiveView(course.whole, self._board)
            self._live.children = (self._view,)

    def show_stars(self, number: int | None = None) -> None:
        """Show which pictures are starred: all, or one that has changed."""
        board, runs = self._board, self._panel.result
        if board is None or runs is None or len(board.stars) != len(runs):
            return
        for point, button in zip(runs.sweep.points, board.stars, strict=True):
            if number in (None, point.index):
                show_stars(button, runs.stars(point))

    def tidy(self) -> None:
        """Put away the views of earlier runs; not at once, for that takes a moment."""
        with self._lock:
            old, self._old = self._old, []
        close_all(old)

    def close(self) -> None:
        """Put away what is not on the page now."""
        self.tidy()
        close_all(each.widget for each in self._rows.values())
