"""The settings of a panel as a table, for where there are no widgets."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ...wording import PLAIN_DIV, shown
from .fields import Field

if TYPE_CHECKING:
    from .panel import ParameterPanel

_LEFT = 'style="text-align: left"'


def as_html(panel: ParameterPanel) -> str:
    """Return what is set, and what stands for the rest; of a secret only that there is one."""
    rows = "".join(
        f"<tr><th {_LEFT}>{html.escape(field.label)}</th>"
        f"<td {_LEFT}>{html.escape(_value(field, panel))}</td></tr>"
        for field in panel.fields
        if not field.is_advanced or getattr(panel.options, field.name) is not None
    )
    return f"{PLAIN_DIV}<table>{rows}</table>{html.escape(panel.price_line)}</div>"


def _value(field: Field, panel: ParameterPanel) -> str:
    value = getattr(panel.options, field.name)
    value = field.default if value is None else value
    if field.name == "seed" and value is None:
        return "new for each fill"
    if isinstance(value, SecretStr):
        return "set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value in (None, "") else shown(value)
