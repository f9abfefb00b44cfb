"""Masks: what they are made of, their algebra and geometry, and what they refuse."""

from __future__ import annotations

import base64
import copy
import io
import math
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage import data, measure

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidImage, InvalidMask, InvalidOption, MaskWarning
from fluxfill_nb.mask import Mask
from fluxfill_nb.mask.morphology import depth

Grey = NDArray[np.uint8]

SIZE = (64, 48)
DISC = Mask.from_ellipse(SIZE, (10, 8, 50, 40))
PHOTO = data.astronaut()

SHAPES = npst.array_shapes(min_dims=2, max_dims=2, max_side=24)
GREYS = npst.arrays(
    np.uint8, SHAPES, elements=st.sampled_from([0, 1, 100, 127, 128, 200, 254, 255])
)
FLAGS = npst.arrays(np.bool_, SHAPES)
RADII = st.integers(0, 30)


def soft(array: Grey) -> Mask:
    with warnings.catch_warnings(action="ignore", category=MaskWarning):
        return Mask(array / 255)


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    return soft(draw(GREYS))


@st.composite
def pairs_of_masks(draw: st.DrawFn, count: int = 2) -> tuple[Mask, ...]:
    shape = draw(SHAPES)
    return tuple(soft(draw(npst.arrays(np.uint8, shape))) for _ in range(count))


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def disc(radius: int) -> NDArray[np.bool_]:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(x * x + y * y <= radius * radius)


def middles(size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.mgrid[0 : size[1], 0 : size[0]] + 0.5
    return x, y


@pytest.mark.parametrize(
    "source",
    [
        DISC,
        DISC.array,
        DISC.array >= 128,
        DISC.array / 255,
        (DISC.array / 255).astype(np.float16),
        DISC.array[:, :, None],
        (DISC.array >= 128)[:, :, None],
        np.stack([DISC.array] * 3, axis=2),
        np.asfortranarray(DISC.array),
        memoryview(DISC.array),
        DISC.array.T.copy().T,
        np.repeat(DISC.array, 2, axis=1)[:, ::2],
        np.ma.masked_array(DISC.array),
        DISC.to_pil(),
        DISC.to_pil().convert("1"),
        DISC.to_pil().convert("RGB"),
        DISC.to_pil().convert("P"),
        encode(DISC.to_pil()),
        memoryview(encode(DISC.to_pil())),
        io.BytesIO(encode(DISC.to_pil(), "TIFF")),
        base64.b64encode(encode(DISC.to_pil())).decode(),
        encode(Image.fromarray(DISC.array.astype(np.uint16) * 257)),
        encode(DISC.to_pil(), "GIF"),
    ],
)
def test_every_source_gives_the_same_mask(source: object) -> None:
    assert Mask(source) == DISC  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["mask.png", "eine Maske – 画像.png"])
def test_files_are_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(encode(DISC.to_pil()))
    assert Mask(path) == Mask(str(path)) == DISC


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("quality", [50, 75, 90])
@pytest.mark.parametrize("turned", [False, True])
def test_lossy_noise_is_snapped(kind: str, quality: int, turned: bool) -> None:
    painted = Mask.from_ellipse((320, 240), (40, 30, 260, 200))
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 3
    file = encode(painted.to_pil(), kind, quality=quality, exif=exif)
    with Image.open(io.BytesIO(file)) as image:
        noisy = np.asarray(image.convert("L"))
    mask = Mask(file)
    for low, high in ((1, 16), (239, 254)):
        assert ((noisy >= low) & (noisy <= high)).any()
        assert not ((mask.array >= low) & (mask.array <= high)).any()
    expected = Mask(np.rot90(painted.array, 2)) if turned else painted
    assert (mask ^ expected).coverage < 0.005


def test_soft_values_of_lossless_files_are_kept() -> None:
    feathered = DISC.feather(6)
    assert Mask(encode(feathered.to_pil())) == feathered


@pytest.mark.parametrize("below", [(0, 0, 0), (255, 255, 255), (90, 20, 200)])
def test_white_strokes_on_transparent_are_filled(below: tuple[int, int, int]) -> None:
    painted = Image.new("RGBA", SIZE, (*below, 0))
    ImageDraw.Draw(painted).ellipse((10, 8, 50, 40), fill=(255, 255, 255, 255))
    expected = np.asarray(painted.getchannel("A"))
    assert np.array_equal(Mask(encode(painted)).array, expected)
    assert np.array_equal(Mask(np.asarray(painted)).array, expected)


def test_soft_strokes_on_transparent_stay_soft() -> None:
    alpha = DISC.feather(6)
    painted = Image.merge("LA", [Image.new("L", SIZE, 255), alpha.to_pil()])
    assert Mask(painted) == alpha


