"""Who asked long ago is told when the story is there: an edit alone makes no sound."""

from __future__ import annotations

import pytest

from adapters.discord.delivery.posts import PATIENCE_S, ReplyWaits
from bot.domain.chat import MODEL, Author
from bot.domain.replies import Reply, ReplyState
from bot.domain.story import Passage
from tests.fakes.clock import FakeClock
from tests.integration.discord.stage import Stage

TEXT = "窓の外では虫が鳴いていた。"
WAITING = Reply(ReplyState.WAITING, note="二番目です", job="job-1")
WRITING = Reply(ReplyState.WRITING, TEXT, job="job-1")
DONE = Reply(ReplyState.DONE, TEXT, job="job-1", passage="p1")


@pytest.mark.parametrize(("waited_s", "told"), [(PATIENCE_S - 1, False), (PATIENCE_S + 1, True)])
async def test_only_who_waited_over_a_minute_is_told(waited_s: float, told: bool) -> None:
    """Once, at the end of the last message."""
    clock = FakeClock()
    waits = ReplyWaits(clock)
    waits.posted(WAITING)
    assert not waits.edited(WRITING)
    await clock.advance(waited_s)
    assert waits.edited(DONE) is told
    assert not waits.edited(DONE)


def test_a_reply_that_a_restart_interrupted_counts_as_long() -> None:
    """They have waited through it."""
    waits = ReplyWaits(FakeClock())
    assert not waits.edited(WRITING)
    assert waits.edited(DONE)


@pytest.mark.parametrize("state", [ReplyState.FAILED, ReplyState.CANCELLED])
def test_nobody_is_called_for_nothing(state: ReplyState) -> None:
    """A failure is read in the message; who stopped it knows."""
    waits = ReplyWaits(FakeClock())
    waits.edited(WRITING)
    assert not waits.edited(Reply(state, TEXT, job="job-1", passage="p1"))


async def test_the_word_mentions_the_asker_and_nobody_else(stage: Stage) -> None:
    """As a reply to the last message; a revived message later calls nobody again."""
    room = stage.room(stage.discord.channel)
    hanako = stage.discord.hanako
    asker = Author("discord", str(hanako.id), "花子")
    stage.services.shows["1"] = Passage("p1", "story-1", None, MODEL, TEXT, asker)
    message_id = await stage.adapter.post(room, DONE, "job-1:0")
    await stage.adapter.edit(room, message_id, WRITING)
    await stage.adapter.edit(room, message_id, DONE)
    await stage.adapter.edit(room, message_id, DONE)
    first, word = stage.discord.by_bot(stage.discord.channel)
    assert (word.content, word.reply_to) == (
        stage.say("discord.finished", "ja", person=hanako.mention),
        first.id,
    )
    assert word.allowed_mentions == [{"parse": [], "users": [hanako.id]}]
