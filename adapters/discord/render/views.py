"""The buttons under a reply. Each carries in its id what it is about, so that it works after any restart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import discord

from adapters.shared.candidates import numbered_candidates
from adapters.shared.reply_buttons import REPLY_BUTTONS, buttons_of
from bot.domain.ports import Translate
from bot.domain.replies import Reply
from bot.domain.story import candidate_number

ROW = 5
"""Discord takes five buttons in a row."""
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


def reply_view(reply: Reply, translate: Translate, locale: str) -> discord.ui.View | None:
    """The buttons of a reply as it is now; None where it carries none (any more)."""
    actions, about = buttons_of(reply)
    if not actions:
        return None
    view = row_view([(Action(action.discord), about) for action in actions], translate, locale)
    if not reply.passage or reply.state.is_open:
        return view
    others = [(number, one.passage) for number, one in numbered_candidates(reply) if one.passage]
    kept = sorted([(candidate_number(reply.passage) or 1, reply.passage), *others])
    if len(kept) > 1:
        view.add_item(_button(Action.READ, reply.passage, translate("discord.button.read", locale), row=1))
        for number, passage in kept if len(kept) < ROW else others:
            label = translate("discord.button.pick", locale, number=number)
            view.add_item(_button(Action.PICK, passage, label, row=1))
    return view


def row_view(buttons: Sequence[tuple[Action, str]], translate: Translate, locale: str) -> discord.ui.View:
    """A row of buttons."""
    view = discord.ui.View(timeout=None)
    # Presses reach us by their ids; the library need not remember every view that was ever sent.
    view.stop()
    for action, about in buttons:
        view.add_item(_button(action, about, translate(f"discord.button.{action}", locale), row=0))
    return view


def pick_view(passage: str, number: int, translate: Translate, locale: str) -> discord.ui.View:
    """The button that chooses one candidate."""
    view = discord.ui.View(timeout=None)
    view.stop()
    view.add_item(
        _button(Action.PICK, passage, translate("discord.button.pick", locale, number=number), row=0)
    )
    return view


_STYLES = {action.discord: discord.ButtonStyle[action.emphasis] for action in REPLY_BUTTONS} | {
    Action.FORGET: discord.ButtonStyle.danger
}


def _button(action: Action, about: str, label: str, *, row: int) -> discord.ui.Button[discord.ui.View]:
    style = _STYLES.get(action, discord.ButtonStyle.secondary)
    return discord.ui.Button(style=style, label=label, custom_id=custom_id_of(action, about), row=row)