def test_white_on_black_with_alpha_is_read_by_luminance() -> None:
    painted = DISC.to_pil().convert("RGBA")
    painted.putpixel((0, 0), (0, 0, 0, 0))
    assert Mask(painted) == DISC


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_filled_where_transparent(kind: str) -> None:
    picture = Image.fromarray(PHOTO[:48, :64]).convert("RGBA")
    keep = ~DISC.feather(5)
    picture.putalpha(keep.to_pil())
    file = encode(picture, kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert Mask.from_alpha(file) == ~keep


def test_alpha_is_read_from_palettes() -> None:
    picture = Image.new("P", SIZE, 1)
    picture.putpalette([9, 9, 9, 200, 100, 50])
    picture.paste(0, (10, 10, 20, 20))
    assert Mask.from_alpha(encode(picture, transparency=0)).bbox == (10, 10, 20, 20)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_opaque_pictures_have_no_alpha_to_read(mode: str) -> None:
    opaque = Image.new("RGBA", SIZE, "white").convert(mode)
    with pytest.raises(InvalidMask, match=r"opaque everywhere.*erase the part to fill"):
        Mask.from_alpha(opaque)


@given(GREYS, st.integers(0, 255), st.integers(0, 255))
def test_threshold_takes_a_range_of_luminance(array: Grey, one: int, other: int) -> None:
    low, high = sorted((one, other))
    expected = ((array >= low) & (array <= high)) * np.uint8(255)
    assert np.array_equal(Mask.from_threshold(array, low, high).array, expected)


@pytest.mark.parametrize(
    ("low", "high"), [(200, 100), (-1, 255), (0, 256), (math.nan, 255), ("0", 9), (0, None)]
)
def test_threshold_refuses_what_is_no_range(low: Any, high: Any) -> None:
    with pytest.raises(InvalidMask, match=rf"from {low!r} to {high!r}.*0 to 255"):
        Mask.from_threshold(DISC.to_pil(), low, high)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.array([[0, 1]]), r"int64, 0 to 1.*labels.*Mask\(array == 1\)"),
        (np.array([[0, 1]], np.uint8), r"uint8, 0 to 1.*labels"),
        (np.array([[0, 1]], np.uint8)[:, :, None], r"uint8, 0 to 1.*labels"),
        (np.array([[0, 65535]], np.uint16), "uint16.*labels"),
        (np.array([[0.0, 255.0]]), r"0 to 255.*\[0, 1\]"),
        (np.full((3, 4, 3), 255.0), r"255.*\[0, 1\]"),
        (np.array([[0.5, np.nan]]), "nan"),
        (np.zeros((0, 4), bool), r"no pixels.*\(0, 4\)"),
        (np.zeros(4, bool), r"shape \(4,\)"),
        (np.zeros((1, 9, 9), bool), r"shape \(1, 9, 9\)"),
        (np.array([[1j]]), "complex128"),
        (PHOTO, r"colour picture.*from_threshold.*from_alpha"),
        ([[0, 255]], "list is no picture"),
        (None, "NoneType is no picture"),
        ("nowhere.png", "no file 'nowhere.png'"),
        (b"not a picture", "not a picture"),
        (encode(DISC.to_pil())[:-20], "As a mask: .*cut off or damaged"),
    ],
)
def test_what_is_no_mask_is_refused(source: object, words: str) -> None:
    with pytest.raises(InvalidMask, match=words):
        Mask(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("colour", [(200, 30, 30), (0, 0, 0), (60, 90, 120)])
def test_cut_outs_are_refused(colour: tuple[int, int, int]) -> None:
    picture = Image.new("RGBA", SIZE, (*colour, 255))
    picture.paste((0, 0, 0, 0), (10, 10, 20, 20))
    with pytest.raises(InvalidMask, match=r"Mask\.from_alpha.*~Mask\.from_alpha"):
        Mask(picture)


@pytest.mark.parametrize(
    "source",
    [
        Image.new("L", SIZE),
        Image.new("RGBA", SIZE),
        Image.new("L", SIZE, 20),
        np.full((4, 4), 20, np.uint8),
        np.full((4, 4), 0.4),
    ],
)
def test_masks_that_fill_nothing_are_warned_of(source: object) -> None:
    with pytest.warns(MaskWarning, match=r"fills nothing.*~Mask.*Mask\(array > 0\)") as caught:
        assert Mask(source).is_empty  # type: ignore[arg-type]
    assert caught[0].filename == __file__


def test_grey_photographs_are_warned_of() -> None:
    photo = Image.fromarray(PHOTO).convert("L")
    with pytest.warns(MaskWarning, match=r"\d+% .*photograph.*from_threshold") as caught:
        assert np.array_equal(Mask(photo).array, photo)
    assert caught[0].filename == __file__


def test_blank_arrays_are_masks_without_a_warning() -> None:
    assert Mask(np.zeros((4, 5), bool)) == Mask(np.zeros((4, 5))) == Mask.empty((5, 4))
    assert Mask(np.ones((4, 5), bool)) == Mask.full((5, 4))


@pytest.mark.parametrize("box", [(10, 8, 50, 40), (-5, -5, 20, 60), (0, 0, 64, 48), (-9, 3, 99, 5)])
@pytest.mark.parametrize("kind", [tuple, list, np.array, lambda box: np.array(box, np.int16)])
def test_box_is_filled_where_it_meets_the_picture(
    box: tuple[int, int, int, int], kind: Callable[[object], ff.mask.Box]
) -> None:
    x, y = middles(SIZE)
    inside = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
    assert np.array_equal(Mask.from_box(SIZE, kind(box)).array, inside * np.uint8(255))


@given(st.floats(0, 50), st.integers(1, 10))
def test_box_keeps_its_width_wherever_it_is(left: float, width: int) -> None:
    left = round(left * 4) / 4
    bbox = Mask.from_box(SIZE, (left, 3, left + width, 5)).bbox
    assert bbox == (math.floor(left + 0.5), 3, math.floor(left + 0.5) + width, 5)


@given(st.tuples(*[st.integers(-20, 70)] * 2), st.integers(1, 60), st.integers(1, 60))
def test_ellipse_holds_the_middles_within_it(
    corner: tuple[int, int], width: int, height: int
) -> None:
    box = (*corner, corner[0] + width, corner[1] + height)
    x, y = middles(SIZE)
    across = (x - corner[0] - width / 2) * 2 * height
    down = (y - corner[1] - height / 2) * 2 * width
    inside = across**2 + down**2 <= (width * height) ** 2 * (1 + 1e-9)
    assume(inside.any())
    assert np.array_equal(Mask.from_ellipse(SIZE, box).array, inside * np.uint8(255))


@pytest.mark.parametrize("make", [Mask.from_box, Mask.from_ellipse])
@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((20, 20, 10, 30), r"\(20, 20, 10, 30\) holds nothing.*left < right"),
        ((20, 20, 20, 30), "holds nothing"),
        ((100, 0, 120, 30), r"\(100, 0, 120, 30\) holds no pixel.*64 x 48 px"),
        ((-30, -30, 0, 0), "holds no pixel"),
        ((0.1, 0.1, 0.3, 0.4), "holds no pixel.*px"),
        ((0, 0, math.inf, 10), "finite"),
        ((math.nan, 0, 10, 10), "finite"),
        ((0, 0, 10), r"\(0, 0, 10\): give \(left, top, right, bottom\)"),
        (None, "box is None"),
        ("abcd", "box is 'abcd'"),
    ],
)
def test_boxes_that_hold_nothing_are_refused(
    make: Callable[[object, object], Mask], box: object, words: str
) -> None:
    with pytest.raises(InvalidMask, match=words):
        make(SIZE, box)


