"""A sweep: which points it has, what each sends, and what is said of what cannot be."""

from __future__ import annotations

import html
import itertools
import json
import math
import pickle
import re
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidImage, InvalidInput, InvalidMask, InvalidOption
from fluxfill_nb.sweep import Sweep

SIZE = (32, 24)
PICTURE = Image.linear_gradient("L").resize(SIZE).convert("RGB")
MASK = ff.Mask.from_box(SIZE, (8, 6, 24, 18))
REQUEST = ff.FillRequest(PICTURE, MASK, "a vase")
TEMPLATE = REQUEST.replace(prompt="a {colour} vase")
SECRET = "hush-hush-hush"


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=4, unique=True)


AXES = {
    "seed": several(st.integers(-(2**31), 2**31)),
    "guidance": several(st.integers(3, 200).map(lambda half: half / 2)),
    "steps": several(st.integers(15, 50)),
    "safety_tolerance": several(st.integers(0, 6)),
    "colour": several(st.text("abc {}é", min_size=1, max_size=6)),
    "output_format": several(st.sampled_from(["jpeg", "png"])),
}


@st.composite
def spaces(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Axes in any order; the prompt's field is always one of them."""
    names = draw(st.lists(st.sampled_from([*AXES][:3] + [*AXES][5:]), unique=True, max_size=3))
    names = draw(st.permutations([*names, "colour"]))
    return {name: draw(AXES[name]) for name in names}


def rows_of(axes: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The points of a product, as plain dicts."""
    return [dict(zip(axes, row, strict=True)) for row in itertools.product(*axes.values())]


def labels_of(sweep: Sweep) -> list[dict[str, Any]]:
    return [dict(point.labels) for point in sweep]


def check_requests(sweep: Sweep) -> None:
    """Every point sends exactly what its labels say."""
    for number, point in enumerate(sweep):
        settings = {name: label for name, label in point.labels.items() if name != "colour"}
        prompt = f"a {point.labels['colour']} vase"
        expected = sweep.request.replace(**settings, prompt=prompt)
        assert point.request == expected
        assert point.request.seed is not None
        assert point.index == number


# --------------------------------------------------------------------------------- which points


@given(axes=spaces())
def test_a_sweep_is_the_product_of_its_axes(axes):
    sweep = Sweep(TEMPLATE, **axes)
    assert labels_of(sweep) == rows_of(axes)
    assert sweep.shape == tuple(map(len, axes.values()))
    assert len(sweep) == math.prod(sweep.shape)
    assert sweep.axes == {name: tuple(values) for name, values in axes.items()}
    assert list(sweep.axes) == list(axes)
    assert sweep.dimensions == tuple((name,) for name in axes)
    check_requests(sweep)


@given(axes=spaces(), data=st.data())
def test_zipped_axes_go_together(axes, data):
    length = data.draw(st.integers(1, 4))
    pairs = {"safety_tolerance": list(range(length)), "steps": list(range(20, 20 + length))}
    axes = {name: values for name, values in axes.items() if name not in pairs}
    order = data.draw(st.permutations([*axes, *pairs]))
    mixed = {name: (axes | pairs)[name] for name in order}
    sweep = Sweep(TEMPLATE, **mixed).zipped(*data.draw(st.permutations([*pairs])))
    expected = [row for row in rows_of(mixed) if row["steps"] - 20 == row["safety_tolerance"]]
    assert sorted(map(str, labels_of(sweep))) == sorted(map(str, expected))
    assert len(sweep) == math.prod(sweep.shape) == len(expected)
    assert tuple(name for name in order if name in pairs) in sweep.dimensions
    assert list(sweep.axes) == order
    check_requests(sweep)


@given(axes=spaces(), seed=st.integers(), data=st.data())
def test_a_sample_is_a_part_in_order_and_the_same_again(axes, seed, data):
    whole = Sweep(TEMPLATE, **axes)
    count = data.draw(st.integers(1, len(whole)))
    sample = whole.sampled(count, seed=seed)
    rows, found = rows_of(axes), labels_of(sample)
    numbers = [rows.index(row) for row in found]
    assert numbers == sorted(set(numbers))
    assert len(sample) == count
    assert labels_of(whole.sampled(count, seed=seed)) == found
    assert sample.axes == {
        name: tuple(value for value in values if any(row[name] == value for row in found))
        for name, values in axes.items()
    }
    check_requests(sample)


def test_samples_differ_by_their_seed():
    whole = Sweep(REQUEST, seed=range(1000))
    samples = {whole.sampled(5, seed=seed).axes["seed"] for seed in range(20)}
    assert len(samples) == 20


def test_every_point_is_drawn_sometimes():
    whole = Sweep(REQUEST, seed=range(4), guidance=[10, 20])
    drawn = [str(whole.sampled(1, seed=seed).points[0]) for seed in range(200)]
    counts = [drawn.count(str(point)) for point in whole]
    assert min(counts) > 5


@given(axes=spaces(), data=st.data())
def test_without_labels_leaves_out_what_has_them_all(axes, data):
    sweep, rows = Sweep(TEMPLATE, **axes), rows_of(axes)
    names = data.draw(st.lists(st.sampled_from([*axes]), min_size=1, unique=True))
    out = {
        name: data.draw(
            st.sampled_from(axes[name]) | st.lists(st.sampled_from(axes[name]), min_size=1)
        )
        for name in names
    }

    def is_out(row: dict[str, Any]) -> bool:
        return all(
            row[name] in value if isinstance(value, list) else row[name] == value
            for name, value in out.items()
        )

    kept = [row for row in rows if not is_out(row)]
    assert [rows[number] for number in sweep.find(**out)] == [row for row in rows if is_out(row)]
    if kept:
        assert labels_of(sweep.without(**out)) == kept
        assert labels_of(sweep.without(is_out)) == kept
        check_requests(sweep.without(**out))
    else:
        with pytest.raises(InvalidInput, match="none is left"):
            sweep.without(**out)


@given(axes=spaces(), data=st.data())
def test_exclusions_and_samples_can_be_chained(axes, data):
    sweep = Sweep(TEMPLATE, **axes)
    rows = rows_of(axes)
    for _ in range(3):
        if len(rows) < 2:
            break
        out = data.draw(st.sampled_from(rows))
        rows = [row for row in rows if row != out]
        sweep = sweep.without(**out)
    assert labels_of(sweep) == rows
    sample = sweep.sampled(len(rows))
    assert labels_of(sample) == rows


@given(axes=spaces(), data=st.data())
def test_points_can_be_given_one_by_one(axes, data):
    rows = data.draw(st.permutations(rows_of(axes)))
    rows = rows[: data.draw(st.integers(1, len(rows)))]
    sweep = Sweep.from_points(TEMPLATE, rows)
    assert labels_of(sweep) == rows
    assert set(sweep.axes) == set(axes)
    check_requests(sweep)


def test_a_frame_gives_points():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"seed": [3, 1, 2], "guidance": [30, 30, 60.5]})
    sweep = Sweep.from_points(REQUEST, frame)
    assert [(point.request.seed, point.request.guidance) for point in sweep] == [
        (3, 30), (1, 30), (2, 60.5),
    ]  # fmt: skip
    assert Sweep(REQUEST, seed=frame["seed"]).axes == {"seed": (3, 1, 2)}


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        (1, 2, 3),
        range(1, 4),
        (number for number in (1, 2, 3)),
        np.arange(1, 4),
        np.array([1.0, 2.0, 3.0]),
        {1: None, 2: None, 3: None}.keys(),
        [np.int64(1), np.uint8(2), 3],
        iter([1, 2, 3]),
    ],
    ids=lambda values: type(values).__name__,
)
def test_any_row_of_values_is_an_axis(values):
    sweep = Sweep(REQUEST, seed=values)
    assert sweep.axes == {"seed": (1, 2, 3)}
    assert all(type(label) is int for label in sweep.axes["seed"])


@pytest.mark.parametrize("value", [30, 30.0, np.float32(30), np.array(30), "30"])
def test_a_single_value_is_no_axis(value):
    sweep = Sweep(REQUEST, guidance=value, seed=[1])
    assert sweep.axes == {"seed": (1,)}
    assert sweep.request.guidance == sweep.points[0].request.guidance == 30


def test_numbers_keep_the_digits_they_were_given_in():
    sweep = Sweep(REQUEST, guidance=np.array([2.1, 3.3], dtype=np.float32))
    assert sweep.axes == {"guidance": (2.1, 3.3)}


def test_none_stands_for_the_default():
    assert Sweep(REQUEST, guidance=[None, 30]).axes == {"guidance": (60, 30)}
    assert Sweep(REQUEST, guidance=None).request.guidance is None


def test_values_can_have_names():
    long = "a vase of " + "very " * 30 + "old glass"
    sweep = Sweep(REQUEST, prompt={"short": "a vase", "long": long})
    assert sweep.axes == {"prompt": ("short", "long")}
    assert [point.request.prompt for point in sweep] == ["a vase", long]
    assert sweep.find(prompt="long") == [1]


# --------------------------------------------------------------------------------------- prompts


def test_fields_of_a_prompt_are_axes():
    sweep = Sweep(
        REQUEST, prompt=["a {colour} {thing}", "one {thing}, {colour}"],
        colour=["red", "blue"], thing="vase",
    )  # fmt: skip
    assert sweep.axes == {
        "prompt": ("a {colour} vase", "one vase, {colour}"), "colour": ("red", "blue"),
    }  # fmt: skip
    assert [point.request.prompt for point in sweep] == [
        "a red vase", "a blue vase", "one vase, red", "one vase, blue",
    ]  # fmt: skip


def test_a_field_with_one_value_is_filled_in():
    sweep = Sweep(TEMPLATE, colour="red", seed=[1, 2])
    assert sweep.request.prompt == "a red vase"
    assert sweep.axes == {"seed": (1, 2)}


def test_numbers_go_into_prompts_as_people_write_them():
    prompts = [p.request.prompt for p in Sweep(REQUEST, prompt="{n} vases", n=[2, 2.5, 3.0])]
    assert prompts == ["2 vases", "2.5 vases", "3 vases"]


def test_settings_and_pictures_go_into_prompts_too():
    sweep = Sweep(
        REQUEST, prompt="{steps} petals on the {mask}", steps=[15, 20],
        mask={"left": MASK, "right": MASK.grow(1)},
    )  # fmt: skip
    assert sweep.points[-1].request.prompt == "20 petals on the right"


@pytest.mark.parametrize(
    "prompt", ["{", "}", "{}", "{ }", "{0}", "{a b}", "100 % {1}", "{{", '{"a": 1}']
)
def test_other_braces_are_left_alone(prompt):
    assert Sweep(REQUEST, prompt=prompt, seed=[1]).points[0].request.prompt == prompt


def test_a_field_can_stand_for_itself():
    assert Sweep(REQUEST, prompt="a {b}", b="{b}").points[0].request.prompt == "a {b}"


# ------------------------------------------------------------------------------------------ seed


def test_a_seed_is_drawn_once_and_for_all():
    sweep = Sweep(REQUEST, guidance=[10, 30])
    seeds = {point.request.seed for point in sweep}
    assert seeds == {sweep.request.seed}
    assert 0 <= seeds.pop() < 2**31
    assert all(point.request.is_repeatable for point in sweep)


def test_the_drawn_seed_is_the_same_again_and_with_more_values():
    again = ff.FillRequest(PICTURE.copy(), ff.Mask(MASK.array.copy()), "a vase")
    seeds = {
        Sweep(request, guidance=values).request.seed
        for request in (REQUEST, again)
        for values in ([10, 30], [10, 30, 60], 30)
    }
    assert len(seeds) == 1
    assert Sweep(REQUEST.replace(prompt="a jug")).request.seed not in seeds


@pytest.mark.parametrize("axes", [{"seed": 7}, {"seed": [7]}])
def test_a_given_seed_is_kept(axes):
    assert Sweep(REQUEST, **axes).points[0].request.seed == 7
    assert Sweep(REQUEST.replace(seed=7), guidance=[10, 30]).request.seed == 7


# -------------------------------------------------------------------------------------- pictures


def test_masks_and_images_are_axes():
    other = Image.new("RGB", SIZE, "teal")
    sweep = Sweep(
        REQUEST, image={"ramp": PICTURE, "teal": other}, mask=[MASK, ~MASK], guidance=[10, 30]
    )
    assert sweep.axes["image"] == ("ramp", "teal")
    assert sweep.axes["mask"] == ("mask 1", "mask 2")
    for point in sweep:
        expected = PICTURE if point.labels["image"] == "ramp" else other
        assert point.request.image.tobytes() == expected.tobytes()
        assert point.request.mask == (MASK if point.labels["mask"] == "mask 1" else ~MASK)
        assert point.request.guidance == point.labels["guidance"]


def test_pictures_of_any_kind_are_one_value_or_several(tmp_path):
    path = tmp_path / "left.png"
    MASK.to_pil().save(path)
    for single in (MASK, MASK.array, MASK.to_pil(), path, str(path), path.read_bytes()):
        assert Sweep(REQUEST, mask=single, seed=[1]).axes == {"seed": (1,)}
    with path.open("rb") as file:
        assert Sweep(REQUEST, mask=file).axes == {}
    (tmp_path / "right.png").write_bytes((~MASK).to_png())
    found = Sweep(REQUEST, mask=sorted(tmp_path.glob("*.png")))
    assert found.axes == {"mask": ("left.png", "right.png")}
    mixed = Sweep(REQUEST, mask=[str(path), ~MASK])
    assert mixed.axes == {"mask": ("mask 1", "mask 2")}


def test_pictures_of_several_sizes_go_with_their_masks():
    small = Image.new("RGB", (10, 8), "teal")
    sweep = Sweep(REQUEST, image=[PICTURE, small], mask=[MASK, ff.Mask.full((10, 8))])
    with pytest.raises(InvalidMask, match="image 1 with mask 2: The mask has 10 x 8 px"):
        _ = sweep.points
    assert "It cannot be sent like this. image 1 with mask 2" in repr(sweep)
    pairs = sweep.zipped("image", "mask")
    assert [point.request.image.size for point in pairs] == [SIZE, (10, 8)]
    assert pairs.shape == (2,)


def test_another_picture_comes_with_its_own_masks():
    small, mask = Image.new("RGB", (10, 8), "teal"), ff.Mask.from_box((10, 8), (2, 2, 6, 6))
    for axes in ({"image": small, "mask": [mask, ~mask]}, {"image": [small], "mask": mask}):
        for point in Sweep(REQUEST, **axes):
            assert point.request.image.tobytes() == small.tobytes()
            assert point.request.mask.size == (10, 8)
    assert [point.request.mask for point in Sweep(REQUEST, image=small, mask=[mask, ~mask])] == [
        mask, ~mask,
    ]  # fmt: skip


@pytest.mark.parametrize("wanted", [2_000_000_001, 1, True, 2e9 + 10])
def test_seeds_are_the_same_only_exactly(wanted):
    sweep = Sweep(REQUEST, seed=[2_000_000_000, 2_000_000_002], prompt_upsampling=[True])
    with pytest.raises(InvalidInput, match="seed has no"):
        sweep.find(seed=wanted)
    with pytest.raises(InvalidInput, match="prompt_upsampling has no 1 here"):
        sweep.find(prompt_upsampling=1)
    assert sweep.find(seed=2_000_000_002, prompt_upsampling=True) == [1]


def test_rows_can_hold_pictures():
    other = ~MASK
    sweep = Sweep.from_points(
        REQUEST, [{"mask": MASK, "seed": 1}, {"mask": other, "seed": 2}, {"mask": MASK, "seed": 3}]
    )
    assert [point.request.mask == other for point in sweep] == [False, True, False]
    assert sweep.axes == {"mask": ("mask 1", "mask 2"), "seed": (1, 2, 3)}


def test_the_encoded_picture_is_shared_by_all_points():
    sweep = Sweep(REQUEST, mask=[MASK, ~MASK], seed=range(50))
    tails = {id(point.request.body()[1]) for point in sweep}
    assert len(tails) == 2
    parts = [sweep.sampled(30), sweep.without(seed=3), sweep.only([7, 60])]
    assert {id(point.request.body()[1]) for part in parts for point in part} == tails


def test_a_thousand_points_of_a_large_picture_are_cheap():
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    request = ff.FillRequest(noise, ff.Mask.from_box((1024, 1024), (9, 9, 400, 400)), "{n} vases")
    first = Sweep(request, n=range(2), seed=[1]).points[0].request
    first.body()
    start = time.process_time()
    sweep = Sweep(request, n=range(10), seed=range(100))
    sent = sum(len(point.request.body()[0]) for point in sweep)
    assert sent > 1000 * 50
    # The picture is encoded anew for a new sweep, once: that alone is most of it.
    assert time.process_time() - start < 1


# ------------------------------------------------------------------------------------ many points


def test_a_space_of_millions_takes_no_time_until_it_is_listed():
    start = time.process_time()
    sweep = Sweep(REQUEST, seed=range(15_000), guidance=range(2, 100), steps=range(15, 51))
    assert len(sweep) == 15_000 * 98 * 36
    assert "52,920,000 fills" in repr(sweep)
    assert len(sweep.sampled(100).points) == 100
    assert time.process_time() - start < 3
    for listing in (lambda: sweep.points, lambda: sweep.without(seed=1)):
        with pytest.raises(InvalidInput, match=r"52,920,000 points, .*sampled\(1000\)"):
            listing()


def test_more_combinations_than_can_be_counted_are_refused():
    fields = {name: range(10_000) for name in "abcde"}
    with pytest.raises(InvalidInput, match=r"The axes have 1e\+20 combinations: give fewer"):
        Sweep(REQUEST, prompt="{a}{b}{c}{d}{e}", **fields)


# ---------------------------------------------------------------------------------------- errors

PAIR = ("seed", "steps")
WRONG = [
    (lambda: Sweep(PICTURE), "made of one FillRequest .* not of (Image)"),
    (lambda: Sweep(PICTURE, MASK, seed=[1]), "not of (Image, Mask)"),
    (lambda: Sweep(REQUEST, {"seed": [1, 2]}), "axes by name"),
    (lambda: Sweep(REQUEST, seed=[]), "seed has no values: give at least one."),
    (lambda: Sweep(REQUEST, seed=range(0)), "seed has no values"),
    (lambda: Sweep(REQUEST, seed={1, 2}), "seed is a set, which has no order: give a list."),
    (lambda: Sweep(REQUEST, seed=[1, 2, 1]), "seed has 1 twice: give each value once."),
    (lambda: Sweep(REQUEST, guidance=[30, 30.0]), "guidance has 30 twice"),
    (lambda: Sweep(REQUEST, guidance=[None, 60]), "guidance has 60 twice"),
    (lambda: Sweep(REQUEST, seed=[None, 1]), "seed is None: it must be a whole number, as range"),
    (lambda: Sweep(REQUEST, seed=itertools.count()), "seed has over 100,000 values"),
    (lambda: Sweep(REQUEST, seed=range(10**12)), "seed has over 100,000 values"),
    (lambda: Sweep(REQUEST, seed=[[1, 2], [3]]), "seed is [1, 2], [3]: each must be a whole"),
    (lambda: Sweep(REQUEST, seed="0-3"), "seed is '0-3': .* a range as in seed=range(4)"),
    (lambda: Sweep(REQUEST, seed=["0-3"]), "seed is '0-3': it must be a whole number"),
    (lambda: Sweep(REQUEST, guidance=[True]), "guidance is True: it must be a number"),
    (lambda: Sweep(REQUEST, guidance=0), "guidance is 0: it must be a number from 1.5 to 100"),
    (lambda: Sweep(REQUEST, guidance=[math.nan]), "guidance is nan: it must be a number"),
    (lambda: Sweep(REQUEST, guidance=range(300)), "guidance is 0, 1, 101, .* and 193 more: each"),
    (lambda: Sweep(REQUEST, guidence=[1, 2]), "There is no setting 'guidence': did you mean guid"),
    (lambda: Sweep(REQUEST, Seed=range(3)), "did you mean seed?"),
    (lambda: Sweep(REQUEST, colour=["red"]), "There is no setting 'colour': .*='a {colour} vase'"),
    (lambda: Sweep(TEMPLATE), "The prompt has the field {colour}, and nothing says"),
    (lambda: Sweep(TEMPLATE, color=["red"]), "'color': did you mean colour?"),
    (
        lambda: Sweep(REQUEST, prompt="{stars} {drift}", stars=[1, 2], drift=["snow", "sand"]),
        "field {stars} has the name of .*: call it otherwise, such as {the_stars}.\nThe .*{drift}",
    ),
    (lambda: Sweep(TEMPLATE, colour=[None]), "colour is None: it must be text or a number"),
    (lambda: Sweep(REQUEST, prompt=[5]), "prompt is 5: it must be text."),
    (lambda: Sweep(REQUEST, prompt=["a", "b", "a"]), "prompt has 'a' twice"),
    (lambda: Sweep(REQUEST, webhook_url=["https://a.example"]), "webhook_url is no axis"),
    (lambda: Sweep(REQUEST, mask=[MASK, "x.png"]), "mask 2: As a mask: There is no file 'x.png'"),
    (lambda: Sweep(REQUEST, image=["x.png", "y.png"]), "x.png: There is no .*\ny.png: There is no"),
    (lambda: Sweep(REQUEST, mask=[ff.Mask.full((9, 9))]), "mask 1: The mask has 9 x 9 px"),
    (lambda: Sweep(REQUEST, mask=[]), "mask has no values"),
    (lambda: Sweep(REQUEST, mask=[MASK, ff.Mask.empty(SIZE)]), "mask 2: The mask is empty"),
    (
        lambda: Sweep(REQUEST, mask={"a": MASK, "b": ~MASK, "c": MASK}),
        "mask has the same under two names, 'a' and 'c'",
    ),
    (lambda: Sweep(REQUEST, seed=[1, 2]).zipped("seed"), "two axes or more"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).zipped(["seed", "steps"]), "two axes or more"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).zipped("seed", "steps"), "There is no axis 'steps'"),
    (
        lambda: Sweep(REQUEST, seed=[1, 2], steps=[15]).zipped("seed", "steps"),
        "as many values each; there are 2 seed, 1 steps",
    ),
    (
        lambda: Sweep(REQUEST, seed=[1], steps=[15]).zipped(*PAIR).zipped(*PAIR),
        "seed is zipped already",
    ),
    (
        lambda: Sweep(REQUEST, seed=[1, 2], steps=[15, 16]).sampled(3).zipped("seed", "steps"),
        "Zip first",
    ),
    (lambda: Sweep(REQUEST, seed=[1, 2]).sampled(3), "sampled(3): .* from 1 to 2"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).sampled(0), "sampled(0): .* from 1 to 2"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).sampled(0.5), "a whole number from 1 to 2"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).without(), "without() needs labels"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).without(1), "give a function, or labels by name"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).without(seed=3), "seed has no 3 here: there are 1, 2."),
    (lambda: Sweep(REQUEST, seed=[1, 2]).without(steps=3), "'steps' in this sweep: the axes are"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).find(steps=3), "steps is no axis of this sweep, it is 50"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).find(sed=3), "'sed' in this sweep: did you mean seed?"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).find(seed=[]), "seed is empty: name one or more of 1, 2"),
    (lambda: Sweep(REQUEST, guidance={1: 10, "1": 60}), "guidance has '1' twice"),
    (
        lambda: Sweep(REQUEST, seed=range(10**5), steps=range(15, 51)).find(seed=1),
        "The sweep has 3,600,000 points, too many to go through",
    ),
    (lambda: Sweep(REQUEST, seed=[1, 2]).only([1, 0]), "must rise within 0 to 1"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).only([0, 2]), "must rise within 0 to 1, .* 0, 2"),
    (lambda: Sweep(REQUEST, seed=[1, 2]).only([]), "one or more"),
    (lambda: Sweep.from_points(REQUEST, []), "rows is empty"),
    (lambda: Sweep.from_points(REQUEST, {"seed": [1]}), "rows is a dict: give a list of dicts"),
    (lambda: Sweep.from_points(REQUEST, "seed=1"), "rows is a str: give a list of dicts"),
    (lambda: Sweep.from_points(REQUEST, [1]), "rows[0] is 1: it must be a dict"),
    (
        lambda: Sweep.from_points(REQUEST, [{"seed": 1, "steps": 15}, {"seed": 2}]),
        "rows[0] and rows[1] do not have the same names: only one of them has steps",
    ),
    (
        lambda: Sweep.from_points(REQUEST, [{"seed": 1}, {"seed": 2}, {"seed": 1.0}]),
        "rows[0] and rows[2] are the same point",
    ),
    (lambda: Sweep.from_points(REQUEST, [{"seed": [1, 2]}]), "several values of seed"),
    (lambda: Sweep.from_points(REQUEST, [{"steps": 5}]), "steps is 5: it must be a whole number"),
]  # fmt: skip


@pytest.mark.parametrize(("attempt", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_is_said(attempt, message):
    pattern = re.escape(message).replace(r"\.\*", ".*")
    with pytest.raises(InvalidInput, match=pattern):
        attempt()


def test_one_error_lists_everything_that_is_wrong():
    with pytest.raises(InvalidOption) as caught:
        Sweep(REQUEST, guidance=[0, 30, 101], steps=[99], seeds=[1], safety_tolerance=7)
    assert str(caught.value).splitlines() == [
        "guidance is 0, 101: each must be a number from 1.5 to 100.",
        "steps is 99: it must be a whole number from 15 to 50.",
        "safety_tolerance is 7: it must be a whole number from 0 to 6.",
        "There is no setting 'seeds': did you mean seed?",
    ]


def test_the_kind_of_the_error_is_that_of_what_is_wrong():
    with pytest.raises(InvalidImage):
        Sweep(REQUEST, image=["nowhere.png", b"nothing"])
    with pytest.raises(InvalidInput) as mixed:
        Sweep(REQUEST, image=["nowhere.png"], steps=[0])
    assert type(mixed.value) is InvalidInput


def test_points_that_would_send_the_same_are_refused():
    sweep = Sweep(REQUEST, prompt=["a {colour} vase", "a vase"], colour=["red", "blue"])
    with pytest.raises(InvalidInput) as caught:
        _ = sweep.points
    assert "(prompt='a vase', colour='red') and (prompt='a vase', colour='blue')" in str(
        caught.value
    )
    assert str(caught.value) in repr(sweep)
    assert len(sweep.without(prompt="a vase", colour="blue").points) == 3


@pytest.mark.parametrize("name", ["request", "points", "axes", "anything"])
def test_a_sweep_is_frozen(name):
    with pytest.raises(AttributeError, match="frozen"):
        setattr(Sweep(REQUEST, seed=[1]), name, None)


# -------------------------------------------------------------------------------------- speaking


def test_a_sweep_says_what_it_is_and_costs():
    sweep = Sweep(TEMPLATE, colour=["red", "blue"], guidance=[10, 30.5], seed=range(4))
    assert repr(sweep).splitlines() == [
        "Sweep of 16 fills: 2 colour x 2 guidance x 4 seed",
        "  colour    'red', 'blue'",
        "  guidance  10, 30.5",
        "  seed      0 to 3",
        "in common: prompt 'a {colour} vase'",
        "at most $0.80 on the hosted service ($0.05 a fill), free on the local engine",
    ]


def test_a_drawn_seed_is_said():
    sweep = Sweep(REQUEST, guidance=[10, 30], steps=20)
    assert f"seed {sweep.request.seed} (drawn once for all)" in repr(sweep)
    assert "drawn" not in repr(Sweep(REQUEST, seed=3))


def test_parts_and_pairs_are_said():
    sweep = Sweep(REQUEST, guidance=[10, 30], steps=[15, 20], seed=range(3))
    assert "6 fills: 2 guidance + steps x 3 seed\n" in repr(sweep.zipped("guidance", "steps"))
    assert "11 fills: 2 guidance x 2 steps x 3 seed, 11 of the 12" in repr(sweep.only(range(11)))
    assert repr(Sweep(REQUEST, seed=3)).startswith("Sweep of 1 fill\n")


def test_before_paying_it_is_said_what_is_there_and_what_the_rest_costs(tmp_path):
    sweep = Sweep(REQUEST.replace(steps=15), seed=range(5))
    with ff.connect("local", store=tmp_path) as local:
        for number in (0, 4):
            local.fill(sweep.points[number].request)
        text = sweep.describe(local)
        there, told = "2 of 5 are there already, 3 to send", r"about \d+ s"
        assert re.search(rf"\n{there}: free, {told}, local engine: patches$", text)
        assert sweep.only([0, 4]).describe(local).endswith("\n2 of 2 are there already, 0 to send")
    # Another service has made none of them, though the store is the same.
    address = {"base_url": "http://there.example", "store": tmp_path}
    with ff.FluxFill(**address, price=0.04) as priced, ff.FluxFill(**address) as unknown:
        told = "0 of 5 are there already, 5 to send"
        assert f"{told}: at most $0.20 ($0.04 a fill), there.example" in sweep.describe(priced)
        assert f"{told}: at a price that is not known" in sweep.describe(unknown)


def test_the_price_is_that_of_all_points():
    sweep = Sweep(REQUEST, seed=range(3))
    assert sweep.price() == 0.15
    assert sweep.price(0.01) == 0.03


def test_a_notebook_shows_a_table_with_everything_escaped():
    sweep = Sweep(REQUEST, prompt=["<script>alert(1)</script>", "a & b"], seed=range(3))
    page = sweep._repr_html_()
    assert "<script" not in page
    assert html.escape("<script>alert(1)</script>") in page
    assert "6 fills" in page
    assert "$0.30" in page


def test_no_secret_is_said_or_kept():
    request = REQUEST.replace(webhook_url="https://hook.example/", webhook_secret=SECRET)
    sweep = Sweep(request, seed=range(3))
    sent = Sweep(REQUEST, webhook_url="https://hook.example/", webhook_secret=SECRET, seed=[1])
    for one in (sweep, sent):
        for text in (repr(one), one._repr_html_(), json.dumps(one.to_dict()), repr(one.points)):
            assert SECRET not in text
            assert "hook.example" not in text
        assert one.points[0].request.webhook_secret.get_secret_value() == SECRET


def test_a_sweep_can_be_written_down():
    sweep = Sweep(
        REQUEST, mask={"in": MASK, "out": ~MASK}, guidance=[10, 30], steps=[15, 20]
    ).zipped("guidance", "steps")
    said = json.loads(json.dumps(sweep.to_dict()))
    assert said["axes"] == {"mask": ["in", "out"], "guidance": [10, 30], "steps": [15, 20]}
    assert said["dimensions"] == [["mask"], ["guidance", "steps"]]
    assert said["values"] == {"mask": {"in": MASK.digest, "out": (~MASK).digest}}
    assert said["settings"]["seed"] == sweep.request.seed
    assert said["image"] == {"size": list(SIZE), "sha256": REQUEST.picture.digest}
    assert said["points"] is None
    part = sweep.without(mask="in", guidance=10)
    assert json.loads(json.dumps(part.to_dict()))["points"] == labels_of(part)


def test_points_say_which_they_are():
    sweep = Sweep(REQUEST, guidance=[10, 30.5], prompt=["a", "b"])
    assert repr(sweep.points[3]) == "<Point 3: guidance=30.5, prompt='b'>"
    assert str(Sweep(REQUEST).points[0]) == "the only one"


def test_a_pickled_sweep_is_the_same():
    sweep = Sweep(TEMPLATE, colour=["red", "blue"], mask=[MASK, ~MASK]).sampled(3)
    copied = pickle.loads(pickle.dumps(sweep))
    assert [point.request for point in copied] == [point.request for point in sweep]
    assert repr(copied) == repr(sweep)


def test_the_request_of_a_part_has_what_its_points_agree_on():
    sweep = Sweep(TEMPLATE, colour=["red", "blue"], mask=[MASK, ~MASK], guidance=[10, 30])
    numbers = sweep.find(colour="blue", mask="mask 2")
    part = sweep.only(numbers, drop=["colour", "mask"])
    assert part.axes == {"guidance": (10, 30)}
    assert part.request.prompt == "a blue vase"
    assert part.request.mask == ~MASK
    assert [dict(point.labels) for point in part] == [{"guidance": 10}, {"guidance": 30}]
    assert [p.request for p in part] == [sweep.points[number].request for number in numbers]
