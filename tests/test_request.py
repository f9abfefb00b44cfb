"""A request: checked before it is sent, encoded once, known again by its content."""

from __future__ import annotations

import base64
import copy
import io
import itertools
import json
import operator
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

import fluxfill_nb as ff
from fluxfill_nb.errors import FluxFillError, InvalidImage, InvalidMask, InvalidOption
from fluxfill_nb.options import FillOptions

SIZE = (64, 48)
PICTURE = Image.fromarray(
    np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
)
FLIPPED = PICTURE.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
MASK = ff.Mask.from_box(SIZE, (10, 10, 40, 30))
REQUEST = ff.FillRequest(PICTURE, MASK, "a vase", seed=3)
SECRET = "hush-hush-hush"
PROMPTS = ["", 'a "red" vase, isn\'t it? \\ %s {x}', "花瓶 – rouge très foncé 🏺\n\t", "\x00 <&>"]


def encoded(image: Image.Image = PICTURE, kind: str = "PNG", **options: Any) -> bytes:
    """Return the image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def sent(request: ff.FillRequest) -> dict[str, Any]:
    """Return the JSON that goes out."""
    content: dict[str, Any] = json.loads(b"".join(request.body()))
    return content


def sent_picture(request: ff.FillRequest, field: str = "image") -> Image.Image:
    """Return the picture or the mask that goes out."""
    return Image.open(io.BytesIO(base64.b64decode(sent(request)[field], validate=True)))


def saved(path: Path, request: ff.FillRequest = REQUEST, seed: int | None = 3) -> Path:
    """Save a picture as if it had been filled for this request."""
    task = ff.FillTask("4f2a", "https://example.org/get_result?id=4f2a", request)
    return ff.FillResult(task, encoded(), "local engine: patches", seed=seed).save(path)


def with_origin(path: Path, text: str) -> Path:
    """Save a picture that says this of its origin."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("fluxfill_nb", text)
    PICTURE.save(path, pnginfo=chunks)
    return path


@pytest.mark.parametrize("size", [(48, 64), (63, 48), (1, 1)])
def test_a_mask_of_another_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidMask, match=f"{size[0]} x {size[1]} px, the picture 64 x 48"):
        ff.FillRequest(PICTURE, ff.Mask.full(size))


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(InvalidMask, match="highest value is 127"):
        ff.FillRequest(PICTURE, ~ff.Mask(np.full((48, 64), 128, np.uint8)))


def test_without_mask_transparency_is_filled() -> None:
    picture = PICTURE.convert("RGBA")
    picture.paste((0, 0, 0, 0), (10, 10, 40, 30))
    assert ff.FillRequest(picture).mask == MASK


@pytest.mark.parametrize("picture", [PICTURE, PICTURE.convert("RGBA")])
def test_without_mask_and_transparency_the_remedy_is_told(picture: Image.Image) -> None:
    with pytest.raises(InvalidMask, match=r"Mask\.from_box"):
        ff.FillRequest(picture)


def test_settings_are_checked_before_the_picture_is_opened() -> None:
    with pytest.raises(InvalidOption, match="did you mean guidance"):
        ff.FillRequest("no such file", None, guidnce=30)  # type: ignore[call-arg]


def test_a_request_has_the_options_and_knows_its_parts() -> None:
    assert REQUEST.options == FillOptions("a vase", seed=3)
    assert REQUEST.image.mode == "RGB"
    assert REQUEST.image.tobytes() == PICTURE.tobytes()
    assert REQUEST.mask == MASK


def test_a_later_change_of_the_source_does_not_reach_the_request() -> None:
    picture, values = PICTURE.copy(), MASK.array.copy()
    request = ff.FillRequest(picture, ff.Mask(values))
    picture.paste("red", (0, 0, 64, 48))
    values[:] = 255
    assert request.image.tobytes() == PICTURE.tobytes()
    assert request.mask == MASK


