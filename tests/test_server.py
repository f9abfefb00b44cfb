"""The server, spoken to in plain HTTP as any client would."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import hmac
import io
import json
import os
import queue
import re
import socket
import statistics
import threading
import time
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb import engines
from fluxfill_nb.options import FillFields
from fluxfill_nb.server import Jobs, create_app, jobs, samples, webhooks
from fluxfill_nb.server import sent as server_sent
from fluxfill_nb.server.preview import Preview
from fluxfill_nb.server.samples import Signer
from tests.patience import until
from tests.sending import sent

FILL = "/v1/flux-pro-1.0-fill"


@pytest.fixture(scope="module")
def server():
    with ff.LocalServer() as server:
        yield server


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url) as http:
        yield http


@contextlib.contextmanager
def serving(engine, **arguments):
    """A server of its own on a port; gives a client of it."""
    with ff.LocalServer(engine, **arguments) as server, httpx.Client(base_url=server.url) as http:
        yield http


def unchanged(image, mask, options, progress):
    return image


def dies_with_its_process(image, mask, options, progress):
    os._exit(1)


@pytest.fixture(scope="session")
def body(picture, mask):
    return {"image": encode(picture), "mask": encode(mask.to_pil()), "steps": 15, "seed": 1}


def encode(image: Image.Image, kind: str = "PNG", **arguments) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **arguments)
    return base64.b64encode(buffer.getvalue()).decode()


def finish(http: httpx.Client, answer: httpx.Response, patience: float = 20) -> dict:
    """Poll as a client does, until the task has ended."""
    give_up = time.monotonic() + patience
    while time.monotonic() < give_up:
        state = http.get(answer.json()["polling_url"]).json()
        if state["status"] != "Pending":
            return state
        time.sleep(0.02)
    raise AssertionError(state)


def filled(http: httpx.Client, body: dict) -> Image.Image:
    answer = http.post(FILL, json=body)
    assert answer.status_code == 200, answer.text
    sample = http.get(finish(http, answer)["result"]["sample"])
    return Image.open(io.BytesIO(sample.content))


def test_a_fill_from_start_to_end(http, server, body, picture):
    answer = http.post(FILL, json=body | {"prompt": "a red vase"})
    assert answer.status_code == 200
    assert set(answer.json()) == {"id", "polling_url"}
    assert answer.json()["polling_url"].startswith(server.url + "/v1/get_result?id=")
    state = finish(http, answer)
    assert set(state) == {"id", "status", "result", "progress", "details", "preview", "cost"}
    assert (state["status"], state["progress"], state["cost"]) == ("Ready", 1.0, 0.0)
    assert state["details"]["service"] == "local engine: patches"
    assert state["details"]["colours"] == ["red"]
    result = state["result"]
    assert (result["seed"], result["prompt"]) == (1, "a red vase")
    assert result["duration"] == pytest.approx(result["end_time"] - result["start_time"])
    sample = http.get(result["sample"])
    assert sample.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(sample.content)).size == picture.size


def test_png_keeps_every_pixel_outside_the_mask(http, body, picture, mask):
    image = filled(http, body | {"output_format": "png"})
    assert image.format == "PNG"
    outside = mask.array < 128
    assert (np.asarray(image)[outside] == np.asarray(picture)[outside]).all()


@pytest.mark.parametrize("field", ["prompt", "steps", "guidance", "seed", "output_format", "mask"])
def test_null_means_the_default(http, body, field, picture, mask):
    if field == "mask":
        picture = picture.convert("RGBA")
        picture.putalpha((~mask).to_pil())
        body = body | {"image": encode(picture)}
    assert filled(http, body | {field: None}).format == "JPEG"


def test_the_alpha_is_the_mask_where_there_is_none(http, body, picture, mask):
    cut_out = picture.convert("RGBA")
    cut_out.putalpha((~mask).to_pil())
    settings = {"steps": 15, "seed": 1, "output_format": "png"}
    with_alpha = filled(http, {"image": encode(cut_out), **settings})
    assert with_alpha == filled(http, body | settings)


def test_masks_are_taken_as_other_programs_write_them(http, body, mask):
    wanted = filled(http, body)
    painted = Image.new("RGBA", mask.size, (255, 255, 255, 0))
    painted.putalpha(mask.to_pil())
    noisy = mask.to_pil().convert("RGB")
    for text in (
        encode(mask.to_pil().convert("1")),
        encode(mask.to_pil().convert("RGB")),
        encode(mask.to_pil().convert("P")),
        encode(noisy, "JPEG", quality=90),
        encode(painted),
        "data:image/png;base64," + encode(mask.to_pil()),
    ):
        assert np.abs(
            np.asarray(filled(http, body | {"mask": text}), int) - np.asarray(wanted, int)
        ).mean() < 3  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"steps": 14}, "steps"),
        ({"steps": 51}, "steps"),
        ({"guidance": 1.4}, "guidance"),
        ({"guidance": 101}, "guidance"),
        ({"safety_tolerance": 7}, "safety_tolerance"),
        ({"safety_tolerance": None}, "safety_tolerance"),
        ({"output_format": "gif"}, "output_format"),
        ({"seed": "seven"}, "seed"),
        ({"webhook_url": "no address"}, "webhook_url"),
        ({"image": None}, "image"),
        ({"image": "not Base64!"}, "image"),
        ({"image": base64.b64encode(b"no picture" * 20).decode()}, "image"),
        ({"image": ""}, "image"),
        ({"mask": "????"}, "mask"),
        ({"mask": None}, "mask"),
        ({"mask": "small"}, "mask"),
    ],
)
def test_what_is_wrong_is_refused_at_its_field(http, body, change, field):
    if change.get("mask") == "small":
        change = {"mask": encode(Image.new("L", (8, 8), 255))}
    answer = http.post(FILL, json=body | change)
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["loc"] == ["body", field]
    assert problem["msg"]
    assert problem["type"]
    assert len(answer.content) < 1500


def test_a_missing_picture_is_named(http):
    problem = http.post(FILL, json={"prompt": "x"}).json()["detail"][0]
    assert (problem["loc"], problem["type"]) == (["body", "image"], "missing")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe"])
def test_what_is_no_json_object_is_refused(http, content):
    answer = http.post(FILL, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 422


def test_a_refusal_tells_the_rule(http, body):
    (problem,) = http.post(FILL, json=body | {"steps": 14}).json()["detail"]
    assert (problem["input"], problem["ctx"]) == (14, {"ge": 15})


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_pages_of_other_sites_cannot_submit(http, body, kind):
    """A browser sends such bodies anywhere unasked; JSON it does not."""
    headers = {"content-type": kind} if kind else {}
    answer = http.post(FILL, content=json.dumps(body).encode(), headers=headers)
    assert answer.status_code == 422
    assert "application/json" in answer.json()["detail"][0]["msg"]


@pytest.mark.parametrize(
    ("megabytes", "field"), [(15, ["body", "image"]), (20.5, ["body", "image"]), (50, ["body"])]
)
def test_large_bodies_are_refused_whole(server, http, body, megabytes, field):
    large = base64.b64encode(bytes(int(megabytes * 1e6))).decode()
    answer = http.post(FILL, json=body | {"image": large})
    (problem,) = answer.json()["detail"]
    assert (answer.status_code, problem["loc"]) == (422, field)
    assert ("limit" in problem["msg"]) == (megabytes > 20)
    assert len(answer.content) < 1000


def test_too_large_a_picture_is_refused(http, body):
    big = encode(Image.new("L", (5000, 4001)))
    problem = http.post(FILL, json=body | {"image": big}).json()["detail"][0]
    assert problem["loc"] == ["body", "image"]
    assert "20 MP" in problem["msg"]


def test_unknown_tasks(http):
    answer = http.get("/v1/get_result", params={"id": "nobody"})
    assert (answer.status_code, answer.json()["status"]) == (404, "Task not found")
    assert answer.json()["id"] == "nobody"


def test_keys(body):
    with (
        ff.LocalServer(keys=["right", "other"]) as server,
        httpx.Client(base_url=server.url) as http,
    ):
        for headers, detail in [
            ({}, "Not authenticated"),
            ({"x-key": "wrong"}, "Not authenticated - Invalid Authentication"),
            ({"x-key": "clé".encode()}, "Not authenticated - Invalid Authentication"),
        ]:
            for answer in (
                http.post(FILL, json=body, headers=headers),
                http.get("/v1/credits", headers=headers),
            ):
                assert (answer.status_code, answer.json()) == (403, {"detail": detail})
        answer = http.post(FILL, json=body, headers={"X-Key": "right"})
        # Polling asks for no key, as on the hosted service.
        assert finish(http, answer)["status"] == "Ready"


def test_samples_need_their_signature(http, body):
    result = finish(http, http.post(FILL, json=body))["result"]
    url = httpx.URL(result["sample"])
    assert http.get(url).status_code == 200
    for wrong in (
        url.copy_set_param("signature", "0" * 64),
        url.copy_set_param("expires", "99999999999"),
        url.copy_set_param("signature", "ä"),
    ):
        assert http.get(wrong).status_code == 403


def test_polling_again_signs_anew(http, body, monkeypatch):
    answer = http.post(FILL, json=body)
    old = finish(http, answer)["result"]["sample"]
    late = SimpleNamespace(time=lambda: time.time() + 601)
    monkeypatch.setattr(samples, "time", late)
    refused = http.get(old)
    assert (refused.status_code, list(refused.json())) == (403, ["detail"])
    new = finish(http, answer)["result"]["sample"]
    assert new != old
    assert http.get(new).status_code == 200


def test_signatures_expire():
    signer = Signer(valid_for=-1)
    fields = dict(part.split("=") for part in signer.query("job").split("&"))
    assert not signer.is_valid("job", int(fields["expires"]), fields["signature"])


def test_no_more_tasks_than_allowed(body):
    go_on = threading.Event()

    def waiting(image, mask, options, progress):
        go_on.wait(20)
        return image

    with (
        ff.LocalServer(waiting, max_active=2) as server,
        httpx.Client(base_url=server.url) as http,
    ):
        taken = [http.post(FILL, json=body) for _ in range(2)]
        assert http.post(FILL, json=body).status_code == 429
        go_on.set()
        assert [finish(http, answer)["status"] for answer in taken] == ["Ready", "Ready"]
        assert http.post(FILL, json=body).status_code == 200


def test_tasks_are_counted_for_each_key(body):
    go_on = threading.Event()

    def waiting(image, mask, options, progress):
        go_on.wait(20)
        return image

    with serving(waiting, keys=["one", "other"], max_active=1) as http:
        ones, others = {"x-key": "one"}, {"x-key": "other"}
        first = http.post(FILL, json=body, headers=ones)
        refused = http.post(FILL, json=body, headers=ones)
        assert (refused.status_code, list(refused.json())) == (429, ["detail"])
        second = http.post(FILL, json=body, headers=others)
        go_on.set()
        assert [finish(http, answer)["status"] for answer in (first, second)] == ["Ready"] * 2


def test_credits_are_spent_on_pictures_only(body):
    go_on = threading.Event()

    def picky(image, mask, options, progress):
        go_on.wait(20)
        assert options.seed != 13
        return image

    with serving(picky, credits=10.0) as http:

        def left():
            return http.get("/v1/credits").json()["credits"]

        good, bad = (http.post(FILL, json=body | {"seed": seed}) for seed in (1, 13))
        # Both are set aside for, so that a third is not paid for, whatever comes of them.
        third = http.post(FILL, json=body)
        assert (third.status_code, third.json()) == (402, {"detail": "Insufficient credits"})
        assert left() == 10
        go_on.set()
        assert finish(http, good)["cost"] == 5
        assert "cost" not in finish(http, bad)
        assert left() == 5
        assert finish(http, http.post(FILL, json=body))["status"] == "Ready"
        assert left() == 0
        assert http.post(FILL, json=body).status_code == 402
        assert http.post(FILL, json=body | {"steps": 1}).status_code == 402  # nothing was read


def test_who_has_no_credits_left_is_sent_to_whoever_gives_them(picture, mask):
    with (
        ff.LocalServer(credits=2.0) as server,
        ff.FluxFill(base_url=server.url, store=None) as client,
        pytest.raises(ff.errors.InsufficientCredits, match=r"ask who runs 127\.0\.0\.1") as caught,
    ):
        client.fill(picture, mask)
    assert "buy" not in str(caught.value)


def test_who_may_not_submit_is_told_before_the_body_is_read():
    with serving(unchanged, credits=0.0) as http:
        connection = HTTPConnection("127.0.0.1", http.base_url.port, timeout=20)
        connection.putrequest("POST", FILL)
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "50000000")
        connection.endheaders(b'{"image": "')
        assert connection.getresponse().status == 402
        connection.close()


@pytest.mark.parametrize("name", ["prompt", "webhook_secret"])
def test_texts_that_would_fill_the_memory_are_refused(http, body, name):
    answer = http.post(FILL, json=body | {name: "x" * 20_001})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", name]
    assert "20000" in answer.json()["detail"][0]["msg"]
    assert http.post(FILL, json=body | {name: "x" * 20_000}).status_code == 200


def test_each_key_has_its_own_credits(body):
    with serving(unchanged, keys=["one", "other"], credits=5.0) as http:
        assert finish(http, http.post(FILL, json=body, headers={"x-key": "one"}))["cost"] == 5
        assert [
            http.get("/v1/credits", headers={"x-key": key}).json()["credits"]
            for key in ("one", "other")
        ] == [0, 5]


@pytest.mark.parametrize(
    ("returned", "logged"),
    [
        (lambda image: None, "NoneType"),
        (lambda image: np.asarray(image), "ndarray"),
        (lambda image: image.resize((8, 8)), "8 x 8 px"),
        (lambda image: image.convert("L"), "It returned L"),
    ],
)
def test_an_engine_that_returns_rubbish_is_an_error(body, caplog, returned, logged):
    with serving(lambda image, mask, options, progress: returned(image)) as http:
        state = finish(http, http.post(FILL, json=body))
    assert (state["status"], state["details"]) == ("Error", {"error": "The engine failed"})
    assert logged in caplog.text


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError])
def test_no_engine_ends_the_worker(body, kind):
    def last(image, mask, options, progress):
        if options.seed == 13:
            raise kind("secret")
        return image

    with ThreadPoolExecutor(1) as executor, serving(last, executor=executor) as http:
        state = finish(http, http.post(FILL, json=body | {"seed": 13}))
        assert (state["status"], state["details"]) == ("Error", {"error": "The engine failed"})
        assert finish(http, http.post(FILL, json=body))["status"] == "Ready"


def test_an_engine_may_say_anything_of_itself(body):
    def talkative(image, mask, options, progress):
        progress(np.float32(0.5))
        progress(float("nan"))
        return image

    for details in (lambda options: {"x": float("nan")}, lambda options: 1 / 0):
        talkative.details = details
        with serving(talkative) as http:
            state = finish(http, http.post(FILL, json=body))
            assert state["details"] == {"service": "local engine: talkative"}


def test_an_engine_in_another_process(body, caplog):
    with ProcessPoolExecutor(1) as executor:
        with serving(engines.Patches(), executor=executor) as http:
            result = finish(http, http.post(FILL, json=body))["result"]
            assert result["duration"] > 0
            assert http.get(result["sample"]).status_code == 200
        with serving(dies_with_its_process, executor=executor) as http:
            state = finish(http, http.post(FILL, json=body))
            error = {"error": "The engine's worker died"}
            assert (state["status"], state["details"]) == ("Error", error)
            # Its processes are gone for good: no work is taken on any more.
            assert http.post(FILL, json=body).status_code == 503
    assert "it is not run again" in caplog.text


def test_an_engine_that_cannot_be_sent_to_another_process(body, caplog):
    with (
        ProcessPoolExecutor(1) as executor,
        serving(lambda image, mask, options, progress: image, executor=executor) as http,
    ):
        assert finish(http, http.post(FILL, json=body))["status"] == "Error"
    assert "pickl" in caplog.text.lower()


def test_tasks_that_wait_end_when_the_server_does(picture, mask):
    running, go_on, ended = threading.Event(), threading.Event(), queue.Queue()

    def slow(image, mask, options, progress):
        running.set()
        go_on.wait(20)
        progress(0.5)
        return image

    options = ff.FillRequest(picture, mask).options
    with ThreadPoolExecutor(1) as executor:
        work = Jobs(slow, executor=executor)
        first = work.submit(sent(picture, mask), options, on_end=ended.put)
        assert running.wait(20)
        second = work.submit(sent(picture, mask), options, on_end=ended.put)
        assert (first.status, second.status, work.active) == ("Pending", "Pending", 2)
        work.close()
        assert ended.get(timeout=20) is second  # at once: it never ran
        go_on.set()
        assert ended.get(timeout=20) is first
        assert [job.error for job in (first, second)] == ["The server was shut down"] * 2
        assert [job.status for job in (first, second)] == ["Error", "Error"]
        with pytest.raises(jobs.ShutDown):
            work.submit(sent(picture, mask), options)
        assert work.active == 0
        assert executor.submit(int).result() == 0  # it is not ours to shut down


def test_nothing_of_a_task_stays_in_memory_but_its_settings(picture, mask, monkeypatch):
    ended = threading.Event()
    work = Jobs(unchanged)
    files = sent(picture, mask)
    kept = [weakref.ref(files)]
    really_work = jobs.work

    def watched_work(*arguments):
        outcome = really_work(*arguments)
        kept.append(weakref.ref(outcome))
        return outcome

    monkeypatch.setattr(jobs, "work", watched_work)
    job = work.submit(files, ff.FillRequest(picture, mask).options, on_end=lambda job: ended.set())
    del files
    assert ended.wait(20)
    give_up = time.monotonic() + 10
    while any(thing() for thing in kept) and time.monotonic() < give_up:
        gc.collect()
    assert [thing() for thing in kept] == [None, None]
    folder = work.pictures.folder
    assert [path.name for path in folder.iterdir()] == [job.id]
    work.close()
    assert not folder.exists()


def test_fills_that_wait_hold_no_pixels():
    running, go_on = threading.Event(), threading.Event()

    def slow(image, mask, options, progress):
        running.set()
        go_on.wait(20)
        return image

    size = (131, 67)
    picture, mask = Image.new("RGB", size), ff.Mask.from_box(size, (8, 8, 30, 30))
    files = sent(picture, mask)
    body = {"image": base64.b64encode(files.image).decode(), "steps": 15}
    body["mask"] = base64.b64encode(files.mask).decode()

    def decoded():
        gc.collect()
        return sum(isinstance(o, Image.Image) and o.size == size for o in gc.get_objects())

    with serving(slow, workers=1) as http:
        answers = [http.post(FILL, json=body)]
        assert running.wait(20)
        alone = decoded()
        answers += [http.post(FILL, json=body) for _ in range(4)]
        assert decoded() == alone
        go_on.set()
        assert {finish(http, answer)["status"] for answer in answers} == {"Ready"}


def test_the_oldest_tasks_go_first(picture, mask, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_KEPT", 2)
    options = ff.FillRequest(picture, mask).options
    work = Jobs(unchanged)
    ended = queue.Queue()
    kept = []
    for _ in range(4):
        kept.append(work.submit(sent(picture, mask), options, on_end=ended.put).id)
        ended.get(timeout=20)
    assert [work.get(key) is not None for key in kept] == [False, False, True, True]
    assert {path.name for path in work.pictures.folder.iterdir()} == set(kept[2:])
    work.close()


def test_an_engine_that_fails_harms_no_other_task(body):
    def picky(image, mask, options, progress):
        if options.seed == 13:
            raise RuntimeError("secret: /home/someone")
        return image

    with ff.LocalServer(picky) as server, httpx.Client(base_url=server.url) as http:
        bad = finish(http, http.post(FILL, json=body | {"seed": 13}))
        assert (bad["status"], bad["details"]) == ("Error", {"error": "The engine failed"})
        assert finish(http, http.post(FILL, json=body))["status"] == "Ready"


def test_progress_moves_and_never_back(body):
    steps, seen = [0.1, 0.5, 0.3, 0.9], []
    step_done, go_on = threading.Event(), threading.Event()

    def steady(image, mask, options, progress):
        for fraction in steps:
            progress(fraction)
            step_done.set()
            assert go_on.wait(20)
            go_on.clear()
        return image

    with ff.LocalServer(steady) as server, httpx.Client(base_url=server.url) as http:
        answer = http.post(FILL, json=body)
        for _ in steps:
            assert step_done.wait(20)
            step_done.clear()
            seen.append(http.get(answer.json()["polling_url"]).json()["progress"])
            go_on.set()
        assert finish(http, answer)["progress"] == 1.0
    assert seen == [0.1, 0.5, 0.5, 0.9]


def test_previews_are_made_when_somebody_looks(body):
    made, step, polled = [], threading.Event(), threading.Event()

    def painting(image, mask, options, progress):
        for number in range(4):

            def preview(number=number):
                made.append((number, threading.current_thread()))
                if number == 2:
                    raise ValueError("no preview")
                return Image.new("RGBA", (1024, 300), (number, 0, 0))

            progress(number / 4, preview if number else None)
            step.set()
            assert polled.wait(20)
            polled.clear()
        return image

    looks = []
    with serving(painting) as http:
        answer = http.post(FILL, json=body)
        for number in range(4):
            assert step.wait(20)
            step.clear()
            for _ in range(1 if number == 3 else 3):
                looks.append(http.get(answer.json()["polling_url"]).json()["preview"])
            polled.set()
        assert finish(http, answer)["preview"] is None
    nothing, first, broken = looks[:3], looks[3:6], looks[6:9]
    assert nothing == [None] * 3
    kind, _, text = first[0]["image"].partition(",")
    assert (kind, list(first[0])) == ("data:image/jpeg;base64", ["image"])
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    assert (image.format, image.size) == ("JPEG", (256, 75))
    assert first == [first[0]] * 3
    assert broken == first  # the last one that could be made
    assert looks[9] != first[0]
    assert [number for number, _ in made] == [1, 2, 3]  # once for each step
    assert all(thread.name.startswith("AnyIO worker") for _, thread in made)  # not the loop's


def test_nobody_waits_for_a_preview_that_another_makes():
    preview, making, go_on = Preview(), threading.Event(), threading.Event()

    def slow():
        making.set()
        go_on.wait(20)
        return Image.new("RGB", (8, 8))

    preview.offer(slow)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(preview.refresh)
        assert making.wait(20)
        assert not preview.is_stale
        preview.refresh()  # returns
        assert preview.url is None
        preview.end()  # the picture is ready meanwhile
        go_on.set()
        first.result(20)
    assert preview.url is None


def test_closing_stops_the_engine_at_once(body):
    begun, stopped = threading.Event(), threading.Event()

    def endless(image, mask, options, progress):
        try:
            while True:
                begun.set()
                progress(0.5)
                time.sleep(0.01)
        except engines.Cancelled:
            stopped.set()
            raise

    with ff.LocalServer(endless) as server, httpx.Client(base_url=server.url) as http:
        http.post(FILL, json=body)
        assert begun.wait(30)
    assert stopped.wait(30)


def test_a_server_that_is_closed_says_so(body):
    server = ff.LocalServer(unchanged)
    server.close()

    async def post():
        async with httpx.AsyncClient(transport=server.transport, base_url=server.url) as http:
            return await http.post(FILL, json=body)

    answer = asyncio.run(post())
    assert (answer.status_code, list(answer.json())) == (503, ["detail"])


def test_beyond_this_machine_a_key_is_made(body):
    for host in ("127.0.0.1", "127.0.0.9", "::1", "localhost"):
        assert ff.LocalServer(host=host).keys == ()
    server = ff.LocalServer(host="0.0.0.0")
    (key,) = server.keys
    assert len(key) >= 20
    assert key not in repr(server)
    assert key != ff.LocalServer(host="0.0.0.0").keys[0]
    assert ff.LocalServer(host="0.0.0.0", keys=["mine"]).keys == ("mine",)
    with server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(url + "/v1/credits").status_code == 403
        assert httpx.get(url + "/v1/credits", headers={"x-key": key}).status_code == 200


def test_listens_on_ipv6(body):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving(unchanged, host="::1") as http:
        assert http.base_url.host == "::1"
        assert finish(http, http.post(FILL, json=body))["status"] == "Ready"


def test_pictures_are_dropped_when_their_time_is_over(picture, mask):
    jobs = Jobs(lambda image, mask, options, progress: image, kept_for=0.05)
    job = jobs.submit(sent(picture, mask), ff.FillRequest(picture, mask).options)
    give_up = time.monotonic() + 10
    while jobs.get(job.id) is not None and time.monotonic() < give_up:
        time.sleep(0.01)
    assert jobs.get(job.id) is None
    jobs.close()


@pytest.mark.parametrize("kept_for", [-1, float("nan"), "600"])
def test_pictures_are_kept_for_a_time(kept_for):
    with pytest.raises(ff.errors.InvalidOption, match="kept_for is "):
        Jobs(unchanged, kept_for=kept_for)


def test_the_page_of_the_contract_holds_the_table(http):
    schema = http.get("/openapi.json").json()["components"]["schemas"]["FillBody"]
    assert schema["required"] == ["image"]
    for name, field in FillFields.model_fields.items():
        assert schema["properties"][name]["description"] == field.description
    steps = schema["properties"]["steps"]
    assert (steps["default"], steps["anyOf"][0]) == (
        50,
        {"type": "integer", "minimum": 15, "maximum": 50},
    )


def test_engines_are_chosen_by_name_or_given():
    assert engines.get("patches").name == "patches"
    assert engines.get(print) is print
    for wrong in ("lama", 7):
        with pytest.raises(ff.errors.InvalidOption, match="engine"):
            engines.get(wrong)


def test_an_application_of_ones_own_serves_the_contract(body):
    jobs = Jobs(engines.get("patches"))
    transport = httpx.ASGITransport(create_app(jobs, credits=3))

    async def ask():
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            return (await http.get("/v1/credits")).json()

    assert asyncio.run(ask()) == {"credits": 3.0}
    jobs.close()


class Receiver:
    """Takes calls on a loopback port, and answers each with the next status."""

    def __init__(self, statuses=(200,)):
        self.calls = queue.Queue()
        remaining = list(statuses)
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = remaining.pop(0) if len(remaining) > 1 else remaining[0]
                calls.put((time.monotonic(), self.path, self.headers, body))
                self.send_response(status)
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()

    def next(self):
        _, path, headers, body = self.calls.get(timeout=20)
        return path, headers, json.loads(body), body


HERE = {"webhook_networks": ["127.0.0.0/8", "::1/128"]}


def ended(http, answer):
    """Poll a task that was submitted with a webhook, whose answer names no address."""
    url = f"{http.base_url}/v1/get_result?id={answer.json()['id']}"
    return finish(http, SimpleNamespace(json=lambda: {"polling_url": url}))


def test_a_webhook_is_called_with_a_signed_body(body):
    with Receiver() as receiver, serving(unchanged, **HERE) as http:
        url = f"http://127.0.0.1:{receiver.port}/hook?x=1"
        answer = http.post(FILL, json=body | {"webhook_url": url, "webhook_secret": "sécret"})
        task = answer.json()["id"]
        assert answer.json() == {"id": task, "status": "Pending", "webhook_url": url}
        path, headers, told, raw = receiver.next()
        signature = hmac.new("sécret".encode(), raw, hashlib.sha256).hexdigest()
        assert headers["X-BFL-Signature"] == f"sha256={signature}"
        assert (path, headers["content-type"]) == ("/hook?x=1", "application/json")
        assert set(told) == {"id", "status", "result", "timestamp"}
        assert (told["id"], told["status"]) == (task, "Ready")
        assert (told["result"]["prompt"], told["result"]["seed"]) == ("", 1)
        assert http.get(told["result"]["sample"]).headers["content-type"] == "image/jpeg"
        assert ended(http, answer)["status"] == "Ready"
        assert receiver.calls.empty()


def test_a_webhook_in_the_other_form(body):
    with Receiver() as receiver, serving(unchanged, **HERE, webhook_form="B") as http:
        hook = {"webhook_url": f"http://localhost:{receiver.port}/", "webhook_secret": "secret"}
        answer = http.post(FILL, json=body | hook)
        _, headers, told, _ = receiver.next()
        assert headers["X-Webhook-Secret"] == "secret"
        assert "X-BFL-Signature" not in headers
        assert (told["task_id"], told["status"]) == (answer.json()["id"], "SUCCESS")
        assert (told["error"], told["result"]["seed"]) == (None, 1)


@pytest.mark.parametrize(("form", "word"), [("A", "Error"), ("B", "FAILED")])
def test_a_webhook_tells_of_failure_too(body, form, word):
    def failing(image, mask, options, progress):
        raise RuntimeError("secret")

    with Receiver() as receiver, serving(failing, **HERE, webhook_form=form) as http:
        http.post(FILL, json=body | {"webhook_url": f"http://127.0.0.1:{receiver.port}"})
        _, headers, told, _ = receiver.next()
        assert (told["status"], told["result"]) == (word, None)
        assert told["error"] == "The engine failed"
        assert not {"x-bfl-signature", "x-webhook-secret"} & {name.lower() for name in headers}


def test_a_webhook_is_called_again_until_it_is_taken(body, monkeypatch):
    assert webhooks.PAUSES == (0, 1, 5, 30)
    monkeypatch.setattr(webhooks, "PAUSES", (0, 0.1, 0.3, 0.5))
    with Receiver([500, 307, 204, 200]) as receiver, serving(unchanged, **HERE) as http:
        http.post(FILL, json=body | {"webhook_url": f"http://127.0.0.1:{receiver.port}/hook"})
        calls = [receiver.calls.get(timeout=20) for _ in range(3)]
        assert [path for _, path, _, _ in calls] == ["/hook"] * 3  # no redirect is followed
        times = [when for when, *_ in calls]
        assert times[1] - times[0] >= 0.1
        assert times[2] - times[1] >= 0.3
        time.sleep(0.7)
        assert receiver.calls.empty()


def test_a_webhook_that_nobody_takes_is_given_up(body, monkeypatch, caplog):
    monkeypatch.setattr(webhooks, "PAUSES", (0, 0.01, 0.01, 0.01))
    monkeypatch.setattr(webhooks, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf, serving(unchanged, **HERE) as http:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/hook?token=hidden"
        answer = http.post(FILL, json=body | {"webhook_url": url, "webhook_secret": "hidden"})
        assert ended(http, answer)["status"] == "Ready"  # nobody waits for the receiver
        until(lambda: "given up" in caplog.text)
    assert answer.json()["id"] in caplog.text
    assert "hidden" not in caplog.text


def test_closing_does_not_wait_for_receivers(body):
    with socket.create_server(("127.0.0.1", 0)) as deaf, serving(unchanged, **HERE) as http:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        ended(http, http.post(FILL, json=body | {"webhook_url": url}))
        deaf.accept()[0].close()
        started = time.monotonic()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f.1", "0.0.0.0", "10.1.2.3", "172.16.0.1",
        "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1", "192.0.2.1",
        "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]",
        "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[2002:a00:1::]",
        "[2001:db8::1]",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(http, body, host):
    answer = http.post(FILL, json=body | {"webhook_url": f"http://{host}:8/"})
    (problem,) = answer.json()["detail"]
    assert (answer.status_code, problem["loc"]) == (422, ["body", "webhook_url"])
    assert "not to be called" in problem["msg"]


@pytest.mark.parametrize(
    "url",
    ["ftp://x.org", "file:///etc/passwd", "javascript:1", "", "http://", "http://x" + "a" * 3000],
)
def test_what_is_no_web_address_is_refused(http, body, url):
    answer = http.post(FILL, json=body | {"webhook_url": url})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "webhook_url"]


@pytest.fixture
def names(monkeypatch):
    """Name service of the test's own: each name's addresses, one list for each time it is asked."""
    real, names = socket.getaddrinfo, {}

    def look_up(host, port, *arguments, **keywords):
        if host not in names:
            return real(host, port, *arguments, **keywords)
        answers = names[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [entry for address in found for entry in real(address, port, *arguments, **keywords)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return names


def test_every_address_of_a_name_counts(http, body, names):
    names["mixed.test"] = [["93.184.215.14", "10.0.0.1"]]
    answer = http.post(FILL, json=body | {"webhook_url": "http://mixed.test/"})
    assert answer.json()["detail"][0]["loc"] == ["body", "webhook_url"]


@pytest.mark.parametrize("first", [["93.184.215.14"], []], ids=["public", "unknown"])
def test_a_name_that_leads_elsewhere_later_is_dropped(body, names, first, caplog):
    names["rebound.test"] = [first, ["127.0.0.1"]]
    with Receiver() as receiver, serving(unchanged) as http:
        url = f"http://rebound.test:{receiver.port}/"
        answer = http.post(FILL, json=body | {"webhook_url": url})
        assert answer.status_code == 200
        until(lambda: "dropped" in caplog.text)
        assert receiver.calls.empty()


def test_calls_go_to_the_address_that_was_checked(body, names):
    """The name is not looked up again: here it would lead nowhere."""
    names["receiver.test"] = [["127.0.0.1"], ["127.0.0.2", "127.0.0.1"], []]
    with Receiver() as receiver, serving(unchanged, **HERE) as http:
        http.post(FILL, json=body | {"webhook_url": f"http://receiver.test:{receiver.port}/hook"})
        path, headers, *_ = receiver.next()
        assert (path, headers["host"]) == ("/hook", f"receiver.test:{receiver.port}")


NONSENSE = {
    "max_active": [0, -1, True, 1.5, "3", None],
    "workers": [0, -1, True, 1.5, "3"],
    "credits": [-1, True, "5", float("nan"), float("inf"), 10**400],
    "port": [-1, 70_000, True, 80.0, "8000", None],
    "host": [None, 5, "", " here", "a..b"],
    "webhook_form": ["C", None, ["A"]],
    "webhook_networks": [["here"], "127.0.0.0/8", [5], 5, None],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in NONSENSE.items() for value in values],
)
def test_what_a_server_is_made_of_is_checked(name, value):
    with pytest.raises(ff.errors.InvalidOption, match=f"{name} is ") as caught:
        ff.LocalServer(**{name: value})
    assert re.search("must be|[Gg]ive", str(caught.value))


@pytest.mark.parametrize("keys", ["hidden", b"hidden", {"ada": "hidden"}, None, 5, [5]])
def test_what_holds_no_keys_is_refused_without_telling_it(keys):
    """A text is no list of keys, nor a dict's names: each would let in whoever guesses a letter."""
    with pytest.raises(ff.errors.InvalidOption, match="key") as caught:
        ff.LocalServer(keys=keys)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"max_active": 0}, {"credits": -1}, {"keys": "hidden"}])
