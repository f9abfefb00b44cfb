"""Everything random, in integers: the same seed gives the same numbers on every machine."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_MAP = 256  # side of a smooth map; it is stretched over whatever it is laid on

Number = TypeVar("Number", np.uint8, np.int64)


def generator(seed: int, stream: int) -> np.random.Generator:
    """Return a random generator of its own for every seed and every purpose.

    Parameters
    ----------
    seed
        Any integer; negative and large ones are as good as others.
    stream
        Which of the independent sequences of this seed, 0 or larger.
    """
    # The sign goes where no magnitude can reach it: -5 is not another name of some 2**64 + 5.
    sign = (1,) if seed < 0 else ()
    sequence = np.random.SeedSequence([abs(seed), stream], spawn_key=sign)
    return np.random.Generator(np.random.PCG64(sequence))


def nearly_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return integers (int32), mean 0, standard deviation 256: sums of four random bytes."""
    four = rng.integers(0, 256, (*shape, 4), dtype=np.uint8).sum(-1, dtype=np.int32)
    # Four bytes sum up to 510 +- 147.8, and 147.8 * 443 / 256 is 256.
    out: NDArray[np.int32] = ((four - 510) * 443) >> 8
    return out


def smooth_map(rng: np.random.Generator, cells: int = 6) -> NDArray[np.int64]:
    """Return a map (int64, 256 x 256, 0 to 255) with about ``cells`` smooth hills a side."""
    corner = rng.integers(0, 256, (cells + 1, cells + 1), dtype=np.int64)
    place = np.arange(_MAP, dtype=np.int64) * (cells << 10) // _MAP
    cell, part = place >> 10, place & 1023
    top = corner[cell][:, cell] * (1024 - part) + corner[cell][:, cell + 1] * part
    bottom = corner[cell + 1][:, cell] * (1024 - part) + corner[cell + 1][:, cell + 1] * part
    out: NDArray[np.int64] = (top * (1024 - part)[:, None] + bottom * part[:, None]) >> 20
    return out


def stretch(chart: NDArray[Number], height: int, width: int) -> NDArray[Number]:
    """Return a map of `smooth_map` stretched to another size, without interpolation."""
    rows, columns = (np.arange(n) * _MAP // n for n in (height, width))
    return chart[rows][:, columns]


def clouds(rng: np.random.Generator, height: int, width: int) -> NDArray[np.int64]:
    """Return soft clouds (int64, (H, W), about -38 to 38): three octaves of smooth maps."""
    chart = sum(
        (smooth_map(rng, cells) // (1 + octave) for octave, cells in enumerate((3, 6, 12))),
        np.zeros((_MAP, _MAP), np.int64),
    )
    return (stretch(chart // 2, height, width) - 116) // 3
