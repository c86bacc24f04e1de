"""The buttons below the model's text, and the message shortcut."""

from __future__ import annotations

import json

import pytest

from adapters.slack import SlackAdapter
from bot.domain.chat import MODEL, Author, Room
from bot.domain.errors import FilteredText, StoryMoved
from bot.domain.jobs import GenerationOptions
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Passage
from tests.fakes.clock import InstantClock
from tests.integration.slack.recorded_services import RecordedServices
from tests.integration.slack.running import adapter_for, running
from tests.servers.slack import SlackServer
from tests.servers.slack_workspace import BOT_USER, TEAM, Posted

FIRST_LINE = "それは九月初旬のある蒸し暑い晩のことであった。"
HANAKO = Author("slack", "U1", "花子")
DONE = Reply(ReplyState.DONE, "夜が更けた。", job="job-1", passage="job-1.0")


def room_of(root: Posted) -> Room:
    """The room of a message's thread."""
    return Room("slack", f"{TEAM}/{root.channel}/{root.ts}")


@pytest.fixture
def root(slack: SlackServer) -> Posted:
    """The first message of a thread."""
    return slack.types("C1", "U1", FIRST_LINE)


@pytest.fixture
def answer(services: RecordedServices, root: Posted) -> Passage:
    """A passage of the model at the end of the thread's story."""
    services.lay_out(room_of(root), f"C1:{root.ts}", FIRST_LINE, HANAKO)
    return services.lay_out(room_of(root), "C1:answer", "夜が更けた。", MODEL, HANAKO)


async def posted(slack: SlackServer, adapter: SlackAdapter, root: Posted, draft: Reply) -> Posted:
    """A draft in the thread."""
    await adapter.post(room_of(root), draft, f"{draft.job}:0")
    return slack.workspace.by_bot()[-1]


async def test_what_stands_below_a_text(slack: SlackServer, adapter: SlackAdapter, root: Posted) -> None:
    """To stop while it waits or is written; afterwards all the others; none on old messages."""
    message = await posted(slack, adapter, root, Reply(ReplyState.WAITING, note="待つ", job="job-1"))
    assert message.labels == ["slack.button.stop/ja"]
    message_id = f"C1:{message.ts}"
    await adapter.edit(room_of(root), message_id, Reply(ReplyState.WRITING, "夜が", job="job-1"))
    assert message.labels == ["slack.button.stop/ja"]
    await adapter.edit(room_of(root), message_id, DONE)
    names = ["continue", "retry", "undo", "several", "edit"]
    assert message.labels == [f"slack.button.{name}/ja" for name in names]
    old = Reply(ReplyState.DONE, "夜が更けた。", job="job-1", passage="job-1.0", interactive=False)
    await adapter.edit(room_of(root), message_id, old)
    assert message.labels == []
    failed = Reply(ReplyState.FAILED, note="だめでした", job="job-2")
    assert (await posted(slack, adapter, root, failed)).labels == ["slack.button.again/ja"]


async def test_going_on_and_again(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted, answer: Passage
) -> None:
    """The passage is named under which the button was pressed, so that nothing is done twice."""
    draft = Reply(ReplyState.DONE, "夜が更けた。", job="job-1", passage=answer.id)
    message = await posted(slack, adapter, root, draft)
    await slack.deliver(slack.people.click(message, "continue", "U2"))
    heard = (await services.until_heard()).message
    assert (heard.text, heard.after, heard.author.name, heard.room) == ("", answer.id, "太郎", room_of(root))
    await slack.deliver(slack.people.click(message, "retry", "U1"))
    again, ask = await services.until_asked("retry")
    assert (again.after, again.author.name, ask) == (answer.id, "花子", GenerationOptions())
    services.now = RoomSettings(candidates=4)
    await slack.deliver(slack.people.click(message, "several", "U1"))
    assert (await services.until_asked("retry", 2))[1] == GenerationOptions(candidates=4)
    await slack.deliver(slack.people.click(message, "undo", "U1"))
    assert await services.until_asked("undo") == (room_of(root), HANAKO, answer.id)


async def test_once_more_what_came_to_nothing(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted, answer: Passage
) -> None:
    """Whoever presses how often, it is one event: the play asks anew once."""
    failed = Reply(ReplyState.FAILED, note="だめでした", job="job-2")
    message = await posted(slack, adapter, root, failed)
    await slack.deliver(slack.people.click(message, "again", "U1"))
    await slack.deliver(slack.people.click(message, "again", "U2"))
    await services.until_asked("again", 2)
    once, twice = services.asked("again")
    assert once[0].event_id == twice[0].event_id
    assert (once[0].text, once[0].after, once[0].room, once[1]) == ("", None, room_of(root), "job-2")


