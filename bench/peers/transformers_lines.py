"""transformers' `generate`, asked by lines as the peers are: one prompt after another."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import torch
from transformers import StoppingCriteria, XGLMForCausalLM


class Stamps(StoppingCriteria):
    """Notes when each token was there; stops nothing."""

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self.seconds: list[float] = []

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:  # noqa: ARG002
        """After each token."""
        self.seconds.append(time.perf_counter() - self._began_s)
        return torch.zeros(len(input_ids), dtype=torch.bool)


def main(settings: dict[str, Any]) -> None:
    """Answer until the input ends."""
    torch.set_num_threads(settings["threads"])
    model: Any = XGLMForCausalLM.from_pretrained(settings["model"], dtype=getattr(torch, settings["dtype"]))
    model.eval()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(asked(model, json.loads(line), settings)), flush=True)


def asked(model: Any, wanted: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Continue the prompts one after another."""
    began_s = time.perf_counter()
    first, last, counts = [], [], []
    for ids in wanted["prompts"]:
        stamps = Stamps(began_s)
        with torch.inference_mode():
            model.generate(
                torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                do_sample=True,
                **{name: settings[name] for name in ("temperature", "top_k", "top_p")},
                min_new_tokens=wanted["tokens"],
                max_new_tokens=wanted["tokens"],
                eos_token_id=2,
                pad_token_id=1,
                stopping_criteria=[stamps],
            )
        first.append(stamps.seconds[0])
        last.append(stamps.seconds[-1])
        counts.append(len(stamps.seconds))
    return {"first_s": first, "last_s": last, "tokens": counts}


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
