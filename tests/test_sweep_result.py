"""Results of a sweep: found by their labels, starred, measured, tried again."""

from __future__ import annotations

import base64
import gc
import io
import itertools
import math
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import (
    ContentModerated,
    FluxFillError,
    InvalidInput,
    InvalidOption,
    SubmissionUnconfirmed,
    TaskFailed,
)
from fluxfill_nb.metrics import METRICS, measure
from fluxfill_nb.sweep import STATES, Sweep, SweepResult, status

SIZE = (64, 48)
REQUEST = ff.FillRequest(
    Image.linear_gradient("L").resize(SIZE).convert("RGB"),
    ff.Mask.from_ellipse(SIZE, (20, 12, 44, 36)),
    "orange",
    steps=15,
    output_format="png",
)
AXES = {"seed": [1, 2, 3], "guidance": [10, 30], "mask": ["small", "large"]}
SWEEP = Sweep(
    REQUEST, seed=[1, 2, 3], guidance=[10, 30],
    mask={"small": REQUEST.mask, "large": REQUEST.mask.grow(4)},
)  # fmt: skip
ROWS = [dict(zip(AXES, row, strict=True)) for row in itertools.product(*AXES.values())]


@pytest.fixture(scope="module")
def client() -> Iterator[ff.FluxFill]:
    with ff.connect("local") as client:
        yield client


@pytest.fixture(scope="module")
def results(client: ff.FluxFill) -> list[ff.FillResult]:
    return [client.fill(point.request) for point in SWEEP]


@pytest.fixture
def runs(results: list[ff.FillResult]) -> SweepResult:
    return SweepResult(SWEEP, results)


def failures(task: ff.FillTask) -> dict[str, FluxFillError | None]:
    """One outcome without a picture for each state."""
    return {
        "failed": TaskFailed("The engine ran out of memory.", task=task),
        "moderated": ContentModerated("What was made was refused.", task=task),
        "unconfirmed": SubmissionUnconfirmed("The answer was lost."),
        "missing": None,
    }


@pytest.fixture
def patchy(results: list[ff.FillResult]) -> SweepResult:
    """Points 1 to 4 are failed, moderated, unconfirmed and missing."""
    without = list(failures(results[0].task).values())
    return SweepResult(SWEEP, [results[0], *without, *results[5:]])


# ------------------------------------------------------------------------------------- selection


@st.composite
def selections(draw: st.DrawFn) -> dict[str, Any]:
    """Labels for `sel`: of some axes, a value or a list."""
    names = draw(st.lists(st.sampled_from([*AXES]), unique=True))
    return {
        name: draw(
            st.sampled_from(AXES[name])
            | st.lists(st.sampled_from(AXES[name]), min_size=1).map(tuple)
        )
        for name in names
    }


def has(row: dict[str, Any], labels: dict[str, Any]) -> bool:
    return all(
        row[name] in wanted if isinstance(wanted, tuple) else row[name] == wanted
        for name, wanted in labels.items()
    )


@given(labels=selections())
def test_sel_is_a_filter(labels: dict[str, Any]) -> None:
    outcomes: list[Any] = [None] * len(ROWS)
    numbered = SweepResult(SWEEP, outcomes).sel(**labels)
    kept = [row for row in ROWS if has(row, labels)]
    dropped = [name for name, wanted in labels.items() if not isinstance(wanted, tuple)]
    assert [dict(point.labels) for point in numbered.sweep] == [
        {name: value for name, value in row.items() if name not in dropped} for row in kept
    ]
    assert numbered.axes == {
        name: tuple(value for value in values if any(row[name] == value for row in kept))
        for name, values in AXES.items()
        if name not in dropped
    }


def check(part: SweepResult, labels: dict[str, Any], results: list[ff.FillResult]) -> None:
    expected = [result for result, row in zip(results, ROWS, strict=True) if has(row, labels)]
    assert part.results == expected
    assert [point.request for point in part.sweep] == [result.request for result in expected]


@pytest.mark.parametrize(
    "labels",
    [{}, {"seed": 2}, {"seed": (3, 1)}, {"guidance": 30, "mask": "large"}, {"mask": ("small",)}],
)
def test_results_stay_with_their_points(runs, results, labels):
    check(runs.sel(**labels), labels, results)


def test_sel_in_steps_is_sel_at_once(runs):
    once = runs.sel(seed=2, guidance=[10], mask="large")
    steps = runs.sel(mask="large").sel(seed=2).sel(guidance=[10])
    assert steps.results == once.results
    assert steps.axes == once.axes == {"guidance": (10,)}


