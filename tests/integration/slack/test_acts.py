"""What somebody does to a story is told in its thread in one line, and taken back by its button."""

from __future__ import annotations

from pathlib import Path

from bot.domain.chat import Author, Room
from config.i18n import Translations
from tests.integration.slack.running import HastyClock
from tests.integration.slack.running_bot import BUTTONS, RunningBot, running_bot, shows
from tests.integration.slack.scripted_engine import SteppedEngine
from tests.integration.slack.test_whole_path import first_reply, goes_on
from tests.servers.slack import Call, SlackServer
from tests.servers.slack_workspace import TEAM, Posted

SAY = Translations.load()


def line(key: str, locale: str = "ja", **values: object) -> str:
    """A line that tells of what somebody did."""
    return SAY(f"slack.act.{key}", locale, **values)


async def texts_in(bot: RunningBot, message: Posted) -> list[str]:
    """What the story in a message's thread reads."""
    story = await bot.store.stories.open_in(Room("slack", f"{TEAM}/C1/{message.thread_ts}"))
    return [passage.text for passage in story.passages] if story else []


def _changes(call: Call, message: Posted) -> bool:
    return call.method == "chat.update" and call.arguments.get("ts") == message.ts


async def whispered(slack: SlackServer, count: int = 1) -> dict[str, object]:
    """What one person alone was told, once there is so much."""
    await slack.until(lambda: len(slack.methods.ephemeral) >= count)
    return slack.methods.ephemeral[count - 1]


async def test_an_undo_is_taken_back_by_anybody_once(slack: SlackServer) -> None:
    """The line of the undo says who took it back, nothing more is posted, and a second press does nothing."""
    engine = SteppedEngine(("一。",))
    async with running_bot(slack, engine) as bot:
        reply = await first_reply(slack, bot, engine)
        await bot.deliver(slack.people.click(reply, "undo", "U1"))
        notice = await slack.until_posted(2)
        undone = line("undo", name="花子", before=2, after=1)
        assert (notice.story, notice.labels, notice.thread_ts) == (undone, ["元に戻す"], reply.thread_ts)
        assert await texts_in(bot, reply) == ["昔々。"]
        late = slack.people.click(notice, "take_back", "U1")
        await bot.deliver(slack.people.click(notice, "take_back", "U2"))
        whole = f"{undone}\n{line('taken_back', name='太郎')}"
        await slack.until(lambda: (notice.story, notice.labels) == (whole, []))
        await slack.until(lambda: reply.labels == BUTTONS)
        assert await texts_in(bot, reply) == ["昔々。", "一。"]
        await bot.deliver(late)
        told = await whispered(slack)
        assert (told["user"], told["text"]) == ("U1", SAY("error.nothing_to_take_back", "ja"))
        assert await texts_in(bot, reply) == ["昔々。", "一。"]
    assert slack.workspace.by_bot() == [reply, notice]
    assert {call.answer for call in slack.calls} == {"ok"}


async def test_what_the_story_has_moved_on_from_stays(slack: SlackServer) -> None:
    """Who presses late reads why, in their language; nothing changes, and the button is there still."""
    engine = SteppedEngine(("一。",), ("二。",))
    async with running_bot(slack, engine) as bot:
        reply = await first_reply(slack, bot, engine)
        await bot.deliver(slack.people.click(reply, "undo", "U1"))
        notice = await slack.until_posted(2)
        await bot.deliver(slack.event_of(slack.types("C1", "U1", "雨。", reply.thread_ts)))
        engine.go_on()
        later = await shows(slack, "二。", 3)
        await slack.until(lambda: later.labels == BUTTONS)
        for count, (user, locale) in enumerate((("U3", "en"), ("U1", "ja")), 1):
            await bot.deliver(slack.people.click(notice, "take_back", user))
            told = await whispered(slack, count)
            assert (told["user"], told["text"]) == (user, SAY("error.act_overtaken", locale))
        assert await texts_in(bot, reply) == ["昔々。", "雨。", "二。"]
        assert notice.labels == ["元に戻す"]


async def test_a_candidate_that_was_chosen_is_given_up_again(slack: SlackServer) -> None:
    """The one before is the story's end, and the message shows it. What changes nothing is not told."""
    engine = SteppedEngine(("一。",), ("二。",))
    async with running_bot(slack, engine) as bot:
        first = await first_reply(slack, bot, engine)
        await bot.deliver(slack.people.click(first, "several", "U1"))
        engine.go_on()
        several = await shows(slack, "二。", 2)
        await slack.until(lambda: "これにする" in several.labels)
        again = slack.people.click(several, "choose", "U1")
        await bot.deliver(slack.people.click(several, "choose", "U1"))
        notice = await slack.until_posted(3)
        assert (notice.story, notice.labels) == (line("choose", name="花子"), ["元に戻す"])
        await slack.until(lambda: several.story == "2番目の夜。")
        await bot.deliver(slack.people.click(several, "edit", "U1"))  # so that it is no double click
        await slack.until(lambda: slack.people.views)
        await bot.deliver(again)
        assert await bot.adapter.until_handled()
        await bot.deliver(slack.people.click(notice, "take_back", "U2"))
        await slack.until(lambda: several.story == "二。" and notice.labels == [])
        assert await texts_in(bot, first) == ["昔々。", "二。"]
    assert slack.workspace.by_bot() == [first, several, notice]


