"""What became of a sweep that was run: in one go, or stopped and gone on with."""

from __future__ import annotations

from collections.abc import Collection

from ...client import FluxFill
from ...client.run import Run
from ...errors import FluxFillError, InvalidInput
from ...sweep import SweepResult
from ...sweep.ratings import Memory
from .continued import Continued
from .plan import Plan

_KINDS = ("failed", "moderated", "expired")


class Course:
    """A sweep that is run, in as many runs as it takes.

    Parameters
    ----------
    client
        Who fills.
    plan
        What is run.
    budget
        The most that all of it may cost, USD; None: any amount.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.widgets.sweep_panel.plan import planned
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_box(picture.size, (80, 80, 120, 120))
    >>> plan = planned(ff.FillRequest(picture, mask, steps=15), {"seed": "1, 2"}, {})
    >>> with ff.connect("local", store=None) as client:
    ...     course = Course(client, plan)
    ...     runs = course.run.wait()
    >>> course.left_over
    (0, 0)
    """

    def __init__(self, client: FluxFill, plan: Plan, budget: float | None = None) -> None:
        assert plan.sweep is not None
        self.plan = plan
        self._client = client
        self._stars = Memory() if client.store is None else client.store
        self._spent = 0.0
        self.run: Run[SweepResult] = client.start(plan.sweep, budget=budget)
        self.whole: Run[SweepResult] | Continued = self.run

    def go_on(self, budget: float | None, *, retry: bool = False) -> None:
        """Send what is missing, and nothing else; or what failed, too.

        Parameters
        ----------
        budget
            The most that all of it may cost, what was spent before included.
        retry
            Whether to send again what failed.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            There is nothing of that kind.
        """
        before = self.result
        numbers = [
            number
            for number, outcome in enumerate(before.outcomes)
            if outcome is None or (retry and isinstance(outcome, FluxFillError))
        ]
        if not numbers:
            raise InvalidInput("There is nothing to go on with: all has come to its end.")
        spent = self.spent
        kinds: Collection[str] = _KINDS if retry else ()
        self.run = self._client.start(
            before.sweep.only(numbers),
            budget=None if budget is None else max(0.0, budget - spent),
            retry=kinds,
        )
        self._spent = spent
        self.whole = Continued(before, self.run, numbers)

    @property
    def spent(self) -> float:
        """What all of it has cost so far, USD, as far as that is known."""
        return self._spent + (self.run.progress.spent or 0.0)

    @property
    def pace(self) -> float | None:
        """From one picture to the next, s; None if nothing was made."""
        progress = self.run.progress
        fresh = progress.done - progress.kept
        return progress.elapsed / fresh if fresh > 0 else None

    @property
    def result(self) -> SweepResult:
        """What has come so far."""
        client, sweep = self._client, self.plan.sweep
        assert sweep is not None
        return SweepResult(
            sweep,
            [self.whole.outcome(number) for number in range(len(sweep))],
            ratings=self._stars,
            again=lambda sweep, kinds: client.sweep(sweep, retry=kinds),
        )

    @property
    def left_over(self) -> tuple[int, int]:
        """How many points are missing, and how many failed."""
        outcomes = self.result.outcomes
        failed = sum(isinstance(outcome, FluxFillError) for outcome in outcomes)
        return sum(outcome is None for outcome in outcomes), failed