@pytest.mark.parametrize("name", ["seed", "image", "mask", "key", "anything"])
def test_a_request_is_frozen(name: str) -> None:
    with pytest.raises(AttributeError, match="frozen"):
        setattr(REQUEST, name, None)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 70}),
        ("JPEG", {"progressive": True}),
        ("PNG", {"compress_level": 1}),
        ("WEBP", {"quality": 60}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_a_file_goes_out_as_it_is(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(kind=kind, **options))
    for source in (path, path.read_bytes(), ff.open_image(path)):
        body = sent(ff.FillRequest(source, MASK))
        assert base64.b64decode(body["image"], validate=True) == path.read_bytes()


def upside_down() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 3
    return encoded(kind="JPEG", exif=exif)


@pytest.mark.parametrize(
    "source",
    [
        PICTURE,
        np.asarray(PICTURE),
        PICTURE.convert("L"),
        PICTURE.convert("P"),
        encoded(kind="BMP"),
        encoded(PICTURE.convert("L"), "JPEG"),
        encoded(PICTURE.convert("RGBA")),
        encoded(PICTURE.convert("CMYK"), "JPEG"),
        upside_down(),
    ],
    ids=["pillow", "array", "L", "P", "bmp", "grey jpeg", "rgba png", "cmyk jpeg", "turned jpeg"],
)
def test_everything_else_goes_out_as_rgb_png(source: Any) -> None:
    request = ff.FillRequest(source, MASK)
    picture = sent_picture(request)
    assert (picture.format, picture.mode) == ("PNG", "RGB")
    assert picture.tobytes() == request.image.tobytes()


def test_with_a_mask_the_alpha_is_not_sent() -> None:
    picture = PICTURE.convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(SIZE))
    request = ff.FillRequest(picture, MASK)
    assert sent_picture(request).mode == "RGB"
    assert sent_picture(request).tobytes() == PICTURE.tobytes()
    assert ff.Mask(sent_picture(request, "mask")) == MASK


def test_the_mask_goes_out_in_black_and_white_split_at_128() -> None:
    ramp = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) % 256
    request = ff.FillRequest(PICTURE, ff.Mask(ramp.astype(np.uint8)))
    mask = sent_picture(request, "mask")
    assert (mask.format, mask.mode) == ("PNG", "L")
    assert np.array_equal(np.asarray(mask), np.where(ramp >= 128, 255, 0))
    assert np.array_equal(request.mask.array, ramp), "the soft edge is kept for blending"


def test_the_body_holds_the_settings_that_are_not_none() -> None:
    body = sent(REQUEST.replace(prompt="Väse", steps=None, webhook_url="https://e.org/hook"))
    del body["image"], body["mask"]
    assert body == {
        "prompt": "Väse",
        "prompt_upsampling": False,
        "seed": 3,
        "guidance": 60.0,
        "output_format": "jpeg",
        "safety_tolerance": 2,
        "webhook_url": "https://e.org/hook",
    }


def test_a_body_of_defaults_alone_is_json() -> None:
    nothing = dict.fromkeys(set(FillOptions.names()) - {"safety_tolerance"})
    assert list(sent(REQUEST.replace(**nothing))) == ["safety_tolerance", "image", "mask"]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_any_prompt_arrives(prompt: str) -> None:
    assert sent(REQUEST.replace(prompt=prompt))["prompt"] == prompt


def test_replaced_settings_share_the_encoded_pictures() -> None:
    tail = REQUEST.body()[1:]
    for request in (REQUEST, REQUEST.replace(seed=4), REQUEST.replace(seed=4).replace(prompt="")):
        assert all(map(operator.is_, request.body()[1:], tail))


def test_long_bodies_come_in_parts_that_join() -> None:
    size = (900, 800)
    picture = Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    )
    file = encoded(picture)
    request = ff.FillRequest(file, ff.Mask.full(size))
    assert len(request.body()) > 4
    assert max(map(len, request.body())) <= 1 << 20
    assert base64.b64decode(sent(request)["image"], validate=True) == file


@pytest.mark.parametrize("change", [{"mask": ~MASK}, {"image": FLIPPED}])
def test_another_picture_or_mask_is_encoded_anew(change: dict[str, Any]) -> None:
    changed = REQUEST.replace(**change)
    assert changed.options == REQUEST.options
    (kept,) = {"image", "mask"} - set(change)
    assert sent(changed)[kept] == sent(REQUEST)[kept]
    assert changed.body()[1:] != REQUEST.body()[1:]


def test_a_replaced_copy_is_checked_and_shares_what_is_encoded() -> None:
    changed = REQUEST.__replace__(seed=11)  # what copy.replace calls
    assert changed == REQUEST.replace(seed=11)
    assert changed.body()[1:] == REQUEST.body()[1:]
    with pytest.raises(InvalidOption, match="15 to 50"):
        REQUEST.__replace__(steps=5)


def test_a_replaced_mask_keeps_the_pictures_file() -> None:
    file = encoded(kind="JPEG")
    request = ff.FillRequest(file, MASK)
    for copied in (request, pickle.loads(pickle.dumps(request)), copy.deepcopy(request)):
        assert copied.replace(mask=~MASK).picture.encoded == file


