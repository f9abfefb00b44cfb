"""`FluxDev`: the face of FLUX.1 Fill [dev]."""

from __future__ import annotations

import dataclasses
import os
import re
import threading
import weakref
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from ...errors import InvalidOption
from ...options import FillFields
from . import weights
from .sampling import Sampler, Sampling, Stats
from .scene import Scene

if TYPE_CHECKING:
    from PIL import Image

    from ...mask import Mask
    from ...options import FillOptions
    from ..engine import Progress

_DEVICE = re.compile(r"(cuda|cpu|mps|xpu)(:\d+)?")
DType = Literal["bfloat16", "float16", "float32"]
Quantization = Literal["nf4", "int8"]

# One for all equal engines of a process: the weights are there once.
_samplings: weakref.WeakValueDictionary[tuple[Any, ...], Sampling] = weakref.WeakValueDictionary()
_lock = threading.Lock()


@dataclass(frozen=True)
class FluxDev:
    """FLUX.1 Fill [dev], the open model, on one's own GPU, through diffusers.

    Needs ``pip install "fluxfill-nb[flux]"`` and the weights, whose licence is not commercial. They
    are loaded by the first fill, once in a process, whoever calls; or by ``load``.

    ``seed``
        Same seed and settings, same picture: the noise is drawn for each fill alone, on the CPU.
        Whether it shared passes through the model with others shows in the last bit only; machines
        and versions of PyTorch differ more.
    ``steps``
        As they are.
    ``guidance``
        In proportion: the contract's default of 60 is ``guidance`` here, this model's own default
        of 30. So 1.5 to 100 become 0.75 to 50. With ``guidance=60`` numbers pass as they are.
    ``prompt_upsampling``, ``safety_tolerance``
        No effect: prompts are not rewritten, and nothing is moderated.

    What comes back is the model's whole picture, as from the hosted service: pixels outside the
    mask have been through its encoder, too, and `fluxfill_nb.FillResult.image` blends over them.
    Sides that are no multiples of 16 px are padded, and the picture is cropped again.

    A value: two of them are equal, and pickle. Any number of threads may call. Their fills, if the
    pictures have one size, take their steps together, and may begin and stop between any two of
    them; prompts, and pairs of picture and mask, are encoded once, the last 32 of each.

    Parameters
    ----------
    weights
        The model's folder in diffusers' layout; nothing is fetched for it. Or its name on the
        Hugging Face hub, ``"black-forest-labs/FLUX.1-Fill-dev"``.
    device
        ``"cuda"``, ``"cuda:1"``, ``"mps"``, ``"xpu"``; ``"cpu"`` takes minutes a step.
    dtype
        ``"bfloat16"``, ``"float16"`` or ``"float32"``.
    batch
        How many fills take a step together at most; halved where memory does not suffice.
    guidance
        What the model is told at the contract's default, 0.75 or above; see above.
    quantize
        ``"nf4"`` (bitsandbytes, 4 bits a weight) or ``"int8"`` (torchao) for transformer and T5:
        less memory, other pictures.
    offload
        Keep each part of the model on the GPU only while it works: less memory, slower.
    compile
        Compile the transformer: the first fill takes minutes longer, the others less.
    first_block_cache
        Leave out steps' passes through all blocks but the first if that one changes less than this
        share, such as 0.1: faster, and another picture. Fills then run one at a time, so that none
        depends on others.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        There is no such folder, something is missing in it, or an option is not as above.
    ImportError
        The libraries are not installed.

    Examples
    --------
    >>> from fluxfill_nb import engines
    >>> engines.FluxDev("./FLUX.1-Fill-dev", quantize="nf5")
    Traceback (most recent call last):
    ...
    fluxfill_nb.errors.InvalidOption: quantize is 'nf5': it must be None, 'nf4' or 'int8'.
    """

    name: ClassVar[str] = "flux_dev"

    weights: str
    device: str = "cuda"
    dtype: DType = "bfloat16"
    _: KW_ONLY
    batch: int = 4
    guidance: float = 30.0
    quantize: Quantization | None = None
    offload: bool = False
    compile: bool = False
    first_block_cache: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", os.fspath(self.weights))
        for name, problem in _problems(self):
            raise InvalidOption(f"{name} is {getattr(self, name)!r}: it must be {problem}.")
        if not weights.is_hub_id(self.weights):
            weights.check_folder(self.weights)
        weights.check_libraries(self.quantize)

    def __call__(
        self, image: Image.Image, mask: Mask, options: FillOptions, progress: Progress, /
    ) -> Image.Image:
        """Return the model's picture.

        Parameters
        ----------
        image
            The picture; made RGB if it is not. Best around 1 megapixel, what the model was made
            for.
        mask
            Of the picture's size; 128 and above is filled.
        options
            ``prompt``, ``seed``, ``steps`` and ``guidance`` count. For None the defaults are taken,
            and 0 for the seed.
        progress
            Called after every step, with a preview: where the step leads, in approximate colours,
            an eighth of the size. While the fill waits, ten times a second. What it raises ends
            this fill at once, and no other.

        Returns
        -------
        PIL.Image.Image
            Mode RGB, of the picture's size; other pixels than ``image`` everywhere.

        Raises
        ------
        ValueError
            Picture and mask differ in size.
        fluxfill_nb.errors.InvalidOption
            The device is not there, or the weights are not this model's.
        MemoryError
            The device's memory does not suffice, not even for this fill alone.
        """
        scene = Scene(image, mask)
        if options.seed is None:
            options = options.model_copy(update={"seed": 0})
        return scene.crop(self._sampling.fill(scene, options.resolved(), progress))

    @property
    def concurrency(self) -> int:
        """How many calls at once keep it busy: those under way, and as many to follow."""
        return 2 * self._at_once

    @property
    def stats(self) -> Stats:
        """What all equal engines have done so far in this process."""
        return self._sampling.stats

    def load(self) -> None:
        """Load the weights now, if they are not there yet: a matter of minutes.

        Raises
        ------
        fluxfill_nb.errors.InvalidOption, MemoryError
            As when it is called.
        """
        self._sampling.load()

    def details(self, options: FillOptions) -> dict[str, object]:
        """Say what the model is told.

        Returns
        -------
        dict
            ``guidance``: the model's; ``note``: a sentence for people.
        """
        note = "FLUX.1 Fill [dev]; prompts are not rewritten, and nothing is moderated"
        return {"guidance": self.guidance_for(options), "note": note}

    def guidance_for(self, options: FillOptions) -> float:
        """Return the guidance that the model is told, see above."""
        default: float = FillFields.model_fields["guidance"].default
        guidance = default if options.guidance is None else options.guidance
        return guidance * self.guidance / default

    @property
    def _at_once(self) -> int:
        return 1 if self.first_block_cache is not None else self.batch

    @property
    def _sampling(self) -> Sampling:
        values = dataclasses.astuple(self)
        with _lock:
            sampling = vars(self).get("_kept") or _samplings.get(values)
            if sampling is None:
                # A copy: the engine would hold on to the weights for as long as they hold on to it.
                settings = dataclasses.replace(self)
                sampling = _samplings[values] = Sampling(lambda: _model(settings), self._at_once)
            vars(self)["_kept"] = sampling
        return sampling

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def __repr__(self) -> str:
        given = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in dataclasses.fields(self)[1:]
            if getattr(self, field.name) != field.default
        ]
        return f"FluxDev({', '.join([repr(self.weights), *given])})"


