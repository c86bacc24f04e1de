"""OpenAI's own client, and an evaluation harness's requests, against the worker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from bot.worker.checkpoints.progress import Progress
from bot.worker.engine.loaded_model import LoadedModel
from bot.worker.engine.metrics import Metrics
from bot.worker.factory import assemble
from bot.worker.text.encoding import StoryText
from tests.bot.worker.loading import load_checkpoint
from tests.fakes.backend import FakeBackend, counting
from tests.fakes.checkpoints import tiny_checkpoint, tiny_tokenizer
from tests.servers.hosted_worker import fake_loaded_model, hosted

PROMPT = "雨が降りはじめると、"
ANY = "gpt-3.5-turbo-instruct"
WAIT_S = 60


def options(client: httpx.Client) -> dict[str, Any]:
    """How OpenAI's client finds the worker; it tries nothing again."""
    return {"base_url": f"{client.base_url}/v1", "api_key": "none", "max_retries": 0, "timeout": WAIT_S}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A worker with a tiny model."""
    folder = tiny_checkpoint(tmp_path_factory.mktemp("served") / "tiny")

    def load(progress: Progress) -> LoadedModel:
        checkpoint = load_checkpoint(folder, dtype="float32", device="cpu", progress=progress)
        return assemble(checkpoint, slots=3, threads=1, metrics=Metrics())

    with hosted(load) as client:
        yield client


@pytest.fixture
def client(worker: httpx.Client) -> Iterator[OpenAI]:
    """OpenAI's client."""
    with OpenAI(**options(worker)) as client:
        yield client


def test_a_completion(client: OpenAI) -> None:
    """Whatever model is named, with OpenAI's own settings."""
    completion = client.completions.create(
        model=ANY,
        prompt=PROMPT,
        max_tokens=8,
        n=2,
        best_of=2,
        temperature=0.7,
        top_p=0.9,
        frequency_penalty=0.1,
        presence_penalty=0.1,
        logit_bias={"5": -100},
        logprobs=2,
        seed=1,
        stop=["終"],
        user="me",
        extra_body={"min_p": 0.05},
    )

    assert [choice.index for choice in completion.choices] == [0, 1]
    assert completion.usage is not None
    assert completion.usage.total_tokens > 8
    assert completion.choices[0].logprobs is not None


def test_a_stream_and_its_usage(client: OpenAI) -> None:
    """The usage comes where it is asked for; every other chunk has a choice."""
    ask: dict[str, Any] = {"model": ANY, "prompt": PROMPT, "max_tokens": 8, "seed": 1, "stream": True}

    plain = list(client.completions.create(**ask))
    told = list(client.completions.create(**ask, stream_options={"include_usage": True}))

    assert all(chunk.choices and chunk.usage is None for chunk in (*plain, *told[:-1]))
    assert told[-1].usage.completion_tokens == 8
    texts = ["".join(c.text for chunk in chunks for c in chunk.choices) for chunks in (plain, told)]
    assert texts[0] == texts[1] != ""


async def test_the_async_client(worker: httpx.Client) -> None:
    """Several at once, and a stream that is left frees its place."""
    async with AsyncOpenAI(**options(worker)) as client:
        completions = await asyncio.gather(
            *(
                client.completions.create(model=ANY, prompt=PROMPT, max_tokens=8, seed=seed)
                for seed in range(5)
            )
        )
        stream = await client.completions.create(model=ANY, prompt=PROMPT, max_tokens=200, stream=True)
        async for _ in stream:
            break
        await stream.close()
        after = await client.completions.create(model=ANY, prompt=PROMPT, max_tokens=1)

    assert all(completion.choices[0].text for completion in completions)
    assert after.choices[0].finish_reason == "length"


def test_models(client: OpenAI) -> None:
    """They can be listed, and one looked at by its name."""
    [model] = client.models.list().data

    assert client.models.retrieve(model.id) == model
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("facebook/xglm-7.5B")
    assert refused.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"suffix": "終わり。"}, "suffix"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"best_of": 3}, "best_of"),
        ({"temperature": 9}, "temperature"),
        ({"logprobs": 21}, "logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"prompt": [[5] * 300]}, "prompt"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
    ],
)
def test_wrong_requests(client: OpenAI, fields: dict[str, Any], param: str) -> None:
    """The client's own kind of error, with the field's name."""
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(**{"model": ANY, "prompt": PROMPT, **fields})

    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"
    assert param in refused.value.message


def test_a_place_that_is_not_there(client: OpenAI) -> None:
    """A chat is none of a base model's."""
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=ANY, messages=[{"role": "user", "content": "雨"}])


def test_too_much_at_once() -> None:
    """The client knows it as a limit, and when to come again."""

    def load(_: Progress) -> LoadedModel:
        return fake_loaded_model(FakeBackend(), Metrics(), rows=1, waiting_limit=1)

    with hosted(load) as worker, OpenAI(**options(worker)) as client:
        with pytest.raises(openai.RateLimitError) as refused:
            client.completions.create(model=ANY, prompt=["雨"] * 8)
        status = refused.value.response.headers["retry-after"], refused.value.code

    assert status == ("2", "queue_full")


