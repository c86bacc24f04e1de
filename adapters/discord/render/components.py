"""Buttons and forms. Each carries in its id what it is about, so that it works after any restart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import discord

from adapters.discord.render.replies import Phrase, truncate
from adapters.shared.candidates import numbered_candidates
from adapters.shared.preset_text import RULE as PRESETS
from adapters.shared.reply_buttons import REPLY_BUTTONS, buttons_of
from bot.domain.errors import TextTooLong, UserError
from bot.domain.jobs import GenerationOptions, Length
from bot.domain.replies import Reply
from bot.domain.room_settings import MAX_ENTRY_CHARACTERS
from bot.domain.story import Lore, Notes, Passage, Story, candidate_number
from bot.story.joining import in_character_passages

ROW = 5
"""Discord takes five buttons in a row."""
MAX_FIELD = 4000
"""Discord's limit for what a field holds."""
MAX_LABEL = 45
MAX_HINT = 100
MAX_NAME = MAX_ENTRY_CHARACTERS
"""Of a preset."""
MAX_TITLE = 80
"""As the rules of play take it."""
MAX_NAMED = 24
"""Of a title within a hint."""
TEXT = "text"
NAME = "name"
NO_LINE_BREAKS = str.maketrans("\r\n", "  ")
Button = discord.ui.Button[discord.ui.View]
Field = discord.ui.TextInput[discord.ui.Modal]
Label = discord.ui.Label[discord.ui.Modal]
_ID = re.compile(r"tz:(?P<verb>[a-z_]+):(?P<about>.*)", re.DOTALL)


class Action(StrEnum):
    """What a button or form does. What it is about: a passage, unless something else is named."""

    MORE = "more"
    RETRY = "again"
    UNDO = "undo"
    REDO = "redo"
    """The passage that an undo left as the last, or the story of which it left nothing."""
    TAKE_BACK = "take_back"
    """An act."""
    SEVERAL = "several"
    EDIT = "edit"
    PICK = "pick"
    READ = "read"
    STOP = "stop"
    """A job."""
    RESUBMIT = "go"
    """A job that came to nothing."""
    FORGET = "forget"
    """A person."""
    BEGIN = "begin"
    """A form for a text; the options."""
    BEGIN_ANEW = "anew"
    """A form that asks first; the story that would be closed."""
    MEMORY = "memory"
    NOTE = "note"
    LORE = "lore"
    RULE = "rule"
    """A form for a rule: where, and its name."""
    PRESET = "preset"
    """A form for a preset: where, and its name so far."""


@dataclass(frozen=True, slots=True)
class ComponentId:
    """What a custom id says."""

    action: Action
    target: str


def custom_id_of(action: Action, about: str = "") -> str:
    """The custom id; Discord takes 100 characters."""
    return f"tz:{action}:{about}"


def parse_custom_id(custom_id: str) -> ComponentId | None:
    """What a custom id says; None where it is none of ours, or of a version that knew others."""
    found = _ID.fullmatch(custom_id)
    if found is None or found["verb"] not in set(Action):
        return None
    return ComponentId(Action(found["verb"]), found["about"])


# Buttons


def reply_view(reply: Reply, phrase: Phrase) -> discord.ui.View | None:
    """The buttons of a reply as it is now; None where it carries none (any more)."""
    actions, about = buttons_of(reply)
    if not actions:
        return None
    view = row_view([(Action(action.discord), about) for action in actions], phrase)
    if not reply.passage or reply.state.is_open:
        return view
    others = [(number, one.passage) for number, one in numbered_candidates(reply) if one.passage]
    kept = sorted([(candidate_number(reply.passage) or 1, reply.passage), *others])
    if len(kept) > 1:
        view.add_item(_button(Action.READ, reply.passage, phrase("discord.button.read"), row=1))
        for number, passage in kept if len(kept) < ROW else others:
            view.add_item(_pick_button(passage, number, phrase, row=1))
    return view


