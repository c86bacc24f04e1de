"""Contenders take turns, get the same prompts, and are compared round by round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from bench.parts import EIGHT
from bench.peers.contenders import GENAI, WORKER, Timing
from bench.peers.rounds import in_turns

TOKENS, ROUNDS = 20, 3


@dataclass(slots=True)
class Steady:
    """Writes a token in `token_s`, however many write beside."""

    name: str
    token_s: float
    asked: list[tuple[tuple[int, ...], ...]] = field(default_factory=list)

    def write(self, prompts: Sequence[Sequence[int]], tokens: int) -> Timing:
        """The same for every prompt."""
        self.asked.append(tuple(map(tuple, prompts)))
        count = len(prompts)
        return Timing((self.token_s,) * count, (self.token_s * tokens,) * count, (tokens,) * count)


def test_the_worker_is_compared_in_each_round() -> None:
    """Twice as fast is 2 times, and half the wait; transformers' is that of one prompt after another."""
    worker, peer, slow = Steady(WORKER, 0.01), Steady(GENAI, 0.02), Steady("transformers float32", 0.1)
    found = {one.key: one for one in in_turns([worker, peer, slow], ROUNDS, TOKENS, lambda _: None)}
    assert found[f"peers.{WORKER} {GENAI}.one_ratio"].middle == pytest.approx(2)
    assert found[f"peers.{WORKER} {GENAI}.eight_ratio"].middle == pytest.approx(2)
    assert found[f"peers.{WORKER} {GENAI}.first_ratio"].middle == pytest.approx(0.5)
    assert found[f"peers.{WORKER} {GENAI}.first_ratio"].met
    assert found[f"peers.{WORKER} transformers float32.turns_ratio"].middle == pytest.approx(8 * 10)
    assert found[f"peers.{WORKER}.one"].rounds == ROUNDS


def test_everybody_gets_the_same_prompts_and_begins_in_turn() -> None:
    """Only who does not batch is spared the crowd. Nobody had a round's prompts before."""
    order: list[str] = []
    worker, peer, slow = Steady(WORKER, 0.01), Steady(GENAI, 0.01), Steady("transformers float32", 0.01)
    in_turns([worker, peer, slow], ROUNDS, TOKENS, lambda said: order.append(said.split(",")[0]))
    assert worker.asked == peer.asked
    assert slow.asked == [prompts for prompts in worker.asked if len(prompts) < EIGHT]
    assert len({prompts[0] for prompts in worker.asked}) == len(worker.asked)
    assert order[3:] == [WORKER, GENAI, slow.name, GENAI, slow.name, WORKER, slow.name, WORKER, GENAI]