@pytest.mark.parametrize(
    ("places", "labels"),
    [
        ({"seed": 0}, {"seed": 1}),
        ({"seed": -1, "mask": 1}, {"seed": 3, "mask": "large"}),
        ({"seed": [0, 2]}, {"seed": (1, 3)}),
        ({"seed": slice(1, None)}, {"seed": (2, 3)}),
        ({"seed": range(2), "guidance": 1}, {"seed": (1, 2), "guidance": 30}),
    ],
)
def test_isel_chooses_by_place(runs, results, places, labels):
    part = runs.isel(**places)
    check(part, labels, results)
    assert part.axes == runs.sel(**labels).axes


@pytest.mark.parametrize("wanted", [30, 30.0, 30 + 1e-12, 30 - 1e-12])
def test_numbers_are_the_same_within_rounding(runs, wanted):
    assert len(runs.sel(guidance=wanted)) == 6


def test_zipped_axes_are_chosen_together(client):
    sweep = Sweep(REQUEST, seed=[1, 2], guidance=[10, 30], steps=[15, 16])
    sweep = sweep.zipped("guidance", "steps")
    runs = SweepResult(sweep, [None] * 4)
    assert runs.sel(steps=16).axes == {"seed": (1, 2)}
    assert {point.request.guidance for point in runs.sel(steps=16).sweep} == {30}
    with pytest.raises(InvalidInput, match="No point has guidance=10, steps=16"):
        runs.sel(guidance=10, steps=16)


def test_of_a_sample_only_what_it_holds_can_be_chosen(results):
    numbers = [0, 7]
    runs = SweepResult(SWEEP.only(numbers), [results[0], results[7]])
    assert runs.sel(seed=1).one is results[0]
    with pytest.raises(InvalidInput, match="No point has seed=1, guidance=30: .* 2 of the 8 comb"):
        runs.sel(seed=1, guidance=30)
    with pytest.raises(InvalidInput, match="seed has no 3 here: there are 1, 2"):
        runs.sel(seed=3)


def test_one_is_the_only_result(runs, patchy, results):
    assert runs.sel(seed=2, guidance=30, mask="large").one is results[7]
    assert runs.sel(seed=[2], guidance=[30], mask="large").one is results[7]
    with pytest.raises(InvalidInput, match=r"12 points, not one: .* runs.sel\(seed=1, guidance="):
        _ = runs.one
    with pytest.raises(TaskFailed, match="out of memory"):
        _ = patchy.isel(seed=0, guidance=0, mask=1).one
    with pytest.raises(InvalidInput, match="not here yet: client.sweep"):
        _ = patchy.isel(seed=1, guidance=0, mask=0).one


def test_a_result_can_be_had_by_number(runs, patchy, results):
    assert runs[0] is results[0]
    assert runs[-1] is results[-1]
    with pytest.raises(IndexError, match="no point 12: there are 12"):
        runs[12]
    with pytest.raises(ContentModerated):
        patchy[2]
    with pytest.raises(InvalidInput, match=r"The picture of seed=2, guidance=10, mask='small' is"):
        patchy[4]
    for wrong in ("seed", {"seed": 1}, slice(0, 2)):
        with pytest.raises(InvalidInput, match=r"by labels with sel\(\)"):
            runs[wrong]


WRONG = [
    ({"guidance": 31}, "guidance has no 31 here: there are 10, 30."),
    ({"guidance": [10, 31]}, "guidance has no 31 here"),
    ({"guidance": "30"}, "guidance has no '30' here"),
    ({"guidance": True}, "guidance has no True here"),
    ({"mask": REQUEST.mask}, "mask has no <Mask 64 x 48"),
    ({"mask": "Small"}, "mask has no 'Small' here: there are 'small', 'large'."),
    ({"guidence": 30}, "There is no axis 'guidence' in this sweep: did you mean guidance?"),
    ({"steps": 15}, "steps is no axis of this sweep, it is 15 everywhere: the axes are seed, "),
    (
        {"colour": "red"},
        "There is no axis 'colour' in this sweep: the axes are seed, guidance, mask.",
    ),
    ({"seed": slice(0, 2)}, "sel() takes values of seed: for a slice, there is isel()."),
    ({"seed": []}, "seed is empty: name one or more of 1 to 3."),
]


