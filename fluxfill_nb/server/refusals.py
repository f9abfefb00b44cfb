"""What a 422 answer says: which field, what is wrong with it, and what was sent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

_SHOWN = 64
_SHOWN_ITEMS = 16


def refused(field: str, message: str, value: str | None = None) -> RequestValidationError:
    """Return an error at a field of the body, in the shape that pydantic's have."""
    problem = {"type": "value_error", "loc": ("body", field), "msg": message, "input": value}
    return RequestValidationError([problem])


def problems(errors: Sequence[Any]) -> list[dict[str, Any]]:
    """Return pydantic's errors as JSON values of bounded size, whatever was sent."""
    found = []
    for error in errors:
        problem = {name: error[name] for name in ("type", "loc", "msg")}
        problem["input"] = echo(error.get("input"))
        if "ctx" in error:
            problem["ctx"] = echo(error["ctx"])
        found.append(problem)
    return found


def echo(value: Any) -> Any:
    """Return what was sent for the answer that refuses it: texts and lists are cut.

    Examples
    --------
    >>> from fluxfill_nb.server.refusals import echo
    >>> echo({"image": "A" * 1000, "guidance": float("inf")})["guidance"]
    'inf'
    """
    if isinstance(value, dict):
        return {echo(str(name)): echo(inner) for name, inner in list(value.items())[:_SHOWN_ITEMS]}
    if isinstance(value, (list, tuple)):
        return [echo(inner) for inner in value[:_SHOWN_ITEMS]]
    if isinstance(value, bytes):
        value = value[: _SHOWN + 1].decode("utf-8", "replace")
    elif isinstance(value, float) and not math.isfinite(value):
        value = str(value)
    elif value is None or isinstance(value, (int, float)):
        return value
    elif not isinstance(value, str):
        value = str(value)
    return value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
