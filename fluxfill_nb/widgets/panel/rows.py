"""The panel's rows: for each field a control that fits, its name, and a line that explains it."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ipywidgets import (
    HTML,
    BoundedFloatText,
    BoundedIntText,
    Box,
    Checkbox,
    IntSlider,
    Password,
    Text,
    Textarea,
    Widget,
)
from pydantic import SecretStr
from traitlets import Unicode

from ..controls import Choice, Controls, Item, marked, reveal
from .fields import Field

Write = Callable[[str, Any], None]
"""Takes a field's name, and what a person has set it to."""

_EXAMPLES = {
    "prompt": "What belongs into the masked part",
    "seed": "New for each fill",
    "webhook_url": "https://…",
}
_SET, _UNSET = "Set. Type to replace it, or a blank to remove it", "Not set"


class Secret(Password):  # type: ignore[misc]
    """A field whose content leaves it at once: to ``take``, and nowhere else.

    The page holds what is typed until Enter is pressed, and the kernel answers with an empty field.
    """

    value = Unicode("").tag(sync=True, echo_update=False)

    def __init__(self, take: Callable[[SecretStr], object], **options: Any) -> None:
        self._take = take
        super().__init__(**options, continuous_update=False)
        self.observe(self._typed, "value")

    def _typed(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self.value = ""
            self._take(SecretStr(change["new"]))


@dataclass
class Row:
    """A field on the page.

    Parameters
    ----------
    field
        What it shows.
    widget
        All of it.
    note
        The line below: an explanation, or what is wrong.
    show
        Shows a value.
    """

    field: Field
    widget: Box
    note: HTML
    show: Callable[[Any], None]

    def tell(self, problem: str | None, *, explain: bool) -> None:
        """Say what is wrong, or explain what the field is for, or nothing."""
        (self.widget.add_class if problem else self.widget.remove_class)("ffnb-wrong")
        if problem:
            text = f'<span role="alert">{html.escape(problem)}</span>'
        else:
            text = html.escape(self.field.explanation) if explain else ""
        if self.note.value != text:
            self.note.value = text
        reveal(self.note, bool(text))


def row(controls: Controls[Any], field: Field, write: Write, *beside: Widget) -> Row:
    """Return the row of a field, with the control that fits it.

    Parameters
    ----------
    controls
        Makes its widgets.
    field
        What to show.
    write
        Called when a person has set it; a text that is no number is given as it is.
    *beside
        Controls behind it.
    """
    # Not `controls.bind`: the truth is one value, of which each row shows a part.
    given = partial(write, field.name)
    made, show = _MAKERS[field.kind](controls, field, given)
    note = marked(controls.make(HTML), "note", "off")
    kind = "short" if field.kind in ("line", "secret", "number") else field.kind
    widget = controls.group(*made, *beside, note, name=f"row {kind}row field-{field.name}")
    return Row(field, widget, note, show)


Made = tuple[list[Widget], Callable[[Any], None]]
Given = Callable[[Any], None]


def _slider(controls: Controls[Any], field: Field, given: Given) -> Made:
    scale = field.scale
    assert scale is not None
    slider = controls.field(
        IntSlider, field.label, field.explanation, min=0, max=scale.stops, readout=False
    )
    number = controls.field(
        BoundedIntText if scale.whole else BoundedFloatText,
        field.label, field.explanation,
        min=scale.low, max=scale.high, step=scale.step,
    )  # fmt: skip
    shown: list[float] = [scale.low]

    def show(value: float | None) -> None:
        shown[0] = field.default if value is None else value
        number.value = shown[0]
        # A slider under somebody's hand is left where it is.
        if scale.value(slider.value) != shown[0]:
            slider.value = scale.stop(shown[0])

    def slid() -> None:
        if slider.value != scale.stop(shown[0]):
            given(scale.value(slider.value))

    def typed() -> None:
        if number.value != shown[0]:
            given(number.value)

    slider.observe(controls.guarded(slid), "value")
    number.observe(controls.guarded(typed), "value")
    # In the order in which they are seen, which is that of the Tab key.
    return [marked(number, "number"), marked(slider, "slider"), _marks(controls, field)], show


def _marks(controls: Controls[Any], field: Field) -> HTML:
    """What is written below a slider; sliders tell their value themselves."""
    scale = field.scale
    assert scale is not None
    marks = marked(controls.make(HTML), "marks")
    places = [(f"{100 * scale.share(mark):.4g}", field.words(mark)) for mark in field.marks]
    marks.value = '<div aria-hidden="true">{}</div>'.format(
        "".join(f'<i style="--at:{at}">{html.escape(word)}</i>' for at, word in places)
    )
    return marks


def _text(controls: Controls[Any], field: Field, given: Given) -> Made:
    # What is typed is sent when the field is left: before any button elsewhere is pressed.
    text = controls.field(
        Textarea, field.label, field.explanation, rows=3, continuous_update=False,
        placeholder=_EXAMPLES.get(field.name, ""),
    )  # fmt: skip
    return [marked(text, "textbox")], _mirrored(controls, text, given)


def _line(controls: Controls[Any], field: Field, given: Given) -> Made:
    return _typed_line(controls, field, lambda typed: given(typed.strip() or None))


def _number(controls: Controls[Any], field: Field, given: Given) -> Made:
    def parsed(typed: str) -> None:
        number: Any = typed.strip() or None
        if number is not None:
            # What is no number is refused where all values are checked.
            with contextlib.suppress(ValueError):
                number = (int if field.whole else float)(number)
        given(number)

    # Not a number field of the page's: those round whole numbers above 2**53.
    return _typed_line(controls, field, parsed)


def _typed_line(controls: Controls[Any], field: Field, given: Given) -> Made:
    text = controls.field(
        Text, field.label, field.explanation, continuous_update=False,
        placeholder=_EXAMPLES.get(field.name, ""),
    )  # fmt: skip
    return [marked(text, "line-field")], _mirrored(controls, text, given)


def _mirrored(controls: Controls[Any], text: Any, given: Given) -> Callable[[Any], None]:
    """Tie a text field to a value of which it shows the text."""
    shown = [""]

    def show(value: Any) -> None:
        shown[0] = "" if value is None else str(value)
        text.value = shown[0]

    def typed() -> None:
        if text.value != shown[0]:
            shown[0] = text.value
            given(text.value)

    text.observe(controls.guarded(typed), "value")
    return show


def _secret(controls: Controls[Any], field: Field, given: Given) -> Made:
    def take(secret: SecretStr) -> None:
        controls.guarded(lambda: given(secret if secret.get_secret_value().strip() else None))()

    text = controls.make(
        Secret, take, description=field.label, tooltip=field.explanation, placeholder=_UNSET
    )

    def show(value: SecretStr | None) -> None:
        text.placeholder = _UNSET if value is None else _SET

    return [marked(text, "line-field")], show


def _switch(controls: Controls[Any], field: Field, given: Given) -> Made:
    box = controls.field(Checkbox, field.label, field.explanation, indent=False)
    shown = [False]

    def show(value: bool | None) -> None:
        shown[0] = box.value = bool(field.default if value is None else value)

    def pressed() -> None:
        if box.value != shown[0]:
            given(box.value)

    box.observe(controls.guarded(pressed), "value")
    return [marked(box, "switch")], show


def _choice(controls: Controls[Any], field: Field, given: Given) -> Made:
    name = marked(controls.make(HTML, f"<span>{html.escape(field.label)}</span>"), "label")
    choice = Choice(
        controls,
        [Item(value, str(value).upper(), f"{field.label}: {value}") for value in field.choices],
        given,
    )

    def show(value: Any) -> None:
        choice.show(field.default if value is None else value)

    return [name, choice.widget], show


_MAKERS: dict[str, Callable[[Controls[Any], Field, Given], Made]] = {
    "choice": _choice,
    "line": _line,
    "number": _number,
    "secret": _secret,
    "slider": _slider,
    "switch": _switch,
    "text": _text,
}
