"""What breaks people with XGLM, as far as the engine has to see to it: its points 6, 7, 8, 10 and 12."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import XGLMForCausalLM

from bot.domain.errors import EngineError
from bot.domain.inference import GenerationRequest
from bot.domain.sampling import Sampling
from bot.worker.backends.base import Row
from bot.worker.backends.pytorch import TorchBackend
from bot.worker.engine.loaded_model import Completion, LoadedModel
from bot.worker.factory import assemble
from bot.worker.sampling.logit_changes import change_logits
from tests.bot.worker.driving import GREEDY
from tests.bot.worker.loading import load_checkpoint
from tests.fakes.checkpoints import SENTENCES, tiny_checkpoint

CONTEXT = 64
STORY = "".join(SENTENCES[:6])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint with few positions."""
    return tiny_checkpoint(tmp_path_factory.mktemp("traps"), max_position_embeddings=CONTEXT)


@pytest.fixture
def served(folder: Path) -> LoadedModel:
    """The whole worker below HTTP; the test steps its engine."""
    return assemble(load_checkpoint(folder, dtype="float32", device="cpu"), slots=4)


async def finish(
    served: LoadedModel, *requests: GenerationRequest
) -> list[tuple[Completion, dict[int, str]]]:
    """Run requests side by side to their ends; each one's completion and its candidates' texts."""
    completions = [await served.complete(request) for request in requests]
    while served.engine.step():
        pass
    written = []
    for completion in completions:
        texts: dict[int, str] = {}
        while not completion.finished:
            for delta in await completion.read():
                texts[delta.index] = texts.get(delta.index, "") + delta.text
        written.append((completion, texts))
    return written


@pytest.mark.parametrize("max_tokens", [1, 10, 40, 63, 64, 5000])
@pytest.mark.parametrize("prompt", ["", "雨", STORY, STORY * 20])
async def test_point_6_prompt_and_new_tokens_stay_within_the_context(
    served: LoadedModel, prompt: str, max_tokens: int
) -> None:
    """However long the story and however much is asked for, no position past the last is computed.

    The prompt keeps half of the context at least, and what was dropped is told.
    """
    request = GenerationRequest(
        prompt, Sampling(temperature=1.0, top_p=1.0), max_tokens, min_tokens=max_tokens
    )

    [(completion, _)] = await finish(served, request)

    read, new = len(completion.prompts[0].ids), completion.completion_tokens
    assert read + new <= CONTEXT
    assert new == min(max_tokens, CONTEXT - read)
    if prompt == STORY * 20:
        assert completion.prompts[0].dropped_characters > 0
        assert new == max_tokens or new >= CONTEXT // 4


def test_point_7_softmax_in_float32(folder: Path) -> None:
    """Half precision stays close to float32: the softmax is not computed in it."""
    ids = (2, *range(20, 50))
    results = []
    for dtype in ("float32", "bfloat16"):
        checkpoint = load_checkpoint(folder, dtype=dtype, device="cpu")
        backend = TorchBackend(checkpoint.config, checkpoint.tensors, blocks=2)
        logits = backend.forward([Row((0,), 0, ids, alone=1, logits=1)]).drawn
        assert logits.dtype == torch.float32
        results.append(logits.softmax(-1))

    assert float((results[0] - results[1]).abs().max()) < 0.1


async def test_point_7_not_finite_fails_one_request_with_its_name(folder: Path) -> None:
    """Where a token drives the model to NaN, that request fails, and its neighbour is written to the end."""
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")
    poison = checkpoint.tokenizer.encode("猫", add_special_tokens=False).ids[-1]
    checkpoint.tensors["model.embed_tokens.weight"] = checkpoint.tensors["model.embed_tokens.weight"].clone()
    served = assemble(checkpoint, slots=2)
    table = served.engine._backend._table  # type: ignore[attr-defined]
    table[poison] = torch.inf
    ill = await served.complete(GenerationRequest("雨と猫", GREEDY, 5))

    [(well, texts)] = await finish(served, GenerationRequest("雨が", GREEDY, 5, min_tokens=5))

    with pytest.raises(EngineError) as failed:
        await ill.read()
    assert failed.value.key == "error.not_finite"
    assert well.completion_tokens == 5
    assert texts[0]


async def test_point_8_batches_equal_transformers(served: LoadedModel, folder: Path) -> None:
    """Several stories in one batch, by way of the whole worker, are each what `generate` writes alone."""
    model = XGLMForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()  # type: ignore[no-untyped-call]
    prompts = ["雨が", SENTENCES[0], "The old house", "町は\n猫は", "「おや、"]
    requests = [GenerationRequest(prompt, GREEDY, 20, min_tokens=20) for prompt in prompts]

    written = await finish(served, *requests)

    for prompt, (completion, texts) in zip(prompts, written, strict=True):
        ids = completion.prompts[0].ids
        banned = [[token] for token in served.text.banned]
        with torch.inference_mode():
            output = model.generate(
                torch.tensor([ids]),
                do_sample=False,
                max_new_tokens=20,
                eos_token_id=None,
                pad_token_id=1,
                bad_words_ids=[*banned, [2, 2]],
            )
        decoder = served.text.decoder(prompt)
        expected = "".join(decoder.push(token) for token in output[0, len(ids) :].tolist())
        assert expected + decoder.flush() == texts[0]


async def test_point_10_penalties_spare_punctuation_and_count_the_prompt(served: LoadedModel) -> None:
    """A penalty reaches words of the prompt, but no punctuation and no paragraph break."""
    sampler = served.engine._sampler
    vocabulary = served.text._tokenizer.get_vocab()
    spared = {vocabulary["。"], vocabulary["、"], vocabulary["」"], 2}
    word = vocabulary["猫"] if "猫" in vocabulary else vocabulary["▁猫"]
    sequence_sampling = Sampling(temperature=0, repetition_penalty=1.5, repetition_window=0)
    completion = await served.complete(GenerationRequest("猫、雨。」\n", sequence_sampling, 3))
    [sequence] = completion._sequences
    row = np.ones(len(vocabulary) + 10, np.float32)

    change_logits(row, sampler._changes(sequence, len(row)))

    assert word in completion.prompts[0].ids
    assert float(row[word]) == pytest.approx(1 / 1.5)
    assert all(float(row[token]) == 1 for token in spared)


async def test_point_12_a_seed_repeats(served: LoadedModel) -> None:
    """Seed, settings and prompt decide every candidate's text; the company and the slot do not."""
    request = GenerationRequest("雨が", Sampling(temperature=1.2, top_p=0.95), 30, n=3, seed=11)
    others = [GenerationRequest(STORY, Sampling(), 25, seed=seed) for seed in range(3)]

    [(_, alone)] = await finish(served, request)
    [*_, (_, together)] = await finish(served, *others, request)
    [(_, other)] = await finish(
        served, GenerationRequest("雨が", Sampling(temperature=1.2), 30, n=3, seed=12)
    )

    assert alone == together
    assert alone != other
    assert len(set(alone.values())) == 3


async def test_point_12_the_number_of_candidates_changes_none(served: LoadedModel) -> None:
    """The first candidate of three is the only one of one."""
    [(_, one)] = await finish(served, GenerationRequest(STORY, Sampling(), 20, n=1, seed=5))
    [(_, three)] = await finish(served, GenerationRequest(STORY, Sampling(), 20, n=3, seed=5))

    assert one[0] == three[0]
