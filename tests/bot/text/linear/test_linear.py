"""Every pure function that reads text takes time in proportion to it, whatever the text is made of.

What is bounded by something else (a window, a length that was asked for) is bounded here, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import cache

import pytest

from adapters.console import commands, listing
from adapters.discord.payloads import messages as discord
from adapters.discord.render import replies as discord_render
from adapters.shared import preset_text as presetlines
from adapters.shared import settings_codec
from adapters.slack.delivery import render as slack_render
from adapters.slack.listeners import thread_commands as slack_words
from adapters.slack.payloads import text as slack
from adapters.web import payloads as web
from adapters.web.render import settings as web_settings
from bot.core import settings_values as rules
from bot.domain.chat import MODEL, Author, Room
from bot.domain.inference import Score
from bot.domain.replies import Reply, ReplyState
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Lore, Passage, Story
from bot.story import joining as story
from bot.story import lorebook as lore
from bot.story import prompt as context
from bot.story import tree as outline
from bot.story.export_formats import export_text
from bot.text import brackets, japanese, ruby
from bot.text import code_points as characters
from bot.text import message_split as parts
from bot.text import out_of_character as aside
from bot.text import score_alignment as placing
from bot.text import text_file as textfile
from bot.text.boilerplate import Boilerplate
from bot.text.continuation import Continuation
from bot.text.repetition import RepetitionDetector, find_stutter, folded_letters
from bot.text.word_filter import WordFilter
from bot.worker.sampling.banned_phrases import folded, split_phrases
from bot.worker.text import paragraphs
from bot.worker.text.decoding import Joint
from bot.worker.text.encoding import StoryText, read_as
from bot.worker.text.stop_strings import StopWatch
from tests.bot.text.linear.stopwatch import LENGTH, MOST, growth
from tests.bot.text.linear.texts import texts
from tests.fakes.checkpoints import tiny_tokenizer

Work = Callable[[str], object]

ROOM = Room("web", "r")
AKI = Author("web", "1", "秋")
JUNK = Boilerplate.for_prompt("漢字")
WORDS = WordFilter.of(("猫", "dog", "c*"))
ME = discord.BotIdentity(1, 2)
NAMES = discord.MentionNames()
LORE = (Lore(("漢", "ab"), "町", 0),)


def passages(text: str, characters: int = 20) -> tuple[Passage, ...]:
    """A text in passages of so many characters, by a person and the model in turn."""
    pieces = [text[start : start + characters] for start in range(0, len(text), characters)]
    return tuple(
        Passage(str(n), "s", str(n - 1) if n else None, MODEL if n % 2 else AKI, piece)
        for n, piece in enumerate(pieces)
    )


def told(text: str) -> Story:
    """A story of many passages."""
    return Story("s", ROOM, "題", passages(text), head="5")


def continued(text: str) -> str:
    """A continuation that comes in one piece."""
    continuation = Continuation(1000, "むかし。", WORDS)
    continuation.push(text)
    return continuation.finish("stop")


def continued_behind(text: str) -> str:
    """A short continuation of a long text."""
    continuation = Continuation(100, text, WORDS)
    continuation.push("あいうえお。かきくけこ。")
    return continuation.finish("stop")


def streamed(text: str) -> None:
    """A continuation that comes in small pieces and never ends."""
    continuation = Continuation(20, "むかし。")
    for start in range(0, len(text), 200):
        continuation.push(text[start : start + 200])


def stopped(text: str) -> None:
    """Stop strings are looked for while text comes."""
    watch = StopWatch(("漢漢漢漢x", "「「「x", "  x", "a" * 50 + "x"))
    for start in range(0, len(text), 4):
        watch.push(text[start : start + 4])


@cache
def story_text() -> StoryText:
    """The worker's way of reading, with a small vocabulary."""
    return StoryText(tiny_tokenizer(published_normalisation=True), 256)


def scored(text: str) -> list[Score]:
    """A score for every fourth character."""
    return [Score("a", -1.0, (), place) for place in range(0, len(text), 4)]


def unless_refused(work: Work) -> Work:
    """To refuse is an answer."""

    def done(text: str) -> None:
        with suppress(Exception):
            work(text)

    return done


