"""The frozen values that travel between the rooms of the house."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from bot.sampling import STANDARD, Sampling


@dataclass(frozen=True, slots=True)
class Room:
    """Where one story is told at a time: a thread, a channel, a web room.

    `id` is the platform's own address, as its adapter writes it (Discord: the thread's or DM channel's id;
    Slack: `TEAM/CHANNEL/THREAD_TS`; web: the room's slug; console: `-`). `within` names what it lies in,
    outermost first (`guild/1`, `channel/2`; `team/T`, `channel/C`): rules set there hold here too. `adult`:
    the platform marks the room as age-restricted. Neither makes it another room.
    """

    platform: str
    id: str
    within: tuple[str, ...] = field(default=(), compare=False)
    adult: bool = field(default=False, compare=False)


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


class Length(StrEnum):
    """How much the model adds. The figures are in `LENGTH_CHARACTERS`."""

    SHORT = "short"
    MEDIUM = "medium"
    LONG = "long"


LENGTH_CHARACTERS = {Length.SHORT: 80, Length.MEDIUM: 200, Length.LONG: 500}
"""Characters after which the next sentence end ends the continuation."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person wants of the model; what is left open is as the room's rules have it.

    `length`: a `Length`, or characters; 0 open. `preset`: "" open. `candidates`: 0 open (one). `seed` None:
    drawn when the job is made, then kept with it. `instead_of`: the passage that another one shall stand
    beside, from the same parent; it stays as an alternative. `scores`: keep each token's probability.
    A job's ask leaves nothing open but the seed.
    """

    length: Length | int = 0
    preset: str = ""
    candidates: int = 0
    seed: int | None = None
    instead_of: str | None = None
    scores: bool = False


class Filter(StrEnum):
    """Whether the word filter is on. `AUTO`: unless the platform marks the room as age-restricted."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds in a room, after all that it lies in had its say.

    `length`, `preset`: where an ask leaves them open; `candidates`: how many the button for several makes.
    `filter`: of the model's text, `filter_people`: of people's too; `words` are filtered besides the built-in
    ones. `banned`: phrases that the model never writes. `presets`: the room's own, by name. `listens`: in a
    story's own thread every message is a passage; otherwise only what mentions the bot.
    `parentheses_aside`: a story that begins here takes a line in single parentheses as said beside it.
    `daily_per_person`, `daily_in_all`: asks in 24 hours (0: no limit). `allowed`, `denied`: who and where, as
    `user/1`, `role/5`, `channel/2`; of the people that are among the allowed ones, if any are, one has to
    apply (the person or a role of theirs), and so of the places.
    """

    preset: str = STANDARD
    length: Length | int = Length.MEDIUM
    candidates: int = 3
    filter: Filter = Filter.AUTO
    filter_people: bool = False
    words: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    presets: tuple[tuple[str, Sampling], ...] = ()
    listens: bool = True
    parentheses_aside: bool = False
    daily_per_person: int = 0
    daily_in_all: int = 0
    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


class JobState(StrEnum):
    """A job's life. `DONE`, `FAILED` and `CANCELLED` are final."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class Job:
    """One asked-for continuation of one story, for one person. `attempts` counts the starts so far.

    `moved`: how often its message had to be posted anew, because somebody wrote below it before it began.
    """

    id: str
    story_id: str
    room: Room
    author: Author
    ask: Ask
    seed: int
    state: JobState = JobState.WAITING
    attempts: int = 0
    moved: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a story by one author, exactly as written. `parent_id` None: one of the story's first.

    `asker`: for whom the model wrote it. `edited`: it read otherwise before. `deleted`: its author took it
    away; it has no text any more, and keeps its place for what came after.
    """

    id: str
    story_id: str
    parent_id: str | None
    author: Author
    text: str
    asker: Author | None = None
    edited: bool = False
    deleted: bool = False

    @property
    def by_model(self) -> bool:
        """Whether the model wrote it."""
        return self.author.platform == MODEL.platform


def candidate_id(job_id: str, number: int) -> str:
    """The id of the passage that a job's candidate becomes, counted from 0."""
    return f"{job_id}.{number}"


def candidate_number(passage_id: str) -> int | None:
    """By which number people know a candidate, counted from 1; None of a passage that is none."""
    job, _, number = passage_id.rpartition(".")
    return int(number) + 1 if job and number.isdecimal() else None


