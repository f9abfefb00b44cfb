"""The viewport: where things are, what zooming and moving leaves as it was, and the limits."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fluxfill_nb.widgets.painter.viewport import Viewport

SIDES = st.integers(1, 20_000)
SIZES = st.tuples(SIDES, SIDES)
CANVASES = st.tuples(st.integers(1, 2000), st.integers(1, 2000))
ROOMY = st.tuples(st.integers(96, 2000), st.integers(96, 2000))
NUMBERS = st.floats(-3000, 3000)
PLACES = st.tuples(NUMBERS, NUMBERS)
FACTORS = st.floats(0.01, 100)


@st.composite
def views(draw: st.DrawFn, canvases: st.SearchStrategy[tuple[int, int]] = CANVASES) -> Viewport:
    """Any view that zooming and moving lead to."""
    view = Viewport.fit(draw(SIZES), draw(canvases))
    for factor, at, by in draw(st.lists(st.tuples(FACTORS, PLACES, PLACES), max_size=4)):
        view = view.zoomed(factor, at).moved(*by)
    return view


def sides(view: Viewport) -> list[tuple[float, float, float]]:
    """For each direction: where the picture begins and how long it is on the canvas, and that."""
    return [
        (edge, side * view.scale, of_canvas)
        for edge, side, of_canvas in zip((view.x, view.y), view.picture, view.canvas, strict=True)
    ]


def near(point: tuple[float, float], tolerance: float = 1e-6) -> object:
    return pytest.approx(point, rel=1e-9, abs=tolerance)


@given(views(), PLACES)
def test_picture_and_canvas_are_two_ways_to_say_where(
    view: Viewport, at: tuple[float, float]
) -> None:
    assert view.to_picture(*view.to_canvas(*at)) == near(at)
    assert view.to_canvas(*view.to_picture(*at)) == near(at)


@given(views(), PLACES)
def test_one_picture_px_is_as_long_as_the_scale(view: Viewport, at: tuple[float, float]) -> None:
    x, y = at
    assert math.dist(view.to_canvas(x, y), view.to_canvas(x + 3, y + 4)) == pytest.approx(
        5 * view.scale, rel=1e-6
    )


@given(SIZES, ROOMY)
def test_fit_shows_all_with_the_margin_around(
    size: tuple[int, int], canvas: tuple[int, int]
) -> None:
    view = Viewport.fit(size, canvas)
    assert view.visible == (0, 0, *size)
    margins = [(edge, of_canvas - edge - shown) for edge, shown, of_canvas in sides(view)]
    for before, after in margins:
        assert before == pytest.approx(after, abs=1e-6)
    least = min(before for before, _ in margins)
    assert least >= 24 - 1e-6
    assert view.scale == 32 or least == pytest.approx(24)


@given(SIZES, CANVASES)
@example((1, 20_000), (1, 1))
def test_tiny_canvases_show_the_whole_picture_too(
    size: tuple[int, int], canvas: tuple[int, int]
) -> None:
    view = Viewport.fit(size, canvas)
    assert view.scale > 0
    assert view.visible == (0, 0, *size)
    assert all(edge >= 0 for edge, _, _ in sides(view))


def test_fit_takes_another_margin() -> None:
    assert Viewport.fit((200, 100), (200, 200), margin=0).to_canvas(0, 0) == (0, 50)


@given(views(ROOMY), FACTORS, st.floats(0, 1), st.floats(0, 1))
def test_zoom_keeps_what_is_under_the_pointer(
    view: Viewport, factor: float, across: float, down: float
) -> None:
    # At the rim of the canvas, keeping the picture in sight comes first.
    begin = [max(48, edge) for edge, _, _ in sides(view)]
    end = [min(of_canvas - 48, edge + shown) for edge, shown, of_canvas in sides(view)]
    assume(begin[0] <= end[0] and begin[1] <= end[1])
    x = begin[0] + across * (end[0] - begin[0])
    y = begin[1] + down * (end[1] - begin[1])
    zoomed = view.zoomed(factor, (x, y))
    assert zoomed.to_canvas(*view.to_picture(x, y)) == near((x, y))


@given(views(), FACTORS, PLACES)
def test_zoom_is_exact_within_its_limits(
    view: Viewport, factor: float, at: tuple[float, float]
) -> None:
    least, greatest = view.limits
    fit = Viewport.fit(view.picture, view.canvas).scale
    assert least == min(1, fit / 2)
    assert greatest == 32
    assert view.zoomed(factor, at).scale == pytest.approx(
        min(max(view.scale * factor, least), greatest)
    )
    assert view.zoomed(1e-9, at).scale == least
    assert view.zoomed(1e9, at).scale == greatest


@given(views(), st.floats(0.5, 2), st.floats(0, 1), st.floats(0, 1))
def test_zoom_out_undoes_zoom_in(view: Viewport, factor: float, across: float, down: float) -> None:
    at = across * view.canvas[0], down * view.canvas[1]
    there = view.zoomed(factor, at)
    assume(there.scale == view.scale * factor)
    assume(there.to_picture(*at) == near(view.to_picture(*at)))
    back = there.zoomed(1 / factor, at)
    assert (back.scale, back.x, back.y) == pytest.approx((view.scale, view.x, view.y), abs=1e-6)


@given(views(), PLACES, FACTORS)
def test_the_picture_stays_in_sight(view: Viewport, by: tuple[float, float], factor: float) -> None:
    for reached in (view, view.moved(*by), view.moved(1e9, -1e9), view.zoomed(factor, by)):
        for edge, shown, of_canvas in sides(reached):
            in_sight = min(of_canvas, edge + shown) - max(0, edge)
            assert in_sight >= min(48, shown, of_canvas) - 1e-6


@given(views(), PLACES)
def test_moves_are_exact_until_the_picture_would_leave(
    view: Viewport, by: tuple[float, float]
) -> None:
    moved = view.moved(*by)
    assert moved.scale == view.scale
    for edge, old, step, shown, of_canvas in zip(
        (moved.x, moved.y),
        (view.x, view.y),
        by,
        (side * view.scale for side in view.picture),
        view.canvas,
        strict=True,
    ):
        keep = min(48, shown, of_canvas)
        if keep - shown < old + step < of_canvas - keep:
            assert edge == old + step
        else:
            assert edge == near(keep - shown) or edge == near(of_canvas - keep)


@given(views())
def test_visible_is_the_smallest_box_of_all_that_is_seen(view: Viewport) -> None:
    box = view.visible
    if box is None:
        # In sight, but a sliver of floating point.
        assert any(min(48, shown) < 1e-6 for _, shown, _ in sides(view))
        return
    for low, high, side, edge, of_canvas in zip(
        box[:2], box[2:], view.picture, (view.x, view.y), view.canvas, strict=True
    ):
        assert 0 <= low < high <= side
        begins, ends = (place * view.scale + edge for place in (low, high))
        slack = 1e-6 * (1 + abs(edge))
        assert low == 0 or begins <= slack < begins + view.scale + 2 * slack
        assert high == side or ends >= of_canvas - slack > ends - view.scale - 2 * slack


def test_visible_is_none_where_the_picture_is_elsewhere() -> None:
    assert Viewport((100, 100), (50, 50), 1, 60, 0).visible is None
    assert Viewport((100, 100), (50, 50), 1, 0, -100).visible is None
    assert Viewport((100, 100), (50, 50), 1, 49.5, -99.5).visible == (0, 99, 1, 100)


@given(views())
def test_actual_size_is_one_to_one_about_the_middle(view: Viewport) -> None:
    actual = view.actual()
    assert actual.scale == 1
    middle = view.canvas[0] / 2, view.canvas[1] / 2
    point = view.to_picture(*middle)
    inside = all(0 <= place <= side for place, side in zip(point, view.picture, strict=True))
    if inside and min(view.canvas) >= 96:
        assert actual.to_picture(*middle) == near(point)


def test_views_are_values() -> None:
    view = Viewport.fit((640, 480), (720, 600))
    assert view == Viewport.fit((640, 480), (720, 600))
    assert view.moved(0, 0) == view
    assert len({view, view.zoomed(2, (0, 0)), view.zoomed(2, (0, 0))}) == 2
    with pytest.raises(AttributeError):
        view.scale = 2  # type: ignore[misc]
