"""What `/v1/completions`, `/v1/window` and `/tokenize` take: each field of OpenAI, honoured or refused."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)

from bot.domain.inference import GenerationRequest
from bot.domain.sampling import MAX_BANNED, PRESETS, SAMPLING_NAMES
from bot.wire.sampling import WIRE_NAMES, sampling_fields

MAX_PROMPT_CHARACTERS = 100_000
"""Of all prompts. Many times what any XGLM holds; it is read in a quarter of a second."""
MAX_PROMPT_TOKENS = 100_000
MAX_CANDIDATES = 8
MAX_CHOICES = 64
"""Prompts times candidates: as many as an idle worker with few slots lets wait; more would never be taken."""
MAX_STOPS = 16
MAX_NEW_TOKENS = 100_000
DEFAULT_NEW_TOKENS = 200
MAX_LOGPROBS = 20
MAX_USER_CHARACTERS = 200
MAX_BIASED = 1_000
LARGEST_BIAS = 100.0
MAX_PIECES = 128
MAX_PIECE_CHARACTERS = 20_000
"""Of one piece that stands around a prompt, and of all in front of it, and of all inset."""

Prompt = str | tuple[int, ...]
"""A text, or what the model shall read, token by token."""


def _prompts(value: object) -> tuple[Prompt, ...]:
    """A text, token ids, or a list of either. Counted before anything is looked into."""
    if not isinstance(value, list):
        return (_prompt(value),)
    if not value:
        raise ValueError("is empty: give a text, or a list of texts, of token ids, or of lists of token ids")
    if not isinstance(value[0], (str, list)):
        return (_prompt(value),)
    if len(value) > MAX_CHOICES:
        raise ValueError(f"{len(value)} prompts are too many: {MAX_CHOICES} are taken at once")
    _check_length(sum(len(each) for each in value if isinstance(each, str)))
    return tuple(_prompt(each) for each in value)


def _check_length(characters: int) -> None:
    if characters > MAX_PROMPT_CHARACTERS:
        raise ValueError(f"it may have {MAX_PROMPT_CHARACTERS} characters, and this one has {characters}")


def _of_length(text: str) -> str:
    _check_length(len(text))
    return text


def _prompt(value: object) -> Prompt:
    if isinstance(value, str):
        return _of_length(value)
    if not isinstance(value, list):
        raise ValueError("should be a text, or a list of texts or token ids")  # noqa: TRY004 - pydantic's kind
    if not 0 < len(value) <= MAX_PROMPT_TOKENS:
        raise ValueError(f"{len(value)} token ids: there may be 1 to {MAX_PROMPT_TOKENS}")
    if not all(type(token) is int and token >= 0 for token in value):
        raise ValueError("token ids are whole numbers from 0 on; texts and ids are not mixed")
    return tuple(value)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(_of_length)]
Prompts = Annotated[tuple[Prompt, ...], PlainValidator(_prompts, json_schema_input_type=str | list[Any])]
Stop = Annotated[str, Field(min_length=1, max_length=200)]
Banned = Annotated[str, Field(min_length=1, max_length=200)]
TokenId = Annotated[str, Field(pattern="^[0-9]{1,7}$")]
Bias = Annotated[float, Field(ge=-LARGEST_BIAS, le=LARGEST_BIAS)]


class PieceBody(BaseModel):
    """A piece that stands around the story."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    kind: Literal["memory", "lore", "note"]
    text: Annotated[str, Field(min_length=1, max_length=MAX_PIECE_CHARACTERS)]


