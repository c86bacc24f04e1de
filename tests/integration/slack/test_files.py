"""Files that come with messages: long pastes are read, and nothing goes on as if there had been none."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.slack import SlackAdapter
from adapters.slack.connection.bolt_app import web_client
from adapters.slack.connection.manifest import SHORTCUT
from adapters.slack.payloads.files import parse_file
from adapters.slack.web_api.file_reader import FileAccessDenied, download
from bot.domain.chat import Author, Room
from bot.domain.errors import FileTooLong, QueueFull
from bot.domain.jobs import GenerationOptions
from bot.text.text_file import MAX_CHARACTERS
from tests.fakes.clock import InstantClock
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import BOT_TOKEN, SlackServer
from tests.servers.slack_workspace import BOT_USER, TEAM, Posted

PASTE = "それは九月初旬のある蒸し暑い晩のことであった。\n" * 40
CALL = f"<@{BOT_USER}> 昔々。"
HANAKO = Author("slack", "U1", "花子")


def told(slack: SlackServer) -> list[str]:
    """What was said in public, without what the story's people wrote."""
    return [message.shown for message in slack.workspace.by_bot()]


def whispered(slack: SlackServer) -> list[str]:
    """What was said to one person."""
    return [each["text"] for each in slack.methods.ephemeral]


@pytest.mark.parametrize(
    ("content", "mimetype"),
    [
        (PASTE.encode(), "text/plain"),
        (b"\xef\xbb\xbf" + PASTE.encode(), "text/plain"),
        (PASTE.encode("cp932"), "text/plain"),
        (PASTE.replace("\n", "\r\n").encode("euc_jp"), ""),
        (PASTE.encode(), "text/html"),
        (PASTE.encode(), "application/octet-stream"),
    ],
)
async def test_a_paste_that_slack_made_a_snippet_of(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, content: bytes, mimetype: str
) -> None:
    """Its text stands behind what was typed, in any of the encodings, and is gone on from."""
    sent = slack.sends("C1", "U1", CALL, slack.files.add("paste.txt", content, mimetype))
    await slack.deliver(slack.event_of(sent, "app_mention"))
    heard = await services.until_heard()
    assert (heard.message.text, heard.message.attached, heard.ask) == ("昔々。", PASTE, GenerationOptions())
    assert (told(slack), whispered(slack)) == ([], [])


async def test_a_paste_alone(slack: SlackServer, services: RecordedServices, adapter: SlackAdapter) -> None:
    """A mention and nothing else, a direct message, a line of a story's thread: the file is the text."""
    for channel, text in (("C1", f"<@{BOT_USER}>"), ("D1", ""), ("C1", f"<@{BOT_USER}> 続けて")):
        sent = slack.sends(channel, "U1", text, slack.files.add("a.txt", PASTE.encode()))
        await slack.deliver(slack.event_of(sent))
    root = slack.workspace.messages[0].ts
    slack.sends("C1", "U2", "", slack.files.add("b.txt", "夜。".encode()), thread_ts=root)
    await slack.deliver(slack.event_of(slack.workspace.messages[-1]))
    await services.until_heard(4)
    assert [each.message.whole for each in services.heard] == [PASTE, PASTE, PASTE, "夜。"]
    assert {each.ask for each in services.heard} == {GenerationOptions()}


async def test_several_files(slack: SlackServer, services: RecordedServices, adapter: SlackAdapter) -> None:
    """One below the other, in their order."""
    files = [slack.files.add(f"{number}.txt", f"{number}章。".encode()) for number in (1, 2)]
    await slack.deliver(slack.event_of(slack.sends("D1", "U1", "", *files)))
    assert (await services.until_heard()).message.attached == "1章。\n2章。"


LONG = "あ" * (MAX_CHARACTERS + 1)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (("a.txt", LONG.encode(), "text/plain"), f"error.file_too_long/ja length={len(LONG)} limit=40000"),
        (("a.txt", b"x" * 400_000, "text/plain"), "error.file_too_large/ja kilobytes=391 limit=40000"),
        (("a.txt", b"\x00\x01\x02" * 9, "text/plain"), "error.not_text/ja"),
        (("a.pdf", b"%PDF", "application/pdf", "hosted"), "slack.file.other/ja name=a.pdf"),
        (("a.txt", b" \n", "text/plain"), "slack.file.empty/ja name=a.txt"),
    ],
)
async def test_what_cannot_be_read_is_said(
    slack: SlackServer,
    services: RecordedServices,
    adapter: SlackAdapter,
    file: tuple[Any, ...],
    sentence: str,
) -> None:
    """Where they called, once; what they typed is kept, and nothing goes on without the rest."""
    sent = slack.sends("C1", "U1", CALL, slack.files.add(*file))
    for kind in ("app_mention", "message"):
        await slack.deliver(slack.event_of(sent, kind))
    await slack.deliver(slack.mention("C1", "U1", "次。"))
    await services.until_heard(2)
    assert [(each.message.whole, each.ask) for each in services.heard] == [
        ("昔々。", None),
        ("次。", GenerationOptions()),
    ]
    assert told(slack) == [sentence]


