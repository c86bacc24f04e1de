"""The wire format over real HTTP, as docs/worker-api.md says."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.domain.errors import CheckpointError
from bot.wire.completion_request import MAX_PROMPT_CHARACTERS, CompletionRequest
from bot.worker.api.app import MAX_BODY_BYTES
from bot.worker.api.request_body import generation_request
from bot.worker.checkpoints.progress import Progress
from bot.worker.engine.loaded_model import LoadedModel
from bot.worker.engine.metrics import Metrics
from bot.worker.factory import assemble
from tests.bot.worker.loading import load_checkpoint
from tests.fakes.backend import FakeBackend, counting
from tests.fakes.checkpoints import tiny_checkpoint
from tests.servers.hosted_worker import fake_loaded_model, hosted

PROMPT = "雨が降りはじめると、"
WAIT_S = 60


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server with a tiny model."""
    folder = tiny_checkpoint(tmp_path_factory.mktemp("served") / "tiny")
    metrics = Metrics()

    def load(progress: Progress) -> LoadedModel:
        checkpoint = load_checkpoint(folder, dtype="float32", device="cpu", progress=progress)
        return assemble(checkpoint, slots=3, threads=1, metrics=metrics)

    with hosted(load, metrics=metrics) as client:
        yield client


def ask(client: httpx.Client, **fields: Any) -> httpx.Response:
    """Ask for a short continuation; of a stream, also for what it came to."""
    usage = {"stream_options": {"include_usage": True}} if fields.get("stream") else {}
    body = {"prompt": PROMPT, "max_tokens": 8, "seed": 1, **usage, **fields}
    return client.post("/v1/completions", json=body)


def events(response: httpx.Response) -> list[str]:
    """The data of a stream's events."""
    parts = response.text.split("\n\n")
    return [part.removeprefix("data: ") for part in parts if part.startswith("data: ")]


def test_a_completion(client: httpx.Client) -> None:
    """Text, reason and usage, in OpenAI's shape."""
    body = ask(client).json()

    assert body["object"] == "text_completion"
    assert body["model"] == "tiny"
    assert [choice["finish_reason"] for choice in body["choices"]] == ["length"]
    assert body["usage"]["completion_tokens"] == 8
    assert body["usage"]["total_tokens"] == 8 + body["usage"]["prompt_tokens"]
    assert body["tsuzuki"] == {"seed": 1, "dropped_characters": 0, "unknown": []}


def test_a_stream(client: httpx.Client) -> None:
    """Pieces, then the usage, then `[DONE]`; together the text of the unstreamed completion."""
    response = ask(client, stream=True)

    *pieces, usage, done = events(response)
    chunks = [json.loads(piece) for piece in pieces]
    assert done == "[DONE]"
    assert response.headers["content-type"].startswith("text/event-stream")
    assert (
        "".join(chunk["choices"][0]["text"] for chunk in chunks) == ask(client).json()["choices"][0]["text"]
    )
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert {None} == {chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]} or len(chunks) == 1
    assert json.loads(usage)["choices"] == []
    assert json.loads(usage)["usage"]["completion_tokens"] == 8


def test_candidates_interleave(client: httpx.Client) -> None:
    """`n` candidates stream side by side, also more than there are slots, and differ."""
    *pieces, _usage, done = events(ask(client, stream=True, n=5))

    texts: dict[int, str] = {}
    for choice in (json.loads(piece)["choices"][0] for piece in pieces):
        texts[choice["index"]] = texts.get(choice["index"], "") + choice["text"]
    assert done == "[DONE]"
    assert list(range(5)) == sorted(texts)
    assert len(set(texts.values())) > 1
    assert [texts[i] for i in range(5)] == [c["text"] for c in ask(client, n=5).json()["choices"]]


def test_a_seed_repeats_whoever_else_writes(client: httpx.Client) -> None:
    """Seed, settings and prompt decide the text; the company does not."""
    alone = [ask(client, seed=seed, max_tokens=40).json()["choices"][0]["text"] for seed in range(6)]
    together: dict[int, str] = {}

    def write(seed: int) -> None:
        together[seed] = ask(client, seed=seed, max_tokens=40).json()["choices"][0]["text"]

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(WAIT_S)

    assert alone == [together[seed] for seed in range(6)]


