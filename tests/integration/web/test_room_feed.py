"""What the hub tells its watchers, without a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from adapters.web.render.values import ActView, Participant, PassageView, ReplyView, RoomChange, StoryPosition
from adapters.web.rooms.room_feed import RoomFeed, RoomFeeds
from bot.domain.chat import MODEL, Author, Room
from bot.domain.replies import Candidate, Reply, ReplyState
from bot.domain.room_settings import RoomSettings
from bot.domain.story import Act, ActKind, Notes, Passage, Story, candidate_id

ROOM = Room("web", "a-room")
MIO = Author("web", "1", "澪")
KEN = Author("web", "2", "健")


@dataclass
class Shelf:
    """The stories that the hub reads: one, told on by the tests."""

    story: Story = field(default_factory=lambda: Story("s", ROOM, "題"))
    told: list[Passage] = field(default_factory=list)
    act: Act | None = None

    @property
    def stories(self) -> Shelf:
        """Of the services only this one is asked."""
        return self

    passages = stories

    async def open_in(self, room: Room) -> Story | None:
        """The story."""
        return self.story

    async def of_story(self, story_id: str) -> Sequence[Passage]:
        """All of it."""
        return tuple(self.told)

    async def last_act(self, room: Room) -> Act | None:
        """What the test says was done."""
        return self.act

    def tell(self, text: str, author: Author = MODEL, job: str = "") -> None:
        """Go on with a passage; `job`: the first candidate of that job."""
        name = candidate_id(job, 0) if job else f"p{len(self.told)}"
        passage = Passage(name, "s", self.story.head, author, text)
        self.told.append(passage)
        self.story = replace(self.story, passages=(*self.story.passages, passage), head=name)

    def beside(self, text: str, job: str, number: int) -> None:
        """Another candidate of the job that wrote the last passage."""
        last = self.story.passages[-1]
        self.told.append(Passage(candidate_id(job, number), "s", last.parent_id, MODEL, text))

    def go_back(self, count: int) -> None:
        """The story is only its first passages."""
        passages = self.story.passages[:count]
        head = passages[-1].id if passages else None
        self.story = replace(self.story, passages=passages, head=head, can_redo=True)


@dataclass(eq=False)
class Page:
    """A watcher that keeps what a browser would show."""

    passages: list[PassageView] = field(default_factory=list)
    drafts: dict[str, ReplyView] = field(default_factory=dict)
    people: tuple[Participant, ...] = ()
    standing: StoryPosition | None = None
    act: ActView | None = None
    rules: RoomSettings | None = None
    name: str | None = None
    changes: int = 0

    def show(self, change: RoomChange) -> None:
        """As the page's script does."""
        self.changes += 1
        if change.start is not None:
            self.passages[change.start :] = change.passages
        for key in change.drop:
            self.drafts.pop(key, None)
        self.drafts |= {draft.id: draft for draft in change.drafts}
        self.standing = change.standing or self.standing
        self.act = change.act or self.act

    def show_people(self, people: tuple[Participant, ...]) -> None:
        """Keep them."""
        self.people = people

    def show_settings(self, rules: RoomSettings) -> None:
        """Keep them."""
        self.rules = rules

    def rename(self, name: str) -> None:
        """Keep it."""
        self.name = name

    @property
    def texts(self) -> list[str]:
        """The story."""
        return [passage.text for passage in self.passages]

    @property
    def versions(self) -> list[str]:
        """The last passage and its alternatives."""
        return [version.text for version in self.passages[-1].versions]

    async def join(self, live: RoomFeed) -> Page:
        """Watch a room."""
        self.show(await live.subscribe(self))
        return self


@pytest.fixture
def shelf() -> Shelf:
    """A story with one passage."""
    shelf = Shelf()
    shelf.tell("一。", MIO)
    return shelf


@pytest.fixture
def live(shelf: Shelf) -> RoomFeed:
    """Its room."""
    return RoomFeeds(shelf).room(ROOM)


def writing(text: str, job: str = "job") -> Reply:
    """A draft that grows."""
    return Reply(ReplyState.WRITING, text, job=job)


def done(text: str, *others: str, job: str = "job") -> Reply:
    """A reply that became a passage, with other candidates."""
    choices = tuple(Candidate(candidate_id(job, number), each) for number, each in enumerate(others, start=1))
    return Reply(ReplyState.DONE, text, other_candidates=choices, job=job, passage=candidate_id(job, 0))


async def test_a_new_passage_reaches_every_watcher_once(live: RoomFeed, shelf: Shelf) -> None:
    """However often the story is read again."""
    pages = [await Page().join(live) for _ in range(3)]
    shelf.tell("二。", KEN)
    await asyncio.gather(*(live.refresh() for _ in range(3)))
    assert [page.texts for page in pages] == [["一。", "二。"]] * 3