def test_ellipse_whose_corner_alone_meets_the_picture_is_refused() -> None:
    with pytest.raises(InvalidMask, match="holds no pixel"):
        Mask.from_ellipse(SIZE, (62, 46, 100, 100))


COORDINATES = st.integers(-30, 90)
POINTS = st.tuples(COORDINATES, COORDINATES)


@given(st.tuples(POINTS, POINTS, POINTS))
def test_triangle_holds_the_middles_within_it(corners: tuple[tuple[int, int], ...]) -> None:
    x, y = middles(SIZE)
    sides = np.stack(
        [
            (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
            for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True)
        ]
    )
    (x0, y0), (x1, y1), (x2, y2) = corners
    assume((x1 - x0) * (y2 - y0) != (y1 - y0) * (x2 - x0))
    filled = Mask.from_polygon(SIZE, corners).array == 255
    assert filled[(sides > 0).all(axis=0) | (sides < 0).all(axis=0)].all()
    assert not filled[(sides > 0).any(axis=0) & (sides < 0).any(axis=0)].any()


@pytest.mark.parametrize("offset", [0, 0.25, 0.5])
def test_neighbouring_polygons_neither_overlap_nor_leave_gaps(offset: float) -> None:
    middle, far = 20 + offset, 40 + offset
    left = Mask.from_polygon(SIZE, [(0, 0), (middle, 0), (far, 48), (0, 48)])
    right = Mask.from_polygon(SIZE, [(middle, 0), (64, 0), (64, 48), (far, 48)])
    assert (left & right).is_empty
    assert (left | right).coverage == 1


