"""How far something is that takes a while."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], None]
"""Called with growing figures from 0 to 1."""
