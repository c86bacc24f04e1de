"""The loopback Slack refuses what Slack refuses; the real SDK speaks with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.servers.slack import APP_TOKEN, BOT_TOKEN, SlackServer
from tests.servers.slack_faults import Tier
from tests.servers.slack_oauth import CLIENT_ID, CLIENT_SECRET
from tests.servers.slack_sender import signature
from tests.servers.slack_workspace import BOT_USER, TEAM, Channel, SlackRefusal, Workspace


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """A loopback Slack."""
    async with SlackServer() as server:
        yield server


@pytest.fixture
def client(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> AsyncWebClient:
    """The real client with the right token."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return AsyncWebClient(BOT_TOKEN, base_url=slack.api_url, retry_handlers=[])


async def refused(call: Any) -> str:
    """The error code of a refused call."""
    with pytest.raises(SlackApiError) as error:
        await call
    return str(error.value.response["error"])


async def test_post_update_and_read(slack: SlackServer, client: AsyncWebClient) -> None:
    """A message with metadata is posted, changed, and read again with its metadata only when asked."""
    metadata = {"event_type": "tsuzuki", "event_payload": {"key": "k"}}
    root = slack.types("C1", "U1", "昔々。")
    posted = await client.chat_postMessage(channel="C1", text="夜。", thread_ts=root.ts, metadata=metadata)
    await client.chat_update(channel="C1", ts=posted["ts"], text="夜が明けた。")
    replies = await client.conversations_replies(channel="C1", ts=root.ts, include_all_metadata=True)
    assert [message["text"] for message in replies["messages"]] == ["昔々。", "夜が明けた。"]
    assert replies["messages"][1]["metadata"] == metadata
    bare = await client.conversations_replies(channel="C1", ts=root.ts)
    assert "metadata" not in bare["messages"][1]


async def test_bytes_limit_an_update(slack: SlackServer, client: AsyncWebClient) -> None:
    """1,333 Japanese characters fit into chat.update, 1,334 do not; a post takes more."""
    posted = await client.chat_postMessage(channel="C1", text="あ" * 5_000)
    await client.chat_update(channel="C1", ts=posted["ts"], text="あ" * 1_333)
    assert (
        await refused(client.chat_update(channel="C1", ts=posted["ts"], text="あ" * 1_334)) == "msg_too_long"
    )


async def test_content_is_checked(slack: SlackServer, client: AsyncWebClient) -> None:
    """Empty messages, empty texts in blocks and too much of them are refused."""
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": ""}]}
    block = {"type": "rich_text", "elements": [section]}
    assert await refused(client.api_call("chat.postMessage", json={"channel": "C1", "text": ""})) == "no_text"
    assert await refused(client.chat_postMessage(channel="C1", text="x", blocks=[block])) == "invalid_blocks"
    section["elements"] = [{"type": "text", "text": "あ" * 14_000}]
    code = await refused(client.chat_postMessage(channel="C1", text="x", blocks=[block]))
    assert code == "msg_blocks_too_long"


async def test_places_are_checked(slack: SlackServer, client: AsyncWebClient) -> None:
    """Unknown, private, foreign, archived channels and others' messages answer as Slack does."""
    slack.workspace.channels["G9"] = Channel("G9", "private", "group", has_bot=False)
    slack.workspace.channels["C8"] = Channel("C8", "old", archived=True)
    for channel, code in {
        "C404": "channel_not_found",
        "G9": "channel_not_found",
        "C2": "not_in_channel",
        "C8": "is_archived",
    }.items():
        assert await refused(client.chat_postMessage(channel=channel, text="x")) == code
    theirs = slack.types("C1", "U1", "昔々。")
    assert await refused(client.chat_update(channel="C1", ts=theirs.ts, text="x")) == "cant_update_message"
    assert await refused(client.chat_update(channel="C1", ts="1.0", text="x")) == "message_not_found"
    assert await refused(client.conversations_replies(channel="C1", ts="1.0")) == "thread_not_found"
    assert await refused(client.users_info(user="U404")) == "user_not_found"


