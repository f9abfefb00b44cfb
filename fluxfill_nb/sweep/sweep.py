"""A sweep: one request, varied along axes."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, Self

from ..errors import InvalidInput, InvalidOption
from ..images import Picture
from ..mask import Mask
from ..options import FillOptions
from ..request import USD_PER_FILL, FillRequest
from ..wording import PLAIN_DIV, counted, did_you_mean, extent, listed, named, quoted, span
from . import axes as axis
from .axes import Axis
from .space import Labels, Space, columns

if TYPE_CHECKING:
    from .sweep_result import SweepResult

_SETTINGS = FillOptions.names()
_KNOWN = (*_SETTINGS, *axis.PICTURES)
# A repr goes through the points of sweeps up to this size.
_LOOKED_AT = 10_000


class Client(Protocol):
    """Who can fill: knows its price, its name, its pace, and what is there already."""

    @property
    def price(self) -> float | None:
        """Of a fill, USD; None if it is not known."""

    @property
    def service(self) -> str:
        """What the service is called."""

    def sweep(self, sweep: Sweep, *, dry_run: bool) -> SweepResult:
        """Return what is there of a sweep."""

    def expected(self, count: int) -> float | None:
        """Return how long so many fills will take, s; None if nothing is known of that."""


@dataclass(frozen=True, eq=False)
class Point:
    """One point of a sweep.

    Attributes
    ----------
    index
        Its place in the sweep.
    labels
        Axis to value, as shown.
    request
        What is sent.
    """

    index: int
    labels: Mapping[str, Any]
    request: FillRequest

    def __repr__(self) -> str:
        return f"<Point {self.index}: {self}>"

    def __str__(self) -> str:
        return named(self.labels) or "the only one"


class Sweep:
    """One request, varied along axes: every combination of their values is a point.

    Frozen: methods return new sweeps. Nothing is sent before a client is asked to. A request
    without a seed gets one, the same for all points and each time: so every point can be repeated,
    and running a cell again costs nothing.

    Parameters
    ----------
    request
        What all points have in common.
    **axes
        What varies, the first slowest: any setting, ``image``, ``mask``, or a field of the prompt.
        Several values (a list, a range, an array, …) are an axis, a mapping gives each a name; a
        single value replaces the request's own. No axis has the name of another column of the
        results' tables, such as ``status`` or ``stars``.

    Raises
    ------
    fluxfill_nb.errors.InvalidInput
        Lists every axis that is unknown, and every value that is wrong.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.sweep import Sweep
    >>> picture = Image.new("RGB", (64, 48), "white")
    >>> request = ff.FillRequest(picture, ff.Mask.full(picture.size), "a {colour} vase")
    >>> sweep = Sweep(request, colour=["red", "blue"], guidance=[10, 30, 60], seed=7)
    >>> sweep.shape, sweep.points[3].request.prompt
    ((2, 3), 'a blue vase')
    >>> sweep.without(colour="blue", guidance=10)
    Sweep of 5 fills: 2 colour x 3 guidance, 5 of the 6 combinations
      colour    'red', 'blue'
      guidance  10, 30, 60
    in common: prompt 'a {colour} vase', seed 7
    at most $0.25 on the hosted service ($0.05 a fill), free on the local engine
    """

    def __init__(self, request: FillRequest, /, *wrong: Any, **axes: Any) -> None:
        if not isinstance(request, FillRequest) or wrong:
            # Picture, mask and prompt, as fill() takes them: so often meant that it is answered.
            given = ", ".join(type(argument).__name__ for argument in (request, *wrong))
            raise InvalidInput(
                f"A sweep is made of one FillRequest and of axes by name, not of ({given}): "
                "Sweep(FillRequest(image, mask, prompt), seed=range(4))."
            )
        problems: list[InvalidInput] = []
        several: dict[str, Axis] = {}
        single: dict[str, Any] = {}
        for name, given in axes.items():
            try:
                if axis.is_several(name, given):
                    several[name] = axis.read(name, given)
                else:
                    single[name] = axis.single(name, given)
            except InvalidInput as error:
                problems.append(error)
        if "prompt" in several:
            prompts = several["prompt"].values
        else:
            prompts = (single.get("prompt", request.prompt) or "",)
        problems += _field_problems(prompts, axes)
        if problems:
            raise axis.joined(problems)
        # Fields with one value for all are filled in at once.
        fields = {name: single.pop(name) for name in tuple(single) if name not in _KNOWN}
        if "prompt" in several:
            several["prompt"] = several["prompt"].filled_in(fields)
        else:
            single["prompt"] = axis.fill_in(prompts[0], fields)
        # A picture of another size comes with masks of its own, the other way round as well.
        pictures = {name: several[name].values[0] for name in axis.PICTURES if name in several}
        base = request.replace(
            **single, **(pictures if pictures and set(axis.PICTURES) & set(single) else {})
        )
        drawn = base.seed is None and "seed" not in several
        if drawn:
            # Of what was given, not of what varies: more values on an axis keep the old points.
            base = base.replace(seed=int(request.key[:8], 16) >> 1)
        self._space = Space.product(several)
        self._common = _Common(base, drawn)
        if not set(axis.PICTURES) <= set(several):  # else they may yet be zipped
            for name in set(axis.PICTURES) & set(several):
                for index in range(len(several[name].labels)):
                    self._pictured({name: index})

    @classmethod
    def from_points(cls, request: FillRequest, rows: Iterable[Mapping[str, Any]]) -> Self:
        """Return a sweep of exactly these points.

        Parameters
        ----------
        request
            What all points have in common.
        rows
            For each point, what is its own: a list of dicts, or a pandas DataFrame.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            The rows do not have the same names, two are the same, or a value is wrong.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> from fluxfill_nb.sweep import Sweep
        >>> request = ff.FillRequest(Image.new("RGB", (8, 8)), ff.Mask.full((8, 8)))
        >>> sweep = Sweep.from_points(
        ...     request, [{"guidance": 30, "steps": 20}, {"guidance": 60, "steps": 50}]
        ... )
        >>> [point.request.steps for point in sweep]
        [20, 50]
        """
        values, places = columns(rows)
        sweep = cls(request, **values)
        return sweep._in(Space(sweep._space.own, sweep._space.dimensions, places))

    # ------------------------------------------------------------------------------ which points

    def zipped(self, *names: str) -> Self:
        """Return the sweep with some axes going together: first with first, second with second.

        Parameters
        ----------
        *names
            Two axes or more, of one length.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> from fluxfill_nb.sweep import Sweep
        >>> request = ff.FillRequest(Image.new("RGB", (8, 8)), ff.Mask.full((8, 8)))
        >>> sweep = Sweep(request, guidance=[30, 60], steps=[20, 50], seed=range(4))
        >>> sweep.zipped("guidance", "steps").shape
        (2, 4)
        """
        return self._in(self._space.zipped(names))

    def sampled(self, count: int, *, seed: int = 0) -> Self:
        """Return a random sample of the points, in their order; the same for the same ``seed``.

        Parameters
        ----------
        count
            How many, 1 to all.
        seed
            Of the drawing, not of the fills.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> from fluxfill_nb.sweep import Sweep
        >>> request = ff.FillRequest(Image.new("RGB", (8, 8)), ff.Mask.full((8, 8)))
        >>> len(Sweep(request, seed=range(1000), guidance=range(2, 100)).sampled(20))
        20
        """
        return self._in(self._space.sampled(count, seed))

    def without(self, function: Callable[[Labels], object] | None = None, /, **labels: Any) -> Self:
        """Return the sweep without some of its points.

        Parameters
        ----------
        function
            Gets the labels of a point as a dict; true leaves the point out.
        **labels
            Axis to value, or to a list of them: what has all of these is left out.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> from fluxfill_nb.sweep import Sweep
        >>> request = ff.FillRequest(Image.new("RGB", (8, 8)), ff.Mask.full((8, 8)))
        >>> sweep = Sweep(request, guidance=[10, 30, 60], steps=[20, 50])
        >>> len(sweep.without(guidance=[10, 60], steps=50))
        4
        >>> len(sweep.without(lambda point: point["guidance"] > point["steps"]))
        3
        """
        return self._in(self._space.without(function, labels))

    def only(self, numbers: Sequence[int], *, drop: Iterable[str] = ()) -> Self:
        """Return the sweep of some of the points.

        Parameters
        ----------
        numbers
            Their places in the sweep, rising.
        drop
            Axes on which they agree, which are then axes no longer.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> from fluxfill_nb.sweep import Sweep
        >>> request = ff.FillRequest(Image.new("RGB", (8, 8)), ff.Mask.full((8, 8)))
        >>> Sweep(request, seed=range(10, 20)).only([0, 7]).axes
        {'seed': (10, 17)}
        """
        return self._in(self._space.only(numbers, drop))

    def find(self, **labels: Any) -> list[int]:
        """Return the places of the points that have all these labels.

        Parameters
        ----------
        **labels
            Axis to value, or to a list of them; numbers count as equal within 1e-9.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            There is no such axis or value; the message lists those that there are.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> from fluxfill_nb.sweep import Sweep
        >>> request = ff.FillRequest(Image.new("RGB", (8, 8)), ff.Mask.full((8, 8)))
        >>> Sweep(request, guidance=[30, 60], seed=range(3)).find(guidance=60, seed=[0, 2])
        [3, 5]
        """
        fixed = [name for name in labels if name in _SETTINGS and name not in self.axes]
        if fixed:
            same = quoted(getattr(self.request, fixed[0]))
            hint = did_you_mean(fixed[0], self.axes) or f"the axes are {', '.join(self.axes)}."
            raise InvalidInput(
                f"{fixed[0]} is no axis of this sweep, it is {same} everywhere: "
                f"{hint if self.axes else 'there is nothing to choose.'}"
            )
        return self._space.find(labels)

    # --------------------------------------------------------------------------------- what it is

    @cached_property
    def request(self) -> FillRequest:
        """What all points have in common, the seed included if it is none of the axes."""
        if not self._space.dropped:
            return self._common.request
        indexes = self._space.indexes(self._space.chosen[0])
        return self._request({name: indexes[name] for name in self._space.dropped})

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """Axis to labels, in order: those that occur in the points."""
        return self._space.axes

    @property
    def dimensions(self) -> tuple[tuple[str, ...], ...]:
        """The names of the axes; zipped ones are one dimension."""
        return self._space.shown_dimensions

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each dimension has."""
        return self._space.shape

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """All points, each with its whole, checked request.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            Two points would send the same, a mask does not fit its picture, or there are too many
            points to list.
        """
        self._space.check_countable()
        points: list[Point] = []
        sent: dict[tuple[Any, ...], Point] = {}
        for place in self._space.chosen:
            indexes = self._space.indexes(place)
            point = Point(len(points), self._space.labels(place), self._request(indexes))
            # The values of an axis differ; only prompts with their fields filled in may coincide.
            alike = (
                point.request.prompt,
                *(
                    index
                    for name, index in indexes.items()
                    if name in axis.PICTURES or (name in _SETTINGS and name != "prompt")
                ),
            )
            if (twin := sent.setdefault(alike, point)) is not point:
                raise InvalidInput(
                    f"Two points are the same request, with the prompt "
                    f"{quoted(point.request.prompt)}: ({twin}) and ({point}). Use every field "
                    "in every prompt, or leave one of the points out with without()."
                )
            points.append(point)
        return tuple(points)

    def price(self, usd_per_fill: float = USD_PER_FILL) -> float:
        """Return what all points cost, USD.

        Parameters
        ----------
        usd_per_fill
            What one costs; default: on the hosted service.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> from fluxfill_nb.sweep import Sweep
        >>> request = ff.FillRequest(Image.new("RGB", (8, 8)), ff.Mask.full((8, 8)))
        >>> Sweep(request, seed=range(12)).price()
        0.6
        """
        return round(len(self) * usd_per_fill, 6)

    def to_dict(self) -> dict[str, Any]:
        """Return the sweep as JSON values, for people and journals; pictures by their digests."""
        values = {}
        for name, labels in self.axes.items():
            own = self._space.own[name]
            if own.values != own.labels:
                known = dict(zip(own.labels, own.values, strict=True))
                values[name] = {label: _written(known[label]) for label in labels}
        request = self.request
        return {
            "settings": request.options.model_dump(
                mode="json", exclude={"webhook_url", "webhook_secret"}
            ),
            "image": {"size": list(request.image.size), "sha256": request.picture.digest},
            "mask": {"sha256": request.mask.threshold().digest},
            "axes": {name: list(labels) for name, labels in self.axes.items()},
            "values": values,
            "dimensions": [list(dimension) for dimension in self.dimensions],
            "points": None
            if self._space.is_whole
            else [self._space.labels(place) for place in self._space.chosen],
        }

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            raise AttributeError(
                f"Sweeps are frozen: {name!r} cannot be set. Methods make new ones, and so does "
                "Sweep(sweep.request, …)."
            )
        super().__setattr__(name, value)

    def __len__(self) -> int:
        return len(self._space.chosen)

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)

    # ------------------------------------------------------------------------------------ display

    def describe(self, client: Client | None = None) -> str:
        """Return in words what would be sent, and what that would cost at most. Sends nothing.

        Parameters
        ----------
        client
            Who is to fill, such as a `fluxfill_nb.FluxFill`: what its store has already is not sent
            again, the rest has its price, and takes as long as the last ones. None: of all, on the
            hosted service.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> from fluxfill_nb.sweep import Sweep
        >>> request = ff.FillRequest(Image.new("RGB", (64, 48)), ff.Mask.full((64, 48)), steps=15)
        >>> with ff.connect("local") as client:
        ...     _ = client.fill(request.replace(seed=1))
        ...     print(Sweep(request, seed=range(4)).describe(client))  # doctest: +ELLIPSIS
        Sweep of 4 fills: 4 seed
          seed  0 to 3
        in common: steps 15
        1 of 4 is there already, 3 to send: free, about ... s, local engine: patches
        """
        lines = [f"Sweep of {counted(len(self), 'fill')}{self._extent()}"]
        width = max(map(len, self.axes), default=0)
        lines += [f"  {name:<{width}}  {listed(labels)}" for name, labels in self.axes.items()]
        return "\n".join([*lines, *self._notes(client)])

    def __repr__(self) -> str:
        return self.describe()

    def _repr_html_(self) -> str:
        cells = [(name, listed(labels, 24)) for name, labels in self.axes.items()]
        left = 'style="text-align: left"'
        rows = "".join(
            f"<tr><th {left}>{html.escape(name)}</th><td {left}>{html.escape(text)}</td></tr>"
            for name, text in cells
        )
        title = html.escape(f"Sweep of {counted(len(self), 'fill')}{self._extent()}")
        notes = "<br>".join(map(html.escape, self._notes()))
        return f"{PLAIN_DIV}<b>{title}</b><table>{rows}</table>{notes}</div>"

    def _extent(self) -> str:
        """``: 3 guidance x 4 seed``, and how much of that."""
        text = extent(self.shape, self.dimensions)
        if len(self) < (total := math.prod(self.shape)):
            text += f", {len(self):,} of the {total:,} combinations"
        return text

    def _notes(self, client: Client | None = None) -> list[str]:
        lines = []
        same = {
            name: quoted(value)
            for name, value in self.request.__repr_args__()
            if name is not None and name not in self.axes and not name.startswith("webhook")
        }
        if self._common.seed_was_drawn:
            same["seed"] += " (drawn once for all)"
        if same:
            lines.append(f"in common: {', '.join(f'{name} {text}' for name, text in same.items())}")
        if client is not None or len(self) <= _LOOKED_AT:
            try:
                _ = self.points
            except InvalidInput as error:
                return [*lines, f"It cannot be sent like this. {error}"]
        if client is None:
            usd = f"at most ${self.price():,.2f} on the hosted service (${USD_PER_FILL} a fill)"
            return [*lines, f"{usd}, free on the local engine"]
        there = len(client.sweep(self, dry_run=True).results)
        verb, to_send, each = "is" if there == 1 else "are", len(self) - there, client.price
        seconds = client.expected(to_send)
        time = f", about {span(seconds)}" if seconds else ""
        usd = (
            "at a price that is not known" if each is None
            else f"at most ${to_send * each:,.2f} (${each:g} a fill)" if each
            else "free"
        )  # fmt: skip
        return [
            *lines,
            f"{there:,} of {len(self):,} {verb} there already, {to_send:,} to send"
            + (f": {usd}{time}, {client.service}" if to_send else ""),
        ]

    # ----------------------------------------------------------------------------------- requests

    def _in(self, space: Space) -> Self:
        """The same sweep over another space."""
        sweep = copy(self)
        for cached in ("request", "points"):
            vars(sweep).pop(cached, None)
        sweep._space = space
        return sweep

    def _request(self, indexes: Mapping[str, int]) -> FillRequest:
        """The request of one value for each axis; what has none stays as it is."""
        own = self._space.own
        values = {name: own[name].values[index] for name, index in indexes.items()}
        changes = {name: value for name, value in values.items() if name in _SETTINGS}
        prompt = changes.get("prompt", self._common.request.prompt)
        if prompt and axis.fields(prompt):
            # A picture goes into a prompt by its name.
            names = {n: own[n].labels[indexes[n]] for n in axis.PICTURES if n in indexes}
            changes["prompt"] = axis.fill_in(prompt, values | names)
        return self._pictured(indexes).replace(**changes)

    def _pictured(self, indexes: Mapping[str, int]) -> FillRequest:
        """The request with a picture and a mask: encoded once, shared by all that have both."""
        chosen = {name: indexes[name] for name in axis.PICTURES if name in indexes}
        key = tuple(chosen.items())
        shared = self._common.pictured
        if key not in shared:
            own = self._space.own
            pictures = {name: own[name].values[index] for name, index in chosen.items()}
            try:
                shared[key] = self._common.request.replace(**pictures)
            except InvalidInput as error:
                which = " with ".join(str(own[n].labels[index]) for n, index in chosen.items())
                raise type(error)(f"{which}: {error}") from error
        return shared[key]