async def test_too_large_a_file_is_not_fetched(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Slack says how large it is; a file that lies about it is not read to its end."""
    slack.files.add("big.txt", b"x" * 400_000)
    lying = slack.files.add("lying.txt", b"x" * 400_000, size=10)
    for file in (slack.files.info("F0001"), lying):
        await slack.deliver(slack.event_of(slack.sends("D1", "U1", "", file or {})))
    await slack.until_posted(2)
    assert slack.files.fetched == ["F0002"]
    assert [each.split("/")[0] for each in told(slack)] == ["error.file_too_large"] * 2
    assert services.heard == []


async def test_only_what_is_missing_is_said(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Of several files those that can be read are kept; together they have the limit of one."""
    half = slack.files.add("a.txt", ("あ" * 30_000).encode())
    await slack.deliver(slack.event_of(slack.sends("D1", "U1", "昔々。", half, half)))
    heard = await services.until_heard()
    assert (heard.message.text, len(heard.message.attached), heard.ask) == ("昔々。", 30_000, None)
    assert (await slack.until_posted()).shown.startswith("error.file_too_long/ja length=60000")


@pytest.mark.parametrize("mimetype", ["image/png", "audio/mp4", "video/mp4"])
async def test_pictures_and_sound(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, mimetype: str
) -> None:
    """With a text they are left out of what is gone on from, and its writer is told; alone they are said."""
    picture = slack.files.add("a", b"\x89PNG", mimetype, "hosted")
    await slack.deliver(slack.event_of(slack.sends("C1", "U1", CALL, picture)))
    heard = await services.until_heard()
    assert (heard.message.whole, heard.ask) == ("昔々。", GenerationOptions())
    await slack.until_called("chat.postEphemeral")
    assert whispered(slack) == ["slack.file.media/ja"]
    await slack.deliver(slack.event_of(slack.sends("C1", "U1", f"<@{BOT_USER}>", picture)))
    assert (await slack.until_posted()).shown == "slack.file.media/ja"
    assert len(services.heard) == 1
    assert slack.files.fetched == []


async def test_without_the_scope(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, caplog: pytest.LogCaptureFixture
) -> None:
    """Slack answers with its login page and status 200: that is no story."""
    slack.scopes.discard("files:read")
    sent = slack.sends("C1", "U1", CALL, slack.files.add("a.txt", PASTE.encode()))
    await slack.deliver(slack.event_of(sent))
    heard = await services.until_heard()
    assert (heard.message.whole, heard.ask) == ("昔々。", None)
    assert (await slack.until_posted()).shown == "slack.file.closed/ja name=a.txt"
    assert "files:read" in caplog.text
    assert "/files-pri/" not in caplog.text


async def test_a_file_that_slack_describes_to_who_asks(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """In channels that workspaces share a message only names it."""
    named = {"id": slack.files.add("a.txt", PASTE.encode())["id"], "file_access": "check_file_info"}
    await slack.deliver(slack.event_of(slack.sends("D1", "U1", "", named)))
    assert (await services.until_heard()).message.attached == PASTE
    await slack.deliver(slack.event_of(slack.sends("D1", "U1", "", named | {"id": "F404"})))
    assert (await slack.until_posted()).shown.startswith("slack.file.closed/ja")


@pytest.mark.parametrize(
    "described",
    [
        {"is_external": True, "url_private": "https://evil.example/a.txt"},
        {"mode": "external"},
        {"mode": "tombstone"},
        {"mode": "hidden_by_limit"},
        {"url_private": "", "url_private_download": ""},
    ],
)
async def test_what_slack_has_not(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, described: dict[str, Any]
) -> None:
    """Files elsewhere, deleted and hidden ones are said, and nothing is fetched."""
    file = slack.files.add("a.txt", PASTE.encode()) | described
    await slack.deliver(slack.event_of(slack.sends("D1", "U1", "昔々。", file)))
    assert (await slack.until_posted()).shown == "slack.file.closed/ja name=a.txt"
    assert slack.files.fetched == []
    assert [each.ask for each in services.heard] == [None]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.txt",
        "https://files.slack.com.evil.example/a.txt",
        "https://evilslack.com/a.txt",
        "http://files.slack.com/a.txt",
        "file:///etc/passwd",
        "https://slack.com@evil.example/",
    ],
)
async def test_the_token_goes_to_slack_only(slack: SlackServer, url: str) -> None:
    """An address elsewhere is never asked."""
    file = parse_file({"id": "F1", "name": "a.txt", "size": 1, "url_private": url})
    with pytest.raises(FileAccessDenied, match="not on Slack's hosts"):
        await download(web_client(BOT_TOKEN, slack.api_url), file)


