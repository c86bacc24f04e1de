"""Errors as OpenAI's clients expect them, and what each means in the house's own terms: both ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NotRequired

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from bot.domain.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLoading,
    EngineUnavailable,
    NotFinite,
    QueueFull,
    RequestRejected,
)

_FIRST_SERVER_ERROR = 500


class ErrorObject(TypedDict):
    """OpenAI's, and what some of ours say besides. Other servers have numbers for codes."""

    message: NotRequired[str | None]
    type: NotRequired[str | None]
    code: NotRequired[str | int | None]
    param: NotRequired[str | None]
    progress: NotRequired[float | None]
    reason: NotRequired[str | None]
    limit: NotRequired[object]


class ErrorBody(TypedDict):
    """The body of an answer that is an error, and of the event that ends a stream with one."""

    error: ErrorObject


_BODY = TypeAdapter(ErrorBody)


@dataclass(frozen=True, slots=True)
class ApiError:
    """An error object, and the status that it has before a stream began."""

    status: int
    error: ErrorObject
    retry_after_s: int | None = None

    @property
    def code(self) -> str:
        """Which error it is."""
        return str(self.error["code"])

    @property
    def body(self) -> ErrorBody:
        """What is sent."""
        return {"error": self.error}

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After`, where it is known."""
        return {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}


def invalid_request(
    message: str, *, code: str = "invalid_value", param: str | None = None, status: int = 400
) -> ApiError:
    """The request is wrong."""
    return ApiError(
        status, {"message": message, "type": "invalid_request_error", "code": code, "param": param}
    )


def loading(progress: float) -> ApiError:
    """The model is not there yet."""
    error = _error("service_unavailable", "loading", f"the model is loading: {progress:.0%}")
    return ApiError(503, {**error, "progress": progress}, retry_after_s=1)


def failed(reason: str) -> ApiError:
    """The model could not be loaded."""
    error = _error("service_unavailable", "failed", f"the model could not be loaded: {reason}")
    return ApiError(503, {**error, "reason": reason})


def api_error(error: EngineError | QueueFull) -> ApiError:
    """What a request that was accepted, or nearly, came to."""
    match error:
        case QueueFull():
            limit = error.values.get("limit")
            message = f"{limit} requests wait already; try again soon"
            full = _error("rate_limit_error", "queue_full", message)
            return ApiError(429, {**full, "limit": limit}, retry_after_s=2)
        case NotFinite():
            message = "the model's output was not finite; try another dtype (bfloat16 or float32)"
            return ApiError(500, _error("server_error", "not_finite", message))
        case EngineUnavailable():
            stopping = _error("service_unavailable", "stopping", "the worker is stopping")
            return ApiError(503, stopping, retry_after_s=2)
        case _:
            return ApiError(500, _error("server_error", "internal", "the worker failed; see its log"))


def engine_error(error: ErrorObject) -> EngineError:
    """The error that an error object stands for."""
    match error.get("code"):
        case "loading":
            return EngineLoading(percent=round(100 * (error.get("progress") or 0.0)))
        case "failed":
            return EngineFailed(reason=error.get("reason") or error.get("message") or "")
        case "not_finite":
            return NotFinite()
        case "queue_full":
            return EngineBusy()
        case "stopping" | "internal":
            return EngineUnavailable()
        case _:
            return RequestRejected(reason=error.get("message") or "")


def refusal(status: int, body: bytes) -> EngineError:
    """What an answer other than 200 stands for."""
    try:
        return engine_error(_BODY.validate_json(body)["error"])
    except ValueError:
        pass
    # Something between us and the worker answered.
    if status < _FIRST_SERVER_ERROR:
        return RequestRejected(reason=f"HTTP {status}")
    return EngineUnavailable()


def _error(kind: str, code: str, message: str) -> ErrorObject:
    return {"message": message, "type": kind, "code": code, "param": None}
