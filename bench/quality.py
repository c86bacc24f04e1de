"""What eight bits cost: the int8 backend beside the torch reference in float32, on held-out text."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from bench.children import answer
from bot.worker.backends.base import Backend, Row

if TYPE_CHECKING:
    import torch

    from bot.worker.text.encoding import StoryText

LENGTH = 512
"""Tokens a window."""

GIVEN = 128
"""Tokens of a window that are read together, as a prompt is, before the first one that is judged."""

AT_ONCE = 64
"""Tokens of which logits are computed in one call, each by itself as when it is drawn."""

UNKNOWN_NATS = 10.0
"""What an unknown character costs with either, as in training."""

EOS, UNK = 2, 3


@dataclass(frozen=True, slots=True)
class Quality:
    """Sums over judged tokens.

    `characters`: of what they spell, a paragraph break none. `kl`: the other's divergence from the reference,
    in nats. `agreed`: how often the likeliest token is the same. `nats`, `other_nats`: what the text costs.
    """

    tokens: int = 0
    characters: int = 0
    kl: float = 0.0
    agreed: int = 0
    nats: float = 0.0
    other_nats: float = 0.0

    def __add__(self, other: Quality) -> Quality:
        return Quality(
            self.tokens + other.tokens,
            self.characters + other.characters,
            self.kl + other.kl,
            self.agreed + other.agreed,
            self.nats + other.nats,
            self.other_nats + other.other_nats,
        )


def windows(ids: Sequence[int], most: int, *, length: int = LENGTH, given: int = GIVEN) -> list[list[int]]:
    """Windows such that each token but the first ones is judged once, `most` at most, evenly over the text.

    Raises:
        ValueError: the text is shorter than what is given of a window.
    """
    if len(ids) <= given + 1:
        raise ValueError(f"the held-out text has {len(ids)} tokens, and more than {given + 1} are needed")
    starts = range(0, len(ids) - given - 1, length - given - 1)
    step = max(1, -(-len(starts) // most))
    return [list(ids[start : start + length]) for start in starts[::step]]


def judge(reference: Backend, other: Backend, window: Sequence[int], text: StoryText) -> Quality:
    """Both backends over the tokens of a window that come behind the given ones."""
    found = Quality()
    pairs = zip(_logits(reference, window), _logits(other, window), strict=True)
    for (targets, ours), (_, theirs) in pairs:
        found += _compare(ours, theirs, targets, text)
    return found


def measure(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Judge a checkpoint.

    Args:
        spec: `folder` of the checkpoint; `held_out`, a corpus or text file; `windows`, at most so many;
            `cache`, a folder for the converted checkpoint; `threads`.
    """
    import torch

    from bot.worker.checkpoints.loader import find_checkpoint, read_checkpoint
    from bot.worker.text.encoding import StoryText

    torch.set_num_threads(spec["threads"])
    folder = Path(spec["folder"])
    checkpoint = read_checkpoint(find_checkpoint(folder), dtype="float32", device="cpu")
    text = StoryText(checkpoint.tokenizer, checkpoint.config.max_position_embeddings)
    cut = windows(held_out_ids(Path(spec["held_out"]), text), spec["windows"])
    reference = _reference(checkpoint.config, checkpoint.tensors)
    other = _int8(folder, Path(spec["cache"]), spec["threads"])
    found = sum((judge(reference, other, window, text) for window in cut), Quality())
    return {
        "backend": other.name,
        "tokens": found.tokens,
        "kl": found.kl / found.tokens,
        "agreement": found.agreed / found.tokens,
        "nats": found.nats / found.characters,
        "other_nats": found.other_nats / found.characters,
    }


def held_out_ids(file: Path, text: StoryText) -> list[int]:
    """The tokens of a corpus' works that were not trained on; a `.txt` file is held out as a whole."""
    from bot.train.corpus import read_works

    works = [work for work in read_works(file) if work.held_out or ".txt" in file.suffixes]
    return [i for work in works for line in work.paragraphs for i in text.encode(line, text.context).ids]


def _reference(config: Any, tensors: dict[str, torch.Tensor]) -> Backend:
    from bot.worker.backends.pytorch import TorchBackend

    block = 32
    return TorchBackend(config, tensors, blocks=-(-LENGTH // block) + 1, block=block)


def _int8(folder: Path, cache: Path, threads: int) -> Backend:
    from bot.worker.backends.openvino import OpenVinoBackend
    from bot.worker.checkpoints.loader import find_checkpoint
    from bot.worker.checkpoints.quantized_cache import int8_model

    source = find_checkpoint(folder)
    model = int8_model(source.folder, source.config, source.weights, cache=cache)
    blocks = -(-LENGTH // OpenVinoBackend.block) + 1
    return OpenVinoBackend(model, blocks=blocks, threads=threads)


def _logits(backend: Backend, window: Sequence[int]) -> Iterator[tuple[Sequence[int], torch.Tensor]]:
    """The tokens that follow some, and a copy of the logits for them."""
    # Rows of tokens that are not computed alone begin and end with a block.
    body = GIVEN // backend.block * backend.block
    if body:
        backend.forward([_row(backend, window, 0, body)])
    for start in range(body, len(window) - 1, AT_ONCE):
        end = min(start + AT_ONCE, len(window) - 1)
        logits = backend.forward([_row(backend, window, start, end, alone=True)]).drawn
        # What a backend with smaller blocks would begin to judge earlier is left out.
        skipped = max(0, GIVEN - start)
        yield window[start + 1 + skipped : end + 1], logits[skipped:].clone()


def _row(backend: Backend, window: Sequence[int], start: int, end: int, *, alone: bool = False) -> Row:
    blocks = tuple(range(-(-end // backend.block)))
    judged = end - start if alone else 0
    return Row(blocks, start, tuple(window[start:end]), alone=judged, logits=judged)


def _compare(ours: torch.Tensor, theirs: torch.Tensor, targets: Sequence[int], text: StoryText) -> Quality:
    import torch

    of, other = ours.double().log_softmax(-1), theirs.double().log_softmax(-1)
    told = torch.tensor(targets)
    unknown = UNKNOWN_NATS * int((told == UNK).sum())
    known = (told != UNK).nonzero().flatten()
    return Quality(
        tokens=len(targets),
        characters=sum(_characters(token, text) for token in targets),
        kl=float((of.exp() * (of - other)).sum()),
        agreed=int((of.argmax(-1) == other.argmax(-1)).sum()),
        nats=unknown - float(of[known, told[known]].sum()),
        other_nats=unknown - float(other[known, told[known]].sum()),
    )


def _characters(token: int, text: StoryText) -> int:
    if token == EOS:
        return 0
    return 1 if token == UNK else len(text.spell(token))


if __name__ == "__main__":
    answer(measure)
