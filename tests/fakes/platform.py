"""A platform that remembers what it was made to show."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.domain.chat import Room
from bot.domain.ports import Limits
from bot.domain.replies import Reply, ReplyState


@dataclass(slots=True)
class FakePlatform:
    """`bot.domain.ports.Platform`: `messages` is what people see, `log` every accepted change in order.

    `rests` says by message how long it rests in one of the `resting` states.
    `errors` are raised by the next calls, one each; None lets a call through. Like
    Discord's nonce and Slack's client id, a `key` posted twice gives the first message again.
    """

    name: str = "fake"
    limits: Limits = field(default_factory=lambda: Limits(max_units=2000, changes_per_period=1, period_s=1.0))
    messages: dict[str, Reply] = field(default_factory=dict)
    log: list[tuple[str, Reply]] = field(default_factory=list)
    calls: int = 0
    errors: list[Exception | None] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    rests: dict[str, float] = field(default_factory=dict)
    resting: tuple[ReplyState, ...] = (ReplyState.WRITING,)

    @property
    def texts(self) -> list[str]:
        """What the messages show, first to last."""
        return [draft.text for draft in self.messages.values()]

    def measure(self, text: str) -> int:
        """One unit a character."""
        return len(text)

    async def post(self, room: Room, draft: Reply, key: str) -> str:
        """Show a new message."""
        self._may_fail()
        message_id = self.keys.setdefault(key, f"m{len(self.keys)}")
        self.messages[message_id] = draft
        self.log.append(("post", draft))
        return message_id

    async def edit(self, room: Room, message_id: str, draft: Reply) -> None:
        """Change a message that is there."""
        self._may_fail()
        if message_id not in self.messages:
            raise KeyError(message_id)
        self.messages[message_id] = draft
        self.log.append(("edit", draft))

    async def remove(self, room: Room, message_id: str) -> None:
        """Take a message away."""
        self._may_fail()
        if (gone := self.messages.pop(message_id, None)) is not None:
            self.log.append(("remove", gone))

    async def seconds_until_due(self, room: Room, message_id: str, draft: Reply) -> float:
        """What the test set, for drafts in one of the `resting` states."""
        return self.rests.get(message_id, 0.0) if draft.state in self.resting else 0.0

    def _may_fail(self) -> None:
        self.calls += 1
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
