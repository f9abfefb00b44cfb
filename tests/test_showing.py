"""How results look at the size of a cell: as the full picture looks, only smaller and sooner."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidImage, InvalidInput, InvalidOption
from fluxfill_nb.result import PictureFile
from fluxfill_nb.showing import (
    DIFFERENCE_TOP,
    SHOWS,
    THUMB_SIDE,
    Showing,
    difference_colours,
    fitted,
)

SIZE = (96, 64)
BOX = (30, 20, 60, 44)
NOISE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
PICTURE = Image.fromarray(NOISE).resize(SIZE, Image.Resampling.BICUBIC)
LARGE = Image.fromarray(NOISE).resize((1024, 768), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def result_of(
    image: Image.Image = PICTURE,
    mask: ff.Mask | None = None,
    raw: Image.Image | None = None,
    kind: str = "PNG",
) -> ff.FillResult:
    """Return the picture's negative as its fill."""
    mask = ff.Mask.from_ellipse(image.size, BOX) if mask is None else mask
    raw = image.point(lambda value: 255 - value) if raw is None else raw
    task = ff.FillTask("t", "https://api.example.org/t", ff.FillRequest(image, mask, seed=1))
    return ff.FillResult(task, encoded(raw, kind), "local engine: patches")


def apart(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference, levels."""
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


@st.composite
def boxes(draw: st.DrawFn) -> tuple[int, int, int, int]:
    left, top = draw(st.integers(0, SIZE[0] - 1)), draw(st.integers(0, SIZE[1] - 1))
    return left, top, draw(st.integers(left + 1, SIZE[0])), draw(st.integers(top + 1, SIZE[1]))


@settings(deadline=None)
@given(boxes(), st.booleans())
def test_at_full_size_it_is_the_composited_picture(box, soft):
    mask = ff.Mask.from_box(SIZE, box)
    if soft and not mask.feather(3).is_empty:
        mask = mask.feather(3)
    result = result_of(mask=mask)
    shown = Showing().picture(result, SIZE)
    assert np.array_equal(np.asarray(shown), np.asarray(result.composited()))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("side", [40, 200, 333])
def test_a_small_one_looks_like_the_full_one_scaled_down(kind, side):
    result = result_of(LARGE, ff.Mask.from_ellipse(LARGE.size, (300, 200, 700, 600)), kind=kind)
    size = fitted(LARGE.size, side)
    wanted = result.composited().resize(size, Image.Resampling.LANCZOS)
    assert apart(Showing().picture(result, size), wanted) < 1.5
    wanted = result.raw.resize(size, Image.Resampling.LANCZOS)
    assert apart(Showing().picture(result, size, "raw"), wanted) < 1.5


def test_a_fill_of_another_size_is_blended_as_the_full_picture_is():
    result = result_of(raw=LARGE)
    shown = Showing().picture(result, SIZE)
    # The decoder may have scaled it down; the full one was scaled in one step.
    assert apart(shown, result.composited()) < 1.5


@settings(deadline=None)
@given(boxes())
def test_the_crop_holds_the_mask_with_context(box):
    request = result_of(mask=ff.Mask.from_box(SIZE, box)).request
    left, top, right, bottom = Showing().crop(request)
    assert 0 <= left <= box[0]
    assert 0 <= top <= box[1]
    assert box[2] <= right <= SIZE[0]
    assert box[3] <= bottom <= SIZE[1]
    # Something around it is seen, unless the mask reaches to the border.
    assert left < box[0] or box[0] == 0
    assert bottom > box[3] or box[3] == SIZE[1]


def test_the_crop_is_a_part_of_the_composited_picture():
    result = result_of(LARGE, ff.Mask.from_box(LARGE.size, (500, 300, 620, 420)))
    showing = Showing()
    window = showing.crop(result.request)
    size = showing.natural_size(result.request, "crop")
    assert size == (window[2] - window[0], window[3] - window[1])
    cropped = result.composited().crop(window)
    assert np.array_equal(np.asarray(showing.picture(result, size, "crop")), np.asarray(cropped))


def test_no_change_is_dark_and_a_large_one_bright():
    colours = difference_colours()
    same = np.asarray(Showing().picture(result_of(raw=PICTURE), SIZE, "difference"))
    assert (same == colours[0]).all(axis=2).mean() > 0.9  # all but the mask's rim
    black, grey = Image.new("RGB", SIZE), Image.new("RGB", SIZE, (DIFFERENCE_TOP,) * 3)
    changed = np.asarray(Showing().picture(result_of(black, raw=grey), SIZE, "difference"))
    assert (changed == colours[255]).all(axis=2).mean() > 0.9


def test_the_scale_of_differences_rises():
    luminance = difference_colours() @ [0.299, 0.587, 0.114]
    assert (np.diff(luminance) > -1e-9).all()


def test_the_original_has_the_masks_rim_and_nothing_else():
    result = result_of()
    plain = Showing().original(result.request, SIZE, outlined=False)
    assert np.array_equal(np.asarray(plain), np.asarray(result.request.image))
    outlined = np.asarray(Showing().original(result.request, SIZE))
    changed = (outlined != np.asarray(plain)).any(axis=2)
    near = ff.Mask.from_ellipse(SIZE, BOX)
    rim = (near.grow(2).array > 0) & (near.shrink(2).array == 0)
    assert changed.any()
    assert not changed[~rim].any()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_all_views_come_of_one_decoding(kind, monkeypatch):
    result = result_of(LARGE, ff.Mask.from_box(LARGE.size, (500, 300, 620, 420)), kind=kind)
    opened = []
    of_pillow = Image.open
    monkeypatch.setattr(Image, "open", lambda *a, **k: (opened.append(1), of_pillow(*a, **k))[1])
    views = Showing().views(result, 120)
    assert len(opened) <= (2 if kind == "PNG" else 1)  # what is no JPEG is tried as one first
    assert tuple(views) == SHOWS
    for show, view in views.items():
        assert max(view.size) == 120
        alone = Showing().picture(result, view.size, show)
        if show != "difference":
            assert apart(view, alone) < 2


def test_a_result_is_not_kept_in_memory_for_being_shown():
    result = result_of(LARGE, ff.Mask.full(LARGE.size), kind="JPEG")
    Showing().views(result, 200)
    assert "raw" not in vars(result)


# ------------------------------------------------------------------------------------- thumbnails


@dataclass(frozen=True, eq=False)
class Kept(ff.FillResult):
    """A result as a store gives it."""

    path: Path | None = None

    @property
    def file(self) -> PictureFile:
        return PictureFile(self.path, LARGE.size, self.path.parent / "thumbs")


@pytest.fixture
def kept(tmp_path) -> Kept:
    result = result_of(LARGE, ff.Mask.from_box(LARGE.size, (300, 200, 700, 600)), kind="JPEG")
    path = tmp_path / "a vase_seed1.jpg"
    path.write_bytes(result.encoded)
    return Kept(result.task, result.encoded, result.service, path=path)


def thumbs(kept: Kept) -> list[Path]:
    return sorted(kept.file.thumbs.iterdir()) if kept.file.thumbs.exists() else []


@pytest.mark.parametrize("show", SHOWS)
def test_a_thumbnail_is_made_once_and_used(kept, show):
    showing = Showing()
    size = fitted(showing.natural_size(kept.request, show), 200)
    first = showing.picture(kept, size, show)
    (thumb,) = thumbs(kept)
    assert thumb.name.startswith("a vase_seed1")
    with Image.open(thumb) as image:
        assert max(image.size) == THUMB_SIDE
    # The next one needs the picture itself no longer.
    broken = Kept(kept.task, b"", kept.service, path=kept.path)
    assert apart(Showing().picture(broken, size, show), first) < 3


def test_each_way_of_showing_has_a_thumbnail_of_its_own(kept):
    for show in SHOWS:
        Showing().picture(kept, (100, 75), show)
    assert len(thumbs(kept)) == len(SHOWS)


def test_large_pictures_and_those_in_no_store_have_none(kept):
    Showing().picture(kept, (THUMB_SIDE + 1, 100))
    Showing(thumbs=False).picture(kept, (100, 75))
    assert thumbs(kept) == []


@pytest.mark.parametrize("damage", [b"", b"\xff\xd8\xff", b"no picture"])
def test_a_damaged_thumbnail_is_made_anew(kept, damage):
    wanted = Showing().picture(kept, (100, 75))
    (thumb,) = thumbs(kept)
    thumb.write_bytes(damage)
    assert apart(Showing().picture(kept, (100, 75)), wanted) == 0
    assert len(thumb.read_bytes()) > 1000


def test_where_no_thumbnail_can_be_kept_the_picture_is_shown_all_the_same(kept):
    kept.file.thumbs.write_text("a file where the folder should be")
    assert Showing().picture(kept, (100, 75)).size == (100, 75)


# ----------------------------------------------------------------------------------------- errors


def test_a_damaged_picture_is_told():
    result = result_of(LARGE, ff.Mask.full(LARGE.size), kind="JPEG")
    cut = ff.FillResult(result.task, result.encoded[:3000], result.service)
    with pytest.raises(InvalidImage, match="cut off or damaged"):
        Showing().picture(cut, (100, 75))


def test_a_result_without_its_request_cannot_be_compared():
    result = ff.FillResult(ff.FillTask("t", "https://a.b"), encoded(PICTURE), "x")
    with pytest.raises(InvalidInput, match=r"\.raw"):
        Showing().picture(result, SIZE)
    request = result_of().request
    assert Showing().picture(result, SIZE, request=request).size == SIZE


def test_an_unknown_way_of_showing_is_refused():
    with pytest.raises(InvalidOption, match="'composited', 'raw', 'difference', 'crop'"):
        Showing().picture(result_of(), SIZE, "zoom")