async def test_an_unchanged_story_tells_nobody_anything(live: RoomFeed) -> None:
    """Watchers hear of changes only."""
    page = await Page().join(live)
    await live.refresh()
    assert page.changes == 1


async def test_colours_follow_the_order_of_appearance(live: RoomFeed, shelf: Shelf) -> None:
    """People differ, one person stays the same, and the model has none."""
    for author in (KEN, MODEL, MIO):
        shelf.tell("次。", author)
    page = await Page().join(live)
    assert [passage.hue for passage in page.passages] == [0, 1, None, 0]


async def test_a_draft_becomes_its_passage_in_one_change(live: RoomFeed, shelf: Shelf) -> None:
    """Nobody sees the text twice, or not at all, for a moment."""
    page = await Page().join(live)
    await live.publish_reply("job/0", writing("雨。"))
    shelf.tell("雨。", job="job")
    before = page.changes
    await live.publish_reply("job/0", done("雨。"))
    assert (before + 1, ["一。", "雨。"], {}) == (page.changes, page.texts, page.drafts)


async def test_a_passage_that_is_stored_before_its_draft_is_done(live: RoomFeed, shelf: Shelf) -> None:
    """The draft gives way as soon as the passage is seen; its late edits show nothing again."""
    page = await Page().join(live)
    await live.publish_reply("job/0", writing("雨。"))
    shelf.tell("雨。", job="job")
    await live.refresh()
    assert (page.texts, page.drafts) == (["一。", "雨。"], {})
    await live.publish_reply("job/0", writing("雨。"))
    await live.publish_reply("job/0", done("雨。"))
    assert (page.texts, page.drafts) == (["一。", "雨。"], {})


async def test_candidates_lie_side_by_side_until_somebody_decides(live: RoomFeed, shelf: Shelf) -> None:
    """For those who were there and for those who come later; afterwards they stay as versions."""
    page = await Page().join(live)
    await live.publish_reply("job/0", writing("雨"))
    shelf.tell("雨。", job="job")
    shelf.beside("月。", "job", 1)
    await live.publish_reply("job/0", done("雨。", "月。"))
    late = await Page().join(live)
    for each in (page, late):
        assert (each.texts, each.versions) == (["一。", "雨。"], ["雨。", "月。"])
        assert each.passages[-1].compare
    live.end_comparison()
    await live.publish_reply("job/0", done("雨。", "月。"))
    assert not page.passages[-1].compare
    assert page.versions == ["雨。", "月。"]


async def test_candidates_that_the_story_left_behind_are_folded(live: RoomFeed, shelf: Shelf) -> None:
    """Whoever writes on has decided, too; who only talks about them has not."""
    page = await Page().join(live)
    await live.publish_reply("job/0", writing("雨"))
    shelf.tell("雨。", job="job")
    shelf.beside("月。", "job", 1)
    await live.publish_reply("job/0", done("雨。", "月。"))
    shelf.tell("（（どちらにする？））", KEN)
    await live.refresh()
    assert [passage.compare for passage in page.passages] == [False, True, False]
    shelf.tell("二。", KEN)
    await live.refresh()
    assert [passage.compare for passage in page.passages] == [False] * 4


async def test_why_a_stopped_reply_ended_is_said_beside_its_passage(live: RoomFeed, shelf: Shelf) -> None:
    """What was written is a passage by then and not shown twice; the next reply takes the note away."""
    page = await Page().join(live)
    await live.publish_reply("job/0", writing("雨"))
    shelf.tell("雨", job="job")
    stopped = Reply(ReplyState.CANCELLED, "雨", "止めました。", job="job", passage="job.0")
    await live.publish_reply("job/0", stopped)
    assert page.texts == ["一。", "雨"]
    assert [(draft.text, draft.note) for draft in page.drafts.values()] == [("", "止めました。")]
    await live.publish_reply("job/0", replace(stopped, interactive=False))
    assert page.drafts == {}


async def test_a_passage_by_a_person_leaves_drafts_alone(live: RoomFeed, shelf: Shelf) -> None:
    """People may write while the model does."""
    page = await Page().join(live)
    await live.publish_reply("job/0", writing("雨"))
    shelf.tell("二。", KEN)
    await live.refresh()
    assert (page.texts, list(page.drafts)) == (["一。", "二。"], ["job/0"])


async def test_waiting_replies_stay_when_another_is_done(live: RoomFeed, shelf: Shelf) -> None:
    """Only the reply that was written becomes the passage."""
    page = await Page().join(live)
    await live.publish_reply("first/0", writing("雨", "first"))
    await live.publish_reply("second/0", Reply(ReplyState.WAITING, note="次", job="second"))
    shelf.tell("雨。", job="first")
    await live.refresh()
    assert list(page.drafts) == ["second/0"]


