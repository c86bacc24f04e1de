"""Which buttons a reply offers, on whichever platform."""

from __future__ import annotations

import pytest

from adapters.shared.reply_buttons import (
    CONTINUE,
    EDIT,
    RESUBMIT,
    RETRY,
    SEVERAL,
    STOP,
    UNDO,
    ReplyButton,
    buttons_of,
)
from bot.domain.replies import Reply, ReplyState


@pytest.mark.parametrize(
    ("reply", "actions", "about"),
    [
        (Reply(ReplyState.WAITING, job="j"), (STOP,), "j"),
        (Reply(ReplyState.WRITING, job="j", passage="p"), (STOP,), "j"),
        (Reply(ReplyState.FAILED, job="j"), (RESUBMIT,), "j"),
        (Reply(ReplyState.FAILED), (), ""),
        (Reply(ReplyState.DONE, job="j", passage="p"), (CONTINUE, RETRY, UNDO, SEVERAL, EDIT), "p"),
        (Reply(ReplyState.DONE, job="j", passage="p", interactive=False), (), ""),
    ],
)
def test_buttons_of_a_reply(reply: Reply, actions: tuple[ReplyButton, ...], about: str) -> None:
    """Stop what is open, ask anew for what came to nothing, go on from what is kept."""
    assert buttons_of(reply) == (actions, about)