async def test_tokens_and_scopes_are_checked(slack: SlackServer, client: AsyncWebClient) -> None:
    """A wrong token is refused, and so is a method whose scopes the app lacks."""
    wrong = AsyncWebClient("xoxb-wrong", base_url=slack.api_url)
    assert await refused(wrong.auth_test()) == "invalid_auth"
    assert await refused(wrong.apps_connections_open(app_token="xapp-wrong")) == "invalid_auth"
    assert (await client.auth_test())["user_id"] == BOT_USER
    slack.scopes.discard("users:read")
    assert await refused(client.users_info(user="U1")) == "missing_scope"
    assert await refused(client.api_call("no.such")) == "unknown_method"


async def test_the_smaller_methods(slack: SlackServer, client: AsyncWebClient) -> None:
    """Channel, person, reaction, ephemeral message, history by pages."""
    posts = [slack.types("C1", "U1", str(number)) for number in range(5)]
    assert (await client.conversations_info(channel="D1"))["channel"]["is_im"]
    assert (await client.users_info(user="U3", include_locale=True))["user"]["locale"] == "en-US"
    assert "locale" not in (await client.users_info(user="U3"))["user"]
    await client.reactions_add(channel="C1", timestamp=posts[0].ts, name="writing_hand")
    assert slack.workspace.reactions == [("C1", posts[0].ts, "writing_hand")]
    await client.chat_postEphemeral(channel="C1", user="U1", text="あなただけに。")
    assert slack.methods.ephemeral[0]["text"] == "あなただけに。"
    page = await client.conversations_history(channel="C1", limit=2)
    assert [message["text"] for message in page["messages"]] == ["4", "3"]
    following = await client.conversations_history(
        channel="C1", limit=9, cursor=page["response_metadata"]["next_cursor"]
    )
    assert [message["text"] for message in following["messages"]] == ["2", "1", "0"]
    assert not following["has_more"]


async def test_rates(slack: SlackServer, client: AsyncWebClient) -> None:
    """Beyond its tier a method answers 429 with Retry-After, until the window has passed."""
    now = [0.0]
    slack.set_clock(lambda: now[0])
    slack.rates.tiers["chat.postMessage"] = Tier(2, 10.0)
    for _ in range(2):
        await client.chat_postMessage(channel="C1", text="x")
    now[0] = 4.0
    with pytest.raises(SlackApiError) as error:
        await client.chat_postMessage(channel="C1", text="x")
    assert (error.value.response.status_code, error.value.response.headers["Retry-After"]) == (429, "7")
    await client.chat_postMessage(channel="G1", text="x")
    now[0] = 10.1
    await client.chat_postMessage(channel="C1", text="x")


