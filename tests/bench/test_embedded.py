"""From a run to the embedded model."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import pytest

from bench.embedded.__main__ import shortcoming
from bench.embedded.card import Released
from bench.embedded.make import Recipe, Work, make_model
from bench.embedded.presets import CANDIDATES, Judged, judge
from bench.embedded.samples import BEGINNINGS, ENGLISH, Sample, choose
from bench.judges import dialogue
from bench.prompts import PASSAGE
from bot.domain.errors import CheckpointError
from bot.domain.sampling import PRESETS
from bot.train import corpus
from bot.train.loop import BEST, LOG_FILE
from bot.train.measure import Loss
from bot.worker.checkpoints.loader import embedded_model, find_checkpoint, read_checkpoint

MEASURED = {"step": 500, "tokens": 2_048_000, "loss": 4.6, "tokens_per_s": 900.0, "held_out": 2.6}
HALVES = {"average": 2.5, "early": 4.9, "late": 4.8, "average_early": 4.8, "average_late": 4.7}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run whose best weights are those that ship."""
    folder = tmp_path / "run"
    shutil.copytree(
        embedded_model(), folder / BEST, ignore=shutil.ignore_patterns("*.md", "*.png", "presets*")
    )
    rows = [{**MEASURED, "step": 20, "tokens": 81_920, "held_out": None}, {**MEASURED, **HALVES}]
    (folder / LOG_FILE).write_text("\n".join(map(json.dumps, rows)) + "\n")
    return folder


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    """A corpus of one work, which is held out."""
    name = next(f"w{n}" for n in itertools.count() if corpus.Work(f"w{n}", "").held_out)
    file = tmp_path / "corpus.jsonl"
    file.write_text(json.dumps({"id": name, "text": PASSAGE.read_text("utf-8")}), encoding="utf-8")
    return file


@pytest.mark.timeout(600)
def test_a_run_becomes_a_model_with_presets_curve_and_card(tmp_path: Path, run: Path, held_out: Path) -> None:
    """The worker loads what is made, and the card tells what was measured of it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    lines: list[str] = []
    few = {name: candidates[: 2 if name == "bold" else 1] for name, candidates in CANDIDATES.items()}
    recipe = Recipe(run, held_out, held_out, places=1, candidates=few, seeds=1)

    folder, loss = make_model(recipe, Work(scratch, 1, lines.append), accept=lambda _: None)

    presets = json.loads((folder / "presets.json").read_text("utf-8"))
    assert {
        name: preset["temperature"] in {0.7, 0.85, 0.95} for name, preset in presets.items()
    } == dict.fromkeys(("steady", "standard", "bold"), True)
    assert read_checkpoint(find_checkpoint(folder), dtype="float32", device="cpu").config.d_model == 256
    assert (folder / "loss.png").stat().st_size > 1_000
    card = (folder / "README.md").read_text("utf-8")
    assert f"**{loss.per_character:.2f} nats per Japanese character** (1 works" in card
    assert "28.3 M" in card
    assert "the moving average of the weights" in card
    assert "this model's standard" in card
    assert ENGLISH in card
    assert "$" not in card
    assert len([line for line in lines if "from the books" in line]) == 4


def test_what_is_not_good_enough_ends_before_anything_is_tuned(
    tmp_path: Path, run: Path, held_out: Path
) -> None:
    """The loss is known first, and whoever refuses it ends the work."""

    class RefusedError(Exception):
        pass

    def refuse(_: Loss) -> None:
        raise RefusedError

    with pytest.raises(RefusedError):
        make_model(Recipe(run, held_out, None, 2), Work(tmp_path / "scratch", 1, print), refuse)


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (Loss(2.45, 4.7, 4.7), None),
        (Loss(2.46, 4.7, 4.6), "2.4600 nats"),
        (Loss(2.4, 4.7, 4.71), "later positions"),
    ],
)
def test_what_ships_is_good_enough_at_all_positions(loss: Loss, reason: str | None) -> None:
    """Its loss is what was wanted, and a long story is read no worse than a short one."""
    found = shortcoming(loss, 2.45)

    assert found is None if reason is None else found is not None and reason in found


def test_a_run_without_a_measuring_is_refused(tmp_path: Path) -> None:
    """Rows of earlier versions know of no average."""
    log = tmp_path / LOG_FILE
    log.write_text(json.dumps(MEASURED) + "\n")

    with pytest.raises(ValueError, match="no measuring"):
        Released.read(log)


def test_a_run_without_weights_is_refused(tmp_path: Path, run: Path, held_out: Path) -> None:
    """The folder is named."""
    shutil.rmtree(run / BEST)

    with pytest.raises(CheckpointError, match=BEST):
        make_model(Recipe(run, held_out, None, 2), Work(tmp_path / "scratch", 1, print), lambda _: None)


def test_the_released_weights_are_those_of_the_lowest_loss(tmp_path: Path) -> None:
    """Weights or average, at whatever step."""
    log = tmp_path / LOG_FILE
    later = {**MEASURED, **HALVES, "step": 750, "tokens": 3_072_000, "held_out": 2.4}
    log.write_text("\n".join(map(json.dumps, [{**MEASURED, **HALVES}, later])) + "\n")

    assert Released.read(log) == Released(3_072_000, averaged=False)


def test_lines_of_dialogue_are_counted() -> None:
    """A line that begins with a quotation is one."""
    assert dialogue(["「はい」\n彼は言った。", "　『それ』\n\n夜だった。"]) == 0.5
    assert dialogue([""]) == 0


def test_faults_and_distance_count_against_a_preset() -> None:
    """The nearest to the books is the best, and a fault is no nearness."""
    books = Judged(0.3, 0.8, 0.1)
    clean, talking = Judged(0.3, 0.8, 0.0), Judged(0.7, 0.8, 0.0)

    assert clean.distance(books) == 0
    assert Judged(0.3, 0.8, 0.2).distance(books) == pytest.approx(0.2)
    assert talking.distance(books) == pytest.approx(0.4)
    assert judge(["夜。", "朝。"], ["彼は立った。", "彼は「ああ"]).faulty == 0.5


def test_candidates_are_of_presets_that_there_are() -> None:
    """Each with a few temperatures and biases."""
    assert CANDIDATES.keys() <= PRESETS.keys()
    assert {len(candidates) for candidates in CANDIDATES.values()} == {12}


def test_samples_are_chosen_by_rule() -> None:
    """Good ones are cheap, varied and without a fault; bad ones are dear; English is the median."""
    loop = Sample(BEGINNINGS[0], "そうだ。" * 20, 1, 0.1)
    open_quote = Sample(BEGINNINGS[0], "彼は「そうか。", 2, 0.2)
    texts = (
        "彼は静かに笑って立った。",
        "夜の海は暗く遠かった。",
        "猫が屋根の上で鳴いた。",
        "雨が窓を打っていた。",
    )
    plain = [Sample(BEGINNINGS[1], text, 3, 1.0 + n) for n, text in enumerate(texts)]
    english = [Sample(ENGLISH, "He sat.", seed, nats) for seed, nats in enumerate((3.0, 1.0, 2.0))]

    good, bad, one = choose([*english, *reversed(plain), open_quote, loop])

    assert good == plain[:2]
    assert bad == plain[2:]
    assert one.nats == 2.0


def test_a_sample_is_quoted_with_its_seed() -> None:
    """Line by line, the beginning in bold."""
    quoted = Sample("夜だった。", "\n「はい」\n彼は言った。", 4, 2.0).quoted

    assert quoted == "> **夜だった。**  \n> 「はい」  \n> 彼は言った。（seed 4）  "
