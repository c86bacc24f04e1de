"""The torch backend computes what transformers computes, whoever else is in the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import XGLMConfig, XGLMForCausalLM

from bot.errors import CheckpointError
from bot.worker.backends.base import Row
from bot.worker.backends.pytorch import TorchBackend, sinusoidal_positions
from bot.worker.loader import embedded_model, load_checkpoint
from tests.worker.checkpoints import tiny_checkpoint

EOS = 2
NEW_TOKENS = 24


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
    """The same in ours, with pieces of 16 tokens."""
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")
    return TorchBackend(checkpoint.config, checkpoint.tensors, slots=4, chunk=16)


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


class Greedy:
    """One slot's greedy continuation, advanced row by row."""

    def __init__(self, slot: int, ids: Sequence[int], chunk: int = 16) -> None:
        self.slot, self.tokens, self.computed, self.chunk = slot, list(ids), 0, chunk
        self.prompt_length = len(ids)

    @property
    def new(self) -> list[int]:
        """The continuation so far."""
        return self.tokens[self.prompt_length :]

    def row(self) -> Row:
        """The next piece."""
        end = min((self.computed // self.chunk + 1) * self.chunk, len(self.tokens))
        return Row(self.slot, self.computed, tuple(self.tokens[self.computed : end]), end == len(self.tokens))


def step(backend: TorchBackend, writers: Sequence[Greedy]) -> torch.Tensor:
    """One step of all writers."""
    rows = [writer.row() for writer in writers]
    logits = backend.forward(rows)
    best: Iterator[int] = iter(logits.argmax(-1).tolist())
    for writer, row in zip(writers, rows, strict=True):
        writer.computed += len(row.tokens)
        if row.samples:
            writer.tokens.append(next(best))
    return logits


def run(backend: TorchBackend, writer: Greedy, new: int) -> list[int]:
    """A writer alone, to the end."""
    while len(writer.new) < new:
        step(backend, [writer])
    return writer.new


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 40, 100])
def test_greedy_equals_transformers(backend: TorchBackend, reference: Any, length: int) -> None:
    """A prompt of any length, in pieces or not, continues as `generate` continues it, token for token."""
    ids = prompt(length, length)

    assert greedy_by_transformers(reference, ids, NEW_TOKENS) == run(backend, Greedy(0, ids), NEW_TOKENS)


def test_logits_equal_transformers(backend: TorchBackend, reference: Any) -> None:
    """Logits agree to rounding, in float32."""
    ids = prompt(1, 14)
    with torch.inference_mode():
        expected = reference(torch.tensor([ids])).logits[:, -1]

    logits = backend.forward([Row(2, 0, tuple(ids), samples=True)])

    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_rows_join_and_leave(backend: TorchBackend, reference: Any) -> None:
    """Each of four continues as alone, though they come and go between each other's steps."""
    prompts = [prompt(seed, length) for seed, length in enumerate([5, 33, 18, 2])]
    writers = [Greedy(slot, ids) for slot, ids in enumerate(prompts)]
    for number in range(4 * NEW_TOKENS):
        here = [
            writer
            for place, writer in enumerate(writers)
            if number >= 5 * place and len(writer.new) < NEW_TOKENS
        ]
        if here:
            step(backend, here)

    expected = [greedy_by_transformers(reference, ids, NEW_TOKENS) for ids in prompts]
    assert expected == [writer.new for writer in writers]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_company_changes_no_bit(folder: Path, dtype: str) -> None:
    """A row's logits are the same bits alone and beside others, so nobody's draw depends on the company."""
    checkpoint = load_checkpoint(folder, dtype=dtype, device="cpu")
    backend = TorchBackend(checkpoint.config, checkpoint.tensors, slots=4, chunk=16)
    ids = prompt(3, 20)
    alone = Greedy(0, ids)
    seen_alone = [step(backend, [alone]) for _ in range(10)]

    together = Greedy(1, ids)
    others = [Greedy(0, prompt(8, 50)), Greedy(2, prompt(9, 3)), Greedy(3, prompt(10, 30))]
    seen_together = []
    for number in range(10):
        crowd = [*others[: number % 4], together]
        logits = step(backend, crowd)
        if len(together.tokens) > len(ids) or together.computed == len(ids):
            seen_together.append(logits[-1:])

    expected = [logits for logits in seen_alone if len(logits)]
    assert len(expected) == len(seen_together)
    assert all(torch.equal(a, b) for a, b in zip(expected, seen_together, strict=True))


