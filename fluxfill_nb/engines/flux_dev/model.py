"""The model at work: noise to picture, a step at a time, for several fills at once."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers.pipelines.flux.pipeline_flux_fill import calculate_shift
from PIL import Image

from .palette import Palette
from .pipeline import enough_memory, load
from .scene import GRID, Scene

if TYPE_CHECKING:
    from ...options import FillOptions
    from .engine import FluxDev

# How many prompts, and how many pairs of picture and mask, are kept encoded: at 1 megapixel, 4 MB
# and 3 MB each.
_KEPT = 32
_TOKENS = 512
# Longest side of the picture that the colours of previews are learnt from, px.
_LEARNT_FROM = 512
_CONTEXT = "fill"


@dataclass(frozen=True)
class _Prompt:
    tokens: Any
    pooled: Any


@dataclass(frozen=True)
class _Known:
    """What the model is told of the picture: its known part and the mask, as latents."""

    latents: Any
    palette: Palette


@dataclass
class Denoising:
    """One fill between two steps.

    ``sigmas`` is the share of noise before each step and after the last one, ``times`` the same as
    the transformer is told.
    """

    scene: Scene
    prompt: _Prompt
    known: _Known
    guidance: float
    latents: Any
    times: list[float]
    sigmas: list[float]
    step: int = 0
    preview: Callable[[], Image.Image] | None = None

    @property
    def fraction(self) -> float:
        """Share of the steps that are taken."""
        return self.step / len(self.times)

    def advance(self, velocity: Any) -> None:
        """Take a step of Euler's method, and look ahead to where it leads."""
        now, then = self.sigmas[self.step : self.step + 2]
        sample = self.latents.float()
        end = sample - now * velocity.float()
        self.preview = functools.partial(_look, end, self.scene, self.known.palette)
        self.latents = (sample + (then - now) * velocity).to(velocity.dtype)
        self.step += 1


def _look(latents: Any, scene: Scene, palette: Palette) -> Image.Image:
    return scene.crop(palette.paint(_unpacked(latents, scene.size)[0].cpu().numpy()), scale=8)


