"""Every setting as people type it, fill it in and read it, on whichever platform."""

from __future__ import annotations

import pytest

from adapters.shared.settings_codec import choices, from_form, from_typed, preset_title, shown, to_form
from bot.core.settings_values import check_changes
from bot.domain.errors import BadRule
from bot.domain.jobs import Length
from bot.domain.room_settings import SETTINGS, Filter, RoomSettings, SettingKind
from bot.domain.sampling import PRESETS, Sampling

OWN = ("弱火", Sampling(temperature=0.3))
UNTYPED = {SettingKind.PRESETS, SettingKind.SCOPES}
"""Kinds that each platform has a field of its own for."""


@pytest.mark.parametrize(
    ("rule", "typed", "value"),
    [
        ("length", "短め", "short"),
        ("length", "ふつう", "medium"),
        ("length", "普通", "medium"),
        ("length", "ながめ", "long"),
        ("length", "３００字", 300),
        ("preset", "冒険", "bold"),
        ("filter", "自動", "auto"),
        ("filter", "ｏｆｆ", "off"),
        ("filter_people", "ON", True),
        ("listens", "いいえ", False),
        ("parentheses_aside", "はい", True),
        ("candidates", "３", 3),
        ("daily_in_all", "20", 20),
        ("words", "あ、い,う", ["あ", "い", "う"]),
        ("banned", "しかし, 彼は、", ["しかし", "彼は"]),
        ("words", "なし", []),
        ("allowed", "user/1, role/5", ["user/1", "role/5"]),
        ("filter", "－", None),
        ("preset", "既定", None),
        ("words", "", None),
    ],
)
def test_values_as_people_type_them(rule: str, typed: str, value: object) -> None:
    """On every platform alike: full-width digits, words of both languages, several in a line."""
    assert check_changes({rule: from_typed(rule, typed)}, RoomSettings()) == {rule: value}


@pytest.mark.parametrize(
    ("rule", "typed"),
    [
        ("length", "超長い"),
        ("listens", "たぶん"),
        ("candidates", "many"),
        ("filter", "x"),
        ("daily_in_all", "-1"),
    ],
)
def test_other_values_are_refused(rule: str, typed: str) -> None:
    """With what was typed, and what it could be."""
    with pytest.raises(BadRule) as caught:
        check_changes({rule: from_typed(rule, typed)}, RoomSettings())
    assert caught.value.values["value"] == typed


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("listens", "yes", True),
        ("listens", "no", False),
        ("filter_people", True, True),
        ("length", "long", "long"),
        ("length", "300", 300),
        ("candidates", "4", 4),
        ("preset", "-", "-"),
        ("words", " 血 \n\n雨、雪", ["血", "雨、雪"]),
        ("banned", "", []),
        ("daily_in_all", "99999999999", "99999999999"),
    ],
)
def test_fields_of_forms(name: str, given: object, value: object) -> None:
    """One entry a line, whatever is in it; empty is an empty list, and nothing that is typed takes back."""
    assert from_form(name, given) == value


@pytest.mark.parametrize("name", [each.name for each in SETTINGS.values() if each.kind not in UNTYPED])
def test_what_a_form_shows_is_what_it_sends(name: str) -> None:
    """A form that is saved as it was opened changes nothing."""
    rules = RoomSettings(length=300, words=("血",), banned=("雨、雪",), daily_in_all=7, filter=Filter.ON)
    held = getattr(rules, name)
    sent = to_form(held)
    assert check_changes({name: from_form(name, sent)}, rules) == check_changes({name: held}, rules)


def test_a_form_offers_what_a_room_has() -> None:
    """Its own length in characters first, its own presets last."""
    rules = RoomSettings(length=300, presets=(OWN,))
    assert choices("length", rules) == ["300", "short", "medium", "long"]
    assert choices("preset", rules) == [*PRESETS, "弱火"]
    assert choices("candidates", rules) == ["2", "3", "4", "5"]
    assert choices("listens", rules) == ["yes", "no"]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("listens", True, "<yes>"),
        ("daily_in_all", 0, "<unlimited>"),
        ("daily_in_all", 5, "5"),
        ("candidates", 3, "3"),
        ("words", (), "<none>"),
        ("words", ("血", "雨*"), "血、雨\\*"),
        ("presets", (OWN,), "弱火"),
        ("length", Length.SHORT, "<length.short>"),
        ("length", 300, "300"),
        ("filter", Filter.AUTO, "<filter.auto>"),
        ("preset", "bold", "冒険"),
    ],
)
def test_values_as_they_are_shown(name: str, value: object, text: str) -> None:
    """In the platform's words, with what somebody typed made safe for it."""
    escaped = shown(name, value, lambda word: f"<{word}>", "ja", lambda entry: entry.replace("*", "\\*"))
    assert escaped == text


def test_presets_have_japanese_names() -> None:
    """For a reader of Japanese; one's own are called as they are."""
    assert [preset_title("bold"), preset_title("bold", "en"), preset_title("弱火")] == [
        "冒険",
        "bold",
        "弱火",
    ]