async def test_faults(slack: SlackServer, client: AsyncWebClient) -> None:
    """A fault strikes the next call only; a lost answer was done, a reset was not."""
    slack.faults.status("chat.postMessage", 503)
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel="C1", text="1")
    slack.faults.reset("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="C1", text="2")
    slack.faults.lose_answer("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="C1", text="3")
    slack.faults.done_but_500("chat.postMessage")
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel="C1", text="4")
    await client.chat_postMessage(channel="C1", text="5")
    assert [message.text for message in slack.workspace.by_bot()] == ["3", "4", "5"]
    assert [call.answer for call in slack.calls] == ["503", "reset", "lost", "done-500", "ok"]


async def test_a_ticket_is_good_once(slack: SlackServer, client: AsyncWebClient) -> None:
    """A socket says hello, takes acknowledgements, and its address works for one connection."""
    url = (await client.apps_connections_open(app_token=APP_TOKEN))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as socket:
            assert (await socket.receive_json())["type"] == "hello"
            envelope_id = await slack.socket.send("events_api", slack.mention("C1", "U1", "昔々。"), retry=1)
            envelope = await socket.receive_json()
            assert (envelope["envelope_id"], envelope["retry_attempt"]) == (envelope_id, 1)
            await socket.send_json({"envelope_id": envelope_id})
            await slack.until(lambda: envelope_id in slack.socket.acknowledged)
            await slack.socket.refresh()
            assert (await socket.receive_json())["type"] == "disconnect"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


def test_the_signature_is_slacks() -> None:
    """The example from Slack's own documentation gives the documented signature."""
    body = (
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    assert signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body) == (
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )


def test_pings_are_seen(slack: SlackServer) -> None:
    """The workspace notices what would notify people, in text and in blocks."""
    message = slack.types("C1", BOT_USER, "<!channel> <@U1> &lt;!here&gt;")
    section = {"type": "rich_text_section", "elements": [{"type": "broadcast", "range": "here"}]}
    message.blocks = [{"type": "rich_text", "elements": [section]}]
    assert slack.workspace.pings == ["<!channel>", "<@U1>", "broadcast"]


# Streams


def _chunk(text: str) -> list[dict[str, Any]]:
    return [{"type": "markdown_text", "text": text}]


async def test_a_stream_grows_until_it_is_stopped(slack: SlackServer, client: AsyncWebClient) -> None:
    """Nothing else changes it meanwhile; its metadata comes with its end; then it is an ordinary message."""
    root = slack.types("C1", "U1", "昔々。")
    started = await client.chat_startStream(
        channel="C1", thread_ts=root.ts, chunks=_chunk("夜"), recipient_user_id="U1", recipient_team_id=TEAM
    )
    where = {"channel": "C1", "ts": started["ts"]}
    await client.chat_appendStream(**where, markdown_text="が更けた。")
    assert await refused(client.chat_update(**where, text="x")) == "streaming_state_conflict"
    metadata = {"event_type": "tsuzuki", "event_payload": {"key": "k"}}
    await client.chat_stopStream(**where, chunks=_chunk("雨。"), metadata=metadata)
    (message,) = slack.workspace.by_bot()
    assert (message.text, message.metadata) == ("夜が更けた。雨。", metadata)
    assert (
        await refused(client.chat_appendStream(**where, markdown_text="x"))
        == "message_not_in_streaming_state"
    )
    await client.chat_update(**where, text="終わり。")


async def test_what_is_open_shows_no_blocks_and_is_not_deleted(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """A thread tells the text of an open stream; once it has ended it may go."""
    root = slack.types("D1", "U1", "昔々。")
    button = {"type": "button", "action_id": "x", "text": {"type": "plain_text", "text": "x"}}
    chunks = [*_chunk("夜"), {"type": "blocks", "blocks": [{"type": "actions", "elements": [button]}]}]
    started = await client.chat_startStream(channel="D1", thread_ts=root.ts, chunks=chunks)
    shown = (await client.conversations_replies(channel="D1", ts=root.ts))["messages"][1]
    assert (shown["text"], "blocks" in shown) == ("夜", False)
    where = {"channel": "D1", "ts": started["ts"]}
    assert await refused(client.chat_delete(**where)) == "streaming_state_conflict"
    await client.chat_stopStream(**where)
    assert "blocks" in (await client.conversations_replies(channel="D1", ts=root.ts))["messages"][1]
    await client.chat_delete(**where)
    assert slack.workspace.by_bot() == []
    assert await refused(client.chat_delete(channel="D1", ts=root.ts)) == "cant_delete_message"


async def test_what_comes_late(slack: SlackServer, client: AsyncWebClient) -> None:
    """A call may be done when nobody waits for its answer any more."""
    slack.faults.come_late("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="C1", text="夜。")
    assert slack.workspace.by_bot() == []
    slack.do_what_is_late()
    assert [message.text for message in slack.workspace.by_bot()] == ["夜。"]


async def test_only_what_is_later(slack: SlackServer, client: AsyncWebClient) -> None:
    """A thread and a channel may be read from a moment on; a thread's first message comes always."""
    root, line = slack.types("C1", "U1", "昔々。"), slack.types("C1", "U1", "一人目。")
    answer = slack.types("C1", "U1", "二人目。", root.ts)
    last = slack.types("C1", "U1", "三人目。", root.ts)
    replies = await client.conversations_replies(channel="C1", ts=root.ts, oldest=answer.ts)
    assert [message["ts"] for message in replies["messages"]] == [root.ts, last.ts]
    history = await client.conversations_history(channel="C1", oldest=root.ts)
    assert [message["ts"] for message in history["messages"]] == [line.ts]


async def test_a_stream_expires(slack: SlackServer, client: AsyncWebClient) -> None:
    """After five minutes it takes nothing more, and an edit works."""
    now = [0.0]
    slack.set_clock(lambda: now[0])
    root = slack.types("D1", "U1", "昔々。")
    started = await client.chat_startStream(channel="D1", thread_ts=root.ts, markdown_text="夜")
    now[0] = 301.0
    where = {"channel": "D1", "ts": started["ts"]}
    assert (
        await refused(client.chat_appendStream(**where, markdown_text="x"))
        == "message_not_in_streaming_state"
    )
    assert await refused(client.chat_stopStream(**where)) == "message_not_in_streaming_state"
    await client.chat_update(**where, text="夜が明けた。")


async def test_what_a_stream_needs(slack: SlackServer, client: AsyncWebClient) -> None:
    """A thread, in channels somebody to stream for, one kind of content, not too much of it."""
    root = slack.types("C1", "U1", "昔々。")
    anybody = {"recipient_user_id": "U1", "recipient_team_id": TEAM}
    start = client.chat_startStream
    assert (
        await refused(start(channel="C1", thread_ts="", markdown_text="x", **anybody)) == "invalid_thread_ts"
    )
    assert (
        await refused(start(channel="C1", thread_ts=root.ts, markdown_text="x"))
        == "missing_recipient_user_id"
    )
    both = start(channel="C1", thread_ts=root.ts, markdown_text="x", chunks=_chunk("x"), **anybody)
    assert await refused(both) == "invalid_arguments"
    long = start(channel="C1", thread_ts=root.ts, chunks=_chunk("あ" * 12_001), **anybody)
    assert await refused(long) == "msg_too_long"
    strange = start(channel="C1", thread_ts=root.ts, chunks=[{"type": "song"}], **anybody)
    assert await refused(strange) == "invalid_chunks"


# What people click


def _form(**changed: Any) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "value", "initial_value": "昔々。"}
    label = {"type": "plain_text", "text": "文"}
    block = {"type": "input", "block_id": "text", "label": label, "element": element}
    title = {"type": "plain_text", "text": "直す"}
    return {"type": "modal", "callback_id": "edit", "title": title, "blocks": [block]} | changed


async def test_the_channels_of_a_person(slack: SlackServer, client: AsyncWebClient) -> None:
    """Of the kinds asked for, page by page; what they left and what the bot cannot see is missing."""
    slack.workspace.channels["G9"] = Channel("G9", "private", "group", has_bot=False)
    kinds = "public_channel,private_channel"
    first = await client.users_conversations(user="U1", types=kinds, limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.users_conversations(user="U1", types=kinds, limit=2, cursor=cursor)
    assert [each["id"] for page in (first, rest) for each in page["channels"]] == ["C1", "C2", "G1"]
    assert rest["response_metadata"]["next_cursor"] == ""
    slack.workspace.channels["C1"].left.add("U1")
    left = await client.users_conversations(user="U1")
    assert [each["id"] for each in left["channels"]] == ["C2"]


async def test_a_trigger_is_good_once_and_for_three_seconds(
    slack: SlackServer, client: AsyncWebClient
) -> None:
    """A form opens with a fresh trigger only."""
    now = [0.0]
    slack.set_clock(lambda: now[0])
    trigger = slack.command("C1", "U1", "")["trigger_id"]
    await client.views_open(trigger_id=trigger, view=_form())
    assert await refused(client.views_open(trigger_id=trigger, view=_form())) == "invalid_trigger_id"
    late = slack.command("C1", "U1", "")["trigger_id"]
    now[0] = 3.1
    assert await refused(client.views_open(trigger_id=late, view=_form())) == "expired_trigger_id"
    sent = slack.people.submit("U1")
    assert sent["view"]["state"]["values"] == {
        "text": {"value": {"type": "plain_text_input", "value": "昔々。"}}
    }


async def test_bad_forms_are_refused(slack: SlackServer, client: AsyncWebClient) -> None:
    """A title too long, two fields of one name, a choice that is none of the options."""
    option = {"text": {"type": "plain_text", "text": "一"}, "value": "1"}
    other = {"text": {"type": "plain_text", "text": "二"}, "value": "2"}
    select = {"type": "static_select", "action_id": "value", "options": [option], "initial_option": other}
    field = _form()["blocks"][0]
    for view in (
        _form(title={"type": "plain_text", "text": "あ" * 25}),
        _form(blocks=[field, field]),
        _form(blocks=[field | {"element": select}]),
        _form(private_metadata="x" * 3_001),
    ):
        trigger = slack.command("C1", "U1", "")["trigger_id"]
        assert await refused(client.views_open(trigger_id=trigger, view=view)) == "invalid_arguments"


async def test_buttons_are_checked_and_pressed(slack: SlackServer, client: AsyncWebClient) -> None:
    """Two of one name in a row, an empty value or a long label are refused; a press carries the value."""
    text = {"type": "plain_text", "text": "続き"}
    button = {"type": "button", "action_id": "x:go", "text": text, "value": "p1"}
    for bad in (
        [button, button],
        [button | {"value": ""}],
        [button | {"text": {"type": "plain_text", "text": "あ" * 76}}],
    ):
        blocks = [{"type": "actions", "elements": bad}]
        call = client.chat_postMessage(channel="C1", text="x", blocks=blocks)
        assert await refused(call) == "invalid_blocks"
    blocks = [{"type": "actions", "elements": [button]}]
    await client.chat_postMessage(channel="C1", text="x", blocks=blocks)
    (message,) = slack.workspace.by_bot()
    pressed = slack.people.click(message, "go", "U1")
    assert pressed["actions"][0]["value"] == "p1"
    assert pressed["container"]["message_ts"] == message.ts


async def test_a_file_goes_up_in_three_steps(slack: SlackServer, client: AsyncWebClient) -> None:
    """What was uploaded stands in the thread with its name."""
    root = slack.types("C1", "U1", "昔々。")
    await client.files_upload_v2(
        filename="a.txt", content="夜。".encode(), title="夜", channel="C1", thread_ts=root.ts
    )
    (message,) = slack.workspace.by_bot()
    assert (message.thread_ts, message.files[0]["name"]) == (root.ts, "a.txt")
    assert list(slack.workspace.files.values()) == ["夜。".encode()]


async def test_files_are_for_who_may_read_them(slack: SlackServer, client: AsyncWebClient) -> None:
    """With the token and the scope the content, else the login page, with status 200."""
    file = slack.files.add("a.txt", "夜。".encode())
    held = {"Authorization": f"Bearer {BOT_TOKEN}"}
    async with aiohttp.ClientSession() as browser:

        async def get(**headers: str) -> tuple[int, str, str]:
            async with browser.get(file["url_private"], headers=headers) as page:
                return page.status, page.content_type, await page.text()

        assert await get(**held) == (200, "text/plain", "夜。")
        assert (await get())[:2] == (200, "text/html")
        assert (await client.files_info(file=file["id"]))["file"]["name"] == "a.txt"
        assert await refused(client.files_info(file="F404")) == "file_not_found"
        slack.scopes.discard("files:read")
        assert (await get(**held))[:2] == (200, "text/html")
        assert await refused(client.files_info(file=file["id"])) == "missing_scope"
        slack.files.broken = 1
        assert (await get(**held))[0] == 503


async def test_teams_are_apart(slack: SlackServer, client: AsyncWebClient) -> None:
    """Each token sees its own workspace and has its own tiers."""
    other = slack.add_team(Workspace(channels={"C7": Channel("C7", "betsu")}, team="T7"), "xoxb-other")
    stranger = AsyncWebClient("xoxb-other", base_url=slack.api_url, retry_handlers=[])
    assert (await stranger.auth_test())["team_id"] == "T7"
    assert await refused(stranger.chat_postMessage(channel="C1", text="x")) == "channel_not_found"
    await stranger.chat_postMessage(channel="C7", text="x")
    other.rates.tiers["chat.postMessage"] = Tier(1, 10.0)
    assert await refused(stranger.chat_postMessage(channel="C7", text="x")) == "ratelimited"
    await client.chat_postMessage(channel="C1", text="x")


async def test_a_code_is_good_once(slack: SlackServer) -> None:
    """A code that somebody's agreement gave becomes a token."""
    code = slack.oauth.agree(TEAM, BOT_TOKEN)
    given = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "code": code}
    assert slack.oauth.access(given)["access_token"] == BOT_TOKEN
    for bad in (given, given | {"client_secret": "wrong"}):
        with pytest.raises(SlackRefusal):
            slack.oauth.access(bad)


def test_changes_of_messages(slack: SlackServer) -> None:
    """An edit carries the old and the new text, a deletion the old one; a tombstone says what it is."""
    message = slack.types("C1", "U1", "昔々。")
    event = slack.changed(message, "今は昔。")["event"]
    assert (event["message"]["text"], event["previous_message"]["text"]) == ("今は昔。", "昔々。")
    event = slack.deleted(message)["event"]
    assert (event["subtype"], event["deleted_ts"]) == ("message_deleted", message.ts)
    first = slack.types("C1", "U1", "昔々。")
    assert slack.deleted(first, tombstone=True)["event"]["message"]["subtype"] == "tombstone"