class Model:
    """FLUX.1 Fill [dev] on its device. Not for more than one thread at a time.

    The loop is that of diffusers' ``FluxFillPipeline``, over the pipeline's parts: its own call
    cannot take rows in or out, and encodes the picture each time.
    """

    def __init__(self, settings: FluxDev) -> None:
        self._pipeline = load(settings)
        self._settings = settings
        self._device = settings.device
        # Not of bound methods: memory is to be free as soon as nobody holds the model.
        self._prompts = _kept(_encoded_prompt, self._pipeline)
        self._scenes = _kept(_encoded_scene, self._pipeline)

    def encoded(self) -> dict[str, int]:
        """See `sampling.Sampler`."""
        prompts, pictures = self._prompts.cache_info(), self._scenes.cache_info()
        return {
            "prompts_encoded": prompts.misses,
            "prompts_reused": prompts.hits,
            "pictures_encoded": pictures.misses,
            "pictures_reused": pictures.hits,
        }

    def begin(self, scene: Scene, options: FillOptions) -> Denoising:
        """Encode what is not yet known, and draw the noise."""
        assert options.seed is not None
        assert options.steps is not None
        assert options.guidance is not None
        width, height = scene.size
        with torch.no_grad(), enough_memory(_for(scene), self._device):
            prompt = self._prompts(options.prompt or "")
            known = self._scenes(scene)
            times, sigmas = _schedule(self._pipeline.scheduler, scene, options.steps)
            # On the CPU, for each fill alone: the same on each device, in each batch.
            generator = torch.Generator("cpu").manual_seed(options.seed % 2**64)
            channels = self._pipeline.vae.config.latent_channels
            noise = torch.randn((1, channels, height // 8, width // 8), generator=generator)
            latents = _packed(noise).to(self._pipeline._execution_device, prompt.tokens.dtype)
        if self._settings.first_block_cache is not None:
            self._pipeline.transformer._reset_stateful_cache()
        guidance = self._settings.guidance_for(options)
        return Denoising(scene, prompt, known, guidance, latents, times, sigmas)

    def step(self, rows: list[Denoising]) -> None:
        """Take a step with fills of one size."""
        pipeline, scene = self._pipeline, rows[0].scene
        device, dtype = rows[0].latents.device, rows[0].latents.dtype
        width, height = scene.size
        with torch.no_grad(), enough_memory(_for(scene), self._device):
            rows_in = [torch.cat([row.latents, row.known.latents.to(device)], 2) for row in rows]
            times = torch.tensor([row.times[row.step] for row in rows])
            inputs = {
                "hidden_states": torch.cat(rows_in),
                "timestep": times.to(device, dtype) / 1000,
                "guidance": torch.tensor([row.guidance for row in rows]).to(device),
                "encoder_hidden_states": torch.cat([row.prompt.tokens for row in rows]).to(device),
                "pooled_projections": torch.cat([row.prompt.pooled for row in rows]).to(device),
                "txt_ids": torch.zeros(_TOKENS, 3, device=device, dtype=dtype),
                "img_ids": pipeline._prepare_latent_image_ids(
                    1, height // GRID, width // GRID, device, dtype
                ),
            }
            with pipeline.transformer.cache_context(_CONTEXT):
                velocities = pipeline.transformer(**inputs, return_dict=False)[0]
            for row, velocity in zip(rows, velocities.split(1), strict=True):
                row.advance(velocity)

    def finish(self, row: Denoising) -> Image.Image:
        """Decode a fill; piece by piece where memory is short: all its steps were taken."""
        with contextlib.suppress(MemoryError):
            return self._decoded(row)
        self.tidy()
        self._pipeline.vae.enable_tiling()
        try:
            return self._decoded(row)
        finally:
            self._pipeline.vae.disable_tiling()

    def _decoded(self, row: Denoising) -> Image.Image:
        vae = self._pipeline.vae
        with torch.no_grad(), enough_memory(_for(row.scene), self._device):
            latents = _unpacked(row.latents, row.scene.size)
            latents = latents / vae.config.scaling_factor + vae.config.shift_factor
            decoded = vae.decode(latents, return_dict=False)[0]
            picture: Image.Image = self._pipeline.image_processor.postprocess(decoded)[0]
        return picture

    def tidy(self, *, rest: bool = False) -> None:
        """Give back what is not needed now; ``rest``: the model itself, if it is offloaded."""
        if rest:
            self._pipeline.maybe_free_model_hooks()
        if torch.device(self._device).type == "cuda":
            torch.cuda.empty_cache()


def _kept(encode: Callable[[Any, Any], Any], pipeline: Any) -> Any:
    return functools.lru_cache(_KEPT)(functools.partial(encode, pipeline))


def _encoded_prompt(pipeline: Any, prompt: str) -> _Prompt:
    # Offloaded parts make way for the next one in the pipeline's order, which starts here: the
    # transformer would stay, next to text encoders for which there is no room.
    pipeline.maybe_free_model_hooks()
    tokens, pooled, _ = pipeline.encode_prompt(prompt, max_sequence_length=_TOKENS)
    return _Prompt(tokens.cpu(), pooled.cpu())


def _encoded_scene(pipeline: Any, scene: Scene) -> _Known:
    width, height = scene.size
    hole = torch.from_numpy(scene.hole).float()[None, None]
    known = _as_input(scene.pixels) * (1 - hole)
    dtype, device = pipeline.vae.dtype, pipeline._execution_device
    mask, latents = pipeline.prepare_mask_latents(
        hole,
        known.to(device, dtype),
        1,
        pipeline.vae.config.latent_channels,
        1,
        height,
        width,
        dtype,
        device,
        torch.Generator("cpu").manual_seed(0),  # the encoder draws as well, the same for all
    )
    return _Known(torch.cat((latents, mask), dim=-1).cpu(), _palette(pipeline, scene))


def _palette(pipeline: Any, scene: Scene) -> Palette:
    """Encode the picture once more, small and whole, to see how latents show colours."""
    vae = pipeline.vae
    shrunk = min(1.0, _LEARNT_FROM / max(scene.size))
    width, height = (max(1, round(side * shrunk / 8)) * 8 for side in scene.size)
    pixels = np.asarray(Image.fromarray(scene.pixels).resize((width, height)))
    inputs = _as_input(pixels).to(pipeline._execution_device, vae.dtype)
    latents = vae.encode(inputs).latent_dist.mode()
    latents = (latents - vae.config.shift_factor) * vae.config.scaling_factor
    return Palette(latents[0].float().cpu().numpy(), pixels)


def _schedule(scheduler: Any, scene: Scene, steps: int) -> tuple[list[float], list[float]]:
    """Return `Denoising.times` and ``sigmas``: the larger the picture, the longer it is noisy."""
    names = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
    patches = (scene.size[0] // GRID) * (scene.size[1] // GRID)
    shift = calculate_shift(patches, *(scheduler.config[name] for name in names))
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=shift)
    return scheduler.timesteps.tolist(), scheduler.sigmas.tolist()


def _packed(latents: Any) -> Any:
    """Put 2 x 2 latents into one, as the transformer takes them."""
    batch, channels, height, width = latents.shape
    latents = latents.view(batch, channels, height // 2, 2, width // 2, 2)
    return latents.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * 4)


def _unpacked(latents: Any, size: tuple[int, int]) -> Any:
    """Undo the packing of 2 x 2 latents into one."""
    batch, _, channels = latents.shape
    across, down = size[0] // GRID, size[1] // GRID
    latents = latents.view(batch, down, across, channels // 4, 2, 2)
    return latents.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels // 4, down * 2, across * 2)


def _as_input(pixels: np.ndarray[Any, Any]) -> Any:
    """A picture of 0..255 as the encoder takes it: -1..1, channels first."""
    # Computed, and laid out, as diffusers does: what differs in the last bit grows with the steps.
    return torch.from_numpy(pixels[None].astype(np.float32) / 255).permute(0, 3, 1, 2) * 2 - 1


def _for(scene: Scene) -> str:
    return "for a picture of {} x {} px".format(*scene.size)