async def test_a_file_that_cannot_be_had_just_now(slack: SlackServer, services: RecordedServices) -> None:
    """It is tried for a while; then its writer is asked to send it again."""
    async with running(adapter_for(slack, clock=InstantClock()), services):
        slack.files.broken = 2
        await slack.deliver(
            slack.event_of(slack.sends("D1", "U1", "", slack.files.add("a.txt", PASTE.encode())))
        )
        assert (await services.until_heard()).message.attached == PASTE
        slack.files.broken = 9
        await slack.deliver(
            slack.event_of(slack.sends("D1", "U1", "", slack.files.add("b.txt", PASTE.encode())))
        )
        assert (await slack.until_posted()).shown == "slack.file.away/ja name=b.txt"
    assert len(services.heard) == 1


async def test_a_refused_paste_is_read_again(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The other event of the same text brings all of it, and a third nothing."""
    services.refuse(QueueFull(limit=3))
    sent = slack.sends("C1", "U1", CALL, slack.files.add("a.txt", PASTE.encode()))
    for kind in ("app_mention", "message", "message"):
        await slack.deliver(slack.event_of(sent, kind))
    assert (await services.until_heard()).message.attached == PASTE
    await slack.deliver(slack.mention("C1", "U1", "次。"))
    await services.until_heard(2)
    assert len(slack.files.fetched) == 2


async def test_a_limit_of_the_stories_own(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Where files may be shorter only, what was typed is kept all the same."""
    services.refuse(FileTooLong(limit=10, length=len(PASTE)))
    await slack.deliver(
        slack.event_of(slack.sends("C1", "U1", CALL, slack.files.add("a.txt", PASTE.encode())))
    )
    heard = await services.until_heard()
    assert (heard.message.whole, heard.ask) == ("昔々。", None)
    assert (await slack.until_posted()).shown.startswith("error.file_too_long/ja")


# Two events of one text


async def test_a_mention_that_lists_no_files_waits_for_its_message(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """Slack leaves them out at times: what the `message` says counts, in either order."""
    file = slack.files.add("a.txt", PASTE.encode())
    for order in (("app_mention", "message"), ("message", "app_mention")):
        for kind, text in ((order[0], f"<@{BOT_USER}>"), (order[1], f"<@{BOT_USER}>")):
            if kind == order[0]:
                sent = slack.sends("C1", "U1", text, file)
            event = slack.event_of(sent, kind)
            if kind == "app_mention":
                del event["event"]["files"]
            await slack.deliver(event)
    await services.until_heard(2)
    assert [each.message.attached for each in services.heard] == [PASTE, PASTE]
    assert told(slack) == []


async def test_a_mention_that_shows_a_file_and_whose_message_does_not_come(
    slack: SlackServer, services: RecordedServices
) -> None:
    """It is heard after a moment."""
    clock = InstantClock()
    async with running(adapter_for(slack, clock=clock), services):
        event = slack.mention("C1", "U1", "昔々。")
        event["event"]["blocks"] = [{"type": "rich_text", "elements": [{"type": "file", "file_id": "F1"}]}]
        await slack.deliver(event)
        assert (await services.until_heard()).message.text == "昔々。"
    assert clock.slept == [1.0]


# Threads and changes


def room_of(root: Posted) -> Room:
    """The room of a message's thread."""
    return Room("slack", f"{TEAM}/{root.channel}/{root.ts}")


async def test_files_of_the_thread_it_is_called_into(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """They are part of their writers' lines; what cannot be read is said to who called."""
    root = slack.sends("C1", "U1", "", slack.files.add("a.txt", PASTE.encode()))
    pdf = slack.files.add("b.pdf", b"%PDF", "application/pdf", "hosted")
    slack.sends("C1", "U2", "雨。", pdf, thread_ts=root.ts)
    await slack.deliver(slack.mention("C1", "U2", "夜。", root.ts))
    await services.until_heard(3)
    assert [each.message.whole for each in services.heard] == [PASTE, "雨。", "夜。"]
    await slack.until_called("chat.postEphemeral")
    assert whispered(slack) == ["slack.file.in_thread/ja count=1"]


async def test_an_edit_keeps_what_its_file_says(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The line above changes, the paste below stays; where it cannot be read again nothing changes."""
    sent = slack.sends("D1", "U1", "昔々。", slack.files.add("a.txt", PASTE.encode()))
    services.lay_out(room_of(sent), f"D1:{sent.ts}", f"昔々。\n{PASTE}", HANAKO)
    await slack.deliver(slack.changed(sent, "今は昔。"))
    assert (await services.until_asked("edit"))[3] == f"今は昔。\n{PASTE}"
    slack.scopes.discard("files:read")
    await slack.deliver(slack.changed(sent, "大昔。"))
    await slack.until_called("chat.postEphemeral")
    assert whispered(slack) == ["slack.file.closed/ja name=a.txt"]
    assert len(services.asked("edit")) == 1


async def test_going_on_from_a_message_with_a_paste(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter
) -> None:
    """The shortcut takes in what its file says."""
    sent = slack.sends("C1", "U1", "", slack.files.add("a.txt", PASTE.encode()))
    await slack.deliver(slack.people.shortcut(sent, "U2", SHORTCUT))
    await services.until_heard(2)
    assert [each.message.whole for each in services.heard] == [PASTE, ""]