@pytest.mark.parametrize(("labels", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_label_is_told(runs, labels, message):
    with pytest.raises(InvalidInput, match=re.escape(message)):
        runs.sel(**labels)


@pytest.mark.parametrize("place", [3, -4, "a", 1.5, None, [0, 7]])
def test_a_wrong_place_is_told(runs, place):
    with pytest.raises(
        InvalidInput, match=r"seed has no place .* 0 to 2\. To choose by value, use"
    ):
        runs.isel(seed=place)


def test_an_unknown_axis_is_told_by_isel_too(runs):
    with pytest.raises(InvalidInput, match="did you mean seed"):
        runs.isel(sed=0)


# -------------------------------------------------------------------------------------- outcomes


def test_results_errors_and_missing_make_up_the_points(patchy, results):
    points = SWEEP.points
    assert patchy.results == list(patchy) == [results[0], *results[5:]]
    assert list(patchy.errors) == list(points[1:4])
    assert patchy.missing == (points[4],)
    assert len(patchy) == 12
    assert [point for point, _ in patchy.items()] == list(points)
    assert [status(outcome) for outcome in patchy.outcomes[:5]] == list(STATES)
    assert patchy.services == ("local engine: patches",)


def test_errors_go_along_with_a_selection(patchy):
    part = patchy.sel(seed=1, guidance=30)
    assert [str(point) for point in part.errors] == ["mask='small'", "mask='large'"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SWEEP, []), "There are 0 outcomes for 12 points: give one for each"),
        ((SWEEP, [None] * 13), "There are 13 outcomes for 12 points"),
        ((SWEEP, [None] * 11 + ["done"]), "outcomes[11] is of type str: give a FillResult"),
        ((SWEEP, [ValueError()] * 12), "outcomes[0] is of type ValueError"),
        (([], SWEEP), "A SweepResult belongs to a Sweep, and was given a list."),
    ],
)
def test_outcomes_are_one_for_each_point(arguments, message):
    with pytest.raises(InvalidInput, match=re.escape(message)):
        SweepResult(*arguments)


def test_a_summary_says_what_became_of_the_points(runs, patchy):
    assert repr(runs).splitlines() == [
        "SweepResult of 12 points, 12 done: 3 seed x 2 guidance x 2 mask, local engine: patches",
        "  seed      1 to 3",
        "  guidance  10, 30",
        "  mask      'small', 'large'",
    ]
    first = repr(patchy).splitlines()[0]
    assert "8 done, 1 failed, 1 moderated, 1 unconfirmed, 1 missing: 3 seed" in first
    alone = runs.isel(seed=0, guidance=0, mask=0)
    assert repr(alone) == "SweepResult of 1 point, 1 done, local engine: patches"


def test_pickled_results_are_the_same(patchy):
    patchy.star(5, seed=3, guidance=30, mask="large")
    copied = pickle.loads(pickle.dumps(patchy))
    assert repr(copied) == repr(patchy)
    assert [result.encoded for result in copied] == [result.encoded for result in patchy]
    assert [result.seed for result in copied.best] == [3]
    assert [str(error) for error in copied.errors.values()] == [
        str(error) for error in patchy.errors.values()
    ]


# ----------------------------------------------------------------------------------------- stars


def test_the_best_are_those_with_the_most_stars(runs, results):
    with pytest.raises(InvalidInput, match=r"Nothing is starred yet, .* runs\.star\(seed=1, guid"):
        _ = runs.best
    runs.star(seed=1, guidance=10, mask="small")
    assert runs.best == [results[0]]
    runs.star(stars=3, seed=2, guidance=30, mask="large")
    runs.sel(mask="small").star(3, seed=3, guidance=30)
    assert runs.best == [results[7], results[10]]
    assert [runs.stars(point) for point in SWEEP] == [1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 3, 0]
    runs.star(0, seed=2, guidance=30, mask="large")
    assert runs.best == [results[10]]
    assert runs.sel(seed=1).best == [results[0]]
    with pytest.raises(InvalidInput, match="Nothing is starred"):
        _ = runs.sel(seed=2).best


def test_stars_are_kept_where_they_are_told_to(results):
    class Book(dict[str, int]):
        def stars(self, key: str) -> int:
            return self.get(key, 0)

        def star(self, key: str, stars: int) -> None:
            self[key] = stars

    book = Book()
    SweepResult(SWEEP, results, ratings=book).sel(seed=2).star(4, guidance=30, mask="large")
    assert book == {results[7].key: 4}
    assert SweepResult(SWEEP, results, ratings=book).best == [results[7]]


