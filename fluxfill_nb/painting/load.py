"""Loading: a whole mask as an operation, so that it is in the log like a stroke."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import InvalidMask
from ..images import encode_png
from ..mask import Mask
from ..mask.reading import FILLED
from ..sources import decode_base64
from . import checks
from .operation import Grey, Operation


@dataclass(frozen=True, slots=True)
class Load(Operation, kind="load"):
    """A whole mask, from a file, an array, or a tool that was plugged in.

    Parameters
    ----------
    png
        A PNG of the mask, grey or black and white, of the picture's size; or Base64 of one.
    made_by
        What made it, if not a person: one line of at most 200 characters.

    Examples
    --------
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.painting import Load, Log
    >>> mask = ff.Mask.from_box((64, 48), (10, 10, 20, 20)).feather(3)
    >>> Log(mask.size, (Load.of(mask, made_by="a tool"),)).replay() == mask
    True
    """

    png: bytes = field(repr=False)
    made_by: str = ""

    def __post_init__(self) -> None:
        png = decode_base64(self.png) if isinstance(self.png, str) else self.png
        if not isinstance(png, bytes) or _opened(png).mode not in ("1", "L"):
            raise InvalidMask("A mask to load is a PNG in grey, or Base64 of one.")
        self._become(png=png, made_by=checks.line("made_by", self.made_by))

    @classmethod
    def of(cls, mask: Mask, made_by: str = "") -> Load:
        """Return what loads this mask."""
        is_hard = mask == mask.threshold()
        image = Image.fromarray(mask.array >= FILLED) if is_hard else mask.to_pil()
        return cls(encode_png(image), made_by)

    def _paint(self, mask: Grey, _: Image.Image | None, /) -> None:
        png = _opened(self.png)
        Mask.empty(png.size).check_fits(mask.shape[::-1])
        try:
            mask[...] = np.asarray(png.convert("L"))
        except Exception as error:  # Pillow's decoders raise nearly anything on damaged data
            raise InvalidMask(
                f"The mask to load is cut off or damaged ({error}). Get a whole copy of it."
            ) from error

    def to_code(self) -> str:
        """Return the call that does the same; who made the mask is a comment."""
        call = Operation.to_code(dataclasses.replace(self, made_by=""))
        return f"{call}  # made by {self.made_by}" if self.made_by else call


def _opened(png: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(png), formats=["PNG"])
    except UnidentifiedImageError as error:
        raise InvalidMask("The mask to load is no PNG that can be read.") from error
    except Exception as error:  # as above, and pictures far too large
        raise InvalidMask(f"The mask to load is no PNG that can be read ({error}).") from error
