"""What a page draws: values that travel to the browser as they are."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.web.render.markup import TextPiece
from bot.domain.replies import Reply
from bot.story.tree import Branch, first_words

LOOKED_AT = 300
"""Characters of a passage that are shown beside the tree."""


@dataclass(frozen=True, slots=True)
class AlternativeView:
    """One of the passages that stand at the same place."""

    id: str
    name: str
    text: str
    pieces: tuple[TextPiece, ...] = ()


@dataclass(frozen=True, slots=True)
class PassageView:
    """A passage. `hue` None: the model's. `owner`: the number of the person who may change it, in this room.

    `versions`: itself and its alternatives, in the order they were made; empty where it has none.
    `compare`: they are laid side by side, to choose one. `pieces`: the text, where it is more than plain.
    """

    id: str
    name: str
    hue: int | None
    text: str
    owner: int
    edited: bool = False
    versions: tuple[AlternativeView, ...] = ()
    compare: bool = False
    pieces: tuple[TextPiece, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyView:
    """A reply in the making. `choices`: the texts of its other candidates; `asker`: who asked for it.

    `after`: the passage that it stands behind, empty where it begins the story; None: at the story's end.
    """

    id: str
    job: str
    state: str
    text: str
    note: str
    choices: tuple[str, ...]
    asker: str = ""
    after: str | None = None


@dataclass(frozen=True, slots=True)
class StoryPosition:
    """Where the story stands: what its head is, and whether there is a way back and forth.

    `ends`: the passages that it counts as ending with, among whose alternatives one may still be chosen.
    """

    head: str | None = None
    undo: bool = False
    redo: bool = False
    ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActView:
    """What somebody did that everybody sees. `owner`: the number of who did it, in this room.

    `before`, `after`: how many passages the story had. `taken_back`: it was led back since.
    """

    id: str
    kind: str
    name: str
    owner: int
    before: int
    after: int
    taken_back: bool = False


@dataclass(frozen=True, slots=True)
class RoomChange:
    """What a page must do to show what its room is now.

    `start`: from the passage of that number on, the story is `passages`; None: it is as it was.
    `drop`: ids of replies that are over; `standing` None: as it was. `besides`: something else of the story
    is another one now (its title, its notes, the story itself). `act`: what somebody just did, or took back.
    """

    start: int | None = None
    passages: tuple[PassageView, ...] = ()
    drafts: tuple[ReplyView, ...] = ()
    drop: tuple[str, ...] = ()
    standing: StoryPosition | None = None
    besides: bool = False
    act: ActView | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        something = self.drafts or self.drop or self.besides or self.act
        return self.start is None and self.standing is None and not something


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody who looks at a room; without a name they only read. `number` stands for them in this room."""

    id: str
    name: str
    hue: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class BranchView:
    """A line of the outline. `text`: the passage's first words, empty where it was deleted.

    `aside`: it only says something beside the story. `beginning`: as much of it as is looked at before one
    goes there.
    """

    id: str
    name: str
    text: str
    depth: int
    model: bool
    on_path: bool
    head: bool
    aside: bool
    beginning: str


def branch_view(branch: Branch) -> BranchView:
    """A line of the outline, as a page draws it."""
    passage = branch.passage
    return BranchView(
        passage.id,
        passage.author.name,
        first_words(passage),
        branch.depth,
        passage.by_model,
        branch.on_path,
        branch.head,
        branch.beside,
        _beginning(passage.text),
    )


def _beginning(text: str) -> str:
    return text if len(text) <= LOOKED_AT else text[:LOOKED_AT] + "…"


def reply_view(message_id: str, reply: Reply, asker: str, *, stored: bool, after: str | None) -> ReplyView:
    """A reply in the making; of one that is `stored` as a passage only what is to be said about it."""
    text = "" if stored else reply.text
    choices = () if stored else tuple(candidate.text for candidate in reply.other_candidates)
    return ReplyView(message_id, reply.job, reply.state.value, text, reply.note, choices, asker, after)
