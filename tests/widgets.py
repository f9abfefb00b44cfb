"""Widgets without a page: what is in them, and a hand that presses as a page tells it."""

from __future__ import annotations

import re
from typing import Any

from ipywidgets import ToggleButton, Widget

from fluxfill_nb.widgets.parts import inside

# Classes that the front ends have.
THEIRS = {"jupyter-button", "jupyter-widgets", "mod-active", "slider-container", "fa"}


def widgets(within: Widget) -> list[Widget]:
    """A widget, and all that is in it."""
    return list(inside([within]))


def seen(within: Widget) -> list[Widget]:
    """Those that are not hidden, nor in a hidden group."""
    if "ffnb-off" in within._dom_classes:
        return []
    return [within, *(each for child in getattr(within, "children", ()) for each in seen(child))]


def find(within: Widget, label: str, kind: Any = Widget) -> Any:
    """The one widget of a kind that has this label."""
    found = [
        each
        for each in widgets(within)
        if getattr(each, "description", None) == label and isinstance(each, kind)
    ]
    assert len(found) == 1, f"{len(found)} {kind} are called {label}"
    return found[0]


def marked(within: Widget, name: str) -> Any:
    """The first widget with this class of ours."""
    return next(each for each in widgets(within) if f"ffnb-{name}" in each._dom_classes)


def press(button: Widget) -> None:
    """Press a button, as the front end tells it."""
    if isinstance(button, ToggleButton):
        button.set_state({"value": not button.value})
    else:
        button.click()


def sheets(within: Widget) -> str:
    """Its style sheets, as text."""
    return "".join(each.value for each in widgets(within) if "ffnb-sheet" in each._dom_classes)


def foreign(sheet: str) -> set[str]:
    """Classes and colours of a style sheet that are neither ours nor the front ends'."""
    sheet = re.sub(r'url\(".*?"\)|onload=".*?"', "", sheet)
    classes = set(re.findall(r"\.([a-z][\w-]*)", sheet)) - THEIRS
    colours = set(re.findall(r"#[0-9a-f]{3,8}\b|rgba?\(|:\s*(?:white|black)\b", sheet))
    return colours | {
        name for name in classes if not name.startswith(("ffnb-", "fa-ffnb-", "widget-", "noUi-"))
    }
