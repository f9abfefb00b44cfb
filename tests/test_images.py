"""Pictures: what `open_image` makes of every kind of source, what it refuses, what is sent."""

from __future__ import annotations

import base64
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms
from skimage import data

import fluxfill_nb as ff
from fluxfill_nb.errors import InvalidImage
from fluxfill_nb.images import Picture

PIXELS: NDArray[np.uint8] = data.astronaut()[60:100, 200:250].copy()
PICTURE = Image.fromarray(PIXELS)
ORIENTATION = 0x0112
# What a camera that was held so writes: the stored picture is the upright one, changed by this.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def turned(orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    how = STORED[orientation]
    stored = PICTURE if how is None else PICTURE.transpose(how)
    return encode(stored, kind, exif=exif, **({} if kind == "PNG" else {"quality": 95}))


def png(size: tuple[int, int], depth: int, colour_type: int, rows: bytes, **chunks: bytes) -> bytes:
    """Write a PNG by hand: what Pillow reads but does not write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0)
    extra = b"".join(chunk(name.encode(), content) for name, content in chunks.items())
    packed = zlib.compress(rows)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", packed)
        + chunk(b"IEND", b"")
    )  # fmt: skip


def pixels(source: object, **options: float) -> list[object]:
    listed: list[object] = np.asarray(ff.open_image(source, **options)).tolist()  # type: ignore[arg-type]
    return listed


class Tensor:
    """What other libraries' arrays do where NumPy cannot reach."""

    def __array__(self, *_: object) -> NDArray[np.uint8]:
        raise TypeError("it is on the GPU")


def difference(one: Image.Image, other: Image.Image) -> float:
    assert (one.mode, one.size) == (other.mode, other.size)
    return float(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).mean())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ein Bild – 画像 1.png"
    path.write_bytes(encode(PICTURE))
    return path


@pytest.mark.parametrize(
    "convert",
    [
        lambda path: path,
        lambda path: str(path),
        lambda path: path.read_bytes(),
        lambda path: bytearray(path.read_bytes()),
        lambda path: memoryview(path.read_bytes()),
        lambda path: io.BytesIO(path.read_bytes()),
        lambda path: base64.b64encode(path.read_bytes()).decode(),
        lambda path: base64.urlsafe_b64encode(path.read_bytes()).decode().rstrip("="),
        lambda path: base64.encodebytes(path.read_bytes()).decode(),
        lambda path: "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode(),
    ],
)
def test_every_form_of_a_file_is_read(path: Path, convert: Callable[[Path], object]) -> None:
    assert np.array_equal(ff.open_image(convert(path)), PIXELS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "source",
    [
        PICTURE,
        PIXELS,
        memoryview(PIXELS),
        np.asfortranarray(PIXELS),
        PIXELS / 255,
        (PIXELS / 255).astype(np.float32),
    ],
)
def test_every_form_of_pixels_is_read(source: object) -> None:
    image = ff.open_image(source)  # type: ignore[arg-type]
    assert image.mode == "RGB"
    assert np.array_equal(image, PIXELS)


def test_open_files_are_read(path: Path) -> None:
    with path.open("rb") as file:
        assert np.array_equal(ff.open_image(file), PIXELS)


def test_paths_out_of_an_array_are_paths(path: Path) -> None:
    for name in np.array([str(path)]):
        assert np.array_equal(ff.open_image(name), PIXELS)
    assert np.array_equal(ff.open_image(np.bytes_(path.read_bytes())), PIXELS)


def test_a_path_may_be_of_bytes(path: Path) -> None:
    class Entry:
        def __fspath__(self) -> bytes:
            return os.fsencode(path)

    assert np.array_equal(ff.open_image(Entry()), PIXELS)  # type: ignore[arg-type]


