"""Tasks and results that lie in a store: read when they are needed, not kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from functools import partial
from typing import Any
from weakref import ref

from PIL import Image

from ..errors import InvalidImage
from ..images import Picture
from ..request import FillRequest
from ..result import FillResult, FillTask, PictureFile


class StoredTask(FillTask):
    """A task whose request is made again from the store each time it is asked for."""

    def __init__(
        self,
        id: str,
        polling_url: str,
        request: FillRequest | Callable[[], FillRequest | None] | None,
        submitted: datetime,
    ) -> None:
        vars(self).update(id=id, polling_url=polling_url, _request=request, submitted=submitted)

    @property
    def request(self) -> FillRequest | None:
        """What was asked for; None if its picture or mask is gone."""
        given: FillRequest | Callable[[], FillRequest | None] | None = vars(self)["_request"]
        return given() if callable(given) else given

    def __reduce__(self) -> tuple[Any, ...]:
        return FillTask, (self.id, self.polling_url, self.request, self.submitted)


class StoredResult(FillResult):
    """A result whose picture is a file, read each time it is asked for."""

    def __init__(
        self,
        task: FillTask,
        encoded: bytes | PictureFile,
        service: str,
        seed: int | None = None,
        duration: float | None = None,
        price: float | None = None,
        details: dict[str, Any] | None = None,
        *,
        key: str = "",
        original: tuple[int, int] | None = None,
    ) -> None:
        vars(self).update(
            task=task, service=service, seed=seed, duration=duration, price=price,
            details=details or {}, _encoded=encoded, _key=key, _original=original,
        )  # fmt: skip

    @property
    def encoded(self) -> bytes:
        """The picture file as the service sent it, with its origin inside.

        Raises
        ------
        fluxfill_nb.errors.InvalidImage
            It is gone.
        """
        if self.file is None:
            encoded: bytes = vars(self)["_encoded"]
            return encoded
        try:
            return self.file.path.read_bytes()
        except OSError as error:
            raise InvalidImage(
                f"The picture {str(self.file.path)!r} is gone ({error.strerror}): it was moved, "
                "renamed or deleted. RunStore.rebuild() finds it under another name in its folder."
            ) from None

    @property
    def file(self) -> PictureFile | None:
        """Where the picture lies on disk."""
        encoded = vars(self)["_encoded"]
        return encoded if isinstance(encoded, PictureFile) else None

    @property
    def key(self) -> str:
        """What the store, and ratings in it, know the picture by."""
        return vars(self)["_key"] or super().key

    @property
    def raw(self) -> Image.Image:
        """The picture as the service made it, mode RGB; treat it as read-only."""
        return self._remembered("_raw", lambda: Picture.open(self.encoded).rgb)

    @property
    def image(self) -> Image.Image:
        """The fill over the original, blended as `composited` does by default; read-only."""
        return self._remembered("_image", lambda: _blend(self))

    @property
    def is_resampled(self) -> bool:
        """Whether the service sent another size than the original's, so that blending resamples."""
        original = vars(self)["_original"]
        return super().is_resampled if original is None else self._size != original

    @property
    def _size(self) -> tuple[int, int]:
        return self.raw.size if self.file is None else self.file.size

    def _remembered(self, name: str, make: Callable[[], Image.Image]) -> Image.Image:
        """A picture that is made once while somebody has it."""
        known = vars(self).get(name)
        image: Image.Image | None = known and known()
        if image is None:
            image = make()
            vars(self)[name] = ref(image)
        return image

    def __reduce__(self) -> tuple[Any, ...]:
        # The file need not be there where it is unpickled; what ratings know it by goes along.
        made = partial(StoredResult, key=self.key, original=vars(self)["_original"])
        return made, tuple(getattr(self, field.name) for field in fields(FillResult))


def _blend(result: FillResult) -> Image.Image:
    return result.raw if result.request is None else result.composited()
