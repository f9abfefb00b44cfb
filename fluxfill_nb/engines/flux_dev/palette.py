"""What latents look like, without the decoder: for looks at a picture in the making."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Array: TypeAlias = npt.NDArray[np.float32]

_SMOOTHING = 1e-4


class Palette:
    """The linear map from latents to colours that fits a known picture best.

    It costs next to nothing, and runs in any thread while the model is at work; the decoder would
    have to wait for its turn, and for memory.

    Parameters
    ----------
    latents
        Of the picture, (channels, height, width).
    pixels
        The picture, 0..255, (height, width, 3): a multiple of the latents' size.
    """

    def __init__(self, latents: Array, pixels: npt.NDArray[np.uint8]) -> None:
        _, height, width = latents.shape
        scale = pixels.shape[0] // height
        blocks = pixels.reshape(height, scale, width, scale, 3).mean((1, 3), np.float64)
        known = _with_one(latents)
        # A little ridge: of a picture of one colour, most of the map is not known.
        square = known.T @ known
        square += np.eye(len(square)) * _SMOOTHING * np.trace(square) / len(square)
        self._map = np.linalg.solve(square, known.T @ blocks.reshape(-1, 3))

    def paint(self, latents: Array) -> Image.Image:
        """Return the picture of latents, one pixel for each."""
        _, height, width = latents.shape
        colours = (_with_one(latents) @ self._map).reshape(height, width, 3)
        return Image.fromarray(np.clip(np.rint(colours), 0, 255).astype(np.uint8))


def _with_one(latents: Array) -> npt.NDArray[np.float64]:
    flat = latents.reshape(len(latents), -1).T.astype(np.float64)
    return np.concatenate([flat, np.ones((len(flat), 1))], axis=1)