async def test_a_story_with_old_continuations_keeps_the_running_draft(live: RoomFeed, shelf: Shelf) -> None:
    """After a restart an edit may come before the story was read: older text is not this draft's."""
    shelf.tell("古い雨。", job="old")
    await live.publish_reply("job/0", writing("新しい雨"))
    page = await Page().join(live)
    assert (page.texts, list(page.drafts)) == (["一。", "古い雨。"], ["job/0"])


async def test_why_a_reply_failed_is_said_while_another_waits(live: RoomFeed) -> None:
    """Until that one is there; a late change of its message takes it away, or adds nothing."""
    page = await Page().join(live)
    failed = Reply(ReplyState.FAILED, note="読めるものが書けませんでした。", job="1", interactive=False)
    await live.publish_reply("1/0", writing("風。", "1"))
    await live.publish_reply("2/0", Reply(ReplyState.WAITING, note="順番待ち", job="2"))
    await live.publish_reply("1/0", failed)
    assert page.drafts["1/0"].note == failed.note

    await live.publish_reply("1/0", failed)
    assert list(page.drafts) == ["2/0"]


async def test_why_a_reply_failed_is_old_when_the_next_one_is_there(live: RoomFeed, shelf: Shelf) -> None:
    """What waited behind it was written: the note would stand under a text that it is not about."""
    page = await Page().join(live)
    await live.publish_reply("1/0", writing("風。", "1"))
    await live.publish_reply("2/0", Reply(ReplyState.WAITING, job="2"))
    await live.publish_reply("1/0", Reply(ReplyState.FAILED, note="だめでした。", job="1", interactive=False))
    shelf.tell("雨。", job="2")
    await live.publish_reply("2/0", done("雨。", job="2"))
    assert (page.texts, page.drafts) == (["一。", "雨。"], {})


async def test_an_ended_reply_gives_way_to_the_next(live: RoomFeed) -> None:
    """Why it failed stays to be read until something newer is there."""
    page = await Page().join(live)
    await live.publish_reply("job/0", Reply(ReplyState.FAILED, note="だめでした。", job="job"))
    late = await Page().join(live)
    assert [draft.note for draft in late.drafts.values()] == ["だめでした。"]
    await live.publish_reply("job2/0", Reply(ReplyState.WAITING, job="job2"))
    assert [list(each.drafts) for each in (page, late)] == [["job2/0"]] * 2


async def test_a_step_back_takes_the_last_passages_only(live: RoomFeed, shelf: Shelf) -> None:
    """Pages keep what stays, and know where the story stands."""
    shelf.tell("二。", KEN)
    page = await Page().join(live)
    assert page.standing == StoryPosition("p1", undo=True, redo=False, ends=("p1",))
    shelf.go_back(1)
    await live.refresh()
    assert (page.texts, page.standing) == (["一。"], StoryPosition("p0", undo=True, redo=True, ends=("p0",)))


async def test_an_edited_passage_changes_in_its_place(live: RoomFeed, shelf: Shelf) -> None:
    """What follows stays."""
    shelf.tell("二。", KEN)
    page = await Page().join(live)
    first, second = shelf.story.passages
    shelf.story = replace(shelf.story, passages=(replace(first, text="壱。", edited=True), second))
    await live.refresh()
    assert (page.texts, page.passages[0].edited) == (["壱。", "二。"], True)


async def test_a_new_title_and_new_notes_are_told(live: RoomFeed, shelf: Shelf) -> None:
    """Also where no passage changed."""
    page = await Page().join(live)
    for story in (replace(shelf.story, title="別の題"), replace(shelf.story, notes=Notes(memory="記憶"))):
        shelf.story = story
        before = page.changes
        await live.refresh()
        assert page.changes == before + 1


async def test_whose_a_passage_is_is_told_without_anybodys_id(live: RoomFeed, shelf: Shelf) -> None:
    """A number of the room stands for the author, or for whom the model wrote."""
    shelf.tell("二。", KEN)
    last = shelf.story.passages[-1]
    asked = Passage("m", "s", last.id, MODEL, "三。", asker=MIO)
    shelf.story = replace(shelf.story, passages=(*shelf.story.passages, asked))
    page = await Page().join(live)
    assert live.number(MIO) == page.passages[0].owner == page.passages[2].owner
    assert live.number(KEN) == page.passages[1].owner


async def test_new_rules_reach_every_page(live: RoomFeed) -> None:
    """So that each offers what holds by now."""
    page = await Page().join(live)
    live.publish_settings(RoomSettings(candidates=4))
    assert page.rules == RoomSettings(candidates=4)


