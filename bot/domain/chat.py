"""Where people write and who they are: rooms, authors, messages."""

from __future__ import annotations

from dataclasses import dataclass, field

_ROOM = "room"


@dataclass(frozen=True, slots=True)
class Room:
    """Where one story is told at a time: a thread, a channel, a web room.

    `id` is the platform's own address, as its adapter writes it (Discord: the thread's or DM channel's id;
    Slack: `TEAM/CHANNEL/THREAD_TS`; web: the room's slug; console: `-`). `parent_scopes` names what it lies
    in, outermost first (`guild/1`, `channel/2`; `team/T`, `channel/C`): rules set there hold here too.
    `adult`: the platform marks the room as age-restricted. Neither makes it another room.
    """

    platform: str
    id: str
    parent_scopes: tuple[str, ...] = field(default=(), compare=False)
    adult: bool = field(default=False, compare=False)

    @property
    def own_scope(self) -> str:
        """The scope of the room alone. A scope, where settings hold, is written `kind/id`."""
        return f"{_ROOM}/{self.id}"

    @property
    def scopes(self) -> tuple[str, ...]:
        """Where settings of the room may be set, outermost first."""
        return (*self.parent_scopes, self.own_scope)


def room_of_scope(scope: str) -> str | None:
    """The id of the room whose own scope this is; None for what rooms lie in."""
    kind, _, room_id = scope.partition("/")
    return room_id if kind == _ROOM else None


@dataclass(frozen=True, slots=True)
class Author:
    """A person, or the model itself (`MODEL`). `locale` is `ja` or `en`.

    `roles` are what rules may name besides the person (`role/5`, `usergroup/S1`); they are not kept.
    """

    platform: str
    id: str
    name: str
    locale: str = "ja"
    roles: tuple[str, ...] = field(default=(), compare=False)

    @property
    def person(self) -> tuple[str, str]:
        """Who it is: platform and id. Names and languages change."""
        return self.platform, self.id


MODEL = Author("tsuzuki", "model", "続き")


@dataclass(frozen=True, slots=True)
class Message:
    """What an adapter heard. `text` is exactly what the person wrote, without the mention or command.

    `attached` is the text of files that came with it, which belongs behind `text` and has a limit of its own.
    `event_id` is unique on its platform: hearing it again changes nothing. `title` names the story that this
    message begins, where the platform asked for one; empty: the story takes its title from its first line.
    `after` is the passage under which a button was pressed: where the story ends elsewhere by now, or is
    being continued already, nothing is done twice.
    """

    event_id: str
    room: Room
    author: Author
    text: str
    title: str = ""
    after: str | None = None
    attached: str = ""

    @property
    def whole(self) -> str:
        """All that was written."""
        return with_attached(self.text, self.attached)


def with_attached(text: str, attached: str) -> str:
    """A text with that of its files, which begins a line of its own."""
    return "\n".join(part for part in (text, attached) if part)
