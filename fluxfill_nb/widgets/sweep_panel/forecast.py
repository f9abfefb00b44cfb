"""What a sweep will cost in money and time, as far as that is known before it is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...client import FluxFill
from ...errors import FluxFillError
from ...sweep import Sweep
from ...wording import counted, span

LOOKED_AT = 2_000
"""Of larger sweeps it is not looked up what is in the store already."""

# How many points are looked up at a time; between, it may turn out that they are of no interest.
_STEP = 100


@dataclass(frozen=True)
class Forecast:
    """What is known of a sweep before it is run.

    Attributes
    ----------
    count
        How many fills it has.
    price
        Of a fill, USD; None if it is not known.
    there
        How many are in the store already, which cost nothing; None as long as that is not known.
    seconds
        How long the rest will take, s; None if nothing is known of that.
    trouble
        Why it cannot be sent.

    Examples
    --------
    >>> forecast = Forecast(24, 0.05, there=4, seconds=48.0)
    >>> forecast.to_send, forecast.cost, forecast.price_words
    (20, 1.0, '$1.00')
    >>> forecast.budget_words(0.25)
    'The budget pays for 5 of 20: the run stops there, and Resume goes on.'
    """

    count: int
    price: float | None = None
    there: int | None = None
    seconds: float | None = None
    trouble: str = ""

    @property
    def to_send(self) -> int:
        """How many are sent, as far as is known."""
        return self.count - (self.there or 0)

    @property
    def cost(self) -> float | None:
        """What they cost, USD; None if the price is not known."""
        return None if self.price is None else round(self.to_send * self.price, 6)

    @property
    def price_words(self) -> str:
        """What they cost, in a word or two."""
        if self.cost is None:
            return "price not known"
        return f"${self.cost:,.2f}" if self.price else "free"

    @property
    def store_words(self) -> str:
        """How many are in the store; empty if none is, or nothing is known."""
        if not self.there:
            return ""
        if self.there == self.count:
            return "all are in the store: nothing is sent"
        verb, cost = ("is", "costs") if self.there == 1 else ("are", "cost")
        return f"{self.there:,} of {self.count:,} {verb} in the store: {cost} nothing"

    @property
    def time_words(self) -> str:
        """How long it takes."""
        return f"about {span(self.seconds)}" if self.seconds and self.to_send else ""

    def budget_words(self, budget: float | None) -> str:
        """Return what a budget comes to, where it is not enough."""
        if budget is None or not self.price or (self.cost or 0) <= budget + 1e-8:
            return ""
        paid = int((budget + 1e-8) / self.price)
        if not paid:
            return f"The budget pays for none of {counted(self.to_send, 'fill')}: raise it."
        return (
            f"The budget pays for {paid:,} of {self.to_send:,}: the run stops there, and Resume "
            "goes on."
        )


def looked_up(
    client: FluxFill, sweep: Sweep, pace: float | None, still: Callable[[], bool]
) -> Forecast | None:
    """Return what is known of a sweep, with what is in the store; takes a while.

    Parameters
    ----------
    client
        Who is to fill.
    sweep
        What is to be run.
    pace
        From one picture to the next when this sweep's like was run, s; None: the store knows.
    still
        Whether anybody still wants to know; if not, the answer is None.
    """
    count, price = len(sweep), client.price
    there = 0
    if count <= LOOKED_AT:
        try:
            points = len(sweep.points)
        except FluxFillError as error:
            return Forecast(count, price, 0, trouble=str(error))
        for first in range(0, points if client.store is not None else 0, _STEP):
            if not still():
                return None
            part = sweep.only(range(first, min(first + _STEP, points)))
            there += len(client.sweep(part, dry_run=True).results)
    left = count - there
    seconds = client.expected(left) if pace is None else pace * left
    return Forecast(count, price, there, seconds)
