"""What came of a sweep: results by their labels."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FluxFillError, InvalidInput, SubmissionUnconfirmed
from ..metrics import Sample, diversity, named_metrics
from ..result import FillResult
from ..wording import counted, extent, listed, named
from .axes import is_several
from .outcomes import COLUMNS, STATES, Outcome, status
from .ratings import MOST_STARS, Memory, Ratings
from .sweep import Point, Sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..grid import Grid


class SweepResult:
    """The results of a sweep, found by their labels. In a notebook it shows as a grid.

    A point that failed or is missing is part of it, as `errors` and `missing`; iteration and
    `results` have the pictures only.

    Parameters
    ----------
    sweep
        What was asked for.
    outcomes
        For each of its points a `fluxfill_nb.FillResult`, the error, or None if it is missing.
    ratings
        Where stars are kept; default: in memory.
    again
        How to send some points again: gets a sweep of them, and the kinds of failures to repeat.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.sweep import Sweep
    >>> from fluxfill_nb.sweep import SweepResult
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_ellipse(picture.size, (80, 80, 140, 160))
    >>> sweep = Sweep(ff.FillRequest(picture, mask, steps=15), seed=[1, 2], guidance=[10, 30])
    >>> with ff.connect("local") as client:
    ...     runs = SweepResult(sweep, [client.fill(point.request) for point in sweep])
    >>> runs
    SweepResult of 4 points, 4 done: 2 seed x 2 guidance, local engine: patches
      seed      1, 2
      guidance  10, 30
    >>> runs.sel(guidance=30, seed=2).one
    <FillResult 256 x 256, seed 2, local engine: patches, free>
    >>> runs.star(stars=5, guidance=30, seed=2)
    >>> [result.seed for result in runs.best]
    [2]
    """

    def __init__(
        self,
        sweep: Sweep,
        outcomes: Sequence[Outcome],
        *,
        ratings: Ratings | None = None,
        again: Callable[[Sweep, tuple[str, ...]], SweepResult] | None = None,
    ) -> None:
        if not isinstance(sweep, Sweep):
            raise InvalidInput(
                f"A SweepResult belongs to a Sweep, and was given a {type(sweep).__name__}."
            )
        outcomes = tuple(outcomes)
        if len(outcomes) != len(sweep):
            raise InvalidInput(
                f"There are {len(outcomes)} outcomes for {len(sweep)} points: give one for each, "
                "None where it is missing."
            )
        for number, outcome in enumerate(outcomes):
            if not (outcome is None or isinstance(outcome, (FillResult, FluxFillError))):
                raise InvalidInput(
                    f"outcomes[{number}] is of type {type(outcome).__name__}: give a FillResult, "
                    "an error of fluxfill_nb, or None."
                )
        self._sweep = sweep
        self._outcomes: tuple[Outcome, ...] = outcomes
        self._ratings = Memory() if ratings is None else ratings
        self._again = again

    def __getstate__(self) -> dict[str, Any]:
        # A client is no value: it stays where it is.
        return vars(self) | {"_again": None}

    # --------------------------------------------------------------------------------- what it is

    @property
    def sweep(self) -> Sweep:
        """What was asked for."""
        return self._sweep

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """Axis to labels, in order."""
        return self._sweep.axes

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """For each point its result, its error, or None."""
        return self._outcomes

    @property
    def results(self) -> list[FillResult]:
        """The results that are there, in the order of the points."""
        return [outcome for outcome in self._outcomes if isinstance(outcome, FillResult)]

    @property
    def errors(self) -> dict[Point, FluxFillError]:
        """The points that failed, and why."""
        return {
            point: outcome for point, outcome in self.items() if isinstance(outcome, FluxFillError)
        }

    @property
    def missing(self) -> tuple[Point, ...]:
        """The points that were not sent, or whose picture is not here yet."""
        return tuple(point for point, outcome in self.items() if outcome is None)

    @property
    def services(self) -> tuple[str, ...]:
        """Who made the pictures."""
        return tuple(dict.fromkeys(result.service for result in self.results))

    @property
    def one(self) -> FillResult:
        """The result, where there is but one point.

        Raises
        ------
        fluxfill_nb.errors.FluxFillError
            The reason why this point has no picture; or there are several points.
        """
        if len(self) > 1:
            first = named(self._sweep.points[0].labels)
            raise InvalidInput(
                f"There are {len(self)} points, not one: choose one first, as in "
                f"runs.sel({first}).one."
            )
        return self._picture(0)

    def items(self) -> Iterator[tuple[Point, Outcome]]:
        """Return an iterator over the points, each with its result, its error, or None."""
        return iter(zip(self._sweep.points, self._outcomes, strict=True))

    def __len__(self) -> int:
        return len(self._outcomes)

    def __iter__(self) -> Iterator[FillResult]:
        return iter(self.results)

    # ---------------------------------------------------------------------------------- selection

    def sel(self, **labels: Any) -> SweepResult:
        """Return the results of some labels.

        Parameters
        ----------
        **labels
            Axis to a value, which is then no axis any longer; or to a list of values, which stay
            one. Numbers count as equal within 1e-9, pictures go by their names.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            There is no such axis or value; the message lists those that there are.
        """
        for name, label in labels.items():
            if isinstance(label, slice):
                raise InvalidInput(f"sel() takes values of {name}: for a slice, there is isel().")
        numbers = self._sweep.find(**labels)
        if not numbers:
            raise InvalidInput(
                f"No point has {named(labels)}: this sweep holds {len(self)} of the "
                f"{math.prod(self._sweep.shape)} combinations only."
            )
        single = [name for name, label in labels.items() if not is_several(name, label)]
        outcomes = [self._outcomes[number] for number in numbers]
        return SweepResult(
            self._sweep.only(numbers, drop=single),
            outcomes,
            ratings=self._ratings,
            again=self._again,
        )

    def isel(self, **places: Any) -> SweepResult:
        """Return the results at some places along the axes.

        Parameters
        ----------
        **places
            Axis to a place, counted from 0, from the end if negative; or to a list or slice.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            There is no such axis or place.
        """
        labels: dict[str, Any] = {}
        for name, place in places.items():
            there = self.axes.get(name) or self._sweep.find(**{name: None})
            try:
                labels[name] = (
                    list(there[place])
                    if isinstance(place, slice)
                    else [there[each] for each in place]
                    if is_several(name, place)
                    else there[place]
                )
            except (IndexError, TypeError):
                raise InvalidInput(
                    f"{name} has no place {place!r}: it has {len(there)} values, 0 to "
                    f"{len(there) - 1}. To choose by value, use sel()."
                ) from None
        return self.sel(**labels)

    def __getitem__(self, number: int) -> FillResult:
        """Return the result of a point, by its number; raise why there is none."""
        if not isinstance(number, int):
            raise InvalidInput(
                f"runs[{number!r}]: points go by number here, by labels with sel(), as in "
                f"runs.sel({named(self._sweep.points[0].labels)})."
            )
        if not -len(self) <= number < len(self):
            raise IndexError(f"There is no point {number}: there are {len(self)}.")
        return self._picture(number)

    def _picture(self, number: int) -> FillResult:
        outcome = self._outcomes[number]
        if isinstance(outcome, FillResult):
            return outcome
        if outcome is None:
            which = named(self._sweep.points[number].labels)
            raise InvalidInput(
                f"The picture{which and f' of {which}'} is not here yet: client.sweep(runs.sweep) "
                "goes on with what is missing."
            )
        raise outcome

    # -------------------------------------------------------------------------------------- stars

    def star(self, stars: int = 1, **labels: Any) -> None:
        """Give one result stars; they are kept in the store, if there is one.

        Parameters
        ----------
        stars
            0 to 5; 0 takes them away.
        **labels
            Axis to value, so many that one point has them all.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            None, or several points have these labels, or the one has no picture.
        """
        if type(stars) is not int or not 0 <= stars <= MOST_STARS:
            raise InvalidInput(f"stars is {stars!r}: it must be a whole number, 0 to {MOST_STARS}.")
        numbers = self._sweep.find(**labels)
        if len(numbers) != 1:
            which = f" with {named(labels)}" if labels else ""
            more = ", ".join(f"{name}=…" for name in self.axes if name not in labels)
            raise InvalidInput(
                f"There are {len(numbers)} points{which}, and one at a time is starred."
                + (f" Give {more} as well." if more else "")
            )
        outcome = self._outcomes[numbers[0]]
        if not isinstance(outcome, FillResult):
            raise InvalidInput(
                f"There is no picture to star at {self._sweep.points[numbers[0]]}: it is "
                f"{status(outcome)}."
            )
        self._ratings.star(outcome.key, stars)

    def stars(self, point: Point) -> int:
        """Return the stars of a point, one of ``sweep.points``; 0: none."""
        own = self._sweep.points
        if not (isinstance(point, Point) and point.index < len(own) and own[point.index] is point):
            raise InvalidInput(
                f"{point!r} is no point of these results: take one of runs.sweep.points."
            )
        return self._stars_of(self._outcomes[point.index])

    def _stars_of(self, outcome: Outcome) -> int:
        return self._ratings.stars(outcome.key) if isinstance(outcome, FillResult) else 0

    @property
    def best(self) -> list[FillResult]:
        """The results with the most stars.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            Nothing has a star yet.
        """
        stars = [(self._stars_of(result), result) for result in self.results]
        most = max((count for count, _ in stars), default=0)
        if most == 0:
            example = named(self._sweep.points[0].labels)
            raise InvalidInput(
                "Nothing is starred yet, so there is no best. Star what you like, as in "
                f"runs.star({example}), or with stars=5."
            )
        return [result for count, result in stars if count == most]

    # ------------------------------------------------------------------------------------- tables

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return for each point a dict: its labels, its state, and what is known of it."""
        return [self._row(point, outcome) for point, outcome in self.items()]

    def to_frame(self) -> Any:
        """Return `to_dicts` as a pandas DataFrame.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ImportError(
                "A DataFrame needs pandas: pip install pandas. to_dicts() does without."
            ) from None
        return pd.DataFrame(self.to_dicts())

    def metrics(self, *names: str) -> list[dict[str, Any]]:
        """Return for each result its labels and what `fluxfill_nb.metrics` measures of it.

        Parameters
        ----------
        *names
            Which of `fluxfill_nb.metrics.METRICS`; none: all.
        """
        chosen = named_metrics(names)
        to_compare = any(metric.measure is diversity for metric in chosen)
        rows = []
        for group in self._by_settings():
            compared = group if to_compare and len(group) > 1 else {}
            holes = {point: Sample(result).small_hole for point, result in compared.items()}
            for point, result in group.items():
                sample = Sample(result)
                others = [hole for twin, hole in holes.items() if twin is not point]
                numbers = {metric.name: metric.measure(sample, others) for metric in chosen}
                rows.append((point.index, {**point.labels, **numbers}))
        return [row for _, row in sorted(rows, key=lambda row: row[0])]

    def _by_settings(self) -> list[dict[Point, FillResult]]:
        """The results in groups that differ by their seed alone."""
        groups: dict[tuple[Any, ...], dict[Point, FillResult]] = {}
        for point, outcome in self.items():
            if isinstance(outcome, FillResult):
                same = tuple(label for name, label in point.labels.items() if name != "seed")
                groups.setdefault(same, {})[point] = outcome
        return list(groups.values())

    def _row(self, point: Point, outcome: Outcome) -> dict[str, Any]:
        done = outcome if isinstance(outcome, FillResult) else None
        known = (
            status(outcome),
            str(outcome) if isinstance(outcome, FluxFillError) else None,
            self._stars_of(outcome),
            done.service if done else None,
            done.duration if done else None,
            done.price if done else None,
        )
        seed = done.seed if done else point.request.seed
        return {"seed": seed, **point.labels, **dict(zip(COLUMNS, known, strict=True))}

    # -------------------------------------------------------------------------------------- views

    def grid(self, **options: Any) -> Grid:
        """Return the results as a figure.

        Parameters
        ----------
        **options
            ``row``, ``col``, ``show``, ``caption``, …: all that `fluxfill_nb.Grid` takes.
        """
        from ..grid import Grid

        return Grid(self, **options)

    def plot(self, metric: str, x: str, **options: Any) -> Figure:
        """Return a metric against an axis, as a figure.

        Parameters
        ----------
        metric
            One of `fluxfill_nb.metrics.METRICS`, such as ``"drift"``.
        x
            The axis.
        **options
            ``hue``, as `fluxfill_nb.grid.plot` takes it.
        """
        from ..grid import plot

        return plot(self, metric, x, **options)

    def report(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Write the results as one HTML page, which needs no network; return its path.

        Parameters
        ----------
        path
            Ends with .html.
        **options
            All that `fluxfill_nb.report.write_report` takes.
        """
        from ..report import write_report

        return write_report(self, path, **options)

    # -------------------------------------------------------------------------------------- again

    def retry_failed(self, *, unconfirmed: bool = False) -> SweepResult:
        """Send what failed or is missing again; return all results, the old and the new.

        Parameters
        ----------
        unconfirmed
            Also what may have been taken, and charged, though no answer came.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            These results have no client to send with: it is elsewhere, or awaited.
        """
        again = [
            number
            for number, outcome in enumerate(self._outcomes)
            if not isinstance(outcome, FillResult)
            and (unconfirmed or not isinstance(outcome, SubmissionUnconfirmed))
        ]
        if not again:
            return self
        if self._again is None:
            raise InvalidInput(
                "These results have no client to send with: it is elsewhere, or awaited. Send the "
                'sweep again, as in client.sweep(runs.sweep, retry=["failed", "moderated", '
                '"expired"]), awaited if the client is.'
            )
        kinds = ("failed", "moderated", "expired", *(["unconfirmed"] if unconfirmed else []))
        fresh = self._again(self._sweep.only(again), kinds)
        outcomes = list(self._outcomes)
        for number, outcome in zip(again, fresh.outcomes, strict=True):
            outcomes[number] = outcome
        return SweepResult(self._sweep, outcomes, ratings=self._ratings, again=self._again)

    # ------------------------------------------------------------------------------------ display

    def __repr__(self) -> str:
        counts = Counter(map(status, self._outcomes))
        states = ", ".join(f"{counts[word]} {word}" for word in STATES if counts[word])
        text = f"SweepResult of {counted(len(self), 'point')}, {states}"
        text += extent(self._sweep.shape, self._sweep.dimensions)
        lines = [", ".join([text, *self.services])]
        width = max(map(len, self.axes), default=0)
        lines += [f"  {name:<{width}}  {listed(labels)}" for name, labels in self.axes.items()]
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        if self.results:
            try:
                shown = self.grid()._repr_mimebundle_()
            except InvalidInput as error:  # more axes than a grid has room for
                bundle["text/plain"] += f"\n{error}"
            else:
                bundle["image/jpeg"] = shown["image/jpeg"]
        return bundle
