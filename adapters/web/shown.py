"""What a page draws: values that travel to the browser as they are."""

from __future__ import annotations

from dataclasses import dataclass

from bot.messages import Draft
from bot.outline import Branch, first_words


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """One of the passages that stand at the same place."""

    id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage. `hue` None: the model's. `owner`: the number of the person who may change it, in this room.

    `versions`: itself and its alternatives, in the order they were made; empty where it has none.
    `compare`: they are laid side by side, to choose one. `asides`: which of its lines, counted from 0, are
    said beside the story.
    """

    id: str
    name: str
    hue: int | None
    text: str
    owner: int
    edited: bool = False
    versions: tuple[ShownVersion, ...] = ()
    compare: bool = False
    asides: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownDraft:
    """A reply in the making. `choices`: the texts of its other candidates."""

    id: str
    job: str
    state: str
    text: str
    note: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the story stands: what its head is, and whether there is a way back and forth."""

    head: str | None = None
    undo: bool = False
    redo: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What a page must do to show what the hub knows.

    `start`: from the passage of that number on, the story is `passages`; None: it is as it was.
    `drop`: ids of drafts that are over; `standing` None: as it was. `besides`: something else of the story is
    another one now (its title, its notes, the story itself).
    """

    start: int | None = None
    passages: tuple[ShownPassage, ...] = ()
    drafts: tuple[ShownDraft, ...] = ()
    drop: tuple[str, ...] = ()
    standing: Standing | None = None
    besides: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return self.start is None and self.standing is None and not (self.drafts or self.drop or self.besides)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who looks at a room; without a name they only read. `number` stands for them in this room."""

    id: str
    name: str
    hue: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class ShownBranch:
    """A line of the outline. `text`: the passage's first words, empty where it was deleted.

    `aside`: it only says something beside the story.
    """

    id: str
    name: str
    text: str
    depth: int
    model: bool
    on_path: bool
    head: bool
    aside: bool


def shown_branch(branch: Branch) -> ShownBranch:
    """A line of the outline, as a page draws it."""
    passage = branch.passage
    return ShownBranch(
        passage.id,
        passage.author.name,
        first_words(passage),
        branch.depth,
        passage.by_model,
        branch.on_path,
        branch.head,
        branch.beside,
    )


def shown_draft(message_id: str, draft: Draft, *, stored: bool) -> ShownDraft:
    """A reply in the making; of one that is `stored` as a passage only what is to be said about it."""
    text = "" if stored else draft.text
    choices = () if stored else tuple(choice.text for choice in draft.choices)
    return ShownDraft(message_id, draft.job, draft.state.value, text, draft.note, choices)
