"""Forms for long texts. Their ids say what they are about: one that is sent after a restart counts too."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import discord

from adapters.discord.render.replies import truncate
from adapters.discord.render.settings_text import MAX_NAME, PRESETS
from adapters.discord.render.views import Action, ComponentId, custom_id_of
from bot.domain.errors import TextTooLong, UserError
from bot.domain.jobs import GenerationOptions, Length
from bot.domain.ports import Translate
from bot.domain.story import Lore, Notes, Passage, Story
from bot.story.joining import in_character_passages

MAX_FIELD = 4000
"""Discord's limit for what a field holds."""
MAX_LABEL = 45
MAX_HINT = 100
MAX_TITLE = 80
"""As the rules of play take it."""
MAX_NAMED = 24
"""Of a title within a hint."""
TEXT = "text"
NAME = "name"
NO_LINE_BREAKS = str.maketrans("\r\n", "  ")


class ChangedMeanwhile(UserError):
    """Somebody else changed what a form showed."""

    key = "discord.form.changed"


class AnotherIsOpen(UserError):
    """Another story was opened since a form asked whether to close the one that was open."""

    key = "discord.form.another_is_open"


class TooLongForForm(UserError):
    """A passage is longer than what a form holds. Values: `limit`, `length` (characters)."""

    key = "discord.form.too_long"


def begin_modal(options: GenerationOptions, translate: Translate, locale: str) -> discord.ui.Modal:
    """For the beginning of a story."""
    about = f"{options.length},{options.candidates},{options.preset}"
    return _form(Action.BEGIN, about, translate, locale)


def begin_anew_modal(story: Story, title: str, translate: Translate, locale: str) -> discord.ui.Modal:
    """Before a new story closes one that has a text: for the new one's title."""
    modal = _modal(Action.BEGIN_ANEW, story.id, translate("discord.form.anew.title", locale))
    field: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id=TEXT, default=title or None, required=False, max_length=MAX_TITLE
    )
    count = len(in_character_passages(story))
    called = story.title or translate("discord.thread_name", locale)
    label = translate("discord.form.anew.label", locale)
    hint = translate("discord.form.anew.hint", locale, title=truncate(called, MAX_NAMED), count=count)
    modal.add_item(discord.ui.Label(text=label[:MAX_LABEL], description=hint[:MAX_HINT], component=field))
    return modal


def options_of(about: str) -> GenerationOptions:
    """The options that a form for a beginning carries. Raises ValueError."""
    length, candidates, preset = about.split(",", 2)  # a preset's name may have commas
    known = set(Length)
    return GenerationOptions(Length(length) if length in known else int(length), preset, int(candidates))


def edit_modal(passage: Passage, translate: Translate, locale: str) -> discord.ui.Modal:
    """For another text of a passage. Raises TooLongForForm: what came with a file may be."""
    if len(passage.text) > MAX_FIELD:
        raise TooLongForForm(limit=MAX_FIELD, length=len(passage.text))
    return _form(Action.EDIT, passage.id, translate, locale, passage.text)


def notes_modal(action: Action, notes: Notes, translate: Translate, locale: str) -> discord.ui.Modal:
    """For memory, author's note or lore. Raises TextTooLong: what did not fit would be lost."""
    filled = _field_for(action, notes)
    _require_room(filled)
    return _form(action, _digest(filled), translate, locale, filled, required=False)


def require_unchanged(component: ComponentId, notes: Notes) -> None:
    """Raise ChangedMeanwhile where a form for notes did not show what it would take the place of."""
    if component.target and component.target != _digest(_field_for(component.action, notes)):
        raise ChangedMeanwhile


def _field_for(action: Action, notes: Notes) -> str:
    return {Action.MEMORY: notes.memory, Action.NOTE: notes.note, Action.LORE: lore_lines(notes.lore)}[action]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def rule_modal(scope: str, rule: str, lines: str, translate: Translate, locale: str) -> discord.ui.Modal:
    """For a rule that is a list, one a line, as it is set at a scope. Raises TextTooLong."""
    _require_room(lines)
    modal = _modal(Action.RULE, f"{scope},{rule}", _heading(scope, rule, translate, locale))
    field = _long_field(lines, required=False)
    modal.add_item(_labelled(field, "rule", translate, locale))
    return modal


def preset_modal(scope: str, name: str, lines: str, translate: Translate, locale: str) -> discord.ui.Modal:
    """For a preset of a place's own; `name` is empty for a new one."""
    modal = _modal(Action.PRESET, f"{scope},{name}", _heading(scope, PRESETS, translate, locale))
    named: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id=NAME, default=name or None, max_length=MAX_NAME
    )
    modal.add_item(_labelled(named, "preset_name", translate, locale))
    modal.add_item(_labelled(_long_field(lines, required=False), "preset", translate, locale))
    return modal


def _require_room(text: str) -> None:
    if len(text) > MAX_FIELD:
        raise TextTooLong(limit=MAX_FIELD, length=len(text))


def _form(
    action: Action, about: str, translate: Translate, locale: str, text: str = "", *, required: bool = True
) -> discord.ui.Modal:
    modal = _modal(action, about, translate(f"discord.form.{action}.title", locale))
    field = _long_field(text[:MAX_FIELD], required=required)
    label = translate(f"discord.form.{action}.label", locale)
    modal.add_item(discord.ui.Label(text=label[:MAX_LABEL], component=field))
    return modal


def _modal(action: Action, about: str, title: str) -> discord.ui.Modal:
    modal = discord.ui.Modal(title=title[:MAX_LABEL], custom_id=custom_id_of(action, about))
    modal.stop()  # what is sent reaches us by its id
    return modal


def _long_field(text: str, *, required: bool) -> discord.ui.TextInput[discord.ui.Modal]:
    return discord.ui.TextInput(
        style=discord.TextStyle.paragraph,
        custom_id=TEXT,
        default=text or None,
        required=required,
        max_length=MAX_FIELD,
    )


def _labelled(
    field: discord.ui.TextInput[discord.ui.Modal], name: str, translate: Translate, locale: str
) -> discord.ui.Label[discord.ui.Modal]:
    label, hint = (
        translate(f"discord.form.{name}.label", locale),
        translate(f"discord.form.{name}.hint", locale),
    )
    return discord.ui.Label(text=label[:MAX_LABEL], description=hint[:MAX_HINT], component=field)


def _heading(scope: str, rule: str, translate: Translate, locale: str) -> str:
    """What a form sets, and how far."""
    name, where = translate(f"discord.rule.{rule}", locale), translate(f"discord.scope.{scope}", locale)
    return translate("discord.form.rule.title", locale, rule=name, scope=where)


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