def test_avif_is_read(path: Path) -> None:
    picture = Picture.open(encode(PICTURE, "AVIF", quality=95))
    assert difference(picture.image, PICTURE) < 6
    assert picture.file is None  # not known to be taken by the service


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0, 7, 255]], np.uint8), [[[0] * 3, [7] * 3, [255] * 3]]),
        (np.array([[False, True]]), [[[0] * 3, [255] * 3]]),
        (np.array([[0.0, 0.5, 1.0]]), [[[0] * 3, [128] * 3, [255] * 3]]),
        (np.array([[0.0, 0.5, 1.0]], np.float16), [[[0] * 3, [128] * 3, [255] * 3]]),
        (np.array([[[0], [9]]], np.uint8), [[[0] * 3, [9] * 3]]),
        (np.array([[[1, 2, 3, 4]]], np.uint8), [[[1, 2, 3, 4]]]),
        (np.array([[[1, 0, 0, 0.5]]]), [[[255, 0, 0, 128]]]),
        # Rounding, as resizing leaves it, is no reason to refuse.
        (np.array([[-1e-9, 1.0000002]]), [[[0] * 3, [255] * 3]]),
        (np.array([[-9e-4, 1.001]], np.float16), [[[0] * 3, [255] * 3]]),
        (np.arange(12, dtype=np.uint8).reshape(2, 2, 3)[:, ::-1], [
            [[3, 4, 5], [0, 1, 2]], [[9, 10, 11], [6, 7, 8]],
        ]),
    ],
)  # fmt: skip
def test_arrays_become_8_bits(array: NDArray[np.generic], expected: list[object]) -> None:
    assert pixels(array) == expected


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((0, 4), np.uint8), "no pixels.*(0, 4)"),
        (np.zeros(4, np.uint8), r"shape \(4,\)"),
        (np.zeros((2, 2, 2), np.uint8), r"shape \(2, 2, 2\)"),
        (np.zeros((3, 9, 9), np.uint8), r"shape \(3, 9, 9\).*\(height, width, 3\)"),
        (np.zeros((2, 2), np.int64), "int64.*uint8"),
        (np.zeros((2, 2), np.uint16), "uint16.*65535"),
        (np.array([[0.0, 200.0]]), r"0 to 200.*\[0, 1\].*255"),
        (np.array([[-0.1, 1.0]]), "-0.1 to 1.*clip"),
        (np.array([[0.5, np.nan]]), "nan.*nan_to_num"),
        (np.array([[0.5, np.inf]]), "inf.*nan_to_num"),
        (np.zeros((2, 2), complex), "complex128"),
    ],
)
def test_arrays_of_another_kind_are_refused(array: NDArray[np.generic], words: str) -> None:
    with pytest.raises(InvalidImage, match=words):
        ff.open_image(array)


def test_what_was_opened_is_independent_of_its_source() -> None:
    array = PIXELS.copy()
    image = ff.open_image(array)
    array[:] = 0
    assert np.array_equal(image, PIXELS)
    again = ff.open_image(image)
    image.paste((0, 0, 0), (0, 0, 20, 20))
    assert np.array_equal(again, PIXELS)


