"""The sweep panel without a page: what its buttons do, its methods do, with the real engine."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ipywidgets import HTML, Button, Dropdown, Text, Textarea, ToggleButton, Widget
from ipywidgets.embed import dependency_state
from ipywidgets.widgets.widget import _instances
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb import SweepPanel, errors
from fluxfill_nb.options import FillFields
from fluxfill_nb.widgets.live import LiveView
from tests.patience import until
from tests.widgets import widgets

PRICE = 0.05


class Gate:
    """An engine that lets so many fills through, and holds the others; some seeds fail."""

    name = "gate"

    def __init__(self, through: int = 0, fails: tuple[int, ...] = ()) -> None:
        self.places = threading.Semaphore(through)
        self.fails = fails
        self.made: list[Any] = []
        self.open = threading.Event()

    def __call__(self, image, mask, options, progress):
        while not self.open.is_set():
            progress(0.5, lambda: image)
            if self.places.acquire(timeout=0.02):
                break
        self.made.append(options)
        if options.seed in self.fails:
            raise RuntimeError("out of paint")
        colour = ((options.seed * 40) % 256, int(options.guidance), 90)
        return Image.composite(Image.new("RGB", image.size, colour), image, mask.to_pil())


@pytest.fixture
def gates() -> Iterator[Callable[..., Gate]]:
    made: list[Gate] = []

    def make(*given: Any, **named: Any) -> Gate:
        made.append(Gate(*given, **named))
        return made[-1]

    yield make
    for gate in made:
        gate.open.set()


@pytest.fixture
def make(picture, mask, tmp_path, gates) -> Iterator[Callable[..., SweepPanel]]:
    """Makes panels on a small picture; takes them away in the end."""
    made: list[tuple[SweepPanel, ff.FluxFill]] = []

    def make(
        engine: Any = None, store: Any = tmp_path / "runs", price: float = 0.0,
        request: Any = None, **axes: Any,
    ) -> SweepPanel:  # fmt: skip
        server = ff.LocalServer(
            engine or gates(1000), keys=["key"], credits=1000 if price else None
        )
        client = ff.FluxFill(
            "key", base_url=server.url, transport=server.transport, store=store, price=price,
            service=f"local engine: {server.engine_name}", max_active=axes.pop("max_active", 24),
        )  # fmt: skip
        request = request or ff.FillRequest(picture, mask, "a vase", steps=15, guidance=30)
        panel = SweepPanel(request, client=client, **axes)
        made.append((panel, client))
        return panel

    yield make
    for panel, client in made:
        panel.stop()
        client.close()
        panel.close()


def settled(panel: SweepPanel, state: str = "done") -> None:
    """Wait until the run has ended so, and all of it is shown."""
    until(lambda: panel.state == state and panel._follower._thread is None)


def looked(panel: SweepPanel) -> Any:
    """What is foretold once the store has been looked at."""
    until(lambda: panel.forecast.there is not None)
    return panel.forecast


def seen(widget: Widget) -> Iterator[Widget]:
    """The widgets that are not hidden; the style sheet hides the live view's own stop button."""
    if not {"ffnb-off", "ffnb-head"} & set(widget._dom_classes):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from seen(child)


def find(panel: SweepPanel, label: str, kind: Any = Button) -> Any:
    """The one control with this label, or that begins so."""
    (found,) = (
        each
        for each in seen(panel)
        if isinstance(each, kind) and re.match(rf"{re.escape(label)}(?!\w)", each.description or "")
    )
    return found


def is_seen(panel: SweepPanel, label: str) -> bool:
    return any(
        isinstance(each, Button) and each.description.startswith(label) for each in seen(panel)
    )


def type_into(panel: SweepPanel, label: str, text: str) -> None:
    """As the page does when a field is left."""
    find(panel, label, (Text, Textarea)).set_state({"value": text})


def row(panel: SweepPanel, name: str) -> Widget:
    return next(each for each in widgets(panel) if f"ffnb-field-{name}" in each._dom_classes)


