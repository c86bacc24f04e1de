"""The OpenVINO backend computes the int8 model that it was given, to the same bits in any company and cut."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("openvino", reason="OpenVINO has no package for this machine")

import itertools

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from openvino import Type
from transformers import XGLMForCausalLM

from bot.domain.errors import CheckpointError
from bot.worker.backends.base import Copy, Row
from bot.worker.backends.openvino import OpenVinoBackend
from bot.worker.backends.openvino_graph import BLOCK, LayerShape, attention_type
from bot.worker.backends.selection import KV_PRECISIONS
from bot.worker.checkpoints.int8 import Int8Linear
from bot.worker.checkpoints.loader import embedded_model, read_config
from bot.worker.checkpoints.quantized_model import InMemoryInt8Model, Quantizer
from bot.worker.checkpoints.weights import find_weights
from tests.fakes.checkpoints import tiny_checkpoint

EOS = 2
LENGTH = 101
PROMPT = [EOS, *torch.randint(4, 16_000, (LENGTH - 1,), generator=torch.Generator().manual_seed(0)).tolist()]
OTHER = [EOS, *torch.randint(4, 16_000, (80,), generator=torch.Generator().manual_seed(1)).tolist()]


def int8_model(folder: Path) -> InMemoryInt8Model:
    """A checkpoint folder's model in eight bits."""
    return InMemoryInt8Model(Quantizer(read_config(folder), find_weights(folder)))


def backend(precision: str = "u8", folder: Path | None = None, blocks: int = 24) -> OpenVinoBackend:
    """The embedded model, or another."""
    return OpenVinoBackend(
        int8_model(folder or embedded_model()), blocks=blocks, threads=2, kv_precision=precision
    )


@pytest.fixture(scope="module", params=KV_PRECISIONS)
def computing(request: pytest.FixtureRequest) -> OpenVinoBackend:
    """The embedded model with each kind of keys and values."""
    return backend(request.param)


@pytest.fixture(scope="module")
def eight_bits() -> OpenVinoBackend:
    """The embedded model as it runs by default."""
    return backend()


def reference(model: InMemoryInt8Model) -> XGLMForCausalLM:
    """The int8 weights in transformers, in float32; the norms' affine parts stay folded in."""
    made = XGLMForCausalLM(model.config).eval()  # type: ignore[no-untyped-call]
    decoder = made.model
    made.lm_head.weight = torch.nn.Parameter(model.head().dequantized())
    made.lm_head.bias = torch.nn.Parameter(_bias(model.head()))
    decoder.embed_tokens.weight = torch.nn.Parameter(model.table.float())
    for number, layer in enumerate(decoder.layers):
        stored = model.layer(number)
        attention = layer.self_attn
        weights = stored.project.dequantized().chunk(3)
        for product, weight, bias in zip(
            (attention.q_proj, attention.k_proj, attention.v_proj),
            weights,
            _bias(stored.project).chunk(3),
            strict=True,
        ):
            _set(product, weight, bias)
        for product, source in (
            (attention.out_proj, stored.output),
            (layer.fc1, stored.widen),
            (layer.fc2, stored.narrow),
        ):
            _set(product, source.dequantized(), _bias(source))
    return made


def _bias(product: Int8Linear) -> torch.Tensor:
    assert product.bias is not None
    return product.bias


def _set(product: torch.nn.Linear, weight: torch.Tensor, bias: torch.Tensor) -> None:
    product.weight, product.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)