async def test_choosing_a_candidate(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted
) -> None:
    """Every other candidate stands there in full with a button of its own."""
    services.lay_out(room_of(root), "C1:x", FIRST_LINE, HANAKO)
    choices = (Candidate("job-1.1", "雨が降った。"), Candidate("job-1.2", "風が吹いた。"))
    draft = Reply(ReplyState.DONE, "夜が更けた。", other_candidates=choices, job="job-1", passage="job-1.0")
    message = await posted(slack, adapter, root, draft)
    assert message.shown == "夜が更けた。\n[〔2〕]\n雨が降った。\n[〔3〕]\n風が吹いた。"
    await slack.deliver(slack.people.click(message, "choose", "U1", number=1))
    assert await services.until_asked("choose") == (room_of(root), HANAKO, "job-1.2")


async def test_stopping_by_button(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted
) -> None:
    """The job is named; where it is over, only who pressed is told."""
    message = await posted(slack, adapter, root, Reply(ReplyState.WRITING, "夜が", job="job-1"))
    await slack.deliver(slack.people.click(message, "stop", "U1"))
    assert await services.until_asked("stop") == ("job-1", HANAKO)
    services.running = False
    await slack.deliver(slack.people.click(message, "stop", "U2"))
    await slack.until_called("chat.postEphemeral")
    (told,) = slack.methods.ephemeral
    assert (told["user"], told["text"]) == ("U2", "slack.nothing_to_stop/ja")


async def test_they_work_after_a_restart(
    slack: SlackServer, services: RecordedServices, root: Posted
) -> None:
    """A message of an earlier process carries all that is needed."""
    services.lay_out(room_of(root), "C1:x", FIRST_LINE, HANAKO)
    async with running(adapter_for(slack), RecordedServices()) as before:
        message = await posted(slack, before, root, DONE)
    async with running(adapter_for(slack), services):
        await slack.deliver(slack.people.click(message, "undo", "U1"))
        assert await services.until_asked("undo") == (room_of(root), HANAKO, "job-1.0")


async def test_double_clicks_count_once(slack: SlackServer, services: RecordedServices, root: Posted) -> None:
    """A second click within three seconds and a click delivered again do nothing; a later one counts."""
    clock = InstantClock()
    services.lay_out(room_of(root), "C1:x", FIRST_LINE, HANAKO)
    async with running(adapter_for(slack, clock=clock), services) as adapter:
        message = await posted(slack, adapter, root, DONE)
        first = slack.people.click(message, "undo", "U1")
        await slack.deliver(first)
        await slack.deliver(first)
        await slack.deliver(slack.people.click(message, "undo", "U1"))
        await slack.deliver(slack.people.click(message, "undo", "U2"))
        await services.until_asked("undo", 2)
        clock.advance(10)
        await slack.deliver(slack.people.click(message, "undo", "U1"))
        await services.until_asked("undo", 3)
    assert [by.id for _, by, _ in services.asked("undo")] == ["U1", "U2", "U1"]
    assert slack.methods.ephemeral == []


async def test_what_cannot_be_done_is_told_privately(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted
) -> None:
    """In the thread, to the person who pressed, in their language."""
    services.wrong = [StoryMoved()]
    message = await posted(slack, adapter, root, DONE)
    await slack.deliver(slack.people.click(message, "retry", "U3"))
    await slack.until_called("chat.postEphemeral")
    (told,) = slack.methods.ephemeral
    assert (told["user"], told["thread_ts"], told["text"]) == ("U3", root.ts, "error.story_moved/en")


async def test_editing_in_a_form(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted, answer: Passage
) -> None:
    """The form holds the text as it is; what comes back is the passage's new text."""
    draft = Reply(ReplyState.DONE, answer.text, job="job-1", passage=answer.id)
    message = await posted(slack, adapter, root, draft)
    await slack.deliver(slack.people.click(message, "edit", "U1"))
    await slack.until(lambda: slack.people.views)
    assert slack.people.views[0]["blocks"][0]["element"]["initial_value"] == answer.text
    envelope = await slack.deliver(slack.people.submit("U1", text="夜が明けた。"))
    assert await services.until_asked("edit") == (room_of(root), HANAKO, answer.id, "夜が明けた。")
    assert slack.socket.acknowledged[envelope] == {}


async def test_the_form_comes_to_whom_the_passage_belongs(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted, answer: Passage
) -> None:
    """Nobody else fills it in for nothing; a language or name that changed makes nobody else."""
    draft = Reply(ReplyState.DONE, answer.text, job="job-1", passage=answer.id)
    message = await posted(slack, adapter, root, draft)
    await slack.deliver(slack.people.click(message, "edit", "U2"))
    await slack.until(lambda: slack.methods.ephemeral)
    assert (slack.methods.ephemeral[0]["text"], slack.people.views) == ("error.not_yours/ja", [])
    slack.workspace.people["U1"].locale = "en-US"
    await slack.deliver(slack.people.click(message, "edit", "U1"))
    await slack.until(lambda: slack.people.views)