def said(widget: Widget) -> str:
    """All text that is seen of it."""
    values = " ".join(each.value for each in seen(widget) if isinstance(each, HTML))
    values = re.sub("<style>.*?</style>", " ", values, flags=re.DOTALL)
    return html.unescape(" ".join(re.sub("<[^>]+>", " ", values).split()))


def cells(panel: SweepPanel) -> list[str]:
    return [each.value for each in widgets(panel) if "ffnb-cell" in each._dom_classes]


# ------------------------------------------------------------------------------- what it is made of


def test_two_by_three_is_typed_run_and_seen(make):
    panel = make("patches")
    type_into(panel, "Guidance", "10, 30")
    type_into(panel, "Seed", "0-2")
    assert panel.sweep.shape == (2, 3)
    assert "6 fills" in said(panel)
    assert "free" in said(panel)
    assert "2 rows Guidance 3 columns Seed" in said(panel)
    find(panel, "Run 6 fills").click()
    assert panel.state == "running"
    assert len(cells(panel)) == 6
    settled(panel)
    assert [result.seed for result in panel.result] == [0, 1, 2, 0, 1, 2]
    assert [result.request.guidance for result in panel.result] == [10] * 3 + [30] * 3
    until(lambda: all("<img" in cell for cell in cells(panel)))
    assert len({result.image.tobytes() for result in panel.result}) > 1
    assert looked(panel).there == 6
    assert "All are in the store: nothing is sent" in said(panel)
    assert 'panel.result.grid(row="guidance", col="seed")' in said(panel)
    assert panel.result.grid(row="guidance", col="seed")
    assert not panel.error


def test_a_line_of_python_does_what_the_clicks_do(make):
    panel = make("patches", guidance=[10, 30])
    panel.vary(seed=range(3))
    wanted = ff.Sweep(panel.request, guidance=[10, 30], seed=range(3))
    assert [point.request for point in panel.sweep] == [point.request for point in wanted]
    runs = panel.run().wait()
    assert len(runs.results) == 6
    assert [a.key for a in panel.result] == [b.key for b in runs]
    settled(panel)


def test_it_takes_what_there_is(make, picture, mask, tmp_path):
    request = ff.FillRequest(picture, mask, "a vase")
    sweep = ff.Sweep(request, guidance=[10, 30], seed=7)
    client = ff.connect("local", store=None)
    studio = ff.Studio(picture, mask=mask, client=client)
    studio.panel.update(prompt="a vase")
    for panel in (
        SweepPanel(studio.request, client=client, guidance=[10, 30], seed=7),
        SweepPanel(sweep, client=client),
        SweepPanel(request, client=client, guidance=[10, 30], seed=7),
        SweepPanel(picture, mask, "a vase", client=client, guidance=[10, 30], seed=7),
    ):
        assert [p.request for p in panel.sweep] == [p.request for p in sweep]
        assert panel.entries["guidance"] == "10, 30"
        panel.close()
    with pytest.raises(errors.InvalidInput, match="has its axes already"):
        SweepPanel(sweep, client=client, seed=8)
    studio.close()
    client.close()


def test_without_a_seed_each_run_is_the_same(make):
    panel = make(guidance=[10, 30])
    seed = panel.sweep.request.seed
    assert f"{seed} for all, drawn once" in said(row(panel, "seed"))
    assert panel.sweep.request.seed == seed
    assert panel.request.seed is None


def test_the_request_can_be_another(make, picture, mask):
    panel = make(seed=[1, 2])
    panel.request = ff.FillRequest(Image.new("RGB", (40, 30)), ff.Mask.full((40, 30)), "a cup")
    assert panel.sweep.request.image.size == (40, 30)
    assert panel.sweep.axes == {"seed": (1, 2)}
    assert "40 × 30 px" in said(panel)
    assert "a cup" in said(panel)


