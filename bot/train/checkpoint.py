"""Writing a model in the published layout: config.json and model.safetensors, the tied head left out."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import XGLMForCausalLM

WEIGHTS_FILE = "model.safetensors"


def save_checkpoint(model: XGLMForCausalLM, folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the weights as `dtype` beside their configuration; a file already there is replaced whole."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: tensor.detach().to(dtype).contiguous()
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
