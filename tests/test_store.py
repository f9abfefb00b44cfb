"""The store: what was paid for stays, is found again, and is not paid for twice."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidImage, InvalidOption, StoreError
from fluxfill_nb.store import Attempt, Elsewhere, Ended, Pending, RunStore, Stored
from fluxfill_nb.store.process import Process

SERVICE = "api.example.org"
URL = "https://api.example.org/v1/get_result?id=4f2a"
SECRET = "hush-hush-hush"
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))
MASK = ff.Mask.from_box(PICTURE.size, (10, 10, 50, 40)).feather(3)
REQUEST = ff.FillRequest(PICTURE, MASK, "A terracotta Vase, on the table", seed=7, guidance=30)


def encoded(image: Image.Image = PICTURE, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def send(store: RunStore, request: ff.FillRequest = REQUEST, **how: Any) -> tuple[Attempt, Any]:
    """Send a request as a client does, up to its task."""
    attempt = store.begin(request, **({"service": SERVICE} | how))
    assert isinstance(attempt, Attempt)
    attempt.intend()
    task = ff.FillTask(os.urandom(4).hex(), URL, request)
    attempt.submitted(task, 0.05)
    return attempt, task


def fill(
    store: RunStore, request: ff.FillRequest = REQUEST, file: bytes | None = None, **how: Any
) -> ff.FillResult:
    """Fill as a client does."""
    attempt, task = send(store, request, **how)
    file = encoded() if file is None else file
    seed = 99 if request.seed is None else request.seed
    return attempt.done(
        ff.FillResult(task, file, SERVICE, seed, 4.5, 0.05, {"progress": 1, "sample": URL})
    )


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def again(store: RunStore) -> RunStore:
    """Return the store as a new kernel sees it."""
    return RunStore(store.folder)


# ------------------------------------------------------------------------ nothing is paid for twice


def test_looking_makes_no_folder(store: RunStore) -> None:
    assert len(store) == 0
    assert store
    assert list(store) == store.find() == store.pending() == store.unconfirmed() == []
    assert store.problems == store.table() == []
    assert store.sweeps == {}
    assert store.durations(SERVICE) == []
    assert store.stars("4f2a") == 0
    assert "0 pictures" in repr(store)
    assert store.news(store.key(REQUEST, SERVICE)) is None
    assert not store.folder.exists()


def test_what_is_there_is_not_sent_again(store: RunStore) -> None:
    result = fill(store)
    for one in (store, again(store)):
        begun = one.begin(REQUEST.replace(), service=SERVICE)
        assert isinstance(begun, Stored)
        assert begun.result.raw.tobytes() == result.raw.tobytes()
        assert isinstance(one.news(one.key(REQUEST, SERVICE)), Stored)


@pytest.mark.parametrize(
    "other",
    [
        REQUEST.replace(seed=8),
        REQUEST.replace(guidance=31),
        REQUEST.replace(prompt="a vase"),
        REQUEST.replace(mask=~MASK),
        REQUEST.replace(image=PICTURE.rotate(180)),
    ],
    ids=["seed", "guidance", "prompt", "mask", "image"],
)
def test_another_request_is_sent(store: RunStore, other: ff.FillRequest) -> None:
    fill(store)
    assert isinstance(store.begin(other, service=SERVICE), Attempt)


def test_a_picture_of_one_service_does_not_answer_for_another(store: RunStore) -> None:
    fill(store, service="local engine: patches")
    assert isinstance(store.begin(REQUEST, service=SERVICE), Attempt)


@pytest.mark.parametrize(
    "request_", [REQUEST.replace(seed=None), REQUEST.replace(prompt_upsampling=True)]
)
def test_what_cannot_be_repeated_is_sent_each_time(
    store: RunStore, request_: ff.FillRequest
) -> None:
    pictures = {fill(store, request_).key for _ in range(3)}
    assert len(pictures) == len(store) == 3
    assert isinstance(again(store).begin(request_, service=SERVICE), Attempt)
    assert isinstance(again(store).begin(request_, service=SERVICE, reuse=True), Stored)


def test_reuse_says_whether_an_earlier_one_will_do(store: RunStore) -> None:
    fill(store)
    second = fill(store, reuse=False)
    assert len(store) == 2
    begun = store.begin(REQUEST, service=SERVICE)
    assert isinstance(begun, Stored)
    assert begun.result.key == second.key, "the last one"


def test_a_submitted_task_is_waited_for(store: RunStore) -> None:
    _, task = send(store)
    for one in (store, again(store)):
        begun = one.begin(REQUEST, service=SERVICE)
        assert isinstance(begun, Pending)
        assert begun.task == task
        assert begun.task.request == REQUEST
        assert abs(begun.task.submitted - task.submitted) < timedelta(seconds=0.01)
        assert one.pending() == [task]
        assert one.pending(service=SERVICE) == [task]
        assert one.pending(service="another") == []
    (resumed,) = again(store).pending()
    assert resumed.request == REQUEST
    assert resumed.request.mask == MASK, "soft, as painted"
    other = again(store)
    attempt = other.attempt_of(resumed)
    assert attempt is not None
    attempt.done(ff.FillResult(ff.FillTask(task.id, URL), encoded(), SERVICE, 7, 1.0, 0.05))
    assert again(store).pending() == store.pending() == []
    assert store.find()[0].request == REQUEST
    assert store.attempt_of(task).result is not None  # type: ignore[union-attr]


def test_an_earlier_picture_is_blended_by_the_mask_of_today(store: RunStore) -> None:
    fill(store)
    softer = REQUEST.replace(mask=MASK.threshold().feather(1))
    begun = again(store).begin(softer, service=SERVICE)
    assert isinstance(begun, Stored), "the service gets the mask in black and white"
    assert begun.result.request is softer
    assert again(store).find()[0].request is not None
    assert again(store).find()[0].request.mask == MASK  # type: ignore[union-attr]


def test_an_unknown_task_has_no_attempt(store: RunStore) -> None:
    assert store.attempt_of(ff.FillTask("4f2a", URL)) is None


def test_of_two_at_once_one_may_send(store: RunStore) -> None:
    first = store.begin(REQUEST, service=SERVICE)
    assert isinstance(first, Attempt)
    for step in (lambda: None, first.intend):
        step()
        for one in (store, again(store)):
            begun = one.begin(REQUEST, service=SERVICE)
            assert isinstance(begun, Elsewhere)
            assert isinstance(one.news(begun.key), Elsewhere)
    first.not_sent()
    assert store.news(first.key) is None
    second = again(store).begin(REQUEST, service=SERVICE)
    assert isinstance(second, Attempt)
    assert second.number == 2


def test_of_many_threads_one_may_send(store: RunStore) -> None:
    stores = [store, again(store)]
    start = threading.Barrier(16)
    usual = sys.getswitchinterval()

    def begin(number: int, request: ff.FillRequest) -> Any:
        start.wait()
        return stores[number % 2].begin(request, service=SERVICE)

    try:
        sys.setswitchinterval(1e-5)
        with ThreadPoolExecutor(16) as pool:
            for seed in range(40):
                request = REQUEST.replace(seed=seed)
                begun = list(pool.map(begin, range(16), [request] * 16))
                assert sum(isinstance(one, Attempt) for one in begun) == 1
                assert sum(isinstance(one, Elsewhere) for one in begun) == 15
    finally:
        sys.setswitchinterval(usual)


def test_threads_write_whole_lines(store: RunStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: fill(store, REQUEST.replace(seed=seed)), range(40)))
    other = again(store)
    assert {result.seed for result in other} == set(range(40))
    assert other.problems == []


@pytest.mark.parametrize("kind", ["unconfirmed", "failed", "moderated", "expired"])
def test_what_ended_is_sent_again_only_if_asked(store: RunStore, kind: Any) -> None:
    attempt = store.begin(REQUEST, service=SERVICE)
    assert isinstance(attempt, Attempt)
    attempt.intend()
    if kind == "expired":
        attempt.submitted(ff.FillTask("4f2a", URL))
    attempt.failed(kind, f"Because of {URL}&signature=4f2a, said the service.")
    for one in (store, again(store)):
        begun = one.begin(REQUEST, service=SERVICE)
        assert isinstance(begun, Ended)
        assert begun.kind == kind
        assert begun.reason == "Because of https://api.example.org/… said the service."
        others = {"unconfirmed", "failed", "moderated", "expired"} - {kind}
        assert isinstance(one.begin(REQUEST, service=SERVICE, retry=others), Ended)
    assert [entry.reason for entry in store.unconfirmed()] == (
        [begun.reason] if kind == "unconfirmed" else []
    )
    fill(again(store), retry=[kind])
    assert isinstance(store.begin(REQUEST, service=SERVICE), Stored)
    assert store.unconfirmed() == []


def test_an_unknown_kind_to_retry_is_refused(store: RunStore) -> None:
    with pytest.raises(InvalidOption, match=r"retry has 'moderatd': it may have unconfirmed, "):
        store.begin(REQUEST, service=SERVICE, retry=["moderatd"])


def test_left_before_the_answer_it_is_unconfirmed(store: RunStore) -> None:
    attempt = store.begin(REQUEST, service=SERVICE)
    assert isinstance(attempt, Attempt)
    with suppress(KeyboardInterrupt), attempt:
        attempt.intend()
        raise KeyboardInterrupt
    (entry,) = again(store).unconfirmed()
    assert entry.settings["seed"] == 7
    assert entry.service == SERVICE
    assert datetime.now(UTC) - entry.when < timedelta(minutes=1)


def test_left_before_it_was_sent_it_is_free(store: RunStore) -> None:
    attempt = store.begin(REQUEST, service=SERVICE)
    assert isinstance(attempt, Attempt)
    with suppress(KeyboardInterrupt), attempt:
        raise KeyboardInterrupt
    assert isinstance(again(store).begin(REQUEST, service=SERVICE), Attempt)


def test_an_attempt_is_sent_once(store: RunStore) -> None:
    attempt, _ = send(store)
    with pytest.raises(StoreError, match="made before"):
        attempt.intend()
    begun = store.begin(REQUEST, service=SERVICE)
    assert isinstance(begun, Pending)
    with pytest.raises(StoreError, match="made before"):
        begun.attempt.intend()


def test_what_was_certainly_refused_is_sent_again_by_the_same_attempt(store: RunStore) -> None:
    attempt = store.begin(REQUEST, service=SERVICE)
    assert isinstance(attempt, Attempt)
    for _ in range(3):
        attempt.intend()
    (journal,) = (store.folder / "journal").glob("*.jsonl")
    assert journal.read_text().count('"intent"') == 1


def test_a_task_from_elsewhere_can_be_kept(store: RunStore) -> None:
    attempt = store.begin(REQUEST, service=SERVICE)
    assert isinstance(attempt, Attempt)
    attempt.submitted(ff.FillTask("4f2a", URL, REQUEST))
    (task,) = again(store).pending()
    assert task.request == REQUEST


# --------------------------------------------------------------------- processes that are not there


OTHER_PROCESS = """
import json, os, sys
from PIL import Image
import fluxfill_nb as ff
from fluxfill_nb.store import RunStore, process