def test_a_seed_is_drawn_and_told(client: httpx.Client) -> None:
    """Without a seed the text can still be had again."""
    first = ask(client, seed=None).json()

    again = ask(client, seed=first["tsuzuki"]["seed"]).json()

    assert first["choices"] == again["choices"]


def test_a_stop_string(client: httpx.Client) -> None:
    """The text ends before it."""
    whole = ask(client, max_tokens=30).json()["choices"][0]["text"]

    body = ask(client, max_tokens=30, stop=whole[5:7]).json()

    assert whole[: whole.index(whole[5:7])] == body["choices"][0]["text"]
    assert body["choices"][0]["finish_reason"] == "stop"


def scores_of(response: httpx.Response) -> dict[str, list[Any]]:
    """A stream's log probabilities, put together."""
    told: dict[str, list[Any]] = {}
    for piece in events(response)[:-2]:
        for name, values in json.loads(piece)["choices"][0]["logprobs"].items():
            told.setdefault(name, []).extend(values)
    return told


def test_logprobs(client: httpx.Client) -> None:
    """Each token with its log probability, the likeliest beside it, and its place in the text."""
    plain = ask(client, max_tokens=30).json()["choices"][0]

    choice = ask(client, max_tokens=30, logprobs=3).json()["choices"][0]

    told = choice["logprobs"]
    assert plain["logprobs"] is None
    assert plain["text"] == choice["text"]
    assert {30} == {len(values) for values in told.values()}
    for token, own, top in zip(*(told[k] for k in ("tokens", "token_logprobs", "top_logprobs")), strict=True):
        assert top[token] >= own
        assert own < 0
        assert 2 <= len(top) <= 4
        assert sum(math.exp(value) for value in top.values()) < 1.001
        assert sorted(top.values(), reverse=True)[:2] == list(top.values())[:2]
    assert told["text_offset"] == sorted(told["text_offset"])
    for token, place in zip(told["tokens"], told["text_offset"], strict=True):
        shown = token.strip()
        assert token in {"</s>", ""} or not shown or choice["text"][place:].lstrip(" ").startswith(shown)


def test_streamed_logprobs_are_those_of_the_whole(client: httpx.Client) -> None:
    """Chunks carry the scores of the tokens that begin in them, each once."""
    whole = ask(client, max_tokens=30, logprobs=2).json()["choices"][0]

    streamed = ask(client, max_tokens=30, logprobs=2, stream=True)

    assert whole["logprobs"] == scores_of(streamed)
    shown = 0
    for piece in events(streamed)[:-2]:
        choice = json.loads(piece)["choices"][0]
        shown += len(choice["text"])
        assert choice["finish_reason"] or all(place < shown for place in choice["logprobs"]["text_offset"])


def test_logprobs_end_where_the_text_does(client: httpx.Client) -> None:
    """What a stop string cut off has none; what is before it keeps its own."""
    whole = ask(client, max_tokens=30, logprobs=0).json()["choices"][0]
    stop = whole["text"][9:11]

    cut = ask(client, max_tokens=30, logprobs=0, stop=stop).json()["choices"][0]

    count = len(cut["logprobs"]["tokens"])
    assert 0 < count < 30
    assert whole["logprobs"]["tokens"][:count] == cut["logprobs"]["tokens"]
    assert max(cut["logprobs"]["text_offset"]) < len(cut["text"])


def test_logprobs_do_not_depend_on_the_settings(client: httpx.Client) -> None:
    """They are the model's own: the first token's likeliest are the same under any penalty or temperature."""
    plain, bent = (
        ask(client, max_tokens=1, logprobs=5, temperature=0, **fields).json()["choices"][0]["logprobs"]
        for fields in ({}, {"repetition_penalty": 5, "repetition_window": 0, "top_k": 1})
    )

    assert list(plain["top_logprobs"][0].items())[:5] == list(bent["top_logprobs"][0].items())[:5]


def test_what_the_model_cannot_see(client: httpx.Client) -> None:
    """The completion names characters that were holes to the model."""
    assert ask(client, prompt="蒸し暑い晩のこと").json()["tsuzuki"]["unknown"] == ["晩"]


