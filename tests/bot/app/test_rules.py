"""What the settings say of rooms holds in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.core.settings_resolver import merge_settings
from bot.domain.jobs import MAX_CHARACTERS, MIN_CHARACTERS, Length
from bot.domain.room_settings import MAX_A_DAY, MAX_ENTRY_CHARACTERS, Filter, RoomSettings
from bot.domain.sampling import MAX_BANNED
from config.errors import SettingsError
from config.settings import load_settings


def set_rules(folder: Path, *lines: str) -> RoomSettings:
    """The rules of a room where nobody set anything, with these lines in the file."""
    path = folder / "set.toml"
    path.write_text("\n".join(["[rules]", *lines]), encoding="utf-8")
    return merge_settings([load_settings(path).rules.model_dump()])


def test_the_documented_defaults_are_the_rules_own(tmp_path: Path) -> None:
    """One set of defaults, not two."""
    assert set_rules(tmp_path) == RoomSettings()


def test_every_setting_is_a_rule_that_holds(tmp_path: Path) -> None:
    """Each of them arrives."""
    lines = (
        'length = "long"',
        'preset = "bold"',
        "candidates = 5",
        'filter = "off"',
        "filter_people = true",
        "listens = false",
        "parentheses_aside = true",
        'banned = ["しかし"]',
        "daily_per_person = 7",
        "daily_in_all = 70",
    )
    assert set_rules(tmp_path, *lines) == RoomSettings(
        length=Length.LONG,
        preset="bold",
        candidates=5,
        filter=Filter.OFF,
        filter_people=True,
        listens=False,
        parentheses_aside=True,
        banned=("しかし",),
        daily_per_person=7,
        daily_in_all=70,
    )


def test_phrases_that_are_never_written_come_from_the_environment_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several in one text; as many and as long as a room may have, and no more."""
    monkeypatch.setenv("TSUZUKI_RULES__BANNED", "しかし、 彼は")
    assert set_rules(tmp_path).banned == ("しかし", "彼は")
    for wrong in ("あ" * (MAX_ENTRY_CHARACTERS + 1), "、".join("あ" * (MAX_BANNED + 1))):
        monkeypatch.setenv("TSUZUKI_RULES__BANNED", wrong)
        with pytest.raises(SettingsError) as caught:
            set_rules(tmp_path)
        assert str(caught.value.values["name"]).startswith("rules.banned")


@pytest.mark.parametrize("characters", [MIN_CHARACTERS, MAX_CHARACTERS])
def test_a_length_in_characters(tmp_path: Path, characters: int) -> None:
    """As many as may be asked for, and no others."""
    assert set_rules(tmp_path, f"length = {characters}").length == characters
    for wrong in (MIN_CHARACTERS - 1, MAX_CHARACTERS + 1, '"tiny"'):
        with pytest.raises(SettingsError) as caught:
            set_rules(tmp_path, f"length = {wrong}")
        assert caught.value.values["name"] == "rules.length"


def test_a_limit_that_no_room_may_have(tmp_path: Path) -> None:
    """It is refused, and does not end as no limit at all."""
    assert set_rules(tmp_path, f"daily_in_all = {MAX_A_DAY}").daily_in_all == MAX_A_DAY
    with pytest.raises(SettingsError) as caught:
        set_rules(tmp_path, f"daily_in_all = {MAX_A_DAY + 1}")
    assert caught.value.values["name"] == "rules.daily_in_all"
