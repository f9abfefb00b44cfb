"""Grids: what stands where, that all of it can be read, and that the pixels are the results'."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import ContentModerated, InvalidOption, SubmissionUnconfirmed, TaskFailed
from fluxfill_nb.grid import Grid, plot
from fluxfill_nb.grid.fonts import measured
from fluxfill_nb.grid.layout import Box, Contents, Text, lay_out, wrapped
from fluxfill_nb.grid.places import Places, places_of
from fluxfill_nb.showing import Showing
from fluxfill_nb.sweep import Sweep, SweepResult
from fluxfill_nb.sweep.dimensions import Dimension

SIZE = (96, 64)
NOISE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
PICTURE = Image.fromarray(NOISE).resize(SIZE, Image.Resampling.BICUBIC)
MASK = ff.Mask.from_ellipse(SIZE, (30, 20, 60, 44))
REQUEST = ff.FillRequest(PICTURE, MASK, "a $5 vase_{x} & more")
TASK = ff.FillTask("t", "https://api.example.org/t", REQUEST)


def filled(request: ff.FillRequest, number: int) -> ff.FillResult:
    """Return a plain fill, of a colour of its own, with some drift outside."""
    colour = tuple(np.random.default_rng(number).integers(0, 256, 3).tolist())
    image = request.image.point(lambda value: min(255, value + number % 4))
    image.paste(colour, mask=request.mask.to_pil())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    task = ff.FillTask(f"t{number}", "https://api.example.org/t", request)
    return ff.FillResult(
        task, buffer.getvalue(), "local engine: patches", seed=request.seed, duration=4.5, price=0.0
    )


def runs_of(request: ff.FillRequest = REQUEST, **axes) -> SweepResult:
    sweep = Sweep(request.replace(prompt="a $5 vase"), **axes)
    return SweepResult(sweep, [filled(point.request, point.index) for point in sweep])


def texts_of(grid: Grid) -> list[str]:
    return [text.get_text() for text in grid.axes.texts]


def pixels(grid: Grid) -> Image.Image:
    """Return what a notebook shows."""
    data = grid._repr_mimebundle_()["image/jpeg"]
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    image.load()
    return image


@pytest.fixture(scope="module")
def runs() -> SweepResult:
    return runs_of(guidance=[10, 30, 60], seed=range(4))


# -------------------------------------------------------------------------- which axis goes where


def axes(**lengths: int) -> list[Dimension]:
    return [
        Dimension((name,), tuple((value,) for value in range(length)))
        for name, length in lengths.items()
    ]


WORDS = Dimension(("prompt",), tuple((f"a long text, number {n}",) for n in range(9)))


def placed(dimensions: Sequence[Dimension], col_wrap: int | None = None, **wanted: str):
    roles = dict.fromkeys(("row", "col", "panel", "page")) | wanted
    places = places_of(dimensions, roles, col_wrap)
    return {
        role: str(axis)
        for role in ("row", "col", "panel", "page")
        if (axis := getattr(places, role)) is not None
    }, places.wrap


@pytest.mark.parametrize(
    ("dimensions", "wanted", "expected"),
    [
        (axes(), {}, {}),
        (axes(seed=1), {}, {}),
        (axes(seed=4), {}, {"col": "seed"}),
        (axes(seed=4, guidance=3), {}, {"row": "guidance", "col": "seed"}),
        (axes(guidance=3, seed=3), {}, {"row": "guidance", "col": "seed"}),
        (axes(guidance=3, seed=4), {"row": "seed"}, {"row": "seed", "col": "guidance"}),
        (axes(guidance=3, seed=4), {"panel": "seed"}, {"col": "guidance", "panel": "seed"}),
        ([WORDS, *axes(seed=4)], {}, {"row": "prompt", "col": "seed"}),
        (
            axes(guidance=3, seed=4, steps=2),
            {},
            {"row": "guidance", "col": "seed", "panel": "steps"},
        ),
        (
            axes(guidance=3, seed=4, steps=2, tolerance=2),
            {"page": "tolerance"},
            {"row": "guidance", "col": "seed", "panel": "steps", "page": "tolerance"},
        ),
    ],
)
def test_axes_without_a_place_get_the_sensible_one(dimensions, wanted, expected):
    assert placed(dimensions, **wanted)[0] == expected


@pytest.mark.parametrize(
    ("count", "wrap"), [(1, None), (6, None), (7, 4), (10, 5), (12, 4), (16, 4), (24, 6)]
)
def test_many_columns_without_rows_are_wrapped(count, wrap):
    assert placed(axes(seed=count))[1] == wrap


@pytest.mark.parametrize(
    ("dimensions", "wanted", "wrap", "message"),
    [
        (axes(a=2, b=2, c=2), {"row": "a", "col": "b"}, None, r"panel='c' or page='c'.*sel\(c=0\)"),
        (axes(a=2, b=2, c=2, d=2), {}, None, r"The axis a \(0, 1\) has no place"),
        (axes(a=2, b=2), {"row": "a"}, 2, "b .* no place"),
        (axes(guidance=2), {"row": "guidence"}, None, "did you mean guidance"),
        (axes(guidance=2), {"col": "x"}, None, "no axis of this sweep: there are guidance"),
        (axes(a=2, b=2), {"row": "a", "col": "a"}, None, "given already"),
        (axes(a=2, b=2), {"row": "a", "col": "b"}, 2, "leave row= out"),
        (axes(a=2), {"row": "a"}, 2, "col_wrap needs columns"),
        (axes(a=2), {}, 0, "col_wrap is 0: it must be 1 or above"),
    ],
)
def test_what_cannot_be_placed_is_refused_with_the_remedy(dimensions, wanted, wrap, message):
    with pytest.raises(InvalidOption, match=message):
        placed(dimensions, wrap, **wanted)


def test_zipped_axes_go_by_either_name():
    sweep = Sweep(REQUEST.replace(prompt=""), guidance=[10, 30], steps=[20, 50], seed=range(2))
    sweep = sweep.zipped("guidance", "steps")
    runs = SweepResult(sweep, [filled(point.request, point.index) for point in sweep])
    grid = Grid(runs, row="steps")
    assert "steps = 50" in " ".join(texts_of(grid))
    assert "guidance = 30," in " ".join(texts_of(grid))
    assert "2 x 2" in repr(grid)


def test_points_that_are_not_in_the_sweep_stay_empty():
    sweep = Sweep(REQUEST.replace(prompt=""), guidance=[10, 30], seed=range(3))
    sweep = sweep.without(guidance=10, seed=1)
    runs = SweepResult(sweep, [filled(point.request, point.index) for point in sweep])
    image, grid = pixels(Grid(runs)), Grid(runs)
    left, top, _, _ = grid.box(guidance=30, seed=1)
    _, row, _, _ = grid.box(guidance=10, seed=0)
    assert image.getpixel((left + 30, row + 30)) == (255, 255, 255)
    assert image.getpixel((left + 30, top + 30)) != (255, 255, 255)
    with pytest.raises(InvalidOption, match="0 cells"):
        grid.box(guidance=10, seed=1)
    with pytest.raises(InvalidOption, match="3 cells"):
        grid.box(guidance=30)


# ----------------------------------------------------------------------------------- the layout


@settings(deadline=None)
@given(st.text(alphabet="ab \n", max_size=60), st.integers(1, 12), st.integers(1, 5))
def test_wrapped_lines_fit_and_hold_everything(text, width, most):
    lines = wrapped(text, width, len)
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(text.split())
    few = wrapped(text, width, len, most)
    assert len(few) <= most
    assert all(len(line) <= width for line in few)
    assert (few == lines) == (len(lines) <= most)


def of_text(text: Text) -> Box:
    """Where a text's ink can be."""
    width = max((measured(line, text.size, text.bold) for line in text.lines), default=0.0)
    left = {"left": text.x, "center": text.x - width / 2, "right": text.x - width}[text.align]
    return Box(left, text.y + 0.15 * text.size, width, text.height - 0.3 * text.size)


