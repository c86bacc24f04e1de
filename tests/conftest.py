"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# Where a run decides whether a change lands, the same examples are tried each time; elsewhere new ones are.
settings.register_profile("ci", derandomize=True, database=None)
if os.environ.get("CI"):
    settings.load_profile("ci")