picture, folder, step, changes = sys.argv[1:]
me = process.Process.this()
other = process.Process(**(me.dump() | json.loads(changes)))
process._this = lambda pid: other
mask = ff.Mask.from_box((64, 48), (1, 1, 9, 9))
attempt = RunStore(folder).begin(ff.FillRequest(picture, mask, seed=1), service="example")
if step == "intend":
    attempt.intend()
os._exit(0)  # as a kill does
"""


def left_by(store: RunStore, step: str, **process: Any) -> None:
    """Leave what a process writes that ends in the middle, and is not quite this one."""
    path = store.folder.parent / "picture.png"
    PICTURE.save(path)
    command = [sys.executable, "-c", OTHER_PROCESS, path, store.folder, step, json.dumps(process)]
    subprocess.run(command, check=True, timeout=60)


OTHERS = ff.FillRequest(PICTURE, ff.Mask.from_box((64, 48), (1, 1, 9, 9)), seed=1)


@pytest.mark.parametrize(
    ("process", "held"),
    [
        ({}, False),  # it has ended
        ({"pid": os.getpid()}, False),  # its number was given to another one
        ({"machine": "another"}, True),  # who knows
    ],
    ids=["ended", "number given anew", "another machine"],
)
def test_a_dead_process_does_not_hold_a_claim(
    store: RunStore, process: dict[str, Any], held: bool
) -> None:
    left_by(store, "claim", **process)
    begun = store.begin(OTHERS, service="example")
    assert isinstance(begun, Elsewhere if held else Attempt)
    if held:  # after minutes, nobody waits for another machine any more
        (claim,) = (store.folder / "claims").iterdir()
        os.utime(claim, (time.time() - 121,) * 2)
        begun = store.begin(OTHERS, service="example")
        assert isinstance(begun, Attempt)
    begun.intend()
    assert begun.number == 2


@pytest.mark.parametrize(
    ("process", "held"), [({}, False), ({"machine": "another"}, True)], ids=["ended", "machine"]
)
def test_what_a_dead_process_was_sending_is_unconfirmed(
    store: RunStore, process: dict[str, Any], held: bool
) -> None:
    left_by(store, "intend", **process)
    begun = store.begin(OTHERS, service="example")
    if held:
        assert isinstance(begun, Elsewhere)
        assert store.unconfirmed() == []
        (journal,) = (store.folder / "journal").glob("*.jsonl")
        text = re.sub(r'"t":\d+', lambda t: f'"t":{int(t[0][4:]) - 121}', journal.read_text())
        journal.write_text(text)
        store = again(store)
        begun = store.begin(OTHERS, service="example")
    assert isinstance(begun, Ended)
    assert begun.kind == "unconfirmed"
    assert "may have been charged" in begun.reason
    assert [entry.settings["seed"] for entry in store.unconfirmed()] == [1]


def test_who_was_taken_for_dead_does_not_send(store: RunStore) -> None:
    """It slept for minutes between its claim and the POST, and another one has sent meanwhile."""
    sleeper = store.begin(REQUEST, service=SERVICE)
    assert isinstance(sleeper, Attempt)
    (claim,) = (store.folder / "claims").iterdir()
    content = json.loads(claim.read_text())
    claim.write_text(json.dumps(content | {"machine": "another"}))
    os.utime(claim, (time.time() - 121,) * 2)
    other = again(store)
    attempt, task = send(other)
    assert attempt.number == 2
    with pytest.raises(StoreError, match="Another computer has taken this request over"):
        sleeper.intend()
    assert other.pending() == [task]
    begun = store.begin(REQUEST, service=SERVICE)
    assert isinstance(begun, Pending)


def test_an_empty_claim_is_given_up_soon(store: RunStore) -> None:
    (store.folder / "claims").mkdir(parents=True)
    claim = store.folder / "claims" / f"{store.key(REQUEST, SERVICE)[:32]}.1"
    claim.touch()
    assert isinstance(store.begin(REQUEST, service=SERVICE), Elsewhere)
    os.utime(claim, (time.time() - 11,) * 2)
    assert isinstance(store.begin(REQUEST, service=SERVICE), Attempt)


def test_a_process_knows_itself() -> None:
    me = Process.this()
    assert me.is_living(0)
    assert Process.read(json.loads(json.dumps(me.dump()))) == me
    assert not Process(me.machine, me.pid, "another moment").is_living(time.time())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = Path(f"/proc/{child.pid}/stat")
    if not started.exists():
        child.communicate(b"\n")
        pytest.skip("tells by /proc when a process was started")
    other = Process(me.machine, child.pid, started.read_text().rpartition(")")[2].split()[19])
    assert other.is_living(0)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not other.is_living(time.time()), "it has ended, though nobody has buried it"
    child.communicate()
    assert not other.is_living(time.time())


# ---------------------------------------------------------------------------- what is in the folder


def test_people_find_their_way(store: RunStore) -> None:
    fill(store)
    fill(store, REQUEST.replace(output_format="png", prompt="花瓶"), encoded(kind="PNG"))
    fill(store, REQUEST.replace(prompt="CON: ../../a\\b?*", seed=-1, guidance=1.5, steps=None))
    fill(store, REQUEST.replace(seed=None, prompt=None))
    names = sorted(path.name for path in (store.folder / "pictures").iterdir())
    shown = [re.sub(r"[0-9a-f]{12}-", "KEY-", name) for name in names]
    assert shown == [
        "a-terracotta-vase-on-the-table_g30_s50_seed7_KEY-1.jpg",
        "con-a-b_g1.5_seed-1_KEY-1.jpg",
        "fill_g30_s50_seed7_KEY-1.png",
        "fill_g30_s50_seed99_KEY-1.jpg",
    ]
    assert "nothing is paid for twice" in (store.folder / "README.txt").read_text()
    assert sorted(path.name for path in store.folder.iterdir()) == [
        "README.txt", "claims", "inputs", "journal", "pictures",
    ]  # fmt: skip
    assert len(list((store.folder / "inputs").iterdir())) == 2, "once each"


def test_names_hold_on_any_system(store: RunStore) -> None:
    for number, prompt in enumerate(["", ".", "nul", "x" * 300, "a/b\0c", "…", "-" * 50]):
        fill(store, REQUEST.replace(prompt=prompt, seed=number))
    for path in (store.folder / "pictures").iterdir():
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", path.name)
        assert len(path.name) < 100
    assert len(store) == 7


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_keeps_every_pixel_and_says_how_it_was_made(store: RunStore, kind: str) -> None:
    file = encoded(kind=kind)
    result = fill(store, file=file)
    assert result.file is not None
    kept = result.file.path.read_bytes()
    with Image.open(io.BytesIO(file)) as sent, Image.open(result.file.path) as there:
        assert there.tobytes() == sent.tobytes()
    assert len(kept) > len(file)
    assert kept.endswith(file[-1000:])
    assert ff.FillRequest.from_file(result.file.path, PICTURE, MASK) == REQUEST


@pytest.mark.parametrize("file", [b"<html>502</html>", encoded()[:500], encoded(kind="WEBP")])
def test_whatever_came_is_kept(store: RunStore, file: bytes) -> None:
    result = fill(store, file=file)
    assert isinstance(again(store).begin(REQUEST, service=SERVICE), Stored)
    assert file in result.encoded or result.encoded.endswith(file[-100:])


def test_a_prompt_too_long_for_a_jpeg_is_no_reason_to_lose_it(store: RunStore) -> None:
    request = REQUEST.replace(prompt="vase " * 20_000)
    file = encoded()
    assert fill(store, request, file).encoded == file
    assert again(store).find()[0].request == request


def test_no_secret_and_no_passing_address_is_written(store: RunStore) -> None:
    request = REQUEST.replace(webhook_url="https://hook.example/", webhook_secret=SECRET)
    fill(store, request)
    store.begin(request.replace(seed=8), service=SERVICE).intend()  # type: ignore[union-attr]
    for path in store.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert SECRET.encode() not in content
            assert b"hook" not in content
            assert b"sample" not in content
            if path.suffix != ".jsonl":
                assert b"get_result" not in content


# -------------------------------------------------------------------------------------- its results


def test_results_are_files(store: RunStore) -> None:
    result = fill(store)
    assert isinstance(result, ff.FillResult)
    assert result.request is REQUEST
    found = again(store).find()[0]
    for one in (result, found):
        assert one.file is not None
        assert one.file.path.parent == store.folder / "pictures"
        assert one.file.size == PICTURE.size
        assert one.file.thumbs == store.folder / "thumbs"
        assert one.encoded == one.file.path.read_bytes()
        assert one.request == REQUEST
        assert one.key == result.key
        assert (one.seed, one.duration, one.price, one.service) == (7, 4.5, 0.05, SERVICE)
        assert one.details == {"progress": 1}
        assert repr(one) == "<FillResult 64 x 48, seed 7, api.example.org, $0.05>"
        assert one.image.tobytes() == one.composited().tobytes()
        outside = MASK.array == 0
        assert np.array_equal(np.asarray(one.image)[outside], np.asarray(PICTURE)[outside])
        assert one.triptych().width > 3 * 64
        assert not one.is_resampled


def test_a_repr_opens_no_file(store: RunStore) -> None:
    fill(store, file=encoded(PICTURE.resize((128, 96))))
    found = again(store).find()[0]
    shutil.rmtree(store.folder)
    assert repr(found) == (
        "<FillResult 128 x 96, seed 7, api.example.org, resampled from 128 x 96, $0.05>"
    )
    assert found.is_resampled
    assert found.request is None
    with pytest.raises(InvalidImage, match=r"is gone \(No such file.*RunStore\.rebuild\(\)"):
        _ = found.raw


def test_a_result_holds_no_picture_that_nobody_else_does(store: RunStore) -> None:
    fill(store)
    (result,) = again(store)
    raw = result.raw
    assert result.raw is raw
    assert not any(isinstance(held, (Image.Image, bytes)) for held in vars(result).values())


def test_results_of_the_same_inputs_share_them(store: RunStore) -> None:
    for seed in range(3):
        fill(store, REQUEST.replace(seed=seed))
    first, *others = (result.request for result in again(store))
    assert first is not None
    for other in others:
        assert other is not None
        assert other.picture is first.picture
        assert other.mask is first.mask


@pytest.mark.parametrize(
    "file", [encoded(quality=90), encoded(kind="PNG", icc_profile=b"profile" * 9), None]
)
def test_inputs_come_back_as_they_were(store: RunStore, file: bytes | None) -> None:
    picture = PICTURE if file is None else ff.open_image(file)
    request = ff.FillRequest(picture, MASK, seed=1)
    fill(store, request)
    back = again(store).find()[0].request
    assert back is not None
    assert back == request
    assert back.body() == request.body()
    assert back.image.info == request.image.info
    assert back.mask == MASK


def test_altered_inputs_are_not_taken_for_the_originals(store: RunStore) -> None:
    fill(store)
    (path,) = (path for path in (store.folder / "inputs").iterdir() if "mask" not in path.name)
    PICTURE.rotate(180).save(path)
    result = again(store).find()[0]
    assert result.request is None
    assert result.image.tobytes() == result.raw.tobytes()


@pytest.mark.parametrize("which", ["mine", "found"])
def test_a_pickled_result_carries_its_picture(store: RunStore, which: str) -> None:
    mine = fill(store)
    data = pickle.dumps(mine if which == "mine" else again(store).find()[0])
    shutil.rmtree(store.folder)
    copied = pickle.loads(data)
    assert copied.raw.size == PICTURE.size
    assert copied.request == REQUEST
    assert copied.task == mine.task
    assert repr(copied) == repr(mine)


def test_a_pickled_store_is_the_same_folder(store: RunStore) -> None:
    fill(store)
    assert len(pickle.loads(pickle.dumps(store))) == 1


# --------------------------------------------------------------------------------------- for people


@pytest.fixture
def several(store: RunStore) -> RunStore:
    for seed in (1, 2, 3):
        for guidance in (10, 30.5):
            fill(store, REQUEST.replace(seed=seed, guidance=guidance))
    fill(store, REQUEST.replace(prompt="an orange", seed=1), service="local engine: patches")
    attempt, _ = send(store, REQUEST.replace(seed=50))
    attempt.failed("moderated", "The service refused it.")
    send(store, REQUEST.replace(seed=51))
    return store


def test_what_is_there_is_in_it(store: RunStore) -> None:
    fill(store)
    send(store, REQUEST.replace(seed=8))
    assert REQUEST in store
    assert REQUEST.replace(seed=8) not in store  # asked for, not there yet
    assert REQUEST.replace(steps=21) not in store
    assert "7" not in store


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 7),
        ({"prompt": "vase"}, 6),
        ({"prompt": ["ORANGE", "vase"]}, 7),
        ({"guidance": 10}, 2 + 1),
        ({"guidance": 30.5 + 1e-12}, 3),
        ({"seed": [1, 2], "guidance": 10}, 2),
        ({"seed": range(2, 9)}, 4),
        ({"seed": 1.5}, 0),
        ({"steps": 50}, 7),
        ({"prompt_upsampling": False}, 7),
        ({"seed": []}, 0),
        ({"seed": "2"}, 2),
        ({"seed": np.array([1, 2]), "guidance": frozenset([10])}, 2),
        ({"seed": {2: "two", 3: "three"}.keys()}, 4),
        ({"seed": None}, 0),
        ({"steps": None}, 7),
        ({"prompt": None}, 0),
        ({"service": "api.example.org"}, 7),
    ],
)
def test_find(several: RunStore, wanted: dict[str, Any], count: int) -> None:
    if wanted == {"guidance": 10}:
        count = 3
    for one in (several, again(several)):
        assert len(one.find(**wanted)) == count


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("seed", "one", "seed is 'one': look for a whole number, or None"),
        ("seed", True, "seed is True: look for a whole number"),
        ("guidance", [10, "high"], "guidance is 'high': look for a number from 1.5 to 100"),
        ("prompt", re.compile("vase"), "prompt is re.compile('vase'): look for text"),
        ("prompt_upsampling", "yes", "look for True or False"),
        ("service", 3, "service is 3: look for text"),
    ],
)
def test_what_no_setting_can_be_is_refused(
    several: RunStore, name: str, value: Any, rule: str
) -> None:
    with pytest.raises(InvalidOption, match=re.escape(rule)):
        several.find(**{name: value})


def test_large_seeds_are_told_apart(store: RunStore) -> None:
    for seed in (2_000_000_001, 2_000_000_002):
        fill(store, REQUEST.replace(seed=seed))
    assert [found.seed for found in store.find(seed=2_000_000_002)] == [2_000_000_002]


def test_a_seed_of_any_length_has_a_file(store: RunStore) -> None:
    result = fill(store, REQUEST.replace(seed=10**300))
    assert store.find(seed=10**300)[0].encoded == result.encoded


def test_results_come_in_the_order_of_their_submission(several: RunStore) -> None:
    moments = [result.task.submitted for result in again(several)]
    assert moments == sorted(moments)
    assert len(moments) == len(several) == 7


@pytest.mark.parametrize(
    ("name", "hint"), [("promt", "did you mean prompt?"), ("xyz", "there are prompt, steps, ")]
)
def test_an_unknown_setting_is_refused(several: RunStore, name: str, hint: str) -> None:
    with pytest.raises(InvalidOption, match=re.escape(f"{name!r}: {hint}")):
        several.find(**{name: 1})


def test_the_table_says_it_all(several: RunStore) -> None:
    rows = several.table()
    assert len(rows) == 9
    assert [row["state"] for row in rows] == ["done"] * 7 + ["moderated", "pending"]
    assert rows[0]["prompt"] == REQUEST.prompt
    assert Path(rows[0]["picture"]).exists()
    assert ff.Mask(rows[0]["mask"]) == MASK
    assert rows[7]["reason"] == "The service refused it."
    assert rows[7]["picture"] is None
    assert rows[8]["seed"] == 51
    json.dumps(rows, default=str)


def test_what_a_killed_writer_left_unfinished_is_cleared_away(store: RunStore) -> None:
    fill(store)
    left, fresh = (store.folder / "pictures" / f".{name}.part" for name in ("left", "fresh"))
    left.write_bytes(b"half a picture")
    fresh.write_bytes(b"somebody is at it")
    os.utime(left, (time.time() - 86_400,) * 2)
    fill(RunStore(store.folder), REQUEST.replace(seed=8))
    assert not left.exists()
    assert fresh.exists()


def test_a_task_of_another_service_may_have_the_same_id(store: RunStore) -> None:
    attempt, task = send(store)
    assert store.attempt_of(task).key == attempt.key
    assert store.attempt_of(ff.FillTask(task.id, "https://elsewhere.example/get", None)) is None


def test_a_frame_needs_pandas(several: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        several.to_frame()


def test_the_table_as_a_frame(several: RunStore) -> None:
    pytest.importorskip("pandas", reason="pandas is optional")
    frame = several.to_frame()
    assert list(frame["state"]).count("done") == 7


def test_repr_counts(several: RunStore) -> None:
    assert repr(several) == (
        f"<RunStore {str(several.folder)!r}: 7 pictures, 1 pending, 1 moderated, $0.40>"
    )
    fill(several, REQUEST.replace(prompt="<script>alert(1)</script>", seed=9))
    shown = several._repr_html_()
    assert "8 pictures" in shown
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("<tr>") == 11


def test_durations_are_those_of_the_service(several: RunStore) -> None:
    assert several.durations(SERVICE) == [4.5] * 6
    assert several.durations(SERVICE, limit=2) == [4.5] * 2
    assert several.durations("local engine: patches") == [4.5]
    assert several.durations("nobody") == []


def test_stars_are_kept(several: RunStore) -> None:
    first, second, *_ = several
    several.star(first.key, 3)
    several.star(second.key)
    several.star(second.key, 5)
    other = again(several)
    assert [other.stars(key) for key in (first.key, second.key, "none")] == [3, 5, 0]
    assert [row["stars"] for row in other.table()[:3]] == [3, 5, 0]
    other.star(first.key, 0)
    assert several.stars(first.key) == 0


def test_a_star_for_the_request_counts_for_its_pictures(several: RunStore) -> None:
    result = several.find(seed=2, guidance=10)[0]
    assert result.request is not None
    several.star(result.request.key, 2)
    (row,) = (row for row in several.table() if row["key"] == result.key)
    assert row["stars"] == 2
    assert several.stars(result.request.key) == 2


@pytest.mark.parametrize("stars", [-1, 6, 1.5, "3", True, None])
def test_stars_are_0_to_5(several: RunStore, stars: Any) -> None:
    with pytest.raises(InvalidOption, match="whole number from 0 to 5"):
        several.star("4f2a", stars)


@pytest.mark.parametrize("key", [3, None, b"4f2a"])
def test_stars_are_given_by_key(several: RunStore, key: Any) -> None:
    for ask in (several.stars, several.star):
        with pytest.raises(InvalidOption, match=r"key is .*result\.key"):
            ask(key)
    with pytest.raises(InvalidOption, match=r"key is <FillResult.*result\.key"):
        several.star(several.find()[0])  # type: ignore[arg-type]


def test_prune_says_what_it_would_do(several: RunStore) -> None:
    first, *others = several
    several.star(first.key, 1)
    would = several.prune(unstarred=True)
    assert len(would) == len(others) == 6
    assert len(several) == 7
    assert "would move 6 pictures" in repr(would)
    assert "and 1 more" in repr(would)
    assert "paid for anew" in repr(would)
    did = several.prune(unstarred=True, dry_run=False)
    assert "moved 6 pictures" in repr(did)
    for one in (several, again(several)):
        assert [result.key for result in one] == [first.key]
        assert one.problems == []
    assert len(list((several.folder / "removed").iterdir())) == 6
    removed = others[0].request
    assert removed is not None
    assert isinstance(several.begin(removed, service=SERVICE), Attempt)


def test_what_was_pruned_can_be_put_back(several: RunStore) -> None:
    several.prune(keep=lambda result: result.seed != 1, dry_run=False)
    assert len(several) == 4
    for path in (several.folder / "removed").iterdir():
        path.rename(several.folder / "pictures" / path.name)
    assert several.rebuild() == 3
    assert len(again(several)) == 7


def test_prune_takes_conditions_together(several: RunStore) -> None:
    moment = several.find()[3].task.submitted
    assert len(several.prune(before=moment)) == 3
    assert len(several.prune(before=moment.astimezone().replace(tzinfo=None))) == 3
    assert len(several.prune(before=moment, keep=lambda result: result.seed == 1)) == 1
    assert repr(several.prune(keep=lambda result: True)) == "<Pruning: nothing to move away>"
    with pytest.raises(InvalidOption, match="Say what may go"):
        several.prune()


def test_prune_takes_moments_as_pandas_has_them(several: RunStore) -> None:
    moment = several.find()[3].task.submitted
    for before in (pd.Timestamp(moment), pd.Timestamp(moment.astimezone().replace(tzinfo=None))):
        assert len(several.prune(before=before)) == 3
    for odd in ("2026-01-31", moment.date(), timedelta(days=3)):
        with pytest.raises(InvalidOption, match=r"before is .*: give a datetime"):
            several.prune(before=odd)  # type: ignore[arg-type]


def test_thumbs_go_with_their_picture(several: RunStore) -> None:
    first, second, *_ = several
    (several.folder / "thumbs").mkdir()
    for result in (first, second):
        assert result.file is not None
        (result.file.thumbs / f"{result.file.path.stem}_256.jpg").touch()
    several.prune(keep=lambda result: result.key != first.key, dry_run=False)
    assert len(list((several.folder / "thumbs").iterdir())) == 1


def test_the_store_is_rebuilt_from_its_pictures(several: RunStore) -> None:
    before = {result.key: result for result in several}
    shutil.rmtree(several.folder / "journal")
    shutil.rmtree(several.folder / "claims")
    (several.folder / "pictures" / "holiday.jpg").write_bytes(encoded())
    other = again(several)
    assert len(other) == 0
    assert other.rebuild() == 7
    assert other.rebuild() == 0
    for one in (other, again(several)):
        after = {result.key: result for result in one}
        assert after.keys() == before.keys()
        for key, result in after.items():
            assert result.request == before[key].request
            assert result.task.id == before[key].task.id
            assert repr(result) == repr(before[key])
        request = before[key].request
        assert request is not None
        assert isinstance(one.begin(request, service="local engine: patches"), Stored)


def test_a_renamed_picture_is_found(several: RunStore) -> None:
    first = next(iter(several))
    assert first.file is not None
    first.file.path.rename(first.file.path.with_name("my favourite.jpg"))
    assert several.problems == [f"pictures/{first.file.path.name}: gone; it would be paid for anew"]
    assert several.rebuild() == 1
    assert several.problems == []
    (found,) = (result for result in several if result.key == first.key)
    assert found.file is not None
    assert found.file.path.name == "my favourite.jpg"


def test_a_deleted_picture_is_paid_for_anew(store: RunStore) -> None:
    result = fill(store)
    assert result.file is not None
    result.file.path.unlink()
    assert list(store) == []
    assert "gone" in store.problems[0]
    assert isinstance(again(store).begin(REQUEST, service=SERVICE), Attempt)


def test_missing_inputs_are_told(several: RunStore) -> None:
    shutil.rmtree(several.folder / "inputs")
    told = again(several).problems
    assert len(told) == 2
    assert all("cannot be blended over the original" in problem for problem in told)


# --------------------------------------------------------------------------------- damaged journals


def journal_of(store: RunStore) -> Path:
    (path,) = (store.folder / "journal").glob("*.jsonl")
    return path


def test_a_torn_last_line_is_passed_over(several: RunStore) -> None:
    script = "import sys; from fluxfill_nb.store import RunStore; RunStore(sys.argv[1]).star('a')"
    subprocess.run([sys.executable, "-c", script, str(several.folder)], check=True, timeout=60)
    (other,) = (path for path in (several.folder / "journal").glob("*.jsonl")
                if '"star"' in path.read_text())  # fmt: skip
    other.write_bytes(other.read_bytes()[:-3])
    store = again(several)
    assert len(store) == 7
    assert store.stars("a") == 0
    assert store.problems == [f"journal/{other.name}: the last line is cut off, passed over"]


def test_what_a_newer_version_wrote_is_passed_over(several: RunStore) -> None:
    path = journal_of(several)
    newer = ['{"event":"teleported","t":1,"key":"a"}', '{"event":"ended","t":"x","key":"a"}', "[]"]
    path.write_text("\n".join([*path.read_text().splitlines(), *newer, ""]))
    store = again(several)
    assert len(store) == 7
    assert store.problems == [
        f"journal/{path.name}: 1 damaged line, passed over",
        f"journal/{path.name}: lines of a newer version, passed over",
        f"journal/{path.name}: lines that make no sense, passed over",
    ]


@pytest.mark.parametrize("ask", ["begin", "pending", "news"])
def test_a_picture_is_found_though_the_journal_was_not_told(store: RunStore, ask: str) -> None:
    result = fill(store)
    path = journal_of(store)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    other = again(store)
    assert list(other) == []
    if ask == "pending":
        assert other.pending() == []
    elif ask == "begin":
        assert isinstance(other.begin(REQUEST, service=SERVICE), Stored)
    else:
        assert isinstance(other.news(other.key(REQUEST, SERVICE)), Stored)
    (found,) = again(store)
    assert found.key == result.key
    assert repr(found) == repr(result)


def test_a_damaged_page_loses_nothing_that_is_on_disk(several: RunStore) -> None:
    path = journal_of(several)
    content = path.read_bytes()
    path.write_bytes(content[:3000] + bytes(4096) + content[3000 + 4096 :])
    store = again(several)
    assert any("damaged line" in problem for problem in store.problems)
    for result in several:
        assert result.request is not None
        service = "local engine: patches" if result.request.prompt == "an orange" else SERVICE
        begun = store.begin(result.request, service=service)
        assert isinstance(begun, Stored)
        assert begun.result.encoded == result.encoded
    assert [task.id for task in store.pending()] == [task.id for task in several.pending()]


def test_what_was_sent_is_not_sent_again_because_the_journal_is_lost(store: RunStore) -> None:
    send(store)
    shutil.rmtree(store.folder / "journal")
    begun = again(store).begin(REQUEST, service=SERVICE)
    assert isinstance(begun, Ended)
    assert begun.kind == "unconfirmed"
    assert "the journal is damaged" in begun.reason
    fill(again(store), retry=["unconfirmed"])
    assert isinstance(again(store).begin(REQUEST, service=SERVICE), Stored)


def test_an_unreadable_journal_is_an_error_not_an_empty_store(store: RunStore) -> None:
    fill(store)
    shutil.rmtree(store.folder / "journal")
    (store.folder / "journal").symlink_to("journal")
    with pytest.raises(StoreError, match=r"cannot be read .*Nothing was sent"):
        again(store).begin(REQUEST, service=SERVICE)


# ------------------------------------------------------------------------------------------- sweeps


class Sweep:
    def __init__(self, **axes: Any) -> None:
        self.axes = axes

    def to_dict(self) -> dict[str, Any]:
        return {"axes": self.axes}


def test_sweeps_are_kept_once(store: RunStore) -> None:
    sweep = Sweep(guidance=[10, 30], seed=[1, 2])
    path = store.save_sweep(sweep)
    assert store.save_sweep(Sweep(**sweep.axes)) == path
    assert store.save_sweep(Sweep(seed=[1])) != path
    named = store.save_sweep(sweep, "../my first: sweep")
    assert named.name == "my-first-sweep.json"
    assert named.parent == path.parent == store.folder / "sweeps"
    assert json.loads(path.read_text()) == sweep.to_dict()
    assert path.stem.startswith("guidance-seed-")
    assert set(store.sweeps.values()) >= {path, named}
    assert len(store.sweeps) == 3
