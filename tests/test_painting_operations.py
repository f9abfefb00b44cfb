"""Operations: they paint the pixels of `Mask`, stay within their reach, and refuse the rest."""

from __future__ import annotations

import copy
import io
import itertools
import math
import pickle
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidImage, InvalidInput, InvalidMask, InvalidOption, MaskWarning
from fluxfill_nb.mask import morphology
from fluxfill_nb.painting import (
    Clear,
    Ellipse,
    Feather,
    Fill,
    FillHoles,
    Grow,
    Invert,
    Load,
    Operation,
    Polygon,
    Rectangle,
    Shrink,
    Stroke,
    Wand,
)

Grey = NDArray[np.uint8]

SIZE = (40, 28)
SHAPE = SIZE[::-1]
# A quarter of the coordinates are far out, some of them at the limit.
COORDINATES = st.one_of(
    st.floats(-20, 60), st.integers(-20, 60), st.floats(0, 30), st.sampled_from([-1e6, 1e6, 3000.3])
)
POINTS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=6)
CORNERS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=3, max_size=7)
BRUSHES = st.floats(1, 60)
HARDNESSES = st.floats(0, 1)
MODES = st.sampled_from(["add", "subtract", "replace"])
CLICKS = st.tuples(st.floats(-5, 45), st.floats(-5, 33))
GREYS = npst.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 100, 127, 128, 200, 254, 255]))


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    left, top = draw(st.floats(-20, 50)), draw(st.floats(-20, 50))
    return left, top, left + draw(st.floats(0.2, 60)), top + draw(st.floats(0.2, 60))


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    """Of few colours, so that neighbours are alike."""
    few = draw(npst.arrays(np.uint8, (*SHAPE, 3), elements=st.sampled_from([0, 20, 60, 255])))
    return Image.fromarray(few)


def loads() -> st.SearchStrategy[Operation]:
    return st.builds(lambda array: Load.of(mask_of(array), "a tool"), GREYS)


def strokes() -> st.SearchStrategy[Stroke]:
    return st.builds(
        Stroke, POINTS, BRUSHES, st.just(1) | HARDNESSES, st.sampled_from(["add", "subtract"])
    )


def operations() -> st.SearchStrategy[Operation]:
    return st.one_of(
        strokes(),
        st.builds(Rectangle, boxes(), MODES),
        st.builds(Ellipse, boxes(), MODES),
        st.builds(Polygon, CORNERS, MODES),
        st.builds(Fill, CLICKS, MODES),
        st.builds(Wand, CLICKS, st.integers(0, 255), st.booleans(), MODES),
        st.builds(Grow, st.integers(0, 12)),
        st.builds(Shrink, st.integers(0, 12)),
        st.builds(Feather, st.floats(0, 12)),
        st.sampled_from([Clear(), Invert(), FillHoles()]),
        loads(),
    )


def mask_of(array: Grey) -> ff.Mask:
    with warnings.catch_warnings(action="ignore", category=MaskWarning):
        return ff.Mask(array / 255)


def painted(operation: Operation, on: Grey | None = None, image: Image.Image | None = None) -> Grey:
    mask = np.zeros(SHAPE, np.uint8) if on is None else on.copy()
    operation.paint(mask, image)
    return mask


# ------------------------------------------------------------------------- the pixels of a mask


@given(POINTS, BRUSHES)
def test_hard_stroke_is_that_of_a_mask(points: list[tuple[float, float]], size: float) -> None:
    stroke = Stroke(points, size)
    expected = ff.Mask.from_strokes(SIZE, stroke.points, width=stroke.size)
    assert np.array_equal(painted(stroke), expected.array)


@given(POINTS, BRUSHES)
def test_hard_stroke_asks_each_pixel_of_its_pieces(
    points: list[tuple[float, float]], size: float
) -> None:
    line = np.array(Stroke(points).points)
    array, expected = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    morphology.paint_stroke(array, line, size / 2)
    for start, stop in zip(line, line[1:] if len(line) > 1 else line, strict=False):
        expected[distance_to(start, stop) <= (size / 2) ** 2] = 255
    assert np.array_equal(array, expected)