def test_a_sweep_can_be_assigned(make):
    panel = make(seed=[1, 2])
    panel.place("seed", "rows")
    sweep = ff.Sweep(panel.request, prompt=["a vase", "a cup"], steps=[20, 30], seed=3)
    panel.sweep = sweep
    assert [p.request for p in panel.sweep] == [p.request for p in sweep]
    assert find(panel, "Steps", Text).value == "20, 30"
    assert find(panel, "Prompt", Textarea).value == "a vase\na cup"
    assert find(panel, "Seed", Text).value == ""
    with pytest.raises(errors.InvalidInput, match="all combinations"):
        panel.sweep = ff.Sweep(panel.request, guidance=[1.5, 3], steps=[20, 30]).zipped(
            "guidance", "steps"
        )
    assert [p.request for p in panel.sweep] == [p.request for p in sweep]


def test_every_setting_can_be_added_and_taken_away(make):
    panel = make()
    more = find(panel, "Vary also", Dropdown)
    offered = {name for _, name in more.options} - {""}
    shown = {"prompt", "guidance", "steps", "seed"}
    assert offered | shown == {n for n in FillFields.model_fields if not n.startswith("webhook")}
    more.set_state({"index": [name for _, name in more.options].index("safety_tolerance")})
    assert more.value == ""
    assert "safety_tolerance" not in {name for _, name in more.options}
    type_into(panel, "Safety tolerance", "0-6")
    assert panel.sweep.axes == {"safety_tolerance": tuple(range(7))}
    find(panel, "Do not vary Safety tolerance").click()
    assert panel.sweep.axes == {}
    assert "safety_tolerance" in {name for _, name in more.options}


def test_the_fields_of_prompts_get_fields(make):
    panel = make()
    type_into(panel, "Prompt", "a {colour} vase\na {colour} cup")
    assert panel.problems == {"colour": "Say what stands for {colour}, as in red, blue."}
    assert find(panel, "Run").disabled
    type_into(panel, "{colour}", "red, blue")
    assert not panel.problems
    assert sorted({p.request.prompt for p in panel.sweep}) == [
        "a blue cup", "a blue vase", "a red cup", "a red vase",
    ]  # fmt: skip
    type_into(panel, "Prompt", "a vase")
    assert panel.sweep.axes == {"prompt": ("a vase",)}


def test_random_seeds_are_drawn_once_and_shown(make):
    panel = make()
    type_into(panel, "Seed", "4 random")
    seeds = panel.sweep.axes["seed"]
    assert len(seeds) == 4
    assert find(panel, "Seed", Text).value == ", ".join(map(str, seeds))
    type_into(panel, "Guidance", "10, 30")
    assert panel.sweep.axes["seed"] == seeds


def test_what_fields_come_to_is_said(make):
    panel = make()
    for name, typed, note in [
        ("Guidance", "", "30 for all"),
        ("Guidance", "10-60:3", "3 values: 10, 35, 60"),
        ("Steps", "20", "20 for all"),
        ("Prompt", "", "'a vase' for all"),
        ("Prompt", "a vase\na cup", "2 lines"),
        ("Seed", "0-7", "8 values"),
    ]:
        type_into(panel, name, typed)
        assert said(row(panel, name.lower())) == note


# -------------------------------------------------------------------------------------- the grid


def test_where_axes_stand_can_be_chosen(make):
    panel = make(guidance=[10, 30], seed=range(3))
    where = find(panel, "Guidance in", Dropdown)
    assert where.value == "rows"
    where.set_state({"index": where.options.index("columns")})
    assert panel.plan.places == {"guidance": "columns", "seed": "rows"}
    assert find(panel, "Seed in", Dropdown).value == "rows"
    assert "3 rows Seed 2 columns Guidance" in said(panel)
    panel.enter("steps", "15, 20")
    assert panel.plan.places == {"guidance": "columns", "seed": "rows", "steps": "panels"}
    assert find(panel, "Steps in", Dropdown).options == ("columns", "rows", "panels")
    panel.place("steps", "columns")
    assert panel.plan.places == {"guidance": "panels", "seed": "rows", "steps": "columns"}
    with pytest.raises(errors.InvalidOption, match="no place 'diagonals'"):
        panel.place("steps", "diagonals")