def divergence(expected: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of each row of logits, in nats."""
    logs = expected.log_softmax(-1)
    return (logs.exp() * (logs - found.log_softmax(-1))).sum(-1)


def body(tokens: Sequence[int], start: int, end: int, blocks: Sequence[int]) -> Row:
    """A part of a prompt."""
    return Row(tuple(blocks), start, tuple(tokens[start:end]))


def alone(tokens: Sequence[int], start: int, end: int, blocks: Sequence[int]) -> Row:
    """Tokens as when decoded, logits of each wanted."""
    return Row(tuple(blocks), start, tuple(tokens[start:end]), alone=end - start, logits=end - start)


def read(
    computing: OpenVinoBackend, tokens: Sequence[int], cuts: Sequence[int], blocks: Sequence[int]
) -> torch.Tensor:
    """Read a prompt cut in parts; the last token's logits."""
    last = len(tokens) - 1
    edges = [0, *cuts, last]
    for start, end in itertools.pairwise(edges):
        computing.forward([body(tokens, start, end, blocks)])
    return computing.forward([alone(tokens, last, last + 1, blocks)]).drawn.clone()


@pytest.mark.parametrize("path", ["together", "one by one"])
def test_it_computes_what_transformers_computes(computing: OpenVinoBackend, path: str) -> None:
    """Only the activations' rounding differs: a thousandth of a nat a token or so."""
    model = int8_model(embedded_model())
    with torch.inference_mode():
        expected = reference(model)(torch.tensor([PROMPT])).logits[0]
    blocks = range(4)
    if path == "together":
        computing.forward([body(PROMPT, 0, 75, blocks)])
        found = computing.forward([alone(PROMPT, 75, LENGTH, blocks)]).drawn
        expected = expected[75:]
    else:
        found = computing.forward([alone(PROMPT, 0, LENGTH, blocks)]).drawn

    assert found.dtype == torch.float32
    assert divergence(expected, found).mean() < 0.004
    assert divergence(expected, found).max() < 0.1


@pytest.mark.parametrize("length", [2, 3, 20, 33, 34, 64, 65, 66, 97])
def test_a_prompt_of_any_length_is_read_right(computing: OpenVinoBackend, length: int) -> None:
    """A prompt that is read at once gives what reading it token by token gives, but for rounding."""
    expected = computing.forward([alone(PROMPT, 0, length, range(4))]).drawn[-1:].clone()

    assert divergence(expected, read(computing, PROMPT[:length], [], range(4, 8))) < 0.04


@settings(max_examples=12, deadline=None)
@given(
    parts=st.lists(st.integers(2, 40)),
    where=st.permutations(range(20)),
    company=st.lists(st.integers(1, 40), max_size=4),
)
def test_neither_cuts_nor_company_nor_place_change_a_bit(
    eight_bits: OpenVinoBackend, parts: list[int], where: list[int], company: list[int]
) -> None:
    """However a prompt is cut, wherever its blocks lie, and whoever else is computed beside it."""
    expected = read(eight_bits, PROMPT, [], range(4))
    blocks, others = where[:4], where[4:]
    cuts = [end for end in itertools.accumulate(parts) if end < LENGTH - 2]  # none of a single token
    edges = [0, *cuts, LENGTH - 1]
    assert eight_bits.grain == 1
    for start, end in itertools.pairwise(edges):
        crowd = [body(OTHER, 0, length + 1, others[2 * place :]) for place, length in enumerate(company)]
        eight_bits.forward([*crowd, body(PROMPT, start, end, blocks)])
    crowd = [alone(OTHER, 0, length, others[2 * place :]) for place, length in enumerate(company)]
    found = eight_bits.forward([*crowd, alone(PROMPT, LENGTH - 1, LENGTH, blocks)]).drawn[-1:]

    assert torch.equal(expected, found)


@pytest.mark.parametrize("step", [1, 2, 7, 61])
def test_many_alone_in_a_call_are_as_one_after_another(computing: OpenVinoBackend, step: int) -> None:
    """Drawn tokens that are computed again give the bits of the first time."""
    start, end = 40, LENGTH
    computing.forward([body(PROMPT, 0, start, range(4))])
    expected = torch.cat(
        [computing.forward([alone(PROMPT, n, n + 1, range(4))]).drawn.clone() for n in range(start, end)]
    )
    computing.forward([body(PROMPT, 0, start, range(4, 8))])

    found = [
        computing.forward([alone(PROMPT, n, min(n + step, end), range(4, 8))]).drawn.clone()
        for n in range(start, end, step)
    ]

    assert torch.equal(expected, torch.cat(found))


def test_a_long_step_has_the_bits_of_short_ones(computing: OpenVinoBackend) -> None:
    """Some processors sum in another order from so many rows on: a prompt read at once must not show it."""
    prompt = (PROMPT * 6)[:600]
    expected = read(computing, prompt, range(16, 590, 16), range(19))

    for cuts in ([], [64, 128, 512], [80], [300]):
        assert torch.equal(expected, read(computing, prompt, cuts, range(19)))


@pytest.mark.parametrize("most", [4, 7, 16, 64, None])
def test_however_many_are_computed_at_once(
    eight_bits: OpenVinoBackend, most: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that is cut into passes has the logits of one that fits, row by row."""
    rows = [
        body(OTHER, 0, 50, range(2)),
        alone(PROMPT, 0, 30, range(2, 4)),
        Row((4, 5, 6), 0, tuple(PROMPT[:70]), alone=1, logits=4),
        alone(OTHER, 0, 1, [7]),
    ]
    monkeypatch.setattr(eight_bits, "at_once", 64)
    expected = torch.cat([eight_bits.forward([row]).drawn.clone() for row in rows])
    monkeypatch.setattr(eight_bits, "at_once", most)

    found = eight_bits.forward(rows).drawn

    assert found.shape == expected.shape
    if most is None:
        assert divergence(expected, found).max() < 0.04
    else:
        assert torch.equal(expected, found)


def test_copied_blocks_hold_the_same(computing: OpenVinoBackend) -> None:
    """A candidate goes on from a copied block as from the original."""
    expected = read(computing, PROMPT, [], range(4))
    computing.copy([Copy(source, source + 8) for source in range(4)])
    computing.forward([body(OTHER, 0, 70, range(4))])

    assert torch.equal(expected, computing.forward([alone(PROMPT, LENGTH - 1, LENGTH, range(8, 12))]).drawn)


def test_a_used_block_leaves_no_trace(eight_bits: OpenVinoBackend) -> None:
    """Who comes after somebody longer in the same blocks reads none of it."""
    expected = read(eight_bits, PROMPT[:40], [], [20, 21])
    read(eight_bits, OTHER, [], range(4))

    assert torch.equal(expected, read(eight_bits, PROMPT[:40], [], range(2)))


def test_only_wanted_tokens_have_logits(eight_bits: OpenVinoBackend) -> None:
    """A part from the middle of a prompt costs no logits; others come in the order of their rows."""
    first = eight_bits.forward([alone(PROMPT, 0, 1, [0])]).drawn.clone()
    second = eight_bits.forward([alone(OTHER, 0, 3, [1])]).drawn[2:].clone()
    rows = [
        alone(PROMPT, 0, 1, [2]),
        body(PROMPT, 0, 50, [3, 4]),
        Row((5,), 0, tuple(OTHER[:3]), alone=3, logits=1),
    ]

    assert torch.equal(eight_bits.forward(rows).drawn, torch.cat([first, second]))
    assert len(eight_bits.forward([body(PROMPT, 0, 50, [3, 4])]).drawn) == 0


def test_the_context_is_never_passed(eight_bits: OpenVinoBackend) -> None:
    """A token past the last position is refused rather than turned to noise."""
    with pytest.raises(ValueError, match="1024"):
        eight_bits.forward([Row(tuple(range(33)), 1024, (5,), alone=1, logits=1)])


def test_an_unknown_token_is_refused(eight_bits: OpenVinoBackend) -> None:
    """A token outside the vocabulary is an error, not another token."""
    with pytest.raises(IndexError):
        eight_bits.forward([alone([99_999], 0, 1, [0])])


def test_a_model_is_built_in_parts(monkeypatch: pytest.MonkeyPatch, eight_bits: OpenVinoBackend) -> None:
    """Compiled a layer at a time, as a big model is, it computes the same bits."""
    monkeypatch.setattr("bot.worker.backends.openvino.COMPILED_BYTES", 1)
    parted = backend()

    assert len(parted._parts) == 6
    assert torch.equal(read(eight_bits, PROMPT, [], range(4)), read(parted, PROMPT, [], range(4)))


def test_bytes_of_a_token(computing: OpenVinoBackend) -> None:
    """What is counted is what the caches take."""
    caches = [cache for part in computing._parts for cache in part._caches]
    assert computing.bytes_per_token * BLOCK == sum(cache[0].nbytes for cache in caches)


def test_figures_come_from_the_config(tmp_path: Path) -> None:
    """Other sizes, another activation and no scaling of embeddings are the checkpoint's own."""
    folder = tiny_checkpoint(tmp_path / "tiny", d_model=64, ffn_dim=96, attention_heads=2)
    model = int8_model(folder)
    model.config.activation_function = "relu"
    model.config.scale_embedding = False
    ids = [token % 150 for token in PROMPT[:40]]
    with torch.inference_mode():
        expected = reference(model)(torch.tensor([ids])).logits[0]

    found = OpenVinoBackend(model, blocks=4, threads=1).forward([alone(ids, 0, 40, range(2))]).drawn

    assert divergence(expected, found).mean() < 0.05


def test_an_unknown_activation_is_refused(tmp_path: Path) -> None:
    """Better no graph than a wrong one."""
    config = read_config(tiny_checkpoint(tmp_path / "tiny"))
    config.activation_function = "silu"

    with pytest.raises(CheckpointError, match="silu"):
        LayerShape.of(config)


def test_attention_is_never_coarser_than_what_is_kept() -> None:
    """bfloat16 beside keys and values of eight bits, on a processor that has it; beside float16, float32."""
    assert attention_type("f16") == Type.f32
    assert attention_type("u8") in {Type.bf16, Type.f32}


def test_a_head_of_some_tokens_has_the_same_bits_and_scores_by_all(eight_bits: OpenVinoBackend) -> None:
    """What may be drawn is limited; what the model gives a text is not."""
    outputs = tuple(range(EOS, 16_007, 3))
    few = OpenVinoBackend(int8_model(embedded_model()), blocks=8, threads=2, outputs=outputs)
    prompt = PROMPT[:40]
    row = Row((0, 1), 0, tuple(prompt), alone=1, logits=1, scored=20)
    whole = [logits.clone() for logits in eight_bits.forward([row])]

    found = few.forward([row, Row((2,), 0, tuple(OTHER[:9]), alone=1, logits=1)])
    drawn, scored = found.drawn.clone(), found.scored.clone()

    assert drawn.shape == (2, len(outputs))
    assert torch.equal(drawn[:1], whole[0][:, torch.tensor(outputs)])
    assert torch.equal(scored, whole[1])
    assert scored.shape == (20, 16_007)
    again = few.forward([alone(prompt, 39, 40, [0, 1])])
    assert torch.equal(again.drawn, drawn[:1])
    assert again.scored.shape == (0, 16_007)


def test_drawing_and_scoring_by_one_head_do_not_overwrite_each_other(eight_bits: OpenVinoBackend) -> None:
    """Where everything may be drawn there is one head for both."""
    eight_bits.forward([body(PROMPT[:39], 0, 39, [0, 1])])
    expected = eight_bits.forward([alone(PROMPT[:40], 39, 40, [0, 1])]).drawn.clone()
    row = Row((0, 1), 0, tuple(PROMPT[:40]), alone=1, logits=1, scored=39)

    drawn, scored = eight_bits.forward([row])

    assert len(scored) == 39
    assert torch.equal(drawn, expected)
