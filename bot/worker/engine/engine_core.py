"""The step loop: one thread that schedules, computes, draws, and tells."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bot.domain.errors import EngineError, EngineFailed, EngineUnavailable, NotFinite
from bot.domain.inference import Delta
from bot.worker.backends.base import Backend
from bot.worker.engine.delta_coalescer import DeltaCoalescer, Listener
from bot.worker.engine.metrics import Metrics
from bot.worker.engine.scheduler import Batch, Scheduler, samples
from bot.worker.engine.sequence import Sequence
from bot.worker.sampling.banned_phrases import DecodedToken, PhraseWatch
from bot.worker.text.decoding import StreamDecoder
from bot.worker.text.echo import Echo
from bot.worker.text.logprobs import NO_TOKEN, SampledToken, ScoreKeeper
from bot.worker.text.stop_strings import StopWatch

if TYPE_CHECKING:
    import torch

    from bot.worker.sampling.sampler import Sampler  # it imports torch; the server answers before

JOIN_TIMEOUT_S = 5.0
"""How long `stop` waits for the step that runs."""

MAX_MASKED = 64
"""Where so many tokens led into banned phrases at one place, the text ends before them."""

MAX_REWINDS = 256
"""As often a text may be taken back to where a banned phrase began; then it ends there."""


@dataclass(slots=True)
class OutputStream:
    """How a sequence's tokens become text, and who is told."""

    decoder: StreamDecoder
    stops: StopWatch
    listener: DeltaCoalescer
    submitted_s: float
    watch: PhraseWatch = field(default_factory=PhraseWatch)
    queued: bool = True
    before_first_token: bool = True
    scores: ScoreKeeper = field(default_factory=ScoreKeeper)
    echo: Echo | None = None

    def send_echo(self, sequence: Sequence, scores: list[SampledToken]) -> None:
        """Tell more of the prompt, with what the model gave its tokens."""
        if self.echo is None:
            raise ValueError("a prompt is scored that nobody wants back")
        first = sequence.scored
        sequence.score(len(scores))
        text, scored = self.echo.piece(first, sequence.scored), self.echo.scores(first, scores)
        self.listener(Delta(sequence.request.index, text, sequence.finish_reason, scored))

    def push(self, sequence: Sequence, sampled: SampledToken) -> None:
        """Append a token, and pass on what it made certain; or take back the banned phrase it completed."""
        if sampled.token == NO_TOKEN:
            sequence.end()
        else:
            self._decode(sequence, sampled)
        self._send(sequence)

    def _decode(self, sequence: Sequence, sampled: SampledToken) -> None:
        before = self.decoder.copy() if self.watch.watching else self.decoder
        written = self.decoder.push(sampled.token)
        begun = self.watch.push(DecodedToken(sampled, len(sequence.tokens), written, before))
        if begun is None:
            sequence.append(sampled.token, ended=self.decoder.ended)
            return
        self.decoder = begun.before
        masked = sequence.rewind(begun.place, begun.drawn.token)
        if masked > MAX_MASKED or sequence.rewinds > MAX_REWINDS:
            sequence.end()

    def _send(self, sequence: Sequence) -> None:
        text = ""
        for piece in self.watch.flush() if sequence.finished else self.watch.take():
            self.scores.add(piece.drawn, piece.text)
            text += self.stops.push(piece.text)
            if self.stops.hit:
                sequence.cut(piece.place + 1)
                sequence.end()
                break
        whole = sequence.finished and not self.stops.hit
        if whole:
            text += self.stops.push(self.decoder.flush())
            text += self.stops.flush()
        scores = self.scores.take(text, last=whole)
        if text or scores or sequence.finished:
            self.listener(Delta(sequence.request.index, text, sequence.finish_reason, scores))


