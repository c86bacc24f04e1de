"""Before something that knows only the few methods without which there is no Slack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from bot.domain.replies import Reply, ReplyState
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import SlackServer

KNOWN = {"auth.test", "apps.connections.open", "chat.postMessage", "chat.update"}
SAID = {"auth.test": {"user_id"}, "apps.connections.open": {"url"}, "chat.postMessage": {"channel", "ts"}}
EVENT = {"type", "user", "text", "ts", "channel", "thread_ts"}
UNKNOWN: Mapping[str, Any] = {
    "unknown_method": lambda: web.json_response({"ok": False, "error": "unknown_method"}),
    "404": lambda: web.Response(status=404, text="404: Not Found"),
    "nothing": lambda: web.json_response({"ok": True}),
}


class SpartanSlack(SlackServer):
    """Knows four methods, answers no more than it must, and everything else in one way."""

    def __init__(self, unknown: str) -> None:
        super().__init__()
        self._unknown = unknown

    def _answered(self, request: web.Request, method: str, given: dict[str, Any]) -> tuple[web.Response, str]:
        if method not in KNOWN:
            return UNKNOWN[self._unknown](), self._unknown
        return super()._answered(request, method, given)

    def _done(self, token: str, method: str, given: dict[str, Any]) -> dict[str, Any]:
        answer = super()._done(token, method, given)
        return {key: value for key, value in answer.items() if key in SAID.get(method, set())}

    def spare(self, payload: dict[str, Any]) -> dict[str, Any]:
        """An event with what every event has."""
        event = {key: value for key, value in payload["event"].items() if key in EVENT}
        return {"type": payload["type"], "event_id": payload["event_id"], "event": event}


@pytest.mark.parametrize("unknown", UNKNOWN)
async def test_a_mention_is_answered_in_its_thread(unknown: str) -> None:
    """A new thread and one that was there before: both get their message, and it is edited to the end."""
    async with SpartanSlack(unknown) as slack:
        services, adapter = RecordedServices(), adapter_for(slack)
        async with running(adapter, services):
            old = slack.types("C1", "U1", "前の話。")
            for count, thread in enumerate(("", old.ts), start=1):
                mention = slack.mention("C1", "U1", "昔々。", thread)
                await slack.deliver(slack.spare(mention))
                message = (await services.until_heard(count)).message
                assert (message.author.name, message.text.endswith("昔々。")) == ("U1", True)
                ts = await adapter.post(message.room, Reply(ReplyState.WRITING, "夜が"), f"job-{count}:0")
                await adapter.edit(message.room, ts, Reply(ReplyState.DONE, "夜が更けた。"))
                posted = slack.workspace.by_bot()[-1]
                assert posted.thread_ts == (thread or mention["event"]["ts"])
                assert posted.story == "夜が更けた。"
    assert len(slack.workspace.by_bot()) == 2