def overlap(one: Box, other: Box, slack: float = 0.5) -> bool:
    return (
        one.left + slack < other.left + other.width
        and other.left + slack < one.left + one.width
        and one.top + slack < other.top + other.height
        and other.top + slack < one.top + one.height
    )


labels = st.text(alphabet="abc xyz_", min_size=1, max_size=60)


@st.composite
def contents(draw: st.DrawFn) -> Contents[int]:
    """Any grid: its axes, how long their values are, and what is said around."""

    def axis(name: str, most: int) -> Dimension | None:
        count = draw(st.integers(0, most))
        names = (name, *draw(st.sampled_from([(), ("steps",), ("steps", "tolerance")])))
        if not count:
            return None
        texts = st.lists(labels, min_size=count, max_size=count, unique=True)
        return Dimension(names, tuple(zip(*(draw(texts) for _ in names), strict=True)))

    row, col, panel = axis("prompt", 4), axis("guidance", 7), axis("panel", 3)
    wrap = None
    if col is not None and row is None:
        wrap = draw(st.none() | st.integers(1, len(col)))
    cells = {}
    for p in range(len(panel) if panel else 1):
        for r in range(len(row) if row else 1):
            for c in range(len(col) if col else 1):
                place = (p, *divmod(c, wrap)) if wrap else (p, r, c)
                cells[place] = 1
    if draw(st.booleans()):
        cells |= {(p, 0 if wrap else r, -1): 0 for p, r, _ in list(cells)}
    elif draw(st.booleans()) and not wrap:
        cells |= {(p, -1, c): 0 for p, _, c in list(cells)}
    said = draw(st.lists(labels, max_size=4))
    side = draw(st.sampled_from([40, 100, 240, 360]))
    cell = (side, round(side * draw(st.sampled_from([0.5, 1.0, 1.5]))))
    captions = {place: said for place in cells if min(place) >= 0}
    scale = draw(st.none() | st.tuples(st.text("no change", max_size=9), labels))
    return Contents(
        Places(row, col, panel, wrap=wrap), cells, cell, captions, draw(labels), draw(labels), scale
    )