def test_an_application_checks_what_it_is_made_of(wrong):
    with (
        contextlib.closing(Jobs(unchanged)) as jobs,
        pytest.raises(ff.errors.InvalidOption, match=next(iter(wrong))),
    ):
        create_app(jobs, **wrong)


def test_a_refusal_names_the_value_and_what_to_give():
    with pytest.raises(ff.errors.InvalidOption) as caught:
        ff.LocalServer(port=80.0)
    assert str(caught.value) == (
        "port is 80.0: it must be a whole number from 0 to 65535; 0 takes a free one."
    )


def test_numbers_of_numpy_are_numbers(body):
    with serving(unchanged, max_active=np.int64(2), credits=np.float32(10)) as http:
        assert http.get("/v1/credits").json() == {"credits": 10}


@pytest.mark.parametrize("grace", [-1, float("nan"), float("inf"), "5"])
def test_a_grace_is_a_time(grace):
    server = ff.LocalServer(unchanged)
    with contextlib.closing(server), pytest.raises(ff.errors.InvalidOption, match="grace is "):
        server.drain(grace)


@pytest.mark.parametrize("size", [30_000_000, 80_000_000])
@pytest.mark.parametrize("key", ["right", "wrong"])
def test_a_client_that_reads_late_gets_its_answer(size, key):
    """Though the answer is given before the body's end, sending it does not break."""
    with serving(unchanged, keys=["right"]) as http:
        connection = HTTPConnection(http.base_url.host, http.base_url.port, timeout=20)
        with contextlib.closing(connection):
            headers = {"x-key": key, "content-type": "application/json"}
            connection.request("POST", FILL, body=bytes(size), headers=headers)
            assert connection.getresponse().status == (422 if key == "right" else 403)