@pytest.mark.parametrize("model", [None, "default", "tiny", "gpt-3.5-turbo-instruct"])
def test_whatever_model_is_asked_for_answers_with_its_own_name(
    client: httpx.Client, model: str | None
) -> None:
    """There is one; clients that must name some need not be told which."""
    assert ask(client, model=model).json()["model"] == "tiny"


def test_a_stream_tells_its_usage_where_that_is_wanted(client: httpx.Client) -> None:
    """As OpenAI does: a last chunk with it, and null in those before; else neither."""
    *asked, _done = events(ask(client, stream=True))
    *plain, done = events(ask(client, stream=True, stream_options=None))

    assert all(json.loads(piece).get("usage", "none") is None for piece in asked[:-1])
    assert json.loads(asked[-1])["usage"]["completion_tokens"] == 8
    assert not any("usage" in json.loads(piece) for piece in plain)
    assert all(json.loads(piece)["choices"] for piece in plain)
    assert done == "[DONE]"


def test_several_prompts(client: httpx.Client) -> None:
    """Each has its candidates in a row, with the text that it has when it is asked for by itself."""
    prompts = [PROMPT, "猫は\n", PROMPT]
    each = [ask(client, prompt=one, n=2).json() for one in prompts]
    alone = [choice["text"] for one in each for choice in one["choices"]]

    together = ask(client, prompt=prompts, n=2).json()
    *pieces, _usage, _done = events(ask(client, prompt=prompts, n=2, stream=True))

    streamed: dict[int, str] = {}
    for choice in (json.loads(piece)["choices"][0] for piece in pieces):
        streamed[choice["index"]] = streamed.get(choice["index"], "") + choice["text"]
    assert [choice["index"] for choice in together["choices"]] == list(range(6))
    assert alone == [choice["text"] for choice in together["choices"]]
    assert alone == [streamed[index] for index in range(6)]
    for kind in ("prompt_tokens", "completion_tokens"):
        assert together["usage"][kind] == sum(one["usage"][kind] for one in each)


@pytest.mark.parametrize("text", [PROMPT, "猫は\n「雨」と", "two words", "雨\n"])
def test_token_ids_are_read_as_they_are(client: httpx.Client, text: str) -> None:
    """What `/tokenize` says of a text is continued as the text is; of several lists each."""
    tokens = client.post("/tokenize", json={"prompt": text}).json()["tokens"]

    by_text, by_ids = (ask(client, prompt=prompt).json() for prompt in (text, tokens))
    several = ask(client, prompt=[tokens, [2, 5]]).json()

    assert by_text["choices"] == by_ids["choices"]
    assert by_text["usage"] == by_ids["usage"]
    assert several["choices"][0] == by_ids["choices"][0]
    assert several["usage"]["prompt_tokens"] == len(tokens) + 2


def test_a_prompt_comes_back(client: httpx.Client) -> None:
    """As it was written, in front of each candidate, streamed or not, or alone."""
    text = "　ＡＢＣ……\n\n猫は"
    plain = ask(client, prompt=text, n=2).json()["choices"]

    echoed = ask(client, prompt=text, n=2, echo=True).json()["choices"]
    streamed = events(ask(client, prompt=text, echo=True, stream=True))
    alone = ask(client, prompt=text, echo=True, max_tokens=0).json()

    assert [text + choice["text"] for choice in plain] == [choice["text"] for choice in echoed]
    shown = "".join(json.loads(piece)["choices"][0]["text"] for piece in streamed[:-2])
    assert shown == text + plain[0]["text"]
    assert (alone["choices"][0]["text"], alone["choices"][0]["finish_reason"]) == (text, "length")
    assert alone["usage"]["completion_tokens"] == 0


