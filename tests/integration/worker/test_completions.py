"""A request's fields, their defaults, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bot.domain.errors import CheckpointError
from bot.domain.inference import GenerationRequest
from bot.domain.sampling import PRESETS, Sampling
from bot.wire.completion_request import CompletionRequest, completion_body
from bot.worker.api.request_body import RefusedError, generation_request
from bot.worker.checkpoints.loader import embedded_model
from bot.worker.checkpoints.tokenizer_loader import load_tokenizer
from bot.worker.sampling.presets import read_presets

EVERYTHING = Sampling(
    repetition_penalty=1.2,
    repetition_window=99,
    repetition_slope=0.7,
    frequency_penalty=-0.5,
    presence_penalty=0.5,
    no_repeat_ngram=3,
    dry_multiplier=0.9,
    dry_base=1.5,
    dry_allowed_length=2,
    dry_window=100,
    temperature=0.8,
    top_k=40,
    typical_p=0.95,
    top_p=0.85,
    min_p=0.05,
    xtc_threshold=0.2,
    xtc_probability=0.4,
)


def asked(**fields: object) -> GenerationRequest:
    """What a body asks for."""
    return generation_request(CompletionRequest.model_validate({"prompt": "雨", **fields}))


def test_who_leaves_everything_out_gets_the_standard_preset() -> None:
    """And no bans, no bias."""
    request = asked()

    assert request.sampling == PRESETS["standard"]
    assert (request.banned, request.logit_bias) == ((), ())


@pytest.mark.parametrize("sampling", [EVERYTHING, *PRESETS.values()])
def test_what_the_client_sends_is_what_the_worker_reads(sampling: Sampling) -> None:
    """Every setting, bans and bias come over the wire as they were."""
    sent = GenerationRequest(
        "雨", sampling, 9, banned=("馬鹿", "Bad"), logit_bias=((5, -1.5), (7, 100.0)), seed=3
    )

    read = generation_request(CompletionRequest.model_validate(completion_body(sent)))

    assert (read.sampling, read.banned, read.logit_bias) == (sent.sampling, sent.banned, sent.logit_bias)


def test_null_is_the_default() -> None:
    """As for every field."""
    assert asked(dry_multiplier=None, banned=None, logit_bias=None) == asked()


def test_the_ngram_has_the_name_that_transformers_gives_it() -> None:
    """`no_repeat_ngram_size`."""
    assert asked(no_repeat_ngram_size=4).sampling == replace(Sampling(), no_repeat_ngram=4)


@pytest.mark.parametrize(
    "fields",
    [
        {"min_p": 1.1},
        {"min_p": -0.1},
        {"typical_p": 0},
        {"typical_p": "NaN"},
        {"frequency_penalty": 2.1},
        {"presence_penalty": -2.1},
        {"repetition_slope": -1},
        {"no_repeat_ngram_size": -1},
        {"dry_multiplier": -0.1},
        {"dry_base": 0.9},
        {"dry_allowed_length": 0},
        {"dry_window": -1},
        {"xtc_threshold": 2},
        {"xtc_probability": float("inf")},
        {"logit_bias": {"a": 1}},
        {"logit_bias": {"-1": 1}},
        {"logit_bias": {"5": 101}},
        {"logit_bias": [5]},
        {"banned": "馬鹿"},
        {"banned": [""]},
        {"banned": ["x"] * 501},
    ],
)
def test_wrong_values_are_refused(fields: dict[str, Any]) -> None:
    """With the field's name, whatever is wrong with it."""
    with pytest.raises(ValidationError) as refused:
        asked(**fields)

    assert refused.value.errors()[0]["loc"][0] == next(iter(fields))


def test_a_checkpoint_changes_presets(tmp_path: Path) -> None:
    """What its file says stands in place of the built-in; a bias comes where the preset is meant."""
    (tmp_path / "presets.json").write_text('{"standard": {"temperature": 0.9, "bias": {"「": -1}}}', "utf-8")
    presets = read_presets(tmp_path, {"「": 7})

    def read(**fields: object) -> GenerationRequest:
        return generation_request(CompletionRequest.model_validate({"prompt": "雨", **fields}), presets)

    assert (
        read().sampling == read(preset="standard").sampling == replace(PRESETS["standard"], temperature=0.9)
    )
    assert read().logit_bias == read(preset="standard", top_k=5).logit_bias == ((7, -1.0),)
    assert read(temperature=0.9).logit_bias == ()
    assert read(preset="bold") == replace(asked(), preset="bold", sampling=PRESETS["bold"])
    assert read(preset="standard", logit_bias={"7": 2.0}).logit_bias == ((7, 2.0),)
    with pytest.raises(RefusedError):
        read(preset="none")


@pytest.mark.parametrize(
    "told", ["[]", "{", '{"none": {}}', '{"bold": {"heat": 1}}', '{"bold": {"bias": {"月": 1}}}']
)
def test_a_file_without_presets_is_refused(tmp_path: Path, told: str) -> None:
    """It is named, before anything is written with it."""
    (tmp_path / "presets.json").write_text(told, "utf-8")

    with pytest.raises(CheckpointError, match=r"presets\.json"):
        read_presets(tmp_path, {"「": 7})


def _vocabulary(folder: Path) -> int:
    return int(json.loads((folder / "config.json").read_text("utf-8"))["vocab_size"])


def test_the_embedded_model_has_presets_of_its_own() -> None:
    """It needs more warmth than a large one, and begins too many quotations."""
    folder = embedded_model()

    presets = read_presets(folder, load_tokenizer(folder, _vocabulary(folder)).get_vocab())

    assert presets["standard"].sampling.temperature > PRESETS["standard"].temperature
    assert presets["standard"].bias
    assert presets["quickstart"].sampling == PRESETS["quickstart"]
