"""A model whose vocabulary is mostly of other languages writes the chosen ones, on each backend."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bench.checkpoint import random_checkpoint
from bench.shapes import Shape
from bot.domain.errors import ConfigurationError
from bot.domain.inference import Delta, GenerationRequest
from bot.domain.sampling import Sampling
from bot.worker.backends.selection import openvino_trouble
from bot.worker.checkpoints.loader import embedded_model
from bot.worker.engine.loaded_model import LoadedModel
from bot.worker.engine.metrics import Metrics
from bot.worker.factory import load_model
from bot.worker.options import EngineOptions
from bot.worker.preflight import estimate
from bot.worker.text.languages import Languages

MANY = Shape("many", 40_007, 64, 128, 2, 4, 256)
FREE = Sampling(temperature=1.5, top_p=1.0, repetition_penalty=1.05, dry_allowed_length=1)
PROMPT = "雨が降りはじめると、町は静かになり、猫が歩いていく。한국"

BACKENDS = [
    "torch",
    pytest.param(
        "openvino",
        marks=pytest.mark.skipif(
            openvino_trouble() is not None, reason="OpenVINO has no package for this machine"
        ),
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, and as many pieces of other scripts as of Japanese."""
    return random_checkpoint(MANY, tmp_path_factory.mktemp("many"), embedded_model() / "tokenizer.json")


def load(folder: Path, cache: Path, backend: str, *languages: str) -> LoadedModel:
    """A worker's model, not yet started."""
    options = EngineOptions(
        str(folder), slots=3, device="cpu", backend=backend, cache=cache, languages=languages
    )
    return load_model(options, metrics=Metrics(), progress=lambda _: None)


async def written(model: LoadedModel, request: GenerationRequest, *, echo: bool = False) -> list[Delta]:
    """All that comes of a request."""
    completion = await model.complete(request, echo=echo)
    while model.engine.step():
        pass
    deltas: list[Delta] = []
    while not completion.finished:
        deltas += await completion.read()
    return deltas


def spelt(deltas: list[Delta]) -> str:
    """Their text."""
    return "".join(delta.text for delta in deltas)


def asked(**more: object) -> GenerationRequest:
    """Sixty tokens, drawn from nearly all there are."""
    return GenerationRequest(PROMPT, FREE, 60, min_tokens=60, seed=5, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", BACKENDS)
async def test_only_the_chosen_languages_are_written(folder: Path, tmp_path: Path, backend: str) -> None:
    """A prompt in any script is read; with `all` a flat model like this one drifts everywhere."""
    few = load(folder, tmp_path, backend, "ja", "en")
    everything = load(folder, tmp_path, backend, "all")
    languages = Languages(["ja", "en"])

    text, drifted, again = [spelt(await written(model, asked())) for model in (few, everything, few)]

    assert few.backend == backend
    assert few.output.rows < 30_000 < everything.output.rows == MANY.vocabulary
    assert len(text) > 60
    assert all(map(languages.writes, text))
    assert not all(map(languages.writes, drifted))
    assert text == again


@pytest.mark.parametrize("backend", BACKENDS)
async def test_scoring_uses_the_whole_vocabulary(folder: Path, tmp_path: Path, backend: str) -> None:
    """A prompt's tokens get what they get without a limit; what is drawn behind them is as without scores."""
    few = load(folder, tmp_path, backend, "ja", "en")
    everything = load(folder, tmp_path, backend, "all")
    request = asked(logprobs=3)

    limited, whole = [await written(model, request, echo=True) for model in (few, everything)]
    plain = await written(few, asked(logprobs=3))

    read = len(few.text.echo(PROMPT).ids)
    scores, others, drawn = (
        [score for delta in deltas for score in delta.scores] for deltas in (limited, whole, plain)
    )
    assert scores[1:read] == others[1:read]
    assert scores[read:] != others[read:]
    assert [(one.token, one.logprob, one.top) for one in scores[read:]] == [
        (one.token, one.logprob, one.top) for one in drawn
    ]
    assert all(math.isfinite(one.logprob) for one in drawn)
    assert {one.token for one in drawn} <= set(few.output.ids or ())


@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_bias_is_of_tokens_whatever_may_be_written(
    folder: Path, tmp_path: Path, backend: str
) -> None:
    """By the checkpoint's ids; on a token that may not be written it has no effect, and is no error."""
    few = load(folder, tmp_path, backend, "ja", "en")
    kept = few.output.ids or ()
    wanted, missing = kept[7_000], next(token for token in range(20_000, 40_000) if token not in kept)

    def drawn(deltas: list[Delta]) -> list[object]:
        return [score.token for delta in deltas for score in delta.scores]

    plain = drawn(await written(few, asked(logprobs=0)))
    beside = drawn(await written(few, asked(logprobs=0, logit_bias=((missing, 100.0),))))
    biased = drawn(await written(few, asked(logprobs=0, logit_bias=((wanted, 100.0),))))

    assert plain == beside
    assert biased.count(wanted) > plain.count(wanted) + 10


def test_it_is_told_at_the_start(folder: Path, tmp_path: Path) -> None:
    """How many of how many, for which languages, and of which kinds."""
    with capture_logs() as log:
        few = load(folder, tmp_path, "torch", "ja", "en")
    [told] = [entry for entry in log if entry["event"] == "tokens that may be written"]
    assert (told["rows"], told["of"], told["languages"]) == (few.output.rows, MANY.vocabulary, "ja,en")
    assert told["ja"] > 15_000 > 1_000 > told["en"] > 500


def test_characters_of_other_languages_are_found(folder: Path, tmp_path: Path) -> None:
    """Each once; not those that the model cannot even see, and none where everything may be written."""
    few = load(folder, tmp_path, "torch", "ja", "en").text
    assert few.unwritable("雨 rain 가나가 é、\n♪", unknown=("é",)) == ("가", "나")
    assert few.unwritable("雨が降る。It rains. 😊") == ()
    assert load(folder, tmp_path, "torch", "all").text.unwritable("가나") == ()


def test_less_memory_is_told_beforehand(folder: Path, tmp_path: Path) -> None:
    """Of a checkpoint that is here exactly, of a published one by an estimate."""

    def needed(model: str, *languages: str) -> int:
        options = EngineOptions(model, device="cpu", cache=tmp_path, languages=languages)
        found = estimate(options).needed
        assert found is not None
        return found

    rows = load(folder, tmp_path, "torch", "ja", "en").output.rows
    if openvino_trouble() is None:
        saved = needed(str(folder), "all") - needed(str(folder), "ja", "en")
        assert saved == (MANY.vocabulary - rows) * MANY.width
        assert needed("facebook/xglm-564M", "ja", "en") < needed("facebook/xglm-564M", "all") - 100 * 2**20


def test_a_language_that_nobody_knows_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    """With those that there are."""
    with pytest.raises(ConfigurationError, match=r"LANGUAGES names xx.*there are all, ja"):
        load(tmp_path / "nowhere", tmp_path, "torch", "ja", "xx")