@pytest.mark.parametrize("stars", [6, -1, 2.5, True, "5", None])
def test_stars_are_0_to_5(runs, stars):
    with pytest.raises(InvalidInput, match="whole number, 0 to 5"):
        runs.star(stars, seed=1, guidance=10, mask="small")


def test_one_at_a_time_is_starred(runs):
    with pytest.raises(InvalidInput, match="12 points, .* Give seed=…, guidance=…, mask=… as well"):
        runs.star()
    with pytest.raises(InvalidInput, match="2 points with seed=1, guidance=10, .* Give mask=… as"):
        runs.star(seed=1, guidance=10)


def test_only_pictures_are_starred(patchy):
    with pytest.raises(InvalidInput, match="no picture to star at seed=1, guidance=30, .* moderat"):
        patchy.star(seed=1, guidance=30, mask="small")
    with pytest.raises(InvalidInput, match="it is missing"):
        patchy.star(seed=2, guidance=10, mask="small")


def test_stars_are_of_ones_own_points(runs):
    for other in (Sweep(REQUEST, seed=range(20)).points[15], runs.isel(seed=1).sweep.points[0], 3):
        with pytest.raises(InvalidInput, match="is no point of these results"):
            runs.stars(other)


# ---------------------------------------------------------------------------------------- tables


def test_a_table_has_a_row_for_each_point(patchy, results):
    rows = patchy.to_dicts()
    assert [{name: row[name] for name in AXES} for row in rows] == ROWS
    assert [row["status"] for row in rows[:5]] == list(STATES)
    assert rows[1]["reason"] == "The engine ran out of memory."
    assert rows[4]["reason"] is None
    assert rows[0]["price_usd"] == 0
    assert rows[0]["duration_s"] == results[0].duration
    assert rows[0]["service"] == "local engine: patches"
    assert len({tuple(row) for row in rows}) == 1, "the same columns"


def test_a_seed_that_is_no_axis_is_in_the_table(client):
    sweep = Sweep(REQUEST, guidance=[10])
    rows = SweepResult(sweep, [client.fill(sweep.points[0].request)]).to_dicts()
    assert rows[0]["seed"] == sweep.request.seed


def test_no_field_of_a_prompt_hides_a_column(client):
    sweep = Sweep(REQUEST, seed=[1])
    runs = SweepResult(sweep, [client.fill(sweep.points[0].request)])
    columns = {*runs.to_dicts()[0], *runs.metrics()[0]} - {"seed"}
    assert {"status", "stars", "drift"} < columns
    for name in columns:
        with pytest.raises(InvalidInput, match=f"{{{name}}}"):
            Sweep(REQUEST, prompt=f"a {{{name}}} vase", **{name: ["old", "new"]})
    # One value for all is no axis, and so no column.
    assert Sweep(REQUEST, prompt="a {status} vase", status="new").request.prompt == "a new vase"


def test_a_frame_is_the_table(patchy):
    pytest.importorskip("pandas")
    frame = patchy.to_frame()
    assert list(frame["seed"]) == [row["seed"] for row in ROWS]
    assert frame.set_index([*AXES]).loc[(2, 10, "small"), "status"] == "missing"


def test_without_pandas_the_remedy_is_told():
    """In a process of its own, in which pandas cannot be had."""
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "import fluxfill_nb as ff\n"
        "from fluxfill_nb.sweep import Sweep\n"
        "from fluxfill_nb.sweep import SweepResult\n"
        "request = ff.FillRequest(bytes.fromhex(sys.argv[1]), ff.Mask.full((2, 2)))\n"
        "try:\n"
        "    SweepResult(Sweep(request), [None]).to_frame()\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    picture = ff.FillRequest(Image.new("RGB", (2, 2)), ff.Mask.full((2, 2))).picture.encoded
    said = subprocess.run(
        [sys.executable, "-c", code, picture.hex()], capture_output=True, text=True, check=True
    )
    assert "pip install pandas" in said.stdout


def test_metrics_are_those_of_each_result(patchy, results):
    rows = patchy.metrics()
    done = [row for row, outcome in zip(ROWS, patchy.outcomes, strict=True) if outcome in results]
    assert [{name: row[name] for name in AXES} for row in rows] == done
    # The other seeds of guidance 30 and the large mask: those of points 7 and 11.
    expected = measure(results[11], others=[results[7]])
    assert {name: rows[-1][name] for name in METRICS} == expected
    assert expected["diversity"] > 0
    alone = patchy.sel(seed=1).metrics("diversity")
    assert [math.isnan(row["diversity"]) for row in alone] == [True]
    assert list(patchy.metrics("drift")[0]) == [*AXES, "drift"]


