"""Fill engines: what the embedded server runs. `patches` needs nothing but NumPy and Pillow."""

from __future__ import annotations

from ..errors import InvalidOption
from .engine import Cancelled, Engine, Progress, name_of
from .patches import Patches

__all__ = ["Cancelled", "Engine", "Patches", "Progress", "get", "name_of"]

_BY_NAME = {Patches.name: Patches}


def get(engine: str | Engine) -> Engine:
    """Return the engine of that name; one that is given as such is returned as it is.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is no engine of that name.

    Examples
    --------
    >>> from fluxfill_nb import engines
    >>> engines.get("patches").name
    'patches'
    """
    if not isinstance(engine, str):
        if not callable(engine):
            raise InvalidOption(f"A {type(engine).__name__} is no engine: it cannot be called.")
        return engine
    if engine not in _BY_NAME:
        raise InvalidOption(f"There is no engine {engine!r}; there are: {', '.join(_BY_NAME)}.")
    return _BY_NAME[engine]()
