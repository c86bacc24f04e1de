"""The platforms call the same thing by the same name, whatever the ids of their buttons are."""

from __future__ import annotations

import pytest

from config.i18n import Translations

NAMES = {
    "retry": ("discord.button.again", "slack.button.retry", "web.retry"),
    "ask anew for what came to nothing": ("discord.button.go", "slack.button.again"),
    "undo": ("discord.button.undo", "slack.button.undo", "web.undo"),
    "redo": ("discord.button.redo", "web.redo"),
    "several": ("discord.button.several", "slack.button.several", "web.several"),
    "stop": ("discord.button.stop", "slack.button.stop", "web.stop"),
    "edit": ("discord.button.edit", "slack.button.edit"),
    "take a candidate": ("slack.button.choose", "web.take_this"),
    "a medium length": ("slack.settings.length_medium", "web.length_medium"),
}


@pytest.mark.parametrize("locale", ["ja", "en"])
@pytest.mark.parametrize("deed", NAMES)
def test_the_same_deed_has_one_name(locale: str, deed: str) -> None:
    """Who knows it from one platform finds it on another."""
    say = Translations.load()
    assert len({say(key, locale) for key in NAMES[deed]}) == 1


@pytest.mark.parametrize("locale", ["ja", "en"])
def test_retrying_is_not_called_asking_anew(locale: str) -> None:
    """One takes another text instead of the last, the other asks for what did not come."""
    say = Translations.load()
    assert say("slack.button.retry", locale) != say("slack.button.again", locale)
