"""Outpainting: what `extend` adds around a picture, and what its mask fills."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from skimage import data

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidImage

PICTURE = Image.fromarray(data.astronaut()[60:100, 200:250].copy())
WIDTH, HEIGHT = PICTURE.size
AMOUNT = st.integers(0, 30)


@given(left=AMOUNT, right=AMOUNT, top=AMOUNT, bottom=AMOUNT, overlap=st.integers(0, 15))
def test_room_is_filled_and_the_picture_kept(
    left: int, right: int, top: int, bottom: int, overlap: int
) -> None:
    if not left + right + top + bottom:
        left = 1
    extended, mask = ff.extend(
        PICTURE, left=left, right=right, top=top, bottom=bottom, overlap=overlap
    )
    assert extended.mode == "RGB"
    assert extended.size == mask.size == (left + WIDTH + right, top + HEIGHT + bottom)
    assert np.array_equal(extended.crop((left, top, left + WIDTH, top + HEIGHT)), PICTURE)
    kept = np.zeros((HEIGHT, WIDTH), bool)
    kept[
        overlap * (top > 0) : HEIGHT - overlap * (bottom > 0),
        overlap * (left > 0) : WIDTH - overlap * (right > 0),
    ] = True
    expected = np.pad(~kept, ((top, bottom), (left, right)), constant_values=True)
    assert np.array_equal(mask.array, expected * np.uint8(255))


def test_room_shows_the_nearest_colours() -> None:
    extended, _ = ff.extend(PICTURE, left=7, bottom=3)
    for place, nearest in [((0, 5), (0, 5)), ((6, 0), (0, 0)), ((0, 42), (0, 39))]:
        assert extended.getpixel(place) == PICTURE.getpixel(nearest)
    assert extended.getpixel((30, 42)) == PICTURE.getpixel((23, 39))


@pytest.mark.parametrize("alpha", [0, 55, 254])
def test_transparent_parts_are_filled_as_well(alpha: int) -> None:
    picture = PICTURE.convert("RGBA")
    picture.paste((0, 0, 0, alpha), (10, 10, 20, 20))
    extended, mask = ff.extend(picture, left=5)
    assert extended.mode == "RGB"
    assert mask == ff.Mask.from_box(mask.size, (0, 0, 5, 40)) | ff.Mask.from_alpha(
        np.pad(np.asarray(picture), ((0, 0), (5, 0), (0, 0)), constant_values=255)
    )
    assert int(mask.array[15, 20]) == 255 - alpha


def test_opaque_alpha_changes_nothing() -> None:
    assert ff.extend(PICTURE.convert("RGBA"), top=4)[1] == ff.extend(PICTURE, top=4)[1]


def test_colour_profile_is_kept() -> None:
    picture = PICTURE.copy()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.info["icc_profile"] = profile
    assert ff.extend(picture, left=5)[0].info == {"icc_profile": profile}


def test_single_pixel_can_be_extended() -> None:
    extended, mask = ff.extend(np.array([[[9, 8, 7]]], np.uint8), left=2, top=1)
    assert np.array_equal(extended, np.full((2, 3, 3), (9, 8, 7)))
    assert (~mask).bbox == (2, 1, 3, 2)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int64])
def test_numpy_integers_do_not_overflow(kind: type[np.integer]) -> None:
    many = kind(120)
    extended, mask = ff.extend(PICTURE, left=many, right=many, overlap=kind(20))
    assert extended.size == mask.size == (290, 40)
    assert (~mask).bbox == (140, 0, 150, 40)


@pytest.mark.parametrize("name", ["left", "right", "top", "bottom", "overlap"])
@pytest.mark.parametrize("amount", [-1, 1.5, "3", None, float("nan")])
def test_amounts_are_whole_and_not_negative(name: str, amount: object) -> None:
    amounts = {"left": 1, name: amount}
    with pytest.raises(InvalidImage, match=rf"{name} is .*whole px, 0 and above"):
        ff.extend(PICTURE, **amounts)  # type: ignore[arg-type]


def test_something_is_added() -> None:
    with pytest.raises(InvalidImage, match="Nothing is added: give left, right, top or bottom"):
        ff.extend(PICTURE, overlap=4)


@pytest.mark.parametrize(
    "amounts", [{"left": 1, "overlap": 50}, {"top": 1, "bottom": 1, "overlap": 20}]
)
def test_overlap_leaves_something(amounts: dict[str, int]) -> None:
    with pytest.raises(InvalidImage, match=r"overlap of \d0 px leaves nothing .* 50 x 40 px"):
        ff.extend(PICTURE, **amounts)
    assert not (~ff.extend(PICTURE, **amounts | {"overlap": amounts["overlap"] - 1})[1]).is_empty


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(InvalidImage, match="not a picture"):
        ff.extend(b"not a picture", left=5)
