"""Text on its way in and out: mentions, entities, options, drafts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.delivery.render import (
    MAX_STORY_BYTES,
    MAX_TEXT_BYTES,
    measure,
    render_opening,
    render_reply,
    truncate,
)
from adapters.slack.listeners.commands import parse_options
from adapters.slack.payloads.events import BotUser, SlackThread, parse_message_event
from adapters.slack.payloads.text import escape, restore_emoji, strip_mention, to_plain_text
from bot.domain.errors import UnknownLength, UnknownPreset
from bot.domain.jobs import GenerationOptions, Length
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.room_settings import RoomSettings
from bot.domain.sampling import Sampling
from tests.servers.slack_workspace import Posted

NAMES = {"U2": "太郎"}


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("<@UB> 昔々。", "昔々。"),
        ("<@UB>昔々。", "昔々。"),
        ("<@UB|tsuzuki>\u00a0昔々。", "昔々。"),
        ("<@UB>\n　昔々。\n\n　ある所に。  ", "　昔々。\n\n　ある所に。  "),
        ("昔々。 <@UB>", "昔々。"),
        ("昔々、<@UB> ある所に。", "昔々、ある所に。"),
        ("<@UB> <@UB> 昔々。", "昔々。"),
        ("<@UB>", ""),
        ("<@UB> <@U2> は。", "<@U2> は。"),
        ("　昔々。", "　昔々。"),
    ],
)
def test_only_the_mention_goes(typed: str, left: str) -> None:
    """The mention and the blanks that belong to it go; indentation, line breaks and the rest stay exact."""
    assert strip_mention(typed, "UB") == left


@pytest.mark.parametrize(
    ("received", "seen"),
    [
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("<@U2>と<@U9>と<@U8|次郎>", "@太郎と@U9と@次郎"),
        ("<#C1|物語> <#C2>", "#物語 #C2"),
        ("<!here> <!channel|channel> <!subteam^S1|@chosha> <!subteam^S1>", "@here channel @chosha @S1"),
        ("<!date^1392734382^{date}|2014年2月18日>", "2014年2月18日"),
        ("<https://a.jp/?x=1&amp;y=2>", "https://a.jp/?x=1&y=2"),
        ("<http://a.jp|a.jp>", "a.jp"),
        ("<mailto:a@b.jp|a@b.jp>", "a@b.jp"),
        ("〈山括弧〉《二重》…… ―― 〜", "〈山括弧〉《二重》…… ―― 〜"),
    ],
)
def test_entities_become_what_the_writer_saw(received: str, seen: str) -> None:
    """Names for ids, links as typed, the three escapes undone, everything else untouched."""
    assert to_plain_text(received, NAMES) == seen


@given(st.text())
def test_escaping_comes_back(text: str) -> None:
    """Whatever is written, escaping and reading it again gives the same text, and nothing in it is markup."""
    assert to_plain_text(escape(text), {}) == text
    assert "<" not in escape(text)


def test_emoji_come_back_as_typed() -> None:
    """Slack's names for typed emoji become characters again; a name that was typed stays."""
    elements = [
        {"type": "emoji", "name": "cherry_blossom", "unicode": "1f338"},
        {"type": "emoji", "name": "wave", "unicode": "1f44b-1f3fb", "skin_tone": 2},
        {"type": "emoji", "name": "own", "url": "x"},
    ]
    blocks = [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}]
    text = "桜:cherry_blossom: :wave::skin-tone-2: :own: :smile:"
    assert restore_emoji(text, blocks) == "桜🌸 👋🏻 :own: :smile:"


@pytest.mark.parametrize(
    ("given_", "text", "ask"),
    [
        ("昔々。", "昔々。", GenerationOptions()),
        ("昔々。 --length long", "昔々。", GenerationOptions(Length.LONG)),
        ("昔々。 --length 長め --preset 堅実", "昔々。", GenerationOptions(Length.LONG, "steady")),
        ("昔々。 —candidates=3", "昔々。", GenerationOptions(candidates=3)),
        ("昔々。 --candidates 99", "昔々。", GenerationOptions(candidates=5)),
        ("昔々。　--preset　bold", "昔々。", GenerationOptions(preset="bold")),
        ("昔々。 --preset ＢＯＬＤ --length Short", "昔々。", GenerationOptions(Length.SHORT, "bold")),
        ("昔々。 --preset 夜語り --length 300", "昔々。", GenerationOptions(300, "夜語り")),
        ("--length long", "", GenerationOptions(Length.LONG)),
        ("--length の話をしよう。 彼は", "--length の話をしよう。 彼は", GenerationOptions()),
        ("彼は――length long", "彼は――length long", GenerationOptions()),
        ("昔々。 --unknown 1", "昔々。 --unknown 1", GenerationOptions()),
    ],
)
def test_options_stand_at_the_end(given_: str, text: str, ask: GenerationOptions) -> None:
    """Known options at the end are taken, everything else stays in the text."""
    assert parse_options(given_, RoomSettings(presets=(("夜語り", Sampling()),)), "ja") == (text, ask)


