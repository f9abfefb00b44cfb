"""A journal with odd lines: what they concern is lost at most, all else works on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.__main__ import main
from fluxfill_nb.images import encode_png
from fluxfill_nb.store import Attempt, Begun, RunStore, Stored

SERVICE = "api.example.org"
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8))
MASK = ff.Mask.from_box(PICTURE.size, (5, 5, 25, 20))
REQUESTS = [ff.FillRequest(PICTURE, MASK, "a vase", seed=seed, guidance=30) for seed in range(4)]
# What values are in journals that were edited, mixed up, or written by something else.
ODD = [
    None, True, 0, -1, 2**70, 1e300, float("inf"), float("nan"), "", "x", "1e400", [], [1, 2],
    [None, None], {}, {"a": 1}, "\ud800", "../../mask", "a\0b", 1.7e12,
]  # fmt: skip


def begun(store: RunStore, request: ff.FillRequest) -> Begun:
    return store.begin(request, service=SERVICE)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """Two pictures, one refusal, one task that is waited for, and a star."""
    store = RunStore(tmp_path_factory.mktemp("whole") / "runs")
    for number, request in enumerate(REQUESTS):
        attempt = begun(store, request)
        assert isinstance(attempt, Attempt)
        attempt.intend()
        task = ff.FillTask(f"task-{number}", "https://api.example.org/1", request)
        attempt.submitted(task, 0.05)
        if number < 2:
            attempt.done(ff.FillResult(task, encode_png(PICTURE), SERVICE, number, 4.5, 0.05))
        elif number == 2:
            attempt.failed("moderated", "It was refused.")
    store.star(store.find()[0].key, 3)
    return store


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places in JSON values."""
    yield at
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


def with_odd(value: Any, at: tuple[Any, ...], odd: Any) -> Any:
    if not at:
        return odd
    value = value.copy()
    value[at[0]] = with_odd(value[at[0]], at[1:], odd)
    return value


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_line_with_an_odd_value_spoils_nothing_else(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    folder = tmp_path / os.urandom(4).hex()
    shutil.copytree(store.folder, folder)
    (journal,) = (folder / "journal").glob("*.jsonl")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.sampled_from(list(places(lines[number]))))
    key = lines[number].get("key", "")
    lines[number] = with_odd(lines[number], at, data.draw(st.sampled_from(ODD)))
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))

    spoilt = RunStore(folder)
    for request in REQUESTS[:2]:
        if spoilt.key(request, SERVICE) != key:
            assert isinstance(begun(spoilt, request), Stored)
    results = list(spoilt)
    assert len(results) >= 1
    for result in results:
        assert repr(result).startswith("<FillResult ")
        assert result.raw.size == PICTURE.size
        assert result.request is None or result.request.mask == MASK
    assert len(spoilt.find(prompt="vase", guidance=30, seed=[0, 1], service="api")) <= len(results)
    rows = spoilt.table()
    assert len(spoilt.to_frame()) == len(rows)
    assert all(0 <= row["stars"] <= 5 for row in rows)
    assert repr(spoilt)
    assert "<table>" in spoilt._repr_html_()
    for task in spoilt.pending():
        assert task.request is None or task.request.mask == MASK
    for tell in (spoilt.unconfirmed, lambda: spoilt.durations(SERVICE), spoilt.rebuild):
        tell()
    assert all(isinstance(problem, str) for problem in spoilt.problems)
    spoilt.prune(unstarred=True)
    assert main(["runs", str(folder)]) == 0
    assert "a vase" in capsys.readouterr().out
    for request in REQUESTS:
        begun(spoilt, request)
    shutil.rmtree(folder)
