"""Gestures: what the events of pointer and keys come to, one rule a test, and any events at all."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from PIL import Image

from fluxfill_nb.painting import (
    Ellipse,
    Fill,
    Operation,
    Painting,
    Polygon,
    Rectangle,
    Stroke,
    Wand,
)
from fluxfill_nb.widgets.painter.gestures import Gestures
from fluxfill_nb.widgets.painter.outcomes import (
    Done,
    Dropped,
    Ink,
    Outcome,
    Outcomes,
    Seen,
    Settings,
    Shape,
    Used,
)
from fluxfill_nb.widgets.painter.viewport import Viewport

PICTURE = (320, 240)
CANVAS = (400, 300)
Point = tuple[float, float]


class Desk:
    """Gestures with a view, settings and a clock of their own. The picture begins at (40, 30)."""

    def __init__(self, tool: str = "brush", **settings: Any) -> None:
        self.view = Viewport(PICTURE, CANVAS, 1.0, 40.0, 30.0)
        self.settings = Settings(tool, **settings)
        self.now = 100.0
        self.gestures = Gestures(lambda: self.view, lambda: self.settings, lambda: self.now)

    def __call__(self, event: str, *values: Any) -> Outcomes:
        """Tell of an event, given in px of the picture, and follow the view."""
        self.now += 0.016
        if event.startswith("mouse"):
            values = self.view.to_canvas(*values)
        elif event.startswith("touch"):
            values = ([self.view.to_canvas(*point) for point in values],)
        outcomes: Outcomes = getattr(self.gestures, event)(*values)
        for outcome in outcomes:
            if isinstance(outcome, Seen):
                self.view = outcome.viewport
        return outcomes

    def drag(self, *points: Point) -> Outcomes:
        outcomes = self("mouse_down", *points[0])
        for point in points[1:]:
            outcomes += self("mouse_move", *point)
        return outcomes + self("mouse_up", *points[-1])

    def click(self, *points: Point, pause: float = 1.0) -> Outcomes:
        outcomes: Outcomes = ()
        for point in points:
            outcomes += self.drag(point)
            self.now += pause
        return outcomes

    def press_key(self, key: str, *held: str) -> Outcomes:
        return self("key", key, *(name in held for name in ("shift", "ctrl", "meta")))


def done(outcomes: Outcomes) -> list[Operation]:
    return [outcome.operation for outcome in outcomes if isinstance(outcome, Done)]


def kinds(outcomes: Outcomes) -> list[type[Outcome]]:
    return [type(outcome) for outcome in outcomes]


def last_shape(outcomes: Outcomes) -> Shape:
    return [outcome for outcome in outcomes if isinstance(outcome, Shape)][-1]


def is_quiet(outcomes: Outcomes) -> bool:
    """Whether nothing was painted and nothing is under way."""
    return all(isinstance(outcome, Shape) and outcome.kind == "ring" for outcome in outcomes)


# --------------------------------------------------------------------------------- brush and eraser


def test_a_drag_is_a_stroke() -> None:
    desk = Desk(size=12, hardness=0.5)
    outcomes = desk.drag((10, 20), (30, 40), (60, 20))
    points = (10, 20), (30, 40), (60, 20)
    assert done(outcomes) == [Stroke(points, 12, 0.5)]
    inks = [outcome.stroke for outcome in outcomes if isinstance(outcome, Ink)]
    assert inks == [Stroke(piece, 12, 0.5) for piece in (points[:1], points[:2], points[1:])]


def test_the_eraser_takes_away_whatever_the_mode() -> None:
    for mode in ("add", "subtract", "replace"):
        assert done(Desk("eraser", mode=mode).drag((10, 20), (30, 20))) == [
            Stroke(((10, 20), (30, 20)), mode="subtract")
        ]
        assert done(Desk("brush", mode=mode).drag((10, 20), (30, 20))) == [
            Stroke(((10, 20), (30, 20)))
        ]


def test_a_click_is_a_dot() -> None:
    assert done(Desk().drag((10, 20))) == [Stroke(((10, 20),))]


def test_a_move_to_the_same_place_is_none() -> None:
    desk = Desk()
    outcomes = desk.drag((10, 20), (10, 20), (10, 20))
    assert kinds(outcomes).count(Ink) == 1
    assert done(outcomes) == [Stroke(((10, 20),))]


def test_the_release_ends_the_stroke_where_it_is() -> None:
    desk = Desk()
    desk("mouse_down", 10, 20)
    assert done(desk("mouse_up", 50, 20)) == [Stroke(((10, 20), (50, 20)))]


def test_moves_too_small_to_keep_paint_nothing() -> None:
    desk = Desk()
    desk("mouse_down", 10, 20)
    assert kinds(desk("mouse_move", 10.04, 20)) == [Shape]
    assert done(desk("mouse_up", 10.04, 20)) == [Stroke(((10, 20),))]


def test_what_is_shown_is_what_will_be_painted() -> None:
    desk = Desk("polygon")
    desk.view = replace(desk.view, scale=3.0)
    assert last_shape(desk.gestures.mouse_down(50, 80)).points == ((3.3, 16.7),)


def test_settings_are_those_of_the_press() -> None:
    desk = Desk(size=12)
    desk("mouse_down", 10, 20)
    desk.settings = Settings("rectangle", size=50)
    (ink, ring) = desk("mouse_move", 30, 20)
    assert isinstance(ink, Ink)
    assert ring == Shape("ring", ((30, 20),), True, "add", 12)
    assert done(desk("mouse_up", 30, 20)) == [Stroke(((10, 20), (30, 20)), 12)]


def test_the_brush_is_shown_under_the_pointer() -> None:
    desk = Desk(size=30)
    assert desk("mouse_move", 10, 20) == (Shape("ring", ((10, 20),), True, "add", 30),)
    desk.settings = Settings("eraser", size=8)
    assert desk("mouse_move", 11, 20) == (Shape("ring", ((11, 20),), True, "subtract", 8),)
    desk.settings = Settings("wand")
    assert desk("mouse_move", 12, 20) == (Dropped(),)
    assert desk("mouse_move", 13, 20) == ()
    desk.settings = Settings("line", mode="subtract")
    assert last_shape(desk("mouse_move", 11, 20)).mode == "subtract"
    assert desk("mouse_out", -80, 20) == (Dropped(),)
    assert desk("mouse_out", -80, 20) == ()


def test_a_stroke_ends_with_the_ring_that_follows() -> None:
    outcomes = Desk().drag((10, 20), (30, 20))
    assert kinds(outcomes)[-2:] == [Done, Shape]
    assert last_shape(outcomes).kind == "ring"


# ------------------------------------------------------------------------ what browsers do not tell


def test_leaving_ends_the_stroke_outside() -> None:
    desk = Desk()
    desk("mouse_down", 300, 20)
    desk("mouse_move", 310, 20)
    assert done(desk("mouse_out", 450, 30)) == [Stroke(((300, 20), (310, 20), (450, 30)))]


def test_leaving_at_once_ends_the_stroke_outside() -> None:
    desk = Desk()
    desk("mouse_down", 300, 20)
    assert done(desk("mouse_out", 450, 20)) == [Stroke(((300, 20), (450, 20)))]


def test_a_lost_release_paints_no_phantoms() -> None:
    desk = Desk()
    desk("mouse_down", 300, 20)
    desk("mouse_out", 450, 20)
    for x in range(310, 10, -50):
        assert is_quiet(desk("mouse_move", x, 20))
    assert desk("mouse_up", 10, 20) == ()
    assert done(desk.drag((10, 20))) == [Stroke(((10, 20),))]


@pytest.mark.parametrize("tool", ["brush", "eraser", "line", "rectangle", "lasso", "polygon"])
def test_a_right_click_draws_nothing(tool: str) -> None:
    desk = Desk(tool)
    desk("mouse_move", 10, 20)
    desk("mouse_down", 10, 20)
    assert desk("mouse_out", 10, 20) == (Dropped(),)
    assert not desk.gestures.is_open
    assert desk("mouse_up", 10, 20) == ()
    assert not done(desk("mouse_move", 40, 20))


@pytest.mark.parametrize("tool", ["fill", "wand", "pan", "segment"])
def test_a_right_click_with_a_tool_that_shows_nothing_does_nothing(tool: str) -> None:
    desk = Desk(tool)
    assert desk("mouse_down", 10, 20) == ()
    assert desk("mouse_out", 10, 20) == ()
    assert desk("mouse_up", 10, 20) == ()


def test_a_right_click_with_a_move_to_the_same_place_is_one_too() -> None:
    desk = Desk()
    desk("mouse_down", 10, 20)
    desk("mouse_move", 10, 20)
    assert desk("mouse_out", 10, 20) == (Dropped(),)


def test_leaving_inside_after_a_move_is_no_right_click() -> None:
    desk = Desk()
    desk("mouse_down", 10, 20)
    desk("mouse_move", 30, 20)
    assert done(desk("mouse_out", 30, 20)) == [Stroke(((10, 20), (30, 20)))]


def test_a_second_press_ends_the_first() -> None:
    desk = Desk()
    desk("mouse_down", 10, 20)
    desk("mouse_move", 30, 20)
    outcomes = desk("mouse_down", 100, 100)
    assert kinds(outcomes) == [Done, Ink]
    assert done(outcomes) == [Stroke(((10, 20), (30, 20)))]
    assert done(desk("mouse_up", 100, 100)) == [Stroke(((100, 100),))]


# -------------------------------------------------------------------------------------------- touch


def test_one_finger_paints() -> None:
    desk = Desk()
    assert kinds(desk("touch_start", (10, 20))) == [Ink]
    assert kinds(desk("touch_move", (30, 20))) == [Ink]
    assert desk("touch_end") == (Done(Stroke(((10, 20), (30, 20)))),)
    assert desk("touch_end") == ()


def test_two_fingers_zoom_and_move_and_paint_nothing() -> None:
    desk = Desk()
    desk("touch_start", (100, 100))
    desk("touch_move", (110, 100))
    assert desk("touch_start", (110, 100), (210, 100)) == (Dropped(),)
    before = desk.view
    # Apart to twice the distance, and 30 px to the right: what was in the middle, stays in it.
    outcomes = desk.gestures.touch_move([(130, 130), (330, 130)])
    (seen,) = outcomes
    assert isinstance(seen, Seen)
    assert seen.viewport.scale == 2
    assert seen.viewport.to_picture(230, 130) == before.to_picture(200, 130)
    desk.view = seen.viewport
    # The same fingers again, and back: the same view as before.
    (back,) = desk.gestures.touch_move([(150, 130), (250, 130)])
    assert isinstance(back, Seen)
    assert back.viewport == before


def test_the_finger_that_stays_of_two_does_not_paint() -> None:
    desk = Desk()
    desk("touch_start", (100, 100))
    desk("touch_start", (100, 100), (200, 100))
    assert kinds(desk("touch_move", (90, 100), (210, 100))) == [Seen]
    assert desk("touch_end", (90, 100)) == ()
    assert desk("touch_move", (50, 50)) == ()
    assert desk("touch_move", (60, 60)) == ()
    assert desk("touch_end") == ()
    assert kinds(desk("touch_start", (60, 60))) == [Ink]


def test_two_fingers_whose_start_was_lost_do_not_paint() -> None:
    desk = Desk()
    desk("touch_start", (100, 100))
    assert desk("touch_move", (100, 100), (200, 100)) == (Dropped(),)
    assert kinds(desk("touch_move", (90, 100), (210, 100))) == [Seen]
    assert desk("touch_end") == ()


def test_the_finger_that_paints_goes_on_when_another_is_lifted() -> None:
    desk = Desk()
    desk("touch_start", (100, 100))
    assert desk("touch_end", (100, 100)) == ()
    assert kinds(desk("touch_move", (110, 100))) == [Ink]


def test_a_second_finger_again_goes_on_from_there() -> None:
    desk = Desk()
    desk.gestures.touch_start([(100, 100), (200, 100)])
    desk.gestures.touch_end([(100, 100)])
    desk.gestures.touch_start([(100, 100), (150, 100)])
    (seen,) = desk.gestures.touch_move([(100, 100), (200, 100)])
    assert isinstance(seen, Seen)
    assert seen.viewport.scale == 2


def test_two_fingers_at_one_place_zoom_nowhere_far() -> None:
    desk = Desk()
    desk.gestures.touch_start([(100, 100), (100, 100)])
    assert desk.gestures.touch_move([(100, 100), (100, 100)]) == ()
    for outcome in desk.gestures.touch_move([(90, 100), (110, 100)]):
        assert isinstance(outcome, Seen)
        assert outcome.viewport.scale == 20


def test_a_touch_the_system_takes_is_none() -> None:
    desk = Desk()
    desk("touch_start", (100, 100))
    desk("touch_move", (150, 100))
    assert desk("touch_cancel") == (Dropped(),)
    assert desk("touch_end") == ()
    desk("touch_start", (100, 100), (200, 100))
    assert desk("touch_cancel") == ()
    assert desk("touch_move", (10, 10), (300, 200)) == ()


def test_a_pinch_leaves_an_open_polygon_alone() -> None:
    desk = Desk("polygon")
    for point in [(10, 10), (100, 10)]:
        desk("touch_start", point)
        desk("touch_end")
        desk.now += 1
    desk("touch_start", (100, 100))
    (shape,) = desk("touch_start", (100, 100), (200, 100))
    assert isinstance(shape, Shape)
    assert shape.points == ((10, 10), (100, 10))
    assert kinds(desk("touch_move", (80, 100), (220, 100))) == [Seen]
    desk("touch_end")
    desk("touch_start", (50, 60))
    desk("touch_end")
    assert done(desk.gestures.close()) == [Polygon(((10, 10), (100, 10), (50, 60)))]


# ----------------------------------------------------------------------------------- straight lines


def test_shift_draws_straight_from_the_last_end() -> None:
    desk = Desk()
    desk.drag((10, 20), (30, 20))
    desk("mouse_move", 100, 120)
    assert desk.press_key("Shift", "shift") == (
        Shape("polyline", ((30, 20), (100, 120)), False, "add", 20),
    )
    desk("mouse_move", 100, 100)
    outcomes = desk.drag((100, 100))
    assert outcomes[0] == Ink(Stroke(((30, 20), (100, 100))))
    assert done(outcomes) == [Stroke(((30, 20), (100, 100)))]


def test_shift_goes_on_by_hand() -> None:
    desk = Desk("eraser")
    desk.drag((10, 20))
    desk.press_key("Shift", "shift")
    assert done(desk.drag((100, 100), (100, 50))) == [
        Stroke(((10, 20), (100, 100), (100, 50)), mode="subtract")
    ]


def test_shift_is_forgotten_after_a_while() -> None:
    desk = Desk()
    desk.drag((10, 20))
    desk.press_key("Shift", "shift")
    desk.now += 0.7
    assert last_shape(desk("mouse_move", 50, 50)).kind == "ring"
    assert done(desk.drag((100, 100))) == [Stroke(((100, 100),))]


def test_a_held_shift_repeats_and_is_renewed() -> None:
    desk = Desk()
    desk.drag((10, 20))
    for _ in range(5):
        desk.press_key("Shift", "shift")
        desk.now += 0.5
    assert done(desk.drag((100, 100))) == [Stroke(((10, 20), (100, 100)))]
    # Each press takes it up, until the key repeats.
    assert done(desk.drag((200, 100))) == [Stroke(((200, 100),))]


@pytest.mark.parametrize("key", [("b",), ("z", "shift", "ctrl"), ("Z", "shift", "meta")])
def test_other_keys_tell_that_shift_draws_no_line(key: tuple[str, ...]) -> None:
    desk = Desk()
    desk.drag((10, 20))
    desk.press_key("Shift", "shift")
    assert desk.press_key(*key) == ()
    assert done(desk.drag((100, 100))) == [Stroke(((100, 100),))]


def test_shift_while_painting_shows_no_line() -> None:
    desk = Desk()
    desk.drag((10, 20))
    desk("mouse_down", 50, 50)
    assert desk.press_key("Shift", "shift") == ()
    assert last_shape(desk("mouse_move", 60, 60)).kind == "ring"


def test_shift_without_a_last_stroke_draws_a_dot() -> None:
    desk = Desk()
    desk.press_key("Shift", "shift")
    assert done(desk.drag((100, 100))) == [Stroke(((100, 100),))]


def test_a_line_is_dragged() -> None:
    desk = Desk("line", size=7, hardness=0.3)
    outcomes = desk.drag((10, 20), (50, 50), (100, 80))
    stroke = Stroke(((10, 20), (100, 80)), 7, 0.3)
    assert outcomes[-3:-1] == (
        Shape("polyline", ((10, 20), (100, 80)), False, "add", 7),
        Done(stroke),
    )
    assert Ink not in kinds(outcomes)


def test_a_line_goes_from_click_to_click() -> None:
    desk = Desk("line")
    assert not done(desk.click((10, 20)))
    assert last_shape(desk("mouse_move", 70, 80)).points == ((10, 20), (70, 80))
    assert last_shape(desk("mouse_out", 500, 80)).points == ((10, 20),)
    assert done(desk.click((100, 80))) == [Stroke(((10, 20), (100, 80)))]
    assert not done(desk("mouse_move", 200, 200))


def test_a_right_click_leaves_the_line_waiting() -> None:
    desk = Desk("line")
    desk.click((10, 20))
    desk("mouse_down", 60, 60)
    assert last_shape(desk("mouse_out", 60, 60)).points == ((10, 20),)
    assert done(desk.click((100, 80))) == [Stroke(((10, 20), (100, 80)))]


def test_a_line_subtracts_and_has_no_length() -> None:
    desk = Desk("line", mode="subtract")
    assert done(desk.click((10, 20), (10, 20))) == [Stroke(((10, 20),), mode="subtract")]
    assert done(Desk("line", mode="replace").drag((10, 20), (30, 20))) == [
        Stroke(((10, 20), (30, 20)))
    ]


def test_a_line_goes_on_from_the_last_with_shift() -> None:
    desk = Desk("line")
    desk.drag((10, 20), (50, 20))
    desk.press_key("Shift", "shift")
    assert done(desk.click((100, 80))) == [Stroke(((50, 20), (100, 80)))]


# ------------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize(("tool", "kind"), [("rectangle", Rectangle), ("ellipse", Ellipse)])
@pytest.mark.parametrize("mode", ["add", "subtract", "replace"])
def test_boxes_go_from_corner_to_any_corner(
    tool: str, kind: type[Rectangle | Ellipse], mode: Any
) -> None:
    box = (10, 20, 60, 80)
    for start, stop in [((10, 20), (60, 80)), ((60, 80), (10, 20)), ((60, 20), (10, 80))]:
        outcomes = Desk(tool, mode=mode).drag(start, (33, 44), stop)
        assert kinds(outcomes) == [Shape, Shape, Shape, Done]
        assert last_shape(outcomes) == Shape(tool, ((10, 20), (60, 80)), True, mode)  # type: ignore[arg-type]
        assert done(outcomes) == [kind(box, mode)]


@pytest.mark.parametrize("tool", ["rectangle", "ellipse"])
@pytest.mark.parametrize("stop", [(10, 20), (10.9, 60), (60, 20.9)])
def test_boxes_thinner_than_a_pixel_are_nothing(tool: str, stop: Point) -> None:
    outcomes = Desk(tool).drag((10, 20), stop)
    assert not done(outcomes)
    assert outcomes[-1] == Dropped()


def test_a_lasso_fills_what_it_goes_round() -> None:
    desk = Desk("lasso", mode="subtract")
    corners = ((10, 10), (100, 10), (100, 100), (10, 100))
    outcomes = desk.drag((10, 10), (50, 10), (100, 10), (100, 60), (100, 100), (10, 100))
    assert last_shape(outcomes).closed
    assert last_shape(outcomes).points[0] == (10, 10)
    assert done(outcomes) == [Polygon(corners, "subtract")]


def test_a_lasso_that_comes_back_to_its_start_is_closed() -> None:
    outcomes = Desk("lasso").drag((10, 10), (100, 10), (100, 100), (10, 10))
    assert done(outcomes) == [Polygon(((10, 10), (100, 10), (100, 100), (10, 10)))]


@pytest.mark.parametrize(
    "points", [[(10, 10)], [(10, 10), (90, 10)], [(10, 10), (50, 10), (90, 10)]]
)
def test_a_lasso_around_nothing_is_nothing(points: list[Point]) -> None:
    outcomes = Desk("lasso").drag(*points)
    assert outcomes[-1] == Dropped()
    assert not done(outcomes)


# ----------------------------------------------------------------------------------------- polygons

CORNERS = (10, 10), (100, 10), (100, 100)


def test_a_polygon_is_closed_by_enter() -> None:
    desk = Desk("polygon", mode="replace")
    assert not done(desk.click(*CORNERS))
    assert desk.gestures.is_open
    assert last_shape(desk("mouse_move", 50, 120)) == Shape(
        "polyline", (*CORNERS, (50, 120)), False, "replace"
    )
    assert desk.press_key("Enter") == (Done(Polygon(CORNERS, "replace")),)
    assert not desk.gestures.is_open
    assert desk.press_key("Enter") == ()
    assert desk("mouse_move", 50, 120) == ()


def test_a_polygon_is_closed_by_its_first_point() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS)
    assert last_shape(desk("mouse_move", 16, 15)) == Shape("polyline", CORNERS, True, "add")
    assert done(desk.click((16, 15))) == [Polygon(CORNERS)]
    assert not desk.gestures.is_open


def test_the_first_point_closes_only_what_has_an_inside() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS[:2])
    assert not done(desk.click((14, 14)))
    assert last_shape(desk("mouse_move", 90, 90)).points == (*CORNERS[:2], (14, 14), (90, 90))


def test_how_near_the_first_point_is_counts_on_the_canvas() -> None:
    desk = Desk("polygon")
    desk.view = replace(desk.view, scale=4.0)
    desk.click((10, 10), (50, 10), (50, 50))
    assert not done(desk.click((13, 10)))
    assert done(desk.click((11.9, 10)))


def test_a_polygon_is_closed_by_a_double_click() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS[:2])
    outcomes = desk.click(CORNERS[2], (104, 103), pause=0.1)
    assert done(outcomes) == [Polygon(CORNERS)]
    assert not desk.gestures.is_open


def test_the_third_of_three_clicks_starts_nothing() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS[:2])
    desk.click(CORNERS[2], CORNERS[2], CORNERS[2], pause=0.1)
    assert not desk.gestures.is_open
    assert desk("mouse_move", 30, 30) == ()


def test_a_double_click_on_the_first_point_starts_nothing() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS)
    assert len(done(desk.click((10, 10), (10, 10), pause=0.1))) == 1
    assert not desk.gestures.is_open


def test_a_double_click_is_quick_and_in_one_place() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS, pause=0.1)
    assert not done(desk.click((107, 100), pause=0.5))
    assert not done(desk.click((107, 101)))
    assert last_shape(desk.gestures.mouse_move(0, 0)).points[:5] == (
        *CORNERS, (107, 100), (107, 101),
    )  # fmt: skip


def test_a_slow_second_click_in_one_place_doubles_no_point() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS, CORNERS[2])
    assert desk.press_key("Enter") == (Done(Polygon(CORNERS)),)


def test_the_second_half_of_a_double_click_moves_nothing() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS, pause=0.1)
    assert desk("mouse_down", *CORNERS[2]) == ()
    assert desk("mouse_move", 150, 150) == ()
    assert desk("mouse_up", 150, 150) == (Done(Polygon(CORNERS)),)


def test_a_double_click_too_early_adds_no_point() -> None:
    desk = Desk("polygon")
    desk.click((10, 10), (10, 10), pause=0.1)
    desk.now += 1
    assert desk.gestures.is_open
    desk.click(*CORNERS[1:])
    assert desk.press_key("Enter") == (Done(Polygon(CORNERS)),)


def test_enter_waits_for_three_points() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS[:2])
    assert desk.press_key("Enter") == ()
    assert desk.gestures.is_open
    desk.click(CORNERS[2])
    assert done(desk.gestures.close()) == [Polygon(CORNERS)]


@pytest.mark.parametrize("key", ["Backspace", "Delete"])
def test_points_are_taken_back(key: str) -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS[:2], (222, 111))
    assert last_shape(desk.press_key(key)).points == CORNERS[:2]
    desk.click(CORNERS[2])
    for _ in range(2):
        assert kinds(desk.press_key(key)) == [Shape]
    assert desk.press_key(key) == (Dropped(),)
    assert not desk.gestures.is_open
    assert desk.press_key(key) == ()


def test_a_point_is_dragged_to_its_place() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS[:2])
    desk.drag((200, 200), (150, 150), CORNERS[2])
    assert desk.press_key("Enter") == (Done(Polygon(CORNERS)),)


def test_a_right_click_adds_no_point() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS[:2])
    desk("mouse_down", 60, 60)
    assert last_shape(desk("mouse_out", 60, 60)).points == CORNERS[:2]
    # Nor is it the first half of a double click.
    desk.click((60, 60))
    assert last_shape(desk("mouse_move", 0, 0)).points == (*CORNERS[:2], (60, 60), (0, 0))


def test_leaving_keeps_the_polygon_and_not_the_line_to_the_pointer() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS)
    assert last_shape(desk("mouse_move", *CORNERS[0])).closed
    assert last_shape(desk("mouse_out", 500, 60)) == Shape("polyline", CORNERS, False, "add")
    assert desk.gestures.is_open
    assert desk.press_key("Enter") == (Done(Polygon(CORNERS)),)


def test_the_mode_of_a_polygon_is_the_one_at_its_end() -> None:
    desk = Desk("polygon")
    desk.click(*CORNERS)
    desk.settings = Settings("polygon", mode="subtract")
    assert last_shape(desk("mouse_move", 50, 50)).mode == "subtract"
    assert desk.press_key("Enter") == (Done(Polygon(CORNERS, "subtract")),)


@pytest.mark.parametrize("tool", ["polygon", "line"])
def test_another_tool_drops_what_waits(tool: str) -> None:
    for event in [("mouse_move", 50, 50), ("mouse_down", 50, 50), ("key", "Enter", *[False] * 3)]:
        desk = Desk(tool)
        desk.click((10, 10))
        desk.settings = Settings("wand")
        outcomes = desk(*event)
        assert outcomes[:1] == (Dropped(),) or event[0] == "key"
        assert not done(outcomes)
        desk("mouse_move", 60, 60)
        desk.settings = Settings(tool)
        assert not desk.gestures.is_open


def test_another_tool_drops_what_could_be_closed() -> None:
    for event in [("key", "Enter", False, False, False), ("mouse_out", 500, 50)]:
        desk = Desk("polygon")
        desk.click(*CORNERS)
        desk.settings = Settings("wand")
        assert desk(*event) == (Dropped(),)
        assert not desk.gestures.is_open


def test_the_view_may_move_while_a_polygon_waits() -> None:
    desk = Desk("polygon")
    desk.click(CORNERS[0])
    assert kinds(desk("wheel", 0, -120)) == [Seen]
    desk.click(*CORNERS[1:])
    assert desk.press_key("Enter") == (Done(Polygon(CORNERS)),)


# -------------------------------------------------------------------------------- fill, wand, tools


def test_fill_and_wand_take_the_pixel_that_was_clicked() -> None:
    desk = Desk("fill", mode="subtract")
    assert desk.drag((10.7, 20.2)) == (Done(Fill((10.5, 20.5), "subtract")),)
    desk.settings = Settings("wand", tolerance=9, contiguous=False, mode="replace")
    assert desk.drag((10.7, 20.2)) == (Done(Wand((10.5, 20.5), 9, False, "replace")),)


@pytest.mark.parametrize("tool", ["fill", "wand", "segment"])
@pytest.mark.parametrize("at", [(-0.1, 20), (320, 20), (20, -0.1), (20, 240)])
def test_clicks_beside_the_picture_do_nothing(tool: str, at: Point) -> None:
    assert Desk(tool).drag(at) == ()


def test_a_plugged_in_tool_gets_one_point() -> None:
    assert Desk("segment").drag((10.7, 20.2)) == (Used("segment", ((10.5, 20.5),)),)


def test_a_plugged_in_tool_gets_several_points() -> None:
    desk = Desk("segment", gesture="clicks")
    for close in (
        lambda: desk.press_key("Enter"),
        lambda: desk.gestures.close(),
        lambda: desk.click(CORNERS[2], pause=0.1),
    ):
        desk.click(*CORNERS[:2])
        desk.click(CORNERS[2], pause=0.1)
        assert desk.gestures.is_open
        assert close()[-1:] == (Used("segment", CORNERS),)
        assert not desk.gestures.is_open
        desk.now += 1
    desk.click((10, 10))
    assert desk.press_key("Enter") == (Used("segment", ((10, 10),)),)
    desk.click(*CORNERS, (12, 12))
    assert desk.press_key("Enter") == (Used("segment", (*CORNERS, (12, 12))),)


def test_a_plugged_in_tool_gets_a_stroke() -> None:
    outcomes = Desk("segment", gesture="stroke").drag((10, 10), (50, 10), (100, 10), (100, 90))
    points = (10, 10), (100, 10), (100, 90)
    assert outcomes[-1] == Used("segment", points)
    assert not last_shape(outcomes).closed


def test_a_plugged_in_tool_gets_a_box() -> None:
    desk = Desk("segment", gesture="box")
    assert desk.drag((100, 10), (20, 90))[-1] == Used("segment", ((20, 10), (100, 90)))
    assert desk.drag((100, 10))[-1] == Dropped()


# ------------------------------------------------------------------------------------ view and keys


def test_the_wheel_zooms_about_the_pointer() -> None:
    desk = Desk()
    desk("mouse_move", 100, 50)
    (seen,) = desk("wheel", 0, -120)
    assert isinstance(seen, Seen)
    assert seen.viewport.scale == pytest.approx(math.sqrt(2))
    assert seen.viewport.to_picture(140, 80) == pytest.approx((100, 50))
    desk("wheel", 0, 120)
    assert desk.view.scale == pytest.approx(1)
    assert (desk.view.x, desk.view.y) == pytest.approx((40, 30))


def test_the_wheel_zooms_about_the_middle_where_no_pointer_is() -> None:
    for desk in (Desk(), Desk()):
        desk("mouse_move", 10, 10)
        desk("mouse_out", -90, 10)
        desk("wheel", 0, -120)
        assert desk.view.to_picture(200, 150) == pytest.approx((160, 120))


def test_a_turn_of_the_wheel_is_never_more_than_twice() -> None:
    desk = Desk()
    desk("wheel", 0, -10_000)
    assert desk.view.scale == 2
    desk("wheel", 0, 10_000)
    assert desk.view.scale == 1
    assert desk("wheel", 0, 0) == ()


def test_the_wheel_sideways_moves() -> None:
    desk = Desk()
    (seen,) = desk("wheel", 100, 0)
    assert isinstance(seen, Seen)
    assert seen.viewport == Viewport(PICTURE, CANVAS, 1.0, -60.0, 30.0)


def test_the_wheel_waits_for_the_stroke() -> None:
    desk = Desk()
    desk("mouse_down", 10, 20)
    assert desk("wheel", 0, -120) == ()
    assert done(desk("mouse_up", 30, 20)) == [Stroke(((10, 20), (30, 20)))]


def test_the_hand_moves_the_picture() -> None:
    desk = Desk("pan")
    assert desk.gestures.mouse_down(100, 100) == ()
    for x in (150, 900, 130):
        for outcome in desk.gestures.mouse_move(x, 110):
            assert isinstance(outcome, Seen)
            desk.view = outcome.viewport
    # It was held up at the edge in between, and yet follows the pointer.
    assert desk.view == Viewport(PICTURE, CANVAS, 1.0, 70.0, 40.0)
    assert desk.gestures.mouse_up(130, 110) == ()


@pytest.mark.parametrize(
    "tool", ["brush", "eraser", "line", "rectangle", "ellipse", "lasso", "polygon", "segment"]
)
def test_escape_cancels_what_is_begun(tool: str) -> None:
    desk = Desk(tool)
    desk("mouse_down", 10, 20)
    desk("mouse_move", 60, 70)
    assert desk.press_key("Escape") == (Dropped(),)
    assert is_quiet(desk("mouse_move", 80, 70))
    assert desk("mouse_up", 80, 70) == ()
    assert desk.press_key("Escape") == ()


@pytest.mark.parametrize("tool", ["polygon", "line"])
def test_escape_cancels_what_waits(tool: str) -> None:
    desk = Desk(tool)
    desk.click((10, 20))
    assert desk.gestures.cancel() == (Dropped(),)
    assert not desk.gestures.is_open
    assert is_quiet(desk("mouse_move", 80, 70))


@pytest.mark.parametrize("tool", ["brush", "polygon"])
def test_other_keys_are_not_for_gestures(tool: str) -> None:
    desk = Desk(tool)
    desk.click((10, 20), (40, 20))
    for key in ("a", "Tab", "F5", "[", "Control", "ArrowUp", "Unidentified", "", "é", " "):
        for held in ((), ("shift",), ("ctrl",), ("ctrl", "shift"), ("meta",)):
            assert desk.press_key(key, *held) == ()


def test_an_error_leaves_nothing_half_done() -> None:
    desk = Desk(size=-3)
    with pytest.raises(ValueError, match="size"):
        desk("mouse_down", 10, 20)
    assert desk.gestures.mouse_up(10, 20) == ()
    desk.settings = Settings()
    assert done(desk.drag((10, 20))) == [Stroke(((10, 20),))]


# ---------------------------------------------------------------------------------------- fast mice


def round_and_round(count: int) -> list[Point]:
    return [
        (160 + 80 * math.cos(angle / 500), 120 + 80 * math.sin(angle / 500))
        for angle in range(count)
    ]


@pytest.mark.parametrize(("tool", "scale"), [("brush", 1), ("brush", 16), ("lasso", 1)])
def test_fast_mice_stay_cheap(tool: str, scale: float) -> None:
    desk = Desk(tool)
    desk.view = Viewport(PICTURE, CANVAS, scale, 40, 30)
    points = [desk.view.to_canvas(*point) for point in round_and_round(10_000)]
    desk.gestures.mouse_down(*points[0])
    begin = time.thread_time()  # others may be at work on the machine
    for point in points:
        for outcome in desk.gestures.mouse_move(*point):
            if isinstance(outcome, Ink):
                assert len(outcome.stroke.points) <= 2
            if isinstance(outcome, Shape):
                assert len(outcome.points) < 400
    moved = time.thread_time()
    (operation,) = done(desk.gestures.mouse_up(*points[-1]))
    ended = time.thread_time()
    assert (moved - begin) / len(points) < 0.5e-3
    assert ended - moved < 1
    assert isinstance(operation, (Stroke, Polygon))
    assert len(operation.points) < (500 if scale > 1 else 200)


@pytest.mark.parametrize(("scale", "tolerance"), [(0.25, 2), (1, 0.5), (4, 0.125), (16, 0.1)])
def test_simplified_strokes_are_right_to_half_a_canvas_px(scale: float, tolerance: float) -> None:
    desk = Desk(size=5)
    desk.view = Viewport(PICTURE, CANVAS, scale, 40, 30)
    outcomes = desk.drag(*round_and_round(1000))
    (stroke,) = done(outcomes)
    assert isinstance(stroke, Stroke)
    inks = [outcome.stroke.points for outcome in outcomes if isinstance(outcome, Ink)]
    points = (inks[0][0], *(piece[-1] for piece in inks[1:]))
    assert stroke == Stroke(points, 5).simplified(tolerance)
    assert len(stroke.points) < len(points) / 4


@pytest.mark.parametrize("tool", ["lasso", "segment"])
def test_simplified_trails_are_right_to_half_a_canvas_px(tool: str) -> None:
    points = [(160 + 90 * math.cos(n / 70), 120 + 60 * math.sin(n / 30)) for n in range(1000)]
    last = Desk(tool, gesture="stroke").drag(*points)[-1]
    corners = np.array(last.points if isinstance(last, Used) else done((last,))[0].points)  # type: ignore[attr-defined]
    assert len(corners) < 200
    starts, legs = corners[:-1], np.diff(corners, axis=0)
    for point in points:
        share = ((point - starts) * legs).sum(axis=1) / (legs**2).sum(axis=1)
        nearest = starts + legs * np.clip(share, 0, 1)[:, None]
        # Points are rounded to 0.1 px.
        assert np.hypot(*(nearest - point).T).min() <= 0.5 + 0.1


# --------------------------------------------------------------------------------------- any events

WHERE = st.floats(-60, 460) | st.integers(-60, 460) | st.sampled_from([0, 40, 41, 100, 400])
FINGERS = st.lists(st.tuples(WHERE, WHERE), max_size=3)
TOOLS = [
    "brush", "eraser", "line", "rectangle", "ellipse", "lasso", "polygon", "fill", "wand", "pan",
    "segment",
]  # fmt: skip


class AnyEvents(RuleBasedStateMachine):
    """Events in any order, and what must hold whatever comes."""

    @initialize()
    def begin(self) -> None:
        self.desk = Desk()
        self.painting = Painting(Image.linear_gradient("L").resize(PICTURE))
        self.presses = 0
        self.tool = ""
        self.ink: list[Stroke] = []
        self.scale = 1.0

    def tell(self, event: str, *values: Any) -> None:
        gestures = self.desk.gestures
        is_press = event == "mouse_down" or (event == "touch_start" and len(values[0]) == 1)
        tool, self.tool = self.tool, self.desk.settings.tool if is_press else self.tool
        self.presses += is_press
        ended = False
        for outcome in getattr(gestures, event)(*values):
            if isinstance(outcome, (Ink, Done, Used)):
                assert self.presses > ended, "nothing was pressed"
            if isinstance(outcome, Ink):
                ends = [stroke.points[-1] for stroke in self.ink[-1:]]
                assert not ends or outcome.stroke.points[0] == ends[0]
                self.ink.append(outcome.stroke)
                self.scale = self.desk.view.scale
            if isinstance(outcome, Done):
                if isinstance(outcome.operation, Stroke):
                    self.check_stroke(outcome.operation, tool if is_press else self.tool)
                self.painting.apply(outcome.operation)
            if isinstance(outcome, Seen):
                least, greatest = outcome.viewport.limits
                assert least <= outcome.viewport.scale <= greatest
                self.desk.view = outcome.viewport
            if isinstance(outcome, (Shape, Used)):
                assert all(math.isfinite(x) and math.isfinite(y) for x, y in outcome.points)
            if isinstance(outcome, (Done, Used, Dropped)):
                self.ink = []
                self.presses = int(is_press)
                ended = not is_press
                assert is_press or not gestures.is_open

    def check_stroke(self, stroke: Stroke, tool: str) -> None:
        if not self.ink:
            assert tool == "line"
            return
        first = self.ink[0]
        points = *first.points, *(piece.points[-1] for piece in self.ink[1:])
        assert stroke == replace(first, points=points).simplified(max(0.5 / self.scale, 0.1))

    @rule(x=WHERE, y=WHERE, event=st.sampled_from(["mouse_down", "mouse_move", "mouse_up"]))
    def mouse(self, event: str, x: float, y: float) -> None:
        self.tell(event, x, y)

    @rule(x=WHERE, y=WHERE)
    def click(self, x: float, y: float) -> None:
        self.tell("mouse_down", x, y)
        self.tell("mouse_up", x, y)

    @rule(x=WHERE, y=WHERE)
    def out(self, x: float, y: float) -> None:
        self.tell("mouse_out", x, y)
        assert not self.ink

    @rule(
        points=FINGERS,
        event=st.sampled_from(["touch_start", "touch_move", "touch_end", "touch_cancel"]),
    )
    def touch(self, event: str, points: list[Point]) -> None:
        self.tell(event, points)

    @rule(dx=st.floats(-500, 500), dy=st.floats(-500, 500))
    def wheel(self, dx: float, dy: float) -> None:
        self.tell("wheel", dx, dy)

    @rule(
        key=st.sampled_from(["Shift", "Enter", "Backspace", "Delete", "a", "Tab"]),
        held=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    )
    def key(self, key: str, held: tuple[bool, bool, bool]) -> None:
        self.tell("key", key, *held)

    @rule(close=st.booleans())
    def button(self, close: bool) -> None:
        self.tell("close" if close else "cancel")

    @rule()
    def escape(self) -> None:
        self.tell("key", "Escape", False, False, False)
        assert not self.desk.gestures.is_open
        assert not self.ink
        assert self.desk.gestures.mouse_up(50, 50) == ()
        assert self.desk.gestures.cancel() == ()
        self.presses = 0

    @rule(
        tool=st.sampled_from(TOOLS),
        size=st.floats(1, 100),
        mode=st.sampled_from(["add", "subtract", "replace"]),
        gesture=st.sampled_from(["click", "clicks", "stroke", "box"]),
    )
    def choose(self, tool: str, size: float, mode: Any, gesture: Any) -> None:
        self.desk.settings = Settings(tool, size, 0.5, mode, gesture=gesture)

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.5, 1]))
    def wait(self, seconds: float) -> None:
        self.desk.now += seconds

    @rule(factor=st.floats(0.5, 2))
    def zoom_by_button(self, factor: float) -> None:
        self.desk.view = self.desk.view.zoomed(factor, (200, 150))

    @invariant()
    def open_is_what_enter_acts_on(self) -> None:
        assert not self.desk.gestures.is_open or self.presses


TestAnyEvents = AnyEvents.TestCase
TestAnyEvents.settings = hypothesis_settings(max_examples=200, stateful_step_count=40)


def test_gestures_know_no_widgets() -> None:
    code = """
import sys
import fluxfill_nb.widgets.painter.gestures, fluxfill_nb.widgets.painter.viewport
assert not {"ipywidgets", "ipycanvas", "traitlets"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
