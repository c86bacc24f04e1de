"""The terminal: what every command word does, in both languages, and the files that a story becomes."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

from tests.golden.conftest import Golden
from tests.golden.doors import COMMAND, clean_environ
from tests.golden.normal import alike, plain
from tests.golden.stored import rows_of, story_ids
from tests.golden.story_worker import story_worker

LANGUAGES = {"ja": "ja_JP.UTF-8", "en": "C.UTF-8"}
WORDS = (
    """
continue、続き、more、retry、やり直し、undo、取り消し、戻す、redo、進める
candidates、候補、choose、選ぶ、branch、分岐、edit、直す、編集
delete、消す、削除、show、読む、tree、枝、memory、記憶、note、注、lore
設定集、window、見えるもの、settings、設定、title、題、new、新しく、list
一覧、open、開く、close、閉じる、export、書き出す、stop、止める、help
ヘルプ、?、ＨＥＬＰ、sing
""".strip()
    .replace("\n", "、")
    .split("、")
)
WAITING = {"まもなく続きを書きはじめます……", "About to go on…"}
"""Where the storyteller is quick nobody is told to wait."""
STORY = (
    "　彼女は《聖剣》と*星*を|見た《みた》。",
    "// 舞台裏のメモ",
    "",
    "1. 「<b>誰</b>だ……」",
    "/candidates 3",
    "/choose 2",
    "/edit 1 　彼女は｜聖剣《せいけん》と*星*を見た。",
    "/memory 町は雨。",
    "/note 静かに。",
    "/lore 花子、はなこ：主人公。",
    "/settings length long",
    "/settings banned しかし、彼は",
    "/settings presets.夜 temperature=1.1",
    "/title 夜の/川",
    "/undo",
    "/redo",
    "/tree",
    "/show",
    "/window",
    "/export 夜.md",
    "/list",
    "/quit",
)


async def ran(folder: Path, url: str, language: str, *arguments: str, typed: str = "") -> dict[str, Any]:
    """A command in a folder: exit code and both outputs."""
    settings = {
        "TSUZUKI_ENGINE__URL": url,
        "TSUZUKI_STORE__URL": f"sqlite:///{folder}/stories.db",
        "LANG": LANGUAGES[language],
        "USER": "mei",
        "LOGNAME": "mei",
    }

    def run() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(  # noqa: S603  our own command
            [*COMMAND, *arguments],
            input=typed.encode(),
            capture_output=True,
            check=False,
            cwd=folder,
            env=clean_environ(**settings),
            timeout=60,
        )

    done = await asyncio.to_thread(run)
    return {
        "code": done.returncode,
        "stdout": _settled(done.stdout, folder),
        "stderr": _settled(done.stderr, folder),
    }


def _settled(text: bytes, folder: Path) -> list[str]:
    lines = plain(text.decode().replace(str(folder), "<folder>")).splitlines()
    return [line for line in lines if line not in WAITING]


async def test_words(golden: Golden, tmp_path: Path) -> None:
    """Each by itself behind a beginning, without an argument."""
    told: dict[str, Any] = {}
    typed = "\n".join(["昔々。", *(f"/{word}" for word in WORDS), "／終わる"]) + "\n"
    async with story_worker() as worker:
        for language in LANGUAGES:
            (folder := tmp_path / language).mkdir()
            told[language] = await ran(folder, worker.url, language, "play", typed=typed)
    golden(console_words=alike(told))


async def test_a_story_and_its_files(golden: Golden, tmp_path: Path) -> None:
    """What a script tells, what is kept of it, and how it is given out."""
    async with story_worker() as worker:
        told = {"play": await ran(tmp_path, worker.url, "ja", "play", typed="\n".join(STORY) + "\n")}
        listed = await ran(tmp_path, worker.url, "ja", "export")
        told["export"] = listed
        short = story_ids(tmp_path / "stories.db")[0][:8]
        for form in ("txt", "md", "docx"):
            told[f"export {form}"] = await ran(tmp_path, worker.url, "en", "export", short, "--format", form)
        told["continue"] = await ran(
            tmp_path,
            worker.url,
            "en",
            "continue",
            "夜の駅に、",
            "--seed",
            "7",
            "--candidates",
            "2",
            "--length",
            "short",
        )
        told["doctor"] = {"code": (await ran(tmp_path, worker.url, "en", "doctor", "mastodon"))["code"]}
    golden(
        console_story=alike({**told, "files": files_in(tmp_path)}),
        console_requests_to_the_worker=alike(worker.settled()),
        console_rows=rows_of(tmp_path / "stories.db"),
    )


def files_in(folder: Path) -> dict[str, str]:
    """What was written to files."""
    return {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.md"))}
