"""The embedded engine: what it promises of seed, steps, guidance, prompt, progress and edges."""

from __future__ import annotations

import hashlib
import importlib
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from fluxfill_nb.engines.engine import Cancelled, Engine, name_of
from fluxfill_nb.engines.patches import Patches
from fluxfill_nb.engines.patches.colours import read_prompt
from fluxfill_nb.engines.patches.crops import crops
from fluxfill_nb.engines.patches.dials import looseness, obedience, share_steps
from fluxfill_nb.engines.patches.evenness import even_out
from fluxfill_nb.engines.patches.field import MatchField
from fluxfill_nb.engines.patches.growth import grow
from fluxfill_nb.engines.patches.sampler import Settings, fill_hole
from fluxfill_nb.mask import Mask
from fluxfill_nb.options import FillOptions

HERE = str(Path(__file__).parent)
PICTURE = Image.fromarray(data.astronaut()[100:292, 100:292].copy())
BOX = (70, 60, 130, 115)
HOLE = Mask.from_box(PICTURE.size, BOX)

Pixels = NDArray[np.uint8]


def silent(_fraction: float, _preview: Callable[[], Image.Image] | None = None, /) -> None:
    """Nobody looks."""


def fill(
    image: Image.Image = PICTURE, mask: Mask = HOLE, prompt: str = "", **options: object
) -> Pixels:
    """Fill with few steps, and return the pixels."""
    chosen = FillOptions(prompt, **{"steps": 15, "seed": 1, **options})  # type: ignore[arg-type]
    filled = Patches()(image, mask, chosen, silent)
    assert filled.mode == "RGB"
    assert filled.size == image.size
    return np.asarray(filled)


def digest(pixels: Pixels) -> str:
    """Return a short name of these bytes."""
    return hashlib.sha256(pixels.tobytes()).hexdigest()[:16]


def masked(size: tuple[int, int], *boxes: tuple[int, int, int, int], invert: bool = False) -> Mask:
    """Return a mask of boxes."""
    array = np.zeros((size[1], size[0]), np.bool_)
    for left, top, right, bottom in boxes:
        array[top:bottom, left:right] = True
    return Mask(~array if invert else array)


HALF = masked(PICTURE.size, (0, 0, 96, 192))  # large: only every other patch asks


def test_is_an_engine_that_travels() -> None:
    engine = Patches()
    assert isinstance(engine, Engine)
    assert name_of(engine) == engine.name == "patches"
    assert pickle.loads(pickle.dumps(engine)) == engine


# ---------------------------------------------------------------------------------- the same bytes


def test_same_seed_same_bytes_other_seed_other_picture() -> None:
    first, again, other = (fill(seed=seed).astype(int) for seed in (3, 3, 4))
    assert (first == again).all()
    assert np.abs(first - other)[HOLE.array > 0].mean() > 2


@pytest.mark.parametrize("seed", [0, -1, -(2**70), 2**31, 2**64 + 1, 10**40])
def test_any_integer_is_a_seed(seed: int) -> None:
    assert digest(fill(seed=seed)) == digest(fill(seed=seed)) != digest(fill(seed=seed + 1))


def test_a_seed_and_its_negative_differ() -> None:
    assert digest(fill(seed=5)) != digest(fill(seed=-5))


def test_no_seed_is_seed_zero_and_none_is_the_default() -> None:
    assert digest(fill(seed=None)) == digest(fill(seed=0))
    assert digest(fill(steps=None, guidance=None)) == digest(fill(steps=50, guidance=60))


def test_threads_do_not_disturb_each_other() -> None:
    alone = [digest(fill(seed=seed)) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda seed: digest(fill(seed=seed)), range(4))) == alone


def test_a_fill_leaves_the_other_processors_to_others() -> None:
    fill(seed=0)
    everybody, here = time.process_time(), time.thread_time()
    for seed in range(4):
        fill(seed=seed)
    everybody, here = time.process_time() - everybody, time.thread_time() - here
    assert everybody < 1.3 * here


def vector_units() -> str:
    """Return the instruction sets that this NumPy would choose among while it runs."""
    core = importlib.import_module("numpy._core" if np.__version__ >= "2" else "numpy.core")
    return " ".join(core._multiarray_umath.__cpu_dispatch__)


