"""The form for what holds in a channel. Everybody sets how it writes; who may ask, and how often, admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck

from adapters.shared.preset_text import RULE as PRESETS
from adapters.shared.settings_codec import (
    NO,
    OPEN_TO_ALL,
    SETTINGS,
    YES,
    SettingKind,
    choices,
    from_form,
    preset_title,
    shown_lines,
    to_form,
)
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
from bot.domain.scopes import room_of

SETTINGS_CALLBACK_ID = f"{ACTION_PREFIX}settings_form"
_USER = "user/"
_PLAIN = (
    *("listens", "parentheses_aside", "length", "preset", "candidates", "filter", "filter_people"),
    *("words", "banned", "daily_per_person", "daily_in_all"),
)
"""The fields that each are a setting, in the order in which changes are kept."""


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
            fields.append(text_input("banned", label("banned"), shown_lines(rules.banned), optional=True))
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
        # Which phrases are never written, everybody sets for a story alone.
        for_all = OPEN_TO_ALL if room_of(scope) is not None else OPEN_TO_ALL - {"banned"}
        changes = changed_settings(rules, state, None if ADMIN in author.roles else for_all)
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
    names = ("listens", "length", "preset", "candidates", "parentheses_aside")
    return [_select(name, rules, label) for name in names]


def _admin_inputs(rules: RoomSettings, label: ButtonLabel) -> list[View]:
    yes_no = {name: label(name) for name in (YES, NO)}
    return [
        _select("filter", rules, label),
        _select("filter_people", rules, label),
        text_input("words", label("words"), shown_lines(rules.words), optional=True),
        number_input("daily_per_person", label("daily_per_person"), rules.daily_per_person),
        number_input("daily_in_all", label("daily_in_all"), rules.daily_in_all),
        users_input("allowed", label("allowed"), _people(rules.allowed)),
        users_input("denied", label("denied"), _people(rules.denied)),
        select_input("guests", label("guests"), yes_no, NO if GUEST in rules.denied else YES),
    ]


def _select(name: str, rules: RoomSettings, label: ButtonLabel) -> View:
    """A setting that is one of several, each with what it is called."""

    def title(value: str) -> str:
        match SETTINGS[name]:
            case SettingKind.PRESET:
                return preset_title(value)
            case SettingKind.SWITCH:
                return label(value)
            case SettingKind.FILTER | SettingKind.LENGTH if not value.isdecimal():
                return label(f"{name}_{value}")
        return value

    options = {value: title(value) for value in choices(name, rules)}
    return select_input(name, label(name), options, to_form(getattr(rules, name)))


def changed_settings(rules: RoomSettings, state: State, settable: frozenset[str] | None) -> dict[str, object]:
    """The rules that a filled form has otherwise than they are, of those that a person may set; None: all."""
    wanted = _wanted(rules, state)
    if settable is not None:
        wanted = {name: value for name, value in wanted.items() if name in settable}
    return {name: value for name, value in wanted.items() if _plain(value) != _plain(getattr(rules, name))}


def _wanted(rules: RoomSettings, state: State) -> dict[str, object]:
    given = {name: input_value(state, name) for name in state}
    wanted = {name: from_form(name, given[name]) for name in _PLAIN if given.get(name) is not None}
    if "allowed" in given:
        wanted["allowed"] = _with_people(rules.allowed, given["allowed"])
    if "denied" in given:
        guests = [GUEST] if given.get("guests") == NO else []
        others = tuple(each for each in rules.denied if each != GUEST)
        wanted["denied"] = _with_people(others, given["denied"]) + guests
    return wanted


def _plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return sorted(value)
    return value.value if isinstance(value, Length | Filter) else value


def _people(labels: tuple[str, ...]) -> list[str]:
    return [label.removeprefix(_USER) for label in labels if label.startswith(_USER)]


def _with_people(labels: tuple[str, ...], people: list[str]) -> list[str]:
    return [label for label in labels if not label.startswith(_USER)] + [_USER + each for each in people]
