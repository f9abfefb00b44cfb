"""A metric against an axis, as dots and lines."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

from matplotlib import colormaps
from matplotlib.figure import Figure

from ..metrics import named_metrics
from ..sweep.dimensions import value_text
from .figures import Shown
from .fonts import DRAWING, drawable
from .layout import FAINT
from .places import check_axis

if TYPE_CHECKING:
    from ..sweep import SweepResult

_COLOURS = colormaps["viridis"]
_SHOWN = 24  # characters of a label


def plot(runs: SweepResult, metric: str, x: str, *, hue: str | None = None) -> Figure:
    """Return a metric against an axis: a dot for each result, a line through their means.

    Parameters
    ----------
    runs
        The results.
    metric
        One of `fluxfill_nb.metrics.METRICS`.
    x
        The axis.
    hue
        Another axis, whose values get a colour and a line each.

    Returns
    -------
    matplotlib.figure.Figure
        With one Axes.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is no such axis or metric.

    Examples
    --------
    >>> import fluxfill_nb as ff
    >>> from PIL import Image
    >>> image = Image.linear_gradient("L").resize((64, 64))
    >>> request = ff.FillRequest(image, ff.Mask.from_box(image.size, (20, 20, 44, 44)))
    >>> with ff.connect("local", store=None) as client:
    ...     runs = client.sweep(ff.Sweep(request, steps=[15, 30], seed=range(2)))
    >>> len(plot(runs, "seam", x="steps").axes)
    1
    """
    (what,) = named_metrics([metric])
    for name, role in ((x, "x"), (hue, "hue")):
        if name is not None:
            check_axis(runs.axes, name, role)
    rows = [row for row in runs.metrics(metric) if math.isfinite(row[metric])]
    labels = list(runs.axes[x])
    is_scale = all(isinstance(label, (int, float)) for label in labels)
    where = {label: label if is_scale else place for place, label in enumerate(labels)}
    with DRAWING:
        figure = Shown(of_photos=False, figsize=(6.4, 4), layout="constrained")
        axes = figure.add_subplot()
        groups: tuple[Any, ...] = runs.axes[hue] if hue else (None,)
        for number, group in enumerate(groups):
            own = [row for row in rows if hue is None or row[hue] == group]
            colour = _COLOURS(0.9 * number / max(1, len(groups) - 1))
            axes.scatter(
                [where[row[x]] for row in own], [row[metric] for row in own],
                s=18, color=colour, alpha=0.55, linewidths=0,
            )  # fmt: skip
            means = [
                (where[label], fmean(values))
                for label in labels
                if (values := [row[metric] for row in own if row[x] == label])
            ]
            name = f"{hue} = {_text(group)}" if hue else None
            axes.plot(*zip(*sorted(means), strict=True) if means else ((), ()),
                      color=colour, linewidth=1.6, label=name)  # fmt: skip
        if not is_scale:
            axes.set_xticks(range(len(labels)), [_text(label) for label in labels])
        elif len(labels) <= 12:
            axes.set_xticks(sorted(labels), [_text(label) for label in sorted(labels)])
        axes.set_xlabel(x)
        axes.set_ylabel(f"{metric}, {what.unit}")
        axes.set_title(drawable(what.says), fontsize="medium", color=FAINT, loc="left", wrap=True)
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if hue:
            axes.legend(frameon=False, fontsize="small")
    return figure


def _text(label: Any) -> str:
    text = value_text(label)
    short = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return drawable(short).replace("$", r"\$")
