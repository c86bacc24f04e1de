"""`make bench`: the worker over HTTP beside transformers' `generate`, in one run on one machine.

Absolute figures drift with whatever else the machine does; the ratios of one run are what counts.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import httpx

ROOT = Path(__file__).parents[1]
STORY = (
    "それは九月初旬のある蒸し暑い夜のことであった。私は、大通りの中程にある、行きつけのカフェで、"
    "冷しコーヒーを啜っていた。当時私は、学校を出たばかりで、まだこれという職業もなく、下宿にゴロゴロして"
    "本でも読んでいるか、それに飽きると、当てどもなく散歩に出るのが、毎日の日課だった。\n"
)
ROUNDS = 3
WRITERS = 8
LOAD_TIMEOUT_S = 300

SHAPES: dict[str, dict[str, Any]] = {
    "564m": {"d_model": 1024, "ffn_dim": 4096, "num_layers": 24, "attention_heads": 16}
}
"""Published figures; speed does not depend on the weights' values."""

UNLIKELY = -100.0
"""The score of a piece that is never taken."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds to the first token; tokens a second for one writer and for eight at once.

    `eight_lucky_per_s`: eight who happen to start at the same moment with prompts of one length.
    """

    first_token_s: float
    alone_per_s: float
    eight_per_s: float
    eight_lucky_per_s: float


def main() -> None:
    """Measure and print the table."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = _folder(arguments, Path(scratch))
        with worker(folder, arguments.threads) as client:
            ours = measure_worker(client, arguments.tokens)
        theirs = measure_transformers(folder, arguments.tokens, arguments.threads)
    shown = arguments.shape or arguments.model or "the embedded model"
    print(f"\n{shown}, {os.cpu_count()} cores, float32, {arguments.tokens} new tokens, best of {ROUNDS}\n")
    print(table(ours, theirs))


def table(ours: Figures, theirs: Figures) -> str:
    """Both, and the ratio in our favour."""
    rows = [
        ("first token (ms)", ours.first_token_s * 1e3, theirs.first_token_s * 1e3, False),
        ("one writer (tokens/s)", ours.alone_per_s, theirs.alone_per_s, True),
        ("eight writers (tokens/s), generate one after another", ours.eight_per_s, theirs.eight_per_s, True),
        (
            "eight writers (tokens/s), generate in one lucky batch",
            ours.eight_lucky_per_s,
            theirs.eight_lucky_per_s,
            True,
        ),
    ]
    lines = [
        "| | worker, over HTTP | transformers generate | ratio |",
        "|---|---|---|---|",
    ]
    for name, mine, other, more_is_better in rows:
        ratio = mine / other if more_is_better else other / mine
        lines.append(f"| {name} | {mine:.1f} | {other:.1f} | {ratio:.1f} × |")
    lines.append("\nA lucky batch: all eight start at the same moment, with prompts of one length.")
    return "\n".join(lines)


@contextmanager
def worker(folder: Path, threads: int | None) -> Iterator[httpx.Client]:
    """A worker process on a free port, loaded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = (
        "from bot.worker.command import run_worker\n"
        f"run_worker({str(folder)!r}, '127.0.0.1', {port}, None, dtype='float32', threads={threads})"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=LOAD_TIMEOUT_S) as client:
            _wait_until_ready(client)
            yield client
    finally:
        process.terminate()
        process.wait()


def measure_worker(client: httpx.Client, tokens: int) -> Figures:
    """Streams of completions, as the bot asks for them."""
    _stream(client, 4, seed=0)
    firsts, rates = zip(*(_stream(client, tokens, seed=seed) for seed in range(ROUNDS)), strict=True)
    eight = [_together(client, tokens) for _ in range(ROUNDS)]
    return Figures(min(firsts), max(rates), max(eight), max(eight))


