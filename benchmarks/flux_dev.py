"""FLUX.1 Fill [dev]: a sweep over seeds through the engine, against one call a seed of diffusers.

Both make the same pictures, which is checked, in turn and in one process; the figures are medians.

    python benchmarks/flux_dev.py                     a tiny model of random weights, on the CPU
    python benchmarks/flux_dev.py --full --device cuda --dtype bfloat16 --size 1024
                                                      random weights of the real model's size
    python benchmarks/flux_dev.py --weights DIR …     the real model

Random weights of the real size are as fast as real ones; they take 34 GB on disk, in --folder.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from PIL import Image

import fluxfill_nb as ff
from fluxfill_nb import engines
from fluxfill_nb.options import FillOptions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import tiny_flux

PROMPT = "a red vase on a wooden table, soft light from the left"
BATCHES = (1, 4)


def main() -> None:
    """Print the table."""
    options = parsed()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    with tempfile.TemporaryDirectory() as made:
        folder = options.weights or options.folder or Path(made)
        if options.weights is None and not (folder / "model_index.json").exists():
            print(f"Making weights in {folder} …", flush=True)
            save(folder, full=options.full, device=options.device)
        compare(options, folder)


def compare(options: argparse.Namespace, folder: Path) -> None:
    """Run both, and print how they did."""
    picture, mask = scene(options.size)
    settings = [
        FillOptions(PROMPT, seed=seed, steps=options.steps) for seed in range(options.seeds)
    ]
    makers = {"diffusers, one call a seed": plain(options, folder, picture, mask)}
    for batch in BATCHES:
        makers[f"FluxDev(batch={batch})"] = ours(options, folder, picture, mask, batch)
    wall: dict[str, list[float]] = {name: [] for name in makers}
    cpu: dict[str, list[float]] = {name: [] for name in makers}
    pictures = {}
    for make in makers.values():  # what is loaded, compiled or tuned once is not counted
        make(settings[:1])
    for _ in range(options.rounds):
        for name, make in makers.items():
            started, worked = time.perf_counter(), time.process_time()
            pictures[name] = make(settings)
            wall[name].append(time.perf_counter() - started)
            cpu[name].append(time.process_time() - worked)
    print(
        f"{options.seeds} seeds, {options.size} x {options.size} px, {options.steps} steps, "
        f"{options.dtype}, {device_name(options.device)}, PyTorch {torch.__version__}, diffusers "
        f"{diffusers.__version__}, " + ("real weights" if options.weights else "random weights")
    )
    first, *_ = makers
    slow, busy = statistics.median(wall[first]), statistics.median(cpu[first])
    print("| | s a picture | times faster | CPU s a picture | times less | apart, of 255 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in makers:
        took, worked = statistics.median(wall[name]), statistics.median(cpu[name])
        print(
            f"| {name} | {took / options.seeds:.3f} | {slow / took:.2f} "
            f"| {worked / options.seeds:.3f} | {busy / worked:.2f} "
            f"| {apart(pictures[first], pictures[name]):.2f} |"
        )


Make = Callable[[list[FillOptions]], list[Image.Image]]


def plain(options: argparse.Namespace, folder: Path, picture: Image.Image, mask: ff.Mask) -> Make:
    """Return what calls diffusers' pipeline once for each seed."""
    pipeline = diffusers.FluxFillPipeline.from_pretrained(
        folder, dtype=getattr(torch, options.dtype), local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(options.device)
    side = options.size // 8

    def make(settings: list[FillOptions]) -> list[Image.Image]:
        made = []
        for setting in settings:
            generator = torch.Generator("cpu").manual_seed(setting.seed)
            noise = torch.randn((1, 16, side, side), generator=generator)
            made += pipeline(
                prompt=setting.prompt,
                image=picture,
                mask_image=mask.to_pil(),
                width=options.size,
                height=options.size,
                num_inference_steps=setting.steps,
                guidance_scale=30.0,
                latents=pipeline._pack_latents(noise, 1, 16, side, side),
                generator=torch.Generator("cpu").manual_seed(0),
            ).images
        return made

    return make


def ours(
    options: argparse.Namespace, folder: Path, picture: Image.Image, mask: ff.Mask, batch: int
) -> Make:
    """Return what calls the engine from as many threads as it likes."""
    engine = engines.FluxDev(folder, options.device, options.dtype, batch=batch)
    engine.load()

    def fill(setting: FillOptions) -> Image.Image:
        return engine(picture, mask, setting, lambda *_: None)

    def make(settings: list[FillOptions]) -> list[Image.Image]:
        with ThreadPoolExecutor(engine.concurrency) as pool:
            return list(pool.map(fill, settings))

    return make


def scene(side: int) -> tuple[Image.Image, ff.Mask]:
    """Return a picture, and a mask of its middle."""
    noise = np.random.default_rng(0).integers(0, 256, (side // 16, side // 16, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)
    quarter = side // 4
    return picture, ff.Mask.from_ellipse(picture.size, (quarter, quarter, 3 * quarter, 3 * quarter))


def apart(one: list[Image.Image], other: list[Image.Image]) -> float:
    """Return how far two lists of pictures are apart on average, of 255."""
    pairs = zip(one, other, strict=True)
    return float(np.mean([np.abs(np.asarray(a, float) - np.asarray(b, float)) for a, b in pairs]))


def save(folder: Path, *, full: bool, device: str) -> None:
    """Make random weights."""
    if not full:
        tiny_flux.save(folder)
        return
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            full_size().save_pretrained(folder)
    finally:
        torch.set_default_dtype(before)


def full_size() -> Any:
    """Return a pipeline of the real model's architecture."""
    clip, t5 = tiny_flux.clip_tokenizer(), tiny_flux.t5_tokenizer()
    return diffusers.FluxFillPipeline(
        scheduler=tiny_flux.scheduler(),
        vae=diffusers.AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=16,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.1159,
            scaling_factor=0.3611,
        ),
        text_encoder=transformers.CLIPTextModel(
            transformers.CLIPTextConfig(
                hidden_size=768,
                intermediate_size=3072,
                num_attention_heads=12,
                num_hidden_layers=12,
                projection_dim=768,
                bos_token_id=clip.bos_token_id,
                eos_token_id=clip.eos_token_id,
                pad_token_id=clip.pad_token_id,
            )
        ),
        tokenizer=clip,
        text_encoder_2=transformers.T5EncoderModel(
            transformers.T5Config(
                d_model=4096,
                d_kv=64,
                d_ff=10240,
                num_layers=24,
                num_heads=64,
                feed_forward_proj="gated-gelu",
            )
        ),
        tokenizer_2=t5,
        transformer=diffusers.FluxTransformer2DModel(
            in_channels=384,
            out_channels=64,
            num_layers=19,
            num_single_layers=38,
            attention_head_dim=128,
            num_attention_heads=24,
            joint_attention_dim=4096,
            pooled_projection_dim=768,
            axes_dims_rope=(16, 56, 56),
            guidance_embeds=True,
        ),
    )


def device_name(device: str) -> str:
    """Return what it ran on."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{device}, {torch.get_num_threads()} threads"


def parsed() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, help="the real model's folder")
    parser.add_argument("--full", action="store_true", help="random weights of the real size")
    parser.add_argument("--folder", type=Path, help="where to make them, and find them again")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--size", type=int, default=64, help="px, a multiple of 16")
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of PyTorch on the CPU")
    return parser.parse_args()


if __name__ == "__main__":
    main()
