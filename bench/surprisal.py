"""What continuations cost the model that wrote them, beside the passages that really came next."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from bench.children import answer

if TYPE_CHECKING:
    import torch

UNK = 3


def measure(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Nats of texts after their prompts, in float32.

    Args:
        spec: `folder` of the checkpoint; `threads`; `prompts`; `texts`, by name one for each prompt.

    Returns:
        By name: nats a character over all of its texts. Paragraph breaks cost and are no characters; unknown
        characters are left out.
    """
    import torch
    from transformers import XGLMForCausalLM

    from bot.worker.checkpoints.loader import find_checkpoint, read_checkpoint
    from bot.worker.text.encoding import StoryText

    torch.set_num_threads(spec["threads"])
    folder = Path(spec["folder"])
    checkpoint = read_checkpoint(find_checkpoint(folder), dtype="float32", device="cpu")
    text = StoryText(checkpoint.tokenizer, checkpoint.config.max_position_embeddings)
    model = XGLMForCausalLM.from_pretrained(folder, dtype=torch.float32)

    def nats(story: str) -> float:
        return _nats(model, list(text.encode(story, text.context).ids))

    before = [nats(prompt) for prompt in spec["prompts"]]
    return {
        name: _per_character(spec["prompts"], before, texts, nats) for name, texts in spec["texts"].items()
    }


def _per_character(prompts: list[str], before: list[float], texts: list[str], nats: Any) -> float:
    # What both together cost less what the prompt costs: where a token spans the joint neither is cut.
    told = [(p, b, t) for p, b, t in zip(prompts, before, texts, strict=True) if t.strip()]
    cost = sum(nats(prompt + text) - spent for prompt, spent, text in told)
    characters = sum(len(text.replace("\n", "")) for _, _, text in told)
    return cost / characters if characters else 0.0


def _nats(model: Any, ids: list[int]) -> float:
    import torch

    with torch.inference_mode():
        logits: torch.Tensor = model(torch.tensor([ids[:-1]])).logits[0]
    targets = torch.tensor(ids[1:])
    return float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum", ignore_index=UNK))


if __name__ == "__main__":
    answer(measure)
