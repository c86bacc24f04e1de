"""The training run: batches, steps, held-out loss, and a state that resumes it exactly."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import XGLMForCausalLM

from bot.train import log
from bot.train.checkpoint import save_checkpoint
from bot.train.data import Batches, HeldOut
from bot.train.device import Compute
from bot.train.log import Progress
from bot.train.measure import Loss, held_out_loss
from bot.train.network import TrainingNetwork
from bot.train.optimizer import build_optimizers
from bot.train.schedule import Plan, Stage

LossFunction = Callable[..., Tensor]

CLIP = 1.0
STATE_FILE = "state.pt"
LOG_FILE = "log.jsonl"
BEST = "best"
LOG_EVERY = 20
SAVE_EVERY_S = 300.0
PACE_STEPS = 50
"""Speed is told from the median of so many steps: a pause of the machine is no step."""


class Run:
    """A resumable run in `directory`.

    Beside the weights it keeps their exponential moving average. Where the learning rate is constant, that is
    the better model at every moment, and needs no decay to be so. `directory/best` holds whichever of the two
    had the lowest held-out loss so far.
    """

    def __init__(
        self,
        model: XGLMForCausalLM,
        directory: Path,
        plan: Plan,
        batches: Batches,
        held_out: HeldOut,
        report: Callable[[Progress], None],
        *,
        compute: Compute,
        stopped: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model.to(compute.device)  # type: ignore[arg-type]
        self._directory = directory
        self.plan = plan
        self._batches = batches
        self._held_out = held_out
        self._report = report
        self._compute = compute
        self._stopped = stopped
        self._clock = clock
        network = TrainingNetwork(self.model)
        self._full_loss = self._prepared(network.loss)
        self._sampled_loss = self._prepared(network.sampled_loss)
        self._random = torch.Generator().manual_seed(plan.seed)
        self._optimizers = build_optimizers(self.model, bfloat16=compute.bfloat16)
        self._base_lrs = [o.param_groups[0]["lr"] for o in self._optimizers]
        self._average = AveragedModel(
            self.model,
            multi_avg_fn=get_ema_multi_avg_fn(plan.average_decay),  # type: ignore[no-untyped-call]
        )
        self._step = 0
        self._best = math.inf
        self._smoothed: float | None = None
        self._pace: deque[float] = deque(maxlen=PACE_STEPS)
        self._saved_at = clock()
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def step(self) -> int:
        """Updates so far."""
        return self._step

    @property
    def average(self) -> XGLMForCausalLM:
        """The moving average of the weights, as a model."""
        averaged: XGLMForCausalLM = self._average.module  # type: ignore[assignment]
        return averaged

    @property
    def finished(self) -> bool:
        """Whether the plan is fulfilled."""
        return self._step >= self.plan.steps

    def resume(self, average_start: XGLMForCausalLM | None = None) -> int:
        """Go on from the last saved state, if there is one; returns the step.

        A state of earlier versions has no average: it then starts from `average_start`, or else from the
        state's weights. It has no random state either, and the draws begin anew.
        """
        path = self._directory / STATE_FILE
        if not path.exists():
            return self._step
        state = torch.load(path, map_location=self._compute.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self._step = state["step"]
        if "average" in state:
            self._average.load_state_dict(state["average"])
            self._best = state["best"]
            self._restore_random(state["random"])
        else:
            self.average.load_state_dict((average_start or self.model).state_dict())
            self._average.n_averaged.fill_(1)
        return self._step

    def train(self) -> float:
        """Run to the plan's end, or until stopped; returns the best held-out loss in nats per character."""
        while not self.finished and not self._stopped():
            self._run_stage(self.plan.stage_at(self._step))
        return self._best

    def measure(self) -> Loss:
        """Held-out loss of the weights as they are."""
        return held_out_loss(self.model, self._held_out)

    def _prepared(self, loss: LossFunction) -> LossFunction:
        # One program for each window length: one for all lengths would be slower.
        return torch.compile(loss, dynamic=False) if self._compute.compiled else loss

    def _run_stage(self, stage: Stage) -> None:
        plan = self.plan
        position = self._step * plan.batch_tokens
        for batch in self._batches.from_token(position, stage.lengths, plan.batch_tokens):
            began_s = self._clock()
            loss = self._update(torch.from_numpy(batch).to(self._compute.device), sampled=stage.sampled)
            self._pace.append(self._clock() - began_s)
            self._smoothed = loss if self._smoothed is None else 0.98 * self._smoothed + 0.02 * loss
            self._step += 1
            stopping = bool(self._stopped())
            self._finish_step(stopping=stopping)
            if stopping or self.finished or plan.stage_at(self._step) != stage:
                return

    def _update(self, ids: Tensor, *, sampled: bool) -> float:
        factor = self.plan.learning_rate_factor(self._step)
        with torch.autocast(self._compute.device.type, torch.bfloat16, enabled=self._compute.bfloat16):
            loss = self._sampled(ids) if sampled else self._full_loss(ids)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        for optimizer, base in zip(self._optimizers, self._base_lrs, strict=True):
            optimizer.param_groups[0]["lr"] = base * factor
            optimizer.step()
            optimizer.zero_grad()
        self._average.update_parameters(self.model)
        return float(loss.detach())

    def _sampled(self, ids: Tensor) -> Tensor:
        plan = self.plan
        # Drawn on the CPU, so that a run draws the same on every device.
        rare = torch.randint(plan.common, self.model.config.vocab_size, (plan.rare,), generator=self._random)
        return self._sampled_loss(ids, plan.common, rare.to(ids.device))

    def _finish_step(self, *, stopping: bool) -> None:
        """Measure, log and save where it is time."""
        due = not stopping and (self.finished or self._step % self.plan.measure_every == 0)
        # Before measuring, which takes many steps' time: who ends the process then loses nothing.
        if due or stopping or self._clock() - self._saved_at >= SAVE_EVERY_S:
            self._save()
        measured = self._measure_both() if due else (None, None)
        speed = self.plan.batch_tokens / max(statistics.median(self._pace), 1e-9)
        tokens = self._step * self.plan.batch_tokens
        progress = Progress(self._step, tokens, self._smoothed or 0.0, speed, *measured)
        if due or self._step % LOG_EVERY == 0:
            log.append(self._directory / LOG_FILE, progress)
        self._report(progress)

    def _measure_both(self) -> tuple[Loss, Loss]:
        """The weights' loss and their average's; the better one is kept where it is the best so far."""
        models = (self.model, self.average)
        losses = [held_out_loss(each, self._held_out) for each in models]
        better = 0 if losses[0].per_character <= losses[1].per_character else 1
        if losses[better].per_character < self._best:
            self._best = losses[better].per_character
            save_checkpoint(models[better], self._directory / BEST)
            self._save()
        return losses[0], losses[1]

    def _save(self) -> None:
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "average": self._average.state_dict(),
            "optimizers": [o.state_dict() for o in self._optimizers],
            "step": self._step,
            "best": self._best,
            "random": self._random_state(),
        }
        partial = self._directory / (STATE_FILE + ".partial")
        torch.save(state, partial)
        partial.replace(self._directory / STATE_FILE)
        self._saved_at = self._clock()

    def _random_state(self) -> dict[str, Tensor]:
        states = {"draws": self._random.get_state(), "torch": torch.get_rng_state()}
        if self._compute.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._compute.device)
        return states

    def _restore_random(self, states: dict[str, Tensor]) -> None:
        self._random.set_state(states["draws"].cpu())
        torch.set_rng_state(states["torch"].cpu())
        if "cuda" in states and self._compute.device.type == "cuda":
            torch.cuda.set_rng_state(states["cuda"].cpu(), self._compute.device)