class StreamOptions(BaseModel):
    """What a stream has besides the text."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    include_usage: bool = False
    include_obfuscation: bool = False

    @field_validator("include_obfuscation")
    @classmethod
    def _no_obfuscation(cls, wanted: object) -> object:
        if wanted:
            raise ValueError("pieces have the length of their text; leave include_obfuscation out")
        return wanted


class TextRequest(BaseModel):
    """A completion request without the settings of its sampling."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)

    prompt: Prompts
    suffix: str = ""
    model: str | None = None
    echo: bool = False
    max_tokens: int = Field(DEFAULT_NEW_TOKENS, ge=0, le=MAX_NEW_TOKENS)
    min_tokens: int = Field(0, ge=0, le=MAX_NEW_TOKENS)
    n: int = Field(1, ge=1, le=MAX_CANDIDATES)
    best_of: int = 1
    seed: int | None = Field(None, ge=-(2**63), lt=2**64)
    stop: Annotated[list[Stop], Field(max_length=MAX_STOPS), BeforeValidator(_listed)] = Field(
        default_factory=list
    )
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: str = Field("", max_length=MAX_USER_CHARACTERS)
    banned: list[Banned] = Field(default_factory=list, max_length=MAX_BANNED)
    logit_bias: dict[TokenId, Bias] = Field(default_factory=dict, max_length=MAX_BIASED)
    logprobs: int | None = Field(None, ge=0, le=MAX_LOGPROBS)
    front: list[PieceBody] = Field(default_factory=list, max_length=MAX_PIECES)
    inset: list[PieceBody] = Field(default_factory=list, max_length=MAX_PIECES)
    inset_depth: int = Field(3, ge=1, le=100)
    preset: str = Field("", max_length=MAX_USER_CHARACTERS)

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data

    @field_validator("suffix")
    @classmethod
    def _no_suffix(cls, suffix: str) -> str:
        # Refused rather than ignored: who asks for it would take the continuation for what fits in between.
        if suffix:
            raise ValueError("the model goes on behind a text, it fills no gap; leave suffix out")
        return suffix

    @field_validator("n")
    @classmethod
    def _not_too_many(cls, n: int, info: ValidationInfo) -> int:
        prompts = len(info.data.get("prompt", ()))
        if n * prompts > MAX_CHOICES:
            raise ValueError(f"{prompts} prompts times {n} are too many: {MAX_CHOICES} are written at once")
        return n

    @field_validator("best_of")
    @classmethod
    def _no_best_of(cls, best_of: int, info: ValidationInfo) -> int:
        if best_of not in {1, info.data.get("n", 1)}:
            raise ValueError("every candidate is sent, none is picked; leave best_of out and ask for n")
        return best_of

    @field_validator("max_tokens")
    @classmethod
    def _something_is_sent(cls, max_tokens: int, info: ValidationInfo) -> int:
        if max_tokens == 0 and not info.data.get("echo"):
            raise ValueError("0 needs echo: nothing would be sent; ask for 1 or more")
        return max_tokens

    @field_validator("min_tokens")
    @classmethod
    def _min_fits_max(cls, min_tokens: int, info: ValidationInfo) -> int:
        max_tokens = info.data.get("max_tokens", MAX_NEW_TOKENS)
        if min_tokens > max_tokens:
            raise ValueError(f"{min_tokens} is over max_tokens ({max_tokens})")
        return min_tokens

    @field_validator("front", "inset")
    @classmethod
    def _stands_by_itself(cls, pieces: list[PieceBody], info: ValidationInfo) -> list[PieceBody]:
        if pieces and info.data.get("echo"):
            raise ValueError("nothing is sent back of what stands around a prompt; leave it out, or echo")
        if pieces and not all(isinstance(prompt, str) for prompt in info.data.get("prompt", ())):
            raise ValueError("nothing stands around token ids; put its ids among them")
        return pieces

    @field_validator("front", "inset")
    @classmethod
    def _all_are_short(cls, pieces: list[PieceBody]) -> list[PieceBody]:
        length = sum(len(piece.text) for piece in pieces)
        if length > MAX_PIECE_CHARACTERS:
            raise ValueError(
                f"all pieces may have {MAX_PIECE_CHARACTERS} characters, and these have {length}"
            )
        return pieces

    @field_validator("stream_options")
    @classmethod
    def _of_a_stream(cls, options: StreamOptions | None, info: ValidationInfo) -> StreamOptions | None:
        if options is not None and not info.data.get("stream"):
            raise ValueError("is for streams; leave it out, or set stream")
        return options

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with a chunk that says how many tokens were read and written."""
        return self.stream_options is not None and self.stream_options.include_usage


if TYPE_CHECKING:
    SamplingRequest = TextRequest
else:
    SamplingRequest = create_model(
        "SamplingRequest",
        __base__=TextRequest,
        **sampling_fields("worker"),
    )


class CompletionRequest(SamplingRequest):
    """OpenAI's fields and ours. Unknown fields are ignored, null is the default."""

    model_config = ConfigDict(alias_generator=lambda name: WIRE_NAMES.get(name, name))

    @property
    def sampling(self) -> dict[str, Any]:
        """The settings of the sampling that were given."""
        return {name: getattr(self, name) for name in SAMPLING_NAMES if name in self.model_fields_set}


def completion_body(request: GenerationRequest) -> dict[str, Any]:
    """What is sent for a request. Its bounds are for the worker to check, which says what it refuses.

    Settings of the sampling are left out that are the preset's own: the checkpoint may know better ones.
    """
    body = CompletionRequest.model_construct(
        prompt=request.prompt,
        max_tokens=request.max_tokens,
        min_tokens=request.min_tokens,
        n=request.n,
        seed=request.seed,
        stop=list(request.stop) or None,
        stream=True,
        user=request.story or None,
        banned=list(request.banned) or None,
        logit_bias={str(token): bias for token, bias in request.logit_bias} or None,
        logprobs=request.logprobs,
        front=[asdict(piece) for piece in request.prefix] or None,
        inset=[asdict(piece) for piece in request.depth_inserted] or None,
        inset_depth=request.insertion_depth,
        **_preset(request),
    )
    # Without warnings: null is not the kind of a field that has a default, but is what stands for it.
    return body.model_dump(exclude_unset=True, by_alias=True, warnings=False)


def _preset(request: GenerationRequest) -> dict[str, Any]:
    named = {"preset": request.preset} if request.preset else {}
    if request.preset and request.sampling == PRESETS.get(request.preset):
        return named
    return named | {WIRE_NAMES.get(name, name): value for name, value in asdict(request.sampling).items()}


class TokenizeRequest(BaseModel):
    """A text, under either name."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    prompt: Text | None = None
    text: Text | None = None

    @model_validator(mode="after")
    def _one_is_there(self) -> Self:
        if self.prompt is None and self.text is None:
            raise ValueError("prompt (or text) is missing")
        return self

    @property
    def written(self) -> str:
        """The text."""
        return self.prompt if self.prompt is not None else self.text or ""
