"""The torch backend computes what transformers computes, to the last bit the same in any company."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import XGLMConfig, XGLMForCausalLM

from bot.domain.errors import CheckpointError
from bot.worker.backends.base import Copy, Row
from bot.worker.backends.cuda_graphs import DecodeGraphs
from bot.worker.backends.kv_cache import CPU_BLOCK, CUDA_BLOCK, block_size, bytes_per_token
from bot.worker.backends.linear import make_linear
from bot.worker.backends.pytorch import TorchBackend, sinusoidal_positions
from bot.worker.checkpoints.loader import embedded_model
from tests.bot.worker.loading import load_checkpoint
from tests.fakes.checkpoints import tiny_checkpoint, tiny_config

EOS = 2
BLOCK = 16
NEW_TOKENS = 24
DTYPES = ["float32", "bfloat16", "float16"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint."""
    return tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def reference(folder: Path) -> Any:
    """The same in transformers."""
    return XGLMForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()  # type: ignore[no-untyped-call]


@pytest.fixture
def backend(folder: Path) -> TorchBackend:
    """The same in ours, with blocks of 16 positions."""
    return build(folder)


def build(
    folder: Path,
    dtype: str = "float32",
    *,
    blocks: int = 64,
    block: int | None = BLOCK,
    device: str = "cpu",
    graphs: bool = False,
) -> TorchBackend:
    """Our backend of a checkpoint."""
    checkpoint = load_checkpoint(folder, dtype=dtype, device=device)
    return TorchBackend(checkpoint.config, checkpoint.tensors, blocks=blocks, block=block, graphs=graphs)


def prompt(seed: int, length: int, vocabulary: int = 150) -> list[int]:
    """A made-up prompt, `</s>` first."""
    drawn = torch.randint(4, vocabulary, (length - 1,), generator=torch.Generator().manual_seed(seed))
    return [EOS, *drawn.tolist()]


def greedy_by_transformers(model: Any, ids: Sequence[int], new: int) -> list[int]:
    """What `generate` continues with, not stopping at `</s>`."""
    with torch.inference_mode():
        output = model.generate(
            torch.tensor([ids]), do_sample=False, max_new_tokens=new, eos_token_id=None, pad_token_id=1
        )
    return list(output[0, len(ids) :].tolist())


