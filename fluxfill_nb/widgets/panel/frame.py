"""What the parameter panel is made of, from top to bottom."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from ipywidgets import HTML, VBox, Widget

from ..controls import Choice, Controls, Item, marked, reveal
from ..copied import Copied
from ..sheets import sheets
from .fields import PRESET_FIELDS
from .rows import Row, Secret, row

if TYPE_CHECKING:
    from .panel import ParameterPanel

    PanelControls: TypeAlias = Controls[ParameterPanel]

_PRESETS = (
    Item("default", "Default", "Guidance and steps: the service's defaults"),
    Item("sample", "Sample", "Guidance and steps as in the vendor's own example: guidance 30"),
    Item("draft", "Draft", "Guidance and steps for a quick draft: the fewest steps that it takes"),
)
_SERVICES = (
    Item("local", "Local", "An engine on this machine: free, and no FLUX"),
    Item("hosted", "Hosted", "FLUX.1 Fill [pro] by its vendor: needs a key, $0.05 a fill"),
)
_COPIES = (
    Item("python", "Python", "Show these settings as Python, to copy"),
    Item("curl", "curl", "Show these settings as a shell command, to copy; the key is not in it"),
)


def frame(panel: ParameterPanel) -> list[Widget]:
    """Return a panel's children.

    Parameters
    ----------
    panel
        What is pressed is done by its methods; what is shown follows its traits.
    """
    controls = Controls(panel)
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
            controls.error_line(),
        ],
    )
    return [*sheets("panel"), marked(around, "ui", "panel")]


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


def _seed(panel: ParameterPanel, controls: PanelControls) -> tuple[Widget, ...]:
    return (
        controls.action("dice", "New seed", "Draw a new seed", panel.new_seed),
        controls.switch("seed_locked", "lock", "Lock seed", "Keep this seed for the next fills"),
    )


def _presets(panel: ParameterPanel, controls: PanelControls) -> Widget:
    pick = Choice(controls, _PRESETS, panel.preset)
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


def _advanced(controls: PanelControls, rare: list[Widget]) -> list[Widget]:
    if not rare:
        return []
    fold = marked(
        controls.switch("advanced", "more", "Advanced", "Show what is rarely needed"),
        "text", "fold",
    )  # fmt: skip
    group = controls.group(*rare, name="advanced")
    controls.follow("advanced", lambda seen: reveal(group, seen))
    return [fold, group]


def _service(panel: ParameterPanel, controls: PanelControls) -> list[Widget]:
    pick = Choice(controls, _SERVICES, panel.connect)
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


def _code(panel: ParameterPanel, controls: PanelControls) -> list[Widget]:
    written: dict[str, Callable[[], str]] = {"python": panel.to_python, "curl": panel.to_curl}
    shown = Copied(controls, lambda: setattr(panel, "code", ""))
    pick = Choice(controls, _COPIES, lambda name: setattr(panel, "code", name))

    def show(*_: Any) -> None:
        pick.show(panel.code)
        if panel.code in written:
            shown.show(written[panel.code](), f"The settings as {panel.code}")
        else:
            shown.hide()

    show()
    panel.observe(show, ["options", "code", "service"])
    copies = controls.group(_label(controls, "Copy as"), pick.widget, name="row choicerow copies")
    return [copies, shown.widget]


def _label(controls: PanelControls, text: str) -> HTML:
    return marked(controls.make(HTML, f"<span>{text}</span>"), "label")