@pytest.mark.parametrize("turn", [1, -1])
def test_polygon_of_a_box_is_the_box(turn: int) -> None:
    corners = [(10, 8), (50, 8), (50, 40), (10, 40)][::turn]
    assert Mask.from_polygon(SIZE, corners) == Mask.from_box(SIZE, (10, 8, 50, 40))
    assert Mask.from_polygon(SIZE, np.array(corners)) == Mask.from_polygon(SIZE, corners)


def test_polygon_that_crosses_itself_has_no_hole() -> None:
    star = [(32 + 20 * math.sin(i * 0.8 * math.pi), 24 - 20 * math.cos(i * 0.8 * math.pi))
            for i in range(5)]  # fmt: skip
    assert Mask.from_polygon(SIZE, star).array[24, 32] == 255


def test_polygon_around_the_picture_fills_it() -> None:
    far = 1e9
    corners = [(-far, -far), (far, -far), (far, far), (-far, far)]
    assert Mask.from_polygon(SIZE, corners) == Mask.full(SIZE)


@pytest.mark.parametrize(
    "corners",
    [
        [(100, 0), (200, 0), (200, 90)],
        [(-90, -10), (90, -10), (0, -80)],
        [(-10, 0), (-50, 20), (-10, 40)],
        [(0, 100), (20, 200), (40, 100)],
        [(5, 5), (5, 5), (5, 5)],
    ],
)
def test_polygon_outside_or_without_area_fills_nothing(corners: list[tuple[int, int]]) -> None:
    assert Mask.from_polygon(SIZE, corners) == Mask.empty(SIZE)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([(1, 1), (2, 2)], "at least 3 points, not 2"),
        ([1, 2, 3], r"\(x, y\) pairs"),
        ([(1, 2, 3)] * 3, r"\(x, y\) pairs"),
        ([(1, 2), (math.nan, 3), (4, 5)], r"\(x, y\) pairs"),
        ([(1, 2), (math.inf, 3), (4, 5)], r"\(x, y\) pairs"),
        ([], r"\(x, y\) pairs"),
        ("abc", r"\(x, y\) pairs"),
        (None, r"\(x, y\) pairs"),
    ],
)
def test_what_are_no_points_is_refused(points: object, words: str) -> None:
    with pytest.raises(InvalidMask, match=words):
        Mask.from_polygon(SIZE, points)  # type: ignore[arg-type]


def capsule(
    start: tuple[float, float], stop: tuple[float, float], radius: float
) -> NDArray[np.bool_]:
    """Within ``radius`` of a segment: of either end, or between them and near the line."""
    x, y = middles(SIZE)
    dx, dy = stop[0] - start[0], stop[1] - start[1]
    length = math.hypot(dx, dy)
    near = (np.hypot(x - start[0], y - start[1]) <= radius) | (
        np.hypot(x - stop[0], y - stop[1]) <= radius
    )
    if length:
        along = ((x - start[0]) * dx + (y - start[1]) * dy) / length
        beside = np.abs((x - start[0]) * dy - (y - start[1]) * dx) / length
        near |= (along >= 0) & (along <= length) & (beside <= radius)
    return near


@given(st.lists(POINTS, min_size=1, max_size=4), st.integers(2, 40))
def test_stroke_is_what_lies_near_its_line(points: list[tuple[int, int]], width: int) -> None:
    brush = width + 0.123
    drawn = Mask.from_strokes(SIZE, points, width=brush).array == 255
    expected = np.zeros(drawn.shape, bool)
    for start, stop in zip(points, points[1:] or points, strict=False):
        expected |= capsule(start, stop, brush / 2)
    assert np.array_equal(drawn, expected)


def test_several_strokes_are_their_union() -> None:
    one, other, dot = [(5, 5), (40, 9)], [(60, 40), (20, 30), (3, 44)], [(50, 20)]
    together = Mask.from_strokes(SIZE, [one, other, dot], width=7)
    apart = [Mask.from_strokes(SIZE, stroke, width=7) for stroke in (one, other, dot)]
    assert together == apart[0] | apart[1] | apart[2]
    assert not (apart[0] & together).is_empty
    assert Mask.from_strokes(SIZE, np.array([one, other[:2]]), width=7) == Mask.from_strokes(
        SIZE, [np.array(one), np.array(other[:2])], width=7
    )


@given(st.floats(0, 64), st.floats(0, 48), st.floats(0.01, 2))
def test_thinnest_brush_marks_something(x: float, y: float, width: float) -> None:
    dot = Mask.from_strokes(SIZE, [(x, y)], width=width)
    assert 1 <= round(dot.coverage * 64 * 48) <= 5