def test_nobody_moves_axes_but_who_chooses(make):
    panel = make(guidance=[10, 30, 60], seed=range(4))
    for name, text in [("steps", "15, 20"), ("output_format", "jpeg, png"), ("steps", "")]:
        panel.enter(name, text)
        assert not panel.places
    assert panel.plan.places == {
        "guidance": "rows", "seed": "columns", "output_format": "panels",
    }  # fmt: skip


def test_the_live_grid_stands_as_chosen(make):
    panel = make(guidance=[10, 30], seed=range(3))
    panel.place("seed", "rows")
    panel.run()
    heads = [said(each) for each in widgets(panel) if "ffnb-header" in each._dom_classes]
    assert heads == ["", "guidance = 10", "guidance = 30", "seed = 0", "seed = 1", "seed = 2"]
    settled(panel)
    assert 'grid(row="seed", col="guidance")' in said(panel)


def test_panels_are_rows_within_rows_in_the_live_grid(make):
    panel = make(guidance=[10, 30], seed=range(3), steps=[15, 16])
    panel.run()
    heads = [said(each) for each in widgets(panel) if "ffnb-header" in each._dom_classes]
    assert heads[4:] == [
        "guidance = 10, steps = 15", "guidance = 10, steps = 16",
        "guidance = 30, steps = 15", "guidance = 30, steps = 16",
    ]  # fmt: skip
    settled(panel)


# ----------------------------------------------------------------------------- what cannot be used


def test_an_invalid_value_is_marked_and_nothing_else_lost(make):
    panel = make(seed=range(3))
    type_into(panel, "Guidance", "10, 400")
    rule = "400 is out of range: give numbers from 1.5 to 100."
    assert panel.problems == {"guidance": rule}
    assert "ffnb-wrong" in row(panel, "guidance")._dom_classes
    assert said(row(panel, "guidance")) == rule
    run = find(panel, "Run")
    assert run.disabled
    assert run.tooltip == f"Guidance: {rule}"
    assert f"Guidance: {rule}" in said(panel)
    assert find(panel, "Guidance", Text).value == "10, 400"
    assert find(panel, "Seed", Text).value == "0-2"
    for refused in (panel.run, lambda: panel.sweep, panel.to_python):
        with pytest.raises(errors.InvalidOption, match="Guidance: 400 is out of range"):
            refused()
    type_into(panel, "Steps", "20, 30")
    assert "ffnb-wrong" not in row(panel, "steps")._dom_classes
    type_into(panel, "Guidance", "10, 40")
    assert not panel.problems
    assert panel.sweep.shape == (2, 2, 3)
    assert not find(panel, "Run 12 fills").disabled
    assert not panel.error


def test_in_code_a_wrong_value_is_refused_at_once(make):
    panel = make(seed=range(3))
    with pytest.raises(errors.InvalidOption, match="guidance is 400"):
        panel.vary(seed=[7], guidance=[10, 400])
    with pytest.raises(errors.InvalidOption, match="did you mean guidance"):
        panel.vary(guidence=[10])
    with pytest.raises(errors.InvalidOption, match="webhook_url cannot be varied"):
        panel.enter("webhook_url", "https://example.org")
    assert panel.entries["seed"] == "0-2"
    panel.vary(seed=None, guidance=10)
    assert panel.sweep.axes == {"guidance": (10,)}


def test_the_same_request_twice_is_told(make):
    panel = make(prompt=["a {colour} vase", "a vase"], colour=["red", "blue"])
    assert "Two points are the same request" in looked(panel).trouble
    assert "Two points are the same request" in said(panel)
    find(panel, "Run").click()
    assert "Two points are the same request" in panel.error
    assert panel.state == "ready"


# ------------------------------------------------------------------------------- money and time


def test_count_price_and_store_are_said_before(make):
    panel = make(price=PRICE, guidance=[10, 30], seed=range(3))
    assert "6 fills $0.30" in said(panel)
    panel.client.sweep(panel.sweep.only([0, 1]))
    panel.enter("seed", "0-3")
    assert looked(panel).there == 2
    assert "2 of 8 are in the store: cost nothing" in said(panel)
    assert "$0.30 · about" in said(panel)


