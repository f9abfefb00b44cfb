"""The server, spoken to in plain HTTP as any client would."""

from __future__ import annotations

import asyncio
import base64
import io
import threading
import time

import httpx
import numpy as np
import pytest
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb import engines
from fluxfill_nb.options import FillFields
from fluxfill_nb.server import Jobs, create_app
from fluxfill_nb.server.samples import Signer

FILL = "/v1/flux-pro-1.0-fill"


@pytest.fixture(scope="module")
def server():
    with ff.LocalServer() as server:
        yield server


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url) as http:
        yield http


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


def test_closing_stops_the_engine_at_once(body):
    stopped = threading.Event()

    def endless(image, mask, options, progress):
        try:
            while True:
                progress(0.5)
                time.sleep(0.01)
        except engines.Cancelled:
            stopped.set()
            raise

    with ff.LocalServer(endless) as server, httpx.Client(base_url=server.url) as http:
        http.post(FILL, json=body)
    assert stopped.wait(5)


def test_pictures_are_dropped_when_their_time_is_over(picture, mask):
    jobs = Jobs(lambda image, mask, options, progress: image, kept_for=0.05)
    job = jobs.submit(picture, mask, ff.FillRequest(picture, mask).options)
    give_up = time.monotonic() + 10
    while jobs.get(job.id) is not None and time.monotonic() < give_up:
        time.sleep(0.01)
    assert jobs.get(job.id) is None
    jobs.close()


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