@pytest.mark.parametrize("kind", ["AVIF", "JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_turned_upright(orientation: int, kind: str) -> None:
    picture = Picture.open(turned(orientation, kind))
    assert difference(picture.image, PICTURE) < 6
    assert (picture.file is not None) == (orientation == 1 and kind != "AVIF")


@pytest.mark.parametrize("orientation", STORED)
def test_lazily_opened_pillow_images_are_turned_upright(orientation: int, tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    path.write_bytes(turned(orientation, "JPEG"))
    with Image.open(path) as image:
        assert difference(ff.open_image(image), PICTURE) < 6
        assert image.size == PICTURE.size[:: -1 if orientation > 4 else 1]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, [255, 255, 255]),
        ("L", 77, [77, 77, 77]),
        ("LA", (77, 9), [77, 77, 77, 9]),
        ("RGB", (1, 2, 3), [1, 2, 3]),
        ("RGBA", (1, 2, 3, 4), [1, 2, 3, 4]),
        ("RGBX", (1, 2, 3, 0), [1, 2, 3]),
        ("RGBa", (50, 50, 50, 50), [255, 255, 255, 50]),
        ("CMYK", (255, 0, 0, 0), [0, 255, 255]),
        ("YCbCr", (255, 128, 128), [255, 255, 255]),
        ("HSV", (0, 0, 255), [255, 255, 255]),
        ("I", 65535, [255, 255, 255]),
        ("I;16", 32767, [127, 127, 127]),
        ("I;16", 32768, [128, 128, 128]),
        ("I;16B", 65535, [255, 255, 255]),
        ("F", 0.5, [128, 128, 128]),
    ],
)
def test_every_mode_becomes_rgb(mode: str, colour: object, expected: list[int]) -> None:
    assert pixels(Image.new(mode, (2, 1), colour)) == [[expected, expected]]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "value", "words"),
    [
        ("I", 70000, "70000"),
        ("I", -1, "-1"),
        ("F", 255.0, "255"),
        ("F", float("nan"), "nan"),
        ("La", (1, 1), "mode La.*RGB PNG"),
    ],
)
def test_unknown_ranges_are_refused(mode: str, value: object, words: str) -> None:
    with pytest.raises(InvalidImage, match=words):
        ff.open_image(Image.new(mode, (2, 1), value))  # type: ignore[arg-type]


def test_16_bit_files_are_scaled() -> None:
    grey = png((2, 1), 16, 0, struct.pack(">B2H", 0, 32767, 65535))
    assert pixels(grey) == [[[127] * 3, [255] * 3]]
    colour = png((1, 1), 16, 2, struct.pack(">B3H", 0, 65535, 32768, 0))
    assert pixels(colour) == [[[255, 128, 0]]]
    tiff = encode(Image.fromarray(np.array([[0, 65535]], np.uint16)), "TIFF")
    assert pixels(tiff) == [[[0] * 3, [255] * 3]]


def test_float_tiff_is_scaled() -> None:
    image = Image.fromarray(np.array([[0, 0.5, 1]], np.float32))
    assert pixels(encode(image, "TIFF")) == [[[0] * 3, [128] * 3, [255] * 3]]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (png((2, 1), 8, 2, bytes([0, 9, 8, 7, 1, 2, 3]), tRNS=struct.pack(">3H", 9, 8, 7)),
         [[9, 8, 7, 0], [1, 2, 3, 255]]),
        (png((2, 1), 8, 0, bytes([0, 10, 20]), tRNS=struct.pack(">H", 20)),
         [[10, 10, 10, 255], [20, 20, 20, 0]]),
        (png((2, 1), 16, 0, struct.pack(">B2H", 0, 32767, 65535), tRNS=struct.pack(">H", 65535)),
         [[127, 127, 127, 255], [255, 255, 255, 0]]),
        (png((2, 1), 8, 3, bytes([0, 0, 1]), PLTE=bytes([9, 8, 7, 1, 2, 3]), tRNS=bytes([40])),
         [[9, 8, 7, 40], [1, 2, 3, 255]]),
        (png((2, 1), 8, 3, bytes([0, 0, 1]), PLTE=bytes([9, 8, 7, 1, 2, 3])),
         [[9, 8, 7], [1, 2, 3]]),
    ],
)  # fmt: skip
def test_transparent_colours_become_alpha(file: bytes, expected: list[object]) -> None:
    assert pixels(file) == [expected]


def test_colour_profile_is_kept_where_it_applies() -> None:
    assert ff.open_image(encode(PICTURE, icc_profile=SRGB)).info == {"icc_profile": SRGB}
    palette = encode(PICTURE.quantize(16), icc_profile=SRGB)
    assert ff.open_image(palette).info == {"icc_profile": SRGB}
    assert ff.open_image(encode(PICTURE.convert("L"), icc_profile=SRGB)).info == {}