async def test_people_are_counted_once_and_may_leave(live: RoomFeed) -> None:
    """Two tabs of one person are one; who only reads has no name."""
    first, second, reader = [await Page().join(live) for _ in range(3)]
    live.connected(first, Participant("1", "澪"))
    live.connected(second, Participant("1", "澪"))
    live.connected(reader, Participant("3", ""))
    assert [person.name for person in first.people] == ["澪", ""]
    live.disconnected(first)
    live.unsubscribe(reader)
    assert [person.name for person in second.people] == ["澪"]


async def test_people_of_one_name_are_told_apart(live: RoomFeed, shelf: Shelf) -> None:
    """The second who is here is numbered, and has a colour of their own, beside passages and in the bar."""
    shelf.told.clear()
    shelf.story = replace(shelf.story, passages=(), head=None)
    shelf.tell("一。", MIO)
    shelf.tell("二。", replace(KEN, name="澪"))
    page, other = [await Page().join(live) for _ in range(2)]
    live.connected(page, Participant(MIO.id, "澪"))
    live.connected(other, Participant(KEN.id, "澪"))
    await live.refresh()
    assert [passage.name for passage in page.passages] == ["澪", "澪（2）"]
    assert [person.name for person in page.people] == ["澪", "澪（2）"]
    assert [passage.hue for passage in page.passages] == [person.hue for person in page.people]
    assert page.people[0].hue != page.people[1].hue


async def test_all_tabs_take_a_new_name(live: RoomFeed) -> None:
    """Whoever calls themselves otherwise in one tab is called so in the others, and by everybody."""
    first, second, other = [await Page().join(live) for _ in range(3)]
    live.connected(first, Participant("1", "澪"))
    live.connected(second, Participant("1", "澪"))
    live.connected(other, Participant("2", "健"))
    live.connected(second, Participant("1", "美緒"))
    assert (first.name, second.name, other.name) == ("美緒", None, None)
    assert [person.name for person in other.people] == ["美緒", "健"]


async def test_a_tab_without_a_name_takes_that_of_the_others(live: RoomFeed) -> None:
    """A page that was offline while its person told their name learns it; being forgotten takes it away."""
    first, late = [await Page().join(live) for _ in range(2)]
    live.connected(first, Participant("1", "澪"))
    live.connected(late, Participant("1", ""))
    assert late.name == "澪"
    live.forgotten("1")
    assert [first.name, late.name, *(person.name for person in first.people)] == ["", "", ""]


async def test_an_act_is_told_to_all_who_look_and_to_nobody_later(live: RoomFeed, shelf: Shelf) -> None:
    """Who did what, and from how many passages to how many; and that it was taken back."""
    page = await Page().join(live)
    shelf.act = Act("act-1", "s", ROOM, KEN, ActKind.UNDO, "p1", "p0", 69, 3)
    await live.refresh()
    assert page.act == ActView("act-1", "undo", "健", live.number(KEN), 69, 3)
    late = await Page().join(live)
    assert late.act is None
    shelf.act = replace(shelf.act, taken_back=True)
    await live.refresh()
    assert late.act is not None
    assert late.act.taken_back


async def test_who_left_hears_nothing_more(live: RoomFeed, shelf: Shelf) -> None:
    """Also when they leave twice."""
    page = await Page().join(live)
    live.unsubscribe(page)
    live.unsubscribe(page)
    shelf.tell("二。")
    await live.refresh()
    assert page.texts == ["一。"]


async def test_a_room_is_kept_while_somebody_is_on_the_way_in(shelf: Shelf) -> None:
    """Whoever waits behind another reader joins the room that later changes go to."""

    class Slow(Shelf):
        async def open_in(self, room: Room) -> Story | None:
            await asyncio.sleep(0)
            return await shelf.open_in(room)

    hub, page = RoomFeeds(Slow()), Page()
    live = hub.room(ROOM)
    await live.publish_reply("job/0", writing("雨"))
    settling = asyncio.create_task(live.publish_reply("job/0", done("雨")))
    joining = asyncio.create_task(live.subscribe(page))
    while not joining.done():
        assert live is hub.room(ROOM)
        await asyncio.sleep(0)
    await settling
    assert live is hub.room(ROOM)


async def test_an_empty_room_is_forgotten_and_a_busy_one_is_not(shelf: Shelf) -> None:
    """Rooms cost memory only while somebody looks or a reply is under way."""
    hub = RoomFeeds(shelf)
    live = hub.room(ROOM)
    page = await Page().join(live)
    assert live is hub.room(ROOM)
    live.unsubscribe(page)
    assert live is not hub.room(ROOM)
    busy = hub.room(ROOM)
    await busy.publish_reply("job/0", writing("雨"))
    assert busy is hub.room(ROOM)
