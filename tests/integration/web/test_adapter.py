"""The adapter as a platform and as a server."""

from __future__ import annotations

import socket

import httpx
import pytest

from adapters.web import WebAdapter
from adapters.web.server import url_of
from bot.domain.chat import Author, Room
from bot.domain.errors import ConfigurationError
from bot.domain.replies import Reply, ReplyState
from tests.fakes.services import FakeServices
from tests.integration.web.conftest import StrictPhrases

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = Room("web", "adapter-room")


async def test_port_0_takes_a_free_one(web: WebAdapter) -> None:
    """The address is known once it is bound, on this machine alone."""
    assert web.url.startswith("http://127.0.0.1:")
    assert web.url == await web.started()


async def test_pages_need_nothing_from_elsewhere(web: WebAdapter, services: FakeServices) -> None:
    """Every address in a page is the room's own, and each of them answers."""
    async with httpx.AsyncClient(base_url=web.url) as client:
        page = await client.get("/r/some-room", headers={"accept-language": "ja"})
        assert page.status_code == 200
        assert "http://" not in page.text.replace("http://www.w3.org", "")
        assert "https://" not in page.text
        parts = [part.split('"')[0] for part in page.text.split('src="')[1:]]
        assert {200} == {(await client.get(part)).status_code for part in parts if part.startswith("/")}


async def test_the_session_cookie_is_for_the_server_only(web: WebAdapter, services: FakeServices) -> None:
    """Scripts cannot read it, other sites do not send it, and a forged one makes a new person."""
    async with httpx.AsyncClient(base_url=web.url) as client:
        cookie = (await client.get("/")).headers["set-cookie"]
        assert {"httponly", "samesite=lax"} <= {part.strip() for part in cookie.split(";")}
        client.cookies.set("tsuzuki_session", "forged", domain="127.0.0.1")
        assert "tsuzuki_session=" in (await client.get("/")).headers["set-cookie"]


async def test_a_taken_port_is_said_plainly(phrases: StrictPhrases) -> None:
    """The message names the port and the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        adapter = WebAdapter(phrases, port=port)
        adapter.attach(FakeServices())
        with pytest.raises(ConfigurationError, match=rf"port {port} .* is taken .* choose another"):
            await adapter.run()
    assert adapter.url == ""


async def test_a_host_that_is_not_ours_is_said_plainly(phrases: StrictPhrases) -> None:
    """An address of another machine cannot be listened at."""
    adapter = WebAdapter(phrases, host="192.0.2.1", port=0)
    adapter.attach(FakeServices())
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1"):
        await adapter.run()


async def test_one_process_serves_one_room(web: WebAdapter, phrases: StrictPhrases) -> None:
    """A second one says so instead of mixing with the first."""
    second = WebAdapter(phrases, port=0)
    second.attach(FakeServices())
    with pytest.raises(ConfigurationError, match="one process"):
        await second.run()


async def test_the_rules_come_first(phrases: StrictPhrases) -> None:
    """Running without services is a mistake of the program."""
    with pytest.raises(RuntimeError, match="attach"):
        await WebAdapter(phrases, port=0).run()


async def test_posting_again_is_the_same_reply(web: WebAdapter, services: FakeServices) -> None:
    """The key is the id, and an edit may come first: a restarted bot goes on where it was."""
    services.tell(ROOM, "一。", Author("web", "1", "澪"))
    draft = Reply(ReplyState.WRITING, "雨")
    assert "job/0" == await web.post(ROOM, draft, "job/0") == await web.post(ROOM, draft, "job/0")
    await web.edit(ROOM, "older/0", Reply(ReplyState.WRITING, "雪"))
    for key in ("job/0", "older/0"):
        await web.edit(ROOM, key, Reply(ReplyState.DONE, "雨"))


async def test_limits_are_generous(web: WebAdapter) -> None:
    """A page takes a whole book, and text counts as it is."""
    assert web.measure("<あ>\n") == 4
    assert web.limits.max_units >= 1_000_000


@pytest.mark.parametrize(
    ("family", "host", "url"),
    [
        (socket.AF_INET, "127.0.0.1", "http://127.0.0.1:"),
        (socket.AF_INET, "0.0.0.0", "http://127.0.0.1:"),  # noqa: S104 bound, never listened at
    ],
)
async def test_the_address_is_one_that_a_browser_can_open(
    family: socket.AddressFamily, host: str, url: str
) -> None:
    """Also when it listens everywhere."""
    with socket.socket(family) as bound:
        bound.bind((host, 0))
        assert f"{url}{bound.getsockname()[1]}" == url_of(bound)
