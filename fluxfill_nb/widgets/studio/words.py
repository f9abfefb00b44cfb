"""What the Studio says: of a fill, and of what went wrong."""

from __future__ import annotations

import html
import traceback
from collections.abc import Sequence

from ...errors import FluxFillError, TaskFailed, TaskModerated
from ...options import FillOptions
from ...result import FillResult
from ...sweep import status
from ...wording import shown, span
from .fills import Fill

# The prompt has a line of its own; the webhook says nothing of the picture.
_NOT_LISTED = frozenset({"prompt", "seed", "webhook_url", "webhook_secret"})


def seed_of(options: FillOptions | None, result: FillResult | None = None) -> str:
    """Return which seed it is: what the result says, else what was asked for."""
    seed = result.seed if result is not None else None
    if seed is None and options is not None:
        seed = options.seed
    return "no seed" if seed is None else f"seed {seed}"


def settings_of(options: FillOptions | None) -> str:
    """Return what differs from the service's defaults, prompt and seed aside."""
    if options is None:
        return ""
    defaults = FillOptions()
    return " · ".join(
        f"{name.replace('_', ' ')} {shown(value)}"
        for name in FillOptions.names()
        if name not in _NOT_LISTED
        for value in [getattr(options, name)]
        if value not in (None, getattr(defaults, name))
    )


def price(each: float | None, count: int = 1) -> str:
    """Return what so many fills cost; empty if that is not known."""
    if each is None:
        return ""
    return f"${each * count:.2f}" if each else "free"


def progress(fills: Sequence[Fill]) -> tuple[str, str, int | None]:
    """Return of fills under way how many they are, for how long, and how far, %, if that is known.

    The texts are empty if there are none.
    """
    if not fills:
        return "", "", None
    faces = [fill.face() for fill in fills]
    waiting = sum(face.state == "waiting" for face in faces)
    counts = (len(faces) - waiting, "under way"), (waiting, "waiting")
    known = [face.percent for face in faces if face.percent is not None]
    return (
        ", ".join(f"{count} {word}" for count, word in counts if count),
        span(max(fill.elapsed for fill in fills)),
        sum(known) // len(faces) if known else None,
    )


def headline(error: Exception) -> str:
    """Return in a word or two what became of a fill."""
    return status(error).capitalize() if isinstance(error, FluxFillError) else "Failed"


def remedy(error: Exception) -> str:
    """Return what may help, where the error itself does not say so."""
    match error:
        case TaskModerated():
            return "Change prompt or mask, and press Fill."
        case TaskFailed():
            return "Press Again; if that fails too, change the mask or the settings."
    return "" if isinstance(error, FluxFillError) else "Press Again; the log says more."


def log(error: Exception) -> str:
    """Return an error with all that led to it."""
    return "".join(traceback.format_exception(error)).strip()


def folded(text: str) -> str:
    """Return a log as HTML, behind a fold."""
    return f'<details><summary>Log</summary><pre tabindex="0">{html.escape(text)}</pre></details>'
