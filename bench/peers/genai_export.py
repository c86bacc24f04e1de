"""Run in openvino-genai's environment: writes a checkpoint as OpenVINO's graph with int8 weights.

Arguments: the checkpoint's folder, and the one to write. optimum-intel exports XGLM's attention as the
product, mask and softmax that transformers writes out; the pass that makes PagedAttention of it looks for
`scaled_dot_product_attention`, so that stands in its place here.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from optimum.intel import OVModelForCausalLM, OVWeightQuantizationConfig
from torch.nn import functional
from transformers.models.xglm.modeling_xglm import XGLMAttention


def attend(
    self: Any,
    hidden_states: torch.Tensor,
    key_value_states: None = None,  # noqa: ARG001 - the signature is transformers'
    past_key_values: Any = None,
    attention_mask: torch.Tensor | None = None,
    layer_head_mask: None = None,  # noqa: ARG001
    output_attentions: bool = False,  # noqa: ARG001, FBT001, FBT002
    cache_position: torch.Tensor | None = None,
) -> tuple[torch.Tensor, None]:
    """XGLM's self-attention, (batch, length, width) to the same."""
    batch, _, width = hidden_states.shape

    def heads(x: torch.Tensor) -> torch.Tensor:
        return x.view(batch, -1, self.num_heads, self.head_dim).transpose(1, 2)

    query, key, value = (heads(one(hidden_states)) for one in (self.q_proj, self.k_proj, self.v_proj))
    if past_key_values is not None:
        key, value = past_key_values.update(key, value, self.layer_idx, {"cache_position": cache_position})
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
    return self.out_proj(mixed.transpose(1, 2).reshape(batch, -1, width)), None


def main(checkpoint: str, out: str) -> None:
    """Export."""
    XGLMAttention.forward = attend  # type: ignore[assignment, method-assign]
    model = OVModelForCausalLM.from_pretrained(
        checkpoint, export=True, compile=False, quantization_config=OVWeightQuantizationConfig(bits=8)
    )
    model.save_pretrained(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
