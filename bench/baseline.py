"""transformers' `generate` with the same shape and sampling, in a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from bench.children import answer

FIRST_PIECE = 4
"""The ids below it are controls."""


def measure(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Time a checkpoint.

    The prompt's tokens are drawn at random: they do not change the speed.

    Args:
        spec: `folder`, `dtype`, `threads`, `prompt` and `tokens` (lengths), `rounds`, `batch` (rows),
            `batches` (rounds of the batch).

    Returns:
        Seconds of one token (`first_s`), of all `tokens` (`whole_s`) and of a batch of all (`batch_s`), each
        once for each round.
    """
    import torch
    from transformers import XGLMForCausalLM

    from bot.domain.sampling import Sampling

    torch.set_num_threads(spec["threads"])
    model: Any = XGLMForCausalLM.from_pretrained(spec["folder"], dtype=getattr(torch, spec["dtype"]))
    model.eval()
    sampling = Sampling()

    def generate(new: int, rows: int = 1) -> None:
        ids = torch.randint(FIRST_PIECE, model.config.vocab_size, (rows, spec["prompt"] - 1))
        with torch.inference_mode():
            model.generate(
                torch.cat([torch.full((rows, 1), 2), ids], dim=1),
                attention_mask=torch.ones(rows, spec["prompt"], dtype=torch.long),
                do_sample=True,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                top_k=0,
                repetition_penalty=sampling.repetition_penalty,
                min_new_tokens=new,
                max_new_tokens=new,
                eos_token_id=2,
                pad_token_id=1,
            )

    generate(2)
    rounds, tokens = spec["rounds"], spec["tokens"]
    return {
        "first_s": [_seconds(lambda: generate(1)) for _ in range(rounds)],
        "whole_s": [_seconds(lambda: generate(tokens)) for _ in range(rounds)],
        "batch_s": [_seconds(lambda: generate(tokens, spec["batch"])) for _ in range(spec["batches"])],
    }


def _seconds(work: Callable[[], None]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


if __name__ == "__main__":
    answer(measure)
