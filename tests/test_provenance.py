"""A picture's origin, put into a file that is otherwise left alone."""

from __future__ import annotations

import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from fluxfill_nb import provenance
from fluxfill_nb.errors import InvalidImage

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8))
ORIGIN: dict[str, Any] = {
    "service": "example",
    "settings": {"prompt": "une « vase » 花瓶", "seed": 7},
    "image": {"size": [56, 40], "sha256": "a" * 64},
    "mask": {"sha256": "b" * 64},
}


def encoded(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    NOISE.save(file, kind, **options)
    return file.getvalue()


def oriented() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "a camera"
    return exif.tobytes()


FILES = {
    "JPEG": encoded("JPEG"),
    "progressive JPEG": encoded("JPEG", progressive=True, quality=70),
    "JPEG with a profile": encoded("JPEG", icc_profile=b"profile" * 99, comment=b"by hand"),
    "JPEG with EXIF": encoded("JPEG", exif=oriented()),
    "PNG": encoded("PNG"),
    "PNG with a profile": encoded("PNG", icc_profile=b"profile" * 99, exif=oriented()),
}


def told(file: bytes, tmp_path: Path) -> Any:
    path = tmp_path / "picture"
    path.write_bytes(file)
    return provenance.read(path)


def inserted(file: bytes, longer: bytes) -> bytes:
    """Return what was put in at one place, and nothing else; fail if there is more to it."""
    more = len(longer) - len(file)
    same = next(at for at in range(len(longer)) if file[at : at + 1] != longer[at : at + 1])
    # What was put in may begin as what follows does.
    for start in range(same, -1, -1):
        if file[:start] + longer[start : start + more] + file[start:] == longer:
            return longer[start : start + more]
    raise AssertionError("other bytes were changed")


@pytest.mark.parametrize("name", FILES)
def test_every_other_byte_and_every_pixel_stays(tmp_path: Path, name: str) -> None:
    file = FILES[name]
    longer = provenance.embed(file, ORIGIN)
    inserted(file, longer)
    assert told(longer, tmp_path) == ORIGIN
    with Image.open(io.BytesIO(file)) as before, Image.open(io.BytesIO(longer)) as after:
        assert after.tobytes() == before.tobytes()
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        assert after.getexif().get(ExifTags.Base.Orientation) == (
            before.getexif().get(ExifTags.Base.Orientation)
        )
        assert after.getexif().get(ExifTags.Base.Make) == before.getexif().get(ExifTags.Base.Make)


@pytest.mark.parametrize("name", FILES)
def test_put_in_twice_the_last_one_counts(tmp_path: Path, name: str) -> None:
    file = FILES[name]
    twice = provenance.embed(provenance.embed(file, {"service": "an earlier one"}), ORIGIN)
    assert twice == provenance.embed(file, ORIGIN)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_what_was_saved_is_told_anew(tmp_path: Path, kind: str) -> None:
    path = provenance.write(NOISE, tmp_path / f"a.{kind}", {"service": "an earlier one"})
    assert told(provenance.embed(path.read_bytes(), ORIGIN), tmp_path) == ORIGIN


def test_other_programs_find_it_in_exif() -> None:
    with Image.open(io.BytesIO(provenance.embed(FILES["JPEG"], ORIGIN))) as image:
        assert image.getexif()[ExifTags.Base.Software].startswith("fluxfill_nb ")
        comment = image.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    assert json.loads(comment.removeprefix(b"ASCII\0\0\0")) == ORIGIN


def test_the_chunk_in_a_png_is_whole() -> None:
    chunk = inserted(FILES["PNG"], provenance.embed(FILES["PNG"], ORIGIN))
    at = chunk.index(b"tEXt")
    chunk = chunk[at:] + chunk[:at]  # it may share its first bytes with its neighbour
    length = len(chunk) - 12
    assert int.from_bytes(chunk[4 + length : 8 + length]) == zlib.crc32(chunk[: 4 + length])


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "neither JPEG nor PNG"),
        (b"<html>502</html>", "neither JPEG nor PNG"),
        (encoded("WEBP"), "neither JPEG nor PNG"),
        (FILES["JPEG"][:20], "cut off or damaged"),
        (FILES["PNG"][:20], "cut off or damaged"),
        (b"\xff\xd8\xff\xe0\0\0" + bytes(9), "cut off or damaged"),
    ],
)
def test_what_is_no_whole_jpeg_or_png_is_refused(file: bytes, message: str) -> None:
    with pytest.raises(InvalidImage, match=message):
        provenance.embed(file, ORIGIN)


def test_what_a_jpeg_cannot_hold_is_refused(tmp_path: Path) -> None:
    long = ORIGIN | {"settings": {"prompt": "v" * 65_000}}
    with pytest.raises(InvalidImage, match="so long a prompt"):
        provenance.embed(FILES["JPEG"], long)
    assert told(provenance.embed(FILES["PNG"], long), tmp_path) == long


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_files_are_refused_or_kept(data: st.DataObject) -> None:
    file = bytearray(FILES[data.draw(st.sampled_from(sorted(FILES)))])
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(2, min(800, len(file)) - 1))] = data.draw(st.integers(0, 255))
    try:
        longer = provenance.embed(bytes(file), ORIGIN)
    except InvalidImage:
        return
    inserted(bytes(file), longer)
