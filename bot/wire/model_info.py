"""What a worker says of itself and of its model: `/health`, `/v1/models`, `/tokenize` and `/v1/window`."""

from __future__ import annotations

from typing import NotRequired

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from bot.domain.inference import ContextWindow, EngineStatus, Health, TokenCount


class OutputBody(TypedDict):
    """Which tokens may be written: so many `rows` of the vocabulary, for these languages, by kind."""

    languages: list[str]
    rows: int
    of: int
    kinds: dict[str, int]


class HealthBody(TypedDict):
    """The worker's state; all but `status` and what goes with it only where a model is loaded."""

    status: EngineStatus
    model: NotRequired[str]
    progress: NotRequired[float]
    max_model_len: NotRequired[int]
    backend: NotRequired[str]
    quantization: NotRequired[str]
    output: NotRequired[OutputBody]
    running: NotRequired[int]
    waiting: NotRequired[int]
    last_step_s: NotRequired[float | None]
    reason: NotRequired[str]


class ModelCard(TypedDict):
    """A model as OpenAI's clients list it."""

    id: str
    object: str
    created: int
    owned_by: str
    max_model_len: int


class ModelList(TypedDict):
    """All models, which is one at most."""

    object: str
    data: list[ModelCard]


class TokenizeResponse(TypedDict):
    """How the model reads a text; of another server only `count` is needed."""

    tokens: NotRequired[list[int]]
    count: int
    max_model_len: NotRequired[int]
    unknown: NotRequired[list[str]]
    read_as: NotRequired[str]
    dropped_characters: NotRequired[int]
    unreadable: NotRequired[bool]
    unwritable: NotRequired[list[str]]
    languages_needed: NotRequired[list[str]]


_HEALTH = TypeAdapter(HealthBody)
_TOKENIZED = TypeAdapter(TokenizeResponse)
_WINDOW = TypeAdapter(ContextWindow)
"""The window goes out as it is: its fields' names are the wire's."""


def read_health(body: bytes) -> Health:
    """The state in an answer. Raises ValueError."""
    said = _HEALTH.validate_json(body)
    return Health(said["status"], said.get("progress", 0.0), said.get("reason", ""), said.get("model", ""))


def read_token_count(body: bytes) -> TokenCount:
    """The count in an answer. Raises ValueError."""
    said = _TOKENIZED.validate_json(body)
    return TokenCount(
        said["count"],
        tuple(said.get("unknown", ())),
        said.get("read_as", ""),
        tuple(said.get("unwritable", ())),
        tuple(said.get("languages_needed", ())),
    )


def read_window(body: bytes) -> ContextWindow:
    """The window in an answer. Raises ValueError."""
    return _WINDOW.validate_json(body)
