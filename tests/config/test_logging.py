"""One log, without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from config.logging import Redactor, configure_logging

DISCORD_TOKEN = "MTA" + "x" * 23 + ".Gabcde." + "y" * 38


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """The test run's own log is as before."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key s3cret-value end", "key *** end"),
        ("xoxb-1234-5678-abcDEF", "***"),
        ("got xapp-1-A0-99-ff.", "got ***."),
        (f"login {DISCORD_TOKEN} ok", "login *** ok"),
        ("Authorization: Bot abcdefg.hijklmnop.qrs-tuv", "Authorization: Bot ***"),
        ("Bearer abcdefghijklmnopqrstuvw", "Bearer ***"),
        ("postgresql://mei:pass word@x", "postgresql://mei:pass word@x"),
        ("postgresql+asyncpg://mei:p%40ss@db:5432/t", "postgresql+asyncpg://mei:***@db:5432/t"),
        ("https://example.org:8080/a@b", "https://example.org:8080/a@b"),
        ("Bot ready. 続きを書きます", "Bot ready. 続きを書きます"),
    ],
)
def test_what_is_secret_is_hidden(text: str, shown: str) -> None:
    """Known values, platform tokens, authorization headers and passwords in addresses go; the rest stays."""
    assert Redactor(["s3cret-value", ""])(text) == shown


def test_lines_are_json_where_nobody_reads_along() -> None:
    """Not on a terminal: one JSON object a line, from us and from libraries alike, Japanese readable."""
    stream = io.StringIO()
    configure_logging(stream=stream)
    structlog.get_logger("bot.app.bootstrap").info("開店", port=8080)
    logging.getLogger("bot.store").warning("slow: %s", "書き込み")
    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (ours["event"], ours["port"], ours["level"]) == ("開店", 8080, "info")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("slow: 書き込み", "warning", "bot.store")
    assert "開店" in stream.getvalue()


def test_a_person_gets_plain_lines() -> None:
    """`human` gives a line to read instead of JSON."""
    stream = io.StringIO()
    configure_logging(form="human", stream=stream)
    structlog.get_logger("bot.app.bootstrap").info("open", port=8080)
    assert "open" in stream.getvalue()
    assert "port=8080" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize("form", ["human", "json"])
def test_secrets_are_hidden_in_values_messages_and_tracebacks(form: str) -> None:
    """Wherever a token stands in a line, it is not written."""
    stream = io.StringIO()
    configure_logging(form=form, secrets=["s3cret-value"], stream=stream)
    structlog.get_logger().info("x", token="s3cret-value")
    logging.getLogger("slack_sdk").warning("sent %s", {"Authorization": "Bearer xoxb-123456789"})
    try:
        int("s3cret-value")
    except ValueError:
        structlog.get_logger().exception("failed")
    written = stream.getvalue()
    assert "failed" in written
    assert "s3cret" not in written
    assert "xoxb" not in written


def test_libraries_talk_is_left_out_unless_it_matters() -> None:
    """Their warnings are kept, their ordinary lines are not."""
    stream = io.StringIO()
    configure_logging(stream=stream)
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("discord.gateway").info("connected")
    logging.getLogger("discord.gateway").warning("rate limited")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["rate limited"]