def test_a_budget_is_kept_and_resumed(make, gates):
    gate = gates(100)
    panel = make(gate, price=PRICE, guidance=[10, 30], seed=range(3), max_active=1)
    type_into(panel, "Budget", "0.12")
    assert panel.budget == 0.12
    assert "The budget pays for 2 of 6: the run stops there, and Resume goes on." in said(panel)
    find(panel, "Run 6 fills").click()
    settled(panel, "stopped")
    assert len(gate.made) == 2
    assert len(panel.result.results) == 2
    assert "The budget of $0.12 is used up" in said(panel)
    # The budget is that of all of it: to go on, it must be raised.
    panel.resume()
    settled(panel, "stopped")
    assert len(gate.made) == 2
    type_into(panel, "Budget", "$0.20")
    find(panel, "Resume 4").click()
    settled(panel, "stopped")
    assert len(gate.made) == 4
    type_into(panel, "Budget", "")
    find(panel, "Resume 2").click()
    settled(panel)
    assert len(gate.made) == 6
    assert len({(options.guidance, options.seed) for options in gate.made}) == 6


@pytest.mark.parametrize(
    ("typed", "rule"), [("much", "'much' is no amount"), ("-1", "0 or above"), ("nan", "no amount")]
)
def test_a_budget_that_is_none_is_marked(make, typed, rule):
    panel = make(price=PRICE, seed=range(3))
    type_into(panel, "Budget", typed)
    assert rule in panel.problems["budget"]
    assert find(panel, "Budget", Text).value == typed
    assert find(panel, "Run").disabled
    type_into(panel, "Seed", "0-1")
    assert rule in panel.problems["budget"]
    type_into(panel, "Budget", "")
    assert not panel.problems
    assert panel.budget is None


def test_where_nothing_costs_there_is_no_budget(make):
    panel = make()
    assert not [each for each in seen(panel) if getattr(each, "description", "") == "Budget"]


def test_a_budget_needs_a_price(make):
    panel = make(seed=range(3))
    panel.client = ff.FluxFill(transport=ff.LocalServer().transport, base_url="http://x")
    assert "price not known" in said(panel)
    panel.budget = 1
    assert "What a fill costs here is not known" in panel.problems["budget"]


# ------------------------------------------------------------------------- stop, resume, retry


@pytest.mark.parametrize("keeps", [True, False])
def test_stop_and_resume_send_each_once(make, gates, keeps):
    gate = gates(2)
    given = {} if keeps else {"store": None}
    panel = make(gate, guidance=[10, 30], seed=range(3), **given)
    assert not is_seen(panel, "Resume")
    find(panel, "Run 6 fills").click()
    assert find(panel, "Run").disabled
    assert not is_seen(panel, "Resume")
    until(lambda: panel.result is not None and len(panel.result.results) == 2)
    find(panel, "Stop").click()
    assert panel.state in ("stopping", "stopped")
    settled(panel, "stopped")
    done = [(options.guidance, options.seed) for options in gate.made]
    assert len(panel.result.results) == len(done) == 2
    assert "Stopped: 2 of 6 are done. Resume sends what is missing." in said(panel)
    assert not is_seen(panel, "Run")  # Resume has its place
    gate.open.set()
    find(panel, "Resume 4").click()
    settled(panel)
    assert len(panel.result.results) == 6
    assert [r.seed for r in panel.result] == [0, 1, 2, 0, 1, 2]
    until(lambda: sum("<img" in cell for cell in cells(panel)) == 6)
    assert not is_seen(panel, "Resume")
    # What is done is never sent again; what was under way only where nothing is kept.
    sent = Counter((options.guidance, options.seed) for options in gate.made)
    assert len(sent) == 6
    assert all(sent[point] == 1 for point in done)
    assert sent.total() == 6 or not keeps
    with pytest.raises(errors.InvalidInput, match="nothing to go on with"):
        panel.resume()


