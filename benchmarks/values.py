"""Speed of masks and of the import, against what one would use instead; prints README's table.

Each pair does the same work in turn, in one run; the figures are medians.
"""

from __future__ import annotations

import base64
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import data
from skimage.morphology import disk, isotropic_dilation

import fluxfill_nb as ff

ROUNDS = 7
SIZE = (2000, 2000)
BUDGET_S = 0.35
POINTS = 1000


def main() -> None:
    """Print the table."""
    mask = blobs()
    filled = mask.array > 0
    soft = mask.feather(8)
    picture, drawn = photograph(), mask.to_png()

    def request() -> ff.FillRequest:
        return ff.FillRequest(picture, drawn, "a vase")

    def encoded(seed: int) -> bytes:
        image, where = (base64.b64encode(file).decode() for file in (picture, drawn))
        given = {"prompt": "a vase", "seed": seed, "image": image, "mask": where}
        return json.dumps(given).encode()

    rows = [
        (
            "grow by 40 px, 4 MP",
            "scikit-image `isotropic_dilation`",
            lambda: mask.grow(40),
            lambda: isotropic_dilation(filled, 40),
        ),
        (
            "grow a soft mask by 12 px, 4 MP",
            "SciPy `grey_dilation`",
            lambda: soft.grow(12),
            lambda: ndimage.grey_dilation(soft.array, footprint=disk(12)),
        ),
        (
            "fill holes, 4 MP",
            "SciPy `binary_fill_holes`",
            mask.fill_holes,
            lambda: ndimage.binary_fill_holes(filled),
        ),
        (
            "encode 1,000 points of one JPEG, 4 MP",
            "Base64 and JSON for each",
            lambda: [point.request.body() for point in ff.Sweep(request(), seed=range(POINTS))],
            lambda: [encoded(seed) for seed in range(POINTS)],
        ),
    ]
    print("| work | fluxfill_nb | instead | times faster |")
    print("| --- | --- | --- | --- |")
    for work, rival, ours, theirs in rows:
        mine, other = paired(ours, theirs)
        print(
            f"| {work} | {mine * 1e3:.0f} ms | {other * 1e3:.0f} ms, {rival} | {other / mine:.1f} |"
        )
    bare, loaded = paired(lambda: python("pass"), lambda: python("import fluxfill_nb"))
    print(
        f"| `import fluxfill_nb` | {(loaded - bare) * 1e3:.0f} ms "
        f"| {BUDGET_S * 1e3:.0f} ms, the budget | {BUDGET_S / max(loaded - bare, 1e-3):.1f} |"
    )


def blobs() -> ff.Mask:
    """Return a mask of forty ellipses of all sizes, some with a hole."""
    rng = np.random.default_rng(1)
    mask = ff.Mask.empty(SIZE)
    for _ in range(40):
        x, y = rng.integers(0, SIZE[0], 2)
        width, height = rng.integers(20, 200, 2)
        blob = ff.Mask.from_ellipse(SIZE, (x, y, x + width, y + height))
        mask |= blob - blob.shrink(int(rng.integers(4, 60)))
    return mask


def photograph() -> bytes:
    """Return a photograph as a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(data.astronaut()).resize(SIZE).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def paired(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of each, taken in turn."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for work, times in zip((ours, theirs), taken, strict=True):
            started = time.perf_counter()
            work()
            times.append(time.perf_counter() - started)
    return statistics.median(taken[0]), statistics.median(taken[1])


def python(code: str) -> None:
    """Run code in a new interpreter."""
    subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    main()