def row_view(buttons: Sequence[tuple[Action, str]], phrase: Phrase) -> discord.ui.View:
    """A row of buttons, each with what it is about."""
    return _view(_button(action, about, phrase(f"discord.button.{action}")) for action, about in buttons)


def pick_view(passage: str, number: int, phrase: Phrase) -> discord.ui.View:
    """The button that chooses one candidate."""
    return _view([_pick_button(passage, number, phrase)])


def _view(buttons: Iterable[Button]) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    # Presses reach us by their ids; the library need not remember every view that was ever sent.
    view.stop()
    for button in buttons:
        view.add_item(button)
    return view


_STYLES = {action.discord: discord.ButtonStyle[action.emphasis] for action in REPLY_BUTTONS} | {
    Action.FORGET: discord.ButtonStyle.danger
}


def _button(action: Action, about: str, label: str, *, row: int = 0) -> Button:
    style = _STYLES.get(action, discord.ButtonStyle.secondary)
    return discord.ui.Button(style=style, label=label, custom_id=custom_id_of(action, about), row=row)


def _pick_button(passage: str, number: int, phrase: Phrase, *, row: int = 0) -> Button:
    return _button(Action.PICK, passage, phrase("discord.button.pick", number=number), row=row)


# Forms


class ChangedMeanwhile(UserError):
    """Somebody else changed what a form showed."""

    key = "discord.form.changed"


class AnotherIsOpen(UserError):
    """Another story was opened since a form asked whether to close the one that was open."""

    key = "discord.form.another_is_open"


class TooLongForForm(UserError):
    """A passage is longer than what a form holds. Values: `limit`, `length` (characters)."""

    key = "discord.form.too_long"


def begin_modal(options: GenerationOptions, phrase: Phrase) -> discord.ui.Modal:
    """For the beginning of a story."""
    about = f"{options.length},{options.candidates},{options.preset}"
    return _text_modal(Action.BEGIN, about, phrase)


def options_of(about: str) -> GenerationOptions:
    """The options that a form for a beginning carries. Raises ValueError."""
    length, candidates, preset = about.split(",", 2)  # a preset's name may have commas
    known = set(Length)
    return GenerationOptions(Length(length) if length in known else int(length), preset, int(candidates))


def begin_anew_modal(story: Story, title: str, phrase: Phrase) -> discord.ui.Modal:
    """Before a new story closes one that has a text: for the new one's title."""
    called = truncate(story.title or phrase("discord.thread_name"), MAX_NAMED)
    hint = phrase("discord.form.anew.hint", title=called, count=len(in_character_passages(story)))
    field = Field(custom_id=TEXT, default=title or None, required=False, max_length=MAX_TITLE)
    label = _label(phrase("discord.form.anew.label"), field, hint)
    return _modal(Action.BEGIN_ANEW, story.id, phrase("discord.form.anew.title"), label)


def edit_modal(passage: Passage, phrase: Phrase) -> discord.ui.Modal:
    """For another text of a passage. Raises TooLongForForm: what came with a file may be."""
    if len(passage.text) > MAX_FIELD:
        raise TooLongForForm(limit=MAX_FIELD, length=len(passage.text))
    return _text_modal(Action.EDIT, passage.id, phrase, passage.text)


def notes_modal(action: Action, notes: Notes, phrase: Phrase) -> discord.ui.Modal:
    """For memory, author's note or lore. Raises TextTooLong: what did not fit would be lost."""
    filled = _field_for(action, notes)
    _require_room(filled)
    return _text_modal(action, _digest(filled), phrase, filled, required=False)


def require_unchanged(component: ComponentId, notes: Notes) -> None:
    """Raise ChangedMeanwhile where a form for notes did not show what it would take the place of."""
    if component.target and component.target != _digest(_field_for(component.action, notes)):
        raise ChangedMeanwhile


