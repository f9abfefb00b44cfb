"""The model's files: where they are, and whether they are all there."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

from ...errors import InvalidOption

_LIBRARIES = ("torch", "diffusers", "transformers", "accelerate")
_QUANTIZERS = {"nf4": "bitsandbytes", "int8": "torchao"}

_INDEX = "model_index.json"
_MODELS = ("text_encoder", "text_encoder_2", "transformer", "vae")
_FOLDERS = (*_MODELS, "scheduler", "tokenizer", "tokenizer_2")
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_WHAT = "the folder of FLUX.1 Fill [dev] in diffusers' layout, with model_index.json in it"


def check_libraries(quantize: str | None) -> None:
    """Raise ImportError if something is not installed; loads none of it."""
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f'FLUX.1 Fill [dev] needs {", ".join(missing)}: pip install "fluxfill-nb[flux]"'
        )
    if quantize is not None and importlib.util.find_spec(_QUANTIZERS[quantize]) is None:
        name = _QUANTIZERS[quantize]
        raise ImportError(f"quantize={quantize!r} needs {name}: pip install {name}")


def is_hub_id(weights: str) -> bool:
    """Tell ``owner/name`` on the Hugging Face hub from a folder, which wins if it exists."""
    return bool(_HUB_ID.fullmatch(weights)) and not Path(weights).exists()


def check_folder(weights: str) -> None:
    """Look whether all files of the model are there; reads none of the large ones.

    Raises
    ------
    fluxfill_nb.errors.InvalidOption
        Names what is missing, or says which model it is instead.
    """
    folder = Path(weights)
    if not folder.is_dir():
        raise InvalidOption(f"There is no folder {weights!r}: weights must be {_WHAT}.")
    if not (folder / _INDEX).is_file():
        raise InvalidOption(
            f"There is no {_INDEX} in {weights!r}: weights must be {_WHAT}; one file of "
            "weights alone is not enough."
        )
    kind = _json(folder / _INDEX).get("_class_name")
    if kind != "FluxFillPipeline":
        raise InvalidOption(f"{weights!r} holds a {kind}: weights must be {_WHAT}.")
    missing = [f"{name}/" for name in _FOLDERS if not (folder / name).is_dir()]
    for name in _MODELS:
        if (folder / name).is_dir():
            missing += [f"{name}/{file}" for file in _missing(folder / name)]
    if missing:
        raise InvalidOption(
            f"{weights!r} is not complete; it lacks {', '.join(missing)}. Copy or download "
            "the model again."
        )


def _missing(folder: Path) -> list[str]:
    """Names of the files of one part that are not there."""
    needed = {"config.json"}
    for index in folder.glob("*.safetensors.index.json"):
        needed |= set(_json(index).get("weight_map", {}).values())
    if len(needed) == 1 and not any(folder.glob("*.safetensors")):
        return ["*.safetensors"]
    return sorted(name for name in needed if not (folder / name).is_file())


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidOption(f"{str(path)!r} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise InvalidOption(f"{str(path)!r} is not what diffusers writes there.")
    return content
