"""The command at its edges: mistakes are one line in the reader's language, never a traceback."""

from __future__ import annotations

import pytest

from tests.bot.app.conftest import Command

JAPANESE = {"LANG": "ja_JP.UTF-8"}


def test_without_arguments_it_explains_itself(tsuzuki: Command) -> None:
    """A person who types the bare name sees what there is."""
    result = tsuzuki()
    assert result.returncode == 0
    for command in ("run", "worker", "continue", "train", "export", "doctor"):
        assert f"  {command} " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (("continue", "夜の駅に、", "--preset", "nothing"), {}, "preset called “nothing”"),
        (("continue", "夜の駅に、", "--preset", "nothing"), JAPANESE, "「nothing」という書き方はありません"),
        (("continue", "夜の駅に、", "--length", "huge"), {}, "length called “huge”"),
        (("continue", "夜の駅に、", "--length", "huge"), JAPANESE, "「huge」という長さはありません"),
        (("continue", "夜", "--length", "ふつう", "--preset", "x"), {}, "preset called “x”"),
        (("continue", ""), {}, "write a little of the story first"),
        (("continue", "　\n"), JAPANESE, "書き出しを少しだけ書いてください"),
        (("continue", "あ" * 4001), {}, "4001 characters"),
        (("continue", "夜", "--seed", "x"), JAPANESE, "--seed に使えない値です"),
        (("continue", "夜", "--candidates", "99"), {}, "--candidates"),
        (("continue", "夜", "--tempo", "1"), JAPANESE, "--tempo というオプションはありません"),
        (("continue",), {}, "missing"),
        (("sing",), {}, "No such command"),
        (("export", "zz"), {}, "no story “zz”"),
        (("doctor",), {"TSUZUKI_WEB_PORT": "1"}, "TSUZUKI_WEB__PORT"),
        (("run",), {"TSUZUKI_WEB__PORT": "x"}, "whole number"),
        (("run", "--config", "missing.toml"), JAPANESE, "missing.toml を読めません"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(
    tsuzuki: Command, arguments: tuple[str, ...], variables: dict[str, str], words: str
) -> None:
    """What to do stands there, in the reader's language, and standard output stays empty."""
    result = tsuzuki(*arguments, variables=variables)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("stdin", "encoding", "variables", "words"),
    [
        ("夜の駅に、".encode("utf-16-le"), "", {}, "--encoding"),
        ("夜の駅に、".encode("utf-16-le"), "", JAPANESE, "文章として読めませんでした"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "", {}, "could not be read as text"),
        ("夜の駅に、".encode("euc-jp"), "utf-8", {}, "could not be read as text"),
        ("夜の駅に、".encode(), "klingon", {}, "no encoding called “klingon”"),
        ("夜の駅に、".encode(), "klingon", JAPANESE, "「klingon」という文字コードはありません"),
        ("あ".encode() * 40_001, "", {}, "40001 characters"),
        (b"a" * 500_000, "", JAPANESE, "ファイルが大きすぎます"),
    ],
)
def test_input_that_cannot_be_read_is_refused(
    tsuzuki: Command, stdin: bytes, encoding: str, variables: dict[str, str], words: str
) -> None:
    """One line says why; nothing is guessed at that may be something else."""
    result = tsuzuki("continue", "-", "--encoding", encoding, stdin=stdin, variables=variables)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_script_in_an_encoding_that_is_not_there_is_refused(tsuzuki: Command) -> None:
    """Before anything is started."""
    result = tsuzuki("play", "--encoding", "klingon", stdin=b"/quit\n")
    assert (result.returncode, result.stdout) == (2, "")
    assert "no encoding called “klingon”" in result.stderr


def test_nothing_to_connect_is_said(tsuzuki: Command) -> None:
    """A bot without any platform would wait for nobody."""
    result = tsuzuki("run", variables={"TSUZUKI_WEB__ENABLED": "false"})
    assert result.returncode == 1
    assert "Nothing is connected" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_store_that_cannot_be_opened_is_said_without_its_password(tsuzuki: Command) -> None:
    """The address is named, the password is not."""
    result = tsuzuki("export", variables={"TSUZUKI_STORE__URL": "mysql://mei:s3cret@db/x"})
    assert result.returncode == 1
    assert "s3cret" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_doctor_exits_with_one_when_something_needed_is_broken(tsuzuki: Command) -> None:
    """A script can ask it."""
    result = tsuzuki(
        "doctor", variables={"TSUZUKI_ENGINE__MODEL": "/nowhere/at/all", "TSUZUKI_WEB__PORT": "0"}
    )
    assert result.returncode == 1
    assert "✗ model" in result.stdout
