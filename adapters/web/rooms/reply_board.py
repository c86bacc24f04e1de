"""The replies that a room shows before they are passages, each at its place in the story."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bot.domain.replies import Reply, ReplyState
from bot.domain.story import Story, candidate_id

BEGINNING = ""
"""Where a reply stands that begins its story."""


class ReplyBoard:
    """Replies by their messages' ids, in the order in which they came.

    A place is the id of the passage that a reply stands behind, or `BEGINNING`; None is the story's end,
    whatever is written. One that waits has none; one that was begun has the place that its job has in the
    story; one that failed or was stopped keeps it, for as long as there is something to be read of it.
    """

    def __init__(self) -> None:
        self._replies: dict[str, Reply] = {}
        self._places: dict[str, str | None] = {}
        self._stored: Collection[str] = frozenset()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._replies)

    def __iter__(self) -> Iterator[str]:
        """Their messages' ids."""
        return iter(self._replies)

    def __getitem__(self, message_id: str) -> Reply:
        """A message's reply."""
        return self._replies[message_id]

    def state(self, message_id: str) -> ReplyState | None:
        """What a reply was last; None: there is none."""
        reply = self._replies.get(message_id)
        return None if reply is None else reply.state

    def place(self, message_id: str) -> str | None:
        """Where a reply stands."""
        return self._places.get(message_id)

    def is_stored(self, reply: Reply) -> bool:
        """Whether a reply is a passage by now."""
        return bool(reply.job) and candidate_id(reply.job, 0) in self._stored

    def put_open(self, message_id: str, reply: Reply) -> None:
        """Keep one that waits or is written. One that waits anew has no place until it is known."""
        if reply.state is ReplyState.WAITING and self.state(message_id) is not ReplyState.WAITING:
            self._places.pop(message_id, None)
        self._replies[message_id] = reply

    def put_ended(self, message_id: str, reply: Reply, story: Story | None) -> None:
        """Keep one that is over: behind its passage, or where it stood; nothing written later goes before."""
        here = [passage.id for passage in story.passages] if story else []
        last = here[-1] if here else BEGINNING
        stood = self._places.get(message_id)
        self._replies[message_id] = reply
        self._places[message_id] = reply.passage or (last if stood is None else stood)

    def drop(self, message_id: str) -> tuple[str, ...]:
        """Forget a reply; returns its id if it was there."""
        self._places.pop(message_id, None)
        return () if self._replies.pop(message_id, None) is None else (message_id,)

    def drop_ended(self) -> tuple[str, ...]:
        """Forget replies that failed or were stopped: something newer takes their place."""
        return self._drop([key for key, reply in self._replies.items() if not reply.state.is_open])

    def drop_stored(self, stored: Collection[str]) -> tuple[str, ...]:
        """Forget those that are among the `stored` passages, so that nobody sees their text twice."""
        self._stored = stored
        open_replies = [(key, reply) for key, reply in self._replies.items() if reply.state.is_open]
        return self._drop([key for key, reply in open_replies if self.is_stored(reply)])

    def follow(self, story: Story | None) -> list[str]:
        """Take over where the story has its replies; returns those that stand elsewhere now."""
        places = {key: self._place(key, reply, story) for key, reply in self._replies.items()}
        moved = [key for key, place in places.items() if place != self._places.get(key)]
        self._places = places
        return moved

    def _place(self, message_id: str, reply: Reply, story: Story | None) -> str | None:
        begun = story.reply_in_progress if story else None
        if begun and reply.state.is_open and begun.job == reply.job:
            return BEGINNING if begun.after is None else begun.after
        return self._places.get(message_id)  # over, or so in a moment, or it never had any

    def _drop(self, message_ids: list[str]) -> tuple[str, ...]:
        return tuple(key for each in message_ids for key in self.drop(each))