def poll_times(http, answer, count):
    times = []
    for _ in range(count):
        started = time.perf_counter()
        assert http.get(answer.json()["polling_url"]).status_code == 200
        times.append(time.perf_counter() - started)
        time.sleep(0.01)
    return times


def test_slow_clients_block_nobody(body):
    """200 of them, in the middle of their headers or their bodies, do not slow down polling."""
    head = f"POST {FILL} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
    halves = [
        head.encode()[:40],
        (head + "Content-Length: 50000000\r\n\r\n" + '{"image": "' + "A" * 10_000).encode(),
    ]
    with contextlib.ExitStack() as stack, serving(unchanged) as http:
        port = http.base_url.port
        for number in range(200):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            slow.sendall(halves[number % 2])
        answer = http.post(FILL, json=body)
        finish(http, answer)
        times = poll_times(http, answer, 50)
    assert statistics.median(times) < 0.1


def test_few_pictures_are_decoded_at_once_and_polling_goes_on(body, monkeypatch):
    decoding, go_on, most = set(), threading.Event(), [0]
    really_open = server_sent.open_image

    def open_slowly(*arguments, **keywords):
        decoding.add(threading.get_ident())
        if not go_on.is_set():  # later the engine's threads decode as well
            most[0] = max(most[0], len(decoding))
        go_on.wait(20)
        decoding.remove(threading.get_ident())
        return really_open(*arguments, **keywords)

    with serving(unchanged) as http, ThreadPoolExecutor(60) as threads:
        answer = http.post(FILL, json=body)
        finish(http, answer)
        monkeypatch.setattr(server_sent, "open_image", open_slowly)
        # More than there are threads for everything else that a server does.
        posts = [threads.submit(httpx.post, f"{http.base_url}{FILL}", json=body | {"steps": None})
                 for _ in range(60)]  # fmt: skip
        until(lambda: decoding)
        times = poll_times(http, answer, 50)
        sample = http.get(finish(http, answer)["result"]["sample"])
        assert sample.status_code == 200
        go_on.set()
        codes = {post.result(20).status_code for post in posts}
    assert statistics.median(times) < 0.1
    assert max(times) < 5
    assert most[0] <= max(1, (os.cpu_count() or 2) // 2)
    assert codes <= {200, 429}


def test_polls_do_not_wait_for_the_network(http, body):
    """Where small packets are held back, every poll takes 40 ms; see `Listener`."""
    answer = http.post(FILL, json=body)
    finish(http, answer)
    assert min(poll_times(http, answer, 30)) < 0.03
