"""The routes of the worker's API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict
from typing import Any

from fastapi import Request as HttpRequest
from fastapi import Response

from bot.domain.errors import EngineError, QueueFull
from bot.domain.inference import Delta, EngineStatus
from bot.wire.completion_request import CompletionRequest, TokenizeRequest
from bot.wire.errors import ApiError, api_error, invalid_request
from bot.wire.event_stream import ALIVE, DONE, OPEN, encode_event, encode_json
from bot.wire.model_info import ModelCard, ModelList, TokenizeResponse
from bot.worker.api.completion_formatter import CompletionFormatter
from bot.worker.api.event_stream import EventStream, ReaderGone, while_read
from bot.worker.api.readiness import Readiness
from bot.worker.api.request_body import RefusedError, generation_request, read_body
from bot.worker.engine.delta_coalescer import join_deltas
from bot.worker.engine.loaded_model import Completion, LoadedModel, UnfitPromptError
from bot.worker.engine.metrics import Metrics
from bot.worker.text.encoding import read_as
from bot.worker.text.languages import languages_with

DEFAULT_MODEL = "default"


class Routes:
    """What each path answers. Their names are operation ids of the API's description."""

    def __init__(
        self,
        readiness: Readiness,
        metrics: Metrics,
        wall_clock: Callable[[], float],
        alive_every_s: float,
    ) -> None:
        self._readiness = readiness
        self._metrics = metrics
        self._wall_clock = wall_clock
        self._alive_every_s = alive_every_s
        self._started = int(wall_clock())

    async def completions(self, request: HttpRequest) -> Response:
        """Continue a text, or several."""
        model = self._loaded_model()
        body = await read_body(request, CompletionRequest)
        try:
            completion = await model.complete(
                generation_request(body, model.presets), body.prompt, echo=body.echo
            )
        except UnfitPromptError as error:
            refused = invalid_request(f"prompt: {error}", code="context_length_exceeded", param="prompt")
            raise RefusedError(refused) from error
        except (EngineError, QueueFull) as error:
            refused = api_error(error)
            self._count(refused.code)
            raise RefusedError(refused) from error
        spell = None if body.logprobs is None else model.text.spell
        created = int(self._wall_clock())
        formatter = CompletionFormatter(completion.id, created, model.name, spell, body.include_usage)
        if body.stream:
            return EventStream(self._events(completion, formatter), lambda: self._close(completion))
        try:
            return await while_read(request.receive, self._whole(completion, formatter))
        except ReaderGone:
            return Response(status_code=499)
        finally:
            self._close(completion)

    async def models(self) -> Response:
        """The one model, once it is loaded."""
        model = self._readiness.model
        listed = ModelList(object="list", data=[] if model is None else [self._card(model)])
        return json_response(listed)

    async def model(self, name: str) -> Response:
        """The one model, by its name or as the default."""
        model = self._loaded_model()
        if name not in {DEFAULT_MODEL, model.name}:
            message = f"there is no model {name[:200]!r}: this worker serves {model.name!r}"
            raise RefusedError(invalid_request(message, code="model_not_found", param="model", status=404))
        return json_response(self._card(model))

    async def window(self, request: HttpRequest) -> Response:
        """What the model would read of the same body at `/v1/completions`."""
        model = self._loaded_model()
        body = await read_body(request, CompletionRequest)
        if len(body.prompt) > 1 or not isinstance(body.prompt[0], str):
            raise RefusedError(invalid_request("prompt: the window is that of one text", param="prompt"))
        return json_response(asdict(await model.context_window(generation_request(body, model.presets))))

    async def tokenize(self, request: HttpRequest) -> Response:
        """How the model reads a text."""
        model = self._loaded_model()
        body = await read_body(request, TokenizeRequest)
        encoded = await asyncio.to_thread(model.text.encode, body.written, model.context)
        unwritable = model.text.unwritable(body.written, encoded.unknown)
        response: TokenizeResponse = {
            "tokens": list(encoded.ids),
            "count": len(encoded.ids),
            "max_model_len": model.context,
            "unknown": list(encoded.unknown),
            "read_as": read_as(body.written, encoded.unknown),
            "dropped_characters": encoded.dropped_characters,
            "unreadable": encoded.unreadable,
            "unwritable": list(unwritable),
            "languages_needed": list(languages_with(unwritable)),
        }
        return json_response(response)

    async def health(self) -> Response:
        """Loading, ready, or failed with the reason."""
        ready = self._readiness.status is EngineStatus.READY
        return json_response(self._readiness.health, status=200 if ready else 503)

    async def figures(self) -> Response:
        """What was counted, for Prometheus."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    def _loaded_model(self) -> LoadedModel:
        model = self._readiness.model
        if model is None:
            raise RefusedError(self._readiness.error)
        return model

    def _card(self, model: LoadedModel) -> ModelCard:
        return {
            "id": model.name,
            "object": "model",
            "created": self._started,
            "owned_by": "tsuzuki",
            "max_model_len": model.context,
        }

    async def _whole(self, completion: Completion, formatter: CompletionFormatter) -> Response:
        pieces: dict[int, list[Delta]] = {}
        try:
            while not completion.finished:
                for delta in await completion.read():
                    pieces.setdefault(delta.index, []).append(delta)
        except EngineError as error:
            refused = api_error(error)
            self._count(refused.code)
            return error_response(refused)
        self._count("completed")
        # Away from the loop: the scores of long prompts are megabytes to spell and to write.
        return await asyncio.to_thread(
            lambda: json_response(
                formatter.whole(completion, [join_deltas(pieces[i]) for i in sorted(pieces)])
            )
        )

    async def _events(self, completion: Completion, formatter: CompletionFormatter) -> AsyncIterator[bytes]:
        yield OPEN
        try:
            while not completion.finished:
                deltas = await completion.read(self._alive_every_s)
                yield b"".join(encode_event(formatter.chunk(delta)) for delta in deltas) or ALIVE
        except EngineError as error:
            refused = api_error(error)
            self._count(refused.code)
            yield encode_event(refused.body)
            return
        self._count("completed")
        usage = encode_event(formatter.usage_chunk(completion)) if formatter.include_usage else b""
        yield usage + DONE

    def _close(self, completion: Completion) -> None:
        if completion.close():
            self._count("cancelled")

    def _count(self, outcome: str) -> None:
        self._metrics.requests.labels(outcome).inc()


def json_response(
    value: Mapping[str, Any], *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """An answer in JSON."""
    return Response(encode_json(value), status, headers, media_type="application/json")


def error_response(error: ApiError) -> Response:
    """An answer that is an error."""
    return json_response(error.body, status=error.status, headers=error.headers)
