"""Outpainting: room around a picture, and the mask that fills it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .errors import InvalidImage
from .images import ImageSource, open_image
from .mask import Mask


def extend(
    image: ImageSource,
    *,
    left: int = 0,
    right: int = 0,
    top: int = 0,
    bottom: int = 0,
    overlap: int = 0,
) -> tuple[Image.Image, Mask]:
    """Return the picture with room on its sides, and the mask that has the room filled.

    The room shows the stretched border of the picture until it is filled. What is transparent in
    the picture is filled as well.

    Parameters
    ----------
    image
        Anything that `fluxfill_nb.open_image` takes.
    left, right, top, bottom
        How much to add on each side, px.
    overlap
        How far the mask reaches into the picture where something was added, px: a few px let the
        new part grow out of the old one without a seam.

    Returns
    -------
    image : PIL.Image.Image
        Mode RGB.
    mask : fluxfill_nb.Mask
        Of the same size.

    Raises
    ------
    fluxfill_nb.errors.InvalidImage
        An amount is negative or not whole, all are 0, or the overlap leaves nothing of the picture.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> wide, mask = ff.extend(Image.new("RGB", (64, 48)), left=32, right=32, overlap=4)
    >>> wide.size, mask.array[24, [35, 36, 91, 92]].tolist()
    ((128, 48), [255, 0, 0, 255])
    """
    amounts = {"left": left, "right": right, "top": top, "bottom": bottom, "overlap": overlap}
    for name, amount in amounts.items():
        if not isinstance(amount, (int, np.integer)) or amount < 0:
            raise InvalidImage(f"{name} is {amount!r}: give whole px, 0 and above.")
    # NumPy's small integers would overflow.
    left, right, top, bottom, overlap = map(int, amounts.values())
    if not (left or right or top or bottom):
        raise InvalidImage("Nothing is added: give left, right, top or bottom in px.")
    picture = open_image(image)
    width, height = picture.size
    kept = (
        left + overlap * bool(left),
        top + overlap * bool(top),
        left + width - overlap * bool(right),
        top + height - overlap * bool(bottom),
    )
    if kept[0] >= kept[2] or kept[1] >= kept[3]:
        raise InvalidImage(
            f"An overlap of {overlap} px leaves nothing of a picture of {width} x {height} px."
        )
    room = ((top, bottom), (left, right))
    colours = np.pad(np.asarray(picture.convert("RGB")), (*room, (0, 0)), mode="edge")
    extended = Image.fromarray(colours)
    extended.info = dict(picture.info)
    mask = ~Mask.from_box(extended.size, kept)
    if picture.mode == "RGBA":
        alpha = np.asarray(picture.getchannel("A"))
        mask |= ~Mask(np.pad(alpha, room, constant_values=255))
    return extended, mask
