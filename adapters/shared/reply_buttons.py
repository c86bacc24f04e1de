"""The buttons under a reply: which it has as it is now, in their order, and each platform's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.domain.replies import Reply


@dataclass(frozen=True, slots=True)
class ReplyButton:
    """What a button does. `discord`, `slack`: its word in custom ids, action ids and keys of labels.

    Old messages carry these words: they never change.
    """

    discord: str
    slack: str
    emphasis: Literal["primary", "secondary", "danger"] = "secondary"


CONTINUE = ReplyButton("more", "continue", "primary")
RETRY = ReplyButton("again", "retry")
UNDO = ReplyButton("undo", "undo")
SEVERAL = ReplyButton("several", "several")
EDIT = ReplyButton("edit", "edit")
STOP = ReplyButton("stop", "stop", "danger")
RESUBMIT = ReplyButton("go", "again", "primary")
"""Ask anew for what came to nothing."""
REPLY_BUTTONS = (CONTINUE, RETRY, UNDO, SEVERAL, EDIT, STOP, RESUBMIT)


def buttons_of(reply: Reply) -> tuple[tuple[ReplyButton, ...], str]:
    """The buttons of a reply, and the job or passage that they are about; none where it carries none."""
    if not reply.interactive:
        return (), ""
    if reply.state.is_open or not reply.passage:
        action = STOP if reply.state.is_open else RESUBMIT
        return ((action,), reply.job) if reply.job else ((), "")
    return (CONTINUE, RETRY, UNDO, SEVERAL, EDIT), reply.passage
