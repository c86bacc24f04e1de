"""Opening a store: where it may be, what can be wrong, and that passwords stay inside."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bot.domain.errors import ConfigurationError, StoreError
from bot.store import open_store
from bot.store.url import address, is_memory, shown, without_secrets
from tests.bot.store.told import ROOM, says, texts

SECRET = "pa55word"


async def test_a_story_outlives_its_store(url: str) -> None:
    """What was written is there when the store is opened again."""
    store = await open_store(url)
    await store.messages.receive(says("一。", "e1"), None, "", 0)
    await store.close()

    store = await open_store(url)

    assert await texts(store) == ["一。"]
    await store.close()


async def test_an_up_to_date_store_is_opened_without_alembic(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second opening looks at the revision and leaves the migrations alone."""
    await (await open_store(url)).close()
    monkeypatch.setitem(sys.modules, "alembic", None)

    store = await open_store(url)

    assert await store.stories.open_in(ROOM) is None
    await store.close()


async def test_two_processes_may_open_a_new_store_at_once(url: str) -> None:
    """Whoever comes second waits until the tables are there."""
    first, second = await asyncio.gather(open_store(url), open_store(url))
    await first.messages.receive(says("一。", "e1"), None, "", 0)

    assert await texts(second) == ["一。"]
    await first.close()
    await second.close()


async def test_a_new_file_that_another_process_writes_is_waited_for(tmp_path: Path) -> None:
    """SQLite refuses the change to its write-ahead log at once, whatever it was told to wait for."""
    with closing(sqlite3.connect(tmp_path / "stories.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        opening = asyncio.create_task(open_store(f"sqlite:///{tmp_path}/stories.db"))
        done, _ = await asyncio.wait({opening}, timeout=0.3)
        assert not done
        other.execute("COMMIT")
        await (await opening).close()


async def test_a_store_in_memory_works_and_is_its_own() -> None:
    """Two of them share nothing."""
    first, second = [await open_store("sqlite:///:memory:") for _ in range(2)]
    await first.messages.receive(says("一。", "e1"), None, "", 0)

    assert await texts(first) == ["一。"]
    assert await texts(second) == []
    await first.close()
    await second.close()


async def test_sqlite_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """The file is written ahead, synchronously, with references checked, and folders are made for it."""
    store = await open_store(f"sqlite:///{tmp_path}/a/b/stories.db")

    async with store.database.connection() as connection:
        pragmas = {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert (tmp_path / "a/b/stories.db").exists()
    await store.close()


async def test_a_closed_store_says_so() -> None:
    """Using it is an error of ours, not of the database's driver."""
    store = await open_store("sqlite:///:memory:")
    await store.close()

    with pytest.raises(StoreError, match="closed"):
        await store.stories.open_in(ROOM)


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """The error names the file and the reason, and the file is left as it was."""
    path = tmp_path / "stories.db"
    path.write_text("これは小説です。" * 200)

    with pytest.raises(ConfigurationError, match=r"stories\.db cannot be opened: .*not a database"):
        await open_store(f"sqlite:///{path}")
    assert path.read_text() == "これは小説です。" * 200


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Here a file is in its place."""
    (tmp_path / "a").write_text("")

    with pytest.raises(ConfigurationError, match="cannot be opened"):
        await open_store(f"sqlite:///{tmp_path}/a/b/stories.db")


async def test_a_server_that_does_not_answer_is_told_without_its_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the error, what caused it, nor the logs hold the password."""
    pytest.importorskip("asyncpg")
    caplog.set_level(logging.DEBUG)

    with pytest.raises(ConfigurationError, match=r"writer:\*\*\*@.*cannot be opened") as caught:
        await open_store(f"postgresql://writer:{SECRET}@/stories?host={tmp_path}&passfile={SECRET}")

    told = [str(caught.value), repr(caught.value.__cause__), caplog.text]
    assert not [text for text in told if SECRET in text]


async def test_story_text_stays_out_of_errors(url: str) -> None:
    """A statement that fails is told without the values in it."""
    store = await open_store(url)
    from bot.domain.jobs import GenerationOptions

    await store.messages.receive(says("ひとつめ。", "e1"), GenerationOptions(), "j1", 0)
    with pytest.raises(StoreError) as caught:
        await store.messages.receive(says("ひみつの文章。", "e2"), GenerationOptions(), "j1", 0)

    assert "ひみつ" not in str(caught.value)
    assert "ひみつ" not in repr(caught.value.__cause__)
    assert await texts(store) == ["ひとつめ。"]
    await store.close()


@pytest.mark.parametrize(
    ("given", "completed"),
    [
        ("sqlite:///stories.db", "sqlite+aiosqlite:///stories.db"),
        ("sqlite:////var/stories.db", "sqlite+aiosqlite:////var/stories.db"),
        ("sqlite+aiosqlite:///stories.db", "sqlite+aiosqlite:///stories.db"),
        ("postgres://u:p@h/d", "postgresql+asyncpg://u:***@h/d"),
        ("postgresql://u:p@h:5433/d", "postgresql+asyncpg://u:***@h:5433/d"),
        ("postgresql+asyncpg://h/d?password=p", "postgresql+asyncpg://h/d?password=***"),
    ],
)
def test_a_url_gets_its_driver_and_hides_its_password(given: str, completed: str) -> None:
    """People write the plain names of databases; logs show them without passwords."""
    assert shown(address(given)) == completed


@pytest.mark.parametrize(
    "url",
    [
        "stories.db",
        "",
        f"postgresql://writer@host:{SECRET}/d",
        f"mysql://u:{SECRET}@h/d",
        f"postgresql+psycopg://u:{SECRET}@h/d",
    ],
)
def test_a_wrong_url_is_told_without_itself(url: str) -> None:
    """The error shows how to write one and repeats no part that may be a password."""
    with pytest.raises(ConfigurationError, match=r"sqlite:///stories\.db") as caught:
        address(url)

    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_passwords_are_struck_out_of_foreign_texts() -> None:
    """Whatever a driver says, the password is not in it."""
    url = address(f"postgresql://u:{SECRET}@h/d?sslpassword=other")

    assert without_secrets(f"bad {SECRET} and other", url) == "bad *** and ***"


def test_a_home_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself would make a folder named ~."""
    monkeypatch.setenv("HOME", "/home/aki")

    assert address("sqlite:///~/stories.db").database == "/home/aki/stories.db"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_sqlite_without_a_file_is_memory(url: str) -> None:
    """Every spelling of it is known, as it needs a single connection."""
    assert is_memory(address(url))


def test_a_database_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL is an extra."""
    import asyncio

    monkeypatch.setitem(sys.modules, "asyncpg", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'tsuzuki\[postgresql\]'"):
        asyncio.run(open_store("postgresql://u@h/d"))
