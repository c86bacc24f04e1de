"""The form for what holds in a channel. Everybody sets how it writes; who may ask, and how often, admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncAck

from adapters.shared.preset_text import RULE as PRESETS
from adapters.shared.preset_text import preset_lines, presets_of
from adapters.shared.settings_codec import NO, YES, choices, from_form, preset_title, to_form, word_of
from adapters.slack.delivery.render import ACTION_PREFIX, ButtonLabel
from adapters.slack.payloads.events import SlackThread
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
from bot.domain.chat import Author, Room, room_of_scope
from bot.domain.errors import BadRule, UserError
from bot.domain.ports import Translate
from bot.domain.room_settings import SETTINGS, RoomSettings, Setting, SettingKind

SETTINGS_CALLBACK_ID = f"{ACTION_PREFIX}settings_form"
_USER = "user/"
_FIRST = ("listens", "length")
_TEXTS = {SettingKind.WORDS, SettingKind.PRESETS}


def _place(setting: Setting) -> tuple[bool, bool, int]:
    """How it writes, what is most often looked for first and long texts last; then what is for admins."""
    first = _FIRST.index(setting.name) if setting.name in _FIRST else len(_FIRST)
    return (not setting.open_to_all, setting.open_to_all and setting.kind in _TEXTS, first)


_IN_ORDER = sorted(SETTINGS.values(), key=_place)


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
        of_story = room_of_scope(scope) is not None
        thread_ts = thread.thread_ts if of_story else ""
        what = {"team": thread.team, "channel": thread.channel, "thread": thread_ts, "scope": scope}
        own = preset_lines((await self._services.settings.at(thread.room, scope)).get(PRESETS))
        fields = [_input(each, rules, label, own) for each in _settable(scope, author)]
        if len(own) > INPUT_CHARACTERS:
            fields = [each for each in fields if each["block_id"] != PRESETS]
        if ADMIN in author.roles:
            yes_no = {name: label(name) for name in (YES, NO)}
            fields.append(
                select_input("guests", label("guests"), yes_no, NO if GUEST in rules.denied else YES)
            )
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
        settable = {each.name for each in _settable(scope, author)}
        changes = {name: each for name, each in changed_settings(rules, state).items() if name in settable}
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


def _settable(scope: str, author: Author) -> list[Setting]:
    """What a person may set; which phrases are never written, everybody sets for a story alone."""
    everybody = [
        each for each in _IN_ORDER if each.open_to_all and (room_of_scope(scope) or each.name != "banned")
    ]
    return _IN_ORDER if ADMIN in author.roles else everybody


def _input(setting: Setting, rules: RoomSettings, label: ButtonLabel, own_presets: str) -> View:
    name, value = setting.name, getattr(rules, setting.name)
    match setting.kind:
        case SettingKind.WORDS:
            return text_input(name, label(name), to_form(value), optional=True)
        case SettingKind.PRESETS:
            return text_input(name, label(name), own_presets, optional=True, hint=label("presets_hint"))
        case SettingKind.SCOPES:
            return users_input(name, label(name), _people(value))
    offered = choices(name, rules)
    if not offered:
        return number_input(name, label(name), value, setting.least)
    options = {each: _title(setting, each, label) for each in offered}
    return select_input(name, label(name), options, to_form(value))


def _title(setting: Setting, value: str, label: ButtonLabel) -> str:
    """What one of several values is called."""
    if setting.kind is SettingKind.PRESET:
        return preset_title(value)
    word = word_of(setting.name, value)
    return label(word.replace(".", "_")) if word else value


def changed_settings(rules: RoomSettings, state: State) -> dict[str, object]:
    """The rules, other than presets, that a filled form has otherwise than they are."""
    wanted = _wanted(rules, state)
    return {name: value for name, value in wanted.items() if _plain(value) != _plain(getattr(rules, name))}


def _wanted(rules: RoomSettings, state: State) -> dict[str, object]:
    wanted: dict[str, object] = {}
    for setting in _IN_ORDER:
        given = input_value(state, setting.name)
        if given is None or setting.kind is SettingKind.PRESETS:
            continue
        if setting.kind is SettingKind.SCOPES:
            wanted[setting.name] = _with_people(getattr(rules, setting.name), given)
        else:
            wanted[setting.name] = from_form(setting.name, given)
    if "denied" in wanted:
        others = tuple(each for each in rules.denied if each != GUEST)
        guests = [GUEST] if input_value(state, "guests") == NO else []
        wanted["denied"] = _with_people(others, input_value(state, "denied")) + guests
    return wanted


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, tuple | list) else value


def _people(labels: tuple[str, ...]) -> list[str]:
    return [label.removeprefix(_USER) for label in labels if label.startswith(_USER)]


def _with_people(labels: tuple[str, ...], people: list[str]) -> list[str]:
    return [label for label in labels if not label.startswith(_USER)] + [_USER + each for each in people]
