"""One request: a picture, a mask and settings, ready to be sent."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Self, Unpack

from PIL import Image
from pydantic import PrivateAttr

from . import provenance
from .errors import InvalidImage, InvalidMask
from .images import ImageSource, Picture, encode_png
from .mask import Mask, MaskSource
from .options import FillKeywords, FillOptions

FILL_PATH = "/v1/flux-pro-1.0-fill"
"""Where the service takes requests."""

USD_PER_FILL = 0.05
"""What the hosted service charges for a picture, whatever its size; moderated ones are free."""

USD_PER_CREDIT = 0.01
"""What one of the hosted service's credits costs."""

_PREVIEW_SIDE = 640
# The longest part of a body, bytes. Of more at a time, the network keeps copies; of less, each part
# costs more than its bytes.
_LONGEST_PART = 1 << 20


class _Content:
    """Picture and mask of a request, and their encoded form: made once, shared by its variants."""

    def __init__(self, picture: Picture, mask: Mask) -> None:
        self.picture = picture
        self.mask = mask
        self._lock = threading.Lock()
        self._tail: tuple[bytes, ...] | None = None

    @classmethod
    def of(cls, image: ImageSource | Picture, mask: MaskSource | None) -> Self:
        picture = image if isinstance(image, Picture) else Picture.open(image)
        if mask is not None:
            mask = Mask(mask)
        elif picture.image.mode == "RGBA" and picture.image.getchannel("A").getextrema()[0] != 255:
            mask = Mask.from_alpha(picture.image)
        else:
            raise InvalidMask(
                "There is no mask, and the picture has no transparency to take its place. "
                "Give a mask, such as Mask.from_box(image.size, (left, top, right, bottom))."
            )
        mask.check_fits(picture.image.size)
        if mask.is_empty:
            highest = int(mask.array.max())
            raise InvalidMask(
                f"The mask is empty: nothing is to be filled. Its highest value is {highest}; "
                "paint what to fill in white (from 128 on). If black was meant, use ~mask."
            )
        return cls(picture, mask)

    @cached_property
    def sent_mask(self) -> Mask:
        return self.mask.threshold()

    @cached_property
    def sent_mask_digest(self) -> str:
        return self.sent_mask.digest

    @property
    def tail(self) -> tuple[bytes, ...]:
        with self._lock:  # two dozen threads may ask at once
            if self._tail is None:
                mask = base64.b64encode(self.mask.to_png())
                self._tail = (*_in_base64(self.picture.encoded), b'", "mask": "' + mask + b'"}')
        return self._tail

    @property
    def is_encoded(self) -> bool:
        return self._tail is not None

    def __getstate__(self) -> dict[str, Any]:
        return {"picture": self.picture, "mask": self.mask}

    def __setstate__(self, state: dict[str, Any]) -> None:
        _Content.__init__(self, **state)