@settings(deadline=None, max_examples=150)
@given(contents())
def test_nothing_overlaps_and_nothing_is_cut_off(given_contents):
    page = lay_out(given_contents, measured)
    assert len(page.spots) == len(given_contents.cells)
    cells = [spot.box for spot in page.spots] + ([page.bar] if page.bar else [])
    texts = [of_text(text) for text in page.texts]
    for box in (*cells, *texts):
        assert box.left >= 0
        assert box.top >= 0
        assert box.left + box.width <= page.width + 0.5
        assert box.top + box.height <= page.height + 0.5
    everything = cells + texts
    for number, box in enumerate(everything):
        for other in everything[number + 1 :]:
            assert not overlap(box, other)


def test_long_prompts_are_numbered_and_explained_below():
    prompts = [f"number {n} of the things that belong " * 9 for n in range(5)]
    texts = texts_of(Grid(runs_of(prompt=prompts, seed=range(2)), row="seed", cell=100))
    for number in range(1, 6):
        assert texts.count(f"P{number}") == 2  # above the column, and in the legend
    assert any(text.startswith("prompt = number 4 of the things") for text in texts)


def test_axes_that_go_together_have_lines_of_their_own():
    prompts = [f"{what} with three white tulips" for what in ("a glass vase", "a pot", "one book")]
    sweep = {"prompt": prompts, "guidance": [10, 30, 60], "steps": [15, 20, 30], "seed": range(4)}
    runs = runs_of(**sweep)
    zipped = SweepResult(runs.sweep.zipped("prompt", "guidance", "steps"), [None] * 12)
    texts = texts_of(Grid(zipped, cell=120))
    assert {"guidance = 10", "steps = 15"} <= set(texts) or "guidance = 10, steps = 15" in texts
    assert not any(text.startswith("=") or text.endswith("=") for text in texts)


