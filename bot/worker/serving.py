"""A loaded model at work: requests in, streams of text out."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.errors import EngineError
from bot.messages import Delta, Request, Window
from bot.worker.banned import looked_for
from bot.worker.decoding import StreamDecoder
from bot.worker.engine import Engine, Start
from bot.worker.metrics import Metrics
from bot.worker.presets import BUILT_IN, Presets
from bot.worker.sequence import Sequence, SequenceRequest
from bot.worker.surroundings import Surroundings
from bot.worker.text import Encoded, StoryText

SEED_BITS = 63


class Completion:
    """The running candidates of one request, for one event loop. Close it: that frees the slots."""

    def __init__(self, engine: Engine, *, seed: int, encoded: Encoded) -> None:
        self.id = f"cmpl-{uuid.uuid4().hex}"
        self.seed = seed
        self.encoded = encoded
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

    def start(self, sequences: tuple[Sequence, ...], read: Callable[[Sequence], Start]) -> None:
        """Queue the candidates. Raises QueueFull, or EngineUnavailable when the engine stops."""
        self._sequences, self._left = sequences, len(sequences)
        self._engine.submit([read(sequence) for sequence in sequences])

    def hear(self, event: Delta | EngineError) -> None:
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
            self._events.put_nowait(event)  # what was written before it is told first
        self._left -= sum(delta.finish_reason is not None for delta in deltas)
        return deltas

    def close(self) -> bool:
        """Free the slots of all candidates at once; whether one was still at work."""
        return self._engine.cancel(self._sequences)


@dataclass(slots=True)
class Served:
    """A model that can be asked: its name, its text and its engine."""

    name: str
    text: StoryText
    engine: Engine
    end_token: int
    metrics: Metrics = field(default_factory=Metrics)
    backend: str = "torch"
    quantization: str = "none"
    presets: Presets = field(default_factory=lambda: BUILT_IN)

    @property
    def context(self) -> int:
        """How many tokens prompt and continuation may have together."""
        return self.text.context

    async def window(self, request: Request) -> Window:
        """What `begin` would let the model read of a request."""
        encoded = await asyncio.to_thread(self._encode, request)
        return Window(
            seen=encoded.seen,
            tokens=len(encoded.ids),
            context=self.context,
            reserved=min(request.max_tokens, self.context - len(encoded.ids)),
            left_out_characters=encoded.dropped_characters,
            left_out=encoded.left_out,
            unknown=encoded.unknown,
        )

    def _encode(self, request: Request) -> Encoded:
        room = max(self.context - request.max_tokens, self.context // 2)
        around = Surroundings(request.front, request.inset, request.inset_depth)
        return self.text.encode(request.prompt, room, around)

    def _prepared(self, request: Request) -> tuple[tuple[int, ...], StreamDecoder]:
        """What is barred, and what decodes; in a thread, as it reads all of the prompt and the phrases."""
        looked_for(request.banned)
        return self.text.holding(request.banned), self.text.decoder(request.prompt)

    async def begin(self, request: Request) -> Completion:
        """Encode a request's prompt and queue its candidates.

        The prompt is cut to leave room for `max_tokens`, but never below half of the context: then the
        continuation has to be shorter.

        Raises:
            QueueFull, EngineUnavailable
        """
        encoded = await asyncio.to_thread(self._encode, request)
        barred, decoder = await asyncio.to_thread(self._prepared, request)
        seed = secrets.randbits(SEED_BITS) if request.seed is None else request.seed
        completion = Completion(self.engine, seed=seed, encoded=encoded)
        allowed = min(request.max_tokens, self.context - len(encoded.ids))
        sequences = tuple(
            Sequence(
                SequenceRequest(
                    id=f"{completion.id}-{index}",
                    group=completion.id,
                    index=index,
                    prompt=encoded.ids,
                    sampling=request.sampling,
                    max_tokens=allowed,
                    min_tokens=min(request.min_tokens, allowed),
                    seed=seed,
                    end_token=self.end_token,
                    story=request.story or completion.id,
                    logprobs=request.logprobs,
                    barred=barred,
                    bias=request.logit_bias,
                )
            )
            for index in range(request.n)
        )
        completion.start(
            sequences,
            lambda one: Start(one, decoder.copy(), request.stop, completion.hear, request.banned),
        )
        self.metrics.prompt_tokens.inc(len(encoded.ids))
        return completion