def cmyk_profile() -> bytes:
    """A profile of inks of which only black leaves a trace: cyan, magenta and yellow are white."""
    header = struct.pack(">4sIBBBB", b"mft1", 0, 4, 3, 2, 0)
    unity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    ramp = bytes(range(256))
    # One Lab value for each corner of the four inks, black changing fastest.
    corners = bytes(value for i in range(16) for value in ((255, 0)[i % 2], 128, 128))
    table = header + unity + ramp * 4 + corners + ramp * 3
    white = struct.pack(">4sI3i", b"XYZ ", 0, 63190, 65536, 54061)
    tags = struct.pack(">I4sII4sII", 2, b"A2B0", 156, len(table), b"wtpt", 156 + len(table), 20)
    body = tags + table + white
    size = 128 + len(body)
    start = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"prtr", b"CMYK", b"Lab ")
    start = start.ljust(36, b"\0") + b"acsp"
    return start.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061) + bytes(48) + body


def test_cmyk_follows_its_profile() -> None:
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    plain = ff.open_image(encode(image, "JPEG"))
    assert plain.getpixel((3, 3)) == (0, 255, 255)
    profiled = ff.open_image(encode(image, "JPEG", icc_profile=cmyk_profile()))
    assert min(profiled.getpixel((3, 3))) > 250  # type: ignore[arg-type]
    assert profiled.info == {}


