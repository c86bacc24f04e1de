"""Tiny XGLM checkpoints with random weights, in every layout that published ones have.

They are written with torch, safetensors and tokenizers directly, never with the loader's own code, so that a
mistake there cannot hide behind the same mistake here.
"""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path
from typing import Any, Literal

import sentencepiece
import torch
from safetensors.torch import save_file
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import XGLMConfig, XGLMForCausalLM

Layout = Literal[
    "safetensors",
    "bin",
    "bin_legacy",
    "bin_without_prefix",
    "sharded",
    "bin_sharded",
    "fp16_bin",
    "head_only",
]
"""`bin_legacy`: not a zip file, with the position table in it. `bin_without_prefix`: keys without `model.`.
`head_only`: the tied matrix under the name of the head."""

TokenizerFiles = Literal["both", "json_only", "sentencepiece_only", "none", "dummy"]

CONTROLS = ["<s>", "<pad>", "</s>", "<unk>"]
MADEUP_WORDS = [f"<madeupword{i}>" for i in range(7)]
PIECES = 420
SHARDS = 3

SENTENCES = (
    "それは九月初旬のある蒸し暑い夜のことであった。",
    "私は、Ｄ坂の大通りの中程にある、白梅軒という、行きつけのカフェで、冷しコーヒーを啜っていた。",
    "「おや、あの人はだれだろう」と、彼女は小さな声で言った。",
    "雨が降りはじめると、町はしずかになり、猫だけが屋根の上を歩いていく。",
    "どこへ行くのですか？ ――知らない、と男は答えた……。",
    "今日はとても天気がいい！　空は青く、海は遠くまで光っていた。",
    "　扉の向こうには、長い廊下があった。",
    "The old house stood at the end of the street, and nobody had lived there for years.",
    "She opened the door and walked into the dark room.",
    '"Who are you?" he asked. It was cold outside; the wind blew.',
    "In 1923 he wrote 45 letters to his sister, but she never answered.",
    "Привет, мир! Это небольшой рассказ о зиме.",
    "今天天气很好，我们去公园散步。",
    "오늘은 날씨가 좋아요. 공원에 갑니다.",
)
"""What the tiny tokenizers learn from. 晩, 惚, 呪, 腑 are not in it: `<unk>`, as in the published ones."""


@functools.cache
def sentencepiece_model(*, published_normalisation: bool) -> bytes:
    """A unigram model, like the published ones (nmt_nfkc, ▁ in front) or like the embedded one."""
    model = io.BytesIO()
    options: dict[str, Any] = (
        {"normalization_rule_name": "nmt_nfkc"}
        if published_normalisation
        else {
            "normalization_rule_name": "identity",
            "add_dummy_prefix": False,
            "remove_extra_whitespaces": False,
            "bos_id": 0,
            "pad_id": 1,
            "eos_id": 2,
            "unk_id": 3,
            "bos_piece": "<s>",
            "pad_piece": "<pad>",
        }
    )
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 4),
        model_writer=model,
        model_type="unigram",
        vocab_size=PIECES,
        hard_vocab_limit=False,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
        **options,
    )
    return model.getvalue()


