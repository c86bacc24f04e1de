"""Random checkpoints are such as transformers and the worker read, and are written only once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import XGLMForCausalLM

from bench.checkpoint import SURENESS, WEIGHTS, layout, need_room, random_checkpoint
from bench.shapes import SHAPES, Shape
from bot.worker.checkpoints.loader import embedded_model
from tests.bot.worker.loading import load_checkpoint

SMALL = Shape("small", 17_000, 32, 48, 2, 4, context=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a small shape."""
    return make(tmp_path_factory.mktemp("scratch"))


def make(scratch: Path) -> Path:
    """With the embedded model's pieces."""
    return random_checkpoint(SMALL, scratch, embedded_model() / "tokenizer.json")


def test_transformers_finds_every_tensor(folder: Path) -> None:
    """None is missing, none left over, none of another shape."""
    loaded: Any = XGLMForCausalLM.from_pretrained(folder, output_loading_info=True)
    report = loaded[1]
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))


def test_the_file_holds_the_layout_in_float16(folder: Path) -> None:
    """Read by safetensors itself."""
    tensors = load_file(folder / WEIGHTS)
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == layout(SMALL)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}


def test_the_worker_loads_it_with_a_tokenizer_of_its_size(folder: Path) -> None:
    """The vocabulary is filled up behind the pieces of the embedded model, which keep their ids."""
    checkpoint = load_checkpoint(folder)
    own = load_checkpoint(embedded_model()).tokenizer
    text = "それは九月初旬のことであった。"
    assert checkpoint.tokenizer.get_vocab_size() == SMALL.vocabulary
    assert checkpoint.tokenizer.encode(text).ids == own.encode(text).ids


def test_logits_are_spread_like_a_trained_models(folder: Path) -> None:
    """Otherwise all tokens are alike, and the sampler has more to do than it ever has."""
    model = XGLMForCausalLM.from_pretrained(folder, dtype=torch.float32)
    logits = model(torch.randint(4, 16_000, (1, 40), generator=torch.Generator().manual_seed(0))).logits
    assert logits.std(-1).mean().item() == pytest.approx(SURENESS, rel=0.2)


def test_a_checkpoint_is_made_once(tmp_path: Path) -> None:
    """The next run finds it."""
    made = make(tmp_path)
    before = (made / WEIGHTS).stat().st_mtime_ns
    assert make(tmp_path) == made
    assert (made / WEIGHTS).stat().st_mtime_ns == before


def test_what_was_left_unfinished_is_made_anew(tmp_path: Path) -> None:
    """A run that was ended in the middle leaves no folder that looks whole."""
    (tmp_path / "small.partial").mkdir()
    (tmp_path / "small.partial" / "stray").touch()
    made = make(tmp_path)
    assert json.loads((made / "config.json").read_text(encoding="utf-8"))["d_model"] == SMALL.width
    assert not (made / "stray").exists()


def test_too_little_room_is_said(tmp_path: Path) -> None:
    """With what there is and what is needed."""
    with pytest.raises(OSError, match="are needed"):
        need_room(tmp_path, 2**60)


def test_the_standard_shape_has_the_published_number_of_weights() -> None:
    """564 million; in int8 so many bytes are read for a token."""
    assert SHAPES["564m"].weights == pytest.approx(564e6, rel=0.01)
