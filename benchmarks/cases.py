"""Pictures and masks to measure fills on: photographs that scikit-image ships, and textures.

Nothing is downloaded, and nothing is drawn by chance: a case is the same wherever it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from skimage import data

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]


class Case(NamedTuple):
    """A picture (H, W, 3) and what of it is to be filled (H, W)."""

    name: str
    picture: Pixels
    hole: Bools


def cases() -> Iterator[Case]:
    """Yield every picture with every mask."""
    for name, picture in pictures().items():
        for shape, mask in MASKS.items():
            yield Case(f"{name}, {shape}", picture, mask(picture.shape[0], picture.shape[1]))


def held_out() -> Iterator[Case]:
    """Yield what nothing was tuned on: the pictures turned by a quarter, the masks mirrored."""
    for name, picture in pictures().items():
        turned = np.ascontiguousarray(np.rot90(picture))
        for shape, mask in MASKS.items():
            hole = mask(turned.shape[0], turned.shape[1])[::-1, ::-1]
            yield Case(f"{name} turned, {shape} mirrored", turned, np.ascontiguousarray(hole))


def pictures() -> dict[str, Pixels]:
    """Return eleven photographs, three photographed textures, and three that are computed."""
    y, x = np.mgrid[:256, :320]
    smooth = np.stack([60 + y * 2 // 5 + x // 5, 90 + y // 4 + x // 8, 200 - y // 3 + x // 16], -1)
    return {
        "astronaut": data.astronaut(),
        "camera": colour(data.camera()),
        "chelsea": data.chelsea(),
        "coffee": data.coffee(),
        "coins": colour(data.coins()),
        "hubble": half(data.hubble_deep_field()),
        "motorcycle": data.stereo_motorcycle()[0],
        "page": colour(data.page()),
        "retina": half(half(data.retina())),
        "rocket": data.rocket(),
        "tissue": data.immunohistochemistry(),
        "brick": colour(data.brick()),
        "grass": colour(data.grass()),
        "gravel": colour(data.gravel()),
        "checkerboard": colour(np.where((y // 16 + x // 16) % 2, 225, 30)),
        "stripes": colour(np.where((y + x) // 8 % 2, 210, 40)),
        "gradient": smooth.astype(np.uint8),
    }


def blob(height: int, width: int) -> Bools:
    """Return a round hole with a wavy edge, 5 % of the picture."""
    y, x = np.mgrid[:height, :width]
    down, right = y - 0.52 * height, x - 0.47 * width
    angle = np.arctan2(down, right)
    wave = 1 + 0.2 * np.sin(3 * angle + 1) + 0.1 * np.sin(7 * angle)
    return np.hypot(down, right) < wave * np.sqrt(0.05 * height * width / np.pi)


def stroke(height: int, width: int) -> Bools:
    """Return two strokes of a brush, 5 % of the picture or so."""
    image = Image.new("1", (width, height))
    draw = ImageDraw.Draw(image)
    thick = max(3, round(0.05 * np.sqrt(height * width)))
    for line in (
        ((0.15, 0.30), (0.35, 0.22), (0.55, 0.35), (0.80, 0.25)),
        ((0.30, 0.80), (0.60, 0.70)),
    ):
        places = [(x * width, y * height) for x, y in line]
        draw.line(places, fill=1, width=thick, joint="curve")
    return np.asarray(image).copy()


def rectangle(height: int, width: int) -> Bools:
    """Return a quarter of the picture, in the middle of it."""
    hole = np.zeros((height, width), np.bool_)
    hole[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    return hole


MASKS: dict[str, Callable[[int, int], Bools]] = {
    "blob": blob, "stroke": stroke, "rectangle": rectangle
}  # fmt: skip


def colour(grey: NDArray[np.generic]) -> Pixels:
    """Return a grey picture as one in colour."""
    return np.repeat(grey.astype(np.uint8)[..., None], 3, 2)


def half(picture: Pixels) -> Pixels:
    """Return a picture at half its size."""
    return np.asarray(Image.fromarray(picture).reduce(2))
