"""What the sweep panel reads and writes, plans and foretells: without any widget."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fluxfill_nb as ff
from fluxfill_nb.client.pace import expected, pace_of
from fluxfill_nb.errors import InvalidInput, InvalidOption
from fluxfill_nb.options import FillFields, FillOptions
from fluxfill_nb.widgets.sweep_panel import plan as plans
from fluxfill_nb.widgets.sweep_panel.code import as_python
from fluxfill_nb.widgets.sweep_panel.forecast import Forecast, looked_up
from fluxfill_nb.widgets.sweep_panel.plan import PLACES, arranged, moved, planned, taken_apart
from fluxfill_nb.widgets.sweep_panel.values import of_field, variables

VARIABLES = {variable.name: variable for variable in variables(FillOptions)}
SEED, GUIDANCE, STEPS, PROMPT = (VARIABLES[n] for n in ("seed", "guidance", "steps", "prompt"))
UPSAMPLING, FORMAT = VARIABLES["prompt_upsampling"], VARIABLES["output_format"]
COLOUR = of_field("colour")


@pytest.fixture(scope="module")
def request_(picture, mask) -> ff.FillRequest:
    return ff.FillRequest(picture, mask, "a vase", steps=15)


# ------------------------------------------------------------------------------- text and values


@pytest.mark.parametrize(
    ("variable", "text", "values"),
    [
        (SEED, "", []),
        (SEED, "7", [7]),
        (SEED, "0-7", [*range(8)]),
        (SEED, "3, 5, 9", [3, 5, 9]),
        (SEED, " 0 - 2 ,9,\n11 ; ", [0, 1, 2, 9, 11]),
        (SEED, "4 seeds", [0, 1, 2, 3]),
        (SEED, "-2 to 1", [-2, -1, 0, 1]),
        (SEED, "100–102", [100, 101, 102]),
        (GUIDANCE, "10, 30, 60", [10, 30, 60]),
        (GUIDANCE, "10-60:5", [10, 22.5, 35, 47.5, 60]),
        (GUIDANCE, "10-60: 5 values", [10, 22.5, 35, 47.5, 60]),
        (GUIDANCE, "1.5, 2-3:2", [1.5, 2, 3]),
        (STEPS, "15-50:8", [15, 20, 25, 30, 35, 40, 45, 50]),
        (STEPS, "20-23", [20, 21, 22, 23]),
        (PROMPT, "a vase\n\n a cup, red \n", ["a vase", "a cup, red"]),
        (PROMPT, '""\na vase', ["", "a vase"]),
        (PROMPT, '"a "good" one"', ['"a "good" one"']),
        (UPSAMPLING, "off, On", [False, True]),
        (UPSAMPLING, "true", [True]),
        (FORMAT, "PNG", ["png"]),
        (COLOUR, 'red, "blue, light", green', ["red", "blue, light", "green"]),
    ],
)
def test_what_is_typed(variable, text, values):
    reading = variable.read(text)
    assert list(reading.values) == values
    assert reading.text == text
    assert [type(value) for value in reading.values] == [
        float if variable is GUIDANCE else type(value) for value in values
    ]


@pytest.mark.parametrize(
    ("variable", "text", "rule"),
    [
        (SEED, "seven", "'seven' is no number and no range: give whole numbers, as in 0-7"),
        (SEED, "1.5", "1.5 is no whole number"),
        (SEED, "3, 3", "3 is there twice"),
        (SEED, "0-3, 2", "2 is there twice"),
        (SEED, "7-0", "from the lower to the higher"),
        (SEED, "0-3:9", "only 4 whole numbers from 0 to 3"),
        (SEED, "0-9999999", "10,000,000 values: there may be 1 to 100,000"),
        (SEED, "0 random", "0 values"),
        (SEED, "1e3", "no whole number"),
        (GUIDANCE, "400", "400 is out of range: give numbers from 1.5 to 100"),
        (GUIDANCE, "10-400:3", "400 is out of range"),
        (GUIDANCE, "10-60", "10-60: say how many values, as in 10-60:5"),
        (GUIDANCE, "10-60:1", "two values or more"),
        (GUIDANCE, "4 random", "no number and no range"),
        (GUIDANCE, "nan", "no number"),
        (STEPS, "10", "10 is out of range: give whole numbers from 15 to 50"),
        (PROMPT, "a vase\na vase", "'a vase' is there twice"),
        (UPSAMPLING, "perhaps", "'perhaps' is none of off, on"),
        (FORMAT, "gif", "'gif' is none of jpeg, png"),
    ],
)
def test_what_cannot_be_used(variable, text, rule):
    with pytest.raises(InvalidOption, match=rule):
        variable.read(text)


def test_random_seeds_are_drawn_once_and_written_down():
    drawn = iter([7, 5, 7, 8, 30, 2])
    reading = SEED.read("5, 4 random seeds", draw=lambda _below: next(drawn))
    assert reading.values == (5, 7, 8, 30, 2)
    assert reading.text == "5, 7, 8, 30, 2"
    assert SEED.read(reading.text).values == reading.values


def test_random_seeds_are_seeds_that_differ():
    values = SEED.read("200 random").values
    assert len(set(values)) == 200
    assert all(0 <= value < 2**31 for value in values)
    assert SEED.read("200 random").values != values


OF = {
    "seed": st.integers(-(10**20), 10**20),
    "guidance": st.floats(1.5, 100),
    "steps": st.integers(15, 50),
    "prompt": st.text(),
    "prompt_upsampling": st.booleans(),
    "output_format": st.sampled_from(["jpeg", "png"]),
    "safety_tolerance": st.integers(0, 6),
}


def test_every_setting_can_be_varied_but_for_webhooks():
    assert (
        set(OF)
        == set(VARIABLES)
        == {name for name in FillFields.model_fields if not name.startswith("webhook")}
    )


@pytest.mark.parametrize("name", OF)
def test_what_is_written_is_read_again(name):
    @given(st.lists(OF[name], unique=True))
    def check(values):
        variable = VARIABLES[name]
        read = variable.read(variable.write(values)).values
        assert list(read) == values
        assert [*map(type, read)] == [*map(type, values)]

    check()


@given(st.lists(st.text(), unique=True))
def test_fields_of_prompts_too(values):
    assert list(COLOUR.read(COLOUR.write(values)).values) == values


@given(st.integers(0, 50), st.integers(1, 60), st.lists(st.integers(100, 900), unique=True))
def test_numbers_in_a_row_are_short(first, count, others):
    others = [number for number in others if number >= first + count]
    text = SEED.write([*range(first, first + count), *others])
    assert SEED.read(text).values == (*range(first, first + count), *others)
    if count > 3:
        assert text.startswith(f"{first}-")


def read_or_refused(variable, text):
    """What a text says; None if it is refused, which is to be done in a sentence."""
    try:
        return variable.read(text)
    except InvalidOption as error:
        told = str(error)
    assert told.endswith(".")
    return None


@given(st.text(alphabet='0123456789-.,:; toandm\neE+"sv–', max_size=30))
def test_anything_that_is_typed_is_read_or_refused_with_words(text):
    for variable in (*VARIABLES.values(), COLOUR):
        reading = read_or_refused(variable, text)
        if reading is None:
            continue
        if variable.kind in ("whole", "number"):
            assert all(math.isfinite(value) for value in reading.values)
        assert variable.read(variable.write(reading.values)).values == reading.values


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=VARIABLES)
def test_examples_can_be_typed(variable):
    for example in variable.example.removesuffix(" (five values)").split(", or "):
        if variable.kind != "lines":
            assert variable.read(example).values
    assert variable.syntax.endswith(".")


@given(st.floats(1.5, 99), st.floats(0.5, 90), st.integers(2, 30))
def test_a_range_goes_from_end_to_end_in_even_steps(low, width, count):
    low, high = float(f"{low:.3f}"), float(f"{min(100.0, low + width):.3f}")
    values = GUIDANCE.read(f"{low}-{high}:{count}").values
    assert len(values) == count
    assert (values[0], values[-1]) == (low, high)
    assert np.allclose(np.diff(values), (high - low) / (count - 1), rtol=1e-2, atol=1e-3)


# ------------------------------------------------------------------------------------- the plan


def test_the_plan_is_the_sweep(request_):
    plan = planned(request_, {"guidance": "10, 30", "steps": "", "seed": "0-2"}, {})
    wanted = ff.Sweep(request_, guidance=[10, 30], seed=range(3))
    assert [p.request for p in plan.sweep] == [p.request for p in wanted]
    assert plan.sweep.axes == wanted.axes
    assert not plan.problems


def test_wrong_axes_are_named_and_the_right_ones_stay(request_):
    plan = planned(request_, {"guidance": "10, 400", "steps": "0", "seed": "0-2"}, {})
    assert list(plan.problems) == ["guidance", "steps"]
    assert plan.axes == {"seed": (0, 1, 2)}
    assert plan.sweep is None


def test_the_fields_of_the_prompts_are_asked_for(request_):
    entries = {"prompt": "a {colour} vase\na {colour} {thing}"}
    plan = planned(request_, entries, {})
    assert plan.problems.keys() == {"colour", "thing"}
    plan = planned(request_, entries | {"colour": "red, blue", "thing": "cup"}, {})
    assert plan.sweep.shape == (2, 2, 1)
    assert {p.request.prompt for p in plan.sweep} == {
        "a red vase", "a blue vase", "a red cup", "a blue cup",
    }  # fmt: skip


def test_what_cannot_be_varied_is_refused():
    with pytest.raises(InvalidOption, match="webhook_url cannot be varied"):
        plans.variable_of("webhook_url")
    with pytest.raises(InvalidOption, match="did you mean guidance"):
        plans.variable_of("guidence", tuple(VARIABLES.values()))


@pytest.mark.parametrize(
    ("sizes", "wanted", "places"),
    [
        ({}, {}, {}),
        ({"seed": 1}, {}, {}),
        ({"seed": 4}, {}, {"seed": "columns"}),
        ({"seed": 4}, {"seed": "rows"}, {"seed": "rows"}),
        ({"guidance": 3, "seed": 8}, {}, {"guidance": "rows", "seed": "columns"}),
        ({"guidance": 9, "seed": 8}, {}, {"guidance": "columns", "seed": "rows"}),
        ({"guidance": 3, "seed": 3}, {}, {"guidance": "rows", "seed": "columns"}),
        ({"guidance": 3, "seed": 8}, {"seed": "rows"}, {"guidance": "columns", "seed": "rows"}),
        # Panels are of use from three axes on.
        ({"guidance": 3, "seed": 8}, {"seed": "panels"}, {"guidance": "rows", "seed": "columns"}),
        (
            {"steps": 2, "guidance": 3, "seed": 8}, {},
            {"steps": "panels", "guidance": "rows", "seed": "columns"},
        ),
        (
            {"steps": 2, "guidance": 3, "seed": 8}, {"seed": "panels"},
            {"steps": "rows", "guidance": "columns", "seed": "panels"},
        ),
    ],
)  # fmt: skip
def test_where_axes_stand(sizes, wanted, places):
    assert arranged({name: range(size) for name, size in sizes.items()}, wanted) == places


def test_long_prompts_stand_beside_rows():
    axes = {"prompt": ["a vase of terracotta"] * 9, "seed": range(2)}
    assert arranged(axes, {}) == {"prompt": "rows", "seed": "columns"}


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 5)),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(PLACES)),
)
def test_no_place_is_taken_twice_and_none_left_empty(sizes, wanted):
    axes = {name: range(size) for name, size in sizes.items()}
    places = arranged(axes, wanted)
    varying = [name for name in axes if len(axes[name]) > 1]
    assert len(set(places.values())) == len(places) == min(len(varying), len(PLACES))
    if len(varying) > 1:
        assert {"columns", "rows"} <= set(places.values())


def test_who_is_moved_changes_places():
    places = {"guidance": "rows", "seed": "columns"}
    assert moved(places, "seed", "rows") == {"guidance": "columns", "seed": "rows"}
    assert moved(places, "seed", "columns") == places


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_grid_takes_any_arrangement(request_, count):
    entries = {
        "seed": "1, 2",
        "guidance": "10, 30",
        "steps": "15, 16",
        "output_format": "jpeg, png",
    }
    entries = dict(list(entries.items())[:count])
    for wanted in product(plans.offered(count), repeat=count):
        if len(set(wanted)) == count:
            plan = planned(request_, entries, dict(zip(entries, wanted, strict=True)))
            assert plan.places == dict(zip(entries, wanted, strict=True))
            runs = ff.SweepResult(plan.sweep, [None] * len(plan.sweep))
            assert runs.grid(**plan.options)


# --------------------------------------------------------------------------- sweeps, and code


@pytest.mark.parametrize(
    "axes",
    [
        {},
        {"seed": range(4)},
        {"guidance": [10, 30.5], "steps": [15, 50], "seed": [3, 9, 10, 11]},
        {"prompt": ["a vase", "", "two\nlines", ' "odd" '], "prompt_upsampling": [True, False]},
        {"prompt": ["a {colour} vase", "{colour}"], "colour": ["red", "blue, light"], "seed": 7},
        {"prompt": "a {colour} vase", "colour": ["red"]},
        {"output_format": ["png"], "safety_tolerance": [0, 6]},
    ],
)
def test_a_sweep_is_taken_apart_and_put_together(request_, axes):
    sweep = ff.Sweep(request_, **axes)
    request, texts = taken_apart(sweep)
    again = planned(request, texts, {}).sweep
    assert again.axes == sweep.axes
    assert [p.request for p in again] == [p.request for p in sweep]


def test_sweeps_that_cannot_be_typed_are_refused(request_, mask):
    sweep = ff.Sweep(request_, guidance=[10, 30], steps=[15, 20])
    for odd, why in [
        (sweep.zipped("guidance", "steps"), "all combinations"),
        (sweep.without(guidance=10, steps=20), "all combinations"),
        (sweep.sampled(3), "all combinations"),
        (ff.Sweep(request_, prompt={"one": "a vase", "two": "a cup"}), "have names"),
        (ff.Sweep(request_, mask=[mask, ~mask]), "mask is an axis"),
    ]:
        with pytest.raises(InvalidInput, match=why):
            taken_apart(odd)


@pytest.mark.parametrize(
    ("entries", "places"),
    [
        ({}, {}),
        ({"guidance": "10, 30", "seed": "0-2"}, {"seed": "rows"}),
        ({"prompt": 'a {colour} "vase"', "colour": "red, blue", "seed": "3-5"}, {}),
        ({"prompt_upsampling": "off, on", "steps": "15-50:4", "seed": "5 random"}, {}),
    ],
)
def test_the_python_makes_the_same_sweep(request_, entries, places, tmp_path):
    entries = {n: plans.variable_of(n).read(text).text for n, text in entries.items()}
    request_.image.save(tmp_path / "picture.png")
    request_.mask.to_pil().save(tmp_path / "mask.png")
    plan = planned(request_, entries, places)
    if plan.sweep is None:
        pytest.fail(str(plan.problems))
    text = as_python(plan, "local", 2.5)
    lines = text.split("\n")
    kept: dict[str, object] = {}
    exec("\n".join(lines[: next(i for i, x in enumerate(lines) if x.startswith("runs ="))]), kept)
    assert [p.request for p in kept["sweep"]] == [p.request for p in plan.sweep]
    assert "budget=2.5" in text
    if plan.options:
        assert ", ".join(f'{role}="{name}"' for role, name in plan.options.items()) in text


def test_a_secret_is_not_in_the_python(request_):
    secret = "whsec-1234"
    plan = planned(request_.replace(webhook_secret=secret), {"seed": "0-3"}, {})
    text = as_python(plan)
    assert secret not in text
    assert 'os.environ["WEBHOOK_SECRET"]' in text


# ------------------------------------------------------------------------------- money and time


def test_words_of_money():
    forecast = Forecast(24, 0.05, there=4, seconds=50)
    assert (forecast.to_send, forecast.price_words, forecast.time_words) == (
        20,
        "$1.00",
        "about 50 s",
    )
    assert forecast.store_words == "4 of 24 are in the store: cost nothing"
    assert not forecast.budget_words(1)
    assert forecast.budget_words(0.99).startswith("The budget pays for 19 of 20")
    assert "none of 20 fills" in forecast.budget_words(0.01)
    assert Forecast(3, 0.0).price_words == "free"
    assert not Forecast(3, 0.0).budget_words(0)
    assert Forecast(3).price_words == "price not known"
    assert Forecast(3, 0.05, there=3).store_words.startswith("all are in the store")
    assert Forecast(3, 0.05, there=3, seconds=9).time_words == ""


def test_the_pace_is_that_of_the_time_at_work():
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def row(start, duration):
        return {"when": noon + timedelta(seconds=start), "duration": duration}

    assert pace_of([]) is None
    assert pace_of([row(0, None)]) is None
    assert pace_of([row(0, 2), row(2, 2), row(4, 2)]) == pytest.approx(2)
    assert pace_of([row(0, 2), row(0, 4), row(0, 6)]) == pytest.approx(2)
    # A pause between is no work.
    assert pace_of([row(0, 2), row(1000, 4)]) == pytest.approx(3)


def test_what_is_in_the_store_is_known_and_how_long_the_rest_takes(request_, tmp_path):
    sweep = ff.Sweep(request_, guidance=[10, 30], seed=range(3))
    with ff.connect("local", store=tmp_path) as client:
        assert looked_up(client, sweep, None, lambda: True) == Forecast(6, 0.0, 0, None)
        client.sweep(sweep.only([0, 5]))
        found = looked_up(client, sweep, None, lambda: True)
        assert found.there == 2
        assert 0 < found.seconds < 60
        assert client.expected(8) == pytest.approx(2 * found.seconds)
        assert looked_up(client, sweep, 10.0, lambda: True).seconds == 40
        assert looked_up(client, sweep, None, lambda: False) is None
    assert len(client.store.pending()) == 0


def test_what_cannot_be_sent_is_told(request_):
    plan = planned(request_, {"prompt": "a {colour} vase\na vase", "colour": "red, blue"}, {})
    with ff.connect("local", store=None) as client:
        found = looked_up(client, plan.sweep, None, lambda: True)
    assert "Two points are the same request" in found.trouble


def test_a_service_elsewhere_has_room_for_many(tmp_path):
    class Known:
        def durations(self, service):
            assert service == "bfl.ai"
            return [8.0, 9.0, 10.0]

    assert expected(Known(), "api.bfl.ai", 24) == 9
    assert expected(Known(), "api.bfl.ai", 25) == 18


def test_a_large_sweep_is_planned_quickly(request_):
    began = time.process_time()
    plan = planned(request_, {"seed": "0-9999", "guidance": "2-100:50"}, {})
    assert len(plan.sweep) == 500_000
    assert time.process_time() - began < 5
    with ff.connect("local", store=None) as client:
        assert looked_up(client, plan.sweep, 1.0, lambda: True).seconds == 500_000
