"""What the parameter panel is made of, from top to bottom."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

from ipywidgets import HTML, VBox, Widget

from ..painter import icons
from ..painter.controls import Controls, marked, reveal
from .fields import PRESET_FIELDS
from .rows import Pick, Row, Secret, row

if TYPE_CHECKING:
    from ..painter.painter import MaskPainter
    from .panel import ParameterPanel

_DRAWINGS = {
    "dice": "<rect x='3.25' y='3.25' width='13.5' height='13.5' rx='2.5'/>"
    "<g fill='#000' stroke='none'><circle cx='7' cy='7' r='1.3'/><circle cx='13' cy='7' r='1.3'/>"
    "<circle cx='10' cy='10' r='1.3'/><circle cx='7' cy='13' r='1.3'/>"
    "<circle cx='13' cy='13' r='1.3'/></g>",
    "lock": "<rect x='4.25' y='9' width='11.5' height='7.75' rx='1.5'/>"
    "<path d='M6.75 9V6.5a3.25 3.25 0 0 1 6.5 0V9M10 12v1.75'/>",
    "reset": "<path d='M4 4v4h4M4.4 8a6.25 6.25 0 1 1-.6 3.6'/>",
    "explain": "<circle cx='10' cy='10' r='7'/>"
    "<path d='M8 8.2a2 2 0 1 1 3 1.7c-.7.4-1 .8-1 1.6M10 13.6v.1'/>",
    "more": "<path d='m6 8 4 4 4-4'/>",
    "shut": "<path d='m5.8 5.8 8.4 8.4M14.2 5.8l-8.4 8.4'/>",
}

_PRESETS = {
    "default": ("Default", "Guidance and steps: the service's defaults"),
    "sample": ("Sample", "Guidance and steps as in the vendor's own example: guidance 30"),
    "draft": ("Draft", "Guidance and steps for a quick draft: as few steps as the service takes"),
}
_SERVICES = {
    "local": ("Local", "An engine on this machine: free, and no FLUX"),
    "hosted": ("Hosted", "FLUX.1 Fill [pro] by its vendor: needs a key, $0.05 a fill"),
}
_COPIES = {
    "python": ("Python", "Show these settings as Python, to copy"),
    "curl": ("curl", "Show these settings as a shell command, to copy; the key is not in it"),
}
_COPY_HINT = "Click the text (or Ctrl+A in it) to select all, then copy: Ctrl+C; on a Mac with ⌘."


def frame(panel: ParameterPanel) -> list[Widget]:
    """Return a panel's children.

    Parameters
    ----------
    panel
        What is pressed is done by its methods; what is shown follows its traits.
    """
    # Of a painter, controls ask for no more than what a panel has too.
    controls = Controls(cast("MaskPainter", panel))
    rows = [
        row(
            controls, field, panel._typed, *(_seed(panel, controls) if field.name == "seed" else ())
        )
        for field in panel.fields
    ]
    _follow(panel, rows)
    usual = [each.widget for each in rows if not each.field.is_advanced]
    rare = [each.widget for each in rows if each.field.is_advanced]
    # The presets stand above what they set.
    place = next(at for at, each in enumerate(rows) if each.field.name in PRESET_FIELDS)
    around = controls.make(
        VBox,
        [
            *usual[:place],
            _presets(panel, controls),
            *usual[place:],
            *_advanced(controls, rare),
            *_service(panel, controls),
            *_code(panel, controls),
            _error(panel, controls),
        ],
    )
    return [_stylesheet(), marked(around, "panel")]


def _follow(panel: ParameterPanel, rows: list[Row]) -> None:
    """Let the rows show the options and the problems, now and whenever they change."""

    def show(*_: Any) -> None:
        for each in rows:
            # What is typed wrongly stays, to be mended.
            if each.field.name not in panel.problems:
                each.show(getattr(panel.options, each.field.name))
            each.tell(panel.problems.get(each.field.name), explain=panel.explained)

    show()
    panel.observe(show, ["options", "problems", "explained"])


def _seed(panel: ParameterPanel, controls: Controls) -> tuple[Widget, ...]:
    return (
        controls.action("dice", "New seed", "Draw a new seed", panel.new_seed),
        controls.switch("seed_locked", "lock", "Lock seed", "Keep this seed for the next fills"),
    )


def _presets(panel: ParameterPanel, controls: Controls) -> Widget:
    pick = Pick(controls, _PRESETS, panel.preset)
    panel.observe(lambda _: pick.show(panel.chosen_preset), "options")
    pick.show(panel.chosen_preset)
    return controls.group(
        _label(controls, "Preset"),
        pick.widget,
        controls.group(
            controls.action(
                "reset", "Reset", "All settings but the prompt to the defaults", panel.reset
            ),
            controls.switch("explained", "explain", "Explain", "Say what each setting does"),
            name="tools",
        ),
        name="row choicerow presets",
    )


def _advanced(controls: Controls, rare: list[Widget]) -> list[Widget]:
    if not rare:
        return []
    fold = marked(
        controls.switch("advanced", "more", "Advanced", "Show what is rarely needed"),
        "text", "fold",
    )  # fmt: skip
    group = controls.group(*rare, name="advanced")
    controls.follow("advanced", lambda seen: reveal(group, seen))
    return [fold, group]


def _service(panel: ParameterPanel, controls: Controls) -> list[Widget]:
    pick = Pick(controls, _SERVICES, panel.connect)
    line = controls.text("price")
    key = marked(
        controls.make(
            Secret,
            lambda secret: controls.guarded(lambda: panel.log_in(secret))(),
            description="API key",
            tooltip="Key of the hosted service",
            placeholder="Type it, then press Enter",
        ),
        "line-field",
    )
    hint = marked(
        controls.make(HTML, "Kept in this kernel's memory only: not in the notebook."), "note"
    )
    entry = controls.group(key, hint, name="row shortrow key")

    def show(*_: Any) -> None:
        pick.show(panel.service)
        line.value = html.escape(panel.price_line)

    show()
    panel.observe(show, ["service", "credits"])
    controls.follow("needs_key", lambda needed: reveal(entry, needed))
    service = controls.group(
        _label(controls, "Service"), pick.widget, line, name="row choicerow service"
    )
    return [service, entry]


def _code(panel: ParameterPanel, controls: Controls) -> list[Widget]:
    written: dict[str, Callable[[], str]] = {"python": panel.to_python, "curl": panel.to_curl}
    text = controls.text("code")
    hint = marked(controls.make(HTML, _COPY_HINT), "note")
    close = controls.action("shut", "Close", "Close", lambda: setattr(panel, "code", ""))
    shown = controls.group(text, close, hint, name="written")

    pick = Pick(controls, _COPIES, lambda name: setattr(panel, "code", name))

    def show(*_: Any) -> None:
        pick.show(panel.code)
        reveal(shown, panel.code in written)
        text.value = ""
        if panel.code in written:
            # Editable, so that the keyboard can select it; what is typed there goes nowhere.
            text.value = (
                f'<pre contenteditable="true" spellcheck="false" role="textbox" tabindex="0" '
                f'aria-multiline="true" aria-label="The settings as {panel.code}">'
                f"{html.escape(written[panel.code]())}</pre>"
            )

    show()
    panel.observe(show, ["options", "code", "service"])
    copies = controls.group(_label(controls, "Copy as"), pick.widget, name="row choicerow copies")
    return [copies, shown]


def _error(panel: ParameterPanel, controls: Controls) -> Widget:
    message = controls.text("message")
    dismiss = controls.action("shut", "Dismiss", "Dismiss", lambda: setattr(panel, "error", ""))
    line = controls.group(message, dismiss, name="error")

    def show(text: str) -> None:
        message.value = text and f'<span role="alert">{html.escape(text)}</span>'
        reveal(line, bool(text))

    controls.follow("error", show)
    return line


def _label(controls: Controls, text: str) -> HTML:
    return marked(controls.make(HTML, f"<span>{text}</span>"), "label")


_SHEETS: list[HTML] = []


def _stylesheet() -> HTML:
    """The style sheet, one for all panels, as a widget."""
    # A closed widget has no comm, and is never shown again.
    if not (_SHEETS and _SHEETS[0].comm):
        _SHEETS[:] = [HTML(f"<style>{_css()}</style>")]
        _SHEETS[0].add_class("ffnb-sheet")
    return _SHEETS[0]


@cache
def _css() -> str:
    rules = resources.files(__package__).joinpath("style.css").read_text("utf-8")
    # It is saved with the notebook: without comments and indentation.
    rules = re.sub(r"/\*.*?\*/", "", rules, flags=re.DOTALL)
    drawn = [icons.rule(name, icons.svg(drawing)) for name, drawing in _DRAWINGS.items()]
    return re.sub(r"\s*\n\s*", "\n", "\n".join([rules, *drawn]))
