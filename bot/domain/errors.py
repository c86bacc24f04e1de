"""The exception tree.

TsuzukiError
├── SpokenError           told to a person, in their language
│   ├── UserError         a person's request cannot be met; nothing is lost
│   └── EngineError       the worker could not generate
├── DeliveryError         a platform did not take a message
├── StoreError            the store cannot be used
├── ConfigurationError    settings or tokens are wrong; says which and what to do
└── CheckpointError, CorpusError, TokenizerError

A `SpokenError` carries `key` and `values`: its sentence is looked up in the person's language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from bot.domain.chat import Room
    from bot.domain.story import Notes


class TsuzukiError(Exception):
    """Anything that Tsuzuki raises on purpose."""


class SpokenError(TsuzukiError):
    """An error that a person is told: `key` names the sentence, `values` fill it."""

    key: ClassVar[str]

    def __init__(self, **values: object) -> None:
        super().__init__(f"{self.key} {values}" if values else self.key)
        self.values = values


class UserError(SpokenError):
    """A person's request cannot be met; nothing of theirs is lost."""


class EmptyPrompt(UserError):
    """There is no text to go on from."""

    key = "error.empty_prompt"


class EmptyText(UserError):
    """A passage or a title would be left without a text."""

    key = "error.empty_text"


class NothingToTakeBack(UserError):
    """What was done cannot be taken back, or was already."""

    key = "error.nothing_to_take_back"


class NotesChanged(UserError):
    """Somebody else changed the same notes meanwhile. `notes`: as they are now."""

    key = "error.notes_changed"

    def __init__(self, notes: Notes) -> None:
        super().__init__()
        self.notes = notes


class TextTooLong(UserError):
    """The text is over the limit. Values: `limit`, `length` (characters)."""

    key = "error.text_too_long"


class TitleTooLong(TextTooLong):
    """A story's title is over the limit."""

    key = "error.title_too_long"


class MemoryTooLong(TextTooLong):
    """A story's memory is over the limit."""

    key = "error.memory_too_long"


class NoteTooLong(TextTooLong):
    """The author's note is over the limit."""

    key = "error.note_too_long"


class LoreTooLong(TextTooLong):
    """The text of a lore entry is over the limit."""

    key = "error.lore_too_long"


class KeywordTooLong(TextTooLong):
    """A keyword of a lore entry is over the limit."""

    key = "error.keyword_too_long"


class UnknownPreset(UserError):
    """No preset has this name. Values: `name`, `known`."""

    key = "error.unknown_preset"


class UnknownLength(UserError):
    """No length has this name. Values: `name`, `known`."""

    key = "error.unknown_length"


class UnreadableText(UserError):
    """The model can see no character of the text. Values: `characters`."""

    key = "error.unreadable_text"


class QueueFull(UserError):
    """Too many jobs wait. Values: `limit`."""

    key = "error.queue_full"


class TooManyWaiting(UserError):
    """This person has too many jobs waiting. Values: `limit`."""

    key = "error.too_many_waiting"


class NotText(UserError):
    """The input is no text, or in an encoding that cannot be told."""

    key = "error.not_text"


class FileTooLarge(UserError):
    """A file has more bytes than the longest text takes. Values: `kilobytes`, `limit` (characters)."""

    key = "error.file_too_large"


class FileTooLong(UserError):
    """The text of a file is over the limit. Values: `limit`, `length` (characters)."""

    key = "error.file_too_long"


class UnknownEncoding(UserError):
    """No encoding of text has this name. Values: `name`, `known`."""

    key = "error.unknown_encoding"


class NoSuchStory(UserError):
    """No story has this id. Values: `story`."""

    key = "error.no_such_story"


class SeveralStories(UserError):
    """Several stories' ids begin like this. Values: `story`, `ids`."""

    key = "error.several_stories"


class UnknownFormat(UserError):
    """No format of export has this name. Values: `name`, `known`."""

    key = "error.unknown_format"


class NotAllowed(UserError):
    """The platform does not let the bot act there. Values: `permission`."""

    key = "error.not_allowed"