def test_a_model_that_loads_is_waited_for() -> None:
    """Without patience an error of the server's; with it the client comes again by itself."""
    go_on = threading.Event()

    def load(_: Progress) -> LoadedModel:
        go_on.wait(WAIT_S)
        return fake_loaded_model(FakeBackend(), Metrics())

    with hosted(load, wait=False) as worker, OpenAI(**options(worker)) as client:
        with pytest.raises(openai.InternalServerError) as refused:
            client.completions.create(model=ANY, prompt=PROMPT)
        waiting = client.with_options(max_retries=20)
        threading.Timer(0.2, go_on.set).start()
        completion = waiting.completions.create(model=ANY, prompt=PROMPT, max_tokens=2)

    assert (refused.value.status_code, refused.value.code) == (503, "loading")
    assert refused.value.response.headers["retry-after"] == "1"
    assert completion.choices[0].finish_reason == "length"


def test_a_stream_that_fails() -> None:
    """The client raises what the worker says."""
    backend = FakeBackend(counting(lambda kept: 20 if kept[-1] != 20 else None))

    with (
        hosted(lambda _: fake_loaded_model(backend, Metrics())) as worker,
        OpenAI(**options(worker)) as client,
    ):
        stream = client.completions.create(model=ANY, prompt=PROMPT, stream=True)
        with pytest.raises(openai.APIError, match="not finite"):
            list(stream)


def test_a_client_without_patience() -> None:
    """It gives up, and its place is free for the next."""
    released = threading.Event()

    def slowly(_: Any) -> int:
        released.wait(WAIT_S)
        return 20

    def load(_: Progress) -> LoadedModel:
        return fake_loaded_model(FakeBackend(counting(slowly)), Metrics(), rows=1)

    with hosted(load) as worker, OpenAI(**options(worker)) as client:
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=0.2).completions.create(model=ANY, prompt=PROMPT)
        released.set()
        after = client.completions.create(model=ANY, prompt=PROMPT, max_tokens=1)

    assert after.choices[0].finish_reason == "length"


def likelihoods(body: dict[str, Any], contexts: list[int]) -> list[tuple[float, bool]]:
    """What lm-evaluation-harness makes of an answer: of each choice, behind its context."""
    found = []
    for choice, context in zip(sorted(body["choices"], key=lambda one: one["index"]), contexts, strict=True):
        told = choice["logprobs"]
        own, tops = told["token_logprobs"][context:-1], told["top_logprobs"][context:-1]
        found.append((sum(own), all(one == max(top.values()) for one, top in zip(own, tops, strict=True))))
    return found


def test_an_evaluation_harness_scores_what_the_model_would_say(worker: httpx.Client) -> None:
    """`local-completions` sends several lists of ids; what is written greedily is the likeliest there."""
    context = [2, 9, 30, 41]
    bare = {"model": "m", "temperature": 0, "seed": 1234, "repetition_penalty": 1, "dry_multiplier": 0}
    ask = {**bare, "logprobs": 1, "max_tokens": 6, "prompt": [context]}
    written = worker.post("/v1/completions", json={**ask, "echo": True}).json()["choices"][0]
    pieces = written["logprobs"]["tokens"][len(context) :]
    text = StoryText(tiny_tokenizer(), 256)
    vocabulary = {text.spell(token): token for token in range(text.vocabulary)}
    greedy = [vocabulary[piece] for piece in pieces]
    other = [token + 1 if token != 30 else token - 1 for token in greedy]

    # As the harness sends it, but for the penalty that this test leaves out.
    payload = {
        "model": "m",
        "prompt": [context + greedy, context + other],
        "temperature": 0,
        "max_tokens": 1,
        "logprobs": 1,
        "seed": 1234,
        "echo": True,
    }
    scored = likelihoods(worker.post("/v1/completions", json=payload).json(), [len(context)] * 2)

    assert [best for _, best in scored] == [True, False]
    assert scored[0][0] == pytest.approx(sum(written["logprobs"]["token_logprobs"][len(context) :]), abs=1e-3)
    assert scored[1][0] < scored[0][0] < 0


def test_an_evaluation_harness_lets_it_write(worker: httpx.Client) -> None:
    """Several prompts as texts or ids, with the strings at which it ends: a text for each, in order."""
    for prompt in ([[2, 9, 30], [2, 41]], ["雨が", "猫は"]):
        payload = {
            "prompt": prompt,
            "model": "m",
            "max_tokens": 8,
            "temperature": 0,
            "stop": ["\n\n", "</s>"],
            "seed": 1234,
        }

        body = worker.post("/v1/completions", json=payload).json()

        assert [choice["index"] for choice in body["choices"]] == [0, 1]
        assert all(isinstance(choice["text"], str) for choice in body["choices"])
