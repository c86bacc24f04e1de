"""Runs: they learn, average their weights, follow their plan, and resume exactly."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece
import torch
from transformers import XGLMForCausalLM

from bot.train import network
from bot.train.checkpoint import load_checkpoint
from bot.train.corpus import Corpus
from bot.train.data import Batches, Stream, encode, held_out_windows
from bot.train.device import Compute
from bot.train.log import Progress
from bot.train.loop import BEST, LOG_FILE, SAVE_EVERY_S, STATE_FILE, Run
from bot.train.measure import held_out_loss
from bot.train.schedule import Plan, Stage

CPU = Compute(torch.device("cpu"), compiled=False, bfloat16=False)
STAGES = (Stage(0.5, (16, 32), sampled=True), Stage(0.5, (32,)))
CONTEXT = 32


class StoppedError(Exception):
    """The process ends without warning."""


class ManualClock:
    """A clock that stands still until a test lets time pass."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Seconds since the test began."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


def plan(steps: int, measure_every: int = 2, average_tokens: int = 1_024) -> Plan:
    """A short run of two stages, the first of them a mix."""
    return Plan(
        steps * 128,
        STAGES,
        batch_tokens=128,
        average_tokens=average_tokens,
        measure_every=measure_every,
        rare=64,
    )


@pytest.fixture
def make(corpus: Corpus, processor: sentencepiece.SentencePieceProcessor) -> Callable[..., Run]:
    """Small runs, each of which begins with the same weights."""
    batches = Batches([Stream(encode(corpus.training, processor), 1.0)], CONTEXT, seed=0)
    held_out = held_out_windows(corpus.held_out, processor, CONTEXT - 1, 4)

    def run(
        folder: Path,
        wanted: Plan,
        report: Callable[[Progress], None] = lambda _: None,
        *,
        compute: Compute = CPU,
        **options: object,
    ) -> Run:
        torch.manual_seed(0)
        model = XGLMForCausalLM(network.config(processor.get_piece_size() + 7, 16, 1, 2, CONTEXT))
        return Run(model, folder, wanted, batches, held_out, report, compute=compute, **options)  # type: ignore[arg-type]

    return run


def same(one: XGLMForCausalLM, other: XGLMForCausalLM) -> bool:
    """Whether all weights are equal, bit for bit."""
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def rows(folder: Path) -> list[dict[str, float]]:
    """The run's log."""
    return [json.loads(row) for row in (folder / LOG_FILE).read_text().splitlines()]


def test_held_out_loss_falls(folder: Path, make: Callable[..., Run]) -> None:
    """A run learns: the best held-out loss is well under the untrained one."""
    learning = make(folder, plan(60))
    before = learning.measure().per_character

    assert learning.train() < before - 0.5


def test_bfloat16_learns_as_well(tmp_path: Path, make: Callable[..., Run]) -> None:
    """The faster products change the loss by little, and the weights stay float32."""
    exact = make(tmp_path / "a", plan(40))
    fast = make(tmp_path / "b", plan(40), compute=Compute(torch.device("cpu"), compiled=False, bfloat16=True))

    assert fast.train() == pytest.approx(exact.train(), abs=0.1)
    assert {parameter.dtype for parameter in fast.model.parameters()} == {torch.float32}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_learns_as_well(tmp_path: Path, make: Callable[..., Run]) -> None:
    """The same code on a GPU gives the same run, but for rounding, and its state resumes on the CPU."""
    cuda = Compute(torch.device("cuda"), compiled=False, bfloat16=False)
    exact, there = make(tmp_path / "a", plan(40)), make(tmp_path / "b", plan(40), compute=cuda)

    assert there.train() == pytest.approx(exact.train(), abs=0.1)
    assert make(tmp_path / "b", plan(60)).resume() == 40


def test_a_run_that_died_ends_as_an_unbroken_one(tmp_path: Path, make: Callable[..., Run]) -> None:
    """State, draws, order of text, learning rate and average are taken up exactly."""
    unbroken = make(tmp_path / "a", plan(8))
    unbroken.train()

    def die(progress: Progress) -> None:
        if progress.step == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        make(tmp_path / "b", plan(8), die).train()
    resumed = make(tmp_path / "b", plan(8))

    assert resumed.resume() == 2
    resumed.train()
    assert same(resumed.model, unbroken.model)
    assert same(resumed.average, unbroken.average)


def test_torch_draws_on_where_it_stopped(folder: Path, make: Callable[..., Run]) -> None:
    """Whatever draws from torch's own generator goes on as well."""
    make(folder, plan(2)).train()
    expected = torch.rand(3)
    resumed = make(folder, plan(2))
    resumed.resume()

    assert torch.equal(torch.rand(3), expected)


