"""The terminal: one reader, one story at a time."""

from adapters.console.adapter import ROOM, ConsoleAdapter
from adapters.console.session import Session
from adapters.console.transcript import Transcript

__all__ = ["ROOM", "ConsoleAdapter", "Session", "Transcript"]
