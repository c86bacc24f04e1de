"""Everything that belongs to one workspace: its token, its budget, its people, its open streams."""

from __future__ import annotations

from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.budget import Budget
from adapters.slack.callers import Callers
from adapters.slack.files import Files
from adapters.slack.people import People
from adapters.slack.postings import Postings
from adapters.slack.replies import Replies
from adapters.slack.streams import Streams
from adapters.slack.telling import Telling
from adapters.slack.translate import Bot
from adapters.slack.webapi import WebApi
from bot.clock import Clock
from bot.seams import Say


class Workspace:
    """The parts of one workspace. `bot` is who we are there, as soon as that is known."""

    def __init__(self, client: AsyncWebClient, say: Say, clock: Clock, bot: Bot | None = None) -> None:
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
