"""Everything that belongs to one workspace: its token, its budget, its people, its open streams."""

from __future__ import annotations

from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.delivery.notices import Telling
from adapters.slack.delivery.posts import Postings
from adapters.slack.delivery.replies import Replies
from adapters.slack.delivery.stream_recipients import Callers
from adapters.slack.delivery.streams import Streams
from adapters.slack.listeners.files import Files
from adapters.slack.payloads.events import Bot
from adapters.slack.web_api.client import WebApi
from adapters.slack.web_api.people import People
from adapters.slack.web_api.rate_budget import Budget
from bot.aio.clock import Clock
from bot.domain.ports import Translate


class Workspace:
    """The parts of one workspace. `bot` is who we are there, as soon as that is known."""

    def __init__(self, client: AsyncWebClient, say: Translate, clock: Clock, bot: Bot | None = None) -> None:
        self.client = client
        self.bot = bot or Bot("", "", "")
        self.api = WebApi(client, Budget(clock))
        self.people = People(self.api, clock)
        self.files = Files(self.api, clock)
        self.callers = Callers()
        self.postings = Postings(self.api)
        self.streams = Streams(self.api, clock)
        self.replies = Replies(self.api, self.postings, self.streams, self.callers, say, clock)
        self.telling = Telling(self.api, self.postings, say, clock)
