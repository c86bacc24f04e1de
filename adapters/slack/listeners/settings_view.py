"""The form for what holds in a channel. Everybody sets how it writes; who may ask, and how often, admins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck

from adapters.shared.preset_text import RULE as PRESETS
from adapters.slack.delivery.render import ACTION_PREFIX, ButtonLabel
from adapters.slack.payloads.events import SlackThread
from adapters.slack.payloads.preset_text import preset_lines, presets_of
from adapters.slack.payloads.views import (
    INPUT_CHARACTERS,
    State,
    View,
    input_value,
    modal,
    number_input,
    read_metadata,
    select_input,
    text_input,
    users_input,
)
from adapters.slack.web_api.users import ADMIN, GUEST
from adapters.slack.workspaces import Workspace
from bot.core.permissions import require_permission
from bot.core.services import Services
from bot.domain.chat import Author, Room
from bot.domain.errors import BadRule, UserError
from bot.domain.jobs import Length
from bot.domain.ports import Translate
from bot.domain.room_settings import Filter, RoomSettings
from bot.domain.sampling import PRESET_NAMES
from bot.domain.sampling import PRESETS as BUILT_IN
from bot.domain.scopes import room_of

SETTINGS_CALLBACK_ID = f"{ACTION_PREFIX}settings_form"
_MOST_CANDIDATES = 5
_USER = "user/"
_YES_NO = ("yes", "no")
MEMBER_SETTINGS = frozenset({"listens", "length", "preset", "candidates", "parentheses_aside"})
"""Rules that everybody in a channel may set; for a story also which phrases are never written."""


class SettingsView:
    """Shows the rules of a channel, or of the whole workspace, and sets those that were changed."""

    def __init__(self, services: Services, translate: Translate) -> None:
        self._services = services
        self._translate = translate

    async def open(
        self, workspace: Workspace, thread: SlackThread, author: Author, trigger_id: str, scope: str = ""
    ) -> None:
        """Show the form. `scope` empty: for the place's channel; its room's own: for the story told there.

        Raises:
            NotPermitted, RolesUnknown, RetryLater, Undeliverable
        """
        rules = await self._services.settings.resolve(thread.room)
        _require_permission(rules, thread.room, author)

        def label(name: str) -> str:
            return self._translate(f"slack.settings.{name}", author.locale)

        scope = scope or f"channel/{thread.channel}"
        of_story = room_of(scope) is not None
        thread_ts = thread.thread_ts if of_story else ""
        what = {"team": thread.team, "channel": thread.channel, "thread": thread_ts, "scope": scope}
        own = (await self._services.settings.at(thread.room, scope)).get(PRESETS)
        fields = _member_inputs(rules, label)
        if of_story or ADMIN in author.roles:
            fields.append(text_input("banned", label("banned"), "\n".join(rules.banned), optional=True))
        if len(lines := preset_lines(own)) <= INPUT_CHARACTERS:
            hint = label("presets_hint")
            fields.append(text_input(PRESETS, label("presets"), lines, optional=True, hint=hint))
        if ADMIN in author.roles:
            fields += _admin_inputs(rules, label)
        title = label("title_story" if of_story else "title_team" if scope.startswith("team/") else "title")
        await workspace.api.open_view(
            trigger_id, modal(SETTINGS_CALLBACK_ID, title, label("submit"), label("close"), what, fields)
        )

    async def on_submitted(
        self, workspace: Workspace, ack: AsyncAck, view: Mapping[str, Any], user_id: str
    ) -> None:
        """The form came back."""
        what, state = read_metadata(view), view["state"]["values"]
        author = await workspace.users.author(user_id)
        room = SlackThread(what["team"], what["channel"], what.get("thread", "")).room
        if what["scope"].startswith("team/") and ADMIN not in author.roles:
            await ack()
            return
        try:
            await self._save(room, what["scope"], state, author)
        except UserError as error:
            name = str(error.values.get("name") or "")
            block = name if name in state else next(iter(state))
            await ack(response_action="errors", errors={block: self._error_text(error, author.locale)})
        else:
            await ack()

    async def _save(self, room: Room, scope: str, state: State, author: Author) -> None:
        rules = await self._services.settings.resolve(room)
        _require_permission(rules, room, author)
        story = frozenset({"banned"}) if room_of(scope) is not None else frozenset[str]()
        changes = changed_settings(rules, state, None if ADMIN in author.roles else MEMBER_SETTINGS | story)
        if (lines := input_value(state, PRESETS)) is not None:
            # Others of the same name may be set further out: only what is set here is changed here.
            own = (await self._services.settings.at(room, scope)).get(PRESETS)
            if (given := presets_of(lines)) != presets_of(preset_lines(own)):
                changes[PRESETS] = given or None
        if changes:
            await self._services.settings.change(room, scope, changes)

    def _error_text(self, error: UserError, locale: str) -> str:
        if not isinstance(error, BadRule):
            return self._translate(error.key, locale, **error.values)
        value, known = error.values["value"], error.values["known"]
        what = f"{value} ({known})" if isinstance(value, str) else known
        return self._translate("slack.settings.wrong", locale, what=what)


def _require_permission(rules: RoomSettings, room: Room, author: Author) -> None:
    """Who may not use the bot sets nothing; admins could lock themselves out. Raises as `require` does."""
    if ADMIN not in author.roles:
        require_permission(rules, room, author)


def _member_inputs(rules: RoomSettings, label: ButtonLabel) -> list[View]:
    yes_no = {name: label(name) for name in _YES_NO}
    lengths = {length.value: label(f"length_{length.value}") for length in Length}
    if rules.length not in lengths:
        lengths = {str(rules.length): str(rules.length), **lengths}
    japanese = {name: called for called, name in PRESET_NAMES.items()}
    presets = {name: japanese.get(name, name) for name in (*BUILT_IN, *(own for own, _ in rules.presets))}
    candidates = {str(count): str(count) for count in range(2, _MOST_CANDIDATES + 1)}
    return [
        select_input("listens", label("listens"), yes_no, _yes_or_no(rules.listens)),
        select_input("length", label("length"), lengths, str(rules.length)),
        select_input("preset", label("preset"), presets, rules.preset),
        select_input("candidates", label("candidates"), candidates, str(rules.candidates)),
        select_input(
            "parentheses_aside", label("parentheses_aside"), yes_no, _yes_or_no(rules.parentheses_aside)
        ),
    ]


def _admin_inputs(rules: RoomSettings, label: ButtonLabel) -> list[View]:
    yes_no = {name: label(name) for name in _YES_NO}
    filters = {kind.value: label(f"filter_{kind.value}") for kind in Filter}
    return [
        select_input("filter", label("filter"), filters, rules.filter.value),
        select_input("filter_people", label("filter_people"), yes_no, _yes_or_no(rules.filter_people)),
        text_input("words", label("words"), "\n".join(rules.words), optional=True),
        number_input("daily_per_person", label("daily_per_person"), rules.daily_per_person),
        number_input("daily_in_all", label("daily_in_all"), rules.daily_in_all),
        users_input("allowed", label("allowed"), _people(rules.allowed)),
        users_input("denied", label("denied"), _people(rules.denied)),
        select_input("guests", label("guests"), yes_no, "no" if GUEST in rules.denied else "yes"),
    ]


def _yes_or_no(value: bool) -> str:  # noqa: FBT001  what it is about
    return "yes" if value else "no"


def changed_settings(rules: RoomSettings, state: State, settable: frozenset[str] | None) -> dict[str, object]:
    """The rules that a filled form has otherwise than they are, of those that a person may set; None: all."""
    wanted = _wanted(rules, state)
    if settable is not None:
        wanted = {name: value for name, value in wanted.items() if name in settable}
    return {name: value for name, value in wanted.items() if _plain(value) != _plain(getattr(rules, name))}


def _wanted(rules: RoomSettings, state: State) -> dict[str, object]:
    given = {name: input_value(state, name) for name in state}
    wanted: dict[str, object] = {
        name: read(given[name]) for name, read in _READ.items() if given.get(name) is not None
    }
    if "allowed" in given:
        wanted["allowed"] = _with_people(rules.allowed, given["allowed"])
    if "denied" in given:
        guests = [GUEST] if given.get("guests") == "no" else []
        others = tuple(each for each in rules.denied if each != GUEST)
        wanted["denied"] = _with_people(others, given["denied"]) + guests
    return wanted


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


_READ: dict[str, Callable[[str], object]] = {
    "listens": lambda chosen: chosen == "yes",
    "parentheses_aside": lambda chosen: chosen == "yes",
    "length": lambda chosen: int(chosen) if chosen.isdecimal() else chosen,
    "preset": str,
    "candidates": _number,
    "filter": str,
    "filter_people": lambda chosen: chosen == "yes",
    "words": _lines,
    "banned": _lines,
    "daily_per_person": _number,
    "daily_in_all": _number,
}
"""What a filled field means."""


def _plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return sorted(value)
    return value.value if isinstance(value, Length | Filter) else value


def _people(labels: tuple[str, ...]) -> list[str]:
    return [label.removeprefix(_USER) for label in labels if label.startswith(_USER)]


def _with_people(labels: tuple[str, ...], people: list[str]) -> list[str]:
    return [label for label in labels if not label.startswith(_USER)] + [_USER + each for each in people]