@pytest.mark.parametrize("profile", [b"no profile", SRGB], ids=["no profile", "sRGB"])
def test_cmyk_with_a_useless_profile_is_read_without(profile: bytes) -> None:
    file = encode(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", icc_profile=profile)
    assert ff.open_image(file).getpixel((3, 3)) == (0, 255, 255)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_first_of_several_frames_counts(kind: str) -> None:
    others = [Image.new("RGB", PICTURE.size, colour) for colour in ("red", "blue")]
    file = encode(PICTURE, kind, save_all=True, append_images=others)
    with Image.open(io.BytesIO(file)) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
    picture = Picture.open(file)
    assert difference(picture.image, PICTURE) < 12
    assert picture.file is None


def test_frames_after_the_first_may_be_damaged() -> None:
    others = [PICTURE.rotate(90), PICTURE.rotate(180)]
    file = encode(PICTURE, "GIF", save_all=True, append_images=others)
    assert difference(ff.open_image(file[: len(file) * 2 // 3]), PICTURE) < 12


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_files_are_sent_as_they_are(kind: str) -> None:
    file = encode(PICTURE, kind)
    image = ff.open_image(file)
    for source in (file, image, ff.open_image(image)):
        assert Picture.open(source).file == file
        assert Picture.open(source).encoded == file


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.putpixel((3, 3), (1, 2, 3)),
        lambda image: image.paste((0, 0, 0), (0, 0, 5, 5)),
        lambda image: image.putalpha(255),
        lambda image: image.rotate(180),
        lambda image: image.crop((0, 0, 20, 20)),
        lambda image: image.convert("L"),
    ],
)
def test_changed_pixels_are_sent_instead_of_the_file(
    change: Callable[[Image.Image], Image.Image | None],
) -> None:
    image = ff.open_image(encode(PICTURE, "JPEG"))
    changed = change(image) or image
    picture = Picture.open(changed)
    assert picture.file is None
    with Image.open(io.BytesIO(picture.encoded)) as sent:
        assert (sent.format, sent.mode) == ("PNG", "RGB")
        assert np.array_equal(sent, changed.convert("RGB"))


@pytest.mark.parametrize(
    "file",
    [
        encode(PICTURE, "BMP"),
        encode(PICTURE, "TIFF"),
        encode(PICTURE.convert("L"), "JPEG"),
        encode(PICTURE.convert("CMYK"), "JPEG"),
        encode(PICTURE.convert("P")),
        encode(PICTURE.convert("RGBA")),
        encode(Image.new("RGBA", (9, 9), (90, 80, 70, 60)), "WEBP"),
        png((1, 1), 16, 2, struct.pack(">B3H", 0, 65535, 32768, 0)),
        png((1, 1), 8, 2, bytes([0, 9, 8, 7]), tRNS=struct.pack(">3H", 9, 8, 7)),
    ],
)
def test_what_the_service_might_misread_is_sent_as_png(file: bytes) -> None:
    picture = Picture.open(file)
    assert picture.file is None
    with Image.open(io.BytesIO(picture.encoded)) as sent:
        assert (sent.format, sent.mode) == ("PNG", "RGB")
        assert np.array_equal(sent, picture.image.convert("RGB"))


def test_digest_is_of_the_visible_pixels() -> None:
    digest = Picture.open(PICTURE).digest
    assert Picture.open(encode(PICTURE, "WEBP", lossless=True)).digest == digest
    assert Picture.open(PICTURE.convert("RGBA")).digest == digest
    assert Picture.open(PICTURE.rotate(180)).digest != digest
    flat = Image.new("RGB", (2, 3)), Image.new("RGB", (3, 2))
    assert Picture.open(flat[0]).digest != Picture.open(flat[1]).digest


CUT_FILES = {kind: encode(PICTURE, kind) for kind in ("JPEG", "PNG", "WEBP")} | {
    "progressive JPEG": encode(PICTURE, "JPEG", progressive=True),
    "lossless WebP": encode(PICTURE, "WEBP", lossless=True),
    "AVIF": encode(PICTURE, "AVIF"),
}


@pytest.mark.parametrize("kind", CUT_FILES)
@settings(max_examples=60)
@given(st.data())
def test_cut_off_files_are_refused(kind: str, data: st.DataObject) -> None:
    file = CUT_FILES[kind]
    kept = data.draw(st.integers(1, len(file) - 1) | st.integers(len(file) - 30, len(file) - 1))
    with pytest.raises(InvalidImage, match=r"cut off or damaged|not a picture|begins"):
        ff.open_image(file[:kept])


@pytest.mark.parametrize("kind", ["AVIF", "GIF", "JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of odd tags
@settings(max_examples=60)
@given(st.data())
def test_damaged_files_are_opened_or_refused(kind: str, data: st.DataObject) -> None:
    file = bytearray(encode(PICTURE, kind))
    places = st.integers(0, min(len(file), 300) - 1) | st.integers(0, len(file) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=5)):
        file[place] = value
    try:
        image = ff.open_image(bytes(file), max_megapixels=1)
    except InvalidImage as error:
        assert len(str(error)) < 1000  # noqa: PT017
    else:
        assert image.mode in ("RGB", "RGBA")


@given(
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"II*\0", b"BM", b"P6 "]
    ),
    st.binary(min_size=1, max_size=200),
)
def test_random_bytes_are_refused(start: bytes, rest: bytes) -> None:
    with pytest.raises(InvalidImage):
        ff.open_image(start + rest)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "empty.*0 bytes"),
        (b"not a picture", "not a picture.*JPEG.*b'not a pi'"),
        (b"\x89PNG\r\n\x1a\n", "begins like a PNG.*8 bytes.*whole copy"),
        (b"\xff\xd8\xff\xe0", "begins like a JPEG"),
        (encode(PICTURE, "AVIF")[:200], "begins like an AVIF.*whole copy"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC.*JPEG.*pillow-heif"),
    ],
)
def test_errors_say_what_is_wrong_with_a_file(file: bytes, words: str) -> None:
    with pytest.raises(InvalidImage, match=words):
        ff.open_image(file)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere.png", r"no file 'nowhere\.png'.*looked in"),
        ("", "no file ''"),
        (Path("nowhere.png"), r"nowhere\.png.*No such file"),
        (Path("a\0b.png"), "cannot be read.*null byte"),
        ("a\0b.png", "no file"),
        (os.curdir, "cannot be read"),
        ("https://example.com/a.png", "download.*path"),
        ("data:image/png;base64,", "Base64.*empty"),
        ("data:image/svg+xml,<svg/>", "no file 'data:image"),
        (io.StringIO("text"), "binary mode.*'rb'"),
        (io.BytesIO(), "file object is empty"),
        ("HTTPS://example.com/a.png?signature=hush", "^Addresses are not opened: [^?]*$"),
        ("s3://pictures/a.png", "^Addresses are not opened"),
        ("data:image/png;base64,QUJD!", "base64,…'.*no Base64"),
        (Tensor(), "Tensor does not turn into an array: it is on the GPU"),
        (None, "NoneType is no picture.*path.*array"),
        ([[0, 255]], "list is no picture.*array"),
        (3, "int is no picture"),
    ],
)
def test_errors_say_what_is_wrong_with_a_source(source: object, words: str) -> None:
    with pytest.raises(InvalidImage, match=words):
        ff.open_image(source)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "source",
    [
        "data:image/png;base64," + "QUJD" * 5000,
        "data:image/png;base64," + "QUJD!" * 5000,
        "QUJD" * 5000,
        "QUJD!" * 5000,
        Path("QUJD" * 5000),
    ],
)
def test_errors_never_repeat_long_base64(source: str | Path) -> None:
    with pytest.raises(InvalidImage) as caught:
        ff.open_image(source)
    assert "QUJD" * 12 not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_file_that_was_written_or_read_is_to_be_rewound(path: Path) -> None:
    written = io.BytesIO()
    PICTURE.save(written, "PNG")
    with path.open("rb") as read:
        read.read()
        for file in (written, read):
            with pytest.raises(InvalidImage, match=r"at its end.*seek\(0\)"):
                ff.open_image(file)
    written.seek(0)
    assert np.array_equal(ff.open_image(written), PIXELS)