@dataclass(frozen=True, eq=False)
class _Common:
    """What a sweep and those made from it share."""

    request: FillRequest
    seed_was_drawn: bool
    pictured: dict[tuple[tuple[str, int], ...], FillRequest] = field(default_factory=dict)
    """The request with each picture and mask."""


def _written(value: Any) -> Any:
    """A value as JSON; pictures by the digest of what is sent."""
    if isinstance(value, Mask):
        return value.threshold().digest
    return value.digest if isinstance(value, Picture) else value


def _field_problems(prompts: Sequence[str], axes: Mapping[str, Any]) -> list[InvalidInput]:
    """What is wrong between the prompts' fields and the axes."""
    wanted = dict.fromkeys(name for prompt in prompts for name in axis.fields(prompt))
    problems: list[InvalidInput] = []
    for name in axes:
        if name not in (*_KNOWN, *wanted):
            hint = did_you_mean(name, (*wanted, *_KNOWN)) or (
                f"there are {', '.join(_KNOWN)}; or a field of the prompt, as in "
                f"prompt='a {{{name}}} vase'."
            )
            problems.append(InvalidOption(f"There is no setting {name!r}: {hint}"))
    for name in wanted:
        if name not in axes or name == "prompt":
            problems.append(
                InvalidOption(
                    f"The prompt has the field {{{name}}}, and nothing says what belongs there: "
                    f"give {name}=['…', '…'], or one value."
                )
            )
    return problems