def test_what_long_labels_share_is_said_once():
    prompts = [f"a photograph of a {what} on a table, soft light, 35 mm" for what in ("jug", "cup")]
    texts = texts_of(Grid(runs_of(prompt=prompts, seed=range(4)), cell=200))
    assert {"prompt = … jug …", "prompt = … cup …"} <= set(texts)
    assert "a photograph of a … on a table, soft light, 35 mm" in " ".join(texts)
    wide = texts_of(Grid(runs_of(prompt=prompts), cell=360, col="prompt"))
    assert "prompt = … jug …" not in wide


def test_short_labels_are_not_numbered(runs):
    texts = texts_of(Grid(runs))
    assert {"guidance = 10", "seed = 3"} <= set(texts)
    assert not any(re.fullmatch(r"[A-Z]\d", text) for text in texts)


# ------------------------------------------------------------------------------------- the pixels


def test_each_cell_is_drawn_with_exactly_the_results_pixels(runs, tmp_path):
    grid = Grid(runs, cell=96)
    with Image.open(grid.save(tmp_path / "grid.png")) as image:
        assert image.size == (grid.figure.bbox.width, grid.figure.bbox.height)
        for point, result in runs.items():
            box = [round(edge) for edge in grid.box(**point.labels)]
            drawn = np.asarray(image.crop(box))[2:-2, 2:-2]  # within the thin frame
            assert np.array_equal(drawn, np.asarray(result.image)[2:-2, 2:-2])


@pytest.mark.parametrize("show", ["composited", "raw", "difference", "crop"])
def test_all_ways_of_showing_are_drawn(runs, show, tmp_path):
    grid = Grid(runs, show=show, cell=200)
    with Image.open(grid.save(tmp_path / "grid.png", dpi=100)) as image:
        left, top, right, bottom = (round(edge) for edge in grid.box(guidance=30, seed=2))
        drawn = np.asarray(image.crop((left, top, right, bottom)))[2:-2, 2:-2]
    result = runs.sel(guidance=30, seed=2).one
    wanted = Showing().picture(result, (right - left, bottom - top), show)
    assert np.array_equal(drawn, np.asarray(wanted)[2:-2, 2:-2])


def test_at_a_higher_resolution_the_pictures_have_more_pixels(runs, tmp_path):
    grid = Grid(runs, cell=48)
    with Image.open(grid.save(tmp_path / "grid.png", dpi=200)) as image:
        assert image.width == 2 * grid.figure.bbox.width
        box = [round(2 * edge) for edge in grid.box(guidance=30, seed=2)]
        drawn = np.asarray(image.crop(box))[2:-2, 2:-2]
    assert np.array_equal(drawn, np.asarray(runs.sel(guidance=30, seed=2).one.image)[2:-2, 2:-2])


def test_full_size_means_that_the_pictures_are_saved_pixel_for_pixel(runs, tmp_path):
    grid = Grid(runs, cell=24)
    with Image.open(grid.save(tmp_path / "grid.png")) as image:
        assert image.width == pytest.approx(4 * grid.figure.bbox.width, abs=4)


def test_what_the_notebook_gets_is_small(runs):
    bundle = Grid(runs, cell=300, max_px=500)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/jpeg"}
    image = pixels(Grid(runs, cell=300, max_px=500))
    assert max(image.size) == 500
    assert image.format == "JPEG"
    assert bundle["text/plain"] == "<Grid 3 x 4: rows guidance, columns seed, composited>"


def test_only_what_is_in_view_is_decoded(runs, monkeypatch, tmp_path):
    grid = Grid(runs)
    shown = []
    picture = Showing.picture

    def noted(self, result, *arguments, **options):
        shown.append(result)
        return picture(self, result, *arguments, **options)

    monkeypatch.setattr(Showing, "picture", noted)
    left, top, right, bottom = grid.box(guidance=30, seed=2)
    grid.axes.set_xlim(left, right)
    grid.axes.set_ylim(bottom, top)
    grid.save(tmp_path / "zoomed.png", dpi=50)
    assert shown == [runs.sel(guidance=30, seed=2).one]


