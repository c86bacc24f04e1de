"""What `/v1/completions` and `/tokenize` take."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from bot.messages import Request, Sampling

MAX_PROMPT_CHARACTERS = 1_000_000
MAX_CANDIDATES = 8
MAX_STOPS = 16
MAX_NEW_TOKENS = 100_000
DEFAULT_NEW_TOKENS = 200
MAX_LOGPROBS = 20
MAX_USER_CHARACTERS = 200

Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)]
Stop = Annotated[str, Field(min_length=1, max_length=200)]


class CompletionRequest(BaseModel):
    """OpenAI's fields and ours. Unknown fields are ignored, null is the default."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    prompt: Prompt | Annotated[list[Prompt], Field(min_length=1, max_length=1)]
    model: str | None = None
    user: str = Field("", max_length=MAX_USER_CHARACTERS)
    echo: bool = False
    n: int = Field(1, ge=1, le=MAX_CANDIDATES)
    best_of: int = 1
    logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    max_tokens: int = Field(DEFAULT_NEW_TOKENS, ge=1, le=MAX_NEW_TOKENS)
    min_tokens: int = Field(0, ge=0, le=MAX_NEW_TOKENS)
    temperature: float = Field(Sampling().temperature, ge=0, le=5, allow_inf_nan=False)
    top_p: float = Field(Sampling().top_p, gt=0, le=1, allow_inf_nan=False)
    top_k: int = Field(Sampling().top_k, ge=0)
    repetition_penalty: float = Field(Sampling().repetition_penalty, ge=0.01, le=5, allow_inf_nan=False)
    repetition_window: int = Field(Sampling().repetition_window, ge=0)
    seed: int | None = Field(None, ge=-(2**63), lt=2**64)
    stop: Stop | Annotated[list[Stop], Field(max_length=MAX_STOPS)] = Field(default_factory=list)
    stream: bool = False

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data

    @field_validator("echo")
    @classmethod
    def _no_echo(cls, echo: object) -> object:
        # Refused rather than ignored: who asks for it would take the continuation for the prompt.
        if echo:
            raise ValueError("the prompt is not sent back; leave echo out")
        return echo

    @field_validator("best_of")
    @classmethod
    def _no_best_of(cls, best_of: int, info: ValidationInfo) -> int:
        if best_of not in {1, info.data.get("n", 1)}:
            raise ValueError("every candidate is sent, none is picked; leave best_of out and ask for n")
        return best_of

    @model_validator(mode="after")
    def _min_fits_max(self) -> Self:
        if self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens ({self.min_tokens}) is over max_tokens ({self.max_tokens})")
        return self

    def request(self) -> Request:
        """The same in the house's own terms."""
        return Request(
            prompt=self.prompt if isinstance(self.prompt, str) else self.prompt[0],
            sampling=Sampling(
                temperature=self.temperature,
                top_p=self.top_p,
                top_k=self.top_k,
                repetition_penalty=self.repetition_penalty,
                repetition_window=self.repetition_window,
            ),
            max_tokens=self.max_tokens,
            min_tokens=self.min_tokens,
            n=self.n,
            seed=self.seed,
            stop=(self.stop,) if isinstance(self.stop, str) else tuple(self.stop),
            story=self.user,
            logprobs=self.logprobs,
        )


class TokenizeRequest(BaseModel):
    """A text, under either name."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    prompt: Prompt | None = None
    text: Prompt | None = None

    @model_validator(mode="after")
    def _one_is_there(self) -> Self:
        if self.prompt is None and self.text is None:
            raise ValueError("prompt (or text) is missing")
        return self

    @property
    def written(self) -> str:
        """The text."""
        return self.prompt if self.prompt is not None else self.text or ""