async def test_what_is_wrong_with_an_edit_is_said_in_the_form(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted, answer: Passage
) -> None:
    """The form stays open, the text in it."""
    services.wrong = [FilteredText(words="悪い")]
    message = await posted(
        slack, adapter, root, Reply(ReplyState.DONE, answer.text, job="job-1", passage=answer.id)
    )
    await slack.deliver(slack.people.click(message, "edit", "U1"))
    await slack.until(lambda: slack.people.views)
    envelope = await slack.deliver(slack.people.submit("U1", text="悪い夜。"))
    said = slack.socket.acknowledged[envelope]
    assert said == {"response_action": "errors", "errors": {"text": "error.filtered_text/ja words=悪い"}}


async def test_an_unknown_button_is_answered(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted
) -> None:
    """One of an older version."""
    message = await posted(slack, adapter, root, DONE)
    payload = slack.people.click(message, "undo", "U1")
    payload["actions"][0]["action_id"] = "tsuzuki:juggle"
    await slack.deliver(payload)
    await slack.until_called("chat.postEphemeral")
    assert slack.methods.ephemeral[0]["text"] == "slack.unknown_button/ja"


async def test_over_http_it_is_the_same(slack: SlackServer, services: RecordedServices, root: Posted) -> None:
    """Clicks and forms come signed, and are answered in the response."""
    answer = services.lay_out(room_of(root), "C1:answer", "夜が更けた。", MODEL, HANAKO)
    services.wrong = [FilteredText(words="悪い")]
    async with running(adapter_for(slack, mode="http"), services) as adapter:
        door = slack.sender(adapter.port)
        draft = Reply(ReplyState.DONE, answer.text, job="job-1", passage=answer.id)
        message = await posted(slack, adapter, root, draft)
        assert (await door.deliver(slack.people.click(message, "edit", "U1"))).status == 200
        await slack.until(lambda: slack.people.views)
        answered = await door.deliver(slack.people.submit("U1", text="悪い夜。"))
        assert json.loads(answered.text)["response_action"] == "errors"
        assert (
            await door.interaction(slack.people.click(message, "undo", "U1"), signature="v0=0")
        ).status == 401


# 「ここから続ける」


async def test_going_on_from_a_message_that_stands_alone(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted
) -> None:
    """It becomes the first passage, its writer's, and the continuation is asked for by who pointed at it."""
    await slack.deliver(slack.people.shortcut(root, "U2", "continue_here"))
    await services.until_heard(2)
    heard = [(each.message.author.name, each.message.text, each.ask) for each in services.heard]
    assert heard == [("花子", FIRST_LINE, None), ("太郎", "", GenerationOptions())]
    assert {each.message.room for each in services.heard} == {room_of(root)}


async def test_going_on_from_the_middle_of_a_thread(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted
) -> None:
    """The story goes as far as that message."""
    middle = slack.types("C1", "U2", "雨が降った。", root.ts)
    slack.types("C1", "U1", "これは含まない。", root.ts)
    await slack.deliver(slack.people.shortcut(middle, "U1", "continue_here"))
    await services.until_heard(3)
    assert [each.message.text for each in services.heard] == [FIRST_LINE, "雨が降った。", ""]


async def test_going_on_from_a_passage_branches(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, root: Posted
) -> None:
    """The model's message is a passage: the story goes on from there."""
    services.lay_out(room_of(root), f"C1:{root.ts}", FIRST_LINE, HANAKO)
    message = slack.types("C1", BOT_USER, "夜が更けた。", root.ts)
    passage = services.lay_out(room_of(root), f"C1:{message.ts}", message.text, MODEL, HANAKO)
    await slack.deliver(slack.people.shortcut(message, "U1", "continue_here"))
    assert await services.until_asked("branch") == (room_of(root), HANAKO, passage.id)
    assert (await services.until_heard()).message.after == passage.id


@pytest.mark.parametrize("channel", ["C2", "G9"])
async def test_pointing_where_it_is_no_member(
    slack: SlackServer, services: RecordedServices, adapter: SlackAdapter, channel: str
) -> None:
    """The person is told how to invite it, and nothing is kept."""
    slack.workspace.channels.setdefault(
        channel, type(slack.workspace.channels["C2"])(channel, "x", "group", False)
    )
    message = slack.types(channel, "U1", FIRST_LINE)
    await slack.deliver(slack.people.shortcut(message, "U1", "continue_here"))
    response = await slack.until(lambda: slack.responses and slack.responses[0])
    assert response["text"].startswith("slack.invite/ja")
    assert services.heard == []
