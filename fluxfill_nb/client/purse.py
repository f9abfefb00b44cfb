"""What a run may cost."""

from __future__ import annotations

from ..errors import BudgetReached, InvalidOption


class Purse:
    """Counts what is spent, and says no before a limit is passed. For one event loop.

    Parameters
    ----------
    price
        Of a fill, USD; None if it is not known.
    budget
        The most that may be spent, USD; None: any amount.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        The budget is no amount, or the price is not known.
    """

    def __init__(self, price: float | None, budget: float | None) -> None:
        if budget is not None and not budget >= 0:
            raise InvalidOption(f"budget is {budget!r} USD: it must be 0 or above.")
        if budget is not None and price is None:
            raise InvalidOption(
                f"budget is ${budget:.2f}, but this service's price is not known: give the client "
                "price=… (USD a fill)."
            )
        self.knows_price = price is not None
        self._price = price or 0.0
        self._budget = budget
        self.spent = 0.0

    def take(self) -> None:
        """Take the price of one fill out.

        Raises
        ------
        fluxfill_nb.errors.BudgetReached
            It would be too much.
        """
        # A cent's millionth of slack: sums of prices are not exact.
        if self._budget is not None and self.spent + self._price > self._budget + 1e-8:
            raise BudgetReached(
                f"The budget of ${self._budget:.2f} is used up: ${self.spent:.2f} are spent, and "
                f"the next fill costs ${self._price:.2f}. It was not sent."
            )
        self.spent += self._price

    def correct(self, price: float) -> None:
        """Note what one fill has cost, USD, now that the service has said so."""
        self.spent += price - self._price

    def put_back(self) -> None:
        """Put the price of one fill back: it was not charged."""
        self.spent -= self._price