def test_replace_leaves_the_original_alone() -> None:
    changed = REQUEST.replace(seed=4, prompt="x")
    assert (changed.seed, changed.prompt, REQUEST.seed, REQUEST.prompt) == (4, "x", 3, "a vase")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"steps": 5}, InvalidOption, "steps is 5"),
        ({"sed": 5}, InvalidOption, "did you mean seed"),
        ({"mask": ff.Mask.full((8, 8))}, InvalidMask, "8 x 8 px, the picture 64 x 48"),
        ({"image": Image.new("RGB", (8, 8))}, InvalidMask, "64 x 48 px, the picture 8 x 8"),
        ({"image": b"nothing"}, InvalidImage, "not a picture"),
    ],
)
def test_replace_checks_again(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        REQUEST.replace(**change)


def test_the_secret_is_sent_and_shown_nowhere() -> None:
    request = REQUEST.replace(webhook_url="https://e.org/", webhook_secret=SECRET)
    assert sent(request)["webhook_secret"] == SECRET
    shown = [repr(request), str(request), f"{request}", request.model_dump_json(), request.key]
    assert not [text for text in shown if SECRET in text]
    with pytest.raises(InvalidOption) as caught:
        request.replace(steps=5)
    assert SECRET not in str(caught.value)


def test_repr_is_one_short_line() -> None:
    assert repr(REQUEST) == "FillRequest(64 x 48, mask 19.5 %, prompt='a vase', seed=3)"
    assert str(REQUEST) == repr(REQUEST)


def test_a_notebook_shows_the_picture_with_its_mask() -> None:
    large = ff.FillRequest(PICTURE.resize((1280, 960)), MASK.resize((1280, 960)))
    shown = Image.open(io.BytesIO(large._repr_png_()))
    assert shown.size == (640, 480)
    plain = np.asarray(large.image.resize(shown.size), int)
    difference = np.abs(np.asarray(shown) - plain).max(axis=2)
    assert difference[140:260, 140:360].mean() > 4 * difference[350:].mean()


ONE = {
    "prompt": st.sampled_from([None, "", "a vase"]),
    "steps": st.sampled_from([None, 50, 20]),
    "prompt_upsampling": st.sampled_from([None, False, True]),
    "seed": st.sampled_from([None, 0, 1]),
    "guidance": st.sampled_from([None, 60, 60.0, 30]),
    "output_format": st.sampled_from([None, "jpeg", "png"]),
    "safety_tolerance": st.sampled_from([2, 3]),
    "webhook_url": st.sampled_from([None, "https://e.org/"]),
    "webhook_secret": st.sampled_from([None, SECRET]),
}


def effective(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return what decides the picture: None is the default, webhooks do not count."""
    default = FillOptions()
    return {
        name: getattr(default, name) if value is None else value
        for name, value in chosen.items()
        if not name.startswith("webhook")
    }


@settings(deadline=None)
@given(st.fixed_dictionaries(ONE), st.fixed_dictionaries({}, optional=ONE))
def test_keys_agree_where_the_settings_that_matter_do(
    first: dict[str, Any], change: dict[str, Any]
) -> None:
    second = first | change
    same = effective(first) == effective(second)
    one, other = REQUEST.replace(**first), REQUEST.replace(**second)
    assert (one.key == other.key) is same
    if one == other:
        assert hash(one) == hash(other)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "b"},
        {"steps": 20},
        {"prompt_upsampling": True},
        {"seed": 4},
        {"seed": None},
        {"guidance": 59.5},
        {"output_format": "png"},
        {"safety_tolerance": 3},
        {"mask": ~MASK},
        {"image": FLIPPED},
    ],
)
def test_whatever_decides_the_picture_changes_the_key(change: dict[str, Any]) -> None:
    assert REQUEST.replace(**change).key != REQUEST.key
    assert REQUEST.replace(**change) != REQUEST


def test_the_key_does_not_depend_on_how_the_pixels_came(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.png")
    PICTURE.save(tmp_path / "a.webp", lossless=True)
    sources: list[Any] = [
        tmp_path / "a.png",
        tmp_path / "a.webp",
        np.asarray(PICTURE),
        np.asarray(PICTURE) / 255,
        encoded(kind="BMP"),
        PICTURE.convert("RGBA"),
    ]
    assert {ff.FillRequest(source, MASK, "a vase", seed=3).key for source in sources} == {
        REQUEST.key
    }


def test_a_soft_edge_that_is_sent_alike_has_the_same_key() -> None:
    soft = np.where(MASK.array == 255, 128, 127).astype(np.uint8)
    assert REQUEST.replace(mask=ff.Mask(soft)).key == REQUEST.key
    soft[0, 0] = 128
    assert REQUEST.replace(mask=ff.Mask(soft)).key != REQUEST.key


def test_the_key_stays_for_ever_and_everywhere() -> None:
    """Run stores know requests by it: a changed key would pay for pictures again."""
    code = """if True:
        import fluxfill_nb as ff
        from PIL import Image
        picture = Image.linear_gradient("L")
        mask = ff.Mask.from_box(picture.size, (80, 80, 120, 120))
        print(ff.FillRequest(picture, mask, "Väse", guidance=30, seed=7).key)
    """
    keys = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": hashing},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hashing in ("1", "2")
    ]
    assert keys == ["3c4e83c9fbdd9a18417ea03de596eb6824a02879cca8e48335d6dd8be0944d8a"] * 2


@pytest.mark.parametrize("after", ["new", "used"])
def test_a_pickled_request_is_the_same(after: str) -> None:
    request = ff.FillRequest(encoded(kind="JPEG"), MASK, webhook_secret=SECRET)
    if after == "used":
        request.body()
    copied = pickle.loads(pickle.dumps(request))
    assert copied == request
    assert copied.key == request.key
    assert copied.body() == request.body()


def test_requests_of_equal_content_are_one_in_a_set() -> None:
    again = ff.FillRequest(encoded(), MASK, "a vase", seed=3)
    assert len({REQUEST, again, REQUEST.replace(seed=4)}) == 2
    assert REQUEST.options != REQUEST
    assert REQUEST.replace(webhook_secret=SECRET) != REQUEST


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".PNG"])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_saved_picture_gives_its_request_back(tmp_path: Path, suffix: str, prompt: str) -> None:
    request = REQUEST.replace(
        prompt=prompt, steps=None, guidance=1.5, prompt_upsampling=True, output_format="png"
    )
    path = saved(tmp_path / f"vase{suffix}", request)
    again = ff.FillRequest.from_file(path, PICTURE, MASK)
    assert again == request
    assert ff.FillRequest.from_file(str(path), PICTURE, MASK).key == request.key


def test_the_drawn_seed_is_given_back(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", REQUEST.replace(seed=None), seed=77)
    assert ff.FillRequest.from_file(path, PICTURE, MASK).seed == 77


def test_the_seed_asked_for_is_given_back_if_the_service_said_none(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", REQUEST, seed=None)
    assert ff.FillRequest.from_file(path, PICTURE, MASK).seed == 3


def test_a_fill_with_a_soft_mask_is_found_by_what_was_sent(tmp_path: Path) -> None:
    soft = MASK.feather(4)
    request = REQUEST.replace(mask=soft)
    path = saved(tmp_path / "a.png", request)
    assert ff.FillRequest.from_file(path, PICTURE, soft) == request
    assert ff.FillRequest.from_file(path, PICTURE, soft.threshold()) == request


def test_webhooks_are_not_given_back(tmp_path: Path) -> None:
    request = REQUEST.replace(webhook_url="https://e.org/hook", webhook_secret=SECRET)
    path = saved(tmp_path / "a.png", request)
    again = ff.FillRequest.from_file(path, PICTURE, MASK)
    assert (again.webhook_url, again.webhook_secret) == (None, None)
    assert again.key == request.key


def test_the_fill_is_repeated_pixel_by_pixel(tmp_path: Path) -> None:
    with ff.connect("local") as client:
        first = client.fill(PICTURE, MASK, "orange", steps=15, output_format="png")
        request = ff.FillRequest.from_file(first.save(tmp_path / "a.jpg"), PICTURE, MASK)
        second = client.fill(request)
    assert second.raw.tobytes() == first.raw.tobytes()
    assert first.image.tobytes() != PICTURE.tobytes()


def test_another_picture_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")
    with pytest.raises(InvalidImage, match=r"another picture .* 64 x 48"):
        ff.FillRequest.from_file(path, FLIPPED, MASK)
    with pytest.raises(InvalidImage, match=r"another picture .* 64 x 48"):
        ff.FillRequest.from_file(path, Image.new("RGB", (8, 8)), MASK)


def test_another_mask_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")
    with pytest.raises(InvalidMask, match="another mask"):
        ff.FillRequest.from_file(path, PICTURE, ~MASK)
    soft = ff.Mask(np.where(MASK.array == 255, 200, 100).astype(np.uint8))
    assert ff.FillRequest.from_file(path, PICTURE, soft).key == REQUEST.key


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif", ".tiff"])
def test_a_foreign_picture_is_refused(tmp_path: Path, suffix: str) -> None:
    PICTURE.save(tmp_path / f"foreign{suffix}")
    with pytest.raises(InvalidImage, match=r"foreign.* does not say how it was made"):
        ff.FillRequest.from_file(tmp_path / f"foreign{suffix}", PICTURE, MASK)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match=r"There is no file .*nowhere\.png"):
        ff.FillRequest.from_file(tmp_path / "nowhere.png", PICTURE, MASK)
    with pytest.raises(InvalidImage, match="does not say how it was made"):
        ff.FillRequest.from_file(tmp_path, PICTURE, MASK)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_file_cut_off_anywhere_gives_the_request_or_is_refused(
    tmp_path: Path, suffix: str
) -> None:
    whole = saved(tmp_path / f"a{suffix}").read_bytes()
    cut = tmp_path / f"cut{suffix}"
    outcomes = set()
    for length in range(0, len(whole), 29):
        cut.write_bytes(whole[:length])
        try:
            outcomes.add(ff.FillRequest.from_file(cut, PICTURE, MASK).key)
        except InvalidImage as error:
            outcomes.add(type(error).__name__)
    assert {"InvalidImage"} <= outcomes <= {"InvalidImage", REQUEST.key}


def origin(**changes: Any) -> str:
    """Return what a saved picture says, with changes."""
    task = ff.FillTask("4f2a", "https://example.org", REQUEST)
    said = ff.FillResult(task, encoded(), "someone").provenance()
    return json.dumps(said | changes)


def test_what_the_file_says_is_all_that_counts(tmp_path: Path) -> None:
    assert ff.FillRequest.from_file(with_origin(tmp_path / "a.png", origin()), PICTURE, MASK)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "3",
        '"settings"',
        "{}",
        "{'settings'}",
        "[" * 200_000,
        "1" * 5000,
        origin(settings=None),
        origin(settings=[["steps", 20]]),
        origin(settings="steps"),
        origin(settings={"steps": 1}),
        origin(settings={"steps": {"a": 1}}),
        origin(settings={"strength": 0.5}),
        origin(settings={"image": "/etc/hostname"}),
        origin(settings={"self": 1}),
        origin(settings={"webhook_url": "https://evil.example"}),
        origin(image=None),
        origin(image=[]),
        origin(image={"sha256": "0"}),
        origin(image={"sha256": "0", "size": 5}),
        origin(image={"sha256": "0", "size": [1]}),
        origin(image={"size": [64, 48]}),
        origin(mask={}),
        origin(mask=7),
    ],
    ids=itertools.count(),
)
def test_a_hostile_origin_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidImage, match="does not say how it was made"):
        ff.FillRequest.from_file(with_origin(tmp_path / "a.png", text), PICTURE, MASK)


@pytest.mark.parametrize("comment", [b"", b"ASCII\0\0\0", b"UNICODE\0\xff\xfe", b"\xff" * 99, "x"])
def test_a_cameras_comment_is_no_origin(tmp_path: Path, comment: bytes | str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    PICTURE.save(tmp_path / "a.jpg", exif=exif)
    with pytest.raises(InvalidImage, match="does not say how it was made"):
        ff.FillRequest.from_file(tmp_path / "a.jpg", PICTURE, MASK)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("damage", [b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"??"])
def test_damaged_exif_is_no_origin(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(kind="JPEG", exif=b"Exif\0\0" + damage))
    with pytest.raises(FluxFillError, match="does not say how it was made"):
        ff.FillRequest.from_file(tmp_path / "a.jpg", PICTURE, MASK)


@pytest.mark.parametrize(("suffix", "length"), [(".png", 2_000_000), (".webp", 2_000_000)])
def test_a_prompt_of_any_length_is_kept(tmp_path: Path, suffix: str, length: int) -> None:
    request = REQUEST.replace(prompt="v" * length)
    path = saved(tmp_path / f"a{suffix}", request)
    assert ff.FillRequest.from_file(path, PICTURE, MASK) == request


def test_a_jpeg_holds_a_prompt_of_up_to_64_kb(tmp_path: Path) -> None:
    request = REQUEST.replace(prompt="v" * 64_000)
    path = saved(tmp_path / "a.jpg", request)
    assert ff.FillRequest.from_file(path, PICTURE, MASK) == request
    with pytest.raises(InvalidImage, match=r"JPEG cannot hold so long a prompt.*PNG"):
        saved(tmp_path / "b.jpg", REQUEST.replace(prompt="ü" * 11_000))
    assert not (tmp_path / "b.jpg").exists()
