"""Every case of the benchmark, and hard ones, as pictures to look at.

`python scripts/contact_sheet.py build/sheet` writes pages of rows: the original, the hole, ours at
two seeds, and the rivals. Judge them by eye: smears, cut-off objects, rims.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent.parent
sys.path.append(str(HERE / "benchmarks"))

from cases import Bools, Case, Pixels, cases, colour, pictures, rectangle, stroke  # noqa: E402
from engines import OPENCV, PATCHMATCH, install, opencv, ours, patchmatch  # noqa: E402

CELL = 240  # px, as the next two
LABEL = 20
GAP = 4
ROWS = 8


def hard() -> Iterator[Case]:
    """Yield what fills are known to fail at."""
    photos = pictures()
    rocket, brick, coffee = photos["rocket"], photos["brick"], photos["coffee"]
    yield Case("at the border", coffee, box(coffee, (0, 150, 200, 330)))
    yield Case("in a corner", photos["astronaut"], box(photos["astronaut"], (372, 372, 512, 512)))
    yield Case("across a strong edge", photos["camera"], box(photos["camera"], (60, 300, 200, 400)))
    yield Case("an object away", rocket, box(rocket, (290, 60, 370, 420)))
    yield Case("sky with clouds", sky(), box(sky(), (100, 60, 300, 190)))
    yield Case("nearly all", brick, ~box(brick, (180, 180, 330, 330)))
    tiny = np.ascontiguousarray(photos["chelsea"][100:130, 150:190])
    yield Case("tiny", tiny, box(tiny, (14, 9, 26, 20)))
    grey = colour(np.full((120, 160), 128))
    yield Case("constant", grey, rectangle(120, 160))
    two = box(coffee, (20, 20, 90, 90)) | box(coffee, (500, 320, 570, 380))
    yield Case("two far apart", coffee, two)
    thin = np.zeros(photos["chelsea"].shape[:2], np.bool_)
    thin[::24] = thin[:, ::30] = True
    yield Case("thin lines", photos["chelsea"], thin)
    yield Case("courses of bricks", brick, box(brick, (120, 160, 400, 330)))
    yield Case("a face", photos["astronaut"], stroke(512, 512))


def box(picture: Pixels, place: tuple[int, int, int, int]) -> Bools:
    """Return a hole from (left, top, right, bottom)."""
    left, top, right, bottom = place
    hole = np.zeros(picture.shape[:2], np.bool_)
    hole[top:bottom, left:right] = True
    return hole


def sky() -> Pixels:
    """Return a blue sky with soft clouds above a dark ridge."""
    chance = np.random.default_rng(3)
    y, x = np.mgrid[:280, :400]
    cloud = np.zeros((280, 400))
    for cells in (4, 8, 16):
        bumps = Image.fromarray(chance.normal(size=(cells, cells)).astype(np.float32))
        cloud += np.asarray(bumps.resize((400, 280), Image.Resampling.BICUBIC)) * 4 / cells
    white = np.clip(cloud / 2, 0, 1)[..., None] * 0.8
    blue = np.stack([90 + y / 4, 140 + y / 5, 215 + y / 10], -1)
    out = blue * (1 - white) + 250 * white
    out[y > 240 + 12 * np.sin(x / 40)] = 40, 45, 40
    noisy = out + chance.normal(0, 2, out.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def sheet(some: list[Case]) -> Image.Image:
    """Return a page."""
    fills = {
        "seed 1": ours(1),
        "seed 2": ours(2),
        "pypatchmatch, radius 5": patchmatch(5),
        "Telea": opencv("INPAINT_TELEA"),
        "Navier–Stokes": opencv("INPAINT_NS"),
    }
    rows = []
    for case in some:
        marked = case.picture.copy()
        marked[case.hole] = 255, 0, 255
        shown = {case.name: case.picture, "the hole": marked}
        shown |= {name: fill(case.picture, case.hole) for name, fill in fills.items()}
        rows.append({name: scaled(pixels) for name, pixels in shown.items()})
    heights = [LABEL + next(iter(row.values())).height + GAP for row in rows]
    page = Image.new("RGB", ((len(fills) + 2) * (CELL + GAP), sum(heights)), "white")
    draw = ImageDraw.Draw(page)
    # Pillow's own font has no dashes.
    font = ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), 12)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, (name, picture) in enumerate(row.items()):
            left = column * (CELL + GAP)
            draw.text((left + 2, top + LABEL // 2), name, fill="black", font=font, anchor="lm")
            page.paste(picture, (left, top + LABEL))
        top += height
    return page


def scaled(pixels: Pixels) -> Image.Image:
    """Return a picture at the size of a cell."""
    picture = Image.fromarray(pixels)
    scale = CELL / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    way = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    return picture.resize((width, height), way)


def main(folder: Path) -> None:
    """Write the pages, hard cases first."""
    install(PATCHMATCH)
    install(OPENCV)
    folder.mkdir(parents=True, exist_ok=True)
    everything = [*hard(), *cases()]
    for number, start in enumerate(range(0, len(everything), ROWS)):
        path = folder / f"{number:02}.png"
        sheet(everything[start : start + ROWS]).save(path)
        print(path, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else HERE / "build" / "sheet")
