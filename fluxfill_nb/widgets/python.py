"""Python to be taken elsewhere: how values are written, and what each such text begins with."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from typing import Any

from ..options import FillOptions

SECRET = "WEBHOOK_SECRET"
"""The environment variable that stands instead of what must not stand in a notebook."""

_SECRET_FIELD = "webhook_secret"


def literal(value: Any) -> str:
    """Return a value as Python; text in double quotes, 30.0 as 30.

    Examples
    --------
    >>> literal(30.0), literal("a vase")
    ('30', '"a vase"')
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (bool, int, float, type(None))):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)


def settings_of(options: FillOptions, without: Container[str] = ()) -> dict[str, str]:
    """Return what is not at its default, as Python; a secret is read from the environment."""
    settings = {
        name: literal(getattr(options, name))
        for name, field in type(options).model_fields.items()
        if getattr(options, name) != field.default and name not in without
    }
    if _SECRET_FIELD in settings:
        settings[_SECRET_FIELD] = f'os.environ["{SECRET}"]'
    return settings


def opening(service: str | None, settings: Mapping[str, str]) -> list[str]:
    """Return the lines that import what is needed, connect, and open picture.png and mask.png."""
    return [
        *(["import os", ""] if _SECRET_FIELD in settings else []),
        "import fluxfill_nb as ff",
        "",
        f"client = ff.connect({'' if service is None else literal(service)})",
        'image = ff.open_image("picture.png")',
        'mask = ff.Mask("mask.png")',
    ]
