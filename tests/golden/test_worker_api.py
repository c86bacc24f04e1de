"""The worker's HTTP API, over real HTTP, around a model that always counts on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import torch

from tests.golden.conftest import Golden
from tests.golden.doors import CheckpointError, FakeBackend, Metrics, fake_loaded_model, hosted

PROMPT = "雨が降りはじめると、"
VOCABULARY = 512
KINDS = {"content-type", "retry-after", "allow"}
"""Headers that clients act on."""


def counting_on(kept: Sequence[tuple[int, bool]]) -> torch.Tensor:
    """The next number has the highest of logits that are all different."""
    following = 4 + (kept[-1][0] - 3) % (VOCABULARY - 4)
    return torch.linspace(2, -2, VOCABULARY).index_fill(0, torch.tensor([following]), 4.0)


def nothing(kept: Sequence[tuple[int, bool]]) -> torch.Tensor:
    """No numbers."""
    return torch.full((VOCABULARY,), torch.nan)


@contextmanager
def serving(answer: Any = counting_on, **options: Any) -> Iterator[httpx.Client]:
    """A worker with that model."""
    metrics = Metrics()
    with hosted(
        lambda _: fake_loaded_model(FakeBackend(answer), metrics, **options), metrics=metrics
    ) as client:
        yield client


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """One worker for all tests of this file."""
    with serving() as client:
        yield client


def whole(response: httpx.Response) -> dict[str, Any]:
    """An answer with what clients act on."""
    headers = {name: value for name, value in sorted(response.headers.items()) if name in KINDS}
    return {"status": response.status_code, "headers": headers, "body": settled(response.text)}


def settled(text: str) -> Any:
    """A body without what differs from run to run; other text than JSON as it is."""
    try:
        return rounded(json.loads(text))
    except json.JSONDecodeError:
        return text


def rounded(value: Any) -> Any:
    """Figures to three places; ids and moments by name."""
    if isinstance(value, dict):
        return {key: _named(key, rounded(inner)) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return round(value, 3) if isinstance(value, float) else value


def _named(key: str, value: Any) -> Any:
    if key == "id" and isinstance(value, str):
        return re.sub(r"^cmpl-[0-9a-f]{32}$", "cmpl-<id>", value)
    if key == "created":
        return "<seconds>" if isinstance(value, int) else value
    return "<seconds>" if key == "last_step_s" and isinstance(value, int | float) else value


def streamed(response: httpx.Response) -> dict[str, Any]:
    """A stream: its events, with the pieces of one candidate that only time parted put together."""
    told: list[Any] = []
    texts: dict[int, dict[str, Any]] = {}
    for event in filter(None, response.text.split("\n\n")):
        data = event.removeprefix("data: ")
        if data == event or data == "[DONE]":
            told.append(event)
            continue
        value = rounded(json.loads(data))
        for choice in value.get("choices", ()):
            texts[choice["index"]] = _joined(texts.get(choice["index"]), value, choice)
        if not value.get("choices"):
            told.append({"data": value})
    ends = [{"data": texts[index]} for index in sorted(texts)]
    opened = [each for each in told if isinstance(each, str) and each.startswith(":")]
    rest = [each for each in told if each not in opened]
    return {
        "status": response.status_code,
        "headers": whole(response)["headers"],
        "events": [*opened, *ends, *rest],
    }


def _joined(before: dict[str, Any] | None, value: dict[str, Any], choice: dict[str, Any]) -> dict[str, Any]:
    if before is None:
        return value
    former = before["choices"][0]
    scores = former["logprobs"]
    if scores is not None:
        scores = {name: [*scores[name], *choice["logprobs"][name]] for name in scores}
    both = {**choice, "text": former["text"] + choice["text"], "logprobs": scores}
    return {**value, "choices": [both]}


def ask(client: httpx.Client, **fields: Any) -> httpx.Response:
    """A completion, the best token each time."""
    body = {"prompt": PROMPT, "max_tokens": 6, "seed": 1, "temperature": 0, **PLAIN, **fields}
    return client.post(
        "/v1/completions", json={key: value for key, value in body.items() if value != "absent"}
    )


PLAIN = {"repetition_penalty": 1, "dry_multiplier": 0}

COMPLETIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "candidates": {"n": 2},
    "scores": {"logprobs": 2, "max_tokens": 3},
    "echo": {"echo": True},
    "echo, scores": {"echo": True, "logprobs": 1, "max_tokens": 0},
    "several prompts": {"prompt": [PROMPT, "猫は\n"], "n": 2, "max_tokens": 2},
    "token ids": {"prompt": [2, 10, 11]},
    "unknown character": {"prompt": "蒸し暑い晩のこと"},
    "around it": {"front": [{"kind": "memory", "text": "雨"}], "inset": [{"kind": "note", "text": "猫"}]},
    "all fields": {
        "model": "any", "preset": "bold", "min_tokens": 1, "logit_bias": {"7": 1.5}, "repetition_window": 8,
        "repetition_slope": 1, "frequency_penalty": 0.1, "presence_penalty": 0.1, "no_repeat_ngram_size": 9,
        "dry_base": 1.5, "dry_allowed_length": 3, "dry_window": 9, "top_k": 5, "typical_p": 0.9, "top_p": 0.9,
        "min_p": 0.01, "xtc_threshold": 0.2, "xtc_probability": 0, "banned": ["馬鹿"], "inset_depth": 2,
        "stop": ["終"], "user": "story", "best_of": 1, "suffix": None, "unheard_of": 1,
    },
}  # fmt: skip
REFUSED: dict[str, dict[str, Any]] = {
    "no prompt": {"prompt": "absent"},
    "prompt of a wrong kind": {"prompt": 5},
    "empty list of prompts": {"prompt": []},
    "too many prompts": {"prompt": ["a"] * 65},
    "too many choices": {"prompt": ["a"] * 33, "n": 2},
    "too long a prompt": {"prompt": "a" * 100_001},
    "no such token": {"prompt": [5, 100_000]},
    "too many tokens": {"prompt": [5] * 65},
    "echo that does not fit": {"prompt": "雨" * 90, "echo": True},
    "max_tokens": {"max_tokens": 0},
    "min_tokens": {"min_tokens": 9},
    "temperature": {"temperature": -1},
    "top_p": {"top_p": 0},
    "n": {"n": 99},
    "stop": {"stop": ["a"] * 17},
    "long stop": {"stop": ["a", "b" * 201]},
    "number as text": {"max_tokens": "8"},
    "switch as text": {"stream": "yes"},
    "suffix": {"suffix": "終わり。"},
    "stream_options without a stream": {"stream_options": {"include_usage": True}},
    "obfuscation": {"stream": True, "stream_options": {"include_obfuscation": True}},
    "echo with front": {"echo": True, "front": [{"kind": "note", "text": "雨"}]},
    "kind of a piece": {"front": [{"kind": "x", "text": "雨"}]},
    "logprobs": {"logprobs": 21},
    "best_of": {"best_of": 3},
    "user": {"user": "x" * 201},
    "banned": {"banned": ["x"] * 501},
    "preset": {"preset": "nothing"},
    "seed": {"seed": "x"},
    "logit_bias": {"logit_bias": {"x": 1}},
}


def test_completions(client: httpx.Client, golden: Golden) -> None:
    """Whole answers, with scores, echo, several candidates and several prompts."""
    golden(worker_completions={name: whole(ask(client, **fields)) for name, fields in COMPLETIONS.items()})


def test_streams(client: httpx.Client, golden: Golden) -> None:
    """The events, and to the byte those of a stream of one token."""
    asked = {**COMPLETIONS, "usage": {"stream_options": {"include_usage": True}}}
    told = {name: streamed(ask(client, stream=True, **fields)) for name, fields in asked.items()}
    one = ask(client, stream=True, max_tokens=1, stream_options={"include_usage": True}).text
    raw = re.sub(r'"created":\d+', '"created":<seconds>', re.sub(r"cmpl-[0-9a-f]{32}", "cmpl-<id>", one))
    golden(worker_streams=told, worker_stream_raw=raw)


def test_refusals(client: httpx.Client, golden: Golden) -> None:
    """Every kind of wrong request, with status, code, parameter and sentence."""
    told = {name: whole(ask(client, **fields)) for name, fields in REFUSED.items()}
    json_kind = {"Content-Type": "application/json"}
    bodies: dict[str, tuple[bytes, dict[str, str]]] = {
        "no content type": (b'{"prompt": "a"}', {}),
        "another content type": (b'{"prompt": "a"}', {"Content-Type": "text/plain"}),
        "not UTF-8": ('{"prompt": "雨"}'.encode("euc-jp"), json_kind),
        "empty": (b"", json_kind),
        "not JSON": (b'{"prompt": "a",}', json_kind),
        "NaN": (b'{"prompt": "a", "top_p": NaN}', json_kind),
        "a list": (b'["prompt"]', json_kind),
        "too large": (b" " * (2 * 1024 * 1024 + 1), json_kind),
    }
    for name, (content, headers) in bodies.items():
        told[name] = whole(client.post("/v1/completions", content=content, headers=headers))
    told["404"] = whole(client.get("/v1/nothing"))
    told["405"] = whole(client.get("/v1/completions"))
    told["405 of health"] = whole(client.post("/health"))
    golden(worker_refusals=told)


def test_the_other_paths(client: httpx.Client, golden: Golden) -> None:
    """Health, models, tokens, the window, and OpenAPI without its prose."""
    window = {"prompt": "雨", "max_tokens": 8, "front": [{"kind": "memory", "text": "猫"}]}
    told = {
        "GET /health": client.get("/health"),
        "GET /v1/models": client.get("/v1/models"),
        "GET /v1/models/default": client.get("/v1/models/default"),
        "GET /v1/models/other": client.get("/v1/models/other"),
        "POST /tokenize": client.post("/tokenize", json={"prompt": "晩の雨\n雨"}),
        "POST /tokenize text": client.post("/tokenize", json={"text": "雨"}),
        "POST /tokenize nothing": client.post("/tokenize", json={}),
        "POST /v1/window": client.post("/v1/window", json=window),
        "POST /v1/window several": client.post("/v1/window", json={"prompt": ["雨", "猫"]}),
    }
    schema = client.get("/openapi.json").json()
    for path in schema["paths"].values():
        for operation in path.values():
            operation.pop("description", None)
    golden(worker_paths={name: whole(answer) for name, answer in told.items()}, worker_openapi=schema)


def test_metrics(golden: Golden) -> None:
    """Names, kinds, help and labels; the figures are the machine's."""
    with serving() as client:
        ask(client)
        ask(client, prompt=5)
        lines = client.get("/metrics").text.splitlines()
    golden(
        worker_metrics="\n".join(line if line.startswith("#") else line.rpartition(" ")[0] for line in lines)
        + "\n"
    )


def test_a_worker_without_a_model(golden: Golden) -> None:
    """What each path says then; also of a model that computes nothing, and of one that is asked too much."""

    def fails(_: object) -> Any:
        raise CheckpointError("there is no config.json")

    with hosted(fails) as client:
        failed = [client.get("/health"), client.get("/v1/models"), ask(client)]
        told: dict[str, Any] = {"failed": [whole(answer) for answer in failed]}
    with serving(nothing) as client:
        told["not finite"] = whole(ask(client))
        told["not finite, streamed"] = streamed(ask(client, stream=True))
    with serving(waiting_limit=1, rows=1) as client:
        told["queue full"] = whole(ask(client, n=8))
    golden(worker_trouble=told)
