"""What differs from run to run, made alike: ids, moments, ports. The same one gets the same number."""

from __future__ import annotations

import json
import re
from typing import Any

_CHANGING = re.compile(
    r"""
    (?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:?00|Z)?)
  | (?P<id>(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z]))
  | (?P<snowflake>(?<![0-9.])\d{18,20}(?![0-9]))
  | (?P<ts>(?<![0-9.])1[6-9]\d{8}\.\d{6}(?![0-9]))
  | (?P<link>(?<=/p)1[6-9]\d{14}(?![0-9]))
  | (?P<short>(?<![0-9A-Za-z])[0-9a-f]{8}(?=[ ]{2}))
  | (?P<address>127\.0\.0\.1:\d+)
    """,
    re.VERBOSE,
)


def as_json(value: object) -> str:
    """JSON that shows line by line what changed."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def plain(text: str) -> str:
    """A text with numbered names for what differs from run to run."""
    numbers: dict[str, dict[str, int]] = {}

    def named(found: re.Match[str]) -> str:
        kind = str(found.lastgroup)
        if kind in {"time", "address"}:
            return f"<{kind}>"
        known = numbers.setdefault(kind, {})
        return f"<{kind} {known.setdefault(found[0], len(known) + 1)}>"

    return _CHANGING.sub(named, text)


def alike(value: object) -> Any:
    """The same of a JSON value."""
    return json.loads(plain(json.dumps(value, ensure_ascii=False)))
