"""Jobs for the queue's tests."""

from __future__ import annotations

from bot.domain.chat import Author, Room
from bot.domain.jobs import GenerationOptions, Job


def job(job_id: str, person: str = "aki", story: str | None = None) -> Job:
    """A job of `person`, in a story of its own unless one is named."""
    room = story or f"story of {job_id}"
    return Job(job_id, room, Room("web", room), Author("web", person, person), GenerationOptions(), 0)
