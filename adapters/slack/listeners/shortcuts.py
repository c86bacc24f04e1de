"""The message shortcut 「ここから続ける」."""

from __future__ import annotations

import logging

from adapters.slack.catchup.thread_history import Threads
from adapters.slack.connection.manifest import COMMAND
from adapters.slack.delivery.act_notices import Acts
from adapters.slack.delivery.ephemeral import Respond
from adapters.slack.payloads.events import PLATFORM, Pointed
from adapters.slack.web_api.errors import Refused
from adapters.slack.workspace import Workspace
from bot.aio.clock import Clock
from bot.core.services import Services
from bot.domain.chat import Author, Message
from bot.domain.errors import DeliveryError, EmptyPrompt, UserError
from bot.domain.jobs import GenerationOptions

NOT_A_MEMBER = {"not_in_channel", "channel_not_found"}
"""A private channel without the bot looks to it as if it were not there."""

_log = logging.getLogger(__name__)


class Pointing:
    """Goes on from any message: a passage, a line of a thread, or one that stands alone."""

    def __init__(self, services: Services, acts: Acts, clock: Clock) -> None:
        self._services = services
        self._acts = acts
        self._threads = Threads(services, clock)

    async def go_on(self, workspace: Workspace, given: Pointed, respond: Respond) -> None:
        """A shortcut that was acknowledged."""
        author = await workspace.people.author(given.user_id)
        try:
            await self._go_on(workspace, given, author)
        except UserError as error:
            await respond(error.key, author, **error.values)
        except Refused as error:
            await respond(
                "slack.invite" if error.code in NOT_A_MEMBER else "slack.closed", author, command=COMMAND
            )
        except DeliveryError as error:
            _log.warning("A message could not be gone on from: %s", error)
            await respond("slack.later", author)
        except Exception:  # noqa: BLE001  a task's border: the person is told, the log has it
            _log.exception("A message could not be gone on from")
            await respond("slack.failed", author)

    async def _go_on(self, workspace: Workspace, given: Pointed, author: Author) -> None:
        said = given.said
        room = said.place.room
        passage = await self._services.stories.passage_of_message(PLATFORM, said.event_id)
        after = None
        if passage is not None:
            story = await self._acts.branch(workspace, said.place, author, passage.id)
            after = story.head
        elif not given.by_a_person or said.orders or said.is_bare:
            raise EmptyPrompt
        elif await self._services.stories.read(room) is None:
            # Read from Slack also where it stands alone: that shows whether the bot may be there at all.
            await self._threads.take_in(workspace, said.place, said.ts, author, inclusive=True)
        elif await self._threads.hear(workspace, said):
            await workspace.telling.privately(said.place, author, "slack.file.in_thread", count=1)
        workspace.callers.remember(room, author)
        event_id = f"{said.event_id}:from-here:{given.action_ts}"
        await self._services.generation.receive_message(
            Message(event_id, room, author, "", after=after), GenerationOptions()
        )
