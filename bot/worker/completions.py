"""What `/v1/completions` and `/tokenize` take."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bot.messages import Piece, Request
from bot.sampling import MAX_BANNED, STANDARD, Sampling
from bot.worker.presets import BUILT_IN, Presets

MAX_PROMPT_CHARACTERS = 100_000
"""Many times what any XGLM holds; it is read in a quarter of a second."""
MAX_CANDIDATES = 8
MAX_STOPS = 16
MAX_NEW_TOKENS = 100_000
DEFAULT_NEW_TOKENS = 200
MAX_LOGPROBS = 20
MAX_USER_CHARACTERS = 200
MAX_BIASED = 1_000
LARGEST_BIAS = 100.0
LARGEST_PENALTY = 2.0
MAX_NGRAM = 100
MAX_PIECES = 128
MAX_PIECE_CHARACTERS = 20_000
"""Of one piece that stands around a prompt, and of all in front of it, and of all inset."""


def _of_length(text: str) -> str:
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise ValueError(f"it may have {MAX_PROMPT_CHARACTERS} characters, and this one has {len(text)}")
    return text


Prompt = Annotated[str, AfterValidator(_of_length)]
Stop = Annotated[str, Field(min_length=1, max_length=200)]
Banned = Annotated[str, Field(min_length=1, max_length=200)]
TokenId = Annotated[str, Field(pattern="^[0-9]{1,7}$")]
Bias = Annotated[float, Field(ge=-LARGEST_BIAS, le=LARGEST_BIAS, allow_inf_nan=False)]
Additive = Annotated[float, Field(ge=-LARGEST_PENALTY, le=LARGEST_PENALTY, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

PRESET = Sampling()
"""What holds where a request says nothing."""


SETTINGS = {field.name: field.name for field in fields(Sampling)} | {
    "no_repeat_ngram": "no_repeat_ngram_size"
}
"""By our name for a setting, its name on the wire."""


class PieceOfContext(BaseModel):
    """A piece that stands around the story."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["memory", "lore", "note"]
    text: Annotated[str, Field(min_length=1, max_length=MAX_PIECE_CHARACTERS)]


class CompletionRequest(BaseModel):
    """OpenAI's fields and ours. Unknown fields are ignored, null is the default."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    prompt: Prompt | Annotated[list[Prompt], Field(min_length=1, max_length=1)]
    model: str | None = None
    preset: str = Field("", max_length=MAX_USER_CHARACTERS)
    user: str = Field("", max_length=MAX_USER_CHARACTERS)
    echo: bool = False
    n: int = Field(1, ge=1, le=MAX_CANDIDATES)
    best_of: int = 1
    logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    max_tokens: int = Field(DEFAULT_NEW_TOKENS, ge=1, le=MAX_NEW_TOKENS)
    min_tokens: int = Field(0, ge=0, le=MAX_NEW_TOKENS)
    repetition_penalty: float = Field(PRESET.repetition_penalty, ge=0.01, le=5, allow_inf_nan=False)
    repetition_window: int = Field(PRESET.repetition_window, ge=0)
    repetition_slope: float = Field(PRESET.repetition_slope, ge=0, le=10, allow_inf_nan=False)
    frequency_penalty: Additive = PRESET.frequency_penalty
    presence_penalty: Additive = PRESET.presence_penalty
    no_repeat_ngram_size: int = Field(PRESET.no_repeat_ngram, ge=0, le=MAX_NGRAM)
    dry_multiplier: float = Field(PRESET.dry_multiplier, ge=0, le=100, allow_inf_nan=False)
    dry_base: float = Field(PRESET.dry_base, ge=1, le=10, allow_inf_nan=False)
    dry_allowed_length: int = Field(PRESET.dry_allowed_length, ge=1)
    dry_window: int = Field(PRESET.dry_window, ge=0)
    temperature: float = Field(PRESET.temperature, ge=0, le=5, allow_inf_nan=False)
    top_k: int = Field(PRESET.top_k, ge=0)
    typical_p: float = Field(PRESET.typical_p, gt=0, le=1, allow_inf_nan=False)
    top_p: float = Field(PRESET.top_p, gt=0, le=1, allow_inf_nan=False)
    min_p: Share = PRESET.min_p
    xtc_threshold: Share = PRESET.xtc_threshold
    xtc_probability: Share = PRESET.xtc_probability
    logit_bias: dict[TokenId, Bias] = Field(default_factory=dict, max_length=MAX_BIASED)
    banned: list[Banned] = Field(default_factory=list, max_length=MAX_BANNED)
    front: list[PieceOfContext] = Field(default_factory=list, max_length=MAX_PIECES)
    inset: list[PieceOfContext] = Field(default_factory=list, max_length=MAX_PIECES)
    inset_depth: int = Field(3, ge=1, le=100)
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

    @field_validator("front", "inset")
    @classmethod
    def _all_are_short(cls, pieces: list[PieceOfContext]) -> list[PieceOfContext]:
        length = sum(len(piece.text) for piece in pieces)
        if length > MAX_PIECE_CHARACTERS:
            raise ValueError(
                f"all pieces may have {MAX_PIECE_CHARACTERS} characters, and these have {length}"
            )
        return pieces

    @model_validator(mode="after")
    def _min_fits_max(self) -> Self:
        if self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens ({self.min_tokens}) is over max_tokens ({self.max_tokens})")
        return self

    def request(self, presets: Presets = BUILT_IN) -> Request:
        """The same in the house's own terms: the preset, with the settings that are given instead of its own.

        A preset's bias comes with it where it is named, or where nothing else is said of the sampling.

        Raises:
            KeyError: there is no such preset.
        """
        preset = presets[self.preset or STANDARD]
        given = {
            name: getattr(self, wire) for name, wire in SETTINGS.items() if wire in self.model_fields_set
        }
        bias = dict(preset.bias if self.preset or not given else ())
        bias |= {int(token): value for token, value in self.logit_bias.items()}
        return Request(
            prompt=self.prompt if isinstance(self.prompt, str) else self.prompt[0],
            sampling=replace(preset.sampling, **given),
            preset=self.preset,
            max_tokens=self.max_tokens,
            min_tokens=self.min_tokens,
            n=self.n,
            seed=self.seed,
            stop=(self.stop,) if isinstance(self.stop, str) else tuple(self.stop),
            story=self.user,
            logprobs=self.logprobs,
            banned=tuple(self.banned),
            logit_bias=tuple(bias.items()),
            front=tuple(Piece(piece.kind, piece.text) for piece in self.front),
            inset=tuple(Piece(piece.kind, piece.text) for piece in self.inset),
            inset_depth=self.inset_depth,
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
