"""Loading the model: the one file, with `model`, that knows diffusers and torch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import diffusers
import torch
import transformers
from safetensors import SafetensorError

from ...errors import InvalidOption
from . import weights

if TYPE_CHECKING:
    from .engine import FluxDev

# What Fill's transformer takes for each patch: 64 of noise, 64 of the picture, 256 of the mask.
_CHANNELS = 384
_QUANTIZED = ("transformer", "text_encoder_2")


def load(settings: FluxDev) -> Any:
    """Return diffusers' pipeline, on its device and ready.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        The device is not there, or the weights are not this model's.
    MemoryError
        The device's memory does not hold the model.
    """
    _check_device(settings.device)
    is_hub_id = weights.is_hub_id(settings.weights)
    if not is_hub_id:
        weights.check_folder(settings.weights)
    with quiet(), enough_memory("to load the model", settings.device):
        try:
            pipeline = diffusers.FluxFillPipeline.from_pretrained(
                settings.weights,
                dtype=getattr(torch, settings.dtype),
                local_files_only=not is_hub_id,
                **_quantization(settings),
            )
        except (OSError, SafetensorError) as error:
            hint = "copy the model again"
            if is_hub_id:
                hint = "accept the model's licence on the hub, and log in: hf auth login"
            raise InvalidOption(
                f"{settings.weights!r} cannot be loaded; {hint}. It says: {error}"
            ) from error
        _check_model(pipeline, settings.weights)
        pipeline.set_progress_bar_config(disable=True)
        _place(pipeline, settings)
    return pipeline


def _check_device(device: str) -> None:
    kind = torch.device(device).type
    if kind == "cuda" and not torch.cuda.is_available():
        raise InvalidOption(
            f"device is {device!r}: PyTorch {torch.__version__} finds no such GPU here. Check the "
            "driver (nvidia-smi), and that PyTorch was installed with CUDA; or take device='cpu', "
            "which is very slow."
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise InvalidOption(f"device is {device!r}: PyTorch finds no Apple GPU here.")


def _check_model(pipeline: Any, source: str) -> None:
    channels = pipeline.transformer.config.in_channels
    if channels != _CHANNELS:
        raise InvalidOption(
            f"{source!r} is not FLUX.1 Fill [dev]: its transformer takes {channels} channels, "
            f"Fill's takes {_CHANNELS}."
        )


def _quantization(settings: FluxDev) -> dict[str, Any]:
    if settings.quantize is None:
        return {}
    if settings.quantize == "nf4":
        options = {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_compute_dtype": getattr(torch, settings.dtype),
        }
        kinds = (diffusers.BitsAndBytesConfig, transformers.BitsAndBytesConfig)
        mapping = {name: kind(**options) for name, kind in zip(_QUANTIZED, kinds, strict=True)}
    else:
        from torchao.quantization import Int8WeightOnlyConfig

        mapping = {
            name: kind(Int8WeightOnlyConfig())
            for name, kind in zip(
                _QUANTIZED, (diffusers.TorchAoConfig, transformers.TorchAoConfig), strict=True
            )
        }
    return {"quantization_config": diffusers.PipelineQuantizationConfig(quant_mapping=mapping)}


def _place(pipeline: Any, settings: FluxDev) -> None:
    """Put the model where it runs, in the way that was asked for."""
    if settings.first_block_cache is not None:
        pipeline.transformer.enable_cache(
            diffusers.FirstBlockCacheConfig(threshold=settings.first_block_cache)
        )
    if settings.compile:
        # The cache looks at numbers between the blocks, which no single graph can hold.
        is_whole = settings.first_block_cache is None
        pipeline.transformer.compile_repeated_blocks(fullgraph=is_whole, dynamic=True)
    if settings.offload:
        pipeline.enable_model_cpu_offload(device=settings.device)
    else:
        pipeline.to(settings.device)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries from drawing progress bars: this is no thread to print from."""
    loggers = (diffusers.utils.logging, transformers.utils.logging)
    shown = [logger for logger in loggers if logger.is_progress_bar_enabled()]
    for logger in shown:
        logger.disable_progress_bar()
    try:
        yield
    finally:
        for logger in shown:
            logger.enable_progress_bar()


@contextlib.contextmanager
def enough_memory(what: str, device: str) -> Iterator[None]:
    """Turn each kind of error that says so into a MemoryError that people understand."""
    try:
        yield
        return
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
    # Raised out here, it holds on to nothing that did not fit.
    raise MemoryError(
        f"The memory of {device!r} does not suffice {what}. What helps: quantize='nf4' or 'int8', "
        "offload=True, smaller pictures, or nothing else on the same GPU."
    )


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # Other devices than CUDA say it in words only.
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ("out of memory", "not enough memory", "can't allocate")
    )