def test_metrics_leave_no_decoded_picture_behind(results):
    def pictures():
        gc.collect()
        return sum(isinstance(thing, Image.Image) for thing in gc.get_objects())

    # As a client without a store returns them, and none of them looked at yet.
    own = [ff.FillResult(result.task, result.encoded, result.service) for result in results]
    before = pictures()
    assert len(SweepResult(SWEEP, own).metrics()) == len(SWEEP)
    assert pictures() - before < len(SWEEP) / 2


def test_an_unknown_metric_is_refused(runs):
    with pytest.raises(InvalidOption, match="did you mean seam"):
        runs.metrics("seem")


# ----------------------------------------------------------------------------------------- again


def test_what_failed_is_sent_again_and_nothing_else(patchy, client, results):
    sent: list[tuple[list[str], tuple[str, ...]]] = []

    def again(sweep: Sweep, kinds: tuple[str, ...]) -> SweepResult:
        sent.append(([str(point) for point in sweep], kinds))
        return SweepResult(sweep, [client.fill(point.request) for point in sweep])

    before = SweepResult(SWEEP, patchy.outcomes, again=again)
    after = before.retry_failed()
    names = [str(point) for point in SWEEP]
    assert sent == [([names[1], names[2], names[4]], ("failed", "moderated", "expired"))]
    assert [status(outcome) for outcome in after.outcomes].count("done") == 11
    assert list(after.errors) == [SWEEP.points[3]]
    assert after[1].request == SWEEP.points[1].request
    assert after[0] is results[0]
    whole = after.retry_failed(unconfirmed=True)
    assert sent[1:] == [([names[3]], ("failed", "moderated", "expired", "unconfirmed"))]
    assert len(whole.results) == 12
    assert whole.retry_failed() is whole
    assert len(sent) == 2
    assert before.errors, "the old results stay as they were"


def test_a_selection_can_be_sent_again_too(patchy, client):
    def again(sweep: Sweep, _kinds: tuple[str, ...]) -> SweepResult:
        return SweepResult(sweep, [client.fill(point.request) for point in sweep])

    part = SweepResult(SWEEP, patchy.outcomes, again=again).sel(seed=1, guidance=10)
    after = part.retry_failed()
    assert after.axes == {"mask": ("small", "large")}
    assert [result.request for result in after] == [point.request for point in SWEEP.points[:2]]


def test_stars_survive_another_try(patchy, client):
    def again(sweep: Sweep, _kinds: tuple[str, ...]) -> SweepResult:
        return SweepResult(sweep, [client.fill(point.request) for point in sweep])

    before = SweepResult(SWEEP, patchy.outcomes, again=again)
    before.star(2, seed=1, guidance=10, mask="small")
    assert before.retry_failed().best == before.best


def test_without_a_client_the_remedy_is_told(patchy):
    with pytest.raises(InvalidInput, match=r"client\.sweep\(runs\.sweep, retry=\["):
        patchy.retry_failed()


# ----------------------------------------------------------------------------------------- views


def test_a_notebook_shows_text_and_a_picture(runs):
    shown = runs._repr_mimebundle_()
    assert shown["text/plain"] == repr(runs)
    picture = shown["image/jpeg"]
    file = base64.b64decode(picture) if isinstance(picture, str) else picture
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == "JPEG"
        assert image.width > 3 * SIZE[0]


def test_without_pictures_there_is_text_alone():
    assert list(SweepResult(SWEEP, [None] * 12)._repr_mimebundle_()) == ["text/plain"]


def test_more_axes_than_a_grid_has_room_for_are_told(client):
    sweep = Sweep(
        REQUEST, seed=[1, 2], guidance=[10, 30], steps=[15, 16], safety_tolerance=[1, 2],
        prompt=["a", "b"],
    )  # fmt: skip
    outcomes = [client.fill(sweep.points[0].request), *[None] * 31]
    shown = SweepResult(sweep, outcomes)._repr_mimebundle_()
    assert list(shown) == ["text/plain"]
    assert "has no place in this grid" in shown["text/plain"]


def test_the_views_are_loaded_when_asked_for():
    code = (
        "import sys, fluxfill_nb.sweep\n"
        "assert not {'matplotlib', 'pandas', 'httpx', 'fluxfill_nb.grid'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