@pytest.mark.parametrize(
    "stroke",
    [
        [(-100, 10), (-90, 10)],
        [(200, 10), (300, 10)],
        [(20, -50)],
        [(20, 200)],
        [(1e9, 1e9), (2e9, 1e9)],
    ],
)
def test_stroke_outside_fills_nothing(stroke: list[tuple[float, float]]) -> None:
    assert Mask.from_strokes(SIZE, stroke, width=10) == Mask.empty(SIZE)


def test_stroke_across_the_picture_is_cut_off() -> None:
    across = Mask.from_strokes(SIZE, [(-1000, 24), (1000, 24)], width=10)
    assert across == Mask.from_box(SIZE, (0, 19, 64, 29))


@pytest.mark.parametrize("width", [0, -1, math.nan, math.inf, None, "20"])
def test_brush_width_is_above_0(width: Any) -> None:
    with pytest.raises(InvalidMask, match=rf"width is {width!r} px.*above 0"):
        Mask.from_strokes(SIZE, [(1, 1)], width=width)


@pytest.mark.parametrize(
    "strokes", [[], [[]], [1, 2], [[(1, 2, 3)]], [[(1, 2)], []], zip([1], [2], strict=True), None]
)
def test_what_are_no_strokes_is_refused(strokes: object) -> None:
    with pytest.raises(InvalidMask, match=r"\(x, y\) pairs"):
        Mask.from_strokes(SIZE, strokes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "size", [(0, 4), (4, -1), (4.5, 4), (4,), (4, 4, 3), "ab", None, 7, (math.inf, 4)]
)
@pytest.mark.parametrize("make", [Mask.empty, Mask.full, DISC.resize])
def test_sizes_are_whole_and_positive(make: Callable[[object], Mask], size: object) -> None:
    with pytest.raises(InvalidMask, match=r"size is .*\(width, height\) in whole px"):
        make(size)


@pytest.mark.parametrize("size", [[5, 4], np.array([5, 4]), (np.uint8(5), np.int64(4))])
def test_sizes_may_be_numpy_integers(size: ff.mask.Size) -> None:
    assert Mask.empty(size).size == (5, 4)
    assert DISC.resize(size).size == (5, 4)


@given(masks())
def test_attributes_agree_with_the_array(mask: Mask) -> None:
    filled = mask.array >= 128
    assert mask.size == filled.shape[::-1]
    assert mask.coverage == pytest.approx(filled.mean())
    assert mask.is_empty == (not filled.any())
    if mask.is_empty:
        assert mask.bbox is None
        assert "fills nothing" in repr(mask)
    else:
        (region,) = measure.regionprops(filled.astype(int))
        top, left, bottom, right = region.bbox
        assert mask.bbox == (left, top, right, bottom)
        assert str(mask.bbox) in repr(mask)


@given(pairs_of_masks(3))
def test_algebra_keeps_its_laws(three: tuple[Mask, Mask, Mask]) -> None:
    a, b, c = three
    assert ~~a == a
    assert a | a == a & a == a
    assert a | b == b | a
    assert a & b == b & a
    assert a ^ b == b ^ a
    assert (a | b) | c == a | (b | c)
    assert a & (b | c) == (a & b) | (a & c)
    assert a | (a & b) == a
    assert ~(a | b) == ~a & ~b
    assert ~(a & b) == ~a | ~b
    assert a - b == a & ~b
    assert a ^ b == (a - b) | (b - a)
    assert (a & b).array.max() <= (a | b).array.max()
    assert ((a & b).array <= a.array).all()
    assert (a.array <= (a | b).array).all()


@given(npst.arrays(np.bool_, (5, 6)), npst.arrays(np.bool_, (5, 6)))
def test_algebra_of_hard_masks_is_that_of_sets(
    one: NDArray[np.bool_], other: NDArray[np.bool_]
) -> None:
    a, b = Mask(one), Mask(other)
    assert a | b == Mask(one | other)
    assert a & b == Mask(one & other)
    assert a - b == Mask(one & ~other)
    assert a ^ b == Mask(one ^ other)
    assert ~a == Mask(~one)