def test_a_stop_saves_the_step_under_way(tmp_path: Path, make: Callable[..., Run]) -> None:
    """Asked to stop, a run ends that step, saves it, and a later call goes on from there."""
    unbroken = make(tmp_path / "a", plan(8, measure_every=100))
    unbroken.train()
    done: list[int] = []
    stopping = make(
        tmp_path / "b",
        plan(8, measure_every=100),
        lambda progress: done.append(progress.step),
        stopped=lambda: len(done) >= 2,
    )

    stopping.train()
    resumed = make(tmp_path / "b", plan(8, measure_every=100))

    assert done == [1, 2, 3]
    assert not stopping.finished
    assert resumed.resume() == 3
    resumed.train()
    assert same(resumed.model, unbroken.model)


def test_the_state_is_saved_by_the_clock(folder: Path, make: Callable[..., Run]) -> None:
    """However long a measuring is away, a run that dies loses minutes."""
    clock = ManualClock()

    def pass_time(progress: Progress) -> None:
        clock.advance(SAVE_EVERY_S / 2)
        if progress.step == 6:
            raise StoppedError

    with pytest.raises(StoppedError):
        make(folder, plan(20, measure_every=100), pass_time, clock=clock.now).train()

    assert make(folder, plan(20)).resume() == 5


def test_the_average_is_the_exponential_mean(folder: Path, make: Callable[..., Run]) -> None:
    """It starts with the first step's weights, and each later step weighs what the decay leaves."""
    wanted, seen = plan(6), list[dict[str, torch.Tensor]]()
    averaging = make(folder, wanted, lambda _: seen.append(copy.deepcopy(averaging.model.state_dict())))
    averaging.train()

    expected = seen[0]
    for weights in seen[1:]:
        for name, tensor in weights.items():
            kept = wanted.average_decay * expected[name]
            expected[name] = kept + (1 - wanted.average_decay) * tensor
    for name, tensor in averaging.average.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], msg=name)


@pytest.mark.parametrize(("winner", "loser"), [("model", "average"), ("average", "model")])
def test_the_better_one_is_kept(folder: Path, make: Callable[..., Run], winner: str, loser: str) -> None:
    """`best` holds the weights or their average, whichever has the lower held-out loss."""
    run = make(folder, plan(2))
    run.train()
    before = load_checkpoint(folder / BEST)
    with torch.no_grad():
        for name in (winner, loser):  # what is unlearnt is better than what is wrong
            for parameter in getattr(run, name).parameters():
                parameter.mul_(0.5 if name == winner else 9)
    run._best = 1e9

    held_out, average = run._measure_both()

    assert (held_out.per_character < average.per_character) == (winner == "model")
    assert same(load_checkpoint(folder / BEST), getattr(run, winner))
    assert not same(load_checkpoint(folder / BEST), before)


def test_a_state_without_average_starts_one(tmp_path: Path, make: Callable[..., Run]) -> None:
    """A state of before goes on: its average begins with the weights, or with those of a given checkpoint."""
    old, other = make(tmp_path / "a", plan(4)), make(tmp_path / "b", plan(8))
    old.train()
    other.train()
    state = torch.load(tmp_path / "a" / STATE_FILE, weights_only=True)
    torch.save(
        {key: state[key] for key in ("model", "optimizers", "step", "best")}, tmp_path / "a" / STATE_FILE
    )
    plainly, given = make(tmp_path / "a", plan(8)), make(tmp_path / "a", plan(8))

    assert plainly.resume() == given.resume(other.model) == 4
    assert same(plainly.average, old.model)
    assert same(given.average, other.model)
    plainly.train()
    assert not same(plainly.average, plainly.model)


def test_stages_and_mixes_are_followed(folder: Path, make: Callable[..., Run]) -> None:
    """Each step has the windows and the head of its stage, and a mix has windows of all its lengths."""
    run, steps = make(folder, plan(12)), list[tuple[int, bool]]()
    update = run._update

    def recorded(ids: torch.Tensor, *, sampled: bool) -> float:
        steps.append((ids.shape[1] - 1, sampled))
        return update(ids, sampled=sampled)

    run._update = recorded  # type: ignore[method-assign]
    run.train()

    assert {*steps[:6]} == {(16, True), (32, True)}
    assert steps[6:] == [(32, False)] * 6


def test_both_halves_of_the_window_are_logged(folder: Path, make: Callable[..., Run]) -> None:
    """A measuring tells the loss of weights and average, over all and early and late in the window."""
    run = make(folder, plan(4))
    run.train()
    last, average = rows(folder)[-1], held_out_loss(run.average, run._held_out)

    assert (last["average"], last["average_early"], last["average_late"]) == (
        average.per_character,
        average.early,
        average.late,
    )
    assert last["early"] != last["late"]


def test_a_pause_does_not_change_the_speed_told(folder: Path, make: Callable[..., Run]) -> None:
    """A machine that stood still for an hour is as fast as before."""
    clock, told = ManualClock(), list[float]()
    run = make(folder, plan(9, measure_every=100), lambda p: told.append(p.tokens_per_s), clock=clock.now)
    update = run._update

    def slowly(ids: torch.Tensor, *, sampled: bool) -> float:
        clock.advance(3_600 if run.step == 5 else 1)
        return update(ids, sampled=sampled)

    run._update = slowly  # type: ignore[method-assign]
    run.train()

    assert told == [128] * 9
