"""Bodies of requests: JSON in UTF-8 that fits a model, or a sentence that names what is wrong."""

from __future__ import annotations

import json
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest

from bot.worker.api import responses as wire

Body = TypeVar("Body", bound=BaseModel)


class RefusedError(HTTPException):
    """A request ends here, with this fault."""

    def __init__(self, fault: wire.Fault) -> None:
        super().__init__(fault.status, fault.message)
        self.fault = fault


async def read_body(request: HttpRequest, kind: type[Body]) -> Body:
    """A request's body.

    Raises:
        RefusedError: it is not JSON, is not called so, or holds something wrong.
    """
    _check_type(request.headers.get("content-type", ""))
    value = _parsed(await request.body())
    if not isinstance(value, dict):
        raise RefusedError(wire.invalid("the body has to be a JSON object, with the fields in it"))
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise RefusedError(_fault(error)) from error


def _check_type(said: str) -> None:
    # Not guessed at: a browser lets any page send plain text here, but asks us about JSON first.
    kind = said.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        is_it = f"this one is called {kind[:100]}" if kind else "this request has no Content-Type"
        message = f"the body has to be sent as application/json: {is_it}"
        raise RefusedError(wire.invalid(message, code="content_type"))


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8: byte {error.start + 1} of {len(body)} is no part of it"
    except json.JSONDecodeError as error:
        message = f"the body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    except (ValueError, RecursionError) as error:
        message = f"the body is not valid JSON: {error}"
    raise RefusedError(wire.invalid(message, code="invalid_json"))


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _fault(error: ValidationError) -> wire.Fault:
    """The first thing that is wrong, in words."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    param = str(first["loc"][0]) if first["loc"] else None
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"][1:])
    said = str(first["msg"]).removeprefix("Value error, ")
    code = "missing" if first["type"] == "missing" else "invalid_value"
    return wire.invalid(f"{param}{place}: {said}" if param else said, code=code, param=param)
