"""Bodies of requests: JSON in UTF-8 that fits a model, or a sentence that names what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest

from bot.domain.inference import ContextPiece, GenerationRequest
from bot.domain.sampling import STANDARD
from bot.wire.completion_request import CompletionRequest
from bot.wire.errors import ApiError, invalid_request
from bot.worker.sampling.presets import BUILT_IN, Presets

Body = TypeVar("Body", bound=BaseModel)


class RefusedError(HTTPException):
    """A request ends here, with this error."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.status)
        self.error = error


async def read_body(request: HttpRequest, kind: type[Body]) -> Body:
    """A request's body.

    Raises:
        RefusedError: it is not JSON, is not called so, or holds something wrong.
    """
    _check_type(request.headers.get("content-type", ""))
    value = _parsed(await request.body())
    if not isinstance(value, dict):
        raise RefusedError(invalid_request("the body has to be a JSON object, with the fields in it"))
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise RefusedError(_invalid(error)) from error


def generation_request(body: CompletionRequest, presets: Presets = BUILT_IN) -> GenerationRequest:
    """The same for its first text in the house's own terms.

    That is its preset, with the settings that are given instead of the preset's own. A preset's bias comes
    with it where it is named, or where nothing else is said of the sampling.

    Raises:
        RefusedError: there is no such preset.
    """
    preset = presets.get(body.preset or STANDARD)
    if preset is None:
        message = f"there is no preset {body.preset!r}; there are {', '.join(presets)}"
        raise RefusedError(invalid_request(message, param="preset"))
    given = body.sampling
    bias = dict(preset.bias if body.preset or not given else ())
    bias |= {int(token): value for token, value in body.logit_bias.items()}
    return GenerationRequest(
        prompt=next((prompt for prompt in body.prompt if isinstance(prompt, str)), ""),
        sampling=replace(preset.sampling, **given),
        preset=body.preset,
        max_tokens=body.max_tokens,
        min_tokens=body.min_tokens,
        n=body.n,
        seed=body.seed,
        stop=tuple(body.stop),
        story=body.user,
        logprobs=body.logprobs,
        banned=tuple(body.banned),
        logit_bias=tuple(bias.items()),
        prefix=tuple(ContextPiece(piece.kind, piece.text) for piece in body.front),
        depth_inserted=tuple(ContextPiece(piece.kind, piece.text) for piece in body.inset),
        insertion_depth=body.inset_depth,
    )


def _check_type(said: str) -> None:
    # Not guessed at: a browser lets any page send plain text here, but asks us about JSON first.
    kind = said.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        is_it = f"this one is called {kind[:100]}" if kind else "this request has no Content-Type"
        message = f"the body has to be sent as application/json: {is_it}"
        raise RefusedError(invalid_request(message, code="content_type"))


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8: byte {error.start + 1} of {len(body)} is no part of it"
    except json.JSONDecodeError as error:
        message = f"the body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    except (ValueError, RecursionError) as error:
        message = f"the body is not valid JSON: {error}"
    raise RefusedError(invalid_request(message, code="invalid_json"))


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _invalid(error: ValidationError) -> ApiError:
    """The first thing that is wrong, in words."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    param = str(first["loc"][0]) if first["loc"] else None
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"][1:])
    said = str(first["msg"]).removeprefix("Value error, ")
    code = "missing" if first["type"] == "missing" else "invalid_value"
    return invalid_request(f"{param}{place}: {said}" if param else said, code=code, param=param)