OPERATIONS: list[Callable[[object, object], object]] = [
    lambda a, b: a | b,  # type: ignore[operator]
    lambda a, b: a & b,  # type: ignore[operator]
    lambda a, b: a - b,  # type: ignore[operator]
    lambda a, b: a ^ b,  # type: ignore[operator]
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_masks_of_other_sizes_do_not_fit(operation: Callable[[object, object], object]) -> None:
    with pytest.raises(InvalidMask, match=r"64 x 48 and 48 x 64 px.*resize\(\)"):
        operation(DISC, Mask.empty((48, 64)))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("other", [DISC.array, DISC.array > 0, 255, None])
def test_operators_take_masks_only(
    operation: Callable[[object, object], object], other: object
) -> None:
    with pytest.raises(TypeError, match=r"Mask\(…\)" if isinstance(other, np.ndarray) else "Mask"):
        operation(DISC, other)
    with pytest.raises(TypeError):
        operation(other, DISC)


@given(GREYS, RADII)
def test_grow_is_the_maximum_over_a_disc(array: Grey, radius: int) -> None:
    expected = ndimage.grey_dilation(array, footprint=disc(radius), mode="constant", cval=0)
    assert np.array_equal(soft(array).grow(radius).array, expected)


@given(GREYS, RADII)
def test_shrink_is_the_minimum_over_a_disc(array: Grey, radius: int) -> None:
    expected = ndimage.grey_erosion(array, footprint=disc(radius), mode="constant", cval=255)
    assert np.array_equal(soft(array).shrink(radius).array, expected)


@given(masks(), st.integers(0, 8), st.integers(0, 8))
def test_grow_and_shrink_are_ordered(mask: Mask, radius: int, more: int) -> None:
    assert mask.shrink(radius) == ~(~mask).grow(radius)
    assert mask.grow(0) == mask.shrink(0) == mask
    assert (mask.shrink(radius + more).array <= mask.shrink(radius).array).all()
    assert (mask.shrink(radius).array <= mask.array).all()
    assert (mask.array <= mask.grow(radius).array).all()
    assert (mask.grow(radius).array <= mask.grow(radius + more).array).all()
    assert (mask.array <= mask.grow(radius).shrink(radius).array).all()
    assert (mask.grow(radius).array <= (mask | mask.grow(more)).grow(radius).array).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (64, 48)])
@pytest.mark.parametrize("radius", [299, 1000, 10**9])
def test_grow_beyond_the_picture_fills_it(size: tuple[int, int], radius: int) -> None:
    corner = Mask.from_box(size, (0, 0, 1, 1))
    assert corner.grow(radius) == Mask.full(size)
    assert Mask.full(size).shrink(radius) == Mask.full(size)
    assert Mask.empty(size).grow(radius) == Mask.empty(size)
    assert (~corner).shrink(radius) == Mask.empty(size)


@pytest.mark.parametrize("radius", [-1, 1.5, 2.0, "3", None, math.nan])
def test_grow_and_shrink_take_whole_px(radius: object) -> None:
    with pytest.raises(InvalidMask, match=r"grow by is .*whole px.*shrink\(\)"):
        DISC.grow(radius)  # type: ignore[arg-type]
    with pytest.raises(InvalidMask, match=r"shrink by is .*whole px.*grow\(\)"):
        DISC.shrink(radius)  # type: ignore[arg-type]


def test_numpy_radii_do_not_overflow() -> None:
    corner = Mask.from_box((500, 3), (0, 0, 1, 1))
    assert corner.grow(np.uint8(200)) == corner.grow(200)  # type: ignore[arg-type]


@given(FLAGS, st.integers(1, 40))
def test_depth_is_the_distance_to_the_outside(inside: NDArray[np.bool_], limit: int) -> None:
    expected = np.full(inside.shape, limit, float)
    if not inside.all():
        expected = np.minimum(ndimage.distance_transform_edt(inside), limit)
    assert np.allclose(depth(inside, limit), expected)


def test_depth_is_right_for_any_limit() -> None:
    inside = np.ones((2, 5), bool)
    assert (depth(inside, 10**6) == 10**6).all()
    inside[:, 0] = False
    assert depth(inside, 10**6).tolist() == [[0, 1, 2, 3, 4]] * 2


@given(masks())
def test_holes_are_filled_as_scipy_fills_them(mask: Mask) -> None:
    filled = mask.fill_holes()
    expected = ndimage.binary_fill_holes(mask.array >= 128)
    assert np.array_equal(filled.array >= 128, expected)
    assert np.array_equal(filled.array[~expected], mask.array[~expected])
    assert (mask.array <= filled.array).all()
    assert filled.fill_holes() == filled


def test_holes_in_holes_are_filled() -> None:
    nested = Mask.empty((61, 61))
    for inset in range(3, 30, 3):
        box = Mask.from_box((61, 61), (inset, inset, 61 - inset, 61 - inset))
        nested = nested ^ box
    assert nested.fill_holes() == Mask.from_box((61, 61), (3, 3, 58, 58))


def test_way_out_of_a_spiral_is_found() -> None:
    walls = np.ones((41, 41), bool)
    y, x, step = 0, 1, (1, 0)
    walls[y, x] = False
    for length in [39, *(side for side in range(38, 1, -2) for _ in range(2))]:
        for _ in range(length):
            y, x = y + step[0], x + step[1]
            walls[y, x] = False
        step = -step[1], step[0]
    spiral = Mask(walls)
    assert np.array_equal(ndimage.binary_fill_holes(walls), walls)
    assert spiral.fill_holes() == spiral


