"""A tiny FLUX.1 Fill: the real model's interfaces, a few hundred kB of random weights.

Everything is made in memory; no hub is asked for anything.
"""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxFillPipeline,
    FluxTransformer2DModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

PIECES = string.ascii_letters + string.digits + string.punctuation


def save(folder: Path, **changes: Any) -> Path:
    """Save the pipeline there as diffusers does; see `pipeline`."""
    pipeline(**changes).save_pretrained(folder)
    return folder


def pipeline(
    *, channels: int = 384, blocks: int = 1, width: int = 16, heads: int = 2
) -> FluxFillPipeline:
    """Return a pipeline whose weights are the same each time.

    ``channels`` are those that the transformer takes; it is ``width * heads`` wide and has
    ``blocks`` of each of its two kinds. The axes of its positions need ``width`` to be 16 or more.
    """
    random = torch.random.get_rng_state()
    torch.manual_seed(0)
    try:
        clip, t5 = clip_tokenizer(), t5_tokenizer()
        return FluxFillPipeline(
            scheduler=scheduler(),
            vae=vae(),
            text_encoder=CLIPTextModel(
                CLIPTextConfig(
                    vocab_size=len(clip),
                    hidden_size=32,
                    intermediate_size=37,
                    num_attention_heads=4,
                    num_hidden_layers=2,
                    max_position_embeddings=77,
                    projection_dim=32,
                    bos_token_id=clip.bos_token_id,
                    eos_token_id=clip.eos_token_id,
                    pad_token_id=clip.pad_token_id,
                )
            ),
            tokenizer=clip,
            text_encoder_2=T5EncoderModel(
                T5Config(vocab_size=len(t5), d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
            ),
            tokenizer_2=t5,
            transformer=FluxTransformer2DModel(
                patch_size=1,
                in_channels=channels,
                out_channels=64,
                num_layers=blocks,
                num_single_layers=blocks,
                attention_head_dim=width,
                num_attention_heads=heads,
                joint_attention_dim=32,
                pooled_projection_dim=32,
                axes_dims_rope=(width // 4, width // 4, width // 2),
                guidance_embeds=True,
            ),
        )
    finally:
        torch.random.set_rng_state(random)


def vae() -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        latent_channels=16,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.1159,
        scaling_factor=0.3611,
    )


def scheduler() -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(
        shift=3.0,
        use_dynamic_shifting=True,
        base_shift=0.5,
        max_shift=1.15,
        base_image_seq_len=256,
        max_image_seq_len=4096,
    )


def clip_tokenizer() -> CLIPTokenizer:
    """Every letter is a word; the letters are those that bytes are written as."""
    letters = [chr(c) for c in (*range(33, 127), *range(161, 173), *range(174, 324))]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={word: number for number, word in enumerate(dict.fromkeys(words))},
        merges=[],
        model_max_length=77,
    )


def t5_tokenizer() -> T5TokenizerFast:
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    return T5TokenizerFast(
        vocab=special + [(piece, -3.0) for piece in PIECES], extra_ids=0, model_max_length=512
    )