class NotPermitted(UserError):
    """The room's rules keep this person from doing it."""

    key = "error.not_permitted"


class RolesUnknown(UserError):
    """It depends on roles whether this person may, and the platform does not tell theirs just now."""

    key = "error.roles_unknown"


class TooMuchLore(UserError):
    """More lore, or more keywords of one entry, than can be kept. Values: `entries`, `keywords`."""

    key = "error.too_much_lore"


class QuotaReached(UserError):
    """Enough was asked for in 24 hours. Values: `limit`, `who` (`person` or `place`)."""

    key = "error.quota_reached"


class FilteredText(UserError):
    """The room's word filter does not let a text pass. Values: `words`."""

    key = "error.filtered_text"


class NoStory(UserError):
    """No story is open in the room."""

    key = "error.no_story"


class StoryMoved(UserError):
    """The story ends elsewhere by now."""

    key = "error.story_moved"


class ActOvertaken(StoryMoved):
    """Something was done to the story since: an act is taken back only while it is the last word."""

    key = "error.act_overtaken"


class StoryBusy(UserError):
    """The model is writing the story, or will soon."""

    key = "error.story_busy"


class NothingToUndo(UserError):
    """The story is at its beginning."""

    key = "error.nothing_to_undo"


class NothingToRedo(UserError):
    """Nothing was undone."""

    key = "error.nothing_to_redo"


class PassageGone(UserError):
    """The passage is not there, or not in this story."""

    key = "error.passage_gone"


class NotYours(UserError):
    """Only who wrote a passage, or asked for it, may change it."""

    key = "error.not_yours"


class UnknownRule(UserError):
    """No rule has this name. Values: `name`, `known`."""

    key = "error.unknown_rule"


class BadRule(UserError):
    """A rule cannot have this value. Values: `name`, `value`, `known`."""

    key = "error.bad_rule"


class EngineError(SpokenError):
    """The worker could not generate."""


class EngineLoading(EngineError):
    """The worker is still loading. Values: `percent` (0 to 100)."""

    key = "error.engine_loading"


class EngineFailed(EngineError):
    """The worker says that it cannot start. Values: `reason`."""

    key = "error.engine_failed"


class EngineBusy(EngineError):
    """Too many requests wait at the worker already."""

    key = "error.engine_busy"


class EngineUnavailable(EngineError):
    """The worker does not answer, or its stream ended without `[DONE]`."""

    key = "error.engine_unavailable"


class RequestRejected(EngineError):
    """The worker refuses this request. Values: `reason`."""

    key = "error.request_rejected"


class NotFinite(EngineError):
    """The model's output was not finite."""

    key = "error.not_finite"


class DeliveryError(TsuzukiError):
    """A platform did not take a message."""


class RetryLater(DeliveryError):
    """The platform may take it later; `after_s` where it says when."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Undeliverable(DeliveryError):
    """The platform will never take it: the place is gone or closed to the bot."""


class MessageGone(Undeliverable):
    """Somebody deleted the message, in a place that is still there."""


class RoomMoved(DeliveryError):
    """The platform cannot show a room's story there: it was moved to `room`, with all that is to be shown."""

    def __init__(self, room: Room) -> None:
        super().__init__(f"told in {room.id} from now on")
        self.room = room


class StoreError(TsuzukiError):
    """The store cannot be used, or what was asked does not fit what it holds (no such story, a job over)."""


class NoOpenJob(StoreError):
    """There is no such job, or it is over: trying again changes nothing."""


class ConfigurationError(TsuzukiError):
    """Settings or tokens are wrong; the message says which and what to do."""


class CheckpointError(TsuzukiError):
    """A model folder is incomplete or of another kind."""


class CorpusError(TsuzukiError):
    """A training corpus cannot be read."""


class ScheduleError(TsuzukiError):
    """A training run's stages cannot be read, or do not fit it."""


class TokenizerError(TsuzukiError):
    """A tokenizer is missing, a dummy, or disagrees with SentencePiece."""
