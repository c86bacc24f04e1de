"""Pure: the debris of web pages, and drifts into another script, that no story wants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_DEBRIS = re.compile(
    r"https?:|\bwww\.|\b[\w.+-]{1,64}@[\w-]{1,63}\.\w|\b[\w-]{2,63}\.(?:com|net|org|info|jp|html?|php)\b"
    r"|(?<![A-Za-z0-9])(?<![A-Za-z0-9]-)[A-Za-z0-9][A-Za-z0-9-]{1,62}\.(?:com|net|org|info|jp|html?|php)\b"
    r"|(?<!&)[#＃](?!\d)\w"  # a hashtag; #1 is a number
    r"|</?[A-Za-z]|&(?:nbsp|amp|lt|gt|quot|#\d+);|\{\{|\[\[|［＃|\ufffd"
    r"|©|\([Cc]\)\s*\d{4}|Copyright\s*[\d(]|All\s+[Rr]ights\s+[Rr]eserved"
    r"|プライバシーポリシー|スポンサー(?:ド)?リンク|無断(?:転載|複製)|トラックバック"
    r"|サイトマップ|こちらをクリック|お問い?合わ?せ(?:フォーム|はこちら)|カートに入れる|送料無料|読者登録"
    r"|コメント\s*[(（]\s*\d|ブログ(?:村|ランキング)|底本[:：]"
    r"|(?-i:Powered by |Posted (?:by \w+ )?(?:on|at) \w+ \d|Privacy Policy|Terms of (?:Use|Service)"
    r"|Leave a (?:[Cc]omment|[Rr]eply)|Click here|Read more\s*[»›>])",
    re.IGNORECASE,
)
"""Certain wherever it stands."""

_MENU = re.compile(
    r"^.*(?:[|»›].*[|»›]|[^｜\n]｜(?![^｜\n]{1,16}《)[^\n]*｜(?![^｜\n]{1,16}《)|\s[>＞]\s.*\s[>＞]\s).*$"
    # The last date of a line, and the last word behind its first: a full stop behind them is behind all.
    r"|^(?>.*\b\d{4}[/.-]\d{1,2}[/.-]\d{1,2}\b)[^。\n]*$"
    r"|^(?>.*?\d{4}年\d{1,2}月\d{1,2}日)(?>.*(?:\d{1,2}:\d\d|カテゴリ|タグ|投稿|更新|コメント))[^。\n]*$",
    re.MULTILINE,
)
"""A line of links or of a blog's dates."""

_LABELS = (
    r"ホーム|トップ(?:ページ)?(?:へ(?:戻る)?)?|HOME|TOP|MENU|メニュー|続きを(?:読む|見る)|もっと(?:読む|見る)|目次へ?"
    r"|(?:\d+\s*件の)?コメント(?:欄|する|一覧|を書く|を投稿)?|カテゴリー?|タグ|アーカイブ|プロフィール|ログイン|新規登録|会員登録"
    r"|検索|シェア(?:する)?|ツイート|共有|いいね[!！]?|お問い?合わ?せ|会社概要|利用規約|RSS|PR|広告|ブックマーク"
    r"|次(?:へ|のページ)|前(?:へ|のページ)|(?:関連|前の|次の)記事|ページの先頭へ|投稿[者日]|更新日|最終更新|作成者|ジャンル|キーワード|文字数"
)
_LABEL = re.compile(
    rf"^[ \t\u3000\[【<«‹・■▼▶→←*-]*+(?:{_LABELS})[^\S\n]*+(?:[:：»›>→▶\]】].*|\d*+[^\w。、！？!?.\n]*+)$"
    r"|続きを(?:読む|見る)[^\w。、！？!?.\n]*+$",
    re.MULTILINE | re.IGNORECASE,
)
"""A line that is nothing but a page's furniture."""

_SCRIPTS = tuple(
    re.compile(script)
    for script in (
        "[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]{2}",  # Hangul
        "[\u0400-\u052f]{3}",  # Cyrillic; one or two may be a face: (´Д｀)
        "[\u0370-\u03ff]{3}",  # Greek
        "[\u0e00-\u0eff]{2}",  # Thai, Lao
        "[\u0590-\u05ff]{2}",  # Hebrew
        "[\u0600-\u077f]{2}",  # Arabic
        "[\u0900-\u0dff]{2}",  # Devanagari to Sinhala
        "[\u0530-\u058f\u0f00-\u109f\u10a0-\u10ff\u1200-\u139f\u1780-\u17ff]{2}",
    )
)

_CHINESE = re.compile("[的了你您他她們這個那很嗎吧是我们这说吗呢啊]")
_KANA = re.compile("[\u3041-\u30ff]")
_HAN = re.compile("[\u3400-\u9fff]")
_JAPANESE = re.compile("[\u3041-\u30ff\u3400-\u9fff]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")

_LATIN_SENTENCE = re.compile(
    r"(?<![A-Za-z\u00c0-\u024f])(?<![A-Za-z\u00c0-\u024f]['’])"
    r"(?:[A-Za-z\u00c0-\u024f][A-Za-z\u00c0-\u024f'’]*+[ ,;:.!?\"”…-]++){4}[A-Za-z\u00c0-\u024f]"
    r"|[A-Za-z]{25}"
)
"""Five words in a row. A name or a phrase of a few words is at home in a Japanese sentence."""


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """What is no story beside a prompt: in a Japanese one also sentences in Latin letters.

    A script that the writer used is no drift. Use `Junk.beside`.
    """

    japanese: bool
    scripts: tuple[re.Pattern[str], ...]

    @classmethod
    def for_prompt(cls, prompt: str) -> Boilerplate:
        """What would be junk after `prompt`."""
        japanese = 3 * len(_JAPANESE.findall(prompt)) >= len(_LATIN.findall(prompt))
        return cls(japanese, tuple(script for script in _SCRIPTS if not script.search(prompt)))

    def find(self, text: str) -> int | None:
        """Where junk begins that stays junk whatever follows; None: nowhere."""
        patterns = (_DEBRIS, *self.scripts, *([_LATIN_SENTENCE] if self.japanese else []))
        found = [match.start() for pattern in patterns if (match := pattern.search(text))]
        if self.japanese:
            found += [i for i, character in enumerate(text) if character in _simplified()][1:2]
        return min(found, default=None)

    def contains(self, text: str) -> bool:
        """Whether there is junk in `text`, a whole sentence with the lines before it."""
        whole = self.find(text) is not None or _MENU.search(text) or _LABEL.search(text)
        return bool(whole) or (self.japanese and _chinese(text))


def _chinese(text: str) -> bool:
    return not _KANA.search(text) and len(_HAN.findall(text)) >= 8 and len(_CHINESE.findall(text)) >= 2


@cache
def _simplified() -> frozenset[str]:
    """What is written so in simplified Chinese (GB 2312), and neither in Japan nor in Taiwan."""
    han = map(chr, range(0x4E00, 0xA000))
    return frozenset(c for c in han if _in(c, "gb2312") and not _in(c, "euc_jis_2004") and not _in(c, "big5"))


def _in(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