def test_a_prompt_comes_back_with_its_scores(client: httpx.Client) -> None:
    """Each token of it and of what follows, in its place; nothing is known of the first."""
    text = "猫は\n「雨」と言った。" * 4
    tokens = client.post("/tokenize", json={"prompt": text}).json()["tokens"]
    plain = ask(client, prompt=text, logprobs=2).json()["choices"][0]

    whole = ask(client, prompt=text, logprobs=2, echo=True).json()["choices"][0]
    only = ask(client, prompt=text, logprobs=2, echo=True, max_tokens=0).json()["choices"][0]
    streamed = ask(client, prompt=text, logprobs=2, echo=True, stream=True)

    told, behind = whole["logprobs"], plain["logprobs"]
    count = len(tokens)
    assert told == scores_of(streamed)
    assert {count + 8} == {len(values) for values in told.values()}
    assert told["token_logprobs"][0] is told["top_logprobs"][0] is None
    assert all(value < 0 for value in told["token_logprobs"][1:])
    assert told["token_logprobs"][count:] == behind["token_logprobs"]
    assert told["text_offset"][count:] == [len(text) + place for place in behind["text_offset"]]
    assert told["text_offset"] == sorted(told["text_offset"])
    for token, place in zip(told["tokens"], told["text_offset"], strict=True):
        shown = token.strip()
        assert token == "</s>" or whole["text"][place:].lstrip(" \n").startswith(shown)
    assert only["logprobs"] == {name: values[:count] for name, values in told.items()}


def test_ids_come_back_as_text(client: httpx.Client) -> None:
    """A `</s>` between paragraphs as a line break, controls not at all, their scores all the same."""
    tokens = client.post("/tokenize", json={"prompt": "雨が\n降る"}).json()["tokens"]

    body = ask(client, prompt=[*tokens, 3], echo=True, logprobs=0, max_tokens=0).json()["choices"][0]

    assert body["text"] == "雨が\n降る"
    assert len(body["logprobs"]["tokens"]) == len(tokens) + 1
    assert body["logprobs"]["tokens"][-1] == "<unk>"


@pytest.mark.parametrize(
    ("prompt", "fields"),
    [
        ([[5] * 257], {}),
        ([5] * 256, {}),
        (["雨" * 400], {"echo": True}),
        ([5] * 257, {"echo": True, "max_tokens": 0}),
        ([5, 100_000], {}),
    ],
)
def test_what_may_not_be_cut_has_to_fit(client: httpx.Client, prompt: Any, fields: dict[str, Any]) -> None:
    """Scores of another prompt than the one that was sent would be worth nothing."""
    error = ask(client, prompt=prompt, **fields).json()["error"]

    assert (error["code"], error["param"]) == ("context_length_exceeded", "prompt")
    assert "256" in error["message"] or "100000" in error["message"]


def test_the_last_position_can_be_scored(client: httpx.Client) -> None:
    """A prompt as long as the context, and one shorter with a token behind it."""
    assert ask(client, prompt=[5] * 256, echo=True, logprobs=0, max_tokens=0).status_code == 200
    assert ask(client, prompt=[5] * 255, echo=True, logprobs=0, max_tokens=5).status_code == 200
    assert ask(client, prompt=[5], echo=True, logprobs=0, max_tokens=0).status_code == 200