@pytest.mark.parametrize("radius", [1, 3, 8])
def test_feather_is_soft_about_the_edge_alone(radius: int) -> None:
    half = Mask.from_box((80, 40), (0, 0, 40, 40))
    row = half.feather(radius).array[20].astype(int)
    assert (np.diff(row) <= 0).all()
    assert row[39 - 2 * radius] >= 250
    assert row[40 + 2 * radius] <= 5
    assert abs(row[39] + row[40] - 255) <= 2
    assert 20 < row[40] < 128 <= row[39] < 235


def test_feather_0_changes_nothing() -> None:
    assert DISC.feather(0) == DISC
    assert DISC.feather(3).feather(0) == DISC.feather(3)


def test_smooth_rounds_and_stays_hard() -> None:
    box = Mask.from_box(SIZE, (10, 10, 50, 40))
    with_specks = box ^ Mask.from_box(SIZE, (30, 20, 31, 21)) ^ Mask.from_box(SIZE, (60, 5, 61, 6))
    smooth = with_specks.smooth(3)
    assert smooth == smooth.threshold()
    assert smooth.array[20, 30] == 255
    assert smooth.array[5, 60] == 0
    assert smooth.array[10, 10] == 0
    assert abs(smooth.coverage - box.coverage) < 0.02
    assert box.smooth(0) == box


@pytest.mark.parametrize("radius", [-1, -0.1, math.nan, math.inf, None, "3"])
def test_blurs_reach_0_or_more(radius: Any) -> None:
    with pytest.raises(InvalidMask, match=rf"feather by is {radius!r} px.*0 or above"):
        DISC.feather(radius)
    with pytest.raises(InvalidMask, match=rf"smooth by is {radius!r} px.*0 or above"):
        DISC.smooth(radius)


@given(masks(), st.integers(1, 255))
def test_threshold_makes_black_and_white(mask: Mask, level: int) -> None:
    hard = mask.threshold(level)
    assert np.array_equal(hard.array, (mask.array >= level) * np.uint8(255))
    assert hard.threshold(level) == hard.threshold() == hard


@pytest.mark.parametrize("level", [0, -1, 256, 0.5, math.nan, None, "128"])
def test_threshold_refuses_levels_that_split_nothing(level: Any) -> None:
    with pytest.raises(InvalidMask, match=rf"level is {level!r}.*1 to 255"):
        DISC.threshold(level)


@given(FLAGS, st.integers(1, 4), st.integers(1, 4))
def test_hard_masks_stay_hard_when_resized(
    flags: NDArray[np.bool_], across: int, down: int
) -> None:
    mask = Mask(flags)
    size = (mask.size[0] * across, mask.size[1] * down)
    scaled = mask.resize(size)
    assert scaled.size == size
    assert scaled == scaled.threshold()
    assert mask.resize(mask.size) == mask


def test_resize_scales_up_and_down() -> None:
    assert DISC.resize((640, 480)).coverage == pytest.approx(DISC.coverage, abs=0.01)
    assert DISC.resize((32, 24)).coverage == pytest.approx(DISC.coverage, abs=0.02)
    assert DISC.resize((640, 480)).resize(SIZE) == DISC
    feathered = DISC.feather(8).resize((128, 96))
    assert len(np.unique(feathered.array)) > 50


def test_masks_cannot_be_changed() -> None:
    mask = Mask(DISC)
    for name in ("array", "size", "coverage", "_array", "another"):
        with pytest.raises(AttributeError):
            setattr(mask, name, None)
    with pytest.raises(AttributeError, match="frozen"):
        del mask._array
    for array in (mask.array, np.asarray(mask)):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 9
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)
    ImageDraw.Draw(mask.to_pil()).rectangle((0, 0, 64, 48), fill=77)
    mask.to_pil().paste(77, (0, 0, 64, 48))
    assert mask == DISC


@pytest.mark.parametrize("kind", [np.array, np.ma.masked_array, np.asfortranarray])
def test_masks_are_independent_of_their_array(kind: Callable[[Grey], Grey]) -> None:
    array = kind(DISC.array.copy())
    mask = Mask(array)
    assert array.flags.writeable
    array[:] = 0
    assert mask == DISC


def test_arrays_on_disk_are_copied(tmp_path: Path) -> None:
    file = np.memmap(tmp_path / "mask", np.uint8, "w+", shape=(48, 64))
    file[:] = DISC.array
    mask = Mask(file)
    file[:] = 0
    assert mask == DISC