@dataclass(frozen=True, slots=True)
class Lore:
    """Something to know whenever one of `keywords` stands in the last passages. Higher `priority` first."""

    keywords: tuple[str, ...]
    text: str
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Notes:
    """What the model is told besides the story: `memory` first, `note` near the end, `lore` as needed."""

    memory: str = ""
    note: str = ""
    lore: tuple[Lore, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """A reply that was begun and is not over.

    `after`: the passage that it stands behind; None: it begins the story. What is to replace another passage
    stands right behind that one until it is over.
    """

    job: str
    after: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """A story with the passages from its first to its current last, deleted ones left out.

    `head`: the last passage's id, also where that one was deleted. `undone`: `redo` has somewhere to go.
    `hangs_on`: the passage whose place they keep, where the story ends with passages that were written while
    that one was. `others`: how many alternatives the last passage has, or the one that it hangs on.
    `parentheses_aside`: a line in single parentheses is said beside it, as the room's rules had it when the
    story began. `begun`: the reply that stands in it already, though there is no passage of it yet; not told
    of a part of a story, nor in a list.
    """

    id: str
    room: Room
    title: str
    passages: tuple[Passage, ...] = ()
    head: str | None = None
    notes: Notes = Notes()
    closed: bool = False
    undone: bool = False
    hangs_on: str | None = None
    others: int = 0
    parentheses_aside: bool = False
    begun: Begun | None = None


class ActKind(StrEnum):
    """What can be done to a story that everybody sees at once."""

    UNDO = "undo"
    REDO = "redo"
    CHOOSE = "choose"
    BRANCH = "branch"
    DELETE = "delete"
    BEGIN = "begin"
    CLOSE = "close"
    REOPEN = "reopen"


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did to a story, and the way back.

    `before`, `after`: passages (where the story ended; for DELETE the passage itself, and None), or, for
    BEGIN, CLOSE and REOPEN, the stories that were open in the room. How many passages the story had before
    and after is what people are told of it.
    """

    id: str
    story_id: str
    room: Room
    by: Author
    kind: ActKind
    before: str | None = None
    after: str | None = None
    passages_before: int = 0
    passages_after: int = 0
    taken_back: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of what the model reads. `kind`: `memory`, `lore`, `note` or `story`."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """What the worker is asked: the whole context once, and how to go on.

    `prompt` is the story's end; `front` always stands before it, and `inset` before its last `inset_depth`
    paragraphs, each piece as a paragraph of its own. The worker cuts the prompt to what fits.
    `story` says for whom: requests of one story share a turn. `logprobs`: how many of the likeliest tokens
    are told beside each one drawn; None: no log probabilities at all. `banned`: phrases that are never
    written, however their tokens are cut. `logit_bias`: token ids, and what is added to their logits.
    `preset`: whose settings and bias the checkpoint knows better; `sampling` counts where it differs.
    """

    prompt: str
    sampling: Sampling
    max_tokens: int
    min_tokens: int = 0
    n: int = 1
    seed: int | None = None
    stop: tuple[str, ...] = ()
    story: str = ""
    logprobs: int | None = None
    banned: tuple[str, ...] = ()
    logit_bias: tuple[tuple[int, float], ...] = ()
    front: tuple[Piece, ...] = ()
    inset: tuple[Piece, ...] = ()
    inset_depth: int = 3
    preset: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A piece as the model reads it, and its tokens."""

    piece: Piece
    tokens: int


@dataclass(frozen=True, slots=True)
class Window:
    """What the model sees, in its order.

    `tokens` in all, of `context` positions, of which `reserved` are kept for what it will write.
    `left_out_characters` of the story's beginning; `left_out`: other pieces that found no room.
    `unknown`: characters it cannot see, each once.
    """

    seen: tuple[Seen, ...]
    tokens: int
    context: int
    reserved: int
    left_out_characters: int = 0
    left_out: tuple[Piece, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """A written token, its log probability, the likeliest tokens with theirs, and its place in the text.

    Tokens are ids inside the worker, and as text outside of it.
    """

    token: int | str
    logprob: float
    top: tuple[tuple[int | str, float], ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of generated text of candidate `index`. `finish_reason` is set on its last piece.

    `finish_reason`: `stop` (end of document or a stop string) or `length`. `scores`: of the tokens whose text
    begins here, where the request asked for them.
    """

    index: int
    text: str
    finish_reason: str | None = None
    scores: tuple[Score, ...] = ()


class EngineStatus(StrEnum):
    """What `/health` says."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Health:
    """The worker's state. `progress` runs from 0 to 1 while loading; `reason` is set when failed."""

    status: EngineStatus
    progress: float = 0.0
    reason: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """What the model reads of a text: how many tokens, and the characters it cannot see, each once.

    `read_as`: the place around the first of these, with 〓 for what it cannot see.
    """

    tokens: int
    unknown: tuple[str, ...] = ()
    read_as: str = ""


class DraftState(StrEnum):
    """What a shown reply is just now."""

    WAITING = "waiting"
    WRITING = "writing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Choice:
    """Another candidate: the passage it is kept as (empty while it is being written), and its text."""

    passage: str
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What people are shown of a reply: `text` is the model's, `note` a line of ours in their language.

    Platforms escape `text`, set `note` apart, and add their own mark while the state is WRITING.
    `choices` holds the other candidates, when more than one was asked for.

    `job` is whose reply it is, `asker` who asked for it, `locale` their language, and `passage` what it
    became, once DONE or CANCELLED with a text. `live`: this message carries the buttons: to stop while it is
    WAITING or WRITING; afterwards to go on, retry, undo, choose. Every message of a reply but the last, and
    every reply that the story has left behind, is not live.
    """

    state: DraftState
    text: str = ""
    note: str = ""
    choices: tuple[Choice, ...] = ()
    job: str = field(default="", compare=False)
    passage: str = ""
    live: bool = True
    locale: str = field(default="ja", compare=False)
    asker: Author | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a person gets for an accepted request. `place` 0: it starts at once.

    `repeated`: the event had been heard before, nothing was done again.
    `unknown`: characters of their text that the model cannot see; `read_as`: what it reads around the first.
    """

    job_id: str
    story_id: str
    place: int
    repeated: bool = False
    unknown: tuple[str, ...] = field(default=())
    read_as: str = ""
