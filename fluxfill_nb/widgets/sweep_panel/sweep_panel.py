"""The sweep panel: axes, values, price; then the run, as it goes."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, Enum, Float, Instance, observe, validate

from ... import services
from ...client import FluxFill
from ...client.run import Run
from ...errors import InvalidInput, InvalidOption
from ...images import ImageSource
from ...mask import MaskSource
from ...request import FillRequest
from ...result import FillResult
from ...sweep import Sweep, SweepResult
from ...sweep import axes as axis
from ...wording import quoted
from ..controls import marked
from ..faults import Steady
from ..follower import Follower
from ..parts import Whole
from ..service import kind_of
from ..signed import signed
from . import code
from .course import Course
from .forecast import Forecast, looked_up
from .frame import Frame
from .plan import PLACES, Plan, moved, planned, taken_apart, variable_of
from .values import USUAL


@signed
class SweepPanel(Whole, Steady):
    """Choose what is varied, see the grid, its price and its time, run it, and watch it.

    The run goes on in the background: the notebook stays free, and Stop and Resume work at any
    time. What is in the client's store costs nothing; what a click does, a method does too.

    Parameters
    ----------
    request
        What all points have in common: a request, such as ``studio.request``; a whole
        `fluxfill_nb.Sweep`; or a picture, with mask and prompt.
    mask, prompt
        Of a picture; or others than the request's.
    client
        Who fills; default: what `fluxfill_nb.connect` chooses.
    **axes
        What to begin with, as `fluxfill_nb.Sweep` takes it.

    Attributes
    ----------
    request
        What all points have in common; may be assigned.
    entries
        What is typed: by name, the values as text, as in ``{"guidance": "10, 30, 60", "seed":
        "0-7"}``. An empty one is no axis.
    places
        By name, where axes were put: "columns", "rows", "panels" or "pages".
    budget
        The most that may be spent, USD; None: any amount.
    problems
        What is typed but cannot be used: the axis, or "budget", and the rule that it breaks.
    plan
        What is made of all that; its ``sweep`` is what is run.
    forecast
        What that costs, in money and time, as far as it is known.
    state
        "ready"; "running"; "stopping"; then "stopped" before all was there, or "done".
    shows_code
        Whether the Python that does the same is shown.
    error
        What went wrong last.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.widgets.sweep_panel import SweepPanel
    >>> picture = Image.linear_gradient("L")
    >>> mask = ff.Mask.from_box(picture.size, (80, 80, 120, 120))
    >>> request = ff.FillRequest(picture, mask, steps=15)
    >>> panel = SweepPanel(request, client=ff.connect("local"), guidance=[10, 30])
    >>> panel.enter("seed", "0-2")
    >>> panel.sweep.shape
    (2, 3)
    >>> panel.run().wait()
    SweepResult of 6 points, 6 done: 2 guidance x 3 seed, local engine: patches
      guidance  10, 30
      seed      0 to 2
    """

    # None of them is synchronized with the page.
    request = Instance(FillRequest)
    client = AnyTrait(None)
    entries = Dict()
    places = Dict()
    budget = Float(None, allow_none=True)
    problems = Dict()
    plan = Instance(Plan)
    forecast = Instance(Forecast)
    state = Enum(["ready", "running", "stopping", "stopped", "done"], "ready")
    shows_code = Bool(False)

    def __init__(
        self,
        request: FillRequest | Sweep | ImageSource,
        mask: MaskSource | None = None,
        prompt: Any = None,
        *,
        client: FluxFill | None = None,
        **axes: Any,
    ) -> None:
        if prompt is not None:
            axes = {"prompt": prompt, **axes}
        if isinstance(request, Sweep):
            if axes or mask is not None:
                raise InvalidInput("A sweep has its axes already: give a request to set others.")
            sweep = request
        else:
            if not isinstance(request, FillRequest):
                request = FillRequest(request, mask)
            elif mask is not None:
                request = request.replace(mask=mask)
            sweep = Sweep(request, **axes)
        common, texts = taken_apart(sweep)
        if isinstance(request, FillRequest) and "seed" not in axes:
            common = common.replace(seed=request.seed)  # the sweep draws the same one again
        self._lock = threading.RLock()
        self._course: Course | None = None
        self._pace: float | None = None
        self._ended = 0
        self._looked_at: tuple[Plan, FluxFill, int] | None = None
        self._odd_budget = ""
        self._follower = Follower(self._bring_up_to_date)
        super().__init__(request=common, entries=texts, client=client or services.connect())
        self._frame = Frame(self)
        self.children = self._frame.children
        marked(self, "ui", "sweeper")
        self._follower.stir()

    # ------------------------------------------------------------------------------ what is run

    @property
    def sweep(self) -> Sweep:
        """What Run sends. Assign another: the fields then show its axes.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            Something that is typed cannot be used; or what is assigned cannot be typed.
        """
        with self._lock:
            self._check()
            assert self.plan.sweep is not None
            sweep: Sweep = self.plan.sweep
            return sweep

    @sweep.setter
    def sweep(self, sweep: Sweep) -> None:
        request, texts = taken_apart(sweep)
        with self._lock, self.hold_trait_notifications():
            self.request, self.entries, self.places = request, texts, {}

    def enter(self, name: str, text: str) -> None:
        """Type the values of an axis: what cannot be used is marked, and the rest stays.

        Parameters
        ----------
        name
            Of a setting, or of a {field} of the prompts.
        text
            ``"10, 30, 60"``, ``"10-60:5"``, ``"0-7"``, ``"4 random"``; prompts in lines.
        """
        variable_of(name, self.plan.variables)
        with self._lock:
            self.entries = self.entries | {name: text}

    def vary(self, **axes: Any) -> None:
        """Set the values of axes, as `fluxfill_nb.Sweep` takes them; None: not varied.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            A value is wrong; nothing is changed.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> request = ff.FillRequest(Image.new("RGB", (8, 8)), ff.Mask.full((8, 8)))
        >>> panel = ff.SweepPanel(request, client=ff.connect("local"))
        >>> panel.vary(steps=[15, 30], seed=range(4))
        >>> panel.entries["seed"]
        '0-3'
        """
        with self._lock:
            texts = dict.fromkeys(axes, "")
            for name, given in axes.items():
                variable = variable_of(name, self.plan.variables)
                if given is not None:
                    several = given if axis.is_several(name, given) else [given]
                    texts[name] = variable.write(axis.read(name, several).values)
            self.entries = self.entries | texts

    def drop(self, name: str) -> None:
        """Take away the axis that has this name."""
        with self._lock:
            self.entries = {key: text for key, text in self.entries.items() if key != name}

    def place(self, name: str, where: str) -> None:
        """Put an axis somewhere else; what was there takes its place.

        Parameters
        ----------
        name
            Of the axis.
        where
            Columns, rows, panels or pages: one of ``PLACES``.
        """
        if where not in PLACES:
            raise InvalidOption(f"There is no place {where!r}: there are {', '.join(PLACES)}.")
        with self._lock:
            self.places = moved(self.plan.places, name, where)

    def to_python(self) -> str:
        """Return Python that does the same; a secret is left out.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            Something that is typed cannot be used.
        """
        self._check()
        return code.as_python(self.plan, kind_of(self.client.service), self.budget)

    # ------------------------------------------------------------------------------ the run

    def run(self) -> Run[SweepResult]:
        """Run the sweep in the background; return at once, with the handle of the run.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            Something that is typed cannot be used, or a sweep is under way.
        """
        with self._lock:
            self._check_free()
            self._check()
            return self._begin(Course(self.client, self.plan, self.budget))

    def stop(self) -> None:
        """Send nothing more; what is done stays, and what was sent stays to be had."""
        with self._lock:
            if self._course is not None and not self._course.run.is_done:
                self._course.run.cancel()
                self.state = "stopping"
        self._follower.stir()

    def resume(self) -> Run[SweepResult]:
        """Go on with a sweep that was stopped: only what is missing is sent.

        The budget is that of the whole sweep: what was spent before counts.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            Nothing is missing, or a sweep is under way.
        """
        return self._go_on(retry=False)

    def retry_failed(self) -> Run[SweepResult]:
        """Send what failed or is missing again.

        What may have been taken, and charged, though no answer came, is not: see
        `fluxfill_nb.SweepResult.retry_failed`.
        """
        return self._go_on(retry=True)

    @property
    def result(self) -> SweepResult | None:
        """What has come of the last sweep so far; None before the first."""
        course = self._course
        return None if course is None else course.result

    @property
    def is_current(self) -> bool:
        """Whether the last run was of what the fields say now."""
        if self._course is None:
            return False
        ran, plan = self._course.plan, self.plan
        return ran.request is plan.request and ran.axes == plan.axes

    @property
    def obstacles(self) -> list[str]:
        """What of the typed cannot be used, and why; one line for each."""
        return [
            f"{self._called(name)}: {problem}" if name else problem
            for name, problem in self.problems.items()
        ]

    @property
    def obstacle(self) -> str:
        """Why nothing can be run now; empty if it can."""
        if self.state in ("running", "stopping"):
            return "A sweep is under way: stop it, or wait for its end."
        return " ".join(self.obstacles)

    def close(self) -> None:
        """Take it off the page; a run goes on, and stays in the store."""
        if hasattr(self, "_frame"):
            self._frame.close()
        super().close()

    # ------------------------------------------------------------------------------ how it does it

    def _go_on(self, *, retry: bool) -> Run[SweepResult]:
        with self._lock:
            self._check_free()
            if (course := self._course) is None:
                raise InvalidInput("Nothing was run yet: run() begins.")
            course.go_on(self.budget, retry=retry)
            return self._begin(course)

    def _begin(self, course: Course) -> Run[SweepResult]:
        self._course = course
        self.error = ""
        self.state = "running"
        self._frame.watch(course)
        course.run.watch(lambda index: self._follower.stir() if index is None else None)
        self._follower.stir()
        return course.run

    def _check(self) -> None:
        if self.problems:
            raise InvalidOption("\n".join(self.obstacles))

    def _check_free(self) -> None:
        if self._course is not None and not self._course.run.is_done:
            raise InvalidInput("A sweep is under way: stop it, or wait for its end.")
        self._settle()

    def _settle(self) -> bool:
        """Take note of the end of the run; whether that is new."""
        with self._lock:
            course = self._course
            if course is None or not course.run.is_done or self.state in ("stopped", "done"):
                return False
            self._pace = course.pace or self._pace
            self._ended += 1
            self.state = "stopped" if course.left_over[0] else "done"
            return True

    def _bring_up_to_date(self) -> bool:
        """Let the page show how things are; return whether there is more to come."""
        if self._settle():
            self._frame.show_stars()
        self._frame.tidy()
        with self._lock:
            plan, client = self.plan, self.client
            seen = plan, client, self._ended
        if plan.sweep is not None and seen != self._looked_at:
            found = looked_up(client, plan.sweep, self._pace, lambda: self.plan is plan)
            with self._lock:
                if found is not None and (self.plan, self.client, self._ended) == seen:
                    self._looked_at = seen
                    self.forecast = found
        return self.state in ("running", "stopping")

    def _star(self, number: int) -> None:
        runs = self.result
        if runs is not None and isinstance(runs.outcomes[number], FillResult):
            point = runs.sweep.points[number]
            runs.star(0 if runs.stars(point) else 1, **point.labels)
            self._frame.show_stars(number)

    def _called(self, name: str) -> str:
        return "Budget" if name == "budget" else self.plan.labelled(name)

    # ------------------------------------------------------------------------------ what it hears

    @validate("entries")
    def _written_down(self, proposal: dict[str, Any]) -> dict[str, str]:
        """What is drawn at random is drawn once; the usual fields are always there."""
        typed: Mapping[str, str] = proposal["value"]
        entries = dict.fromkeys(USUAL, "") | {name: str(text) for name, text in typed.items()}
        for name, text in entries.items():
            try:
                entries[name] = variable_of(name).read(text).text
            except InvalidOption:  # it is marked, and stays to be mended
                continue
        return entries

    @observe("request", "entries", "places", "client", "budget")
    def _replan(self, change: Any = None) -> None:
        with self._lock:
            if change is not None and change["name"] == "budget":
                self._odd_budget = ""
            if change is not None and change["name"] == "client":
                self._pace = None
            plan = planned(self.request, self.entries, self.places)
            budget = self._budget_problem()
            self._looked_at = None
            count = len(plan.sweep) if plan.sweep is not None else 0
            # All at once: who hears of one of them looks at the others.
            with self.hold_trait_notifications():
                self.plan = plan
                self.problems = dict(plan.problems) | budget
                self.forecast = Forecast(count, self.client.price)
        if self.children:  # once all of it is there
            self._follower.stir()

    def _budget_problem(self) -> dict[str, str]:
        problem = self._odd_budget
        if self.budget is not None and not problem:
            if not 0 <= self.budget < math.inf:
                problem = f"{self.budget:g} is no amount: it must be 0 or above, in USD."
            elif self.client.price is None:
                problem = "What a fill costs here is not known: the client takes price=…, in USD."
        return {"budget": problem} if problem else {}

    def _type_budget(self, text: str) -> None:
        """Take a budget as it is typed; what is no number stays to be mended."""
        self._odd_budget = ""
        try:
            self.budget = float(text.strip().removeprefix("$")) if text.strip() else None
        except ValueError:
            self._odd_budget = f"{quoted(text)} is no amount in USD, such as 2.50."
        self._replan()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        runs, sweep = self.result, self.plan.sweep
        shown = {} if runs is None else runs._repr_mimebundle_()
        if "image/jpeg" in shown:
            bundle["image/jpeg"] = shown["image/jpeg"]
        elif sweep is not None:
            bundle["text/html"] = sweep._repr_html_()
        return bundle

    def __repr__(self) -> str:
        shape = " x ".join(f"{len(values)} {name}" for name, values in self.plan.axes.items())
        return f"<SweepPanel {shape or '1 fill'}, {self.state}>"