@dataclass(frozen=True, slots=True)
class Submission:
    """A sequence to run, how its tokens are read, what is never written, and who is told.

    `echo`: its prompt, where that was told before; the scores of its first token, too.
    """

    sequence: Sequence
    decoder: StreamDecoder
    stops: tuple[str, ...]
    listener: Listener
    banned: tuple[str, ...] = ()
    echo: Echo | None = None


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What a step came to, None where that is not finite.

    `drawn`: a new token for each sampling row. `scores`: what the prompt's next tokens were given.
    """

    sampled: list[SampledToken | None]
    scores: dict[Sequence, list[SampledToken] | None] = field(default_factory=dict)


class EngineCore:
    """Runs sequences over a backend. `submit` and `cancel` may be called from any thread."""

    def __init__(
        self,
        backend: Backend,
        sampler: Sampler,
        scheduler: Scheduler,
        *,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_thread_start: Callable[[], None] = lambda: None,
        on_failure: Callable[[], None] = lambda: None,
        is_fatal: Callable[[Exception], bool] = lambda _: False,
        delta_interval_s: float = 0.0,
    ) -> None:
        """`on_thread_start` runs first in the engine's thread: threads of computation are counted per thread.

        `on_failure` is called when the loop itself failed, or a step with an error that `is_fatal`: nothing
        will be written any more.
        `delta_interval_s` is how long a listener rests between two pieces.
        """
        self._backend = backend
        self._sampler = sampler
        self._scheduler = scheduler
        self._metrics = metrics or Metrics()
        self._clock = clock
        self._on_thread_start = on_thread_start
        self._on_failure = on_failure
        self._is_fatal = is_fatal
        self._delta_interval_s = delta_interval_s
        self._streams: dict[str, OutputStream] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._last_step_s: float | None = None
        self._thread: threading.Thread | None = None
        self._log = structlog.get_logger()

    @property
    def running(self) -> int:
        """How many sequences are written to."""
        with self._changed:
            return self._scheduler.running

    @property
    def waiting(self) -> int:
        """How many sequences wait for a place."""
        with self._changed:
            return self._scheduler.waiting

    @property
    def idle_s(self) -> float | None:
        """Seconds since the last step ended; None before the first."""
        return None if self._last_step_s is None else self._clock() - self._last_step_s

    def start(self) -> None:
        """Run steps in a thread of their own until stopped."""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End every sequence with `EngineUnavailable`, and the thread after its step."""
        with self._changed:
            self._stopping = True
            self._end(self._scheduler.drain(), EngineUnavailable())
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(JOIN_TIMEOUT_S)

    def submit(self, submissions: Collection[Submission]) -> None:
        """Queue sequences, all of them or none.

        Raises:
            QueueFull: too many wait.
            EngineUnavailable: the engine stops.
        """
        with self._changed:
            if self._stopping:
                raise EngineUnavailable
            self._scheduler.add(submission.sequence for submission in submissions)
            for submission in submissions:
                self._streams[submission.sequence.id] = OutputStream(
                    submission.decoder,
                    StopWatch(submission.stops),
                    DeltaCoalescer(submission.listener, self._delta_interval_s, self._clock),
                    self._clock(),
                    PhraseWatch(submission.banned),
                    scores=ScoreKeeper(len(submission.echo.text) if submission.echo else 0),
                    echo=submission.echo,
                )
            self._changed.notify()

    def cancel(self, sequences: Iterable[Sequence]) -> bool:
        """Free the places of these at once and tell nothing more of them; whether one was still at work."""
        with self._changed:
            ended = [self._forget(sequence) for sequence in sequences]
            self._measure()
        return any(stream is not None for stream in ended)

    def step(self) -> bool:
        """Compute one batch; False when there was nothing to do. Raises what ends the engine."""
        with self._changed:
            batch = self._scheduler.schedule()
            started_s = self._clock()
            self._observe_start(batch, started_s)
        if not batch:
            return False
        try:
            results = self._compute(batch)
        except Exception as error:
            # The border of a step: the loop lives on, unless no step can succeed any more.
            if self._is_fatal(error):
                raise
            self._log.exception("step failed", rows=len(batch.rows))
            with self._changed:
                self._end(batch.sequences, EngineFailed(reason="a step failed"))
            return True
        with self._changed:
            self._scheduler.mark_computed(batch)
            self._send_echoes(results.scores)
            self._advance(batch, results.sampled)
            self._measure()
        self._last_step_s = self._clock()
        self._metrics.step_s.observe(self._last_step_s - started_s)
        return True

    def _run(self) -> None:
        self._on_thread_start()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or not self._scheduler.idle)
                if self._stopping:
                    return
            try:
                self.step()
            except Exception:  # noqa: BLE001 - the border of the thread: nobody may wait for it in vain
                self._fail()
                return

    def _fail(self) -> None:
        """A fault of the loop itself: tell everybody, and take nobody in any more."""
        self._log.exception("the engine stops")
        with self._changed:
            self._stopping = True
            self._end(self._scheduler.drain(), EngineFailed(reason="the engine stopped"))
        self._on_failure()

    def _observe_start(self, batch: Batch, now_s: float) -> None:
        self._measure()
        self._metrics.rows.set(len(batch.rows))
        # A step that reads takes long: nobody's text rests that much longer.
        reads = any(len(row.tokens) > 1 for row in batch.rows)
        for sequence in batch.sequences:
            stream = self._streams[sequence.id]
            if stream.queued:
                stream.queued = False
                self._metrics.queue_s.observe(now_s - stream.submitted_s)
            if reads:
                self._send(sequence, stream.listener.flush)

    def _compute(self, batch: Batch) -> StepOutput:
        """Copy, compute, draw."""
        self._backend.copy(batch.copies)
        logits = self._backend.forward(batch.rows)
        drawing = [
            samples(row, sequence)
            for row, sequence in zip(batch.rows, batch.sequences, strict=True)
            if row.logits
        ]
        drawn = logits.drawn if all(drawing) else logits.drawn[drawing]
        return StepOutput(self._sampler.draw(drawn, batch.sampling), self._score(batch, logits.scored))

    def _score(self, batch: Batch, logits: torch.Tensor) -> dict[Sequence, list[SampledToken] | None]:
        """What the tokens of prompts were given."""
        scores: dict[Sequence, list[SampledToken] | None] = {}
        first = 0
        for row, sequence in zip(batch.rows, batch.sequences, strict=True):
            request, end = sequence.request, row.end - row.logits + 1
            if row.scored:
                next_ones = request.prompt[end - row.scored : end]
                given = logits[first : first + row.scored]
                scores[sequence] = self._sampler.score(given, next_ones, request.logprobs or 0)
                first += row.scored
            elif row.logits and request.max_tokens == 0:
                scores[sequence] = []  # a single token: that was all
        return scores

    def _send_echoes(self, scores: dict[Sequence, list[SampledToken] | None]) -> None:
        for sequence, given in scores.items():
            stream = self._streams.get(sequence.id)
            if stream is None:
                continue
            if given is None:
                self._end_not_finite(sequence)
            elif self._send(sequence, partial(stream.send_echo, sequence, given)) and sequence.finished:
                self._forget(sequence)

    def _advance(self, batch: Batch, drawn: list[SampledToken | None]) -> None:
        for sequence, token in zip(batch.sampling, drawn, strict=True):
            stream = self._streams.get(sequence.id)
            if stream is None:
                continue
            if token is None:
                self._end_not_finite(sequence)
                continue
            if not self._send(sequence, partial(stream.push, sequence, token)):
                continue
            self._metrics.generated_tokens.inc()
            if stream.before_first_token and sequence.generated:
                stream.before_first_token = False
                self._metrics.first_token_s.observe(self._clock() - stream.submitted_s)
            if sequence.finished:
                self._forget(sequence)

    def _end_not_finite(self, sequence: Sequence) -> None:
        self._log.warning("logits not finite", sequence=sequence.id, tokens=len(sequence.tokens))
        self._scheduler.forget_cached(sequence)
        self._end([sequence], NotFinite())

    def _send(self, sequence: Sequence, send: Callable[[], None]) -> bool:
        """Tell something of a sequence, and whether that could be done; where not, it ends."""
        try:
            send()
        except Exception:  # noqa: BLE001 - the border of a sequence: its neighbours are told theirs
            self._log.exception("a token could not be told", sequence=sequence.id)
            self._end([sequence], EngineFailed(reason="a token could not be told"))
            return False
        return True

    def _end(self, sequences: Iterable[Sequence], error: EngineError) -> None:
        for sequence in sequences:
            stream = self._forget(sequence)
            if stream is not None:
                sequence.error = error
                with suppress(Exception):  # a listener that fails concerns nobody else
                    stream.listener(error)

    def _forget(self, sequence: Sequence) -> OutputStream | None:
        self._scheduler.finish(sequence)
        return self._streams.pop(sequence.id, None)

    def _measure(self) -> None:
        self._metrics.take(self._scheduler)
