"""The buttons under a reply. Each carries in its id what it is about, so that it works after any restart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import discord

from adapters.shared.candidates import others_of
from bot.domain.ports import Translate
from bot.domain.replies import Reply, ReplyState
from bot.domain.story import candidate_number

ROW = 5
"""Discord takes five buttons in a row."""
_ID = re.compile(r"tz:(?P<verb>[a-z_]+):(?P<about>.*)", re.DOTALL)
_OPEN = {ReplyState.WAITING, ReplyState.WRITING}


class Verb(StrEnum):
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
    """A form for a text; the ask."""
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
class Press:
    """What a custom id says."""

    verb: Verb
    about: str


def id_of(verb: Verb, about: str = "") -> str:
    """The custom id; Discord takes 100 characters."""
    return f"tz:{verb}:{about}"


def read_id(custom_id: str) -> Press | None:
    """What a custom id says; None where it is none of ours, or of a version that knew others."""
    found = _ID.fullmatch(custom_id)
    if found is None or found["verb"] not in set(Verb):
        return None
    return Press(Verb(found["verb"]), found["about"])


def buttons_of(draft: Reply, say: Translate, locale: str) -> discord.ui.View | None:
    """The buttons of a reply as it is now; None where it carries none (any more)."""
    if not draft.interactive:
        return None
    if draft.state in _OPEN:
        return row_of([(Verb.STOP, draft.job)], say, locale) if draft.job else None
    if not draft.passage:
        return row_of([(Verb.RESUBMIT, draft.job)], say, locale) if draft.job else None
    verbs = (Verb.MORE, Verb.RETRY, Verb.UNDO, Verb.SEVERAL, Verb.EDIT)
    view = row_of([(verb, draft.passage) for verb in verbs], say, locale)
    others = [(number, one.passage) for number, one in others_of(draft) if one.passage]
    kept = sorted([(candidate_number(draft.passage) or 1, draft.passage), *others])
    if len(kept) > 1:
        view.add_item(_button(Verb.READ, draft.passage, say("discord.button.read", locale), row=1))
        for number, passage in kept if len(kept) < ROW else others:
            label = say("discord.button.pick", locale, number=number)
            view.add_item(_button(Verb.PICK, passage, label, row=1))
    return view


def row_of(presses: Sequence[tuple[Verb, str]], say: Translate, locale: str) -> discord.ui.View:
    """A row of buttons."""
    view = discord.ui.View(timeout=None)
    # Presses reach us by their ids; the library need not remember every view that was ever sent.
    view.stop()
    for verb, about in presses:
        view.add_item(_button(verb, about, say(f"discord.button.{verb}", locale), row=0))
    return view


def pick_button(passage: str, number: int, say: Translate, locale: str) -> discord.ui.View:
    """The button that chooses one candidate."""
    view = discord.ui.View(timeout=None)
    view.stop()
    view.add_item(_button(Verb.PICK, passage, say("discord.button.pick", locale, number=number), row=0))
    return view


_STYLES = {
    Verb.MORE: discord.ButtonStyle.primary,
    Verb.RESUBMIT: discord.ButtonStyle.primary,
    Verb.STOP: discord.ButtonStyle.danger,
    Verb.FORGET: discord.ButtonStyle.danger,
}


def _button(verb: Verb, about: str, label: str, *, row: int) -> discord.ui.Button[discord.ui.View]:
    style = _STYLES.get(verb, discord.ButtonStyle.secondary)
    return discord.ui.Button(style=style, label=label, custom_id=id_of(verb, about), row=row)