async def test_going_on_from_an_earlier_message_is_told_before_what_comes_of_it(slack: SlackServer) -> None:
    """It leads the story elsewhere for everybody; stopped before a word came, it is taken back."""
    engine = SteppedEngine(("一。",), ("二。",), ("三。",))
    async with running_bot(slack, engine) as bot:
        first = await first_reply(slack, bot, engine)
        second = await goes_on(slack, bot, engine, first)
        await bot.deliver(slack.people.shortcut(first, "U2", "continue_here"))
        stopped = await slack.until_posted(4)
        notice = slack.workspace.by_bot()[2]
        assert notice.story == line("branch", name="太郎", before=3, after=2)
        await slack.until(lambda: stopped.labels == ["止める"])
        await bot.deliver(slack.people.click(notice, "take_back", "U1"))
        assert (await whispered(slack))["text"] == SAY("error.story_busy", "ja")
        await bot.deliver(slack.people.click(stopped, "stop", "U2"))
        await slack.until(lambda: stopped.labels == ["もう一度"])
        await bot.deliver(slack.people.click(notice, "take_back", "U1"))
        await slack.until(lambda: notice.labels == [] and second.labels == BUTTONS)
        assert await texts_in(bot, first) == ["昔々。", "一。", "二。"]


async def test_a_deleted_message_is_told_in_one_line(slack: SlackServer) -> None:
    """Without a button: Slack asked already. What was only said beside the story is nobody's loss."""
    engine = SteppedEngine(("一。",), ("二。",))
    async with running_bot(slack, engine) as bot:
        reply = await first_reply(slack, bot, engine)
        beside, rain = (
            slack.types("C1", "U2", text, reply.thread_ts) for text in ("（（どうする？））", "雨。")
        )
        await bot.deliver(slack.event_of(beside))
        await bot.deliver(slack.event_of(rain))
        engine.go_on()
        await shows(slack, "二。", 2)
        await bot.deliver(slack.deleted(beside))
        await bot.deliver(slack.deleted(rain))
        notice = await slack.until_posted(3)
        assert (notice.story, notice.labels) == (line("delete", name="太郎"), [])
        await bot.deliver(slack.deleted(reply))
        gone = line("delete_reply", name="花子")
        await slack.until(lambda: slack.workspace.by_bot()[-1].story == gone)
        assert await texts_in(bot, notice) == ["昔々。", "二。"]
    assert [post.story for post in slack.workspace.by_bot()] == ["二。", notice.story, gone]


async def test_a_line_that_could_not_be_changed_any_more_is_mended(slack: SlackServer) -> None:
    """The process ended right after the act was taken back: the next press takes the button away."""
    engine = SteppedEngine(("一。",))
    async with running_bot(slack, engine) as bot:
        reply = await first_reply(slack, bot, engine)
        await bot.deliver(slack.people.click(reply, "undo", "U1"))
        notice = await slack.until_posted(2)
        undone = notice.story
        await bot.store.history.take_back(notice.buttons[0]["value"], Author("slack", "U2", "太郎"))
        await bot.deliver(slack.people.click(notice, "take_back", "U1"))
        assert (await whispered(slack))["text"] == SAY("error.nothing_to_take_back", "ja")
    assert (notice.story, notice.labels) == (undone, [])


async def test_who_may_not_use_the_bot_takes_nothing_back(slack: SlackServer) -> None:
    """As with everything else; they alone are told."""
    engine = SteppedEngine(("一。",))
    async with running_bot(slack, engine) as bot:
        reply = await first_reply(slack, bot, engine)
        await bot.deliver(slack.people.click(reply, "undo", "U1"))
        notice = await slack.until_posted(2)
        await bot.store.settings.save("slack", f"team/{TEAM}", {"denied": ["user/U2"]})
        await bot.deliver(slack.people.click(notice, "take_back", "U2"))
        told = await whispered(slack)
        assert (told["user"], told["text"]) == ("U2", SAY("error.not_permitted", "ja"))
        assert await texts_in(bot, reply) == ["昔々。"]


async def test_the_button_outlives_the_process(slack: SlackServer, tmp_path: Path) -> None:
    """All it needs is in its value and in the database."""
    url = f"sqlite:///{tmp_path}/stories.db"
    engine = SteppedEngine(("一。",))
    async with running_bot(slack, engine, url=url, clock=HastyClock()) as bot:
        reply = await first_reply(slack, bot, engine)
        await bot.deliver(slack.people.click(reply, "undo", "U1"))
        notice = await slack.until_posted(2)
    async with running_bot(slack, engine, url=url, clock=HastyClock()) as bot:
        await bot.deliver(slack.people.click(notice, "take_back", "U2"))
        await slack.until(lambda: notice.labels == [] and reply.labels == BUTTONS)
        assert await texts_in(bot, reply) == ["昔々。", "一。"]
    assert notice.story.endswith(line("taken_back", name="太郎"))


async def test_a_line_whose_answer_is_lost_stands_there_once(slack: SlackServer) -> None:
    """It is looked for before it is posted again."""
    engine = SteppedEngine(("一。",))
    async with running_bot(slack, engine) as bot:
        reply = await first_reply(slack, bot, engine)
        slack.faults.lose_answer("chat.postMessage")
        await bot.deliver(slack.people.click(reply, "undo", "U1"))
        notice = await slack.until_posted(2)
        await slack.until(lambda: any(_changes(call, notice) for call in slack.calls))
    assert slack.workspace.by_bot() == [reply, notice]