def test_unknown_fields_are_ignored(client: httpx.Client) -> None:
    """OpenAI's other parameters do no harm, and null means the default."""
    fields: dict[str, Any] = {
        "logprobs": None,
        "echo": False,
        "best_of": 1,
        "user": "me",
        "suffix": None,
        "stream_options": None,
        "store": True,
        "logit_bias": {},
        "top_p": None,
    }

    assert ask(client, **fields).status_code == 200


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"prompt": 5}, 400, "invalid_value", "prompt"),
        ({"prompt": []}, 400, "invalid_value", "prompt"),
        ({"prompt": [[]]}, 400, "invalid_value", "prompt"),
        ({"prompt": ["a", 5]}, 400, "invalid_value", "prompt"),
        ({"prompt": [5, "a"]}, 400, "invalid_value", "prompt"),
        ({"prompt": [True]}, 400, "invalid_value", "prompt"),
        ({"prompt": [-1]}, 400, "invalid_value", "prompt"),
        ({"prompt": [5.5]}, 400, "invalid_value", "prompt"),
        ({"prompt": {}}, 400, "invalid_value", "prompt"),
        ({"prompt": ["a"] * 65}, 400, "invalid_value", "prompt"),
        ({"prompt": ["a"] * 33, "n": 2}, 400, "invalid_value", "n"),
        ({"prompt": None}, 400, "missing", "prompt"),
        ({"max_tokens": 0}, 400, "invalid_value", "max_tokens"),
        ({"temperature": -1}, 400, "invalid_value", "temperature"),
        ({"top_p": 0}, 400, "invalid_value", "top_p"),
        ({"n": 99}, 400, "invalid_value", "n"),
        ({"stop": ""}, 400, "invalid_value", "stop"),
        ({"min_tokens": 9}, 400, "invalid_value", "min_tokens"),
        ({"stop": ["a"] * 17}, 400, "invalid_value", "stop"),
        ({"stop": ["a", 5]}, 400, "invalid_value", "stop"),
        ({"max_tokens": "8"}, 400, "invalid_value", "max_tokens"),
        ({"n": True}, 400, "invalid_value", "n"),
        ({"stream": "yes"}, 400, "invalid_value", "stream"),
        ({"suffix": "終わり。"}, 400, "invalid_value", "suffix"),
        ({"stream_options": {"include_usage": True}}, 400, "invalid_value", "stream_options"),
        (
            {"stream": True, "stream_options": {"include_obfuscation": True}},
            400,
            "invalid_value",
            "stream_options",
        ),
        ({"echo": True, "front": [{"kind": "note", "text": "雨"}]}, 400, "invalid_value", "front"),
        ({"prompt": [5], "inset": [{"kind": "note", "text": "雨"}]}, 400, "invalid_value", "inset"),
        ({"logprobs": 21}, 400, "invalid_value", "logprobs"),
        ({"logprobs": -1}, 400, "invalid_value", "logprobs"),
        ({"best_of": 3}, 400, "invalid_value", "best_of"),
        ({"user": "x" * 201}, 400, "invalid_value", "user"),
    ],
)
def test_wrong_requests(
    client: httpx.Client, fields: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    """Each is refused with a sentence, a code and the field's name."""
    response = ask(client, **fields)

    error = response.json()["error"]
    assert (status, code, param) == (response.status_code, error["code"], error["param"])
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith(str(param))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"stop": ["a"] * 17}, ["16", "17"]),
        ({"n": 9}, ["8"]),
        ({"prompt": ["a"] * 65}, ["64", "65"]),
        ({"prompt": "a" * 100_001}, ["100000", "100001"]),
        ({"logprobs": 21}, ["20"]),
        ({"banned": ["x"] * 501}, ["500", "501"]),
        ({"stop": ["a", "b" * 201]}, ["stop[1]", "200"]),
    ],
)
def test_limits_are_named(client: httpx.Client, fields: dict[str, Any], said: list[str]) -> None:
    """How much may be asked for, and where the length says something, how much was."""
    message = ask(client, **fields).json()["error"]["message"]

    assert [word for word in said if word not in message] == []