def test_unknown_values_are_refused() -> None:
    """A length or preset that is not there is a person's error."""
    with pytest.raises(UnknownLength):
        parse_options("昔々。 --length huge", RoomSettings(), "ja")
    with pytest.raises(UnknownPreset):
        parse_options("昔々。 --preset 無謀", RoomSettings(), "ja")


def _posted(draft: Reply) -> Posted:
    message = render_reply(draft)
    return Posted("C1", "1.0", "UB", message.text, blocks=message.blocks)


HOSTILE = "<!channel> <@U1> *太字* _斜体_ `code` > 引用\n\n<http://a.jp|x> @here :smile: &amp;"


def test_model_text_is_shown_literally() -> None:
    """Whatever the model writes appears as it is and notifies nobody."""
    posted = _posted(Reply(ReplyState.DONE, HOSTILE))
    assert posted.story == HOSTILE
    assert posted.pings == []
    assert "<" not in posted.text


def test_notes_and_marks() -> None:
    """The note stands apart from the text, the mark only while it is written, and a failure is not small."""
    assert _posted(Reply(ReplyState.WAITING, note="3番目です")).shown == "[3番目です]"
    assert _posted(Reply(ReplyState.WRITING, "夜が", note="執筆中")).shown == "夜が ✍️\n[執筆中]"
    assert _posted(Reply(ReplyState.DONE, "夜が明けた。")).shown == "夜が明けた。"
    assert _posted(Reply(ReplyState.CANCELLED, "夜が", note="止めました")).shown == "夜が\n[止めました]"
    assert _posted(Reply(ReplyState.FAILED, note="だめでした")).shown == "だめでした"
    assert _posted(Reply(ReplyState.WRITING)).shown == "✍️"
    assert _posted(Reply(ReplyState.WAITING)).shown == "…"
    assert _posted(Reply(ReplyState.DONE, " \n")).shown == "…"


def test_choices_follow_the_text() -> None:
    """Other candidates come numbered below the first."""
    posted = _posted(
        Reply(ReplyState.DONE, "一。", other_candidates=(Candidate("", "二。"), Candidate("", "三。")))
    )
    assert posted.shown == "一。\n[〔2〕]\n二。\n[〔3〕]\n三。"


@given(st.text(max_size=3_000), st.text(max_size=800))
def test_the_limit_holds_for_any_text_and_note(text: str, note: str) -> None:
    """A text within the limit fits whole with any note; what is too long never exceeds Slack's bytes."""
    message = render_reply(Reply(ReplyState.WRITING, text, note))
    assert len(message.text.encode()) <= MAX_TEXT_BYTES
    if measure(text) <= MAX_STORY_BYTES:
        assert escape(text).strip() in message.text


@given(st.text(), st.integers(0, 100))
def test_clipping_keeps_whole_characters(text: str, limit: int) -> None:
    """What is left is a beginning, within the limit, and as long as it can be."""
    left = truncate(text, limit)
    assert text.startswith(left)
    assert measure(left) <= limit
    assert left == text or measure(text[: len(left) + 1]) > limit


def test_a_long_beginning_is_shown_whole() -> None:
    """A person's text is never cut in what people read."""
    text = "あ" * 2_000
    message = render_opening(text, "（花子）")
    assert Posted("C1", "1.0", "UB", message.text, blocks=message.blocks).story == text


def test_places_and_rooms() -> None:
    """A room's id is its address, there and back."""
    place = SlackThread("T1", "C1", "1700000001.000001")
    assert place.room.id == "T1/C1/1700000001.000001"
    assert SlackThread.of(place.room) == place


def test_a_message_with_a_file_counts() -> None:
    """A picture sent along with a text does not hide the text."""
    event = {"type": "message", "subtype": "file_share", "channel_type": "im", "channel": "D1"}
    said = parse_message_event(
        {"event": event | {"user": "U1", "ts": "1.0", "text": "昔々。"}}, BotUser("T1", "UB", "BB")
    )
    assert said is not None
    assert said.raw == "昔々。"
