"""A result: the user's pixels stay the user's, the fill shows, and the file knows its origin."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidImage, InvalidInput, InvalidMask, InvalidOption
from fluxfill_nb.triptych import triptych

SIZE = (64, 48)
BOX = (10, 10, 50, 40)
PICTURE = Image.fromarray(
    np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
)
SERVICE = "local engine: patches"
POLLING_URL = "https://api.example.org/v1/get_result?id=4f2a&signature=polling-signature"
SECRET = "hush-hush-hush"

Values = NDArray[np.uint8]


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return the image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def result_of(
    mask: ff.Mask | None = None,
    *,
    image: Image.Image = PICTURE,
    raw: Image.Image | None = None,
    **settings: Any,
) -> ff.FillResult:
    """Return the picture's negative as its fill."""
    mask = ff.Mask.from_box(image.size, BOX) if mask is None else mask
    request = ff.FillRequest(image, mask, "a vase", **settings)
    raw = image.point(lambda value: 255 - value) if raw is None else raw
    return ff.FillResult(
        ff.FillTask("4f2a", POLLING_URL, request, datetime(2025, 5, 4, 3, 2, 1, tzinfo=UTC)),
        encoded(raw),
        SERVICE,
        seed=7,
        duration=4.5,
        price=0.05,
        details={"sample": POLLING_URL},
    )


def shares(mask: ff.Mask, feather: float | None = None) -> Values:
    """Return how much of the fill shows, 0 to 255: white, filled into black."""
    black = Image.new("RGB", mask.size)
    result = result_of(mask, image=black, raw=Image.new("RGB", mask.size, "white"))
    return np.asarray(result.composited(feather))[:, :, 0]


def resumed() -> ff.FillResult:
    """Return the result of a task that came without its request."""
    return replace(result_of(), task=ff.FillTask("4f2a", POLLING_URL))


@pytest.fixture(scope="module")
def filled() -> Iterator[ff.FillResult]:
    with ff.connect("local") as client:
        mask = ff.Mask.from_ellipse(SIZE, BOX)
        yield client.fill(PICTURE, mask, "orange", steps=15, output_format="png")


