"""Backends are compared on each token once, with tokens before it, and in nats per character."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.quality import GIVEN, LENGTH, Quality, held_out_ids, judge, windows
from bot.worker.backends.pytorch import TorchBackend
from bot.worker.checkpoints.loader import embedded_model
from bot.worker.text.encoding import StoryText
from tests.bot.worker.loading import load_checkpoint

TEXT = (
    "それは九月初旬のある蒸し暑い夜のことであった。私は行きつけのカフェで、冷しコーヒーを啜っていた。\n" * 8
)


@pytest.fixture(scope="module")
def text() -> StoryText:
    """The embedded model's."""
    checkpoint = load_checkpoint(embedded_model())
    return StoryText(checkpoint.tokenizer, checkpoint.config.max_position_embeddings)


def backend(noise: float = 0.0) -> TorchBackend:
    """The embedded model, its table perhaps disturbed."""
    checkpoint = load_checkpoint(embedded_model())
    table = checkpoint.tensors["model.embed_tokens.weight"]
    table += noise * torch.randn(table.shape, generator=torch.Generator().manual_seed(0))
    return TorchBackend(checkpoint.config, checkpoint.tensors, blocks=20, block=32)


def test_windows_judge_each_token_once() -> None:
    """All but those that are given of the first window."""
    ids = list(range(2_000))
    judged = [token for window in windows(ids, 99) for token in window[GIVEN + 1 :]]
    assert judged == ids[GIVEN + 1 :]


def test_few_windows_are_spread_over_the_text() -> None:
    """And no more than so many."""
    found = windows(list(range(20_000)), 5)
    assert len(found) <= 5
    assert max(len(window) for window in found) == LENGTH
    assert found[-1][0] > 10_000


def test_too_little_text_is_said() -> None:
    """With how much is needed."""
    with pytest.raises(ValueError, match="129"):
        windows([2] * 100, 5)


def test_a_backend_agrees_with_itself_and_costs_what_transformers_says(text: StoryText) -> None:
    """Cross-entropy as torch computes it over the same tokens."""
    ids = list(text.encode(TEXT, text.context).ids)
    found = judge(backend(), backend(), ids, text)
    assert (found.tokens, found.agreed) == (len(ids) - GIVEN - 1, found.tokens)
    assert found.kl == pytest.approx(0.0, abs=1e-9)
    assert found.nats == found.other_nats == pytest.approx(reference_nats(ids), rel=1e-3)


def reference_nats(ids: list[int]) -> float:
    """Of the tokens behind the given ones."""
    from transformers import XGLMForCausalLM

    model = XGLMForCausalLM.from_pretrained(embedded_model(), dtype=torch.float32)
    with torch.inference_mode():
        logits = model(torch.tensor([ids[:-1]])).logits[0, GIVEN:]
    return float(torch.nn.functional.cross_entropy(logits, torch.tensor(ids[GIVEN + 1 :]), reduction="sum"))


def test_another_model_differs(text: StoryText) -> None:
    """In all that is measured."""
    ids = list(text.encode(TEXT, text.context).ids)
    found = judge(backend(), backend(noise=0.05), ids, text)
    assert found.kl > 0.1
    assert found.agreed < found.tokens
    assert found.other_nats > found.nats


def test_a_paragraph_break_is_no_character(text: StoryText) -> None:
    """It costs the model nats, as in training."""
    ids = list(text.encode(TEXT, text.context).ids)
    judged = [text.spell(token) for token in ids[GIVEN + 1 :] if token != 2]
    assert judge(backend(), backend(), ids, text).characters == sum(map(len, judged))


def test_sums_add_up() -> None:
    """Window by window."""
    assert Quality(1, 2, 3, 4, 5, 6) + Quality(10, 20, 30, 40, 50, 60) == Quality(11, 22, 33, 44, 55, 66)


def test_a_text_file_is_held_out_as_a_whole(tmp_path: Path, text: StoryText) -> None:
    """And of a corpus what training leaves out."""
    file = tmp_path / "held-out.txt"
    file.write_text(TEXT, encoding="utf-8")
    assert held_out_ids(file, text) == list(text.encode(TEXT.strip(), text.context).ids)
