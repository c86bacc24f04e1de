"""The secret that signs visitors' cookies: drawn once for a store, then the same."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from bot.domain.errors import ConfigurationError
from bot.store import open_store
from bot.store.secret import SUFFIX


async def secret_of(url: str) -> str:
    """What a process that opens the store signs with."""
    store = await open_store(url)
    try:
        return await store.cookie_secret()
    finally:
        await store.close()


async def test_it_is_the_same_after_a_restart(empty: str) -> None:
    """On either database, and long enough that nobody guesses it."""
    first = await secret_of(empty)
    assert first == await secret_of(empty)
    assert len(first) >= 32


async def test_processes_that_start_at_once_agree(empty: str) -> None:
    """Whoever comes first has drawn it for all."""
    stores = [await open_store(empty) for _ in range(4)]
    drawn = await asyncio.gather(*(store.cookie_secret() for store in stores))
    for store in stores:
        await store.close()
    assert len(set(drawn)) == 1


async def test_it_lies_beside_a_file_for_nobody_else(tmp_path: Path) -> None:
    """Also where a copy made it readable; nothing else is left there, and the database does not have it."""
    database = tmp_path / "stories.db"
    secret = await secret_of(f"sqlite:///{database}")
    beside = tmp_path / f"stories.db{SUFFIX}"
    assert beside.stat().st_mode & 0o777 == 0o600
    beside.chmod(0o644)
    assert await secret_of(f"sqlite:///{database}") == secret
    assert beside.stat().st_mode & 0o777 == 0o600
    assert set(await asyncio.to_thread(os.listdir, tmp_path)) == {"stories.db", beside.name}
    assert secret.encode() not in await asyncio.to_thread(database.read_bytes)


async def test_an_emptied_file_is_filled_again(tmp_path: Path) -> None:
    """An empty secret would let anybody sign."""
    beside = tmp_path / f"stories.db{SUFFIX}"
    beside.write_bytes(b"\n")
    secret = await secret_of(f"sqlite:///{tmp_path}/stories.db")
    assert secret
    assert await secret_of(f"sqlite:///{tmp_path}/stories.db") == secret


async def test_what_is_kept_nowhere_is_drawn_anew() -> None:
    """As its visitors' stories are."""
    assert await secret_of("sqlite:///:memory:") != await secret_of("sqlite:///:memory:")


async def test_where_it_cannot_be_kept_that_is_said(tmp_path: Path) -> None:
    """With the place, and the setting that makes it needless."""
    (tmp_path / f"stories.db{SUFFIX}").mkdir()
    with pytest.raises(ConfigurationError, match=r"stories\.db\.secret.*TSUZUKI_WEB__SECRET"):
        await secret_of(f"sqlite:///{tmp_path}/stories.db")
