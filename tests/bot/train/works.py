"""A small made-up corpus: sentences put together from a few words, the same for the same seed."""

from __future__ import annotations

import json
import random
from pathlib import Path

WHO = ("猫は", "彼は", "老人は", "少女は", "旅人は")
WHERE = ("橋の上で", "暗い部屋で", "海の見える丘で", "駅前の通りで")
WHAT = ("静かに笑った。", "手紙を読んでいた。", "空を見上げた。", "「もう帰ろう」と言った。", "眠っていた。")


def write_corpus(path: Path, works: int = 300, seed: int = 0) -> Path:
    """Write `works` works of a few paragraphs as JSON lines."""
    draw = random.Random(seed)  # noqa: S311
    with path.open("w", encoding="utf-8") as file:
        for number in range(works):
            row = {"id": f"work-{number}", "text": "\n".join(_paragraph(draw) for _ in range(12))}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def _paragraph(draw: random.Random) -> str:
    return "".join(draw.choice(WHO) + draw.choice(WHERE) + draw.choice(WHAT) for _ in range(4))