class FillRequest(FillOptions):
    """One fill: a picture, a mask, and the settings. Frozen, checked, ready to be sent.

    Parameters
    ----------
    image
        Anything that `fluxfill_nb.open_image` takes. Its colours are sent; its alpha is not.
    mask
        Anything that `fluxfill_nb.Mask` takes, of the picture's size. None: what is transparent in
        the picture is filled.
    prompt
        What belongs into the masked part.
    **options
        The other settings, see `fluxfill_nb.options.FillOptions`.

    Raises
    ------
    fluxfill_nb.errors.InvalidImage, fluxfill_nb.errors.InvalidMask
        The picture cannot be used; the mask is missing, empty or of another size.
    fluxfill_nb.errors.InvalidOption
        A setting is unknown or out of range.

    Examples
    --------
    >>> from PIL import Image
    >>> import fluxfill_nb as ff
    >>> picture = Image.new("RGB", (64, 48), "white")
    >>> mask = ff.Mask.from_box(picture.size, (10, 10, 30, 30))
    >>> request = ff.FillRequest(picture, mask, "a red vase", guidance=30)
    >>> request.replace(seed=3)
    FillRequest(64 x 48, mask 13.0 %, prompt='a red vase', seed=3, guidance=30.0)
    """

    _content: _Content = PrivateAttr()

    def __init__(
        self,
        image: ImageSource,
        mask: MaskSource | None = None,
        prompt: str | None = "",
        **options: Unpack[FillKeywords],
    ) -> None:
        super().__init__(prompt, **options)
        self._content = _Content.of(image, mask)

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], image: ImageSource, mask: MaskSource | None = None
    ) -> FillRequest:
        """Return the request that made a saved picture, to repeat the fill.

        Parameters
        ----------
        path
            A picture that `fluxfill_nb.FillResult.save` wrote.
        image, mask
            The picture and the mask that it was made of; saved pictures hold their digests only.

        Raises
        ------
        fluxfill_nb.errors.InvalidImage
            The file says nothing of its origin, or another picture was given.
        fluxfill_nb.errors.InvalidMask
            Another mask was given.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> picture = Image.linear_gradient("L")
        >>> mask = ff.Mask.from_box(picture.size, (80, 80, 120, 120))
        >>> with tempfile.TemporaryDirectory() as folder, ff.connect("local") as client:
        ...     file = client.fill(picture, mask, steps=15, seed=3).save(Path(folder, "a.png"))
        ...     ff.FillRequest.from_file(file, picture, mask).seed
        3
        """
        origin = provenance.read(path)
        picture = Picture.open(image)
        if picture.digest != origin["image"]["sha256"]:
            width, height = origin["image"]["size"]
            raise InvalidImage(
                f"{os.fspath(path)!r} was made from another picture than the one given: its own "
                f"has {width} x {height} px."
            )
        content = _Content.of(picture, mask)
        if content.sent_mask.digest != origin["mask"]["sha256"]:
            raise InvalidMask(f"{os.fspath(path)!r} was made with another mask than the one given.")
        return cls._of(content, origin["settings"])

    @classmethod
    def _of(cls, content: _Content, settings: dict[str, Any]) -> FillRequest:
        request = FillRequest.__new__(FillRequest)
        FillOptions.__init__(request, **settings)
        request._content = content
        return request

    @property
    def image(self) -> Image.Image:
        """The picture, mode RGB. Treat it as read-only."""
        self._content.picture.given_out()
        return self._content.picture.rgb

    @property
    def mask(self) -> Mask:
        """The mask, soft edge included."""
        return self._content.mask

    @property
    def options(self) -> FillOptions:
        """The settings alone."""
        return FillOptions(**{name: getattr(self, name) for name in self.names()})

    @property
    def picture(self) -> Picture:
        """The picture with the file that it came from."""
        return self._content.picture

    def replace(self, **changes: Any) -> FillRequest:
        """Return the request with other settings; the encoded picture and mask are shared.

        Parameters
        ----------
        **changes
            Settings, and ``image`` and ``mask``.

        Examples
        --------
        >>> from PIL import Image
        >>> import fluxfill_nb as ff
        >>> request = ff.FillRequest(Image.new("RGB", (8, 8)), ff.Mask.full((8, 8)))
        >>> [request.replace(seed=seed).seed for seed in range(3)]
        [0, 1, 2]
        """
        image, mask = changes.pop("image", None), changes.pop("mask", None)
        settings = {name: getattr(self, name) for name in self.names()} | changes
        content = self._content
        if image is not None or mask is not None:
            content = _Content.of(
                content.picture if image is None else image, content.mask if mask is None else mask
            )
        return self._of(content, settings)

    def __replace__(self, **changes: Any) -> FillRequest:
        """For ``copy.replace``, of Python 3.13."""
        return self.replace(**changes)

    @property
    def key(self) -> str:
        """SHA-256 of all that decides the picture, hexadecimal: the same for the same request.

        Pixels of the picture and of the mask as sent, and every setting with defaults filled in;
        webhooks are left out.
        """
        settings = self._with_defaults()
        del settings["webhook_url"], settings["webhook_secret"]
        content = {
            "endpoint": FILL_PATH,
            "image": self._content.picture.digest,
            "mask": self._content.sent_mask_digest,
            **settings,
        }
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def body(self) -> tuple[bytes, ...]:
        """Return the JSON body to send, in parts: first the settings, then picture and mask.

        All but the first, megabytes of Base64, are made once and shared by all requests that
        `replace` makes. What is None is left out: it means the service's default.
        """
        settings: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        if self.webhook_secret is not None:
            settings["webhook_secret"] = self.webhook_secret.get_secret_value()
        return json.dumps(settings).encode()[:-1] + b', "image": "', *self._content.tail

    @property
    def is_encoded(self) -> bool:
        """Whether `body` is at hand at once, without encoding picture and mask first."""
        return self._content.is_encoded

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show sizes for the picture and mask, and what differs from the defaults."""
        width, height = self._content.picture.image.size
        yield None, _Plain(f"{width} x {height}")
        yield None, _Plain(f"mask {self.mask.coverage * 100:.1f} %")
        yield from super().__repr_args__()

    def _repr_png_(self) -> bytes:
        preview = self.mask.preview(self.image)
        preview.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE))
        return encode_png(preview)

    def __str__(self) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FillRequest):
            return NotImplemented
        return self.options == other.options and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _in_base64(data: bytes) -> Iterator[bytes]:
    """Encode in parts; each but the last comes of whole groups of 3 bytes, so that they join."""
    view, step = memoryview(data), _LONGEST_PART // 4 * 3
    for start in range(0, len(data), step):
        yield base64.b64encode(view[start : start + step])


class _Plain(str):
    """Text that a repr shows without quotes."""

    def __repr__(self) -> str:
        return str(self)
