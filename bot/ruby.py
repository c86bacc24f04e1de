"""Pure: ruby as it is written in plain text, `｜親《ルビ》` or `漢字《ルビ》` (as at Aozora Bunko)."""

from __future__ import annotations

import re

_KANJI = "\u3005-\u3007\u30f5\u30f6\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUBY = re.compile(
    rf"[｜|](?P<marked>[^｜|《》\n]{{1,30}})《[^《》\n]{{1,50}}》|(?P<kanji>[{_KANJI}]+)《[^《》\n]{{1,50}}》|[｜|](?=《)"
)


def without_ruby(text: str) -> str:
    """`text` with the bases only. `｜《` stands for a 《 that begins no ruby."""
    return _RUBY.sub(lambda found: found["marked"] or found["kanji"] or "", text)
