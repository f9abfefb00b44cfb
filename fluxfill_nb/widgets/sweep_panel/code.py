"""What the panel does, as Python to be taken elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..python import literal, opening, settings_of
from .plan import Plan

# So many whole numbers in a row are a range.
_RUN = 3


def as_python(plan: Plan, service: str | None = None, budget: float | None = None) -> str:
    """Return Python that runs what is planned, on picture.png and mask.png.

    Parameters
    ----------
    plan
        What is run.
    service
        What `fluxfill_nb.connect` is given.
    budget
        The most that may be spent, USD.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.widgets.sweep_panel.plan import planned
    >>> request = ff.FillRequest(Image.new("RGB", (8, 8)), ff.Mask.full((8, 8)), "a vase")
    >>> print(as_python(planned(request, {"guidance": "10, 30, 60", "seed": "0-7"}, {}), "local"))
    import fluxfill_nb as ff
    <BLANKLINE>
    client = ff.connect("local")
    image = ff.open_image("picture.png")
    mask = ff.Mask("mask.png")
    request = ff.FillRequest(image, mask, prompt="a vase")
    sweep = ff.Sweep(request, guidance=[10, 30, 60], seed=range(8))
    runs = client.sweep(sweep)
    runs.grid(row="guidance", col="seed")
    """
    settings = settings_of(plan.request.options, without=plan.axes)
    axes = {name: _values(values) for name, values in plan.axes.items()}
    given = {} if budget is None else {"budget": literal(budget)}
    return "\n".join(
        [
            *opening(service, settings),
            _call("request = ff.FillRequest", ["image", "mask"], settings),
            _call("sweep = ff.Sweep", ["request"], axes),
            _call("runs = client.sweep", ["sweep"], given),
            grid_call(plan, "runs"),
        ]
    )


def grid_call(plan: Plan, runs: str) -> str:
    """Return Python that makes the figure of what was run."""
    return _call(f"{runs}.grid", [], {name: literal(value) for name, value in plan.options.items()})


def _call(function: str, given: Sequence[str], named: Mapping[str, str]) -> str:
    """A call, in one line if that is short."""
    arguments = [*given, *(f"{name}={text}" for name, text in named.items())]
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= 88 and "\n" not in line:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in arguments), ")"])


def _values(values: Sequence[Any]) -> str:
    first, last = values[0], values[-1]
    whole = len(values) >= _RUN and all(type(value) is int for value in values)
    # A range is as long as it says: two far seeds would otherwise fill the memory.
    if whole and last - first == len(values) - 1 and [*values] == [*range(first, last + 1)]:
        return f"range({last + 1})" if first == 0 else f"range({first}, {last + 1})"
    return f"[{', '.join(map(literal, values))}]"