def test_equal_masks_are_one_value() -> None:
    same = Mask(DISC.array.copy())
    assert same == DISC
    assert hash(same) == hash(DISC)
    assert same.digest == DISC.digest
    assert len({same, DISC, ~DISC, ~~DISC}) == 2
    assert DISC.array.tolist() != DISC
    assert Mask.empty((4, 6)) != Mask.empty((6, 4))
    assert Mask.empty((4, 6)).digest != Mask.empty((6, 4)).digest


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, *(
        lambda mask, protocol=protocol: pickle.loads(pickle.dumps(mask, protocol))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    )],
)  # fmt: skip
def test_copies_are_equal_and_frozen(again: Callable[[Mask], Mask]) -> None:
    mask = again(DISC.feather(4))
    assert mask == DISC.feather(4)
    assert not mask.array.flags.writeable


@given(masks())
def test_views_agree(mask: Mask) -> None:
    assert np.array_equal(np.asarray(mask), mask.array)
    assert np.shares_memory(np.asarray(mask), mask.array)
    assert mask.to_pil().mode == "L"
    assert np.array_equal(mask.to_pil(), mask.array)


@given(masks())
def test_service_gets_black_and_white(mask: Mask) -> None:
    with Image.open(io.BytesIO(mask.to_png())) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", mask.size)
        assert np.array_equal(image, (mask.array >= 128) * np.uint8(255))


@pytest.mark.parametrize("size", [(1, 1), SIZE, (1300, 700), (1, 5000), (5000, 1)])
def test_notebooks_show_a_small_png(size: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(Mask.full(size)._repr_png_())) as image:
        assert image.size[0] <= 640
        assert image.size[1] <= 640
        assert image.getextrema() == (255, 255)


BUSY = Image.fromarray(data.coffee())


@pytest.mark.parametrize("picture", ["black", "white", "#ff0060", "#ff8cb8", "grey", "busy"])
def test_preview_stands_out_from_any_picture(picture: str) -> None:
    image = BUSY if picture == "busy" else Image.new("RGB", BUSY.size, picture)
    mask = Mask.from_ellipse(image.size, (150, 80, 450, 330))
    shown = np.asarray(mask.preview(image), np.int16)
    ring_outside = (mask.grow(1) - mask).array > 0
    ring_inside = (mask - mask.shrink(1)).array > 0
    assert (shown[ring_outside] == 0).all()
    assert (shown[ring_inside] == 255).all()
    kept, filled = (~mask.grow(3)).array > 0, mask.shrink(3).array > 0
    assert np.array_equal(shown[kept], np.asarray(image)[kept])
    tint = np.array((255, 0, 96))
    expected = np.asarray(image)[filled] * 0.55 + tint * 0.45
    assert np.abs(shown[filled] - expected).max() <= 2


def test_preview_leaves_the_picture_alone() -> None:
    image = BUSY.copy()
    DISC.resize(image.size).preview(image)
    assert image == BUSY


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (4000, 1)])
def test_preview_of_thin_pictures_works(size: tuple[int, int]) -> None:
    assert Mask.full(size).preview(Image.new("L", size)).size == size


def test_the_colour_may_be_an_array() -> None:
    picture = Image.new("RGB", SIZE)
    red = DISC.preview(picture, colour=(255, 0, 0))
    assert DISC.preview(picture, colour=np.array([255, 0, 0])).tobytes() == red.tobytes()  # type: ignore[arg-type]


def test_a_size_may_be_a_list() -> None:
    DISC.check_fits(list(SIZE))  # type: ignore[arg-type]
    with pytest.raises(InvalidMask, match="turned by 90°"):
        DISC.check_fits(list(SIZE[::-1]))  # type: ignore[arg-type]


def test_preview_needs_a_picture_of_the_size() -> None:
    with pytest.raises(InvalidMask, match=r"64 x 48 px, the picture 65 x 48 px.*resize\(\)"):
        DISC.preview(Image.new("RGB", (65, 48)))
    with pytest.raises(InvalidMask, match="turned by 90°.*EXIF.*open_image"):
        DISC.preview(Image.new("RGB", (48, 64)))
    with pytest.raises(InvalidImage, match="not a picture"):
        DISC.preview(b"not a picture")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"opacity": 1.5}, "opacity is 1.5.*0 to 1"),
        ({"opacity": math.nan}, "opacity is nan"),
        ({"opacity": "half"}, "opacity is 'half'"),
        ({"colour": "red"}, "colour is 'red'.*whole numbers"),
        ({"colour": None}, "colour is None"),
        ({"colour": (1.0, 0.0, 0.5)}, r"colour is \(1.0, 0.0, 0.5\)"),
        ({"colour": (256, 0, 0)}, r"colour is \(256, 0, 0\).*0 to 255"),
        ({"colour": (1, 2)}, r"colour is \(1, 2\)"),
    ],
)
def test_preview_refuses_other_colours(options: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidOption, match=words):
        DISC.preview(Image.new("RGB", SIZE), **options)  # type: ignore[arg-type]
