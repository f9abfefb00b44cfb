"""What is compared: pictures of one size with names, and perhaps a mask."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from PIL import Image, ImageChops

from ...errors import InvalidImage, InvalidInput
from ...images import ImageSource, Picture
from ...mask import Mask, MaskSource, Size
from ...result import FillResult
from ...showing import difference_colours
from ...wording import shown
from ..painter.pictures import Pyramid

Comparable: TypeAlias = ImageSource | FillResult

_TOP = 255
# Of a file's name, as a label.
_LONGEST = 40


class _Entry(NamedTuple):
    label: str
    size: Size
    load: Callable[[], Image.Image]


class Compared:
    """Two or more pictures of one size.

    Of results, the fill is compared, over the original; the originals come before them, once each.
    What they are made of is read when it is shown, and not kept for long.

    Parameters
    ----------
    pictures
        Anything that `fluxfill_nb.open_image` takes, and results of fills; one result is enough.
    labels
        A name for each picture, the originals of results included; None for names of our own.
    mask
        Of the same size; None: that of the results, if they have but one.

    Raises
    ------
    fluxfill_nb.errors.InvalidInput
        There is nothing to compare, or the sizes differ.

    Examples
    --------
    >>> from PIL import Image
    >>> red, blue = (Image.new("RGB", (64, 48), colour) for colour in ("red", "blue"))
    >>> Compared([red, blue], ["red", "blue"]).labels
    ('red', 'blue')
    """

    def __init__(
        self,
        pictures: Sequence[Comparable],
        labels: Sequence[str] | None = None,
        mask: MaskSource | None = None,
    ) -> None:
        opened = [
            source if isinstance(source, FillResult) else Picture.open(source)
            for source in pictures
        ]
        entries = [*_originals(opened), *_given(opened, pictures)]
        if len(entries) < 2:
            raise InvalidInput(
                "There is nothing to compare: give two pictures or more, or a result whose "
                "original is known."
            )
        self._entries = [entry._replace(label=name) for entry, name in _named(entries, labels)]
        self.size = entries[0].size
        """(width, height), px."""
        self.given = range(len(entries) - len(pictures), len(entries))
        """Which of them were given; those before are the originals of results."""
        for entry in self._entries:
            _check_size(entry, self._entries[0])
        self.mask = _mask_of(pictures) if mask is None else Mask(mask)
        """What was filled; None if it is not known."""
        if self.mask is not None:
            self.mask.check_fits(self.size)
        # As many as are seen at once, and the one that was seen before.
        self.pyramid = lru_cache(maxsize=3)(self._pyramid)

    @property
    def labels(self) -> tuple[str, ...]:
        """The pictures' names, all different."""
        return tuple(entry.label for entry in self._entries)

    def image(self, place: int) -> Image.Image:
        """Return a picture, RGB; not to be changed."""
        return self._entries[place].load()

    def _pyramid(self, place: int) -> Pyramid:
        return Pyramid(self.image(place))


def difference(one: Image.Image, other: Image.Image, amplify: float) -> Image.Image:
    """Return how far two pictures are apart, the mean over the channels, as a colour.

    The brightest is reached at `top_of_scale` levels; smaller changes go by their square root.

    Examples
    --------
    >>> from PIL import Image
    >>> black, grey = Image.new("RGB", (1, 1)), Image.new("RGB", (1, 1), (16, 16, 16))
    >>> difference(black, grey, 16).getpixel((0, 0)) == difference(black, grey, 1).getpixel((0, 0))
    False
    """
    apart = np.asarray(ImageChops.difference(one, other)).sum(axis=2, dtype=np.uint16)
    level = np.minimum(np.arange(3 * _TOP + 1) * (amplify / 3 / _TOP), 1)
    colours = difference_colours()[(np.sqrt(level) * 255).round().astype(np.uint8)]
    return Image.fromarray(colours[apart])


def top_of_scale(amplify: float) -> float:
    """Return which difference is shown brightest, levels of 255."""
    return _TOP / amplify