def _problems(engine: FluxDev) -> list[tuple[str, str]]:
    """Return the options that are not as they should be, and what they should be."""
    cache = engine.first_block_cache
    rules = [
        ("device", bool(_DEVICE.fullmatch(engine.device)), "'cuda', 'cuda:1', 'mps' or 'cpu'"),
        ("dtype", engine.dtype in get_args(DType), _or(get_args(DType))),
        ("batch", engine.batch >= 1, "1 or more"),
        ("guidance", engine.guidance > 0, "above 0"),
        (
            "quantize",
            engine.quantize in (None, *get_args(Quantization)),
            f"None, {_or(get_args(Quantization))}",
        ),
        ("first_block_cache", cache is None or 0 < cache < 1, "None, or above 0 and below 1"),
    ]
    problems = [(name, rule) for name, is_right, rule in rules if not is_right]
    if engine.quantize == "nf4" and not engine.device.startswith(("cuda", "xpu")):
        problems.append(("quantize", f"None or 'int8' where device is {engine.device!r}"))
    return problems


def _or(words: tuple[str, ...]) -> str:
    *others, last = map(repr, words)
    return f"{', '.join(others)} or {last}"


def _model(settings: FluxDev) -> Sampler:
    from .model import Model  # loads torch: seconds

    return Model(settings)
