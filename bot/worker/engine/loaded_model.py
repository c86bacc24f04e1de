"""A loaded model at work: requests in, streams of text out."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import uuid
from collections.abc import Sequence as Rows
from dataclasses import dataclass, field, replace

from bot.domain.errors import EngineError
from bot.domain.inference import ContextWindow, Delta, GenerationRequest
from bot.worker.checkpoints.output_vocabulary import OutputVocabulary
from bot.worker.engine.delta_coalescer import Listener
from bot.worker.engine.engine_core import EngineCore, Submission
from bot.worker.engine.metrics import Metrics
from bot.worker.engine.sequence import Sequence, SequenceRequest
from bot.worker.sampling.banned_phrases import watch_patterns
from bot.worker.sampling.presets import BUILT_IN, Presets
from bot.worker.text.context_window import InsertedContext
from bot.worker.text.decoding import StreamDecoder
from bot.worker.text.echo import Echo
from bot.worker.text.encoding import Encoded, StoryText

SEED_BITS = 63

Prompt = str | tuple[int, ...]


class UnfitPromptError(Exception):
    """A prompt that may not be cut does not fit, or holds what the model has not."""


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt as the model reads it, and what decodes behind it; `echo`: what is sent back of it."""

    encoded: Encoded
    decoder: StreamDecoder
    echo: Echo | None = None


