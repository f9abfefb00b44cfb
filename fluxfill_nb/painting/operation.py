"""An operation: one change of a mask, as a value that JSON and code can hold."""

from __future__ import annotations

import base64
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import InvalidOption
from ..mask import Size

IntBox: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom, whole px; right and bottom are the first that lie outside."""
Grey: TypeAlias = npt.NDArray[np.uint8]


class Operation(ABC):
    """One change of a mask: frozen, and the same from the mouse, from code and from a log.

    Coordinates are px of the picture, rounded to 0.1 px when the operation is made, so that what is
    logged is what is painted.
    """

    __slots__ = ()
    kind: ClassVar[str]
    """What JSON calls it."""
    _kinds: ClassVar[dict[str, type[Operation]]] = {}
    # Fields that the verb says already.
    _in_verb: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, kind: str = "") -> None:
        if kind:
            cls.kind = kind
        # A dataclass with slots comes here a second time, as another class and without arguments.
        if "kind" in vars(cls):
            Operation._kinds[cls.kind] = cls

    @property
    def verb(self) -> str:
        """The method that does the same, such as "brush"."""
        return self.kind

    def reach(self, size: Size) -> IntBox | None:
        """Return the box outside which nothing changes; None if nothing inside changes either."""
        return 0, 0, *size

    def paint(self, mask: Grey, image: Image.Image | None) -> None:
        """Change a mask in place.

        Parameters
        ----------
        mask
            Of shape ``(height, width)``.
        image
            The picture, mode RGB, of the same size; only the wand needs it.
        """
        if self.reach(mask.shape[::-1]) is not None:
            self._paint(mask, image)

    @abstractmethod
    def _paint(self, mask: Grey, image: Image.Image | None, /) -> None: ...

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {"op": self.kind} | {name: _plain(value) for name, value, _ in self._fields()}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Operation:
        """Return the operation that `to_dict` gave; raise unless all its values can be.

        Examples
        --------
        >>> from fluxfill_nb.painting import Operation
        >>> Operation.from_dict({"op": "grow", "radius": 8})
        Grow(radius=8)
        """
        if not isinstance(data, Mapping):
            raise InvalidOption(f"{data!r:.80} is no operation: one is such as {{'op': 'clear'}}.")
        values = dict(data)
        kind = values.pop("op", None)
        if not isinstance(kind, str) or kind not in Operation._kinds:
            raise InvalidOption(
                f"The operation {kind!r:.80} is unknown: there are {', '.join(Operation._kinds)}."
            )
        made = Operation._kinds[kind]
        fields = {field.name: field for field in dataclasses.fields(made)}  # type: ignore[arg-type]
        if strange := ", ".join(repr(name) for name in values if name not in fields):
            raise InvalidOption(f"The operation {kind} knows no {strange:.200}.")
        for name, field in fields.items():
            if name not in values and field.default is dataclasses.MISSING:
                raise InvalidOption(f"The operation {kind} lacks its {name}.")
        return made(**values)

    def to_code(self) -> str:
        """Return the call that does the same.

        Examples
        --------
        >>> from fluxfill_nb.painting import Stroke
        >>> Stroke([(10, 20), (30.52, 40)], size=40).to_code()
        'brush([(10, 20), (30.5, 40)], size=40)'
        """
        given = [
            _code(value) if default is dataclasses.MISSING else f"{name}={_code(value)}"
            for name, value, default in self._fields()
            if value != default and name not in self._in_verb
        ]
        return f"{self.verb}({', '.join(given)})"

    def _fields(self) -> list[tuple[str, Any, Any]]:
        """Name, value and default of each field."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return [(field.name, getattr(self, field.name), field.default) for field in fields]

    def _become(self, **values: object) -> None:
        """Put what was checked in the place of what was given."""
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _plain(value: Any) -> Any:
    """A value as JSON holds it; whole numbers without their '.0'."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _code(value: Any) -> str:
    """A value as Python writes it: points in a list, everything else as in JSON."""
    if isinstance(value, tuple):
        items = ", ".join(map(_code, value))
        return f"[{items}]" if isinstance(value[0], tuple) else f"({items})"
    return repr(_plain(value))
