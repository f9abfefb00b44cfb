"""The painter's controls: buttons, switches, choices and numbers that follow its traits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ipywidgets import HTML, Box, Button, HBox, ToggleButton, Widget

from .icons import PREFIX

if TYPE_CHECKING:
    from .painter import MaskPainter

AnyWidget = TypeVar("AnyWidget", bound=Widget)

_OFF = "ffnb-off"


class Item(NamedTuple):
    """One of the values that a choice offers."""

    value: str
    label: str
    tooltip: str
    icon: str


class Controls:
    """Makes controls for a painter; what goes wrong in one of them is shown in the painter.

    The painter is the truth: a control shows a trait, and sets it when a person has moved the
    control. A control that shows rounded numbers never rounds the trait.

    All controls of a kind share layout and style: how they look is the style sheet's matter, and
    each of these would be saved with the notebook.
    """

    def __init__(self, painter: MaskPainter) -> None:
        self.painter = painter
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

    def bind(
        self,
        trait: str,
        control: AnyWidget,
        show: Callable[[Any], Any] = lambda value: value,
        read: Callable[[Any], Any] = lambda value: value,
    ) -> AnyWidget:
        """Tie a control's value to a trait: ``show`` and ``read`` turn one into the other."""

        def write() -> None:
            if show(getattr(self.painter, trait)) != control.value:
                setattr(self.painter, trait, read(control.value))

        def update(value: Any) -> None:
            # A slider under somebody's hand is left where it is.
            if read(control.value) != value:
                control.value = show(value)

        self.follow(trait, update)
        control.observe(self.guarded(write), "value")
        return control

    def follow(self, trait: str, show: Callable[[Any], object]) -> None:
        """Call ``show`` with the trait's value, now and whenever it changes."""
        show(getattr(self.painter, trait))
        self.painter.observe(lambda change: show(change["new"]), trait)

    def guarded(self, do: Callable[[], object]) -> Callable[..., None]:
        """Return a handler, of any arguments; what goes wrong in it is shown in the painter."""

        def act() -> None:
            do()

        return lambda *_: self.painter._safely(act)

    def toggle(self, label: str, tooltip: str, icon: str) -> ToggleButton:
        """Return a button that is up or down."""
        icon = icon and PREFIX + icon
        return self.make(ToggleButton, description=label, tooltip=tooltip, icon=icon)


class Choice:
    """A group of buttons, of which the one is down whose value a trait of the painter has."""

    def __init__(self, controls: Controls, trait: str, items: Iterable[Item], name: str) -> None:
        self._controls = controls
        self._trait = trait
        self._buttons: dict[Item, ToggleButton] = {}
        self.widget = controls.group(name=name)
        self.offer(items)
        controls.follow(trait, self._show)

    def offer(self, items: Iterable[Item]) -> None:
        """Offer these instead of those there are."""
        old, self._buttons = self._buttons, {}
        for item in items:
            button = self._controls.toggle(item.label, item.tooltip, item.icon)
            button.observe(self._controls.guarded(partial(self._press, item)), "value")
            self._buttons[item] = button
        self._show(getattr(self._controls.painter, self._trait))
        self.widget.children = tuple(self._buttons.values())
        for button in old.values():
            button.close()

    def _press(self, item: Item) -> None:
        if self._buttons[item].value:
            setattr(self._controls.painter, self._trait, item.value)
        else:
            # The one that is down stays down, however often it is pressed.
            self._show(getattr(self._controls.painter, self._trait))

    def _show(self, value: str) -> None:
        for item, button in self._buttons.items():
            button.value = item.value == value
            _say_state(button, item.tooltip, button.value)


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


def _say_state(button: ToggleButton, tooltip: str, on: bool) -> None:
    # Toggle buttons have no state that a screen reader could tell: the title tells it.
    button.tooltip = f"{tooltip} – on" if on else tooltip
