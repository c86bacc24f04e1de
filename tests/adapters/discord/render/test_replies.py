"""What a reply looks like: escaping, the limits of a message, nonces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.delivery.posts import nonce_of
from adapters.discord.render.replies import MAX_CONTENT, RESERVED, escape, measure, reply_content
from bot.domain.replies import Candidate, Reply, ReplyState


@pytest.mark.parametrize(
    ("written", "escaped"),
    [
        ("　「それは――」……〜　＊＿～｜", "　「それは――」……〜　＊＿～｜"),
        ("**強く**_斜め_~~消す~~||伏せる||`x`", r"\*\*強く\*\*\_斜め\_\~\~消す\~\~\|\|伏せる\|\|\`x\`"),
        (
            "# 見出し\n> 引用\n- 項目\n-# 小さく\n1. 番号",
            "\\# 見出し\n\\> 引用\n\\- 項目\n\\-# 小さく\n1\\. 番号",
        ),
        ("@everyone と @here と <@1> <@&2> <#3>", r"\@everyone と \@here と \<@1> \<@&2> \<#3>"),
        ("[ここ](http://x.test)", r"[ここ\](http\://x.test)"),
        (":smile: 10:30", r"\:smile: 10:30"),
        ("C:\\", "C:\\\\"),
    ],
)
def test_marks_are_shown_literally(written: str, escaped: str) -> None:
    """Each mark that Discord would act on gets a backslash; Japanese stays."""
    assert escaped == escape(written)


@given(st.text(max_size=200))
def test_escaping_loses_nothing(text: str) -> None:
    """Without the backslashes that were added, the text is the same."""
    shown = escape(text)
    plain, index = [], 0
    while index < len(shown):
        if shown[index] == "\\" and index + 1 < len(shown):
            index += 1
        plain.append(shown[index])
        index += 1
    assert text == "".join(plain)


@given(
    st.text(max_size=3000),
    st.text(max_size=500),
    st.sampled_from(ReplyState),
    st.lists(st.text(), max_size=3),
)
def test_every_draft_fits_a_message(text: str, note: str, state: ReplyState, choices: list[str]) -> None:
    """Discord takes 1 to 2,000 code points."""
    shown = reply_content(Reply(state, text, note, tuple(Candidate("", text) for text in choices)))
    assert 1 <= len(shown.strip()) <= len(shown) <= MAX_CONTENT


def test_a_text_that_measures_the_limit_is_shown_whole_with_note_and_mark() -> None:
    """What the outbox may put into one message is never cut."""
    text = "*" * ((MAX_CONTENT - RESERVED) // 2)
    assert measure(text) == MAX_CONTENT - RESERVED
    shown = reply_content(Reply(ReplyState.WRITING, text, "あ" * 400))
    assert escape(text) in shown
    assert "✍️" in shown


def test_the_choices_are_listed_with_numbers() -> None:
    """The text is the first of them and stands as it would alone."""
    draft = Reply(
        ReplyState.DONE, "一つ目。", other_candidates=(Candidate("2", "二つ目。"), Candidate("3", "三つ目。"))
    )
    assert reply_content(draft) == "一つ目。\n\n**〔2〕**\n二つ目。\n\n**〔3〕**\n三つ目。"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("　彼は立った。", "\u200b　彼は立った。"),
        ("\n　彼は", "\u200b　彼は"),
        ("彼は　", "彼は　"),
        (" ", "…"),
    ],
)
def test_the_indent_of_a_paragraph_stays(text: str, shown: str) -> None:
    """Discord would trim it."""
    assert reply_content(Reply(ReplyState.DONE, text)) == shown


def test_a_failed_draft_says_why_below_what_is_there() -> None:
    """The text stays, the note follows."""
    draft = Reply(ReplyState.FAILED, "途中まで", "語り手から返事がありません。")
    assert reply_content(draft) == "途中まで\n-# ⚠️ 語り手から返事がありません。"


@given(st.text())
def test_a_nonce_fits(key: str) -> None:
    """25 characters at most."""
    assert 1 <= len(nonce_of(key)) <= 25