def test_threads_draw_the_same(runs):
    wanted = pixels(Grid(runs)).tobytes()
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(pixels(Grid(runs)).tobytes()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 4


def test_a_notebook_shows_the_figure_itself_once(runs):
    """Whether or not anybody has said `%matplotlib inline`."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    bundle, _ = shell.display_formatter.format(Grid(runs).figure)
    assert set(bundle) == {"text/plain", "image/jpeg"}
    with Image.open(io.BytesIO(bundle["image/jpeg"])) as shown:
        assert shown.size == Grid(runs).figure.canvas.get_width_height()


def test_the_figure_can_be_tuned(runs):
    grid = Grid(runs)
    left, top, right, bottom = grid.box(guidance=30, seed=2)
    before = pixels(grid)
    grid.axes.plot([left, right], [top, bottom], color="red", linewidth=4)
    after = pixels(grid)
    middle = (round((left + right) / 2), round((top + bottom) / 2))
    assert before.getpixel(middle) != after.getpixel(middle)
    assert after.getpixel(middle)[0] > 200


# ----------------------------------------------------------------------------- what else is shown


def test_cells_without_a_picture_say_why():
    runs = runs_of(seed=range(4))
    outcomes = [
        ContentModerated("What the model made was refused. Change the prompt.", task=TASK),
        TaskFailed("The engine failed: out of memory.", task=TASK),
        SubmissionUnconfirmed("The answer was lost."),
        None,
    ]
    grid = Grid(SweepResult(runs.sweep, outcomes), cell=300)
    texts = " ".join(texts_of(grid))
    for said in ("moderated", "refused", "failed", "out of memory", "unconfirmed", "missing"):
        assert said in texts
    assert "0 of 4 done, 1 failed, 1 moderated, 1 unconfirmed, 1 missing" in texts
    assert pixels(grid).width > 1200


def test_a_damaged_picture_does_not_keep_the_others_from_being_shown(runs):
    outcomes = list(runs.outcomes)
    broken = outcomes[5]
    outcomes[5] = ff.FillResult(broken.task, b"\xff\xd8\xffnothing", broken.service)
    assert pixels(Grid(SweepResult(runs.sweep, outcomes))).size == pixels(Grid(runs)).size


def test_stars_are_shown_where_they_were_given():
    runs = runs_of(seed=range(3))
    runs.star(seed=1, stars=3)
    grid = Grid(runs)
    (stars,) = (text for text in grid.axes.texts if "★" in text.get_text())
    left, top, right, bottom = grid.box(seed=1)
    assert stars.get_text() == "★★★"
    assert left < stars.get_position()[0] < right
    assert top < stars.get_position()[1] < bottom


def test_captions_say_what_was_asked_for(runs):
    names = ("seed", "guidance", "steps", "duration", "price", "drift")
    texts = " ".join(texts_of(Grid(runs, caption=names, cell=500)))
    drift = runs.sel(guidance=30, seed=2).metrics("drift")[0]["drift"]
    assert f"seed 2 · guidance 30 · steps 50 · 4.5 s · free drift {drift:.2f}" in texts


def test_the_footer_says_which_service_and_which_settings():
    texts = texts_of(Grid(runs_of(REQUEST.replace(steps=20), seed=range(3))))
    assert any(text.startswith("local engine: patches · steps 20 · 3 of 3 done") for text in texts)


@pytest.mark.parametrize("title", [None, "", "A title"])
def test_the_title_is_the_prompt_unless_told_otherwise(runs, title):
    texts = texts_of(Grid(runs, title=title))
    assert ("a $5 vase" in texts) == (title is None)
    assert ("A title" in texts) == (title == "A title")


@pytest.mark.parametrize(
    ("prompt", "axes", "title"),
    [
        ("a {colour} vase", {"colour": ["red", "blue"]}, "a {colour} vase"),
        ("a bowl", {"prompt": ["a red vase"], "seed": [1, 2]}, "a red vase"),
        ("a bowl", {"prompt": ["a red vase", "a blue vase"]}, None),
    ],
)
def test_the_title_says_what_the_prompts_have_in_common(prompt, axes, title):
    sweep = Sweep(REQUEST.replace(prompt=prompt), **axes)
    texts = texts_of(Grid(SweepResult(sweep, [None] * len(sweep))))
    assert [text for text in texts if text in ("a bowl", title)] == ([title] if title else [])


def test_letters_that_no_font_has_are_drawn_as_boxes_without_a_warning():
    grid = Grid(runs_of(prompt=["花瓶 \U0001fab4 $x_1$", "a vase"]))
    assert pixels(grid).width > 100
    assert any("$x_1$" in text for text in texts_of(grid))


def test_the_original_comes_first_in_each_row(runs):
    plain, grid = Grid(runs, cell=100), Grid(runs, cell=100, original=True)
    left = grid.box(guidance=30, seed=0)[0]
    assert left - plain.box(guidance=30, seed=0)[0] > 100
    assert "original" in texts_of(grid)
    top = grid.box(guidance=30, seed=0)[1]
    kinds = [spot.content.kind for spot in grid._layout.spots if spot.box.top == top]
    assert sorted(kinds) == ["original", "picture", "picture", "picture", "picture"]


def pictured(**axes) -> SweepResult:
    masks = {
        "left": ff.Mask.from_box(SIZE, (4, 4, 40, 60)),
        "right": ff.Mask.from_box(SIZE, (50, 4, 90, 60)),
    }
    return runs_of(mask=masks, **axes)


def test_where_the_pictures_differ_by_column_the_originals_are_a_row():
    grid = Grid(pictured(seed=range(3)), row="seed", original=True)
    originals = [spot for spot in grid._layout.spots if spot.content.kind == "original"]
    assert len(originals) == 2
    assert len({spot.box.top for spot in originals}) == 1
    assert originals[0].box.top < grid.box(mask="left", seed=0)[1]


def test_an_original_for_each_cell_is_refused():
    with pytest.raises(InvalidOption, match="row='mask'"):
        Grid(pictured(), col="mask", col_wrap=1, original=True)._repr_mimebundle_()


def test_crops_of_different_masks_keep_their_proportions():
    runs = pictured()
    grid = Grid(runs, show="crop", cell=200)
    assert pixels(grid).width > 300


# ------------------------------------------------------------------------------------ panels, pages


@pytest.fixture(scope="module")
def many() -> SweepResult:
    return runs_of(guidance=[10, 30], seed=range(3), steps=[20, 50], safety_tolerance=[0, 6])


def test_the_third_axis_makes_panels_and_the_fourth_pages(many):
    with pytest.raises(InvalidOption, match="no place"):
        Grid(many)
    grid = Grid(many, row="guidance", col="seed", panel="steps", page="safety_tolerance")
    assert [page.pages for page in grid.pages] == [(page,) for page in grid.pages]
    assert len(grid.pages) == 2
    for number, page in enumerate(grid.pages):
        texts = texts_of(page)
        assert {"steps = 20", "steps = 50"} <= set(texts)
        assert any(f"safety_tolerance = {number * 6} ({number + 1} of 2)" in t for t in texts)
        page.box(guidance=30, seed=2, steps=50, safety_tolerance=number * 6)
    assert "grid.pages has all" in grid._repr_mimebundle_()["text/plain"]


def test_a_pdf_has_all_pages_and_other_files_one(many, tmp_path):
    grid = Grid(many, row="guidance", col="seed", panel="steps", page="safety_tolerance", cell=60)
    data = grid.save(tmp_path / "grid.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", data)) == 2
    with pytest.raises(InvalidOption, match=r"2 pages.*grid.pages\[0\].save\('page 1.png'\)"):
        grid.save(tmp_path / "grid.png")
    assert grid.pages[1].save(tmp_path / "page.png").exists()
    one = grid.pages[1].save(tmp_path / "page.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", one)) == 1


def test_svg_holds_each_picture(runs, tmp_path):
    root = ET.parse(Grid(runs, cell=60).save(tmp_path / "grid.svg")).getroot()
    assert len(list(root.iter("{http://www.w3.org/2000/svg}image"))) == 12


@pytest.mark.parametrize("name", ["grid.jpg", "grid.jpeg", "GRID.PNG"])
def test_files_are_what_their_names_say(runs, tmp_path, name):
    with Image.open(Grid(runs, cell=60).save(tmp_path / name)) as image:
        assert image.format == ("PNG" if name.endswith("PNG") else "JPEG")


# --------------------------------------------------------------------------------------- numbers


def test_a_metric_is_drawn_as_numbers_on_the_same_axes(runs):
    grid = Grid(runs, metric="drift")
    texts = texts_of(grid)
    numbers = [row["drift"] for row in runs.metrics("drift")]
    for number in numbers:
        assert f"{number:#.3g}".removesuffix(".") in texts
    assert any("lower is better" in text for text in texts)
    lowest = min(runs.metrics("drift"), key=lambda row: row["drift"])
    highest = max(runs.metrics("drift"), key=lambda row: row["drift"])
    image = pixels(grid)

    def corner(row):
        left, top, _, _ = grid.box(guidance=row["guidance"], seed=row["seed"])
        return sum(image.getpixel((round(left) + 5, round(top) + 5)))

    assert corner(highest) > corner(lowest) + 200


def test_a_metric_that_means_nothing_is_a_dash():
    runs = runs_of(ff.FillRequest(PICTURE, ff.Mask.full(SIZE)), seed=range(2))
    texts = texts_of(Grid(runs, metric="drift"))
    assert texts.count("–") == 3  # the cells, and the scale's left end


def test_the_scale_is_the_same_on_all_pages(many):
    grid = Grid(many, row="guidance", col="seed", panel="steps", page="safety_tolerance",
                metric="diversity")  # fmt: skip
    scales = [
        [text.lines for text in page.texts if abs(text.y - page.bar.top) < text.size]
        for page in (each._layout for each in grid.pages)
    ]
    assert len(scales[0]) == 2
    assert scales[0] == scales[1]


def test_a_plot_has_a_dot_for_each_result_and_a_line_through_the_means(runs):
    figure = plot(runs, "drift", "guidance")
    (dots,) = figure.axes[0].collections
    assert len(dots.get_offsets()) == 12
    (line,) = figure.axes[0].lines
    rows = runs.metrics("drift")
    for x, y in zip(*line.get_data(), strict=True):
        assert y == pytest.approx(np.mean([row["drift"] for row in rows if row["guidance"] == x]))


def test_a_plot_by_a_second_axis_has_a_line_for_each_value(runs):
    figure = plot(runs, "drift", "guidance", hue="seed")
    assert len(figure.axes[0].lines) == 4
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == [f"seed = {seed}" for seed in range(4)]


def test_a_plot_against_words_stands_in_their_order():
    figure = plot(runs_of(prompt=["$z", "a"], seed=range(2)), "seam", "prompt")
    figure.draw_without_rendering()
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == [r"\$z", "a"]


# ----------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"show": "zoom"}, "show is 'zoom'"),
        ({"caption": "sead"}, "did you mean seed"),
        ({"caption": ["seed", "colour"]}, "no caption 'colour'"),
        ({"metric": "drfit"}, "did you mean drift"),
        ({"cell": 3}, "cell is 3 px"),
        ({"max_px": 0}, "max_px is 0 px"),
    ],
)
def test_wrong_options_are_refused_at_once(runs, options, message):
    with pytest.raises(InvalidOption, match=message):
        Grid(runs, **options)


def test_wrong_files_and_axes_are_refused(runs, tmp_path):
    with pytest.raises(InvalidOption, match=r"\.png, \.jpg, \.jpeg, \.pdf, \.svg"):
        Grid(runs).save(tmp_path / "grid.gif")
    with pytest.raises(InvalidOption, match="dpi is 0"):
        Grid(runs).save(tmp_path / "grid.png", dpi=0)
    for x, hue in (("guidence", None), ("guidance", "sead")):
        with pytest.raises(InvalidOption, match="did you mean"):
            plot(runs, "drift", x, hue=hue)


def test_drawing_leaves_pyplot_alone():
    code = (
        "import sys, fluxfill_nb.grid; print('matplotlib.pyplot' in sys.modules); "
        "import fluxfill_nb.sweep"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
