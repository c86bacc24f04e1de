"""Run in openvino-genai's environment: a `ContinuousBatchingPipeline` that is asked by lines on its input.

A line is a JSON object: `prompts` (token ids), `tokens` (new ones each). The answer, one line, has for each
prompt when its first token and its last one came, in seconds from the request, and how many there were.
Settings come with the first argument: `model`, `threads`, `top_k`, `top_p`, `temperature`, `kv_gib`.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai


def main(settings: dict[str, Any]) -> None:
    """Answer until the input ends."""
    scheduler = genai.SchedulerConfig()
    scheduler.cache_size = settings["kv_gib"]
    scheduler.enable_prefix_caching = True
    scheduler.max_num_batched_tokens = settings.get("batched_tokens", 512)
    properties = {"INFERENCE_NUM_THREADS": settings["threads"]}
    pipeline = genai.ContinuousBatchingPipeline(settings["model"], scheduler, "CPU", properties)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(asked(pipeline, json.loads(line), settings)), flush=True)


def asked(pipeline: Any, wanted: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Step until all prompts are continued."""
    began_s = time.perf_counter()
    handles = [
        pipeline.add_request(
            number, ov.Tensor(np.array([ids], np.int64)), configuration(wanted, settings, number)
        )
        for number, ids in enumerate(wanted["prompts"])
    ]
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    count = dict.fromkeys(range(len(handles)), 0)
    while pipeline.has_non_finished_requests():
        pipeline.step()
        now_s = time.perf_counter() - began_s
        for number, handle in enumerate(handles):
            if handle.can_read():
                count[number] += sum(len(one.generated_ids) for one in handle.read().values())
                first.setdefault(number, now_s)
                last[number] = now_s
    return {
        "first_s": [first[number] for number in sorted(first)],
        "last_s": [last[number] for number in sorted(last)],
        "tokens": [count[number] for number in sorted(count)],
    }


def configuration(wanted: dict[str, Any], settings: dict[str, Any], seed: int) -> Any:
    """Exactly so many new tokens, drawn as the worker draws them."""
    found = genai.GenerationConfig()
    found.max_new_tokens = found.min_new_tokens = wanted["tokens"]
    found.ignore_eos = True
    found.do_sample = True
    found.temperature, found.top_k, found.top_p = (
        settings[name] for name in ("temperature", "top_k", "top_p")
    )
    found.rng_seed = seed
    found.eos_token_id = 2
    return found


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