@st.composite
def masks(draw: st.DrawFn) -> ff.Mask:
    """Any mask that fills something."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))
    values = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 1, 127, 128, 255])))
    values.flat[draw(st.integers(0, values.size - 1))] = 255
    return ff.Mask(values)


@settings(deadline=None)
@given(masks(), st.none() | st.floats(0, 40) | st.floats(0))
def test_pixels_where_the_mask_is_0_stay_the_originals(
    mask: ff.Mask, feather: float | None
) -> None:
    image = PICTURE.resize(mask.size)
    outside = mask.array == 0
    composited = np.asarray(result_of(mask, image=image).composited(feather))
    assert np.array_equal(composited[outside], np.asarray(image)[outside])


@settings(deadline=None)
@given(masks())
def test_without_feather_the_mask_is_the_share(mask: ff.Mask) -> None:
    assert np.array_equal(shares(mask, 0), mask.array)


@settings(deadline=None)
@given(masks(), st.floats(0.5, 40) | st.just(float("inf")))
def test_with_feather_whatever_was_filled_shows_and_nothing_else(
    mask: ff.Mask, feather: float
) -> None:
    hard = mask.threshold()
    found = shares(hard, feather)
    assert np.array_equal(found > 0, hard.array > 0)
    assert found.max() == 255


@pytest.mark.parametrize("feather", range(65))
def test_deeper_than_the_feather_the_fill_shows_fully(feather: int) -> None:
    mask = ff.Mask.from_box((200, 160), (10, 10, 190, 150))
    found = shares(mask, feather)
    deep = mask.shrink(feather).array == 255
    assert deep.any()
    assert (found[deep] == 255).all()
    if feather:
        rim = (mask - mask.shrink(1)).array == 255
        assert (found[rim] < 255 * 1.5 / (feather + 1) + 1).all()


@pytest.mark.parametrize("feather", [1, 4, 20, 63])
@pytest.mark.parametrize("shape", ["from_box", "from_ellipse"])
def test_the_fill_fades_in_from_the_rim_inwards(shape: str, feather: int) -> None:
    mask = getattr(ff.Mask, shape)((160, 160), (10, 10, 150, 150))
    inwards = shares(mask, feather)[80, 9:80].astype(int)
    assert inwards[0] == 0
    assert 0 < inwards[1] <= 255 / feather + 1
    assert (np.diff(inwards) >= 0).all()
    assert (np.diff(inwards)[1:] <= 255 / feather + 1).all(), "no step on the way"
    assert inwards[-1] == 255


@pytest.mark.parametrize("feather", [1, 6, 20])
def test_a_soft_mask_fades_in_without_a_ring(feather: int) -> None:
    mask = ff.Mask.from_box((120, 120), (20, 20, 100, 100)).feather(10)
    inwards = shares(mask, feather)[60, :60].astype(int)
    assert (np.diff(inwards) >= 0).all()
    assert (inwards <= mask.array[60, :60]).all()
    assert inwards[-1] == 255


def test_by_default_a_hard_edge_is_feathered_and_a_soft_one_kept() -> None:
    hard = ff.Mask.from_box(SIZE, BOX)
    assert np.array_equal(shares(hard), shares(hard, 4))
    assert not np.array_equal(shares(hard), hard.array)
    soft = hard.feather(3)
    assert np.array_equal(shares(soft), soft.array)


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("stop", [(90, 20), (20, 90), (90, 90), (90, 50)])
@pytest.mark.parametrize("feather", [None, 4, 8, 20, 60])
def test_a_thin_stroke_shows_mostly_the_fill(
    width: int, stop: tuple[int, int], feather: float | None
) -> None:
    mask = ff.Mask.from_strokes((120, 120), [(20, 20), stop], width=width)
    found = shares(mask, feather)[mask.array == 255]
    assert found.mean() > 128
    assert found.min() >= 255 // 3
    assert found.max() == 255


def test_a_thin_stroke_beside_a_large_part_is_filled_too() -> None:
    block = ff.Mask.from_box((160, 100), (5, 5, 65, 95))
    stroke = ff.Mask.from_box((160, 100), (90, 49, 150, 52))
    found = shares(block | stroke, 20)
    assert found[stroke.array == 255].mean() > 128
    assert found[50, 35] == 255


@pytest.mark.parametrize("feather", [None, 0, 4, 1000])
def test_a_full_mask_shows_the_fill_alone(feather: float | None) -> None:
    result = result_of(ff.Mask.full(SIZE))
    assert result.composited(feather).tobytes() == result.raw.tobytes()


def test_the_pictures_border_is_no_rim() -> None:
    found = shares(ff.Mask.from_box(SIZE, (0, 0, 30, 48)), 5)
    assert (found[:, :24] == 255).all()
    assert (found[:, 29] < 128).all()
    assert (found[:, 30:] == 0).all()


@pytest.mark.parametrize("feather", [1e9, float("inf")])
def test_the_largest_feather_fades_over_the_whole_mask(feather: float) -> None:
    inwards = shares(ff.Mask.from_box((100, 100), (10, 10, 90, 90)), feather)[50, 9:50].astype(int)
    assert (np.diff(inwards) > 0).all()
    assert inwards[-1] == 255


@pytest.mark.parametrize("feather", [-1, -0.001, float("nan"), float("-inf"), "4"])
def test_a_feather_below_0_is_refused(feather: Any) -> None:
    with pytest.raises(InvalidMask, match=r"feather is .* px: it must be a number, 0 or above"):
        result_of().composited(feather)


def test_without_feather_inside_is_the_raw_picture() -> None:
    result = result_of()
    left, top, right, bottom = BOX
    composited = np.asarray(result.composited(0))
    raw = np.asarray(result.raw)
    assert np.array_equal(composited[top:bottom, left:right], raw[top:bottom, left:right])


@pytest.mark.parametrize("size", [(128, 96), (64, 32), (32, 24), (65, 49), (1, 1)])
def test_a_raw_picture_of_another_size_is_resampled(size: tuple[int, int]) -> None:
    result = result_of(raw=Image.new("RGB", size, (10, 200, 30)))
    composited = result.composited(0)
    assert result.raw.size == size
    assert composited.size == SIZE
    assert composited.getpixel((10, 10)) == composited.getpixel((49, 39)) == (10, 200, 30)
    assert composited.getpixel((9, 10)) == PICTURE.getpixel((9, 10))


def test_resampling_keeps_things_in_their_place() -> None:
    half = Image.new("RGB", (128, 96), "black")
    half.paste("white", (64, 0, 128, 96))
    result = result_of(ff.Mask.full(SIZE), raw=half)
    row = np.asarray(result.image)[24, :, 0]
    assert (row[:30] < 8).all()
    assert (row[34:] > 247).all()


def test_resampling_averages() -> None:
    stripes = Image.fromarray(np.tile(np.array([0, 255], np.uint8), (96, 64))).convert("RGB")
    result = result_of(ff.Mask.full(SIZE), raw=stripes)
    assert (np.abs(np.asarray(result.image, int)[:, 4:-4] - 127) < 16).all()


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_the_raw_picture_is_rgb_whatever_came(mode: str) -> None:
    raw = Image.new("RGB", SIZE, (255, 255, 255)).convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    result = replace(result_of(), encoded=encoded(raw, kind))
    assert result.raw.mode == "RGB"
    assert result.raw.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("damaged", [b"", b"<html>502</html>", encoded(PICTURE)[:900]])
def test_a_damaged_picture_is_an_error_of_ours(damaged: bytes) -> None:
    with pytest.raises(InvalidImage):
        _ = replace(result_of(), encoded=damaged).raw
    assert repr(replace(result_of(), encoded=damaged)) == (
        f"<FillResult, damaged: {len(damaged)} bytes that are no picture>"
    )


def test_the_image_is_the_blend() -> None:
    result = result_of()
    assert result.image.tobytes() == result.composited().tobytes()
    assert result.image is result.image, "blended once"


def test_a_real_fill_leaves_the_rest_alone(filled: ff.FillResult) -> None:
    assert filled.request is not None
    outside = filled.request.mask.array == 0
    assert np.array_equal(np.asarray(filled.image)[outside], np.asarray(PICTURE)[outside])
    assert not np.array_equal(np.asarray(filled.image)[~outside], np.asarray(PICTURE)[~outside])
    assert filled.service == SERVICE
    assert filled.price == 0
    assert filled.seed is not None
    assert filled.duration is not None
    assert filled.duration > 0


def test_a_real_fill_says_what_it_is(filled: ff.FillResult) -> None:
    assert repr(filled) == f"<FillResult 64 x 48, seed {filled.seed}, {SERVICE}, free>"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "<FillResult 64 x 48, seed 7, local engine: patches, $0.05>"),
        ({"seed": 0, "price": 0.0}, "<FillResult 64 x 48, seed 0, local engine: patches, free>"),
        (
            {"seed": None, "price": None, "service": "api.bfl.ai"},
            "<FillResult 64 x 48, api.bfl.ai>",
        ),
    ],
)
def test_repr_says_seed_service_and_price(changes: dict[str, Any], expected: str) -> None:
    assert repr(replace(result_of(), **changes)) == expected


@pytest.mark.parametrize("name", ["seed", "encoded", "task"])
def test_a_result_is_frozen(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(result_of(), name, None)


def test_in_memory_it_is_no_file_and_known_by_its_request() -> None:
    result = result_of()
    assert result.file is None
    assert result.request is not None
    assert result.key == result.request.key
    assert resumed().key == "4f2a"


def test_tasks_are_the_same_by_id_and_address() -> None:
    bare = ff.FillTask("4f2a", POLLING_URL)
    assert result_of().task == bare
    assert bare != ff.FillTask("4f2b", POLLING_URL)
    assert bare != "4f2a"
    assert len({bare, result_of().task, ff.FillTask("4f2a", "https://example.org/")}) == 2
    assert bare.submitted.tzinfo is UTC


@pytest.mark.parametrize("after", ["new", "shown"])
def test_a_pickled_result_is_the_same(after: str) -> None:
    result = result_of(webhook_secret=SECRET)
    if after == "shown":
        result.triptych()
    copied = pickle.loads(pickle.dumps(result))
    assert copied.task == result.task
    assert copied.request == result.request
    assert copied.image.tobytes() == result.image.tobytes()
    assert repr(copied) == repr(result)


@pytest.mark.parametrize("feather", [None, 0, 8])
@pytest.mark.parametrize("suffix", [".png", ".PNG"])
def test_a_saved_png_is_the_blend_bit_for_bit(
    tmp_path: Path, suffix: str, feather: float | None
) -> None:
    result = result_of()
    path = result.save(tmp_path / f"vase{suffix}", feather=feather)
    assert path == tmp_path / f"vase{suffix}"
    with Image.open(path) as saved:
        assert saved.tobytes() == result.composited(feather).tobytes()


@pytest.mark.parametrize(
    ("suffix", "kind"), [(".jpg", "JPEG"), (".jpeg", "JPEG"), (".webp", "WEBP"), (".JPG", "JPEG")]
)
def test_lossy_files_hold_about_the_blend(tmp_path: Path, suffix: str, kind: str) -> None:
    image = Image.linear_gradient("L").convert("RGB").resize(SIZE)
    result = result_of(image=image)
    with Image.open(result.save(str(tmp_path / f"a{suffix}"))) as saved:
        assert saved.format == kind
        difference = np.asarray(saved, float) - np.asarray(result.image, float)
    assert 0 < np.abs(difference).mean() < 4


def test_the_raw_picture_can_be_saved(tmp_path: Path) -> None:
    result = result_of()
    with Image.open(result.save(tmp_path / "a.png", raw=True)) as saved:
        assert saved.tobytes() == result.raw.tobytes()
        assert json.loads(saved.text["fluxfill_nb"])["shown"] == "raw"  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
@pytest.mark.parametrize("best", [100, np.int64(100)])
def test_quality_trades_size(tmp_path: Path, suffix: str, best: Any) -> None:
    result = result_of()
    low = result.save(tmp_path / f"low{suffix}", quality=10).stat().st_size
    high = result.save(tmp_path / f"high{suffix}", quality=best).stat().st_size
    assert 1.5 * low < high


@pytest.mark.parametrize("quality", [0, 101, -5, 50.5, "high", None])
def test_a_quality_out_of_range_is_refused(tmp_path: Path, quality: Any) -> None:
    with pytest.raises(InvalidOption, match="whole number from 1 to 100"):
        result_of().save(tmp_path / "a.jpg", quality=quality)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["vase", "vase.gif", "vase.png.tmp", ".png"])
def test_an_unknown_suffix_is_refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidImage, match=r"\.png, \.jpg, \.jpeg, \.webp"):
        result_of().save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "size", "prompt", "message"),
    [
        ("a.jpg", SIZE, "v" * 70_000, "JPEG cannot hold so long a prompt"),
        ("a.jpg", (65_600, 1), "", "JPEG cannot hold this picture of 65600 x 1 px"),
        ("a.webp", (16_400, 1), "", "WEBP cannot hold this picture of 16400 x 1 px"),
    ],
)
def test_what_a_format_cannot_hold_leaves_the_old_file_alone(
    tmp_path: Path, name: str, size: tuple[int, int], prompt: str, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"earlier")
    result = result_of(ff.Mask.full(size), image=Image.new("RGB", size))
    assert result.request is not None
    task = replace(result.task, request=result.request.replace(prompt=prompt))
    with pytest.raises(InvalidImage, match=f"{message}.*Save as PNG"):
        replace(result, task=task).save(path)
    assert path.read_bytes() == b"earlier"


def test_a_saved_picture_replaces_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"earlier" * 100_000)
    result_of().save(path)
    with Image.open(path) as saved:
        saved.verify()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("raw", [False, True])
def test_a_colour_profile_is_kept(tmp_path: Path, suffix: str, raw: bool) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = encoded(PICTURE, icc_profile=profile)
    result = result_of(image=ff.open_image(file))
    assert result.image.info["icc_profile"] == profile
    saved = replace(result, encoded=file).save(tmp_path / f"a{suffix}", raw=raw)
    with Image.open(saved) as image:
        assert image.info["icc_profile"] == profile


def test_provenance_says_how_it_was_made() -> None:
    result = result_of(steps=20, guidance=30)
    assert result.request is not None
    assert json.loads(json.dumps(result.provenance())) == {
        "service": SERVICE,
        "task": "4f2a",
        "submitted": "2025-05-04T03:02:01+00:00",
        "duration_s": 4.5,
        "price_usd": 0.05,
        "settings": {
            "prompt": "a vase",
            "steps": 20,
            "prompt_upsampling": False,
            "seed": 7,
            "guidance": 30.0,
            "output_format": "jpeg",
            "safety_tolerance": 2,
        },
        "image": {"size": list(SIZE), "sha256": result.request.picture.digest},
        "mask": {"sha256": result.request.mask.digest},
    }


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_no_address_and_no_secret_is_saved(tmp_path: Path, suffix: str) -> None:
    result = result_of(webhook_url="https://hook.example/", webhook_secret=SECRET)
    file = result.save(tmp_path / f"a{suffix}").read_bytes()
    assert b"4f2a" in file
    for text in (b"http", b"signature", b"hook", SECRET.encode()):
        assert text not in file


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_other_programs_find_the_origin_in_exif(tmp_path: Path, suffix: str) -> None:
    with Image.open(result_of().save(tmp_path / f"a{suffix}")) as saved:
        exif = saved.getexif()
        comment = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    assert exif[ExifTags.Base.Software].startswith("fluxfill_nb ")
    assert comment.startswith(b"ASCII\0\0\0")
    assert json.loads(comment[8:])["service"] == SERVICE


def test_without_request_the_remedy_is_told() -> None:
    with pytest.raises(InvalidInput, match=r"use \.raw, or wait for FillTask\(id, polling_url, re"):
        resumed().composited()


def test_without_request_the_raw_picture_is_shown_and_saved(tmp_path: Path) -> None:
    result = resumed()
    assert result.request is None
    assert result.image.tobytes() == result.raw.tobytes()
    path = result.save(tmp_path / "a.png")
    with Image.open(path) as saved:
        assert saved.tobytes() == result.raw.tobytes()
        said = json.loads(saved.text["fluxfill_nb"])  # type: ignore[attr-defined]
    assert said["task"] == "4f2a"
    assert said["shown"] == "raw"
    with pytest.raises(InvalidImage, match="without the request"):
        ff.FillRequest.from_file(path, PICTURE, ff.Mask.full(SIZE))


def test_a_notebook_shows_before_mask_and_after() -> None:
    result = result_of()
    shown = Image.open(io.BytesIO(result._repr_jpeg_()))
    assert shown.format == "JPEG"
    assert shown.size == result.triptych().size
    assert result.request is not None
    columns = [12 + place * (SIZE[0] + 12) for place in range(3)]
    before, mask, after = (
        result.triptych().crop((left, 27, left + SIZE[0], 27 + SIZE[1])) for left in columns
    )
    assert before.tobytes() == PICTURE.tobytes()
    assert mask.tobytes() == result.request.mask.preview(PICTURE).tobytes()
    assert after.tobytes() == result.image.tobytes()


def test_a_large_result_is_shown_small() -> None:
    large = Image.new("RGB", (2000, 1500))
    result = result_of(image=large)
    width, height = result.triptych(height=240).size
    assert width < 3 * 320 + 100
    assert height < 240 + 80
    bare = replace(result, task=ff.FillTask("4f2a", POLLING_URL))
    assert bare.triptych(height=240).height < 240 + 80


def test_without_request_the_caption_is_shown_too() -> None:
    assert resumed().triptych().height > resumed().raw.height


@pytest.mark.parametrize("size", [(1, 1), (5, 400), (400, 5), (60, 60), (3000, 2000), (4000, 10)])
@pytest.mark.parametrize("caption", ["", "free", "a very long caption, gjpqy " * 8, "two\nlines"])
def test_nothing_in_a_triptych_is_clipped(size: tuple[int, int], caption: str) -> None:
    red = Image.new("RGB", size, (200, 0, 0))
    sheet = triptych([(title, red) for title in ("before", "mask", "after")], caption=caption)
    ink = np.asarray(sheet.convert("L")) < 250
    assert not ink[:5].any()
    assert not ink[-5:].any()
    assert not ink[:, :5].any()
    assert not ink[:, -5:].any()
    assert ink[5:30].any(), "the titles"
    assert sheet.height <= 360 + 80
    panels = (np.asarray(sheet) == (200, 0, 0)).all(axis=2)
    shown = min(1, 360 / size[1], 576 / size[0])
    assert panels.sum() == 3 * max(1, round(size[0] * shown)) * max(1, round(size[1] * shown))


@pytest.mark.parametrize("height", [0, -5, "360", None])
def test_a_triptych_needs_a_height(height: Any) -> None:
    with pytest.raises(InvalidInput, match="height"):
        result_of().triptych(height=height)
