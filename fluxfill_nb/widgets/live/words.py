"""What is said of a run: while it goes, and at its end."""

from __future__ import annotations

import base64
import html
from typing import Any

from ...errors import FluxFillError
from ...result import FillResult
from ...sweep import SweepResult
from ...wording import span
from ..faults import told
from .watched import Watched


def head(run: Watched) -> str:
    """Bar and line, as HTML."""
    progress = run.progress
    shares = (("done", progress.done), ("failed", progress.failed), ("now", progress.under_way))
    bar = "".join(
        f'<i class="ffnb-{name}" style="width:{100 * count / max(1, progress.total):.2f}%"></i>'
        for name, count in shares
    )
    line = f"{progress} in {span(progress.elapsed)}" if run.is_done else str(progress)
    words = last_words(run)
    return (
        '<div class="ffnb-bar" role="progressbar" aria-label="fills done" aria-valuemin="0" '
        f'aria-valuemax="{progress.total}" aria-valuenow="{progress.done}">{bar}</div>'
        f'<p class="ffnb-line"><span>{html.escape(line)}</span>'
        f"<span>{html.escape(run.service)}</span></p>"
        + (f'<p class="ffnb-words">{html.escape(words)}</p>' if words else "")
    )


def last_words(run: Watched) -> str:
    """Return what there is to be done about a run that ended before all was there."""
    if not run.is_done:
        return ""
    progress = run.progress
    words = []
    if run.halted_by is not None:
        words.append(told(run.halted_by))
    if progress.done + progress.failed < progress.total:
        count = f"{progress.done} of {progress.total} are done"
        words.append(f"Stopped: {count}. Run the cell again to go on with what is missing.")
    outcomes = (run.outcome(point.index) for point in run.points)
    failures = [outcome for outcome in outcomes if isinstance(outcome, FluxFillError)]
    if failures and progress.total > 1:
        words.append(
            f"{len(failures)} failed, the first because: {told(failures[0])} Of what the sweep "
            "returns, .errors has all reasons, and .retry_failed() sends those again."
        )
    return " ".join(words)


def picture(run: Watched) -> dict[str, Any]:
    """Return what is left of a run in a notebook: its pictures, and a summary."""
    summary = str(run.progress)
    bundle: dict[str, Any] = {}
    try:
        match result := run.result():
            case SweepResult():
                bundle = result._repr_mimebundle_()
            case FillResult():
                jpeg = base64.b64encode(result._repr_jpeg_()).decode()
                bundle = {"image/jpeg": jpeg, "text/plain": repr(result)}
        summary += f"\n{bundle['text/plain']}"
    except FluxFillError as error:  # a single fill without a picture
        summary += f"\n{told(error)}"
    return bundle | {"text/plain": summary}