def _given(opened: Sequence[Picture | FillResult], sources: Sequence[Comparable]) -> list[_Entry]:
    names = iter(_names([given for given in opened if isinstance(given, FillResult)]))
    entries = []
    for number, (given, source) in enumerate(zip(opened, sources, strict=True), start=1):
        if isinstance(given, FillResult):
            entries.append(_fill(given, next(names)))
        else:
            entries.append(_picture(given, _file_name(source) or f"picture {number}"))
    return entries


def _names(results: list[FillResult]) -> list[str]:
    """What to call results: by the first setting that no two of them share."""
    if len(results) == 1:
        return ["fill"]
    for setting in ("seed", "guidance", "steps", "prompt"):
        values = [_setting(result, setting) for result in results]
        if None not in values and len(set(values)) == len(values):
            return [f"{setting} {value}"[:_LONGEST] for value in values]
    return [f"fill {number}" for number in range(1, len(results) + 1)]


def _setting(result: FillResult, name: str) -> str | None:
    request = result.task.request
    value = result.seed if name == "seed" else request and getattr(request, name)
    return None if value is None else shown(value)


def _picture(picture: Picture, name: str) -> _Entry:
    return _Entry(name, picture.image.size, lambda: picture.rgb)


def _file_name(source: object) -> str:
    """What a file is called; "" if it is none, or its name is none to be read."""
    name = str(source) if isinstance(source, (str, os.PathLike)) else ""
    name = re.split(r"[/\\]", name.partition("?")[0])[-1]
    return name if len(name) <= _LONGEST and not name.startswith("data:") else ""


def _fill(result: FillResult, name: str) -> _Entry:
    if result.request is None:
        return _Entry(name, result.raw.size, lambda: result.raw)
    # Not .image, which the result would keep.
    return _Entry(name, result.request.image.size, result.composited)


def _originals(opened: Sequence[Picture | FillResult]) -> list[_Entry]:
    """The originals of the results, those left out that are given as pictures too."""
    found = {
        given.request.picture.digest: given.request.picture
        for given in opened
        if isinstance(given, FillResult) and given.request is not None
    }
    if found:
        given_too = {given.digest for given in opened if isinstance(given, Picture)}
        found = {key: picture for key, picture in found.items() if key not in given_too}
    names = ["original"] if len(found) == 1 else [f"original {n + 1}" for n in range(len(found))]
    return [_picture(picture, name) for picture, name in zip(found.values(), names, strict=True)]


def _named(entries: list[_Entry], labels: Sequence[str] | None) -> list[tuple[_Entry, str]]:
    own = [entry.label for entry in entries]
    if labels is None:
        labels = [
            name if own.count(name) == 1 else f"{name} ({own[: at + 1].count(name)})"
            for at, name in enumerate(own)
        ]
    labels = [labels] if isinstance(labels, str) else [str(label) for label in labels]
    if len(labels) != len(entries):
        raise InvalidInput(
            f"There are {len(entries)} pictures ({', '.join(own)}) and {len(labels)} labels: give "
            "one for each."
        )
    if len(set(labels)) < len(labels):
        raise InvalidInput(f"The labels are {', '.join(labels)}: they must differ.")
    return list(zip(entries, labels, strict=True))


def _check_size(entry: _Entry, first: _Entry) -> None:
    if entry.size != first.size:
        (width, height), (of_first, high) = entry.size, first.size
        raise InvalidImage(
            f"{entry.label!r} has {width} x {height} px, {first.label!r} {of_first} x {high} px: "
            "pictures to compare must have the same size; resize() one of them."
        )


def _mask_of(pictures: Sequence[Comparable]) -> Mask | None:
    """The one mask of all results; None if there are several."""
    requests = [picture.request for picture in pictures if isinstance(picture, FillResult)]
    masks = [request.mask for request in requests if request is not None]
    return masks[0] if masks and all(mask == masks[0] for mask in masks) else None
