"""Methods of repositories that are one transaction each, whole whatever happens to their caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.database import Database


class HasDatabase(Protocol):
    """A repository."""

    @property
    def database(self) -> Database:
        """Where its transactions run."""
        ...


Repository = TypeVar("Repository", bound=HasDatabase)
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_InTransaction = Callable[Concatenate[Repository, AsyncConnection, Parameters], Awaitable[Result]]
_Whole = Callable[Concatenate[Repository, Parameters], Coroutine[Any, Any, Result]]


def writes(method: _InTransaction[Repository, Parameters, Result]) -> _Whole[Repository, Parameters, Result]:
    """Run a method in a transaction of its own, whose connection it is given first.

    It is run again where it lost a race against another process. The method then raises StoreError where the
    database cannot be used.
    """

    @wraps(method)
    async def whole(self: Repository, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return await self.database.write(lambda connection: method(self, connection, *args, **kwargs))

    return whole


def reads(method: _InTransaction[Repository, Parameters, Result]) -> _Whole[Repository, Parameters, Result]:
    """Run a method that changes nothing on one snapshot. It then raises StoreError, too."""

    @wraps(method)
    async def whole(self: Repository, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return await self.database.read(lambda connection: method(self, connection, *args, **kwargs))

    return whole