def test_resume_is_for_what_was_stopped(make, gates):
    gate = gates(1)
    panel = make(gate, seed=range(3), max_active=1)
    with pytest.raises(errors.InvalidInput, match="Nothing was run yet"):
        panel.resume()
    panel.run()
    until(lambda: panel.result.results)
    with pytest.raises(errors.InvalidInput, match="under way"):
        panel.run()
    panel.stop()
    settled(panel, "stopped")
    panel.enter("guidance", "10, 30")
    assert not is_seen(panel, "Resume")
    assert "The fields have changed" in said(panel)
    panel.enter("guidance", "")
    assert is_seen(panel, "Resume 2")


def test_what_failed_is_sent_again(make, gates):
    gate = gates(100, fails=(1,))
    panel = make(gate, price=PRICE, seed=range(3))
    panel.run()
    settled(panel)
    assert "1 failed, the first because" in said(panel)
    gate.fails = ()
    find(panel, "Retry failed").click()
    settled(panel)
    assert len(panel.result.results) == 3
    assert sorted(options.seed for options in gate.made) == [0, 1, 1, 2]
    assert not is_seen(panel, "Retry failed")


def test_closing_leaves_the_run(make, gates):
    gate = gates(0)
    panel = make(gate, seed=range(3))
    run = panel.run()
    panel.close()
    gate.open.set()
    assert len(run.wait().results) == 3


# ----------------------------------------------------------------------------------------- stars


@pytest.mark.parametrize("keeps", [True, False])
def test_a_click_stars(make, keeps):
    panel = make(seed=range(3), **({} if keeps else {"store": None}))
    panel.run()
    settled(panel)
    star = find(panel, "Star seed=1")
    assert star.icon == "ffnb-star"
    star.click()
    assert [result.seed for result in panel.result.best] == [1]
    assert star.icon == "ffnb-starred"
    assert star.tooltip == "Star seed=1 – on"
    star.click()
    assert panel.result.stars(panel.result.sweep.points[1]) == 0
    assert star.icon == "ffnb-star"


def test_stars_of_the_store_are_shown(make):
    panel = make(seed=range(3))
    panel.client.sweep(panel.sweep).star(seed=2)
    panel.run()
    settled(panel)
    assert find(panel, "Star seed=2").icon == "ffnb-starred"
    assert find(panel, "Star seed=1").icon == "ffnb-star"


# ---------------------------------------------------------------------------------- the page


def test_the_python_is_shown_and_follows(make):
    panel = make(guidance=[10, 30])
    find(panel, "Python", ToggleButton).set_state({"value": True})
    assert panel.to_python() in html.unescape(" ".join(
        each.value for each in seen(panel) if isinstance(each, HTML)
    ))  # fmt: skip
    panel.enter("seed", "0-7")
    assert "ff.Sweep(request, guidance=[10, 30], seed=range(8))" in said(panel)
    panel.enter("seed", "x")
    assert "# Seed: 'x' is no number" in said(panel)
    assert "ff.Sweep" not in said(panel)
    find(panel, "Close").click()
    assert not panel.shows_code


def test_a_click_reacts_at_once_also_on_a_large_picture(make, gates):
    picture = Image.linear_gradient("L").resize((3000, 2000))
    request = ff.FillRequest(picture, ff.Mask.from_box(picture.size, (9, 9, 900, 900)), steps=15)
    panel = make(gates(0), request=request, guidance=[10, 30], seed=range(3))
    looked(panel)
    began = time.perf_counter()
    find(panel, "Run 6 fills").click()
    took = time.perf_counter() - began
    print(f"click to live grid: {1000 * took:.0f} ms")
    assert len(cells(panel)) == 6
    assert find(panel, "Stop").disabled is False
    assert took < 2


def test_a_large_sweep_is_typed_and_shown_in_few_cells(make, gates):
    panel = make(gates(0), max_active=4)
    panel.enter("seed", "0-999")
    panel.run()
    assert len(cells(panel)) < 50
    assert not is_seen(panel, "Star")
    panel.stop()
    settled(panel, "stopped")


def test_what_goes_wrong_in_a_handler_is_shown(make, caplog):
    panel = make(seed=range(3))
    panel.observe(lambda change: 1 / 0, "state")
    find(panel, "Run 3 fills").click()
    assert "ZeroDivisionError" in panel.error
    assert "ZeroDivisionError" in caplog.text
    assert "ZeroDivisionError" in said(panel)
    panel.unobserve_all("state")
    find(panel, "Dismiss").click()
    assert not panel.error


