"""The rows of the sweep panel: for each axis a field for its values, and where it stands."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ipywidgets import HTML, Box, Dropdown, Text, Textarea, Widget

from ..controls import Controls, marked, reveal
from . import words
from .plan import Plan, offered
from .values import Variable


@dataclass
class Row:
    """A field for the values of an axis.

    Parameters
    ----------
    variable
        What it varies.
    widget
        All of it.
    show
        Shows the text that is typed, and what a plan makes of it, or what is wrong.
    """

    variable: Variable
    widget: Box
    show: Callable[[Plan, str, str | None], None]


def row(
    controls: Controls[Any],
    variable: Variable,
    *,
    enter: Callable[[str], object],
    place: Callable[[str], object],
    drop: Callable[[], object] | None,
) -> Row:
    """Return the row of an axis.

    Parameters
    ----------
    controls
        Makes its widgets.
    variable
        What it varies.
    enter, place
        Called with the text that was typed; with the place that was chosen.
    drop
        Called when the row is to go; None: it stays.
    """
    is_long = variable.kind == "lines"
    field = controls.field(
        Textarea if is_long else Text,
        variable.label,
        " ".join(filter(None, [variable.help, variable.syntax])),
        placeholder=variable.example,
        # Counted when the field is left: before any button elsewhere is pressed.
        continuous_update=False,
    )
    if is_long:
        field.rows = 2
    marked(field, "textbox" if is_long else "line-field")
    where = marked(
        controls.field(
            Dropdown, f"{variable.label} in", f"Where {variable.label} stands in the grid",
            options=offered(2),
        ),
        "where", "unnamed", "off",
    )  # fmt: skip
    note = marked(controls.make(HTML), "note")
    parts: list[Widget] = [field]
    if drop is not None:
        label = f"Do not vary {variable.label}"
        parts.append(controls.action("cancel", label, label, drop))
    name = f"row axisrow {'longrow ' if is_long else ''}field-{variable.name}"
    widget = controls.group(*parts, where, note, name=name)
    shown = {"text": "", "place": ""}

    def show(plan: Plan, text: str, problem: str | None) -> None:
        shown["text"] = text
        field.value = text
        (widget.add_class if problem else widget.remove_class)("ffnb-wrong")
        told = html.escape(problem or words.of_values(plan, variable, text))
        told = f'<span role="alert">{told}</span>' if problem else told
        if note.value != told:
            note.value = told
        if variable.name in plan.places:
            shown["place"] = ""  # offered other places, it shows the first one for a moment
            options = offered(len(plan.places))
            if where.options != options:
                where.options = options
            where.value = shown["place"] = plan.places[variable.name]
        reveal(where, variable.name in plan.places and len(plan.places) <= len(offered(9)))

    def typed() -> None:
        if field.value != shown["text"]:
            enter(field.value)

    def chosen() -> None:
        if shown["place"] and where.value not in (None, shown["place"]):
            place(where.value)

    field.observe(controls.guarded(typed), "value")
    where.observe(controls.guarded(chosen), "value")
    return Row(variable, widget, show)