WORKS: dict[str, Work] = {
    "ruby.spans": ruby.spans,
    "ruby.without_ruby": ruby.without_ruby,
    "aside.is_out_of_character": lambda text: aside.is_out_of_character(text, parentheses=True),
    "aside.without": lambda text: aside.without_out_of_character(text, parentheses=False),
    "aside.lines": lambda text: aside.out_of_character_lines(text, parentheses=False),
    "japanese.is_japanese": japanese.is_japanese,
    "japanese.ends_whole": japanese.ends_whole,
    "japanese.with_ellipsis": japanese.with_ellipsis,
    "japanese.sentence_ends": japanese.sentence_ends,
    "japanese.sentence_ends, more may come": lambda text: japanese.sentence_ends(text, final=False),
    "japanese.house_style": japanese.house_style,
    "japanese.house_style, behind": lambda text: japanese.house_style("「あ！」", text),
    "brackets.open_brackets": brackets.open_brackets,
    "brackets.balanced": brackets.balanced,
    "brackets.closed": lambda text: brackets.closed(text, brackets.open_brackets(text)),
    "junk.beside": Boilerplate.for_prompt,
    "junk.begins": JUNK.find,
    "junk.holds": JUNK.contains,
    "loops": RepetitionDetector,
    "loops.repeats": lambda text: RepetitionDetector("あいう。かきく。").is_repetition(text),
    "loops.letters": folded_letters,
    "loops.stutter": find_stutter,
    "wordfilter.found": lambda text: WORDS.found(text, text),
    "continuation": continued,
    "continuation, behind": continued_behind,
    "continuation, in pieces": streamed,
    "parts.split": lambda text: parts.split_text(text, len, 100),
    "parts.split for discord": lambda text: parts.split_text(text, discord_render.measure, 100),
    "parts.split for slack": lambda text: parts.split_text(text, slack_render.measure, 200),
    "story.writable": story.writable,
    "story.is_blank": story.is_blank,
    "story.title_of": story.title_of,
    "story.window": lambda text: story.text_window(text, len(text) // 2),
    "story.text_of": lambda text: story.text_of(passages(text)),
    "story.prompt_of": lambda text: story.prompt_of(passages(text), 2 * LENGTH),
    "joining.in_character_passages": lambda text: story.in_character_passages(told(text)),
    "formats.export_text": lambda text: export_text(told(text)),
    "formats.export_text as md": lambda text: export_text(told(text), "md"),
    "outline": lambda text: outline.outline(told(text), passages(text)),
    "outline.first_words": lambda text: outline.first_words(passages(text, len(text))[0]),
    "build_context": lambda text: context.build_context(told(text)),
    "lore.triggered_lore": lambda text: lore.triggered_lore(LORE, text),
    "lore.is_named": lambda text: lore.is_triggered([text[:40]], text),
    "placing.placed": lambda text: placing.align_scores(scored(text), text, text[5 : len(text) * 9 // 10]),
    "placing.placed elsewhere": lambda text: placing.align_scores(scored(text), text, "漢" * len(text)),
    "rules.preset_named": unless_refused(lambda text: rules.preset_named(text, RoomSettings(), "ja")),
    "rules.length_named": unless_refused(rules.length_named),
    "rules.check_changes": unless_refused(
        lambda text: rules.check_changes({"words": [text]}, RoomSettings())
    ),
    "paragraphs.lay_out": paragraphs.lay_out,
    "paragraphs.sentence_starts": paragraphs.sentence_starts,
    "stops": stopped,
    "banned.folded": folded,
    "banned.phrases_of": lambda text: split_phrases([text]),
    "decoding.Joint": Joint.behind,
    "text.encode": lambda text: story_text().encode(text, 200),
    "text.count": lambda text: story_text().count(text),
    "text.read_as": lambda text: read_as(text, tuple(dict.fromkeys(text))[1:]),
    "text.decoder": lambda text: story_text().decoder(text),
    "text.holding": lambda text: story_text().tokens_with((text,)),
    "characters.named": characters.named,
    "textfile.text_of": unless_refused(lambda text: textfile.text_of(text.encode(), 4 * len(text))),
    "slack.escape": slack.escape,
    "slack.markdown": slack.escape_markdown,
    "slack.users_in": slack.mentioned_users,
    "slack.without_mention": lambda text: slack.strip_mention(text, "U1"),
    "slack.plain": lambda text: slack.to_plain_text(text, {}),
    "slack.measure": slack_render.measure,
    "slack.clip": lambda text: slack_render.truncate(text, len(text) // 2),
    "slack.shown": lambda text: slack_render.render_reply(Reply(ReplyState.DONE, text, note=text)),
    "slack.meaning": slack_words.parse_thread_command,
    "discord.escape": discord_render.escape,
    "discord.render": lambda text: discord_render.reply_content(Reply(ReplyState.DONE, text, note=text)),
    "discord.candidate": lambda text: discord_render.candidate_content(1, text),
    "discord.story_text": lambda text: discord.story_text(text, ME, NAMES),
    "discord.thread_name": lambda text: discord.thread_name(text, "題"),
    "discord.locale_of": lambda text: discord.locale_of(None, [], text),
    "web.clean_line": lambda text: web.clean_line(text, 80),
    "web.locale_of": web.locale_of,
    "web.name_from_cookies": lambda text: web.name_from_cookies({web.NAME_COOKIE: text}),
    "web.notes_of": lambda text: web.notes_of({"memory": text, "lore": [{"keywords": text, "text": text}]}),
    "web.changes_of": lambda text: web_settings.changes_of({"rules": {"words": text, "banned": text}}),
    "console.command_of": lambda text: commands.command_of("/" + text),
    "console.changed_lore": lambda text: listing.changed_lore((), text),
    "console.changed_lore, a number": lambda text: listing.changed_lore((), "1" + text),
    "console.changed_lore, a text": lambda text: listing.changed_lore((), "猫=" + text),
    "settings_codec.from_typed": lambda text: settings_codec.from_typed("words", text),
    "presetlines.setting_of": unless_refused(presetlines.setting_of),
}


@pytest.mark.parametrize("name", WORKS)
def test_twice_the_text_costs_about_twice_as_much(name: str) -> None:
    """Runs of one sign, signs in turn, nested ones, and a text of all kinds.

    What seems to cost more is measured once more with longer texts: a busy machine is wrong once, not twice.
    """
    grown = _grown(WORKS[name], LENGTH, [unit for unit, _ in texts(LENGTH)])
    assert _grown(WORKS[name], 2 * LENGTH, grown) == {}


def _grown(work: Work, length: int, units: Collection[str]) -> dict[str, float]:
    """Of texts of these units those whose cost grows faster than they do, and how fast."""
    pairs = zip(texts(length), texts(2 * length), strict=True)
    grown = {unit: growth(work, text, twice) for (unit, text), (_, twice) in pairs if unit in units}
    return {unit: round(times, 1) for unit, times in grown.items() if times >= MOST}