def test_closed_files_are_named_as_the_cause(path: Path) -> None:
    with Image.open(path) as image:
        pass
    with pytest.raises(InvalidImage, match=r"Pillow image.*damaged \(.+\).*closed"):
        ff.open_image(image)
    with path.open("rb") as file:
        pass
    with pytest.raises(InvalidImage, match=r"file object.*closed"):
        ff.open_image(file)


@pytest.mark.parametrize(
    ("side", "words"),
    [
        (8001, r"8001 x 8001 pixels = 64\.0 MP.*limit of 64 MP.*max_megapixels"),
        (60000, r"too large.*3600000000.*max_megapixels"),
    ],
)
def test_huge_files_are_refused_before_they_are_decoded(side: int, words: str) -> None:
    with pytest.raises(InvalidImage, match=words):
        ff.open_image(png((side, side), 8, 2, b""))


def test_limit_can_be_raised_and_lowered() -> None:
    file = encode(Image.new("L", (1200, 1000)))
    with pytest.raises(InvalidImage, match=r"1200 x 1000 pixels = 1\.2 MP.*limit of 1 MP"):
        ff.open_image(file, max_megapixels=1)
    assert ff.open_image(file, max_megapixels=1.2).size == (1200, 1000)
    with (
        Image.open(io.BytesIO(file)) as lazy,
        pytest.raises(InvalidImage, match=r"The Pillow image has.*limit of 1 MP"),
    ):
        ff.open_image(lazy, max_megapixels=1)


def test_what_was_opened_with_a_higher_limit_can_be_used() -> None:
    grey = encode(Image.new("1", (8100, 8000)))
    image = ff.open_image(grey, max_megapixels=65)
    assert Picture.open(image).image.size == (8100, 8000)


@pytest.mark.parametrize("limit", [0, -1, float("nan"), None, "64"])
def test_limit_is_above_0(limit: Any) -> None:
    with pytest.raises(InvalidImage, match=r"max_megapixels is.*above 0"):
        ff.open_image(PIXELS, max_megapixels=limit)