def distance_to(start: NDArray[np.float64], stop: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared, from the middle of each pixel to a line."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] + 0.5
    dx, dy = stop - start
    along = np.clip(
        ((x - start[0]) * dx + (y - start[1]) * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1
    )
    away: NDArray[np.float64] = (x - start[0] - along * dx) ** 2 + (y - start[1] - along * dy) ** 2
    return away


@given(boxes())
def test_boxes_are_those_of_masks(box: tuple[float, float, float, float]) -> None:
    for kind, make in ((Rectangle, ff.Mask.from_box), (Ellipse, ff.Mask.from_ellipse)):
        shape = kind(box)
        try:
            expected = make(SIZE, shape.box).array
        except InvalidMask:
            expected = np.zeros(SHAPE, np.uint8)
        assert np.array_equal(painted(shape), expected)


@given(CORNERS)
def test_polygon_is_that_of_a_mask(points: list[tuple[float, float]]) -> None:
    polygon = Polygon(points)
    expected = ff.Mask.from_polygon(SIZE, polygon.points)
    assert np.array_equal(painted(polygon), expected.array)


@given(GREYS, st.integers(0, 12), st.floats(0, 12))
def test_changes_of_the_whole_are_those_of_a_mask(array: Grey, radius: int, reach: float) -> None:
    mask, reach = mask_of(array), round(reach, 1)
    for operation, expected in (
        (Clear(), ff.Mask.empty(SIZE)),
        (Invert(), ~mask),
        (Grow(radius), mask.grow(radius)),
        (Shrink(radius), mask.shrink(radius)),
        (Feather(reach), mask.feather(reach)),
        (FillHoles(), mask.fill_holes()),
        (Load.of(mask), mask),
    ):
        assert np.array_equal(painted(operation, on=array), expected.array)
    assert np.array_equal(painted(Load.of(mask), on=255 - array), array)


@given(GREYS, st.one_of(st.builds(Rectangle, boxes()), st.builds(Ellipse, boxes()),
                        st.builds(Polygon, CORNERS)))  # fmt: skip
def test_modes_fill_keep_or_replace(array: Grey, shape: Any) -> None:
    inside = painted(shape) == 255
    for mode, expected in (
        ("add", np.where(inside, 255, array)),
        ("subtract", np.where(inside, 0, array)),
        ("replace", inside * 255),
    ):
        assert np.array_equal(painted(type(shape)(*fields(shape)[:1], mode), on=array), expected)


def fields(operation: Operation) -> list[Any]:
    return [getattr(operation, name) for name in operation.__dataclass_fields__]  # type: ignore[attr-defined]


# --------------------------------------------------------------------------------- soft strokes


@given(POINTS, BRUSHES, HARDNESSES)
def test_soft_stroke_falls_off_with_the_distance(
    points: list[tuple[float, float]], size: float, hardness: float
) -> None:
    stroke = Stroke(points, size, min(hardness, 0.99))
    line = np.array(stroke.points)
    pairs = zip(line, line[1:] if len(line) > 1 else line, strict=False)
    away = np.sqrt(np.min([distance_to(start, stop) for start, stop in pairs], axis=0))
    radius = max(stroke.size / 2, math.sqrt(0.5))
    falling = np.clip((radius - away) / (radius * (1 - stroke.hardness)), 0, 1)
    expected = 255 * falling**2 * (3 - 2 * falling)
    # Distances are right to about 0.001 px where the line has ends a million px away.
    slack = 1 + 255 * 1.5 * 2e-3 / (radius * (1 - stroke.hardness))
    assert np.abs(painted(stroke) - expected).max() <= slack


@given(POINTS, BRUSHES, HARDNESSES, GREYS)
def test_soft_stroke_adds_only_and_erases_only(
    points: list[tuple[float, float]], size: float, hardness: float, array: Grey
) -> None:
    layer = painted(Stroke(points, size, hardness))
    added = painted(Stroke(points, size, hardness), on=array)
    erased = painted(Stroke(points, size, hardness, "subtract"), on=array)
    assert np.array_equal(added, np.maximum(array, layer))
    assert np.array_equal(erased, np.minimum(array, 255 - layer))


@given(POINTS, BRUSHES, HARDNESSES, HARDNESSES)
def test_harder_strokes_fill_more(
    points: list[tuple[float, float]], size: float, one: float, other: float
) -> None:
    soft, hard = (painted(Stroke(points, size, hardness)) for hardness in sorted((one, other)))
    assert (soft <= hard).all()
    assert (hard <= painted(Stroke(points, size, 1))).all()


@given(POINTS, BRUSHES, HARDNESSES, GREYS)
def test_soft_stroke_is_the_same_backwards_and_twice(
    points: list[tuple[float, float]], size: float, hardness: float, array: Grey
) -> None:
    once = painted(Stroke(points, size, min(hardness, 0.99)), on=array)
    again = painted(Stroke(points[::-1], size, min(hardness, 0.99)), on=once)
    assert np.array_equal(once, again)
    backwards = painted(Stroke(points[::-1], size, min(hardness, 0.99)), on=array)
    assert np.array_equal(once, backwards)


@pytest.mark.parametrize("hardness", [0, 0.5, 0.9])
@pytest.mark.parametrize("size", [30, 700])
def test_soft_stroke_is_seamless_over_tiles(size: float, hardness: float) -> None:
    points = [(100, 120), (480, 130), (500, 500), (90, 420), (300, 10)]
    whole = np.zeros((600, 610), np.uint8)
    Stroke(points, size, hardness).paint(whole, None)
    # Painted piece by piece, nothing depends on which pieces a tile asks.
    pieces = np.zeros_like(whole)
    for ends in itertools.pairwise(points):
        Stroke(ends, size, hardness).paint(pieces, None)
    assert np.array_equal(whole, pieces)
    # Moved within its tiles, it has the same pixels.
    moved = np.zeros((700, 700), np.uint8)
    Stroke([(x + 77, y + 63) for x, y in points], size, hardness).paint(moved, None)
    inner = moved[63:663, 77:687].astype(int)
    assert np.abs(inner - whole).max() <= 1


# ----------------------------------------------------------------------------- fill and wand


def flooded(alike: Callable[[int, int], bool], start: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixel by pixel, from neighbour to neighbour."""
    found = np.zeros(SHAPE, bool)
    waiting = deque([start])
    while waiting:
        x, y = waiting.popleft()
        if 0 <= x < SIZE[0] and 0 <= y < SIZE[1] and not found[y, x] and alike(x, y):
            found[y, x] = True
            waiting += [(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
    return found


def set_where(mask: Grey, where: NDArray[np.bool_], mode: str) -> Grey:
    if mode == "replace":
        return (where * 255).astype(np.uint8)
    return np.where(where, 255 * (mode == "add"), mask).astype(np.uint8)


@given(GREYS, st.integers(0, SIZE[0] - 1), st.integers(0, SIZE[1] - 1), MODES)
def test_fill_is_a_flood(array: Grey, x: int, y: int, mode: Any) -> None:
    side = array >= 128
    area = flooded(lambda i, j: bool(side[j, i] == side[y, x]), (x, y))
    filled = painted(Fill((x + 0.97, y + 0.02), mode), on=array)
    assert np.array_equal(filled, set_where(array, area, mode))


@pytest.mark.parametrize("transposed", [False, True])
def test_fill_finds_its_way_through_a_maze(transposed: bool) -> None:
    walls = np.zeros((401, 401), np.uint8)
    walls[1::4, :-1] = 255
    walls[3::4, 1:] = 255
    maze = np.ascontiguousarray(walls.T) if transposed else walls
    filled = maze.copy()
    Fill((0, 0)).paint(filled, None)
    assert (filled == 255).all()
    maze[200, 200] = 255
    Fill((0, 0)).paint(maze, None)
    assert maze[0, 0] == 255
    assert maze[400, 400] == 0


def test_fill_closes_an_outline() -> None:
    ring = painted(Stroke([(8, 8), (30, 8), (30, 20), (8, 20), (8, 8)], 3))
    inside = painted(Fill((20, 14)), on=ring)
    assert np.array_equal(inside, painted(FillHoles(), on=ring))
    assert inside.sum() > ring.sum()


@given(
    pictures(), GREYS, st.integers(0, SIZE[0] - 1), st.integers(0, SIZE[1] - 1),
    st.integers(0, 255), st.booleans(), MODES,
)  # fmt: skip
def test_wand_picks_by_the_largest_difference(
    image: Image.Image, array: Grey, x: int, y: int, tolerance: int, contiguous: bool, mode: Any
) -> None:
    rgb = np.asarray(image).astype(int)
    alike = np.abs(rgb - rgb[y, x]).max(axis=2) <= tolerance
    if contiguous:
        alike = flooded(lambda i, j: bool(alike[j, i]), (x, y))
    picked = painted(Wand((x, y), tolerance, contiguous, mode), on=array, image=image)
    assert np.array_equal(picked, set_where(array, alike, mode))


@given(GREYS, st.sampled_from([(-0.1, 3), (3, -7), (SIZE[0], 3), (3, SIZE[1] + 0.5)]), MODES)
def test_clicks_outside_pick_nothing(array: Grey, point: tuple[float, float], mode: Any) -> None:
    for operation in (Fill(point, mode), Wand(point, mode=mode)):
        assert operation.reach(SIZE) is None
        assert np.array_equal(painted(operation, on=array), array)


def test_wand_needs_the_picture() -> None:
    with pytest.raises(InvalidImage, match="wand goes by the picture's colours"):
        painted(Wand((3, 3)))


# -------------------------------------------------------------------------------- laws of all


@given(operations(), GREYS, pictures())
def test_nothing_changes_outside_the_reach(
    operation: Operation, array: Grey, image: Image.Image
) -> None:
    reach = operation.reach(SIZE)
    after = painted(operation, on=array, image=image)
    if reach is not None:
        left, top, right, bottom = reach
        assert 0 <= left < right <= SIZE[0]
        assert 0 <= top < bottom <= SIZE[1]
        after[top:bottom, left:right] = array[top:bottom, left:right]
    assert np.array_equal(after, array)


@given(operations())
def test_operations_are_values(operation: Operation) -> None:
    data = operation.to_dict()
    again = Operation.from_dict(data)
    assert again == operation
    assert hash(again) == hash(operation)
    assert again.to_dict() == data
    assert pickle.loads(pickle.dumps(operation)) == copy.deepcopy(operation) == operation
    with pytest.raises((AttributeError, TypeError)):
        operation.mode = "add"  # type: ignore[attr-defined]


def test_what_is_logged_is_rounded() -> None:
    assert Stroke([(1.26, -0.04)], 10.04).points == ((1.3, 0.0),)
    assert str(Stroke([(1, -0.04)]).points) == "((1.0, 0.0),)"
    assert Stroke([(1, 2)], np.float32(10.04), np.float64(0.12345)) == Stroke(
        np.array([[1, 2]]),
        10,
        0.123,  # type: ignore[arg-type]
    )
    assert Rectangle((0.12, 0, np.int64(4), 5.55)).box == (0.1, 0, 4, 5.5)
    assert Fill((9.96, 0)).point == (9.9, 0)
    assert Grow(np.int64(3)) == Grow(3) == Grow(3.0)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 200)), min_size=1, max_size=60),
       st.floats(0.05, 20))  # fmt: skip
def test_simplified_stroke_stays_near(points: list[tuple[float, float]], tolerance: float) -> None:
    stroke = Stroke(points, 12, 0.5, "subtract")
    simple = stroke.simplified(tolerance)
    assert (simple.size, simple.hardness, simple.mode) == (12, 0.5, "subtract")
    assert simple.points[0] == stroke.points[0]
    assert simple.points[-1] == stroke.points[-1]
    rest = iter(stroke.points)
    assert all(point in rest for point in simple.points)
    ends = list(zip(simple.points, simple.points[1:] or simple.points, strict=False))
    for point in stroke.points:
        assert min(away(point, *pair) for pair in ends) <= tolerance + 1e-9


def away(
    point: tuple[float, float], start: tuple[float, float], stop: tuple[float, float]
) -> float:
    way = complex(*stop) - complex(*start)
    to = complex(*point) - complex(*start)
    along = (to * way.conjugate()).real / abs(way) ** 2 if way else 0.0
    return abs(to - way * min(1, max(0, along)))


def test_simplified_stroke_is_short() -> None:
    turns = np.linspace(0, 2 * math.pi, 200)
    circle = Stroke(np.stack([200 + 150 * np.cos(turns), 200 + 150 * np.sin(turns)], axis=1))  # type: ignore[arg-type]
    assert 30 < len(circle.simplified().points) < 70
    straight = Stroke([(x, 5) for x in range(100)])
    assert straight.simplified().points == ((0, 5), (99, 5))
    assert Stroke([(3, 4)]).simplified() == Stroke([(3, 4)])


def test_loads_are_small_where_they_are_hard() -> None:
    hard = ff.Mask.from_ellipse((1000, 1000), (100, 100, 900, 900))
    assert len(Load.of(hard).png) < 6000
    with Image.open(io.BytesIO(Load.of(hard).png)) as image:
        assert image.mode == "1"


# ------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Stroke([]), r"\(x, y\) pairs"),
        (lambda: Stroke([(1, 2, 3)]), r"\(x, y\) pairs"),
        (lambda: Stroke([(math.nan, 1)]), r"\(x, y\) pairs"),
        (lambda: Stroke([(1, math.inf)]), r"\(x, y\) pairs"),
        (lambda: Stroke("ab"), r"\(x, y\) pairs"),
        (lambda: Stroke([(10**400, 1)]), r"\(x, y\) pairs"),
        (lambda: Stroke([(1, 2), (0, -1000001)]), r"\(0.0, -1000001.0\) is too far"),
        (lambda: Polygon([(1, 2), (3, 4)]), "at least 3 points, not 2"),
        (lambda: Stroke([(1, 2)], 0.9), "brush's size is 0.9: .* from 1 to 10,000"),
        (lambda: Stroke([(1, 2)], math.nan), "brush's size is nan"),
        (lambda: Stroke([(1, 2)], "20"), "brush's size is '20'"),
        (lambda: Stroke([(1, 2)], True), "brush's size is True"),
        (lambda: Stroke([(1, 2)], 20, 1.01), "hardness is 1.01: .* from 0 to 1"),
        (lambda: Stroke([(1, 2)], 20, 1, "replace"), "mode is 'replace': .* add, subtract"),
        (lambda: Rectangle((1, 2, 3)), r"box is \(1, 2, 3\): give \(left, top, right, bottom\)"),
        (lambda: Rectangle((3, 2, 1, 5)), "left < right"),
        (lambda: Rectangle((1, 2, 1.04, 5)), "left < right"),
        (lambda: Ellipse((1, 2, math.inf, 5)), "box is"),
        (lambda: Ellipse((1, 2, math.nan, 5)), "box is"),
        (lambda: Ellipse(None), "box is None"),
        (lambda: Ellipse((1, 2, 3, 5), "xor"), "mode is 'xor': .* add, subtract, replace"),
        (lambda: Ellipse((1, 2, 3, 5), ["add"]), r"mode is \['add'\]"),
        (lambda: Fill((1,)), r"point is \(1,\): give \(x, y\)"),
        (lambda: Fill((1, math.nan)), r"point is \(1, nan\)"),
        (lambda: Fill(7), "point is 7"),
        (lambda: Wand((1, 2), 256), "tolerance is 256: .* whole number from 0 to 255"),
        (lambda: Wand((1, 2), 0.5), "tolerance is 0.5"),
        (lambda: Wand((1, 2), math.inf), "tolerance is inf"),
        (lambda: Wand((1, 2), 3, "yes"), "contiguous is 'yes': .* True or False"),
        (lambda: Grow(-1), "radius to grow by is -1: .* from 0 to 10,000"),
        (lambda: Shrink(1.5), "radius to shrink by is 1.5: .* whole number"),
        (lambda: Feather(10_001), "radius to feather by is 10001"),
        (lambda: Load(b"GIF89a"), "no PNG that can be read"),
        (lambda: Load("no Base64!"), "PNG in grey, or Base64"),
        (lambda: Load(7), "PNG in grey, or Base64"),
        (lambda: Load(png(Image.new("RGB", SIZE))), "PNG in grey"),
        (lambda: Load(png(Image.new("L", SIZE)), "two\nlines"), r"made_by is 'two\\nlines'"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(make: Callable[[], Operation], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        make()


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (Load.of(ff.Mask.empty((28, 40))), "28 x 40 px.*40 x 28 px.*turned"),
        (Load(png(Image.effect_noise(SIZE, 60))[:-200]), "cut off or damaged"),
    ],
)
def test_masks_that_cannot_be_loaded_are_refused(load: Load, words: str) -> None:
    with pytest.raises(InvalidMask, match=words):
        painted(load)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "None is no operation"),
        (["clear"], "is no operation"),
        ({}, "operation None is unknown: there are .*stroke, rectangle,"),
        ({"op": "explode"}, "'explode' is unknown"),
        ({"op": ["clear"]}, "unknown"),
        ({"op": "clear", "now": 1}, "clear knows no 'now'"),
        ({"op": "grow"}, "grow lacks its radius"),
        ({"op": "grow", "radius": "8"}, "radius to grow by is '8'"),
        ({"op": "stroke", "points": [[0, "a"]]}, r"\(x, y\) pairs"),
        ({"op": "stroke", "points": {"x": 1}}, r"\(x, y\) pairs"),
        ({"op": "fill", "point": None}, "point is None"),
        ({"op": "load", "png": "iVBORw0KGgo="}, "no PNG that can be read"),
    ],
)
def test_what_is_no_operation_is_refused(data: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        Operation.from_dict(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
KINDS = [operation.kind for operation in (
    Clear, Ellipse, Feather, Fill, FillHoles, Grow, Invert, Load, Polygon, Rectangle, Shrink,
    Stroke, Wand)]  # fmt: skip


@given(
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from(["points", "box", "point", "size", "mode", "radius", "png", "made_by",
                         "hardness", "tolerance", "contiguous"]),
        JSON,
    ),
)  # fmt: skip
def test_no_json_raises_anything_else(kind: str, values: dict[str, Any]) -> None:
    try:
        operation = Operation.from_dict({"op": kind, **values})
    except (InvalidOption, InvalidMask):
        return
    assert Operation.from_dict(operation.to_dict()) == operation