@pytest.mark.parametrize(
    "environment",
    [
        {"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Nehalem"},
        {"OPENBLAS_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": vector_units()},
    ],
    ids=["blas", "vectors"],
)
def test_another_process_with_other_arithmetic_makes_the_same_bytes(
    environment: dict[str, str],
) -> None:
    code = (
        "from test_engine_patches import *\n"
        "print(digest(fill(seed=3, guidance=20)), digest(fill(prompt='orange')), "
        "digest(fill(mask=HALF)))"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([HERE, *sys.path]), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == [
        digest(fill(seed=3, guidance=20)),
        digest(fill(prompt="orange")),
        digest(fill(mask=HALF)),
    ]


def test_bytes_stay_the_same_from_version_to_version() -> None:
    # A deliberate change of the algorithm changes these; an accident must not. The picture is made
    # here, so that no decoder has a say.
    y, x = np.mgrid[:64, :80]
    picture = np.stack([x * 3 % 256, y * 4 % 256, (x * y) % 256], -1).astype(np.uint8)
    mask = masked((80, 64), (30, 20, 55, 45))
    image = Image.fromarray(picture)
    found = [digest(fill(image, mask, seed=7)), digest(fill(image, mask, "red", guidance=7.3))]
    assert found == ["5a241da0291ab355", "ff2bc93ad5d94668"]
    # That one is rough; a smooth one is evened out as well.
    smooth = np.stack([100 + x + y, 90 + x - y // 2, 150 + (x * y + y * y) // 90], -1)
    image = Image.fromarray(smooth.astype(np.uint8))
    assert digest(fill(image, mask, seed=7)) == "afba50861d0886b4"
    # A large hole: only every other patch asks.
    image = Image.fromarray(np.tile(picture, (4, 3, 1)))
    large = masked(image.size, (50, 60, 190, 185))
    assert digest(fill(image, large, seed=7)) == "0eada3b2ca3b93d1"


# ------------------------------------------------------------------------ what is the user's stays


def test_outside_is_untouched_and_the_picture_given_too() -> None:
    before = np.array(PICTURE)
    outside = HOLE.array == 0
    assert (fill()[outside] == before[outside]).all()
    assert (np.asarray(PICTURE) == before).all()


STROKES = Mask((np.add.outer(np.arange(192), np.arange(192)) % 48 < 14) & (HOLE.array == 0))
# Single known rows and columns between unknown ones: their grain could only be had from the hole.
LINES = masked(PICTURE.size, *[(x, 40, x + 2, 150) for x in range(40, 120, 3)])


@pytest.mark.parametrize(
    "mask", [HOLE, STROKES, LINES, ~HOLE], ids=["box", "strokes", "lines", "~"]
)
def test_what_the_hole_held_has_no_influence(mask: Mask) -> None:
    pixels = np.array(PICTURE)
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    pixels[mask.array > 0] = noise[mask.array > 0]
    assert digest(fill(Image.fromarray(pixels), mask)) == digest(fill(mask=mask))


def test_soft_masks_are_split_at_128() -> None:
    soft = np.where(HOLE.array > 0, 128, 127).astype(np.uint8)
    assert digest(fill(mask=Mask(soft))) == digest(fill())


def test_empty_mask_returns_the_picture() -> None:
    assert (fill(mask=Mask.empty(PICTURE.size)) == np.asarray(PICTURE)).all()


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="192"):
        fill(mask=Mask.full((191, 192)))


# --------------------------------------------------------------------------- progress and stopping


@pytest.mark.parametrize("steps", [15, 31])
def test_progress_rises_to_one_with_a_preview_after_every_step(steps: int) -> None:
    fractions: list[float] = []
    previews: list[Pixels] = []

    def progress(fraction: float, preview: Callable[[], Image.Image] | None = None, /) -> None:
        fractions.append(fraction)
        if preview is not None:
            previews.append(np.asarray(preview()))

    filled = Patches()(PICTURE, HOLE, FillOptions(steps=steps, seed=1), progress)
    assert len(previews) == steps
    assert fractions == sorted(fractions)
    assert min(fractions) >= 0
    assert fractions[-1] == 1.0
    outside = HOLE.array == 0
    for preview in previews:
        assert preview.shape == (192, 192, 3)
        assert (preview[outside] == np.asarray(PICTURE)[outside]).all()
    assert (previews[-1] == np.asarray(filled)).all()
    assert not (previews[0] == previews[-1]).all()


def test_looking_at_previews_changes_nothing() -> None:
    def look(_: float, preview: Callable[[], Image.Image] | None = None, /) -> None:
        if preview is not None:
            preview()

    looked = Patches()(PICTURE, HOLE, FillOptions(steps=15, seed=1), look)
    assert digest(np.asarray(looked)) == digest(fill())


@pytest.mark.parametrize("calls", [0, 1, 20, 60])
def test_cancelling_passes_through(calls: int) -> None:
    heard = 0

    def progress(_fraction: float, _preview: object = None, /) -> None:
        nonlocal heard
        heard += 1
        if heard > calls:
            raise Cancelled

    with pytest.raises(Cancelled):
        Patches()(PICTURE, HOLE, FillOptions(steps=50, seed=1), progress)
    assert heard == calls + 1


def test_cancelling_is_heard_soon_in_a_large_hole() -> None:
    image = PICTURE.resize((2048, 2048))
    calls: list[float] = []

    def progress(fraction: float, _preview: object = None, /) -> None:
        calls.append(time.thread_time())  # waiting for a busy machine is not the engine's
        if fraction > 0.1:
            raise Cancelled

    mask = Mask.from_box(image.size, (512, 512, 1536, 1536))
    with pytest.raises(Cancelled):
        Patches()(image, mask, FillOptions(steps=15, seed=1), progress)
    assert max(after - before for before, after in pairwise(calls)) < 0.4


# ------------------------------------------------------------------------ far apart, or very large


def test_holes_far_apart_are_filled_one_by_one() -> None:
    # Tiles, so that there is enough between them; what is far away has no influence.
    image = Image.fromarray(np.tile(np.asarray(PICTURE), (1, 3, 1)))
    left, right = (20, 60, 50, 100), (500, 90, 540, 120)
    first, both = (fill(image, masked(image.size, *boxes)) for boxes in ([left], [left, right]))
    assert (first[:, :300] == both[:, :300]).all()
    assert not (first[90:120, 500:540] == both[90:120, 500:540]).all()
    previews: list[Pixels] = []
    fractions: list[float] = []

    def progress(fraction: float, preview: Callable[[], Image.Image] | None = None, /) -> None:
        fractions.append(fraction)
        if preview is not None:
            previews.append(np.asarray(preview()))

    Patches()(image, masked(image.size, left, right), FillOptions(steps=15, seed=1), progress)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(previews) == 2 * 15
    assert (previews[-1] == both).all()


@st.composite
def scattered(draw: st.DrawFn) -> NDArray[np.bool_]:
    """Return holes here and there on a wide picture."""
    hole = np.zeros((draw(st.integers(8, 300)), draw(st.integers(8, 900))), np.bool_)
    for _ in range(draw(st.integers(1, 5))):
        top, left = (draw(st.integers(0, length - 1)) for length in hole.shape)
        hole[top : top + draw(st.integers(1, 80)), left : left + draw(st.integers(1, 80))] = True
    return hole


@given(scattered())
def test_crops_part_the_hole(hole: NDArray[np.bool_]) -> None:
    count = np.zeros(hole.shape, np.int_)
    for box in crops(hole):
        count[box] += 1
        rows, columns = (np.flatnonzero(hole[box].any(axis)) for axis in (1, 0))
        # Context around it, up to the border of the picture.
        for place, side, length in zip((rows, columns), box, hole.shape, strict=True):
            assert place[0] >= 64 or side.start == 0
            assert side.stop - side.start - 1 - place[-1] >= 64 or side.stop == length
    assert (count[hole] == 1).all()


def test_very_large_levels_copy_what_the_coarser_one_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fluxfill_nb.engines.patches.sampler._SEARCHED", 2000)
    y, x = np.mgrid[:128, :161]
    stripes = np.repeat(np.where((y + 0 * x) // 8 % 2, 220, 30)[..., None], 3, 2).astype(np.uint8)
    image, mask = Image.fromarray(stripes), masked((161, 128), (50, 30, 115, 101))
    last: list[tuple[float, Pixels]] = []

    def progress(fraction: float, preview: Callable[[], Image.Image] | None = None, /) -> None:
        if preview is not None:
            last[:] = [(fraction, np.asarray(preview()))]

    filled = np.asarray(Patches()(image, mask, FillOptions(steps=30, seed=1), progress))
    assert (filled[mask.array == 0] == stripes[mask.array == 0]).all()
    assert last[0][0] == 1.0
    assert (last[0][1] == filled).all()
    assert np.abs(filled.astype(int) - stripes)[mask.array > 0].mean() < 25


# ------------------------------------------------------------------------------------------- edges

SIDE = 192
EDGES = {
    "everything": masked((SIDE, SIDE), invert=True),
    "one pixel": masked((SIDE, SIDE), (60, 50, 61, 51)),
    "corner pixel": masked((SIDE, SIDE), (0, 0, 1, 1)),
    "corner": masked((SIDE, SIDE), (0, 0, 40, 40)),
    "border": masked((SIDE, SIDE), (SIDE - 50, 0, SIDE, SIDE)),
    "row": masked((SIDE, SIDE), (0, 90, SIDE, 91)),
    "column": masked((SIDE, SIDE), (90, 0, 91, SIDE)),
    "half": masked((SIDE, SIDE), (0, 0, SIDE // 2, SIDE)),
    "two holes": masked((SIDE, SIDE), (10, 10, 40, 40), (140, 150, 180, 185)),
    "frame": masked((SIDE, SIDE), (60, 70, 130, 140), invert=True),
    "sliver known": masked((SIDE, SIDE), (0, 0, 9, SIDE), invert=True),
    "one patch known": masked((SIDE, SIDE), (90, 90, 98, 98), invert=True),
    "one pixel known": masked((SIDE, SIDE), (90, 90, 91, 91), invert=True),
    "no patch known": Mask(np.add.outer(np.arange(SIDE), np.arange(SIDE)) % 6 < 2),
}


@pytest.mark.parametrize("name", EDGES)
def test_edge_cases(name: str) -> None:
    mask = EDGES[name]
    filled = fill(mask=mask)
    outside = mask.array == 0
    assert (filled[outside] == np.asarray(PICTURE)[outside]).all()
    if np.count_nonzero(~outside) > 4:
        assert len(np.unique(filled[~outside], axis=0)) > 1


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 2), (300, 1), (1, 300), (7, 7), (8, 8), (9, 12), (133, 101), (64, 9)]
)
def test_small_thin_and_odd_pictures(size: tuple[int, int]) -> None:
    image = PICTURE.crop((0, 0, size[0], size[1])) if max(size) <= SIDE else PICTURE.resize(size)
    width, height = size
    part = masked(size, (width // 3, height // 3, width // 3 + 3, height // 3 + 3))
    for mask in (part, Mask.full(size)):
        filled, outside = fill(image, mask), mask.array == 0
        assert (filled[outside] == np.asarray(image)[outside]).all()


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_size_and_mask(given_data: st.DataObject) -> None:
    width = given_data.draw(st.integers(1, 40), "width")
    height = given_data.draw(st.integers(1, 40), "height")
    cell = given_data.draw(st.integers(1, 20), "side of the mask's cells")
    seed = given_data.draw(st.integers(0, 2**32), "seed of picture and mask")
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    cells = rng.random((height // cell + 1, width // cell + 1)) < rng.random()
    hole = np.kron(cells, np.ones((cell, cell), np.bool_))[:height, :width]
    filled = fill(Image.fromarray(pixels), Mask(hole))
    assert (filled[~hole] == pixels[~hole]).all()
    pixels[hole] = 255 - pixels[hole]
    assert (fill(Image.fromarray(pixels), Mask(hole)) == filled).all()


def test_a_picture_of_one_colour_stays_of_one_colour() -> None:
    grey = Image.new("RGB", (90, 70), (120, 130, 140))
    assert (fill(grey, Mask.from_box(grey.size, (30, 20, 60, 50))) == (120, 130, 140)).all()


def test_extreme_contrast_does_not_overflow() -> None:
    noise = np.random.default_rng(1).integers(0, 2, (80, 80, 3)) * 255
    image = Image.fromarray(noise.astype(np.uint8))
    filled = fill(image, masked(image.size, (20, 20, 60, 60)), "white", guidance=100)
    assert filled[20:60, 20:60].std() > 40


# ----------------------------------------------------------------------------------- what dials do


def test_mismatch_falls_with_steps() -> None:
    pixels, hole = np.asarray(PICTURE), HOLE.array > 0

    def mismatch(steps: int) -> float:
        runs = [fill_hole(pixels, hole, Settings(seed, steps), silent) for seed in range(8)]
        return sum(run.mismatch for run in runs) / len(runs)

    by_steps = [mismatch(steps) for steps in (15, 20, 30, 40, 50)]
    assert by_steps == sorted(by_steps, reverse=True)


def test_guidance_narrows_the_diversity_of_seeds() -> None:
    def diversity(guidance: float) -> float:
        inside = HOLE.array > 0
        fills = [fill(seed=seed, guidance=guidance)[inside].astype(float) for seed in range(4)]
        return float(np.mean([np.abs(a - b).mean() for a, b in combinations(fills, 2)]))

    assert diversity(1.5) > diversity(30) > diversity(100)


def test_structure_continues_through_the_hole() -> None:
    stripes = np.where(np.arange(128)[:, None] // 8 % 2, 220, 30) * np.ones((1, 160))
    pixels = np.repeat(stripes[..., None], 3, 2).astype(np.uint8)
    filled = fill(Image.fromarray(pixels), masked((160, 128), (60, 40, 105, 90)))
    assert np.abs(filled.astype(int) - pixels).mean() < 0.5


def test_fine_patterns_continue_through_a_large_hole() -> None:
    # Halved twice, these stripes are four pixels apart: what sees only broad shapes loses them.
    y, x = np.mgrid[:256, :320]
    pixels = np.repeat(np.where((y + x) // 8 % 2, 210, 40)[..., None], 3, 2).astype(np.uint8)
    filled = fill(Image.fromarray(pixels), masked((320, 256), (80, 64, 240, 192)), steps=50)
    assert np.abs(filled.astype(int) - pixels).mean() < 0.5


def crowded_field(box: tuple[int, int, int, int]) -> MatchField:
    """Return the field of a hole before anything was looked for."""
    pixels = np.zeros((120, 160, 5), np.uint8)
    return MatchField(pixels, masked((160, 120), box).array > 0, lambda: None)


def test_what_is_copied_too_often_becomes_less_welcome() -> None:
    field = crowded_field((60, 50, 100, 90))
    field.match_y[:], field.match_x[:] = 20, 30
    penalty = field.crowding(100).reshape(field.height, field.width)
    assert penalty[20, 30] == 4 * 100
    assert (penalty[40:], penalty[:, 50:].max()) == (pytest.approx(0), 0)
    # Copied as a whole, from one place: everything once.
    field.match_y[:], field.match_x[:] = field.query_y - 40, field.query_x
    assert field.crowding(100).max() == 0


def test_little_known_may_be_copied_often() -> None:
    field = crowded_field((0, 0, 160, 100))
    sources = np.flatnonzero(field._known)
    everyone = sources[np.arange(field.count) % sources.size]
    field.match_y[:], field.match_x[:] = np.divmod(everyone, field.width)
    assert field.count > 5 * sources.size
    assert field.crowding(100).max() < 100


@pytest.fixture(scope="module")
def two_coloured() -> Image.Image:
    """Red on the left, blue on the right."""
    pixels = np.full((96, 160, 3), (190, 50, 40))
    pixels[:, 80:] = 40, 60, 190
    pixels += np.random.default_rng(0).integers(-25, 26, pixels.shape)
    return Image.fromarray(pixels.astype(np.uint8))


def test_colour_words_steer_at_high_guidance_only(two_coloured: Image.Image) -> None:
    mask = Mask.from_box(two_coloured.size, (50, 24, 110, 72))

    def redness(prompt: str, guidance: float) -> float:
        mean = fill(two_coloured, mask, prompt, guidance=guidance)[mask.array > 0].mean(0)
        return float(mean[0] - mean[2])

    assert redness("something red", 80) > redness("", 80) + 80
    assert redness("something blue", 80) < redness("", 80) - 80
    assert redness("red", 1.5) == redness("blue", 1.5) == redness("", 1.5)


def test_nouns_steer_only_when_upsampled(two_coloured: Image.Image) -> None:
    mask = Mask.from_box(two_coloured.size, (50, 24, 110, 72))
    plain, same, upsampled = (
        fill(two_coloured, mask, prompt, prompt_upsampling=upsampling).astype(int)
        for prompt, upsampling in (("", False), ("bricks", False), ("bricks", True))
    )
    assert (plain == same).all()
    assert (upsampled - plain)[mask.array > 0].mean(0)[0] > 30


def test_colours_count_where_nothing_can_be_copied() -> None:
    mask = Mask.full((40, 30))
    image = Image.new("RGB", mask.size)
    red = fill(image, mask, "red", guidance=100).mean((0, 1))
    assert red[0] > 200 > 60 > red[1]
    assert digest(fill(image, mask, "red", guidance=1.5)) == digest(fill(image, mask))


def test_dials() -> None:
    assert [obedience(g) for g in (1.0, 1.5, 100, 1000)] == [0, 0, 1, 1]
    curve = [looseness(g) for g in (1.5, 10, 30, 60, 100)]
    assert curve == pytest.approx([1.0, 0.517, 0.27, 0.135, 0.06], abs=1e-3)
    for levels in range(1, 10):
        for steps in range(15, 51):
            plan = share_steps(steps, levels)
            assert sum(plan) == steps
            assert len(plan) == levels
            assert min(plan) >= 1
    assert share_steps(1, 3) == [1, 1, 1]


def test_offers_find_nearly_what_looking_at_everything_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels, hole = np.asarray(PICTURE), HOLE.array > 0
    exact = fill_hole(pixels[30:145, 40:160], hole[30:145, 40:160], Settings(steps=15), silent)
    monkeypatch.setattr("fluxfill_nb.engines.patches.field._EXHAUSTIVE", 0)
    offers = fill_hole(pixels[30:145, 40:160], hole[30:145, 40:160], Settings(steps=15), silent)
    assert offers.mismatch < 1.5 * exact.mismatch


# ------------------------------------------------------------------------ wide holes are grown


def wall() -> Pixels:
    """Return small bricks in courses, light joints between them."""
    y, x = np.mgrid[:192, :192]
    joint = (y % 6 < 2) | ((x + y // 6 % 2 * 6) % 12 < 2)
    grain = np.random.default_rng(0).integers(-8, 9, joint.shape)
    return np.repeat((np.where(joint, 190, 90) + grain)[..., None], 3, 2).astype(np.uint8)


@pytest.mark.parametrize("turned", [False, True], ids=["upright", "turned"])
def test_a_wall_grows_from_a_few_bricks(turned: bool) -> None:
    photograph = np.asarray(Image.fromarray(data.brick()).reduce(2))
    grey = np.ascontiguousarray(np.rot90(photograph)) if turned else photograph
    bricks = np.repeat(grey[..., None], 3, 2)
    filled = fill(Image.fromarray(bricks), masked((256, 256), (90, 90, 165, 165), invert=True))
    for axis in (0, 1):  # joints both ways, as many as there were: a smooth guess has 0.2 of these
        edges, wanted = (
            (np.abs(np.diff(pixels[..., 0].astype(int), axis=axis)) > 20).mean()
            for pixels in (filled, bricks)
        )
        assert edges / wanted > 0.6


def test_what_grows_is_copied_and_fits() -> None:
    bricks = wall()
    hole = masked((192, 192), (40, 50, 150, 140)).array > 0
    grown = np.where(hole[..., None], 0, bricks)
    down, right = grow(grown, hole)
    y, x = np.nonzero(hole)
    from_y, from_x = y + down[hole], x + right[hole]
    assert not hole[from_y, from_x].any()
    assert (grown[hole] == bricks[from_y, from_x]).all()
    assert (grown[~hole] == bricks[~hole]).all()
    assert (down[~hole] == 0).all()
    assert (right[~hole] == 0).all()
    # Courses go on where they are: grain is all that differs.
    assert np.abs(grown.astype(int) - bricks)[hole].mean() < 15


def test_what_is_too_dear_to_grow_is_filled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = masked(PICTURE.size, (60, 60, 132, 132), invert=True)
    grown = fill(mask=mask)
    monkeypatch.setattr("fluxfill_nb.engines.patches.growth._DEAREST", 0)
    smooth = fill(mask=mask)
    assert (grown != smooth).any()
    assert len(np.unique(smooth[mask.array > 0], axis=0)) > 100


def test_a_field_begins_with_known_patches() -> None:
    hole = masked((160, 120), (60, 20, 100, 90), invert=True).array > 0
    field = MatchField(np.zeros((120, 160, 5), np.uint8), hole, lambda: None)
    assert not hole[field.match_y, field.match_x].any()
    assert not hole[field.match_y + 7, field.match_x + 7].any()


# ---------------------------------------------------------------------------------- no blotches

SKY_BOX = (110, 50, 230, 170)


def sky(grain: float = 2.0) -> tuple[NDArray[np.float64], Pixels]:
    """Return a sky without and with grain; the latter has a dark house in a corner."""
    y, x = np.mgrid[:220, :300]
    smooth = np.stack([60 + y / 4 + x / 10, 90 + y / 4 + x / 20, 170 + y / 7], -1)
    noisy = smooth + np.random.default_rng(0).normal(size=smooth.shape) * grain
    noisy[150:, :70] = noisy[150:, :70] * 0.4 + 20
    return smooth, noisy.round().astype(np.uint8)


def coarse(pixels: NDArray[np.generic], box: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """Return the means of 10 x 10 px in a box."""
    left, top, right, bottom = box
    part = pixels[top:bottom, left:right].astype(float)
    part = part.reshape((bottom - top) // 10, 10, (right - left) // 10, 10, *part.shape[2:])
    means: NDArray[np.float64] = part.mean((1, 3))
    return means


def evened(pixels: Pixels, box: tuple[int, int, int, int]) -> Pixels:
    """Return a filled picture evened out in a box."""
    out = pixels.copy()
    even_out(out, masked((pixels.shape[1], pixels.shape[0]), box).array > 0)
    return out


@pytest.mark.parametrize("seed", [1, 2])
def test_a_sky_is_filled_evenly(seed: int) -> None:
    smooth, noisy = sky()
    image = Image.fromarray(noisy)
    filled = fill(image, Mask.from_box(image.size, SKY_BOX), seed=seed, steps=30)
    off = coarse(filled - smooth, SKY_BOX)
    assert np.sqrt((off**2).mean()) < 1
    assert np.abs(off).max() < 3


def slope(box: tuple[int, int, int, int], step: tuple[int, int, int]) -> tuple[Pixels, Pixels]:
    """Return a slope without edges, and the same with a box that is lighter or darker."""
    y, x = np.mgrid[:170, :230]
    plain = np.stack([60 + y // 2 + x // 5, 90 + y // 4 + x // 3, 220 - y // 2], -1).astype(
        np.uint8
    )
    marked = plain.copy()
    left, top, right, bottom = box
    marked[top:bottom, left:right] += np.array(step).astype(np.uint8)
    return plain, marked


def test_an_edge_goes_where_nothing_around_has_one() -> None:
    plain, marked = slope((80, 60, 130, 110), (20, 20, 20))
    left, top, right, bottom = box = (60, 50, 180, 120)
    off = (evened(marked, box).astype(int) - plain)[top:bottom, left:right]
    assert np.abs(off).mean() < 1
    # An edge that is seen outside the hole may go on inside.
    marked[20:, 200:] -= 20
    off = (evened(marked, box).astype(int) - marked)[top:bottom, left:right]
    assert np.abs(off).mean() < 1


def test_what_is_huge_stays_even_there() -> None:
    _, marked = slope((80, 60, 130, 110), (90, -60, -60))
    change = evened(marked, (60, 50, 180, 120)).astype(int) - marked
    assert np.abs(change[68:102, 88:122]).max() <= 1


def test_a_slope_is_filled_as_a_slope() -> None:
    plain, _ = slope((0, 0, 0, 0), (0, 0, 0))
    image = Image.fromarray(plain)
    box = (50, 40, 150, 130)
    off = fill(image, Mask.from_box(image.size, box), steps=30).astype(int) - plain
    assert np.abs(off).max() <= 4


def test_blotches_go_and_grain_stays() -> None:
    smooth, noisy = sky()
    y, x = np.mgrid[:220, :300]
    blotch = 9 * np.exp(-((y - 100) ** 2 + (x - 160) ** 2) / 800)
    out = evened((noisy + blotch[..., None]).astype(np.uint8), SKY_BOX)
    assert np.abs(coarse(out - smooth, SKY_BOX)).max() < 1.5
    left, top, right, bottom = SKY_BOX
    fine = (out - smooth)[top:bottom, left:right]
    assert 1.9 < np.diff(fine, axis=1).std() / np.sqrt(2) < 2.1


@pytest.mark.parametrize("size", [(300, 220), (231, 171), (230, 170)])
def test_nothing_is_changed_outside_the_hole(size: tuple[int, int]) -> None:
    width, height = size
    pixels = sky()[1][:height, :width]
    pixels[100:110, 150:180] += 5
    out = evened(pixels, SKY_BOX)
    changed = np.argwhere((out != pixels).any(-1))
    assert changed.size
    assert (changed.min(0) >= (SKY_BOX[1], SKY_BOX[0])).all()
    assert (changed.max(0) < (SKY_BOX[3], SKY_BOX[2])).all()


def textures() -> dict[str, Pixels]:
    """Return what is uneven by nature: rough, mottled, or parted by edges."""
    hills = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32) * 12
    mottled = np.asarray(Image.fromarray(hills).resize((320, 320), Image.Resampling.BICUBIC))
    parted = sky()[1][:200, :200]
    parted[:, 130:] -= 30
    parted[100:, :] -= 20
    grey = {
        "grass": data.grass()[100:300, 100:300],
        "brick": data.brick()[100:300, 100:300],
        "mottled": (120 + mottled).astype(np.uint8),
    }
    face = data.astronaut()[50:250, 140:340]
    return {
        **{name: np.repeat(pixels[..., None], 3, 2) for name, pixels in grey.items()},
        "parted": parted,
        "face": face,
    }


@pytest.mark.parametrize("name", textures())
def test_texture_and_structure_are_left_as_they_are(name: str) -> None:
    pixels, box = textures()[name], (60, 50, 160, 150)
    before, after = coarse(pixels, box), coarse(evened(pixels, box), box)
    assert np.abs(after - before).mean() < 0.4
    assert after.std((0, 1)) == pytest.approx(before.std((0, 1)), rel=0.05)


def test_colours_that_were_asked_for_are_not_evened_out() -> None:
    pixels = sky()[1]
    pixels[70:150, 130:210] = pixels[70:150, 130:210] // 4 + (150, 0, 0)
    change = evened(pixels, SKY_BOX).astype(int) - pixels
    assert np.abs(change[70:150, 130:210].mean((0, 1))).max() < 1


# ------------------------------------------------------------------------------ reading the prompt


@pytest.mark.parametrize(
    ("prompt", "names", "colours"),
    [
        ("", (), ()),
        ("a red vase", ("red",), ((255, 0, 0),)),
        ("A RED, (Navy) vase!", ("red", "navy"), ((255, 0, 0), (0, 0, 128))),
        ("dark green", ("darkgreen",), ((0, 100, 0),)),
        ("sky blue walls", ("skyblue",), ((135, 206, 235),)),
        ("Sky-Blue", ("skyblue",), ((135, 206, 235),)),
        ("light golden rod yellow", ("lightgoldenrodyellow",), ((250, 250, 210),)),
        ("white, smoke", ("white",), ((255, 255, 255),)),
        ("pale red", ("pale red",), ((255, 153, 153),)),
        ("deep purple", ("deep purple",), ((89, 0, 89),)),
        ("dark eyes, light", (), ()),
        ("red red RED", ("red",), ((255, 0, 0),)),
        ("no red, without blue, not dark green but pink", ("pink",), ((255, 192, 203),)),
        ("redness, infrared", (), ()),
        ("the sky over grass", (), ()),
    ],
)
def test_colour_words(
    prompt: str, names: tuple[str, ...], colours: tuple[tuple[int, int, int], ...]
) -> None:
    reading = read_prompt(prompt)
    assert reading.names == names
    assert reading.colours == colours


def test_long_prompts_are_read_at_once() -> None:
    reading = read_prompt("dark " * 20_000 + "red")
    assert reading.names == ("dark darkred",)
    assert reading.ignored == ("dark",)


def test_light_and_dark_go_their_ways() -> None:
    def lightness(prompt: str) -> int:
        return sum(read_prompt(prompt).colours[0])

    order = ["dark crimson", "deep crimson", "crimson", "bright crimson", "light crimson"]
    assert [lightness(prompt) for prompt in order] == sorted(lightness(p) for p in order)
    assert lightness("light crimson") < lightness("pale crimson")


def test_nouns_count_when_upsampled() -> None:
    assert read_prompt("Wooden table, dark sky", nouns=True).names == ("wooden", "dark sky")
    assert read_prompt("Wooden table, dark sky").ignored == ("wooden", "table", "dark", "sky")


def test_details_say_what_was_understood() -> None:
    engine = Patches()
    details = engine.details(FillOptions("A red vase, a cat's tail"))
    assert details["colours"] == ["red"]
    assert details["ignored"] == ["a", "vase", "cat's", "tail"]
    assert "colour words only" in str(details["note"])
    upsampled = engine.details(FillOptions("grass", prompt_upsampling=True))
    assert upsampled["colours"] == ["grass"]
    assert engine.details(FillOptions(None))["colours"] == []
