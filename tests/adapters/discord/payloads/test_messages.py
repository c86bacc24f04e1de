"""What Discord sends, in our words: what a mention leaves, names of threads, languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.payloads.messages import BotIdentity, MentionNames, locale_of, story_text, thread_name

ME = BotIdentity(1, 9)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<@1> 本文", "本文"),
        ("<@!1>本文", "本文"),
        ("<@1>\n　本文", "　本文"),
        ("<@1>  二つ", " 二つ"),
        ("本文 <@1>", "本文"),
        ("前 <@1> 後", "前 後"),
        ("前<@1>後", "前後"),
        ("<@&9> <@1> 本文", "本文"),
        ("<@1>", ""),
        ("<@1> 「<@2>」と<@&3>、<#4>、<:猫:5>、<@6>", "「太郎」と係、#広場、:猫:、<@6>"),
    ],
)
def test_a_mention_leaves_the_rest_exact(content: str, text: str) -> None:
    """Only the bot's mention and the one space beside it go."""
    names = MentionNames({2: "太郎"}, {3: "係"}, {4: "広場"})
    assert text == story_text(content, ME, names)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("それは晩のことであった。彼は……", "それは晩のことであった。"),
        ("　**吾輩**は猫である\n名前は", "吾輩は猫である"),
        ("あ" * 300, "あ" * 39 + "…"),
        ("\n\n# \n", "物語"),
        ("", "物語"),
    ],
)
def test_a_threads_name_is_the_first_words(text: str, name: str) -> None:
    """1 to 100 characters, without Markdown."""
    assert name == thread_name(text, "物語")


@given(st.text(max_size=400))
def test_any_text_gives_a_name_that_discord_takes(text: str) -> None:
    """Not empty, not too long, no line break."""
    name = thread_name(text, "物語")
    assert 1 <= len(name.strip()) <= 100
    assert "\n" not in name


@pytest.mark.parametrize(
    ("preferred", "features", "text", "locale"),
    [
        ("ja", [], "Once", "ja"),
        ("de", [], "むかし", "en"),
        ("en-US", ["COMMUNITY"], "むかし", "en"),
        ("en-US", [], "むかし", "ja"),
        ("en-US", [], "Once", "en"),
        (None, [], "", "ja"),
        (None, [], "……", "ja"),
        (None, [], "…yes", "en"),
    ],
)
def test_the_language_is_the_servers_choice_else_the_texts(
    preferred: str | None, features: list[str], text: str, locale: str
) -> None:
    """`en-US` is a choice only in a community."""
    assert locale == locale_of(preferred, features, text)
