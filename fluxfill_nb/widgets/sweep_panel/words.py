"""What the sweep panel says: of its axes, of what they make and cost, of what came of it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...options import FillOptions
from ...wording import PLAIN_DIV, counted, listed, quoted
from ..faults import told
from . import code
from .forecast import Forecast
from .plan import PLACES, Place, Plan
from .values import Variable

if TYPE_CHECKING:
    from .sweep_panel import SweepPanel

# So many columns and rows are drawn; of more, the last one fades.
_MOST_DRAWN = 12, 6
# Shapes are read from the outside in.
_OUTSIDE_IN = tuple(reversed(PLACES))


def of_values(plan: Plan, variable: Variable, typed: str) -> str:
    """Return what a field comes to: its values, or what is used where it is empty."""
    values = plan.axes.get(variable.name, ())
    if len(values) == 1:
        return f"{_named(variable, values)} for all"
    if values:
        count = counted(len(values), "line" if variable.kind == "lines" else "value")
        is_plain = variable.kind == "lines" or variable.write(values) == typed.strip()
        return count if is_plain else f"{count}: {_named(variable, values)}"
    if variable.is_field:
        return ""
    if variable.name == "seed" and plan.request.seed is None:
        return f"{plan.sweep.request.seed} for all, drawn once" if plan.sweep else "One for all"
    own = getattr(plan.request, variable.name)
    own = FillOptions.model_fields[variable.name].default if own is None else own
    return f"{_named(variable, [own])} for all"


def _named(variable: Variable, values: Sequence[Any]) -> str:
    return ", ".join(map(variable.called, values)) if variable.words else listed(values, 6)


def in_common(plan: Plan) -> str:
    """Return as HTML what all fills have in common."""
    request = plan.request
    width, height = request.image.size
    lines = [f"<b>{width} × {height} px</b>", f"{request.mask.coverage * 100:.1f} % is filled"]
    for name, known in FillOptions.model_fields.items():
        value = getattr(request, name)
        odd = name in plan.axes or name.startswith("webhook") or value in (None, known.default)
        if not odd and value != "":
            lines.append(html.escape(f"{name.replace('_', ' ')} {quoted(value)}"))
    return "<br>".join(lines)


def outlook(plan: Plan, forecast: Forecast, budget: float | None) -> str:
    """Return as HTML the shape of the grid, and what it costs in money and time."""
    if plan.sweep is None:
        return (
            f'{PLAIN_DIV}<p class="ffnb-count"><b>No fills</b></p>'
            "<p>Mend what is marked to see what it makes.</p></div>"
        )
    lines = [f'<p class="ffnb-count"><b>{counted(forecast.count, "fill")}</b>']
    told = " · ".join(filter(None, [forecast.price_words, forecast.time_words]))
    lines.append(f' <span class="ffnb-cost">{html.escape(told)}</span></p>')
    if plan.places:
        lines.append(_shape(plan))
    else:
        lines.append("<p>Give an axis several values to compare, such as <b>0-3</b> as seeds.</p>")
    for text in (forecast.store_words, forecast.trouble, forecast.budget_words(budget)):
        if text:
            lines.append(f"<p>{html.escape(text[:1].upper() + text[1:])}</p>")
    return f"{PLAIN_DIV}{''.join(lines)}</div>"


def _shape(plan: Plan) -> str:
    """The grid as a drawing, and in words."""
    at: dict[Place, str] = {place: name for name, place in plan.places.items()}
    sizes = {place: len(plan.axes[at[place]]) if place in at else 1 for place in PLACES}
    parts = [
        f"<b>{sizes[place]:,}</b> {place if sizes[place] > 1 else place[:-1]}"
        f" <span>{html.escape(plan.labelled(at[place]))}</span>"
        for place in _OUTSIDE_IN
        if place in at
    ]
    columns = min(sizes["columns"], _MOST_DRAWN[0])
    rows = min(sizes["rows"], _MOST_DRAWN[1])
    more = [
        f"ffnb-more-{place}"
        for place, most in zip(("columns", "rows"), _MOST_DRAWN, strict=True)
        if sizes[place] > most  # type: ignore[index]
    ]
    stacked = " ffnb-stacked" if sizes["panels"] * sizes["pages"] > 1 else ""
    cells = "<i></i>" * (columns * rows)
    return (
        f'<div class="ffnb-shape"><div class="ffnb-drawn{stacked} {" ".join(more)}" '
        f'aria-hidden="true" style="--columns:{columns}">{cells}</div>'
        f"<div>{'<br>'.join(parts)}</div></div>"
    )


def of_run(plan: Plan, forecast: Forecast, obstacle: str) -> tuple[str, str]:
    """Return the label and the tooltip of the button that runs it."""
    if plan.sweep is None:
        return "Run", obstacle
    label = f"Run {counted(forecast.count, 'fill')}"
    if obstacle:
        return label, obstacle
    told = ", ".join(filter(None, [forecast.price_words, forecast.time_words]))
    return label, f"Make all of the grid: {told}"


def came_of(panel: SweepPanel) -> str:
    """Return as HTML what came of the last run, and what can be done now."""
    course = panel._course
    if course is None or panel.state not in ("stopped", "done"):
        return ""
    runs = course.result
    missing, failed = course.left_over
    parts = []
    if course.run.halted_by is not None:
        parts.append(html.escape(told(course.run.halted_by)))
    if missing:
        count = f"{len(runs.results)} of {len(runs)} are done"
        then = "Resume sends what is missing." if panel.is_current else "The fields have changed."
        parts.append(f"Stopped: {count}. {then}")
    if failed:
        first = html.escape(told(next(iter(runs.errors.values()))))
        parts.append(f"{failed} failed, the first because: {first} Retry failed sends them again.")
    if runs.results:
        call = html.escape(code.grid_call(course.plan, "panel.result"))
        parts.append(
            f"Star what you like. <code>{call}</code> is the figure, and "
            "<code>panel.result.best</code> what has most stars."
        )
    kind = "came-short" if course.run.halted_by is not None or failed else "came-whole"
    return f'{PLAIN_DIV}<p class="ffnb-{kind}" role="status">{" ".join(parts)}</p></div>'
