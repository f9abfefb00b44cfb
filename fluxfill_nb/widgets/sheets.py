"""Style sheets: one that all our widgets share, and one for each kind of them."""

from __future__ import annotations

import html
import re
from functools import cache
from importlib import resources

from ipywidgets import HTML, Widget

from . import icons

_SHARED = "style"
_MADE: dict[str, HTML] = {}


def sheets(*kinds: str) -> list[HTML]:
    """Return style sheets as widgets that show nothing; all widgets of a kind have the same ones.

    Parameters
    ----------
    *kinds
        Sheets beside this file, or folders there, each with a ``style.css``. The sheet that all
        widgets share comes before them.
    """
    return [_sheet(kind) for kind in (_SHARED, *kinds)]


def css(kind: str) -> str:
    """Return the shared rules and those of a kind as text, for a sheet that is closed again."""
    return f"{_rules(_SHARED)}\n{_rules(kind)}"


def is_shared(widget: Widget) -> bool:
    """Whether it is one of these style sheets."""
    return any(widget is made for made in _MADE.values())


def _sheet(kind: str) -> HTML:
    made = _MADE.get(kind)
    # A closed widget has no comm, and is never shown again.
    if made is None or made.comm is None:
        run = f' onload="{html.escape(_script())}"' if kind == _SHARED else ""
        made = _MADE[kind] = HTML(f"<style{run}>{_rules(kind)}</style>")
        made.add_class("ffnb-sheet")
    return made


@cache
def _script() -> str:
    """What the shared sheet does for a page, on one line."""
    lines = resources.files(__package__).joinpath("page.js").read_text("utf-8").splitlines()
    return " ".join(line.strip() for line in lines if not line.strip().startswith("//"))


@cache
def _rules(kind: str) -> str:
    folder = resources.files(__package__)
    file = folder / kind / "style.css" if (folder / kind).is_dir() else folder / f"{kind}.css"
    rules = file.read_text("utf-8")
    # It may be saved with the notebook: without comments, and blanks that mean nothing.
    rules = re.sub(r"/\*.*?\*/", "", rules, flags=re.DOTALL)
    rules = re.sub(r"\s*([{};,>])\s*|(?<=\w): ", lambda found: found[1] or ":", rules).strip()
    rules = rules.replace(";}", "}")
    return f"{rules}\n{icons.css()}" if kind == _SHARED else rules