def test_a_used_slot_leaves_no_trace(backend: TorchBackend, reference: Any) -> None:
    """Who comes after somebody longer in the same slot reads none of it."""
    run(backend, Greedy(0, prompt(1, 90)), 20)

    ids = prompt(2, 7)

    assert greedy_by_transformers(reference, ids, NEW_TOKENS) == run(backend, Greedy(0, ids), NEW_TOKENS)


def test_a_copied_prompt_gives_the_same_bits(backend: TorchBackend) -> None:
    """A candidate that takes the prompt over from its sibling draws from the same logits."""
    ids = prompt(5, 30)
    first = Greedy(0, ids)
    while not first.new:
        logits = step(backend, [first])
    backend.copy(0, 3, len(ids) - 1)

    copied = backend.forward([Row(3, len(ids) - 1, (ids[-1],), samples=True)])

    assert torch.equal(logits, copied)


def test_only_sampling_rows_have_logits(backend: TorchBackend) -> None:
    """A piece from the middle of a prompt costs no logits."""
    rows = [Row(0, 0, tuple(prompt(1, 16)), samples=False), Row(1, 0, (EOS,), samples=True)]

    assert len(backend.forward(rows)) == 1
    assert len(backend.forward([Row(0, 16, (5, 6), samples=False)])) == 0


def test_the_context_is_never_passed(backend: TorchBackend) -> None:
    """A token past the last position is refused rather than turned to noise."""
    with pytest.raises(ValueError, match="256"):
        backend.forward([Row(0, 256, (5,), samples=True)])


def test_a_missing_parameter_is_named(folder: Path) -> None:
    """An incomplete checkpoint is refused with the parameter's name."""
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")
    del checkpoint.tensors["model.layers.1.fc2.bias"]

    with pytest.raises(CheckpointError, match=r"model\.layers\.1\.fc2\.bias"):
        TorchBackend(checkpoint.config, checkpoint.tensors, slots=1)


def test_one_copy_of_the_weights(folder: Path) -> None:
    """The backend takes every tensor out of the mapping: nothing keeps a second copy alive."""
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")

    TorchBackend(checkpoint.config, checkpoint.tensors, slots=1)

    assert checkpoint.tensors == {}


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

    logits = TorchBackend(config, checkpoint.tensors, slots=1).forward([Row(0, 0, tuple(ids), samples=True)])

    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_on_cuda(folder: Path, reference: Any) -> None:
    """The same path runs on a GPU."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    checkpoint = load_checkpoint(folder, dtype="float32", device="cuda")
    backend = TorchBackend(checkpoint.config, checkpoint.tensors, slots=2, chunk=16)
    ids = prompt(6, 30)

    assert greedy_by_transformers(reference, ids, NEW_TOKENS) == run(backend, Greedy(0, ids), NEW_TOKENS)


def test_the_embedded_model_equals_transformers() -> None:
    """The checkpoint people get continues a real prompt as transformers does."""
    folder = embedded_model()
    if not (folder / "config.json").exists():
        pytest.skip("the embedded model is not there yet")
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")
    ids = [
        EOS,
        *checkpoint.tokenizer.encode(
            "それは九月初旬のある蒸し暑い晩のことであった。", add_special_tokens=False
        ).ids,
    ]
    model = XGLMForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()  # type: ignore[no-untyped-call]
    backend = TorchBackend(checkpoint.config, checkpoint.tensors, slots=2)

    assert greedy_by_transformers(model, ids, 40) == run(backend, Greedy(1, ids, 128), 40)