class Completion:
    """The running candidates of one request, for one event loop. Close it: that frees the slots."""

    def __init__(self, engine: EngineCore, *, seed: int, prompts: Rows[Encoded]) -> None:
        self.id = f"cmpl-{uuid.uuid4().hex}"
        self.seed = seed
        self.prompts = tuple(prompts)
        self._engine = engine
        self._sequences: tuple[Sequence, ...] = ()
        self._left = 0
        self._events: asyncio.Queue[Delta | EngineError] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    @property
    def finished(self) -> bool:
        """Whether every candidate's last piece was read."""
        return self._left == 0

    @property
    def completion_tokens(self) -> int:
        """Tokens drawn so far, by all candidates."""
        return sum(sequence.generated for sequence in self._sequences)

    def start(self, submissions: Rows[Submission]) -> None:
        """Queue the candidates, after what is sent of their prompts before.

        Raises QueueFull, or EngineUnavailable when the engine stops.
        """
        self._left = len(submissions)
        at_work = [submission for submission in submissions if not _send_echo(submission)]
        self._sequences = tuple(submission.sequence for submission in at_work)
        self._engine.submit(at_work)

    def listener(self, first: int) -> Listener:
        """Takes the events of the candidates of one prompt, which are sent as those from `first` on."""

        def on_event(event: Delta | EngineError) -> None:
            self.on_event(replace(event, index=first + event.index) if isinstance(event, Delta) else event)

        return on_event if first else self.on_event

    def on_event(self, event: Delta | EngineError) -> None:
        """Take an event, from the engine's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def read(self, within_s: float | None = None) -> list[Delta]:
        """Wait for the next pieces, and take all there are; none where none came `within_s`.

        Raises:
            NotFinite, EngineUnavailable, EngineFailed: the request failed.
        """
        deltas: list[Delta] = []
        try:
            async with asyncio.timeout(within_s):
                event = await self._events.get()
        except TimeoutError:
            return deltas
        while isinstance(event, Delta):
            deltas.append(event)
            if self._events.empty():
                break
            event = self._events.get_nowait()
        if isinstance(event, EngineError):
            if not deltas:
                raise event
            self._events.put_nowait(event)  # what was written before it is sent first
        self._left -= sum(delta.finish_reason is not None for delta in deltas)
        return deltas

    def close(self) -> bool:
        """Free the slots of all candidates at once; whether one was still at work."""
        return self._engine.cancel(self._sequences)


@dataclass(slots=True)
class LoadedModel:
    """A model that can be asked: its name, its text and its engine. `output`: what it may write."""

    name: str
    text: StoryText
    engine: EngineCore
    end_token: int
    output: OutputVocabulary
    metrics: Metrics = field(default_factory=Metrics)
    backend: str = "torch"
    quantization: str = "none"
    presets: Presets = field(default_factory=lambda: BUILT_IN)

    @property
    def context(self) -> int:
        """How many tokens prompt and continuation may have together."""
        return self.text.context

    async def context_window(self, request: GenerationRequest) -> ContextWindow:
        """What `complete` would let the model read of a request."""
        encoded = await asyncio.to_thread(self._encode, request)
        return ContextWindow(
            seen=encoded.seen,
            tokens=len(encoded.ids),
            context=self.context,
            reserved=min(request.max_tokens, self.context - len(encoded.ids)),
            left_out_characters=encoded.dropped_characters,
            left_out=encoded.left_out,
            unknown=encoded.unknown,
        )

    def _encode(self, request: GenerationRequest) -> Encoded:
        room = max(self.context - request.max_tokens, self.context // 2)
        inserted = InsertedContext(request.prefix, request.depth_inserted, request.insertion_depth)
        return self.text.encode(request.prompt, room, inserted)

    async def complete(
        self, request: GenerationRequest, prompts: Rows[Prompt] | None = None, *, echo: bool = False
    ) -> Completion:
        """Encode a request's prompts and queue the candidates of each, those of the first one first.

        `prompts`: instead of the request's own. A text is cut to leave room for `max_tokens`, but never below
        half of the context: then the continuation has to be shorter. Token ids, and what is sent back
        (`echo`), are read whole.

        Raises:
            UnfitPromptError, QueueFull, EngineUnavailable
        """
        asked = (request.prompt,) if prompts is None else prompts
        read = await asyncio.to_thread(lambda: [self._read(one, request, echo=echo) for one in asked])
        masked = await asyncio.to_thread(self._masked_tokens, request)
        seed = secrets.randbits(SEED_BITS) if request.seed is None else request.seed
        completion = Completion(self.engine, seed=seed, prompts=[one.encoded for one in read])
        submissions = []
        for number, prompt in enumerate(read):
            listener = completion.listener(number * request.n)
            for index in range(request.n):
                sequence = self._sequence(request, prompt, f"{completion.id}-{number}", index, seed, masked)
                decoder = prompt.decoder.copy()
                submissions.append(
                    Submission(sequence, decoder, request.stop, listener, request.banned, prompt.echo)
                )
        completion.start(submissions)
        self.metrics.prompt_tokens.inc(sum(len(one.encoded.ids) for one in read))
        return completion

    def _masked_tokens(self, request: GenerationRequest) -> tuple[int, ...]:
        """What is never drawn, and the phrases read for the watch; in a thread, for they may be many."""
        watch_patterns(request.banned)
        return self.text.tokens_with(request.banned)

    def _read(self, prompt: Prompt, request: GenerationRequest, *, echo: bool) -> EncodedPrompt:
        if isinstance(prompt, str):
            if not echo:
                encoded = self._encode(replace(request, prompt=prompt))
                return EncodedPrompt(encoded, self.text.decoder(prompt))
            whole = self.text.echo(prompt)
            encoded = self.text.encode(prompt, self.context)
        else:
            self._check(prompt)
            whole = self.text.spelled_out(prompt)
            encoded = Encoded(prompt, 0, (), unreadable=False)
        new = min(1, request.max_tokens)
        if len(whole.ids) + new > self.context:
            raise UnfitPromptError(
                f"{len(whole.ids)} tokens are too many: the model has {self.context} positions, and "
                f"{new} of them is for what it writes; token ids, and what is echoed, are never cut"
            )
        return EncodedPrompt(encoded, self.text.decoder(whole.text), whole if echo else None)

    def _check(self, ids: tuple[int, ...]) -> None:
        known = self.text.vocabulary
        if max(ids) >= known:
            raise UnfitPromptError(f"there is no token {max(ids)}: the last one is {known - 1}")

    def _sequence(
        self,
        request: GenerationRequest,
        prompt: EncodedPrompt,
        group: str,
        index: int,
        seed: int,
        masked: tuple[int, ...],
    ) -> Sequence:
        allowed = min(request.max_tokens, self.context - len(prompt.encoded.ids))
        return Sequence(
            SequenceRequest(
                id=f"{group}-{index}",
                group=group,
                index=index,
                prompt=prompt.encoded.ids,
                sampling=request.sampling,
                max_tokens=allowed,
                min_tokens=min(request.min_tokens, allowed),
                seed=seed,
                end_token=self.end_token,
                story=request.story or group.rpartition("-")[0],
                logprobs=request.logprobs,
                masked=masked,
                bias=request.logit_bias,
                scored=prompt.echo is not None and request.logprobs is not None,
            )
        )


def _send_echo(submission: Submission) -> bool:
    """Send what can be sent of a prompt at once; whether that was all."""
    sequence, request = submission.sequence, submission.sequence.request
    over = request.max_tokens == 0 and not sequence.scoring
    if submission.echo is not None:
        text = submission.echo.piece(0, 1) if request.scored else submission.echo.text
        scores = (submission.echo.first,) if request.scored else ()
        submission.listener(Delta(request.index, text, "length" if over else None, scores))
    return over
