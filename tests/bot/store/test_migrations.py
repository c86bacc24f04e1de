"""Migrations: they lead to the tables, keep what is there, and refuse what they do not know."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bot.domain.errors import ConfigurationError
from bot.domain.jobs import GenerationOptions, JobState, Length
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.story import Notes
from bot.store import migrate, open_store
from bot.store.database import Database
from bot.store.tables import metadata
from bot.store.url import address, make_folder
from tests.bot.store.told import AKI, ELSEWHERE, ROOM, asked, says, texts, told, wrote

FIRST = "0001"
GROWING = "0002"
"""Stories only grew, one in a room, and replies had no buttons."""
PLACELESS = "0003"
"""A reply went behind whatever stood there when it was over."""
STORY = """
INSERT INTO stories (id, platform, room_id, title, created_at, changed_at)
VALUES ('s1', 'web', 'moon', '題', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00')
"""
PASSAGE = """
INSERT INTO passages (id, story_id, author_platform, author_id, author_name, author_locale, text, created_at)
VALUES ('p1', 's1', 'web', 'aki', '秋', 'ja', '一。', '2026-01-01 00:00:00+00')
"""
HEARD = """
INSERT INTO heard (platform, event_id, story_id, passage_id, heard_at)
VALUES ('web', 'e1', 's1', 'p1', '2026-01-01 00:00:00+00')
"""


async def database_at(url: str, revision: str) -> Database:
    """A database as a Tsuzuki of that revision left it."""
    where = address(url)
    make_folder(where)
    database = Database(where)
    async with database.connection() as connection:
        await migrate.migrate(connection, revision)
    return database


def test_the_newest_migration_is_the_one_that_is_asked_for() -> None:
    """A migration that was added without its number would never run."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))

    assert ScriptDirectory.from_config(config).get_heads() == [migrate.REVISION]


async def test_migrations_lead_to_the_tables(url: str) -> None:
    """Alembic finds no difference between a migrated database and the tables of the code."""

    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    database = await database_at(url, migrate.REVISION)
    async with database.connection() as connection:
        found = await connection.run_sync(differences)
    await database.close()

    assert found == []


async def test_an_older_store_is_upgraded_with_its_stories(url: str) -> None:
    """A story of the first revision is read, goes on, and its events stay heard."""
    database = await database_at(url, FIRST)
    async with database.connection() as connection, connection.begin():
        for statement in (STORY, PASSAGE, HEARD, "UPDATE stories SET head_id = 'p1'"):
            await connection.execute(text(statement))
    await database.close()

    store = await open_store(url)

    assert await texts(store) == ["一。"]
    assert (await told(store)).parentheses_aside
    assert (await store.messages.receive(says("一。", "e1"), None, "", 0)).repeated
    await asked(store, "j1", text="二。")
    await store.jobs.complete("j1", ["三。"])
    assert await texts(store) == ["一。", "二。", "三。"]
    await store.close()


async def test_a_growing_story_becomes_a_tree(url: str) -> None:
    """Its text, candidates and jobs are read as before; it is undone, redone and closed."""
    await fill(url, GROWING, "growing.sql")

    store = await open_store(url)

    story = await told(store)
    assert [passage.text for passage in story.passages] == ["一。", "二。", "三。"]
    assert (story.title, story.closed, story.can_redo, story.notes) == ("題", False, False, Notes())
    assert (story.room.parent_scopes, story.room.adult, story.head) == ((), False, "p3")
    assert [passage.asker for passage in story.passages] == [None, AKI, None]
    assert [passage.id for passage in await store.passages.alternatives("p2")] == ["p2", "p2b"]
    for length in (2, 1, 0):
        assert len((await store.history.undo("s1")).passages) == length
    for _ in range(3):
        await store.history.redo("s1")
    assert await told(store) == story
    assert [p.text for p in (await store.history.go_to("s1", "p2b")).passages] == ["一。", "弐。"]
    assert not (await store.stories.begin(ROOM)).closed
    await store.close()


async def test_jobs_and_replies_of_a_growing_story_stay(url: str) -> None:
    """What was asked, how the first append ended, and each message with the passages that it shows."""
    await fill(url, GROWING, "growing.sql")

    store = await open_store(url)

    job = await store.jobs.get("j1")
    assert job is not None
    assert (job.options, job.author, job.state) == (
        GenerationOptions(Length.LONG, "bold", 2, 5),
        AKI,
        JobState.DONE,
    )
    assert [passage.id for passage in await store.jobs.complete("j1", ["x"])] == ["p2", "p2b"]
    (row,) = await store.outbox.of_job("j1")
    choices = (Candidate("p2b", "弐。"), Candidate("", "消。"))
    assert row.reply == Reply(ReplyState.DONE, "二。", "注", choices, "j1", "p2", interactive=False)
    assert (row.message_id, row.delivered) == ("m1", True)
    passage = await store.passages.by_message("web", "m1")
    assert passage is not None
    assert passage.text == "二。"
    assert await store.outbox.interactive_in(ROOM) == []
    assert await store.jobs.count_since("web", datetime(2025, 1, 1, tzinfo=UTC), author=AKI) == 1
    await store.close()


async def test_replies_under_way_get_a_place(url: str) -> None:
    """Behind what was there when they began, or when they were asked for; they end as new ones do."""
    await fill(url, PLACELESS, "placeless.sql")

    store = await open_store(url)

    assert [job.id for job in await store.jobs.unfinished()] == ["running", "retry", "waiting"]
    read = [(await store.stories.before_reply(job)).passages for job in ("running", "retry")]
    assert [[passage.text for passage in passages] for passages in read] == [["一。"], ["海。"]]
    await store.jobs.complete("running", ["二。"])
    waiting = await store.jobs.claim("waiting")
    assert waiting is not None
    assert (waiting.moved, await texts(store)) == (1, ["一。", "二。", "三。", "四。"])
    await store.jobs.complete("waiting", ["五。"])
    assert (await texts(store))[-1] == "五。"
    await store.jobs.claim("retry")
    await store.jobs.complete("retry", ["風。"])
    assert await texts(store, ELSEWHERE) == ["海。", "風。", "泡。"]
    await store.close()


async def fill(url: str, revision: str, name: str) -> None:
    """A database of an older revision, with what a file puts in."""
    database = await database_at(url, revision)
    async with database.connection() as connection, connection.begin():
        statements = Path(__file__).with_name(name).read_text("utf-8")
        for statement in statements.rstrip().rstrip(";").split(";\n"):
            await connection.exec_driver_sql(statement)
    await database.close()


async def test_a_story_keeps_what_it_took_as_an_aside(url: str) -> None:
    """One that was there before the rule goes on with the old one; a new one has what it is given."""
    await fill(url, GROWING, "growing.sql")

    store = await open_store(url)

    await wrote(store, "（え）")
    assert [passage.text for passage in (await store.history.undo("s1")).passages] == ["一。", "二。"]
    begun = await store.stories.begin(ROOM)
    await wrote(store, "四。", "（え）")
    assert not begun.parentheses_aside
    assert [passage.text for passage in (await store.history.undo(begun.id)).passages] == ["四。"]
    await store.close()


async def test_a_newer_store_is_refused(url: str) -> None:
    """Its tables may hold what this version would break; the error says so and nothing is changed."""
    database = await database_at(url, migrate.REVISION)
    async with database.connection() as connection, connection.begin():
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()

    with pytest.raises(ConfigurationError, match="newer"):
        await open_store(url)


async def test_a_failed_migration_changes_nothing(url: str) -> None:
    """A foreign table in the way stops it, and no table of ours is left behind."""
    database = await database_at(url, FIRST)
    async with database.connection() as connection, connection.begin():
        await connection.execute(text("CREATE TABLE outbox (x INTEGER)"))

    with pytest.raises(ConfigurationError, match="outbox"):
        await open_store(url)

    async with database.connection() as connection:
        assert await connection.run_sync(migrate._revision) == FIRST
        assert not await connection.run_sync(lambda c: c.dialect.has_table(c, "jobs"))
    await database.close()


async def test_references_are_checked_after_migrating(tmp_path: Path) -> None:
    """SQLite's references are switched off for a migration only."""
    database = await database_at(f"sqlite:///{tmp_path}/stories.db", migrate.REVISION)

    async with database.connection() as connection:
        assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar() == 1
    await database.close()


async def test_references_that_a_migration_broke_undo_it(tmp_path: Path) -> None:
    """A passage without its story is noticed before anything is kept."""
    database = await database_at(f"sqlite:///{tmp_path}/stories.db", FIRST)
    async with database.connection() as connection:
        await migrate._pragma(connection, "foreign_keys=OFF")
        async with connection.begin():
            await connection.execute(text(PASSAGE))

    with pytest.raises(ConfigurationError, match="do not fit"):
        async with database.connection() as connection:
            await migrate.migrate(connection)

    async with database.connection() as connection:
        assert await connection.run_sync(migrate._revision) == FIRST
    await database.close()


async def test_a_fresh_store_is_empty(url: str) -> None:
    """The migrations put nothing into the tables."""
    store = await open_store(url)

    assert await store.stories.open_in(ROOM) is None
    assert await store.jobs.unfinished() == []
    assert await store.outbox.undelivered() == []
    await store.close()
