"""Controls that people press and move: they follow the traits of a widget, and set them."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from ipywidgets import HTML, Box, Button, HBox, ToggleButton, Widget

from .icons import PREFIX

_OFF = "ffnb-off"


class Owner(Protocol):
    """A widget that is made of controls: what is pressed its methods do."""

    error: Any

    def observe(self, handler: Callable[[Any], object], names: str, /) -> None:
        """Call a function when a trait changes."""

    def _safely(self, action: Callable[[], None]) -> None:
        """Do what the page asks for, and show what goes wrong."""


AnyWidget = TypeVar("AnyWidget", bound=Widget)
AnyOwner = TypeVar("AnyOwner", bound=Owner)


class Item(NamedTuple):
    """One of the values that a choice offers; one without an icon shows its label."""

    value: Any
    label: str
    tooltip: str
    icon: str = ""


class Controls(Generic[AnyOwner]):
    """Makes controls for a widget; what goes wrong in one of them is shown there.

    The owner is the truth: a control shows a trait, and sets it when a person has moved the
    control. A control that shows rounded numbers never rounds the trait.

    All controls of a kind share layout and style: how they look is the style sheet's matter, and
    each of these would be saved with the notebook.
    """

    def __init__(self, owner: AnyOwner) -> None:
        self.owner = owner
        self._looks: dict[type, Widget] = {}

    def make(self, kind: type[AnyWidget], *args: Any, **options: Any) -> AnyWidget:
        """Return a widget that shares layout and style with the others of its kind."""
        for name in ("layout", "style"):
            if hasattr(kind, name):
                look = getattr(kind, name).klass
                if look not in self._looks:
                    self._looks[look] = look()
                options[name] = self._looks[look]
        widget: AnyWidget = kind(*args, **options)
        return widget

    def group(self, *controls: Widget, name: str) -> Box:
        """Return the controls side by side."""
        return marked(self.make(HBox, controls), *name.split())

    def text(self, name: str) -> HTML:
        """Return a place for text."""
        return marked(self.make(HTML), name)

    def field(
        self, kind: type[AnyWidget], label: str, tooltip: str = "", **options: Any
    ) -> AnyWidget:
        """Return a slider or a field for a number, which says what it is."""
        return self.make(kind, description=label, tooltip=tooltip or label, **options)

    def action(self, icon: str, label: str, tooltip: str, do: Callable[[], object]) -> Button:
        """Return a button that does something."""
        button = self.make(Button, description=label, tooltip=tooltip, icon=PREFIX + icon)
        button.on_click(self.guarded(do))
        return button

    def switch(self, trait: str, icon: str, label: str, tooltip: str) -> ToggleButton:
        """Return a button that is down while a trait is true."""
        button = self.toggle(label, tooltip, icon)
        self.bind(trait, button)
        self.follow(trait, lambda on: _say_state(button, tooltip, on))
        return button

    def toggle(self, label: str, tooltip: str, icon: str) -> ToggleButton:
        """Return a button that is up or down."""
        icon = icon and PREFIX + icon
        return self.make(ToggleButton, description=label, tooltip=tooltip, icon=icon)

    def choice(self, trait: str, items: Iterable[Item], name: str = "choice") -> Choice:
        """Return a group of buttons, of which the one is down whose value a trait has."""
        choice = Choice(self, items, lambda value: setattr(self.owner, trait, value), name)
        self.follow(trait, choice.show)
        return choice

    def bind(
        self,
        trait: str,
        control: AnyWidget,
        show: Callable[[Any], Any] = lambda value: value,
        read: Callable[[Any], Any] = lambda value: value,
    ) -> AnyWidget:
        """Tie a control's value to a trait: ``show`` and ``read`` turn one into the other."""

        def write() -> None:
            if show(getattr(self.owner, trait)) != control.value:
                setattr(self.owner, trait, read(control.value))

        def update(value: Any) -> None:
            # A slider under somebody's hand is left where it is.
            if read(control.value) != value:
                control.value = show(value)

        self.follow(trait, update)
        control.observe(self.guarded(write), "value")
        return control

    def follow(self, trait: str, show: Callable[[Any], object]) -> None:
        """Call ``show`` with the trait's value, now and whenever it changes."""
        show(getattr(self.owner, trait))
        self.owner.observe(lambda change: show(change["new"]), trait)

    def guarded(self, do: Callable[[], object]) -> Callable[..., None]:
        """Return a handler, of any arguments; what goes wrong in it is shown by the owner."""

        def act() -> None:
            do()

        return lambda *_: self.owner._safely(act)

    def error_line(self, more: Callable[[], str] = lambda: "") -> Box:
        """Return a line that says what went wrong, for as long as it is not dismissed.

        Parameters
        ----------
        more
            Gives what is to be read behind that, as HTML.
        """
        message = self.text("message")
        dismiss = self.action(
            "cancel", "Dismiss", "Dismiss", lambda: setattr(self.owner, "error", "")
        )
        line = self.group(message, dismiss, name="error")

        def show(text: str) -> None:
            message.value = text and (
                f'<div role="alert"><i class="fa fa-{PREFIX}error"></i>'
                f"<span>{html.escape(text)}</span></div>{more()}"
            )
            reveal(line, bool(text))

        self.follow("error", show)
        return line


