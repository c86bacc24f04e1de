"""The training run: batches, steps, held-out loss, checkpoints that resume, a log that plots."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import XGLMForCausalLM

from bot.train.checkpoint import save_checkpoint
from bot.train.data import Batches, HeldOut
from bot.train.network import TrainingNetwork
from bot.train.optimizer import build_optimizers, learning_rate_factor
from bot.train.tokenizer import UNK

Loss = Callable[..., Tensor]

UNKNOWN_NATS = 10.0
"""What a character outside the vocabulary is charged, so that a small alphabet cannot look good."""
CLIP = 1.0
STATE_FILE = "state.pt"
LOG_FILE = "log.jsonl"
BEST = "best"


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the run, up to the share `until` of its tokens; `sampled` with the cheaper head."""

    until: float
    length: int
    sampled: bool


STAGES = (
    Stage(0.45, 256, sampled=True),
    Stage(0.75, 512, sampled=True),
    Stage(0.85, 512, sampled=False),
    Stage(1.0, 1_024, sampled=False),
)
"""Short windows first, since attention is a fifth of a step at 512 and what comes early is local."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much a run reads and how often it measures and saves.

    `common` and `rare` size the sampled head. With 512 rare ids a step, words drawn seldom came out thirty
    times too likely: the gradient of a draw is clipped, that of a target is not.
    """

    tokens: int
    batch_tokens: int = 4_096
    measure_every: int = 250
    common: int = 2_048
    rare: int = 4_096
    stages: tuple[Stage, ...] = STAGES
    seed: int = 0

    @property
    def steps(self) -> int:
        """Updates in the whole run."""
        return math.ceil(self.tokens / self.batch_tokens)

    def stage_at(self, step: int) -> Stage:
        """What the step after `step` others belongs to."""
        return next((s for s in self.stages if step < s.until * self.steps), self.stages[-1])


@dataclass(frozen=True, slots=True)
class Progress:
    """One line of the log. Losses in nats: `loss` per token, `held_out` per character."""

    step: int
    tokens: int
    loss: float
    tokens_per_s: float
    held_out: float | None = None


class Run:
    """A resumable run in `directory`. The model's best weights by held-out loss lie in `directory/best`."""

    def __init__(
        self,
        model: XGLMForCausalLM,
        directory: Path,
        plan: Plan,
        batches: Batches,
        held_out: HeldOut,
        report: Callable[[Progress], None],
        *,
        compiled: bool = True,
        bfloat16: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model
        self._directory = directory
        self._plan = plan
        self._batches = batches
        self._held_out = held_out
        self._report = report
        self._clock = clock
        self._fast = bfloat16
        self._network = TrainingNetwork(model)
        wrap: Callable[[Loss], Loss] = torch.compile if compiled else _as_it_is
        self._full_loss = wrap(self._network.loss)
        self._sampled_loss = wrap(self._network.sampled_loss)
        self._random = torch.Generator().manual_seed(plan.seed)
        self._optimizers = build_optimizers(model, bfloat16=bfloat16)
        self._base_lrs = [o.param_groups[0]["lr"] for o in self._optimizers]
        self._step = 0
        self._best = math.inf
        directory.mkdir(parents=True, exist_ok=True)

    def resume(self) -> int:
        """Go on from the last saved state, if there is one; returns the step."""
        path = self._directory / STATE_FILE
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.model.load_state_dict(state["model"])
            for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            self._step, self._best = state["step"], state["best"]
        return self._step

    def train(self) -> float:
        """Run to the plan's end; returns the best held-out loss in nats per character."""
        while self._step < self._plan.steps:
            self._stage(self._plan.stage_at(self._step))
        return self._best

    def _stage(self, stage: Stage) -> None:
        plan = self._plan
        rows = plan.batch_tokens // stage.length
        batches = self._batches.from_token(self._step * plan.batch_tokens, stage.length, rows)
        smoothed, start, done = 0.0, self._clock(), 0
        for batch in batches:
            loss = self._update(torch.from_numpy(batch), sampled=stage.sampled)
            self._step, done = self._step + 1, done + 1
            smoothed = loss if done == 1 else 0.98 * smoothed + 0.02 * loss
            finished = self._step >= plan.steps
            speed = done * plan.batch_tokens / (self._clock() - start)
            held_out = self.measure() if finished or self._step % plan.measure_every == 0 else None
            self._tell(Progress(self._step, self._step * plan.batch_tokens, smoothed, speed, held_out))
            if held_out is not None:
                self._keep(held_out)
            if finished or plan.stage_at(self._step) != stage:
                return

    def _update(self, ids: Tensor, *, sampled: bool) -> float:
        factor = learning_rate_factor(self._step, self._plan.steps)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._fast):
            loss = self._sampled(ids) if sampled else self._full_loss(ids)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        for optimizer, base in zip(self._optimizers, self._base_lrs, strict=True):
            optimizer.param_groups[0]["lr"] = base * factor
            optimizer.step()
            optimizer.zero_grad()
        return float(loss.detach())

    def _sampled(self, ids: Tensor) -> Tensor:
        plan = self._plan
        rare = torch.randint(plan.common, self.model.config.vocab_size, (plan.rare,), generator=self._random)
        return self._sampled_loss(ids, plan.common, rare)

    @torch.no_grad()
    def measure(self) -> float:
        """Held-out loss in nats per character; an unknown character costs `UNKNOWN_NATS`."""
        return nats_per_character(self._network, self._held_out)

    def _tell(self, progress: Progress) -> None:
        self._report(progress)
        if progress.held_out is not None or self._step % 20 == 0:
            with (self._directory / LOG_FILE).open("a") as log:
                log.write(json.dumps(asdict(progress)) + "\n")

    def _keep(self, held_out: float) -> None:
        if held_out < self._best:
            self._best = held_out
            save_checkpoint(self.model, self._directory / BEST)
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self._optimizers],
            "step": self._step,
            "best": self._best,
        }
        partial = self._directory / (STATE_FILE + ".partial")
        torch.save(state, partial)
        partial.replace(self._directory / STATE_FILE)


def _as_it_is(function: Loss) -> Loss:
    return function


@torch.no_grad()
def nats_per_character(network: TrainingNetwork, held_out: HeldOut, batch: int = 8) -> float:
    """Loss over the windows, in nats per character of their text."""
    total = held_out.unknown * UNKNOWN_NATS
    for start in range(0, len(held_out.windows), batch):
        ids = torch.from_numpy(held_out.windows[start : start + batch])
        targets = ids[:, 1:].flatten()
        logits = network.logits(ids[:, :-1]).flatten(0, 1)
        losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        total += float(losses[targets != UNK].sum())
    return total / held_out.characters
