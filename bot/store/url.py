"""Where the store is: a URL read, completed with its driver, and shown without its password."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.domain.errors import ConfigurationError

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
_EXAMPLES = "sqlite:///stories.db or postgresql://user:password@host/database"
_HIDDEN = "***"


def address(url: str) -> URL:
    """`url` with the asynchronous driver of its database.

    Raises:
        ConfigurationError: it is no such URL. Its text is not repeated: it may hold a password.
    """
    try:
        read = make_url(url)
    except (ArgumentError, ValueError):
        # Without the cause: it may quote a piece of a password that broke the URL.
        raise ConfigurationError(
            f"The store's URL cannot be read; write {_EXAMPLES}, and special characters of a password as %XX."
        ) from None
    driver = _DRIVERS.get(read.drivername, read.drivername)
    if driver not in _DRIVERS.values():
        raise ConfigurationError(f"The store cannot be kept in {read.drivername!r}; write {_EXAMPLES}.")
    read = read.set(drivername=driver)
    if read.get_backend_name() == "sqlite" and read.database and read.database.startswith("~"):
        read = read.set(database=str(Path(read.database).expanduser()))
    return read


def shown(url: URL) -> str:
    """The URL as logs and errors may hold it."""
    secret = {key: _HIDDEN for key in url.query if "pass" in key.lower()}
    text = url.update_query_dict(secret).render_as_string(hide_password=True)
    return text.replace(quote(_HIDDEN, safe=""), _HIDDEN)


def without_secrets(text: str, url: URL) -> str:
    """`text` of another library with the URL's passwords struck out."""
    secrets = [url.password, *(value for key, value in url.query.items() if "pass" in key.lower())]
    for secret in secrets:
        if isinstance(secret, str) and secret:
            text = text.replace(secret, _HIDDEN)
    return text


def is_memory(url: URL) -> bool:
    """Whether nothing is kept on disk."""
    return url.get_backend_name() == "sqlite" and (
        url.database in {None, "", ":memory:"} or "mode=memory" in str(url.database)
    )


def make_folder(url: URL) -> None:
    """Create the folder of an SQLite file."""
    if url.get_backend_name() == "sqlite" and not is_memory(url) and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
