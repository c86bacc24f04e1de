"""`python -m bench.embedded RUN --held-out FILE --out FOLDER`: a run's best weights as the embedded model.

Weights in bfloat16, tokenizer, presets tuned on held-out works, curve, samples and card. All of it is made in
a folder of its own, and only what is complete and good enough replaces the model that ships.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from bench.embedded.make import Recipe, Work, make_model
from bench.machine import cores
from bot.train.measure import Loss

PLACES = 40


def main() -> None:
    """Make the model, and tell what it is like."""
    options = _options()
    recipe = Recipe(options.run, options.held_out, options.also, options.places)
    with tempfile.TemporaryDirectory(prefix="tsuzuki-embedded-") as scratch:
        work = Work(Path(scratch), options.threads, _say)
        folder, loss = make_model(recipe, work, lambda found: _refuse(found, options.at_most))
        options.out.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            shutil.copyfile(file, options.out / file.name)
    _say(f"{options.out}: {loss.per_character:.4f} nats a character")


def shortcoming(loss: Loss, at_most: float) -> str | None:
    """Why a model does not ship, if so: its loss, or later positions that are worse than earlier ones."""
    if loss.per_character > at_most:
        return f"{loss.per_character:.4f} nats a character, and at most {at_most} are wanted"
    if loss.late > loss.early:
        return (
            f"later positions ({loss.late:.3f} nats a token) are worse than earlier ones ({loss.early:.3f})"
        )
    return None


def _refuse(loss: Loss, at_most: float) -> None:
    if reason := shortcoming(loss, at_most):
        raise SystemExit(f"nothing is replaced: {reason}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.embedded", description=__doc__)
    add = parser.add_argument
    add("run", type=Path, help="the folder of a `tsuzuki train`, finished or not")
    add("--held-out", type=Path, required=True, help="the corpus that is the run's first source")
    add("--also", type=Path, help="a corpus in another language, whose loss the card tells as well")
    add("--out", type=Path, required=True, help="the model's folder; its files are replaced")
    add("--at-most", type=float, default=float("inf"), help="nats a character that are good enough")
    add("--places", type=int, default=PLACES, help="in held-out works, from which is written on")
    add("--threads", type=int, default=cores())
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
