"""Models in the published layout: config.json and model.safetensors, the tied head left out."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import XGLMForCausalLM

from bot.domain.errors import CheckpointError
from bot.train.tokenizer import TOKENIZER_FILES

WEIGHTS_FILE = "model.safetensors"


def load_checkpoint(folder: Path) -> XGLMForCausalLM:
    """The model in a folder, in float32.

    Raises:
        CheckpointError: there is none.
    """
    try:
        return XGLMForCausalLM.from_pretrained(folder, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder}: {error}") from error


def save_checkpoint(model: XGLMForCausalLM, folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the weights as `dtype` beside their configuration; a file already there is replaced whole."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: tensor.detach().to("cpu", dtype).contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }
    partial = folder / (WEIGHTS_FILE + ".partial")
    save_file(tensors, partial, metadata={"format": "pt"})
    partial.replace(folder / WEIGHTS_FILE)
    config = copy.deepcopy(model.config)
    config.architectures = ["XGLMForCausalLM"]
    config.dtype = dtype
    config.save_pretrained(folder)


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Bring a checkpoint's tokenizer into another folder.

    Raises:
        CheckpointError: it has none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        try:
            shutil.copyfile(source / name, folder / name)
        except OSError as error:
            raise CheckpointError(f"{source} has no {name}: {error}") from error


def release_checkpoint(best: Path, folder: Path) -> None:
    """Write a run's best model with its tokenizer as it ships: half the size, the same words.

    Raises:
        CheckpointError: `best` is no checkpoint of ours.
    """
    save_checkpoint(load_checkpoint(best), folder, torch.bfloat16)
    copy_tokenizer(best, folder)
