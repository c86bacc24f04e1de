"""The forward pass used in training: transformers' XGLM parameters, SDPA attention, tied head.

transformers' own XGLM attends with `bmm` and a full mask; on two cores this pass is about twice as fast.
The parameters stay in `XGLMForCausalLM`, so `save_pretrained` writes the published layout.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import XGLMConfig, XGLMForCausalLM
from transformers.models.xglm.modeling_xglm import XGLMAttention, XGLMDecoderLayer

from bot.train.tokenizer import BOS, EOS, PAD

ABSENT = -1e9
"""A logit that weighs nothing, yet is finite: infinities make NaN gradients."""


def config(vocab_size: int, d_model: int, layers: int, heads: int, context: int) -> XGLMConfig:
    """An XGLM of the published proportions (ffn = 4 d_model), without dropout: the data is read once."""
    return XGLMConfig(
        vocab_size=vocab_size,
        d_model=d_model,
        ffn_dim=4 * d_model,
        num_layers=layers,
        attention_heads=heads,
        max_position_embeddings=context,
        dropout=0.0,
        attention_dropout=0.0,
        bos_token_id=BOS,
        pad_token_id=PAD,
        eos_token_id=EOS,
        decoder_start_token_id=EOS,
    )


def initialise(model: XGLMForCausalLM) -> None:
    """Zero the output projections, so that every layer starts as the identity (GPT-style residual init)."""
    for layer in model.model.layers:
        nn.init.zeros_(layer.self_attn.out_proj.weight)
        nn.init.zeros_(layer.fc2.weight)


class TrainingNetwork(nn.Module):
    """XGLM over whole windows, without a cache."""

    def __init__(self, model: XGLMForCausalLM) -> None:
        super().__init__()
        self.model = model

    def hidden(self, ids: Tensor) -> Tensor:
        """What the tied head reads: float32 [batch, length, d_model] for int64 ids [batch, length]."""
        decoder = self.model.model
        offset = decoder.embed_positions.offset
        positions = decoder.embed_positions.weights[offset : offset + ids.shape[1]]
        hidden = decoder.embed_tokens(ids) + positions
        for layer in decoder.layers:
            hidden = hidden + _attention(layer.self_attn, layer.self_attn_layer_norm(hidden))
            hidden = hidden + _feed_forward(layer, layer.final_layer_norm(hidden))
        normed: Tensor = decoder.layer_norm(hidden)
        return normed

    def logits(self, ids: Tensor) -> Tensor:
        """float32 [batch, length, vocab] for int64 ids [batch, length]."""
        return functional.linear(self.hidden(ids), self.model.model.embed_tokens.weight)

    def loss(self, ids: Tensor) -> Tensor:
        """Mean cross-entropy in nats of `ids[:, 1:]` given what stands before; int64 [batch, length + 1]."""
        return functional.cross_entropy(self.logits(ids[:, :-1]).flatten(0, 1).float(), ids[:, 1:].flatten())

    def sampled_loss(self, ids: Tensor, common: int, rare: Tensor) -> Tensor:
        """`loss`, with the softmax's denominator estimated from part of the vocabulary.

        The head is two fifths of a step; over the ids below `common` (SentencePiece sorts by frequency) and
        a uniform draw `rare` (int64 [r]) from the others it is less than half of that. Each drawn id stands
        for its share of the others; a row's own target counts exactly once (sampled softmax with
        log-probability correction, Jean et al. 2015, arXiv 1412.2007).
        """
        hidden, targets = self.hidden(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()
        weight = self.model.model.embed_tokens.weight
        own = (hidden * functional.embedding(targets, weight)).sum(-1)
        drawn = functional.linear(hidden, functional.embedding(rare, weight)) + math.log(
            (len(weight) - common) / len(rare)
        )
        # One row of logits, not three sums joined afterwards: torch 2.13 compiles the gradient of a stacked
        # logsumexp wrongly (the loss is right and nothing is learnt).
        logits = torch.cat(
            [
                functional.linear(hidden, weight[:common]),
                drawn.masked_fill(rare == targets[:, None], ABSENT),
                own.masked_fill(targets < common, ABSENT)[:, None],
            ],
            dim=1,
        ).float()
        return (logits.logsumexp(-1) - own).mean()


def _attention(attention: XGLMAttention, x: Tensor) -> Tensor:
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    weight = torch.cat([p.weight for p in projections])
    bias = torch.cat([p.bias for p in projections])
    split = (*x.shape[:2], 3, attention.num_heads, attention.head_dim)
    query, key, value = functional.linear(x, weight, bias).view(split).permute(2, 0, 3, 1, 4)
    mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    out: Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2))
    return out


def _feed_forward(layer: XGLMDecoderLayer, x: Tensor) -> Tensor:
    out: Tensor = layer.fc2(functional.gelu(layer.fc1(x)))
    return out