def vocabulary(model: bytes) -> list[tuple[str, float]]:
    """The pieces in fairseq's order, the controls in front, without the madeupwords."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    ids = range(processor.get_piece_size())
    pieces = [i for i in ids if not processor.is_control(i) and not processor.is_unknown(i)]
    return [(piece, 0.0) for piece in CONTROLS] + [
        (processor.id_to_piece(i), processor.get_score(i)) for i in pieces
    ]


def published_tokenizer(model: bytes) -> Tokenizer:
    """The tokenizer.json that belongs to a SentencePiece model, as the published repositories have it."""
    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    proto.ParseFromString(model)
    pieces = vocabulary(model) + [(word, 0.0) for word in MADEUP_WORDS]
    steps: list[Any] = [normalizers.Replace(Regex(" {2,}"), " ")]
    if proto.normalizer_spec.precompiled_charsmap:
        steps.insert(0, normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap))
    scheme = "always" if proto.normalizer_spec.add_dummy_prefix else "never"
    tokenizer = Tokenizer(Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=scheme)
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme=scheme)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="</s> $A", pair="</s> $A </s> </s> $B", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens(CONTROLS + MADEUP_WORDS)
    return tokenizer


@functools.cache
def tiny_tokenizer(*, published_normalisation: bool = False) -> Tokenizer:
    """The tokenizer of a tiny checkpoint, without a folder."""
    return published_tokenizer(sentencepiece_model(published_normalisation=published_normalisation))


def tiny_config(vocab_size: int, **shape: int) -> XGLMConfig:
    """A two-layer XGLM; `shape` overrides its figures."""
    figures: dict[str, Any] = {"d_model": 32, "ffn_dim": 64, "num_layers": 2, "attention_heads": 4}
    return XGLMConfig(
        vocab_size=vocab_size,
        **{"max_position_embeddings": 256, **figures, **shape},
        # Wider than XGLM's 0.02, so that random logits differ enough for greedy outputs to be told apart.
        init_std=0.3,
        dropout=0.0,
        attention_dropout=0.0,
    )


def tiny_checkpoint(
    folder: Path,
    *,
    layout: Layout = "safetensors",
    tokenizer: TokenizerFiles = "both",
    published_normalisation: bool = False,
    seed: int = 0,
    **shape: int,
) -> Path:
    """Write a checkpoint into `folder` (made where it is missing) and return the folder.

    `shape` overrides XGLMConfig's figures, for example `d_model=64` or `max_position_embeddings=128`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = sentencepiece_model(published_normalisation=published_normalisation)
    config = tiny_config(len(vocabulary(model)) + len(MADEUP_WORDS), **shape)
    described = {**config.to_dict(), "architectures": ["XGLMForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(described, indent=2), encoding="utf-8")
    _write_tokenizer(folder, model, tokenizer)
    _write_weights(folder, _random_weights(config, seed), layout, config)
    return folder


def _write_tokenizer(folder: Path, model: bytes, files: TokenizerFiles) -> None:
    if files in {"both", "sentencepiece_only"}:
        (folder / "sentencepiece.bpe.model").write_bytes(model)
    if files in {"both", "json_only"}:
        published_tokenizer(model).save(str(folder / "tokenizer.json"))
    if files == "dummy":
        dummy = Tokenizer(Unigram([(piece, 0.0) for piece in CONTROLS], unk_id=3))
        dummy.add_special_tokens(CONTROLS + MADEUP_WORDS)
        dummy.save(str(folder / "tokenizer.json"))


def _random_weights(config: XGLMConfig, seed: int) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = XGLMForCausalLM(config)
        return {name: tensor.detach().clone() for name, tensor in model.named_parameters()}


def _write_weights(
    folder: Path, weights: dict[str, torch.Tensor], layout: Layout, config: XGLMConfig
) -> None:
    embedding = weights["model.embed_tokens.weight"]
    if layout == "safetensors":
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    elif layout == "head_only":
        del weights["model.embed_tokens.weight"]
        save_file({**weights, "lm_head.weight": embedding}, folder / "model.safetensors")
    elif layout == "bin":
        torch.save({**weights, "lm_head.weight": embedding}, folder / "pytorch_model.bin")
    elif layout == "fp16_bin":
        torch.save({name: t.half() for name, t in weights.items()}, folder / "pytorch_model.bin")
    elif layout == "bin_legacy":
        positions = torch.zeros(config.max_position_embeddings + 2, config.d_model)
        stray = {"model.embed_positions.weights": positions, "lm_head.weight": embedding}
        torch.save({**weights, **stray}, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    elif layout == "bin_without_prefix":
        bare = {name.removeprefix("model."): tensor for name, tensor in weights.items()}
        torch.save(bare, folder / "pytorch_model.bin")
    else:
        _write_shards(folder, weights, layout)


def _write_shards(folder: Path, weights: dict[str, torch.Tensor], layout: Layout) -> None:
    stem, suffix = ("model", "safetensors") if layout == "sharded" else ("pytorch_model", "bin")
    weight_map: dict[str, str] = {}
    for shard in range(SHARDS):
        name = f"{stem}-{shard + 1:05}-of-{SHARDS:05}.{suffix}"
        part = {key: weights[key] for key in list(weights)[shard::SHARDS]}
        if suffix == "safetensors":
            save_file(part, folder / name, metadata={"format": "pt"})
        else:
            torch.save(part, folder / name)
        weight_map |= dict.fromkeys(part, name)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps(index), encoding="utf-8")