def _field_for(action: Action, notes: Notes) -> str:
    return {Action.MEMORY: notes.memory, Action.NOTE: notes.note, Action.LORE: lore_lines(notes.lore)}[action]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def rule_modal(scope: str, rule: str, lines: str, phrase: Phrase) -> discord.ui.Modal:
    """For a rule that is a list, one a line, as it is set at a scope. Raises TextTooLong."""
    _require_room(lines)
    label = _label_of("rule", _long_field(lines, required=False), phrase)
    return _modal(Action.RULE, f"{scope},{rule}", _heading(scope, rule, phrase), label)


def preset_modal(scope: str, name: str, lines: str, phrase: Phrase) -> discord.ui.Modal:
    """For a preset of a place's own; `name` is empty for a new one."""
    labels = (
        _label_of("preset_name", Field(custom_id=NAME, default=name or None, max_length=MAX_NAME), phrase),
        _label_of("preset", _long_field(lines, required=False), phrase),
    )
    return _modal(Action.PRESET, f"{scope},{name}", _heading(scope, PRESETS, phrase), *labels)


def _require_room(text: str) -> None:
    if len(text) > MAX_FIELD:
        raise TextTooLong(limit=MAX_FIELD, length=len(text))


def _text_modal(
    action: Action, about: str, phrase: Phrase, text: str = "", *, required: bool = True
) -> discord.ui.Modal:
    label = _label(phrase(f"discord.form.{action}.label"), _long_field(text, required=required))
    return _modal(action, about, phrase(f"discord.form.{action}.title"), label)


def _modal(action: Action, about: str, title: str, *labels: Label) -> discord.ui.Modal:
    modal = discord.ui.Modal(title=title[:MAX_LABEL], custom_id=custom_id_of(action, about))
    modal.stop()  # what is sent reaches us by its id
    for label in labels:
        modal.add_item(label)
    return modal


def _long_field(text: str, *, required: bool) -> Field:
    style = discord.TextStyle.paragraph
    return Field(style=style, custom_id=TEXT, default=text or None, required=required, max_length=MAX_FIELD)


def _label_of(name: str, field: Field, phrase: Phrase) -> Label:
    return _label(phrase(f"discord.form.{name}.label"), field, phrase(f"discord.form.{name}.hint"))


def _label(text: str, field: Field, hint: str = "") -> Label:
    return Label(text=text[:MAX_LABEL], description=hint[:MAX_HINT] or None, component=field)


def _heading(scope: str, rule: str, phrase: Phrase) -> str:
    """What a form sets, and how far."""
    name, where = phrase(f"discord.rule.{rule}"), phrase(f"discord.scope.{scope}")
    return phrase("discord.form.rule.title", rule=name, scope=where)


def field_value(data: Mapping[str, Any], name: str = TEXT) -> str:
    """What a person wrote into a form's field, which stands in a label or in a row."""
    for row in data.get("components", ()):
        for part in (row.get("component"), *row.get("components", ())):
            if part and part.get("custom_id") == name:
                return str(part.get("value") or "")
    return ""


def lore_lines(lore: tuple[Lore, ...]) -> str:
    """Entries as people write them: `keyword、keyword：text`, the most important one first."""
    ordered = sorted(lore, key=lambda entry: -entry.priority)
    return "\n".join(
        f"{'、'.join(entry.keywords)}：{entry.text.translate(NO_LINE_BREAKS)}" for entry in ordered
    )


def lore_of(lines: str) -> tuple[Lore, ...]:
    """Entries from a form. A line without a colon goes on with the entry above it."""
    entries: list[tuple[tuple[str, ...], str]] = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        before, colon, text = line.replace(":", "：", 1).partition("：")
        keywords = tuple(word.strip() for word in before.replace(",", "、").split("、") if word.strip())
        if colon and keywords:
            entries.append((keywords, text.strip()))
        elif entries:
            entries[-1] = (entries[-1][0], f"{entries[-1][1]}\n{line}".strip())
    count = len(entries)
    return tuple(
        Lore(keywords, text, count - number) for number, (keywords, text) in enumerate(entries) if text
    )
