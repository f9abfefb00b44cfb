"""The log: how a mask came to be, as a value that can be kept, compared, and painted again."""

from __future__ import annotations

import hashlib
import json
import keyword
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import InvalidInput, InvalidOption
from ..images import ImageSource, open_image
from ..mask import Mask, Size
from ..wording import counted
from .operation import Operation

# How many operations a repr names.
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Log:
    """The operations that made a mask, from an empty one.

    Parameters
    ----------
    size
        (width, height) of the picture, px.
    operations
        In the order in which they were painted.

    Examples
    --------
    >>> from fluxfill_nb.painting import Grow, Log, Rectangle
    >>> log = Log((64, 48), (Rectangle((10, 10, 30, 30)), Grow(2)))
    >>> log.replay().bbox
    (8, 8, 32, 32)
    >>> print(log.to_code())
    painter.rectangle((10, 10, 30, 30))
    painter.grow(2)
    >>> Log.from_json(log.to_json()) == log
    True
    """

    size: Size
    operations: tuple[Operation, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", Mask.empty(self.size).size)
        object.__setattr__(self, "operations", tuple(self.operations))

    def __repr__(self) -> str:
        # Strokes by hand have hundreds of points; `to_code` has them.
        width, height = self.size
        text = f"Log {width} x {height}, {counted(len(self), 'operation')}"
        if self.operations:
            text += ": " + ", ".join(step.verb for step in self.operations[:_SHOWN])
        rest = len(self) - _SHOWN
        return f"<{text} and {rest:,} more>" if rest > 0 else f"<{text}>"

    def __len__(self) -> int:
        return len(self.operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    @property
    def digest(self) -> str:
        """SHA-256 of the JSON text, hexadecimal: the same for equal logs."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Return the log as JSON, the same text for equal logs."""
        content = {"size": self.size, "operations": [step.to_dict() for step in self.operations]}
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Log:
        """Return the log that `to_json` gave.

        The text may come from anywhere: its values are checked, and nothing of it is run.

        Raises
        ------
        fluxfill_nb.errors.InvalidInput
            No such log; the message says which operation cannot be, and why.
        """
        try:
            content = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidOption(f"This is no JSON text: {error}.") from error
        if (
            not isinstance(content, dict)
            or content.keys() != {"size", "operations"}
            or not isinstance(content["size"], list)
            or not isinstance(content["operations"], list)
        ):
            raise InvalidOption("This is no log of a painting: it needs a size and operations.")
        operations = []
        for number, data in enumerate(content["operations"], start=1):
            try:
                operations.append(Operation.from_dict(data))
            except InvalidInput as error:
                raise type(error)(f"Operation {number} of the log: {error}") from error
        return cls(tuple(content["size"]), tuple(operations))

    def replay(self, image: ImageSource | None = None) -> Mask:
        """Return the mask, bit for bit as it was painted.

        Parameters
        ----------
        image
            The picture that was painted over; needed only where a wand was used.

        Raises
        ------
        fluxfill_nb.errors.InvalidImage
            There is a wand in the log, but no picture.
        """
        picture: Image.Image | None = None
        if image is not None:
            picture = open_image(image).convert("RGB")
            Mask.empty(self.size).check_fits(picture.size)
        array = np.zeros(self.size[::-1], np.uint8)
        for operation in self.operations:
            operation.paint(array, picture)
        return Mask._of(array)

    def to_code(self, name: str = "painter") -> str:
        """Return Python, a line for each operation, that paints the same on a new painter.

        Parameters
        ----------
        name
            What the painter is called there.
        """
        if not name.isidentifier() or keyword.iskeyword(name):
            raise InvalidOption(f"{name!r} is no name: give one such as painter.")
        return "\n".join(f"{name}.{operation.to_code()}" for operation in self.operations)
