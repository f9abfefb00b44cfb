"""The sample fill, for `make lab` and the README: the rocket on its launch pad takes off."""

from __future__ import annotations

import time
from pathlib import Path

from skimage import data

import fluxfill_nb as ff

HERE = Path(__file__).resolve().parent.parent
PICTURE = HERE / "docs" / "first_fill.jpg"


def fill_sample(path: Path) -> float:
    """Fill the sample photograph, save before | mask | after, and return how long it took, s."""
    image = ff.open_image(data.rocket())
    mask = ff.Mask.from_box(image.size, (300, 105, 360, 405))
    with ff.connect("local", store=None) as client:
        started = time.perf_counter()
        result = client.fill(image, mask, "the empty launch pad", seed=1)
        seconds = time.perf_counter() - started
    path.parent.mkdir(exist_ok=True)
    result.triptych().save(path, quality=90)
    return seconds


if __name__ == "__main__":
    fill_sample(PICTURE)
    print(PICTURE)
