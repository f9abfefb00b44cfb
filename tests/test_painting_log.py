"""The log: JSON there and back, digests, replay, code; and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidImage, InvalidInput, InvalidMask, InvalidOption
from fluxfill_nb.painting import (
    Clear,
    Ellipse,
    Feather,
    Fill,
    FillHoles,
    Grow,
    Invert,
    Load,
    Log,
    Polygon,
    Rectangle,
    Shrink,
    Stroke,
    Wand,
)

SIZE = (64, 48)
PICTURE = Image.linear_gradient("L").resize(SIZE).convert("RGB")
SOFT = ff.Mask.from_box(SIZE, (3, 3, 40, 30)).feather(4)
ALL = (
    Load.of(SOFT, made_by="a tool"),
    Stroke([(10, 20), (30.52, 40)], 40),
    Stroke([(5, 5)], 7.25, 0.3, "subtract"),
    Rectangle((10.04, 10, 30, 30), "replace"),
    Ellipse((1, 2, 30.5, 40)),
    Polygon([(50, 2), (60, 2), (55, 40.04)], "subtract"),
    Fill((40, 40)),
    Wand((3, 4), 12, False, "replace"),
    Invert(),
    Grow(3),
    Shrink(2),
    Feather(1.5),
    FillHoles(),
    Clear(),
)
LOG = Log(SIZE, ALL)

OPERATIONS = st.one_of(
    st.sampled_from(ALL),
    st.builds(
        Stroke,
        st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-99, 99)), min_size=1, max_size=5),
        st.floats(1, 500),
        st.floats(0, 1),
    ),
)
LOGS = st.builds(
    Log, st.tuples(st.integers(1, 80), st.integers(1, 80)), st.lists(OPERATIONS, max_size=6)
)


@given(LOGS)
def test_json_holds_all(log: Log) -> None:
    text = log.to_json()
    again = Log.from_json(text)
    assert again == log == Log.from_json(text.encode())
    assert again.to_json() == text
    assert (again.digest, hash(again)) == (log.digest, hash(log))


@given(LOGS, LOGS)
def test_digests_differ_where_logs_do(one: Log, other: Log) -> None:
    assert (one.digest == other.digest) == (one == other)


def test_log_is_a_sequence() -> None:
    assert len(LOG) == 14
    assert tuple(LOG) == ALL
    assert Log(SIZE, list(ALL)) == LOG  # type: ignore[arg-type]
    assert Log((np.int64(64), 48), ALL).to_json() == LOG.to_json()


def test_json_is_as_short_as_it_can_be() -> None:
    log = Log(SIZE, (Stroke([(10, 20), (30.52, 40)], 40), Wand((3, 4)), Clear()))
    assert log.to_json() == (
        '{"size":[64,48],"operations":['
        '{"op":"stroke","points":[[10,20],[30.5,40]],"size":40,"hardness":1,"mode":"add"},'
        '{"op":"wand","point":[3,4],"tolerance":32,"contiguous":true,"mode":"add"},'
        '{"op":"clear"}]}'
    )
    assert log.digest == "b7abdcbcfbb70012e57bc9839ac8e85d2de3fd6d79ad521128e8f70cc77c8ec4"


def test_replay_is_the_painting() -> None:
    expected = np.zeros(SIZE[::-1], np.uint8)
    for operation in ALL[:-1]:
        operation.paint(expected, PICTURE)
    mask = Log(SIZE, ALL[:-1]).replay(PICTURE)
    assert np.array_equal(mask.array, expected)
    assert Log(SIZE, ALL[:1]).replay() == SOFT
    assert Log(SIZE).replay() == ff.Mask.empty(SIZE)


def test_replay_needs_the_picture_for_a_wand() -> None:
    with pytest.raises(InvalidImage, match="wand goes by the picture's colours"):
        LOG.replay()
    with pytest.raises(InvalidInput, match="32 x 24"):
        LOG.replay(PICTURE.resize((32, 24)))


def test_code_is_python_as_one_writes_it() -> None:
    lines = LOG.to_code().splitlines()
    assert lines[0].startswith('painter.load("iVBOR') or lines[0].startswith("painter.load('iVBOR")
    assert lines[0].endswith("  # made by a tool")
    assert lines[1:] == [
        "painter.brush([(10, 20), (30.5, 40)], size=40)",
        "painter.erase([(5, 5)], size=7.2, hardness=0.3)",
        "painter.rectangle((10, 10, 30, 30), mode='replace')",
        "painter.ellipse((1, 2, 30.5, 40))",
        "painter.polygon([(50, 2), (60, 2), (55, 40)], mode='subtract')",
        "painter.fill((40, 40))",
        "painter.wand((3, 4), tolerance=12, contiguous=False, mode='replace')",
        "painter.invert()",
        "painter.grow(3)",
        "painter.shrink(2)",
        "painter.feather(1.5)",
        "painter.fill_holes()",
        "painter.clear()",
    ]
    assert Log(SIZE, (Invert(),)).to_code("mine") == "mine.invert()"


@pytest.mark.parametrize("name", ["", "2", "a b", "class", "os.system('x')#", "x;y"])
def test_painters_need_a_name(name: str) -> None:
    with pytest.raises(InvalidOption, match="is no name"):
        LOG.to_code(name)


@pytest.mark.parametrize("size", [(0, 5), (5,), (5.5, 5), None, ("a", "b")])
def test_sizes_are_whole_and_positive(size: Any) -> None:
    with pytest.raises(InvalidMask, match=r"\(width, height\) in whole px"):
        Log(size)


def changed(**values: object) -> str:
    return json.dumps(json.loads(Log(SIZE, (Clear(),)).to_json()) | values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON text"),
        ("{", "no JSON text"),
        (b"\xff\xfe\x00", "no JSON text"),
        ("[" * 100_000, "no JSON text"),
        ("[]", "no log of a painting"),
        ("{}", "no log of a painting"),
        (changed(extra=1), "no log of a painting"),
        (changed(operations={"op": "clear"}), "no log of a painting"),
        (changed(size=7), "no log of a painting"),
        (changed(size=[64, 0]), "size is .*whole px"),
        (changed(size=["64", 48]), "size is .*whole px"),
        (changed(operations=[{"op": "clear"}, {"op": "grow", "radius": -1}]),
         "Operation 2 of the log: The radius to grow by is -1"),
        (changed(operations=[{"op": "stroke", "points": [[float("nan"), 1]]}]),
         "Operation 1 of the log: Points are"),
        (changed(operations=[None]), "Operation 1 of the log: None is no operation"),
    ],
)  # fmt: skip
def test_what_is_no_log_is_refused(text: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        Log.from_json(text)


def test_a_repr_names_the_operations_and_few_points() -> None:
    assert repr(Log((64, 48))) == "<Log 64 x 48, 0 operations>"
    by_hand = Stroke([(x / 10, 20) for x in range(3000)])
    log = Log((64, 48), (by_hand, Grow(2), Stroke([(1, 2)], mode="subtract")))
    assert repr(log) == "<Log 64 x 48, 3 operations: brush, grow, erase>"
    assert repr(Log((64, 48), log.operations * 4)).endswith("brush, grow and 4 more>")
    assert repr(by_hand) == (
        "Stroke(3,000 points from (0.0, 20.0) to (299.9, 20.0), size=20.0, hardness=1.0, "
        "mode='add')"
    )
    for few in (Stroke([(1, 2), (3, 4)], 5), Polygon([(1, 1), (9, 1), (9, 9)], "replace")):
        assert eval(repr(few)) == few
