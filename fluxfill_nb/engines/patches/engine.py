"""`Patches`: the face of the embedded engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PIL import Image

from ...mask.reading import FILLED
from .colours import Reading, read_prompt
from .sampler import Settings, fill_hole

if TYPE_CHECKING:
    from ...mask import Mask
    from ...options import FillOptions
    from ..engine import Progress


@dataclass(frozen=True)
class Patches:
    """The embedded fill engine: copies patches of the picture itself.

    It invents nothing. Every filled pixel is a blend of known pixels, chosen so that neighbouring
    patches agree, from coarse to fine (Wexler et al. 2007; Barnes et al. 2009; Newson et al. 2014).
    Where no patch of 8 x 8 px is known, it makes soft clouds.

    ``seed``
        Same seed, same picture, same bytes: whatever the machine, the thread, the process.
    ``steps``
        Rounds of noise, match and blend. More steps, fewer patches that do not fit.
    ``guidance``
        1.5: seeds differ much, and the prompt is ignored; 100: seeds agree, colours of the prompt
        win, at the cost of patches that fit less.
    ``prompt``
        Colour words only. With ``prompt_upsampling`` some nouns that imply a colour, too.

    A value: two of them are equal, and pickle. Fills may run in parallel threads.

    Examples
    --------
    >>> import fluxfill_nb as ff
    >>> from fluxfill_nb.engines import Patches
    >>> with ff.connect("local", engine=Patches(), store=None) as client:
    ...     client.service
    'local engine: patches'
    """

    name: ClassVar[str] = "patches"

    def __call__(
        self, image: Image.Image, mask: Mask, options: FillOptions, progress: Progress, /
    ) -> Image.Image:
        """Return ``image`` with what ``mask`` marks filled.

        Parameters
        ----------
        image
            The picture; made RGB if it is not.
        mask
            Of the picture's size; 128 and above is filled. What the picture holds there has no
            influence.
        options
            ``prompt``, ``prompt_upsampling``, ``seed``, ``steps`` and ``guidance`` count. For None
            the defaults are taken, and 0 for the seed.
        progress
            Called with a preview after every step, and without one every few hundredths of a
            second.

        Returns
        -------
        PIL.Image.Image
            Mode RGB; outside the mask the same as ``image``, bit for bit.

        Raises
        ------
        ValueError
            Picture and mask differ in size.
        """
        if image.size != mask.size:
            raise ValueError(f"The picture is {image.size} px, its mask {mask.size} px.")
        picture = np.array(image.convert("RGB"))
        hole = mask.array >= FILLED
        return Image.fromarray(fill_hole(picture, hole, _settings(options), progress).picture)

    def details(self, options: FillOptions) -> dict[str, object]:
        """Say what the engine understands of a prompt.

        Returns
        -------
        dict
            ``colours``: names of the colours it found; ``ignored``: the words that mean nothing to
            it; ``note``: a sentence for people. All of it fits into JSON.

        Examples
        --------
        >>> from fluxfill_nb.options import FillOptions
        >>> Patches().details(FillOptions(prompt="a red vase"))["ignored"]
        ['a', 'vase']
        """
        reading = _read(options)
        vocabulary = "colour words and nouns" if options.prompt_upsampling else "colour words"
        note = f"copies patches of the picture; of the prompt it understands {vocabulary} only"
        return {
            "colours": list(reading.names),
            "ignored": list(reading.ignored),
            "note": note,
        }


def _read(options: FillOptions) -> Reading:
    return read_prompt(options.prompt or "", nouns=bool(options.prompt_upsampling))


def _settings(options: FillOptions) -> Settings:
    seed = options.seed
    if options.steps is None or options.guidance is None:
        options = options.resolved()
    assert options.steps is not None
    assert options.guidance is not None
    return Settings(
        seed=0 if seed is None else seed,
        steps=options.steps,
        guidance=options.guidance,
        colours=_read(options).colours,
    )