class Choice:
    """A group of buttons, of which one is down at most.

    Parameters
    ----------
    controls
        Makes them.
    items
        The values that are offered.
    given
        Called with the value of the one that a person pressed, also if it was down already.
    name
        For the style sheet.
    """

    def __init__(
        self,
        controls: Controls[Any],
        items: Iterable[Item],
        given: Callable[[Any], object],
        name: str = "choice",
    ) -> None:
        self._controls = controls
        self._given = given
        self._chosen: Any = None
        self._buttons: dict[Item, ToggleButton] = {}
        self.widget = controls.group(name=name)
        self.offer(items)

    def offer(self, items: Iterable[Item]) -> None:
        """Offer these instead of those there are."""
        old, self._buttons = self._buttons, {}
        for item in items:
            button = self._controls.toggle(item.label, item.tooltip, item.icon)
            if not item.icon:
                marked(button, "text")
            button.observe(self._controls.guarded(partial(self._press, item)), "value")
            self._buttons[item] = button
        self.show(self._chosen)
        self.widget.children = tuple(self._buttons.values())
        for button in old.values():
            button.close()

    def show(self, chosen: Any) -> None:
        """Let the button of this value be down, and no other."""
        self._chosen = chosen
        for item, button in self._buttons.items():
            button.value = item.value == chosen
            _say_state(button, item.tooltip, button.value)

    def _press(self, item: Item) -> None:
        # What code lets down or up is as it should be already.
        if self._buttons[item].value != (item.value == self._chosen):
            chosen = self._chosen
            try:
                self._given(item.value)
            finally:
                if self._chosen == chosen:  # nothing has come of it: the one stays down
                    self.show(chosen)


def marked(widget: AnyWidget, *names: str) -> AnyWidget:
    """Return the widget, with classes for the style sheet."""
    for name in names:
        widget.add_class(f"ffnb-{name}")
    return widget


def reveal(widget: Widget, seen: bool) -> None:
    """Show or hide a widget."""
    (widget.remove_class if seen else widget.add_class)(_OFF)


def percent(value: float) -> int:
    """Return a share, 0 to 1, in whole percent."""
    return round(100 * value)


def share(value: int) -> float:
    """Return percent as a share, 0 to 1."""
    return value / 100


def hear_while_busy(button: Button) -> None:
    """Let a click be heard while a cell blocks, where the page sends it beside the cells.

    Some kernels bring it to where the button was last changed instead: if by a cell, into the queue
    behind the cells.
    """

    def forget(_: object = None) -> None:
        getattr(button.comm, "__dict__", {}).pop("_reply_subshell_id", None)

    forget()
    button.observe(forget)  # called when the change has been sent


def _say_state(button: ToggleButton, tooltip: str, on: bool) -> None:
    # Toggle buttons have no state that a screen reader could tell: the title tells it.
    button.tooltip = f"{tooltip} – on" if on else tooltip