@pytest.mark.parametrize(
    ("content", "kind", "code", "word"),
    [
        (b'{"prompt": "a"}', "", "content_type", "no Content-Type"),
        (b'{"prompt": "a"}', "text/plain", "content_type", "text/plain"),
        ('{"prompt": "雨"}'.encode("euc-jp"), "application/json", "invalid_json", "UTF-8"),
        ('{"prompt": "雨"}'.encode("utf-16"), "application/json", "invalid_json", "UTF-8"),
        (b"", "application/json", "invalid_json", "JSON"),
        (b'{"prompt": "a",}', "application/json", "invalid_json", "column 16"),
        (b'{"prompt": "a", "top_p": NaN}', "application/json", "invalid_json", "NaN"),
        (b"[" * 100_000, "application/json", "invalid_json", "JSON"),
        (b'{"seed": ' + b"9" * 10_000 + b"}", "application/json", "invalid_json", "JSON"),
        (b'["prompt"]', "application/json", "invalid_value", "object"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/completions", "/tokenize", "/v1/window"])
def test_bodies_that_are_none(
    client: httpx.Client, path: str, content: bytes, kind: str, code: str, word: str
) -> None:
    """What is wrong with it is said, in the form of every other error."""
    headers = {"Content-Type": kind} if kind else {}

    response = client.post(path, content=content, headers=headers)

    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, None)
    assert word in error["message"]


def test_other_names_of_json_are_taken(client: httpx.Client) -> None:
    """With a charset, and with a suffix."""
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"):
        answer = client.post("/tokenize", content=b'{"text": "a"}', headers={"Content-Type": kind})
        assert answer.status_code == 200, kind


def test_pages_of_others_may_ask_where_they_are_named() -> None:
    """A browser is told so, errors included; without the setting nothing is said."""

    def load(_: Progress) -> LoadedModel:
        return fake_loaded_model(FakeBackend(), Metrics())

    page = {"Origin": "https://example.org"}
    asks = {**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-any"}
    with hosted(load, cors_origins=("https://example.org",)) as client:
        before = client.options("/v1/completions", headers=asks)
        answers = [client.post("/v1/completions", json=body, headers=page) for body in ({"prompt": "a"}, {})]
        stranger = client.get("/health", headers={"Origin": "https://other.example"})
    with hosted(load) as client:
        closed = client.options("/v1/completions", headers=asks), client.get("/health", headers=page)

    name = "access-control-allow-origin"
    assert before.status_code == 200
    assert [answer.headers[name] for answer in (before, *answers)] == ["https://example.org"] * 3
    assert [answer.status_code for answer in answers] == [200, 400]
    assert name not in stranger.headers
    assert not any(name in answer.headers for answer in closed)


def test_a_fault_of_the_worker_has_the_form_of_every_error() -> None:
    """No page of a web server, and nothing of what went wrong inside."""
    served = fake_loaded_model(FakeBackend(), Metrics())

    def broken(*_: object) -> None:
        raise RuntimeError("inside")

    served.text.encode = broken  # type: ignore[method-assign, assignment]
    with hosted(lambda _: served) as client:
        response = ask(client)

    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert "inside" not in response.text


def test_wrong_bodies_and_places(client: httpx.Client) -> None:
    """No JSON, too much of it, no such path, no such method: the same kind of answer."""
    answers = [
        client.post("/v1/completions", content=b"{", headers={"content-type": "application/json"}),
        client.post(
            "/v1/completions", content=b" " * 9_000_000, headers={"content-type": "application/json"}
        ),
        client.get("/v1/nothing"),
        client.get("/v1/completions"),
    ]

    assert [answer.status_code for answer in answers] == [400, 413, 404, 405]
    codes = [answer.json()["error"]["code"] for answer in answers]
    assert codes == ["invalid_json", "too_large", "not_found", "not_found"]


@pytest.mark.parametrize("route", ["/v1/completions", "/v1/window", "/tokenize"])
def test_too_much_is_refused_before_it_is_read(client: httpx.Client, route: str) -> None:
    """A body is refused by its bytes, a prompt by its characters: both with the limit and the length."""
    body = json.dumps({"prompt": "雨" * 2_000_000}, ensure_ascii=False).encode()
    headers = {"content-type": "application/json"}

    def chunks() -> Iterator[bytes]:
        yield from (body[start : start + 65_536] for start in range(0, len(body), 65_536))

    told = client.post(route, content=body, headers=headers)
    untold = client.post(route, content=chunks(), headers=headers)
    long = client.post(route, json={"prompt": "雨" * (MAX_PROMPT_CHARACTERS + 1)})
    legal = client.post(route, json={"prompt": "雨。" * (MAX_PROMPT_CHARACTERS // 2), "max_tokens": 1})

    assert [told.status_code, untold.status_code, long.status_code] == [413, 413, 400]
    assert legal.status_code == 200
    assert {"too_large"} == {told.json()["error"]["code"], untold.json()["error"]["code"]}
    assert f"{MAX_BODY_BYTES} bytes" in told.json()["error"]["message"]
    assert str(len(body)) in told.json()["error"]["message"]
    assert f"{MAX_BODY_BYTES} bytes" in untold.json()["error"]["message"]
    assert long.json()["error"]["param"] == "prompt"
    assert f"{MAX_PROMPT_CHARACTERS} characters" in long.json()["error"]["message"]
    assert f"{MAX_PROMPT_CHARACTERS + 1}" in long.json()["error"]["message"]


def test_all_that_stands_around_a_prompt_is_bounded(client: httpx.Client) -> None:
    """Not each piece alone: a hundred of them would be read for a minute."""
    pieces = [{"kind": "memory", "text": "雨。" * 500}] * 21
    refused = client.post("/v1/window", json={"prompt": "雨", "front": pieces})

    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "front"
    assert "20000 characters" in refused.json()["error"]["message"]
    assert "21000" in refused.json()["error"]["message"]


def test_tokenize(client: httpx.Client) -> None:
    """Ids with `</s>` in front, how many, how many fit, and what is unknown."""
    by_prompt = client.post("/tokenize", json={"prompt": "晩の雨\n雨"}).json()

    assert by_prompt == client.post("/tokenize", json={"text": "晩の雨\n雨"}).json()
    assert by_prompt["tokens"][0] == 2
    assert len(by_prompt["tokens"]) == by_prompt["count"]
    assert by_prompt["max_model_len"] == 256
    assert by_prompt["unknown"] == ["晩"]
    assert by_prompt["read_as"] == "〓の雨"
    assert by_prompt["dropped_characters"] == 0
    assert (by_prompt["unwritable"], by_prompt["languages_needed"]) == ([], [])
    assert client.post("/tokenize", json={}).status_code == 400


@pytest.mark.parametrize("field", ["front", "inset"])
def test_the_window_of_a_request(client: httpx.Client, field: str) -> None:
    """What the model would read of the same body, piece by piece; a piece has a kind and a text."""
    wrong = client.post("/v1/window", json={"prompt": "雨", field: [{"kind": "x", "text": "雨"}]})
    right = client.post(
        "/v1/window", json={"prompt": "雨", "max_tokens": 8, field: [{"kind": "note", "text": "猫"}]}
    )

    assert wrong.status_code == 400
    told = right.json()
    assert {"雨", "猫"} == {seen["piece"]["text"] for seen in told["seen"]}
    assert told["tokens"] == sum(seen["tokens"] for seen in told["seen"])
    assert (told["context"], told["reserved"]) == (256, 8)


def test_models_and_health(client: httpx.Client) -> None:
    """The loaded model is named."""
    health = client.get("/health")

    assert health.status_code == 200
    told = health.json()
    size = told["output"]["of"]
    assert told.pop("last_step_s") is None or health.json()["last_step_s"] >= 0
    assert told == {
        "status": "ready",
        "model": "tiny",
        "progress": 1.0,
        "max_model_len": 256,
        "backend": "torch",
        "quantization": "none",
        "output": {"languages": ["all"], "rows": size, "of": size, "kinds": {}},
        "running": 0,
        "waiting": 0,
    }
    models = client.get("/v1/models").json()["data"]
    assert [model["id"] for model in models] == ["tiny"]
    assert [client.get(f"/v1/models/{name}").json() for name in ("tiny", "default")] == models * 2
    for name in ("gpt-4", "facebook/xglm-564M", "facebook%2Fxglm-564M"):
        refused = client.get(f"/v1/models/{name}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")


def test_metrics(client: httpx.Client) -> None:
    """Prometheus can read what was counted."""
    ask(client)

    text = client.get("/metrics").text

    for name in ("requests_total", "generated_tokens_total", "step_seconds_bucket", "rows", "waiting"):
        assert f"tsuzuki_{name}" in text
    assert 'tsuzuki_requests_total{outcome="completed"}' in text


def test_over_a_unix_socket(tmp_path: Path) -> None:
    """The same over a socket file, which only its owner may open."""
    metrics, path = Metrics(), tmp_path / "worker.sock"

    with hosted(lambda _: fake_loaded_model(FakeBackend(), metrics), uds=path) as client:
        assert client.get("/health").json()["status"] == "ready"
        assert path.stat().st_mode & 0o077 == 0


def test_loading_then_ready() -> None:
    """While the model loads everything says so, with the progress; then it works."""
    halfway, go_on = threading.Event(), threading.Event()

    def load(progress: Progress) -> LoadedModel:
        progress(0.4)
        halfway.set()
        go_on.wait(WAIT_S)
        return fake_loaded_model(FakeBackend(), Metrics())

    with hosted(load, wait=False) as client:
        halfway.wait(WAIT_S)
        health, refused = client.get("/health"), ask(client)
        go_on.set()

    assert (health.status_code, health.json()) == (503, {"status": "loading", "progress": 0.4})
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert (refused.json()["error"]["code"], refused.json()["error"]["progress"]) == ("loading", 0.4)


def test_failed_stays_up_and_says_why() -> None:
    """A model that cannot be loaded leaves a server that tells the reason."""

    def load(_progress: Progress) -> LoadedModel:
        raise CheckpointError("there is no config.json")

    with hosted(load) as client:
        health, refused = client.get("/health"), ask(client)

    expected = {"status": "failed", "reason": "there is no config.json"}
    assert (503, expected) == (health.status_code, health.json())
    assert (
        refused.json()["error"]["code"],
        refused.json()["error"]["reason"],
    ) == ("failed", "there is no config.json")


def test_closing_a_stream_frees_its_slot() -> None:
    """With one slot, the next request is served as soon as the reader of an endless stream goes."""
    backend, metrics = FakeBackend(context=10**6), Metrics()

    with hosted(lambda _: fake_loaded_model(backend, metrics, rows=1), metrics=metrics) as client:
        endless = {"prompt": "", "max_tokens": 90_000, "stream": True}
        with client.stream("POST", "/v1/completions", json=endless) as stream:
            lines = stream.iter_lines()
            while not next(lines).startswith("data: "):
                pass
        answer = ask(client, temperature=0)

    assert answer.json()["choices"][0]["finish_reason"] == "length"
    assert b'tsuzuki_requests_total{outcome="cancelled"} 1.0' in metrics.text()


def test_leaving_an_unstreamed_request_frees_its_slot() -> None:
    """Likewise for who waits for the whole text and goes away."""
    backend = FakeBackend(context=10**6)

    with hosted(lambda _: fake_loaded_model(backend, Metrics(), rows=1)) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/completions", json={"prompt": "", "max_tokens": 90_000}, timeout=0.3)
        answer = ask(client)

    assert answer.status_code == 200


def test_not_finite_in_a_stream() -> None:
    """An error event ends the stream, and no `[DONE]` follows; unstreamed it is a 500."""
    backend = FakeBackend(counting(lambda kept: 20 if kept[-1] != 20 else None))

    with hosted(lambda _: fake_loaded_model(backend, Metrics())) as client:
        streamed, whole = ask(client, stream=True), ask(client)

    assert json.loads(events(streamed)[-1])["error"]["code"] == "not_finite"
    assert "[DONE]" not in streamed.text
    assert (whole.status_code, whole.json()["error"]["code"]) == (500, "not_finite")


def test_a_full_queue() -> None:
    """Over the bound a request is refused at once, and told when to come again."""
    metrics = Metrics()

    with hosted(lambda _: fake_loaded_model(FakeBackend(), metrics, rows=1, waiting_limit=1)) as client:
        refused = ask(client, n=8)

    assert refused.status_code == 429
    assert refused.headers["retry-after"]
    assert (refused.json()["error"]["code"], refused.json()["error"]["limit"]) == ("queue_full", 1)


def test_silence_is_filled() -> None:
    """While a stream waits for its slot, comments show that it lives."""
    released = threading.Event()

    def slowly(_kept: Any) -> int:
        released.wait(WAIT_S)
        return 20

    backend = FakeBackend(counting(slowly))
    fields = {"prompt": "雨", "max_tokens": 1, "stream": True}
    with (
        hosted(lambda _: fake_loaded_model(backend, Metrics()), alive_every_s=0.01) as client,
        client.stream("POST", "/v1/completions", json=fields) as stream,
    ):
        lines = stream.iter_lines()
        while next(lines) != ": alive":
            pass
        released.set()
        rest = list(lines)

    assert "data: [DONE]" in rest


def test_stopping_ends_streams_with_a_reason() -> None:
    """Told to stop, the worker says so in every open stream instead of falling silent."""
    backend = FakeBackend(context=10**6)
    served = fake_loaded_model(backend, Metrics(), rows=1)

    with hosted(lambda _: served) as client:
        endless = {"prompt": "", "max_tokens": 90_000, "stream": True}
        with client.stream("POST", "/v1/completions", json=endless) as stream:
            lines = stream.iter_lines()
            while not next(lines).startswith("data: "):
                pass
            served.engine.stop()
            last = [line for line in lines if line.startswith("data: ")][-1]

    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "stopping"


def test_the_user_is_who_takes_turns() -> None:
    """`user` goes on as the story that a request is for; without it a request is for itself."""
    assert generation_request(CompletionRequest(prompt="雨", user="a")).story == "a"
    assert generation_request(CompletionRequest(prompt="雨", user=None)).story == ""
