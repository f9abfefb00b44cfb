"""The painting: undo and redo, failures, callbacks, threads, and its verbs."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.typing import NDArray
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidInput, InvalidMask, InvalidOption
from fluxfill_nb.painting import (
    Clear,
    Ellipse,
    Feather,
    Fill,
    FillHoles,
    Grow,
    IntBox,
    Invert,
    Load,
    Operation,
    Painting,
    Polygon,
    Rectangle,
    Shrink,
    Stroke,
    Wand,
    history,
)

SIZE = (40, 28)
PICTURE = Image.fromarray(
    np.random.default_rng(1).choice(np.array([0, 20, 60, 255], np.uint8), (*SIZE[::-1], 3))
)
PLACES = st.tuples(st.integers(-5, 45), st.integers(-5, 33))
MODES = st.sampled_from(["add", "subtract", "replace"])
OPERATIONS = st.one_of(
    st.builds(
        Stroke,
        st.lists(PLACES, min_size=1, max_size=4),
        st.integers(1, 20),
        st.sampled_from([0, 0.5, 1]),
        st.sampled_from(["add", "subtract"]),
    ),
    st.builds(lambda x, y, mode: Rectangle((x, y, x + 9, y + 7), mode), st.integers(-20, 50),
              st.integers(-20, 50), MODES),
    st.builds(lambda x, y, mode: Ellipse((x, y, x + 19, y + 12), mode), st.integers(-20, 50),
              st.integers(-20, 50), MODES),
    st.builds(Polygon, st.lists(PLACES, min_size=3, max_size=5), MODES),
    st.builds(Fill, PLACES, MODES),
    st.builds(Wand, PLACES, st.integers(0, 255), st.booleans(), MODES),
    st.builds(Grow, st.integers(0, 4)),
    st.builds(Shrink, st.integers(0, 4)),
    st.builds(Feather, st.integers(0, 4)),
    st.sampled_from([Clear(), Invert(), FillHoles()]),
    st.builds(
        lambda x: Load.of(ff.Mask.from_box(SIZE, (x, 3, x + 4, 9)).feather(2), "a tool"),
        st.integers(0, 30),
    ),
)  # fmt: skip


class Session(RuleBasedStateMachine):
    """Somebody paints, undoes and redoes; the log tells the mask at any time."""

    budget = history.BUDGET

    def __init__(self) -> None:
        super().__init__()
        self.usual = history.BUDGET
        history.BUDGET = self.budget
        self.painting = Painting(PICTURE)
        self.boxes: list[IntBox] = []
        self.painting.on_change(self.boxes.append)
        # What the mask must be after each of the operations that are done, and of those undone.
        self.done = [self.painting.mask]
        self.undone: list[ff.Mask] = []

    def teardown(self) -> None:
        history.BUDGET = self.usual

    @rule(operation=OPERATIONS)
    def apply(self, operation: Operation) -> None:
        expected = np.array(self.painting.mask.array)
        operation.paint(expected, PICTURE)
        self.check(self.painting.apply(operation), self.done[-1].array, expected)
        if self.painting.mask != self.done[-1]:
            self.done.append(self.painting.mask)
            self.undone = []

    @rule()
    def undo(self) -> None:
        before = self.painting.mask
        box = self.painting.undo()
        if len(self.done) > 1:
            self.undone.append(self.done.pop())
        self.check(box, before.array, self.done[-1].array)

    @precondition(lambda self: self.undone)
    @rule()
    def redo(self) -> None:
        before = self.painting.mask
        box = self.painting.redo()
        self.done.append(self.undone.pop())
        self.check(box, before.array, self.done[-1].array)

    @precondition(lambda self: not self.undone)
    @rule()
    def redo_nothing(self) -> None:
        assert not self.painting.can_redo
        assert self.painting.redo() is None

    @rule()
    def undo_all_and_redo_all(self) -> None:
        mask, log = self.painting.mask, self.painting.log
        steps = 0
        while self.painting.undo():
            steps += 1
        assert steps == len(log)
        assert self.painting.mask.is_empty
        for _ in self.undone:
            steps += 1
        while self.painting.redo():
            steps -= 1
        assert steps == 0
        for _ in self.undone:
            self.painting.undo()
        assert self.painting.mask == mask
        assert self.painting.log == log

    def check(
        self, box: IntBox | None, before: NDArray[np.uint8], expected: NDArray[np.uint8]
    ) -> None:
        assert np.array_equal(self.painting.mask.array, expected)
        rows, columns = np.nonzero(before != expected)
        if not rows.size:
            assert box is None
        else:
            assert box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert self.boxes[-1] == box

    @invariant()
    def log_tells_the_mask(self) -> None:
        painting = self.painting
        assert painting.log.replay(PICTURE) == painting.mask == self.done[-1]
        assert len(painting.log) == len(self.done) - 1
        assert painting.can_undo == (len(self.done) > 1)
        assert painting.can_redo == bool(self.undone)
        assert painting.version == len(self.boxes)
        assert painting.coverage == painting.mask.coverage
        assert painting.bbox == painting.mask.bbox


class ForgetfulSession(Session):
    """The same where memory holds one patch, so that undo paints the log again."""

    budget = 300


class TestSession(Session.TestCase):  # type: ignore[misc]
    settings = settings(max_examples=40, stateful_step_count=25)


class TestForgetfulSession(ForgetfulSession.TestCase):  # type: ignore[misc]
    settings = settings(max_examples=25, stateful_step_count=20)


@given(st.lists(OPERATIONS, max_size=8))
def test_code_paints_the_same(operations: list[Operation]) -> None:
    painting, again = Painting(PICTURE), Painting(PICTURE)
    for operation in operations:
        painting.apply(operation)
    exec(painting.log.to_code(), {"painter": again})
    assert again.mask == painting.mask
    if not any(isinstance(operation, Load) for operation in operations):
        assert again.log == painting.log


def test_every_verb_is_its_operation(tmp_path: Path) -> None:
    painting = Painting(PICTURE)
    painting.line((3, 4), (30, 9), size=3, hardness=0.5)
    painting.erase([(9, 5)], size=5)
    painting.rectangle((1, 1, 5, 5), "replace")
    painting.ellipse((8, 8, 30, 20))
    painting.polygon(np.array([[1, 20], [9, 20], [5, 27]]), mode="add")
    painting.fill((20, 14), "subtract")
    painting.wand((3, 3), tolerance=80, contiguous=False)
    painting.invert()
    painting.grow(2)
    painting.shrink(1)
    painting.feather(1.5)
    painting.save(tmp_path / "mask.png")
    painting.clear()
    painting.load(tmp_path / "mask.png")
    assert [operation.kind for operation in painting.log] == [
        "stroke", "stroke", "rectangle", "ellipse", "polygon", "fill", "wand", "invert", "grow",
        "shrink", "feather", "clear", "load",
    ]  # fmt: skip
    feathered = painting.mask
    assert painting.redo() is None
    painting.undo()
    assert painting.mask.is_empty
    painting.undo()
    assert painting.mask == feathered
    ring = Painting(PICTURE, ff.Mask.from_box(SIZE, (5, 5, 20, 20)))
    ring.rectangle((8, 8, 15, 15), "subtract")
    ring.fill_holes()
    assert ring.mask == ff.Mask.from_box(SIZE, (5, 5, 20, 20))


def test_mask_is_saved_as_png_only(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match=r"give mask.png, not mask.jpg"):
        Painting(PICTURE).save(tmp_path / "mask.jpg")
    assert not list(tmp_path.iterdir())


def test_start_is_logged_and_stays() -> None:
    start = ff.Mask.from_ellipse(SIZE, (3, 3, 30, 20)).feather(3)
    painting = Painting(PICTURE, start)
    assert (painting.mask, painting.version, painting.can_undo) == (start, 0, False)
    assert painting.undo() is None
    painting.invert()
    painting.undo()
    assert painting.mask == start
    assert painting.log.replay() == start
    assert len(painting.log) == 1
    assert len(Painting(PICTURE, ff.Mask.empty(SIZE)).log) == 0


def test_start_must_fit() -> None:
    with pytest.raises(InvalidMask, match="28 x 40"):
        Painting(PICTURE, ff.Mask.full((28, 40)))


def test_mask_can_be_assigned() -> None:
    painting = Painting(PICTURE)
    mask = ff.Mask.from_box(SIZE, (2, 2, 9, 9))
    painting.mask = mask
    assert (painting.mask, painting.version, len(painting.log)) == (mask, 1, 1)
    painting.mask = np.array(mask.array)  # type: ignore[assignment]
    assert (painting.version, len(painting.log)) == (1, 1)
    with pytest.raises(InvalidMask, match="28 x 40"):
        painting.mask = ff.Mask.full((28, 40))
    assert painting.mask == mask
    painting.undo()
    assert painting.mask.is_empty


def test_pixels_are_copies_cut_off_at_the_border() -> None:
    painting = Painting(PICTURE)
    painting.rectangle((0, 0, 10, 10))
    pixels = painting.pixels((5, -3, 12, 4))
    assert pixels.tolist() == [[255] * 5 + [0] * 2] * 4
    pixels[:] = 7
    assert painting.mask == ff.Mask.from_box(SIZE, (0, 0, 10, 10))
    assert painting.pixels((-9, -9, -3, -3)).size == 0
    assert painting.pixels((38, 26, 99, 99)).shape == (2, 2)
    with pytest.raises(ValueError, match="read-only"):
        painting.mask.array[0, 0] = 1


def test_earlier_masks_stay_as_they_were() -> None:
    painting = Painting(PICTURE)
    seen = []
    for radius in (5, 3, 1):
        painting.brush([(20, 14)], size=30 / radius)
        painting.invert()
        seen.append((painting.mask, painting.mask.array.copy()))
    painting.undo()
    painting.clear()
    for mask, array in seen:
        assert np.array_equal(mask.array, array)


def test_pictures_of_all_kinds_are_rgb() -> None:
    for mode in ("RGB", "RGBA", "L", "P", "1"):
        painting = Painting(PICTURE.convert(mode))
        assert (painting.image.mode, painting.image.size) == ("RGB", SIZE)
    given = PICTURE.copy()
    painting = Painting(given)
    given.paste((1, 2, 3), (0, 0, 40, 28))
    assert painting.image.tobytes() == PICTURE.tobytes()


class Explosive(Operation):
    """Paints half of what it should."""

    error: BaseException = RuntimeError("half-way")

    def _paint(self, mask: Any, image: Any, /) -> None:
        mask[:10] = 77
        raise self.error


@pytest.mark.parametrize("error", [RuntimeError("half-way"), KeyboardInterrupt(), MemoryError()])
def test_what_fails_half_way_leaves_no_trace(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Explosive, "error", error)
    painting = Painting(PICTURE)
    told: list[IntBox] = []
    painting.on_change(told.append)
    painting.brush([(9, 9)])
    painting.invert()
    painting.undo()
    before = painting.mask, painting.log, painting.version, painting.can_undo, painting.can_redo
    with pytest.raises(type(error)):
        painting.apply(Explosive())
    after = painting.mask, painting.log, painting.version, painting.can_undo, painting.can_redo
    assert after == before
    assert len(told) == 3
    assert painting.redo() is not None


def test_bad_values_change_nothing() -> None:
    painting = Painting(PICTURE)
    painting.brush([(9, 9)])
    for verb, *values in (
        (painting.brush, []),
        (painting.rectangle, (3, 3, 1, 1)),
        (painting.polygon, [(1, 1)]),
        (painting.grow, -1),
        (painting.wand, (1, 1), 999),
        (painting.load, ff.Mask.full((3, 3))),
    ):
        with pytest.raises(InvalidInput):
            verb(*values)  # type: ignore[operator]
    assert (painting.version, len(painting.log)) == (1, 1)


def test_what_changes_nothing_is_not_logged() -> None:
    painting = Painting(PICTURE)
    painting.brush([(9, 9)])
    painting.undo()
    for operation in (
        Clear(), Grow(3), Stroke([(-50, -50)]), Stroke([(5, 5)], mode="subtract"), Fill((-1, 0)),
    ):  # fmt: skip
        assert painting.apply(operation) is None
    assert (painting.version, len(painting.log)) == (2, 0)
    assert painting.can_redo


def test_more_than_100_steps_are_undone() -> None:
    painting = Painting(PICTURE)
    for step in range(300):
        painting.brush([(step % 40, step % 28)], size=3, hardness=0.5)
        painting.invert()
    assert len(painting.log) == 600
    for _ in range(600):
        assert painting.undo()
    assert painting.mask.is_empty
    assert not painting.can_undo


def test_patches_keep_to_their_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "BUDGET", 10_000)
    noise = np.random.default_rng(2)
    painting = Painting(PICTURE)
    for _ in range(40):
        painting.mask = ff.Mask(noise.integers(2, 256, SIZE[::-1], np.uint8))
    patches = painting._done._patches
    assert 2 < len(patches) < 20
    assert sum(patch.size for patch in patches) == painting._done._size <= 10_000
    for _ in range(40):
        assert painting.undo()
    assert painting._undone._size <= 10_000
    assert (painting.mask.is_empty, painting._done._size) == (True, 0)
    for _ in range(40):
        assert painting.redo()
    assert len(painting.log) == 40


def test_callbacks_are_told_until_they_have_enough() -> None:
    painting = Painting(PICTURE)
    told: list[IntBox] = []
    end_one = painting.on_change(told.append)
    end_other = painting.on_change(told.append)
    painting.rectangle((2, 3, 9, 8))
    assert told == [(2, 3, 9, 8)] * 2
    end_one()
    end_one()
    painting.undo()
    assert told == [(2, 3, 9, 8)] * 3
    end_other()
    painting.redo()
    assert len(told) == 3


def test_callback_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    painting = Painting(PICTURE)
    told: list[IntBox] = []

    def fail(box: IntBox) -> None:
        raise ZeroDivisionError(str(box))

    painting.on_change(fail)
    painting.on_change(told.append)
    with caplog.at_level(logging.ERROR, logger="fluxfill_nb"):
        painting.rectangle((2, 3, 9, 8))
    assert told == [(2, 3, 9, 8)]
    assert painting.coverage > 0
    assert "callback" in caplog.text
    assert "ZeroDivisionError: (2, 3, 9, 8)" in caplog.text


def test_callbacks_run_outside_the_lock_and_may_paint() -> None:
    painting = Painting(PICTURE)

    def from_another_thread(box: IntBox) -> None:
        if painting.version == 1:
            thread = threading.Thread(target=painting.invert)
            thread.start()
            thread.join(10)
            assert not thread.is_alive()

    painting.on_change(from_another_thread)
    painting.brush([(9, 9)])
    assert [operation.kind for operation in painting.log] == ["stroke", "invert"]


def test_many_threads_leave_a_log_that_tells_the_mask() -> None:
    painting = Painting(PICTURE)
    barrier = threading.Barrier(8)

    def paint(seed: int) -> None:
        chance = np.random.default_rng(seed)
        barrier.wait()
        for _ in range(40):
            what = chance.integers(6)
            if what == 0:
                painting.undo()
            elif what == 1:
                painting.redo()
            elif what == 2:
                painting.invert()
            elif what == 3:
                painting.wand(tuple(chance.integers(0, 28, 2).tolist()), 60)
            else:
                painting.brush(chance.integers(0, 40, (3, 2)), 5, chance.random())
            with painting.lock:
                assert painting.log.replay(PICTURE) == painting.mask
                assert painting.coverage == painting.mask.coverage

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(paint, seed) for seed in range(8)]:
            future.result()
    assert painting.version > 100
    while painting.undo():
        pass
    assert painting.mask.is_empty


def test_repr_says_what_there_is() -> None:
    painting = Painting(PICTURE)
    painting.rectangle((0, 0, 10, 14))
    assert repr(painting) == (
        "<Painting, 1 operation: <Mask 40 x 28, fills 12.5 % in (0, 0, 10, 14)>>"
    )