def measure_transformers(folder: Path, tokens: int, threads: int | None) -> Figures:
    """The same prompt and settings by `generate`."""
    import torch
    from transformers import XGLMForCausalLM

    from bot.messages import Sampling
    from bot.worker.loader import load_checkpoint
    from bot.worker.text import StoryText

    if threads:
        torch.set_num_threads(threads)
    checkpoint = load_checkpoint(folder, dtype="float32", device="cpu")
    model: Any = XGLMForCausalLM(checkpoint.config)
    model.eval()
    model.load_state_dict(checkpoint.tensors, strict=False, assign=True)
    model.tie_weights()
    text = StoryText(checkpoint.tokenizer, checkpoint.config.max_position_embeddings)
    ids = torch.tensor([text.encode(STORY, text.context).ids])
    sampling = Sampling()

    def generate(new: int, rows: int = 1) -> None:
        with torch.inference_mode():
            model.generate(
                ids.repeat(rows, 1),
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
    first = min(_seconds(lambda: generate(1)) for _ in range(ROUNDS))
    whole = min(_seconds(lambda: generate(tokens)) for _ in range(ROUNDS))
    batch = _seconds(lambda: generate(tokens, WRITERS))
    alone = (tokens - 1) / (whole - first)
    return Figures(first, alone, tokens / whole, WRITERS * tokens / batch)


def _stream(client: httpx.Client, tokens: int, *, seed: int) -> tuple[float, float]:
    """Seconds to the first text, and tokens a second after it."""
    started_s = time.perf_counter()
    with client.stream("POST", "/v1/completions", json=_request(tokens, seed)) as stream:
        stamps = [time.perf_counter() for line in stream.iter_lines() if line.startswith("data: {")]
    if len(stamps) < 2:
        raise RuntimeError("the worker wrote nothing")
    return stamps[0] - started_s, (tokens - 1) / (stamps[-1] - stamps[0])


def _together(client: httpx.Client, tokens: int) -> float:
    """Tokens a second of eight streams at once, from the first request to the last token."""
    threads = [
        threading.Thread(target=_stream, args=(client, tokens), kwargs={"seed": seed})
        for seed in range(WRITERS)
    ]
    started_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return WRITERS * tokens / (time.perf_counter() - started_s)


def _request(tokens: int, seed: int) -> dict[str, Any]:
    return {"prompt": STORY, "max_tokens": tokens, "min_tokens": tokens, "seed": seed, "stream": True}


def _wait_until_ready(client: httpx.Client) -> None:
    until_s = time.monotonic() + LOAD_TIMEOUT_S
    while time.monotonic() < until_s:
        try:
            health = client.get("/health").json()
        except httpx.TransportError:
            health = {"status": "loading"}
        if health["status"] == "failed":
            raise RuntimeError(health["reason"])
        if health["status"] == "ready":
            return
        time.sleep(0.2)
    raise RuntimeError("the worker did not load in time")


def _seconds(work: Callable[[], None]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def _folder(arguments: argparse.Namespace, scratch: Path) -> Path:
    from bot.worker.loader import embedded_model

    if arguments.shape:
        return _random_checkpoint(arguments.shape, scratch)
    return Path(arguments.model) if arguments.model else embedded_model()


def _random_checkpoint(shape: str, folder: Path) -> Path:
    """A published shape with random weights, and the embedded model's tokenizer, filled up to its size."""
    from transformers import XGLMConfig, XGLMForCausalLM

    config = XGLMConfig(vocab_size=256_008, **SHAPES[shape])
    model: Any = XGLMForCausalLM(config)
    model.half().save_pretrained(folder)
    (folder / "tokenizer.json").write_text(_filled_tokenizer(config.vocab_size), encoding="utf-8")
    return folder


def _filled_tokenizer(size: int) -> str:
    """The embedded model's tokenizer.json with pieces that no text holds: `size` tokens in all."""
    from bot.worker.loader import embedded_model

    tokenizer = json.loads((embedded_model() / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    behind = [token for token in tokenizer["added_tokens"] if token["id"] >= len(vocabulary)]
    fillers = size - len(vocabulary) - len(behind)
    for token in behind:
        token["id"] += fillers
    vocabulary += [[f"\ue000{number}", UNLIKELY] for number in range(fillers)]
    return json.dumps(tokenizer, ensure_ascii=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a checkpoint's folder; the embedded one if absent")
    parser.add_argument(
        "--shape", choices=sorted(SHAPES), help="a published shape with random weights instead"
    )
    parser.add_argument("--tokens", type=int, default=100, help="new tokens a completion")
    parser.add_argument("--threads", type=int, help="threads of computation; torch's own choice if absent")
    return parser.parse_args()


if __name__ == "__main__":
    main()
