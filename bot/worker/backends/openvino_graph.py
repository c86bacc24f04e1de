"""XGLM's layers as OpenVINO graphs: int8 products and PagedAttention.

PagedAttention is not in OpenVINO's public operation sets. Its 28 inputs are those of OpenVINO 2026.4, so that
version is pinned, and every start compares a few tokens with the torch backend.
Source: openvino/src/core/dev_api/openvino/op/paged_attention.hpp.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13 as op
from openvino import PartialShape, Type
from openvino.op import _PagedAttentionExtension as PagedAttention

from bot.domain.errors import CheckpointError
from bot.worker.checkpoints.int8 import ZERO, Int8Layer, Int8Linear

BLOCK = 32
"""Tokens a KV block: the only size that the CPU plugin takes."""

GROUP = 256
"""Inputs that share an activation scale. 1,024 is as fast and harder on outliers; per row it is slower."""

EPSILON = 1e-5

HIDDEN, LOGITS = "hidden", "logits"
PAST, BEGINS, BLOCKS, BLOCK_BEGINS, LONGEST = (
    "past_lens",
    "subsequence_begins",
    "block_indices",
    "block_indices_begins",
    "max_context_len",
)

_ACTIVATIONS: Mapping[str, Callable[[Any], Any]] = {
    "gelu": lambda x: op.gelu(x, "erf"),
    "gelu_new": lambda x: op.gelu(x, "tanh"),
    "relu": op.relu,
}


@dataclass(frozen=True, slots=True)
class LayerShape:
    """What the graphs need of a configuration."""

    width: int
    inner: int
    heads: int
    activation: str

    @classmethod
    def of(cls, config: Any) -> LayerShape:
        """From a checkpoint's XGLMConfig.

        Raises:
            CheckpointError: there is no graph for its activation.
        """
        if config.activation_function not in _ACTIVATIONS:
            raise CheckpointError(f"no OpenVINO graph has the activation {config.activation_function!r}")
        return cls(config.d_model, config.ffn_dim, config.attention_heads, config.activation_function)

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


def attention_type(kv_precision: str) -> Type:
    """What attention computes in: bfloat16, which is faster, where the processor has units for it.

    Eight bits of keys and values are coarser than that. Those of 16 would have to be bfloat16, too.
    """
    capabilities = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return Type.bf16 if kv_precision == "u8" and "BF16" in capabilities else Type.f32


def layers_model(layers: Sequence[Int8Layer], shape: LayerShape, attention: Type) -> ov.Model:
    """Some decoder layers: float32 (tokens, width) in and out, and where the tokens stand.

    Keys and values lie in inputs `key_cache.N` and `value_cache.N`, N counted from 0 in this part.
    """
    hidden = _parameter(HIDDEN, [-1, shape.width], Type.f32)
    places = [_parameter(name, [-1], Type.i32) for name in (PAST, BEGINS, BLOCKS, BLOCK_BEGINS)]
    longest = _parameter(LONGEST, [], Type.i32)
    caches: list[Any] = []
    out: Any = hidden
    for number, layer in enumerate(layers):
        pair = [_cache(f"{kind}_cache.{number}") for kind in ("key", "value")]
        caches += pair
        projected = op.split(_as(attention, linear(layer.project, normed(out))), op.constant(1), 3)
        mixed = _attention(projected, pair, places, longest, shape)
        out = op.add(out, linear(layer.output, _as(Type.f32, mixed)))
        widened = _ACTIVATIONS[shape.activation](linear(layer.widen, normed(out)))
        out = op.add(out, linear(layer.narrow, widened))
    return ov.Model([out], [hidden, *places, longest, *caches], "layers")


def head_model(head: Int8Linear, width: int) -> ov.Model:
    """The tied head: float32 (rows, width) in, logits (rows, vocabulary) out."""
    hidden = _parameter(HIDDEN, [-1, width], Type.f32)
    return ov.Model([linear(head, normed(hidden))], [hidden], "head")


def compile_model(
    model: ov.Model, *, shape: LayerShape, threads: int | None, kv_precision: str
) -> ov.CompiledModel:
    """Compile for this CPU. `kv_precision`: `u8` or `f16`."""
    wanted: dict[str, Any] = {
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(math.gcd(GROUP, shape.width, shape.inner)),
        "KV_CACHE_PRECISION": kv_precision,
        # By channel, a block is rounded anew as it fills: bits would depend on how a prompt was cut.
        "KEY_CACHE_QUANT_MODE": "BY_TOKEN",
        "VALUE_CACHE_QUANT_MODE": "BY_TOKEN",
    }
    if threads:
        wanted["INFERENCE_NUM_THREADS"] = threads
    return ov.Core().compile_model(model, "CPU", wanted)


def linear(product: Int8Linear, x: Any) -> Any:
    """The pattern that the CPU plugin computes in eight bits, with activations rounded group by group."""
    zero = op.convert(op.constant(np.full((1, 1), ZERO, np.uint8)), Type.f32)
    stored = op.constant(product.weight.numpy(), shared_memory=True)
    weight = op.multiply(
        op.subtract(op.convert(stored, Type.f32), zero),
        op.constant(product.scale.numpy(), shared_memory=True),
    )
    out = op.matmul(x, weight, transpose_a=False, transpose_b=True)
    if product.bias is None:
        return out
    return op.add(out, op.constant(product.bias.numpy()[None], shared_memory=True))


def normed(x: Any) -> Any:
    """Layer norm without its affine part, which is folded into the product behind it."""
    return op.mvn(
        x, op.constant(np.array([-1])), normalize_variance=True, eps=EPSILON, eps_mode="INSIDE_SQRT"
    )


def _attention(
    projected: Any, caches: Sequence[Any], places: Sequence[Any], longest: Any, shape: LayerShape
) -> Any:
    fixed = [_scalar(shape.head_size**-0.5, np.float32), _scalar(0, np.int32), _empty(np.float32)]
    eviction = [_empty(), _empty(), _empty(np.int32, 2), _empty(np.float32, 2), _empty(np.float32)]
    sparse = [_scalar(64, np.int32), _scalar(8, np.int32), _empty(np.float32, 4), _scalar(0, np.int32)]
    rest = [_empty(), _empty(), _empty(), _empty(), _empty(np.uint8), _empty()]
    nodes = [*caches, *places, *fixed, longest, *eviction, *sparse, *rest]
    attention = PagedAttention([projected.output(i) for i in range(3)] + [node.output(0) for node in nodes])
    described = attention.get_rt_info()
    described["num_k_heads"] = described["num_v_heads"] = shape.heads
    described["k_head_size"] = described["v_head_size"] = shape.head_size
    return attention.output(0)


def _as(kind: Type, x: Any) -> Any:
    return x if x.get_element_type() == kind else op.convert(x, kind)


def _parameter(name: str, shape: Any, kind: Type) -> Any:
    parameter = op.parameter(shape, kind)
    parameter.output(0).get_tensor().set_names({name})
    parameter.set_friendly_name(name)
    return parameter


def _cache(name: str) -> Any:
    return _parameter(name, PartialShape.dynamic(4), Type.dynamic)


def _scalar(value: float, kind: Any) -> Any:
    return op.constant(np.array(value, kind))


def _empty(kind: Any = np.int32, rank: int = 1) -> Any:
    return op.constant(np.zeros((0,) * rank, kind))
