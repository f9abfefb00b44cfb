"""Pictures side by side with captions: how one fill is shown."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

from PIL import Image, ImageDraw, ImageFont

from .errors import InvalidInput

_GAP = 12
# Height of the text, px: at least this, and more on wide sheets, which notebooks scale down.
_TEXT = 15
_TEXT_OF_WIDTH = 1 / 75
_INK = (38, 38, 38)
_FAINT = (110, 110, 110)
_PAPER = (255, 255, 255)


def triptych(
    panels: Sequence[tuple[str, Image.Image]], *, caption: str = "", height: int = 360
) -> Image.Image:
    """Return the pictures in a row, a title above each and a caption below the last.

    Parameters
    ----------
    panels
        (title, picture) pairs; all pictures of one size.
    caption
        Said below, at the right.
    height
        Of each picture, at most, px; 1 and above. Never enlarged.
    """
    if not (isinstance(height, Real) and height >= 1):
        raise InvalidInput(f"height is {height!r} px: it must be a number, 1 or above.")
    caption = " ".join(caption.splitlines())
    width, natural = panels[0][1].size
    scale = min(1.0, height / natural, 1.6 * height / width)
    shown = max(1, round(width * scale)), max(1, round(natural * scale))
    step = max(shown[0], 60) + _GAP
    text = max(_TEXT, round(step * len(panels) * _TEXT_OF_WIDTH))
    font = ImageFont.load_default(text)
    band = text + _GAP
    note = ImageDraw.Draw(Image.new("RGB", (1, 1))).textlength(caption, font)
    size = (
        max(step * len(panels) - _GAP, round(note)) + 2 * _GAP,
        shown[1] + _GAP + band + (band if caption else 0),
    )
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, (title, picture) in enumerate(panels):
        left = _GAP + place * step
        draw.text((left, _GAP // 2), title, _INK, font)
        sheet.paste(picture.convert("RGB").resize(shown, Image.Resampling.LANCZOS), (left, band))
    if caption:
        draw.text((size[0] - _GAP, band + shown[1] + _GAP // 2), caption, _FAINT, font, anchor="ra")
    return sheet