def test_a_failing_client_is_told_of(make):
    panel = make(price=PRICE, seed=range(3), store=None)
    panel.client = ff.FluxFill(
        "key-5f1e", transport=ff.LocalServer(keys=["other"]).transport, base_url="http://x",
        price=PRICE,
    )  # fmt: skip
    panel.run()
    until(lambda: panel.state in ("done", "stopped"))
    assert "key" in said(panel)
    assert not panel.result.results
    assert "key-5f1e" not in said(panel)


def test_every_control_has_a_name_and_help(make):
    panel = make(guidance=[10, 30], seed=range(2), output_format=["png"])
    panel.run()
    settled(panel)
    for each in widgets(panel):
        if isinstance(each, (Button, ToggleButton, Text, Textarea, Dropdown)):
            assert each.description
            assert each.tooltip


def test_traits_are_told_and_none_is_synchronized(make):
    panel = make(seed=range(2))
    states: list[str] = []
    panel.observe(lambda change: states.append(change["new"]), "state")
    panel.run()
    settled(panel)
    assert states == ["running", "done"]
    own = set(SweepPanel.class_own_traits())
    assert {"request", "client", "entries", "plan", "forecast", "state", "budget"} <= own
    assert not own & set(panel.keys)


def test_the_state_is_small_and_has_no_secret(make, monkeypatch):
    secret, key = "whsec-3f9a7c21", "bfl-key-81d2e6"
    panel = make(guidance=[10, 30], seed=range(3))
    panel.request = panel.request.replace(webhook_secret=secret)
    panel.client = ff.FluxFill(
        key, transport=ff.LocalServer(keys=[key]).transport, base_url="http://x", price=PRICE
    )
    panel.shows_code = True
    panel.run()
    settled(panel)
    until(lambda: all("<img" in cell for cell in cells(panel)))
    state = json.dumps(dependency_state(panel, drop_defaults=True))
    print(f"state with 6 pictures: {len(state)} bytes")
    assert len(state) < 150_000
    for hidden in (secret, key):
        assert hidden not in state + repr(panel) + repr(panel.plan) + panel.to_python()


def test_closing_leaves_nothing_behind(make):
    make().close()  # what is shared is there from now on
    before = set(_instances)
    panel = make(guidance=[10, 30], seed=range(3))
    for _ in range(2):
        panel.run()
        settled(panel)
    live = [each for each in _instances.values() if isinstance(each, LiveView)]
    assert len(live) == 1
    panel.enter("output_format", "png")
    panel.drop("output_format")
    panel.close()
    left = [type(_instances[key]).__name__ for key in set(_instances) - before]
    assert not left


def test_repr_says_what_it_is(make):
    assert repr(make()) == "<SweepPanel 1 fill, ready>"
    assert repr(make(guidance=[10, 30], seed=range(3))) == "<SweepPanel 2 guidance x 3 seed, ready>"


def test_a_run_of_a_closed_panel_shows_nothing(make):
    panel = make(seed=range(2))
    panel.close()
    before = set(_instances)
    assert len(panel.run().wait().results) == 2
    until(lambda: panel._follower._thread is None)
    assert set(_instances) == before


def test_without_widgets_the_sweep_is_shown_and_then_its_pictures(make):
    panel = make(guidance=[10, 30], seed=range(2))
    assert "10, 30" in panel._repr_mimebundle_()["text/html"]
    panel.run()
    settled(panel)
    bundle = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "image/jpeg" in bundle
    panel.enter("steps", "99")
    assert "text/html" not in panel._repr_mimebundle_()


def test_what_failed_is_named_by_the_first_of_the_tasks_id(make, gates):
    panel = make(gates(1000, fails=(1,)), seed=range(2))
    panel.run()
    settled(panel)
    (error,) = panel.result.errors.values()
    assert f"Task {error.task.id[:8]} failed" in said(panel)
    shown = "".join(each.value for each in widgets(panel) if isinstance(each, HTML))
    assert error.task.id not in shown