@dataclass(frozen=True, slots=True)
class Writer:
    """A sequence in some blocks of a backend."""

    blocks: tuple[int, ...]
    ids: tuple[int, ...]
    block: int = BLOCK

    @property
    def body(self) -> int:
        """How many tokens of the prompt are not computed alone."""
        end = len(self.ids) - 1
        return end - 1 if end % self.block == 1 else end

    def row(self, start: int, end: int, *, alone: int = 0, logits: int = 0) -> Row:
        """The tokens from `start` to `end`."""
        blocks = self.blocks[: -(-end // self.block)]
        return Row(blocks, start, self.ids[start:end], alone=alone, logits=logits)

    def rows(self, *, blocks_each: int | None = None, logits: int = 1) -> list[Row]:
        """The prompt in rows of so many blocks, or in one; the last has logits."""
        size = (blocks_each or len(self.blocks)) * self.block
        starts = range(0, max(self.body, 1), size)
        rows = [self.row(start, min(start + size, self.body)) for start in starts[:-1]]
        alone = len(self.ids) - self.body
        return [*rows, self.row(starts[-1], len(self.ids), alone=alone, logits=logits)]

    def next(self, token: int) -> Writer:
        """The same with a token more."""
        return Writer(self.blocks, (*self.ids, token), self.block)

    def last(self) -> Row:
        """The last token, decoded."""
        return self.row(len(self.ids) - 1, len(self.ids), alone=1, logits=1)


def read(backend: TorchBackend, rows: Sequence[Row]) -> torch.Tensor:
    """Logits of rows that are computed one after another."""
    return torch.cat([backend.forward([row]).drawn.clone() for row in rows])


def run(backend: TorchBackend, writer: Writer, new: int) -> list[int]:
    """A writer's greedy continuation, alone to the end."""
    length = len(writer.ids)
    logits = read(backend, writer.rows())
    while len(writer.ids) < length + new:
        writer = writer.next(int(logits[-1].argmax()))
        logits = backend.forward([writer.last()]).drawn
    return list(writer.ids[length:])


@pytest.mark.parametrize("length", [1, 2, 3, 15, 16, 17, 18, 40, 100])
def test_greedy_equals_transformers(backend: TorchBackend, reference: Any, length: int) -> None:
    """A prompt of any length continues as `generate` continues it, token for token."""
    ids = prompt(length, length)
    writer = Writer((9, 3, 4, 30, 1, 0, 63, 5), tuple(ids))

    assert greedy_by_transformers(reference, ids, NEW_TOKENS) == run(backend, writer, NEW_TOKENS)


def test_logits_equal_transformers(backend: TorchBackend, reference: Any) -> None:
    """Logits of every token that wants them agree to rounding, in float32."""
    ids = prompt(1, 40)
    with torch.inference_mode():
        expected = reference(torch.tensor([ids])).logits[0]

    alone = backend.forward([Row((5, 1, 8), 0, tuple(ids), alone=40, logits=40)]).drawn
    last = backend.forward([Row((5, 1, 8), 0, tuple(ids), alone=1, logits=1)]).drawn

    assert alone.dtype == torch.float32
    torch.testing.assert_close(alone, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(last, expected[-1:], atol=1e-4, rtol=1e-4)


def test_rows_join_and_leave(backend: TorchBackend, reference: Any) -> None:
    """Each of four continues as alone, though they come and go between each other's steps."""
    prompts = [prompt(seed, length) for seed, length in enumerate([5, 33, 18, 2])]
    writers = [Writer(tuple(range(4 * n, 4 * n + 4)), tuple(ids)) for n, ids in enumerate(prompts)]
    for number in range(4 * NEW_TOKENS):
        here = [n for n in range(4) if number >= 5 * n and len(writers[n].ids) < len(prompts[n]) + NEW_TOKENS]
        rows = [
            writers[n].last() if len(writers[n].ids) > len(prompts[n]) else writers[n].rows()[0] for n in here
        ]
        for n, scores in zip(here, backend.forward(rows).drawn if rows else (), strict=True):
            writers[n] = writers[n].next(int(scores.argmax()))

    expected = [greedy_by_transformers(reference, ids, NEW_TOKENS) for ids in prompts]
    assert expected == [list(writer.ids[len(ids) :]) for writer, ids in zip(writers, prompts, strict=True)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_company_changes_no_bit(folder: Path, dtype: str) -> None:
    """A row's logits are the same bits alone and beside others, so nobody's draw depends on the company."""
    check_company(build(folder, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [2, 17, 18, 19, 32, 33, 34, 35, 90])
def test_a_cut_changes_no_bit(folder: Path, dtype: str, length: int) -> None:
    """However a prompt is cut at multiples of the block, its last token has the same logits."""
    check_cuts(build(folder, dtype), prompt(length, length))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tokens_alone_are_the_same_in_one_row(folder: Path, dtype: str) -> None:
    """Drawn tokens computed again at once, as after a preemption, have the bits they had one by one."""
    check_alone(build(folder, dtype), prompt(4, 21))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_copied_block_gives_the_same_bits(folder: Path, dtype: str) -> None:
    """A candidate that takes the prompt's last block over as a copy draws from the same logits."""
    check_copy(build(folder, dtype), prompt(5, 30))


def check_company(backend: TorchBackend) -> None:
    """Read and continue a prompt alone, then among others at every step."""
    block = backend.block
    ids = tuple(prompt(3, 20))
    alone, together = Writer((0, 1, 2, 3), ids, block), Writer((4, 5, 6, 7), ids, block)
    others = [
        Writer((8, 9, 10, 11), tuple(prompt(8, 50)), block),
        Writer((12,), tuple(prompt(9, 3)), block),
        Writer((13, 14, 15), tuple(prompt(10, 31)), block),
        *(Writer((16 + n,), tuple(prompt(11 + n, 4)), block) for n in range(9)),
    ]
    expected = read(backend, alone.rows())
    found = backend.forward([*others[0].rows(), *together.rows(), *others[1].rows()]).drawn[1:2].clone()
    assert torch.equal(expected, found)
    for number in range(16):
        token = int(expected.argmax())
        alone, together = alone.next(token), together.next(token)
        company = [row for other in others[: number % 13] for row in other.rows(logits=number % 2)]
        expected = backend.forward([alone.last()]).drawn.clone()
        place = sum(row.logits for row in company[: number % 3])
        rows = [*company[: number % 3], together.last(), *company[number % 3 :]]
        assert torch.equal(expected[0], backend.forward(rows).drawn[place])


def check_cuts(backend: TorchBackend, ids: Sequence[int]) -> None:
    """Read a prompt whole, in other blocks block by block, and two blocks at a time among others."""
    need = -(-len(ids) // backend.block)
    first, second, third = (
        Writer(tuple(range(n * need, (n + 1) * need)), tuple(ids), backend.block) for n in range(3)
    )
    expected = read(backend, first.rows())

    by_block = read(backend, second.rows(blocks_each=1))
    stranger = Row((3 * need,), 0, (EOS, 7, 8), alone=1)
    among = [backend.forward([stranger, row]).drawn.clone() for row in third.rows(blocks_each=2)]

    assert torch.equal(expected, by_block)
    assert torch.equal(expected, torch.cat(among))


def check_alone(backend: TorchBackend, ids: Sequence[int]) -> None:
    """Draw forty tokens one after another, then compute them in one row, and in two, elsewhere."""
    count, body = 40, len(ids)
    writer = Writer(tuple(range(8)), tuple(ids), backend.block)
    seen = [read(backend, writer.rows())]
    for _ in range(count):
        writer = writer.next(int(seen[-1].argmax()))
        seen.append(backend.forward([writer.last()]).drawn.clone())
    expected = torch.cat(seen)

    again = Writer(tuple(range(20, 28)), writer.ids, backend.block)
    body = Writer(again.blocks, tuple(ids), backend.block).body
    drawn = len(again.ids) - body
    at_once = backend.forward([again.row(0, len(again.ids), alone=drawn, logits=count + 1)]).drawn.clone()
    half = body + drawn // 2
    moved = Writer(tuple(range(30, 38)), writer.ids, backend.block)
    rows = [
        moved.row(0, half, alone=half - body, logits=half - len(ids) + 1),
        moved.row(half, len(moved.ids), alone=len(moved.ids) - half, logits=len(moved.ids) - half),
    ]

    assert torch.equal(expected, at_once)
    assert torch.equal(expected, read(backend, rows))


def check_copy(backend: TorchBackend, ids: Sequence[int]) -> None:
    """Two candidates share the first block; each continues in a copy of the second."""
    first = Writer((0, 1), tuple(ids), backend.block)
    read(backend, first.rows())
    backend.copy([Copy(1, 7), Copy(1, 9)])
    expected = backend.forward([first.next(5).last()]).drawn.clone()

    others = [Writer((0, copied), (*first.ids, token), backend.block) for copied, token in [(7, 5), (9, 6)]]
    found = backend.forward([other.last() for other in others]).drawn

    assert torch.equal(expected[0], found[0])
    assert not torch.equal(found[0], found[1])


@pytest.mark.parametrize("graphs", [False, True])
def test_a_used_block_leaves_no_trace(folder: Path, graphs: bool) -> None:
    """Who comes after somebody else in the same blocks reads none of it, though it was not finite."""
    fresh, used = build(folder, graphs=graphs), build(folder, graphs=graphs)
    used.forward([Row((0, 1, 2, 3), 0, tuple(prompt(1, 60)), alone=1)])
    for layer in used._cache.layers:
        layer[:, :, :, 1::2] = torch.nan
        layer[:, :, :, ::4] = torch.inf
    writer = Writer((2, 0), tuple(prompt(2, 18)))

    expected = [read(fresh, writer.rows()), fresh.forward([writer.next(9).last()]).drawn]
    found = [read(used, writer.rows()), used.forward([writer.next(9).last()]).drawn]

    assert torch.isfinite(torch.cat(found)).all()
    assert torch.equal(torch.cat(expected), torch.cat(found))


def test_only_tokens_that_want_them_have_logits(backend: TorchBackend) -> None:
    """A piece from the middle of a prompt costs no logits."""
    rows = [Row((0,), 0, tuple(prompt(1, 16))), Row((1,), 0, (EOS, 5, 6), alone=2, logits=2)]

    assert len(backend.forward(rows).drawn) == 2
    assert len(backend.forward([Row((0, 2), 16, (5, 6))]).drawn) == 0


def test_the_context_is_never_passed(backend: TorchBackend) -> None:
    """A token past the last position is refused rather than turned to noise."""
    blocks = tuple(range(17))
    backend.forward([Row(blocks, 255, (5,), alone=1, logits=1)])

    with pytest.raises(ValueError, match="256"):
        backend.forward([Row(blocks, 256, (5,), alone=1, logits=1)])


@pytest.mark.parametrize("token", [-1, 100_000])
def test_a_token_outside_the_vocabulary_is_refused(backend: TorchBackend, token: int) -> None:
    """Nothing is computed of a step with a token that the model does not have."""
    with pytest.raises(IndexError, match="vocabulary"):
        backend.forward([Row((0,), 0, (5, token), alone=1, logits=1)])


def test_a_missing_parameter_is_named(folder: Path) -> None:
    """An incomplete checkpoint is refused with the parameter's name."""
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")
    del checkpoint.tensors["model.layers.1.fc2.bias"]

    with pytest.raises(CheckpointError, match=r"model\.layers\.1\.fc2\.bias"):
        TorchBackend(checkpoint.config, checkpoint.tensors, blocks=1)


def test_one_copy_of_the_weights(folder: Path) -> None:
    """The backend takes every tensor out of the mapping: nothing keeps a second copy alive."""
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")

    TorchBackend(checkpoint.config, checkpoint.tensors, blocks=1)

    assert checkpoint.tensors == {}


def test_blocks_suit_the_device(folder: Path) -> None:
    """Without a size of its own, a block has the device's."""
    assert build(folder, block=None).block == block_size("cpu") == CPU_BLOCK
    assert block_size(torch.device("cuda", 0)) == CUDA_BLOCK


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_memory_is_known_before_building(dtype: torch.dtype) -> None:
    """Bytes a token are those that the blocks then take, and the published 564M's are known."""
    config = tiny_config(100)
    tensors = {name: tensor.detach().to(dtype) for name, tensor in XGLMForCausalLM(config).named_parameters()}
    backend = TorchBackend(config, tensors, blocks=4, block=8)
    taken = sum(layer[:4].numel() * layer.element_size() for layer in backend._cache.layers)

    assert taken == 4 * 8 * bytes_per_token(config, dtype)
    assert backend.bytes_per_token == bytes_per_token(config, dtype)
    assert bytes_per_token(XGLMConfig(d_model=1024, num_layers=24), torch.float32) == 196_608


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("inputs", "outputs"), [(32, 96), (256, 1024), (2048, 512), (4096, 1024)])
def test_a_product_gives_a_row_the_same_bits_among_any_number(
    dtype: torch.dtype, inputs: int, outputs: int
) -> None:
    """Where sums nearly cancel, another order of adding shows; it is the same with one row as with many."""
    generator = torch.Generator().manual_seed(inputs)
    half = torch.randn(outputs, inputs // 2, generator=generator)
    linear = make_linear(torch.cat([half, half.flip(1)], 1).to(dtype), None)
    left = torch.randn(70, inputs // 2, generator=generator).to(dtype)
    x = torch.cat([left, -left.flip(1)], 1)
    x[:, 0] += 0.01
    with torch.inference_mode():
        full = linear(x)

        for rows in [*range(1, 20), 31, 32, 33, 64, 65]:
            assert torch.equal(full[-rows:], linear(x[-rows:]))


@pytest.mark.parametrize("width", [32, 33, 256])
def test_positions_equal_transformers(width: int) -> None:
    """The position table is transformers' own, to the bit."""
    config = XGLMConfig(
        vocab_size=16, d_model=width, ffn_dim=4, num_layers=0, attention_heads=1, max_position_embeddings=50
    )

    expected = XGLMForCausalLM(config).model.embed_positions.weights

    assert torch.equal(expected, sinusoidal_positions(config))


@pytest.mark.parametrize("figures", [{"scale_embedding": False}, {"activation_function": "relu"}])
def test_figures_come_from_the_config(folder: Path, figures: dict[str, object]) -> None:
    """Scaling and activation are the checkpoint's own, not the published models'."""
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")
    config = checkpoint.config
    for name, value in figures.items():
        setattr(config, name, value)
    model = XGLMForCausalLM(config).eval()  # type: ignore[no-untyped-call]
    model.load_state_dict(checkpoint.tensors, strict=False)
    ids = prompt(4, 12)
    with torch.inference_mode():
        expected = model(torch.tensor([ids])).logits[:, -1].clone()
    backend = TorchBackend(config, checkpoint.tensors, blocks=1)

    logits = backend.forward([Row((0,), 0, tuple(ids), alone=1, logits=1)]).drawn

    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_a_padded_step_computes_the_same(folder: Path, backend: TorchBackend) -> None:
    """Decode steps filled up to a few sizes, as for graphs, have the logits of those that are not."""
    padded = build(folder, graphs=True)
    writers = [
        Writer(tuple(range(6 * n, 6 * n + 6)), tuple(prompt(n, length)))
        for n, length in enumerate([5, 70, 15, 16, 33, 2, 47])
    ]
    for count in [7, 1, 3, 6, 7, 2]:
        for one in (backend, padded):
            one.forward([writer.rows()[0] for writer in writers])
        here = [writer.next(8 + count) for writer in writers[-count:]]
        rows = [writer.last() for writer in here]

        torch.testing.assert_close(
            padded.forward(rows).drawn, backend.forward(rows).drawn, atol=1e-4, rtol=1e-4
        )

        again = [writer.next(3).last() for writer in here]
        torch.testing.assert_close(
            padded.forward(again).drawn, backend.forward(again).drawn, atol=1e-4, rtol=1e-4
        )


def test_who_reads_leaves_the_others_their_graphs(
    folder: Path, backend: TorchBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a step of both, decoding rows are computed as in a step of their own; the order stays."""
    padded, sizes = build(folder, graphs=True), list[int]()
    decode = padded._decode
    assert decode is not None
    monkeypatch.setattr(padded, "_decode", lambda rows: (sizes.append(len(rows)), decode(rows))[1])
    writers = [Writer((3 * n, 3 * n + 1, 3 * n + 2), tuple(prompt(n, 9 + n))) for n in range(4)]
    for one in (backend, padded):
        one.forward([row for writer in writers for row in writer.rows()])
    rows = [writer.next(7).last() for writer in writers]
    reader = Writer((12, 13), tuple(prompt(8, 20)))
    rows[2:2] = reader.rows(logits=3)
    rows[0] = replace(rows[0], logits=0)

    torch.testing.assert_close(padded.forward(rows), backend.forward(rows), atol=1e-4, rtol=1e-4)
    assert sizes == [4]


@pytest.mark.cuda
@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("device", [0, 1])
def test_on_cuda(folder: Path, reference: Any, device: int, graphs: bool) -> None:
    """The same path runs on a GPU, be it the current one or not, with and without recorded graphs."""
    if torch.cuda.device_count() <= device:
        pytest.skip(f"no CUDA device {device} here")
    backend = build(folder, device=f"cuda:{device}", block=None, graphs=graphs)
    ids = prompt(6, 140)
    writer = Writer((4, 0), tuple(ids), backend.block)

    assert greedy_by_transformers(reference, ids, NEW_TOKENS) == run(backend, writer, NEW_TOKENS)


class Unrecordable:
    """Stands for a `GraphRecorder` whose device refuses."""

    def __init__(self) -> None:
        self.asked = 0

    def record(self, run: object) -> None:
        """Fail, as the end of a capture does."""
        self.asked += 1
        raise RuntimeError("capture failed")


def test_a_step_that_cannot_be_recorded_is_computed_without(folder: Path, backend: TorchBackend) -> None:
    """Each size is tried once; what it computes is the same."""
    padded, recorder = build(folder, graphs=True), Unrecordable()
    padded._decode = DecodeGraphs(padded._hidden, padded._cache, recorder)  # type: ignore[arg-type]
    writer = Writer((0, 1), tuple(prompt(1, 9)))
    for one in (backend, padded):
        one.forward(writer.rows())
    for token in (7, 8, 9):
        writer = writer.next(token)
        row = [writer.last()]
        torch.testing.assert_close(
            padded.forward(row).drawn, backend.forward(row).drawn, atol=1e-4, rtol=1e-4
        )

    assert recorder.asked == 1


def test_a_step_too_large_for_the_memory_is_computed_in_halves(folder: Path, backend: TorchBackend) -> None:
    """The rows' logits are the same and in the same order; where one row is too much, that is said."""
    writers = [Writer((2 * n, 2 * n + 1), tuple(prompt(n, 9 + n))) for n in range(5)]
    rows = [row for writer in writers for row in writer.rows()]
    expected = backend.forward(rows).drawn.clone()
    scarce, computed = build(folder), list[int]()
    eager = scarce._eager

    def little_memory(rows: Sequence[Row]) -> torch.Tensor:
        if len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        computed.append(len(rows))
        return eager(rows)

    scarce._eager = little_memory  # type: ignore[method-assign]
    assert torch.equal(scarce.forward(rows).drawn, expected)
    assert sum(computed) == 5

    def no_memory(_: Sequence[Row]) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    scarce._eager = no_memory  # type: ignore[method-assign]
    with pytest.raises(torch.OutOfMemoryError):
        scarce.forward(rows)


def test_float16_does_not_overflow_in_the_residual() -> None:
    """Its sum over the layers is kept in float32: published checkpoints pass 65,504 there."""
    config = tiny_config(100)
    model = XGLMForCausalLM(config).eval()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for layer in model.model.layers:
            layer.fc2.bias[0] = 40_000.0
    ids = prompt(2, 12, 90)
    logits = {}
    for dtype in (torch.float32, torch.float16):
        tensors = {name: tensor.detach().clone().to(dtype) for name, tensor in model.named_parameters()}
        backend = TorchBackend(config, tensors, blocks=2, block=BLOCK)
        logits[dtype] = backend.forward([Row((0,), 0, tuple(ids), alone=1, logits=1)]).drawn

    torch.testing.assert_close(logits[torch.float16], logits[torch.float32], atol=2e-2, rtol=2e-2)


def test_the_embedded_model_equals_transformers() -> None:
    """The checkpoint people get continues a real prompt as transformers does."""
    folder = embedded()
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")
    ids = [
        EOS,
        *checkpoint.tokenizer.encode(
            "それは九月初旬のある蒸し暑い晩のことであった。", add_special_tokens=False
        ).ids,
    ]
    model = XGLMForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()  # type: ignore[no-untyped-call]
    backend = TorchBackend(checkpoint.config, checkpoint.tensors, blocks=4)

    writer = Writer((2, 0, 3), tuple(ids), backend.block)

    assert greedy_by_transformers(model, ids, 40) == run(backend, writer, 40)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_embedded_model_changes_no_bit(dtype: str) -> None:
    """Company, cuts, tokens computed again and copies leave the checkpoint people get as it is, too."""
    backend = build(embedded(), dtype, block=None)

    check_company(backend)
    for length in (66, 67, 200):
        check_cuts(backend, prompt(length, length, 9_000))
    check_alone(backend, prompt(4, 70, 9_000))
    check_copy(backend, prompt(5, 100, 9_000))


def embedded() -> Path:
    """The embedded model's folder."""
    folder = embedded_model()
    if not (folder / "config.json").exists():
        pytest.skip("the embedded model is not there yet")
    return folder


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_head_of_some_tokens_has_the_same_bits_and_scores_by_all(folder: Path, dtype: str) -> None:
    """What may be drawn is limited; what the model gives a text is not."""
    checkpoint = load_checkpoint(folder, dtype=dtype, device="cpu")
    vocabulary = checkpoint.config.vocab_size
    outputs = tuple(range(2, vocabulary, 3))
    few = TorchBackend(checkpoint.config, checkpoint.tensors, blocks=8, block=BLOCK, outputs=outputs)
    row = Row((0, 1, 2), 0, tuple(prompt(3, 40)), alone=1, logits=1, scored=20)
    whole = build(folder, dtype).forward([row])

    drawn, scored = few.forward([row])

    assert torch.equal(drawn, whole.drawn[:, torch.tensor(outputs)])
    assert torch.equal(scored, whole.scored)
    assert scored.shape == (20, vocabulary)
    assert few.forward([replace(row, scored=0)]).scored.shape == (0, vocabulary)
