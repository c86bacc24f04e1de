"""The terminal: one reader, one story at a time."""

from adapters.console.adapter import ROOM, ConsoleAdapter
from adapters.console.session import Session

__all__ = ["ROOM", "ConsoleAdapter", "Session"]
