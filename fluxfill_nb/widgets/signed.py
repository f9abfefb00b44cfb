"""The signatures of widgets, as `?` and the documentation show them."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

Kind = TypeVar("Kind", bound=type[Any])


def signed(kind: Kind) -> Kind:
    """Give a widget the signature of its ``__init__``: that of traitlets says nothing."""
    _, *parameters = inspect.signature(kind.__init__).parameters.values()
    kind.__signature__ = inspect.Signature(parameters)
    return kind
