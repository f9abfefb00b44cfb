"""A text to be copied."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from ipywidgets import HTML

from .controls import Controls, marked, reveal

_HINT = "Click the text (or Ctrl+A in it) to select all, then copy: Ctrl+C; on a Mac with ⌘."


class Copied:
    """Shows a text such that one click, or Ctrl+A in it, selects all of it.

    Parameters
    ----------
    controls
        Makes what it is made of.
    close
        Called when somebody has had enough of it.
    """

    def __init__(self, controls: Controls[Any], close: Callable[[], object]) -> None:
        self._text = controls.text("code")
        hint = marked(controls.make(HTML, _HINT), "note")
        button = controls.action("cancel", "Close", "Close", close)
        self.widget = controls.group(self._text, button, hint, name="written")
        self.hide()

    def show(self, text: str, name: str) -> None:
        """Show a text, under a name for those who cannot see it."""
        # Editable, so that the keyboard can select it; what is typed there goes nowhere.
        self._text.value = (
            '<pre contenteditable="true" spellcheck="false" role="textbox" tabindex="0" '
            f'aria-multiline="true" aria-label="{html.escape(name)}">{html.escape(text)}</pre>'
        )
        reveal(self.widget, True)

    def hide(self) -> None:
        """Show nothing."""
        self._text.value = ""
        reveal(self.widget, False)
