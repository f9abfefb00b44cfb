"""Fill engines: what the embedded server runs.

`Patches` needs nothing but NumPy and Pillow; `FluxDev` needs weights and a GPU.
"""

from __future__ import annotations

from ..errors import InvalidOption
from .engine import Cancelled, Engine, Progress, name_of
from .flux_dev import FluxDev
from .patches import Patches

__all__ = ["Cancelled", "Engine", "FluxDev", "Patches", "Progress", "get", "name_of"]

_NAMES = (Patches.name, FluxDev.name)


def get(engine: str | Engine, *, weights: str | None = None) -> Engine:
    """Return the engine of that name; one that is given as such is returned as it is.

    Parameters
    ----------
    engine
        ``"patches"``, ``"flux_dev"``, or an engine.
    weights
        The folder of an engine that has one: ``"flux_dev"``. Its other options are those of
        `FluxDev`, which can be given itself.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is no engine of that name; or weights are missing, not complete, or of no use.
    ImportError
        The libraries that it needs are not installed.

    Examples
    --------
    >>> from fluxfill_nb import engines
    >>> engines.get("patches").name
    'patches'
    """
    if not isinstance(engine, str):
        if not callable(engine):
            raise InvalidOption(f"A {type(engine).__name__} is no engine: it cannot be called.")
    elif engine not in _NAMES:
        raise InvalidOption(f"There is no engine {engine!r}; there are: {', '.join(_NAMES)}.")
    elif engine == FluxDev.name:
        if weights is None:
            raise InvalidOption(
                "The engine 'flux_dev' needs weights: engines.FluxDev('path/to/weights'), or on "
                "the command line --weights path/to/weights."
            )
        return FluxDev(weights)
    if weights is not None:
        raise InvalidOption(f"weights are of use to the engine 'flux_dev' only, not to {engine!r}.")
    return Patches() if isinstance(engine, str) else engine
