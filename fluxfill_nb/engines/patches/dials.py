"""What the settings of a fill mean to the sampler: guidance and steps as numbers of its own.

The logarithm and the power are taken in decimal arithmetic, which is the same everywhere; those of
the C library differ between systems in the last bit, and a bit can decide a pixel. What is left in
floating point is sums, products, quotients and square roots: IEEE 754 rounds these one way only.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal

from .descriptors import FINE

_LOWEST, _HIGHEST = Decimal("1.5"), Decimal(100)
_DECIMAL = Context(prec=24, rounding=ROUND_HALF_EVEN)

# Shares of the steps in percent, finest level first; every further level gets 100. A step costs
# more a level down, and the fine levels only follow what the coarse ones decided.
_FINE_SHARES = (60, 80)


def obedience(guidance: float) -> float:
    """Return 0 at guidance 1.5 to 1 at 100, on a logarithmic scale; clamped outside."""
    clamped = min(_HIGHEST, max(_LOWEST, Decimal(guidance)))
    span = _DECIMAL.ln(_DECIMAL.divide(_HIGHEST, _LOWEST))
    return float(_DECIMAL.divide(_DECIMAL.ln(_DECIMAL.divide(clamped, _LOWEST)), span))


def looseness(guidance: float) -> float:
    """Return how freely a seed may wander: 1 at guidance 1.5, 0.51 at 10, 0.27 at 30, 0.06 at 100.

    The curve, ``0.06 + 0.94 * (1 - obedience)**1.2``, makes the difference between seeds fall
    evenly with the logarithm of guidance on the pictures it was measured on.
    """
    freedom = _DECIMAL.subtract(Decimal(1), Decimal(obedience(guidance)))
    curve = _DECIMAL.power(freedom, Decimal("1.2"))
    return float(_DECIMAL.fma(Decimal("0.94"), curve, Decimal("0.06")))


def share_steps(steps: int, levels: int) -> list[int]:
    """Return the number of steps of every level, coarsest first.

    Parameters
    ----------
    steps
        Their sum, unless there are more levels than steps: every level gets at least one.
    levels
        1 or more.

    Examples
    --------
    >>> share_steps(50, 5)
    [12, 12, 11, 9, 6]
    >>> share_steps(15, 5)
    [4, 4, 3, 2, 2]
    """
    fine = _FINE_SHARES[: levels - 1]
    shares = [*fine, *[100] * (levels - len(fine))]
    plan = [max(1, steps * share // sum(shares)) for share in shares]
    level = levels - 1
    while sum(plan) < steps:  # what rounding left goes to the coarse levels, in turns
        plan[level] += 1
        level = level - 1 if level > 1 else levels - 1
    return plan[::-1]


def noise_level(mismatch: int, loose: float, remaining: float, height: int) -> float:
    """Return the standard deviation of the noise that a step adds to the hole.

    Parameters
    ----------
    mismatch
        How badly patches of this picture usually agree, a squared distance of descriptors. In its
        terms a flat picture gets as much noise as a rough one.
    loose
        See `looseness`.
    remaining
        1 at a level's first step, falling to 0.
    height
        Levels above the coarsest: what those have decided is not to be drowned.

    Returns
    -------
    float
        In grey levels.
    """
    return 5.0 * loose * math.sqrt(mismatch / FINE) * remaining * _power(2, 5, height)


def taste_strength(mismatch: int, loose: float, remaining: float, height: int) -> int:
    """Return the penalty on the sources that a seed dislikes most; see `noise_level`."""
    freedom = loose * remaining
    return int(12.0 * mismatch * (freedom * freedom) * _power(1, 2, height))


def colour_weight(mismatch: int, obedient: float) -> int:
    """Return the penalty on sources whose mean colour is 60 grey levels off; see `obedience`."""
    return int(obedient * obedient * mismatch / 6)


def _power(numerator: int, denominator: int, exponent: int) -> float:
    """Return the power of a fraction, correctly rounded; the exponent is 0 or larger."""
    return float(numerator**exponent / denominator**exponent)
