"""Whatever is sent, the answer is one that the OpenAPI page names, and never a 500."""

from __future__ import annotations

import base64
import io
import json
import logging

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import GenerationMode

import fluxfill_nb as ff
from fluxfill_nb.options import FillFields

FILL = "/v1/flux-pro-1.0-fill"
KEY = "the-key"


def instant(image, mask, options, progress):
    """An engine that changes nothing."""
    return image


@pytest.fixture(scope="module")
def server():
    with ff.LocalServer(instant, keys=[KEY], max_active=10_000) as server:
        yield server


@pytest.fixture(scope="module")
def http(server):
    with httpx.Client(base_url=server.url, headers={"x-key": KEY}) as http:
        yield http


@pytest.fixture(autouse=True)
def _nothing_fails_inside(caplog):
    """What fails on the server's side is logged there, as an error."""
    yield
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.fixture(scope="module")
def page(server):
    page = schemathesis.openapi.from_url(server.url + "/openapi.json")
    page.config.update(headers={"x-key": KEY})
    return page


def encode(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


PICTURE = encode(Image.radial_gradient("L").resize((24, 16)).convert("RGB"))
GOOD = {"image": as_base64(PICTURE), "mask": as_base64(encode(Image.new("L", (24, 16), 255)))}


def check(http: httpx.Client, content: bytes) -> int:
    """Post a body; follow the task if it is taken on. Returns the status code of the post."""
    answer = http.post(FILL, content=content, headers={"content-type": "application/json"})
    assert len(answer.content) < 20_000
    if answer.status_code == 422:
        for problem in answer.json()["detail"]:
            assert problem["loc"][0] == "body"
            assert problem["msg"]
        return 422
    assert answer.status_code == 200
    state = {"status": "Pending"}
    while state["status"] == "Pending":
        state = http.get("/v1/get_result", params={"id": answer.json()["id"]}).json()
    assert state["status"] == "Ready"
    sample = httpx.get(state["result"]["sample"])
    Image.open(io.BytesIO(sample.content)).load()
    return 200


@pytest.mark.parametrize(
    ("path", "method"), [(FILL, "POST"), ("/v1/get_result", "GET"), ("/v1/credits", "GET")]
)
def test_what_the_page_allows_is_answered_as_it_says(page, path, method):
    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    @given(case=page[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE))
    def answer_is_as_the_page_says(case):
        if method == "POST":  # what is a picture, and whom one may call, the page cannot say
            case.body |= GOOD | {"webhook_url": None}
        case.call_and_validate()

    answer_is_as_the_page_says()


@pytest.mark.parametrize(("path", "method"), [(FILL, "POST"), ("/v1/get_result", "GET")])
def test_what_the_page_does_not_allow_is_refused_as_it_says(page, path, method):
    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    @given(case=page[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def answer_is_as_the_page_says(case):
        case.call_and_validate()

    answer_is_as_the_page_says()


def test_the_page_shows_every_endpoint(page):
    shown = {operation.ok().label for operation in page.get_all_operations()}
    assert shown == {f"POST {FILL}", "GET /v1/get_result", "GET /v1/credits"}


# Lone surrogates and NUL included, which JSON can spell and UTF-8 cannot.
texts = st.text(st.characters(), max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([*FillFields.model_fields, "image", "mask"])


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=80) | values.map(json.dumps).map(str.encode))
def test_any_body_is_answered(http, content):
    assert check(http, content) == 422


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(names | texts, values, max_size=4))
@example({"prompt": "\ud800"})
@example({"prompt": "\0" * 9})
@example({"prompt": "x" * 1_000_000})
@example({"guidance": float("nan")})
@example({"guidance": float("inf"), "seed": float("-inf"), "steps": float("nan")})
@example({"seed": 10**4000})
@example({"seed": -(2**63)})
@example({"steps": 10**400})
@example({"webhook_url": "http://" + "a" * 300})
@example({"webhook_url": "http://a..b/\0"})
@example({"webhook_url": "http://x/" + "é" * 900})
@example({"webhook_url": "http://[::1%25lo]:0/"})
@example({"webhook_url": "http://user:pass@10.0.0.1"})
def test_any_settings_are_answered(http, settings):
    check(http, json.dumps(GOOD | settings).encode())


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ('"guidance": 1e400', 422),
        ('"guidance": 3e1', 200),
        ('"steps": 2e1', 200),
        ('"steps": 1e400', 422),
        ('"steps": 20.5', 422),
        ('"seed": 1e300', 422),
        ('"seed": ' + "9" * 5000, 422),
        ('"guidance": NaN', 422),
        ('"guidance": -Infinity', 422),
        ('"prompt": "\\ud800"', 422),
        ('"prompt": "\\u0000"', 200),
        ('"other": ' + "[" * 150 + "]" * 150, 200),
        ('"other": ' + "[" * 100_000, 422),
        ('"other": ' + '{"a":' * 100_000, 422),
        ('"image": "A"', 422),
    ],
    ids=lambda value: str(value)[:24],
)
def test_odd_spellings(http, settings, code):
    good = json.dumps(GOOD)[:-1]
    assert check(http, f"{good}, {settings}}}".encode()) == code


@st.composite
def pictures(draw):
    """Files of pictures: of any mode, format and size; some damaged."""
    mode, kind = draw(
        st.sampled_from(
            [
                *((mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
                *((mode, "JPEG") for mode in ("L", "RGB", "CMYK")),
                *((mode, "TIFF") for mode in ("1", "L", "RGB", "RGBA", "CMYK", "F", "I", "LAB")),
                ("RGB", "WEBP"), ("RGBA", "WEBP"), ("P", "GIF"), ("RGB", "BMP"), ("RGB", "EPS"),
            ]
        )
    )  # fmt: skip
    size = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)) | st.just((24, 16)))
    shade = draw(st.integers(0, 255))
    data = bytearray(encode(Image.new(mode, size, shade if len(mode) == 1 else 0), kind))
    for place in draw(st.lists(st.integers(0, len(data) - 1), max_size=4)):
        data[place] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))])


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(image=pictures() | st.binary(max_size=60), mask=st.none() | pictures())
def test_any_pictures_are_answered(http, image, mask):
    text = None if mask is None else as_base64(mask)
    check(http, json.dumps({"image": as_base64(image), "mask": text}).encode())


@settings(max_examples=50)
@given(name=texts, query=st.dictionaries(st.sampled_from(["expires", "signature"]), texts))
@example(name="x", query={"expires": "9" * 5000, "signature": "ä"})
def test_any_sample_is_answered(http, name, query):
    name = name.encode(errors="surrogatepass").hex()
    query = {key: value.encode(errors="replace") for key, value in query.items()}
    for path in (f"/samples/{name}", f"/samples/%{name[:2]}", "/samples/%ff%00"):
        assert http.get(path, params=query).status_code in (403, 404, 422)
