"""A sweep that is gone on with: what there was already, and a run of the rest, as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ...client.run import Run
from ...client.tally import RunProgress, State
from ...errors import FluxFillError
from ...result import FillProgress, FillResult
from ...sweep import Outcome, Point, SweepResult


class Continued:
    """The run of some points of a sweep, seen as the whole sweep.

    Parameters
    ----------
    before
        What there was.
    run
        Of the points that are sent.
    numbers
        Their places in the sweep, in the run's order.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_box(picture.size, (80, 80, 120, 120))
    >>> sweep = ff.Sweep(ff.FillRequest(picture, mask, steps=15), seed=[1, 2, 3])
    >>> with ff.connect("local", store=None) as client:
    ...     first = client.sweep(sweep.only([0, 1]))
    ...     before = ff.SweepResult(sweep, [*first.outcomes, None])
    ...     rest = client.start(sweep.only([2]))
    ...     whole = Continued(before, rest, [2])
    ...     runs = rest.wait()
    >>> print(whole.progress)
    3/3 done (2 were there)
    """

    def __init__(self, before: SweepResult, run: Run[SweepResult], numbers: Sequence[int]) -> None:
        self._before = before
        self._run = run
        self._numbers = tuple(numbers)
        self._places = {number: place for place, number in enumerate(numbers)}

    @property
    def points(self) -> tuple[Point, ...]:
        """All points."""
        return self._before.sweep.points

    @property
    def service(self) -> str:
        """Who makes them."""
        return self._run.service

    @property
    def progress(self) -> RunProgress:
        """How far all of it is; time and money are those of what is sent now."""
        own = self._run.progress
        kept = sum(
            isinstance(outcome, FillResult)
            for number, outcome in enumerate(self._before.outcomes)
            if number not in self._places
        )
        failed = len(self.points) - len(self._numbers) - kept
        return replace(
            own,
            total=len(self.points),
            done=own.done + kept,
            failed=own.failed + failed,
            kept=own.kept + kept,
        )

    @property
    def is_done(self) -> bool:
        """Whether the run has ended."""
        return self._run.is_done

    @property
    def is_stopped(self) -> bool:
        """Whether it ends before all is there."""
        return self._run.is_stopped

    @property
    def halted_by(self) -> FluxFillError | None:
        """The error that stopped it."""
        return self._run.halted_by

    def state(self, index: int) -> State:
        """Return how far a fill is."""
        if index in self._places:
            return self._run.state(self._places[index])
        return "done" if isinstance(self._before.outcomes[index], FillResult) else "failed"

    def outcome(self, index: int) -> Outcome:
        """Return what a fill has come to."""
        if index in self._places:
            return self._run.outcome(self._places[index])
        return self._before.outcomes[index]

    def seen(self, index: int) -> FillProgress | None:
        """Return what the service said last of a fill under way."""
        return self._run.seen(self._places[index]) if index in self._places else None

    def watch(self, watcher: Callable[[int | None], object]) -> Callable[[], None]:
        """Have a function called with what changes; return what ends that."""
        return self._run.watch(
            lambda index: watcher(None if index is None else self._numbers[index])
        )

    def cancel(self) -> None:
        """Stop."""
        self._run.cancel()

    def result(self) -> SweepResult:
        """Return what has come so far, the old and the new."""
        outcomes = [self.outcome(number) for number in range(len(self.points))]
        return SweepResult(self._before.sweep, outcomes)
