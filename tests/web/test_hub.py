"""What the hub tells its watchers, without a browser."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from adapters.web.hub import Change, Hub, LiveRoom, Person, ShownDraft, ShownPassage
from bot.messages import MODEL, Author, Draft, DraftState, Room, Story
from tests.fakes.play import FakePlay

ROOM = Room("web", "a-room")
MIO = Author("web", "1", "澪")
KEN = Author("web", "2", "健")


@dataclass(eq=False)
class Page:
    """A watcher that keeps what a browser would show."""

    passages: list[ShownPassage] = field(default_factory=list)
    drafts: dict[str, ShownDraft] = field(default_factory=dict)
    people: tuple[Person, ...] = ()
    changes: int = 0

    def show(self, change: Change) -> None:
        """As the page's script does."""
        self.changes += 1
        if change.rewrite:
            self.passages = []
        self.passages += change.append
        for key in change.drop:
            self.drafts.pop(key, None)
        self.drafts |= {draft.id: draft for draft in change.drafts}

    def show_people(self, people: tuple[Person, ...]) -> None:
        """Keep them."""
        self.people = people

    @property
    def texts(self) -> list[str]:
        """The story."""
        return [passage.text for passage in self.passages]

    async def join(self, live: LiveRoom) -> Page:
        """Watch a room."""
        self.show(await live.join(self))
        return self


@pytest.fixture
def play() -> FakePlay:
    """Where the stories are."""
    return FakePlay()


@pytest.fixture
def live(play: FakePlay) -> LiveRoom:
    """A room with one passage."""
    play.tell(ROOM, "一。", MIO)
    return Hub(play.read).room(ROOM)


def writing(text: str) -> Draft:
    """A draft that grows."""
    return Draft(DraftState.WRITING, text)


async def test_a_new_passage_reaches_every_watcher_once(live: LiveRoom, play: FakePlay) -> None:
    """However often the story is read again."""
    pages = [await Page().join(live) for _ in range(3)]
    play.tell(ROOM, "二。", KEN)
    await asyncio.gather(*(live.refresh() for _ in range(3)))
    assert [page.texts for page in pages] == [["一。", "二。"]] * 3


async def test_an_unchanged_story_tells_nobody_anything(live: LiveRoom) -> None:
    """Watchers hear of changes only."""
    page = await Page().join(live)
    await live.refresh()
    assert page.changes == 1


async def test_colours_follow_the_order_of_appearance(live: LiveRoom, play: FakePlay) -> None:
    """People differ, one person stays the same, and the model has none."""
    for author in (KEN, MODEL, MIO):
        play.tell(ROOM, "次。", author)
    page = await Page().join(live)
    assert [passage.hue for passage in page.passages] == [0, 1, None, 0]


async def test_a_draft_becomes_its_passage_in_one_change(live: LiveRoom, play: FakePlay) -> None:
    """Nobody sees the text twice, or not at all, for a moment."""
    page = await Page().join(live)
    await live.draft("job/0", writing("雨。"))
    play.tell(ROOM, "雨。")
    before = page.changes
    await live.draft("job/0", Draft(DraftState.DONE, "雨。"))
    assert (before + 1, ["一。", "雨。"], {}) == (page.changes, page.texts, page.drafts)


async def test_a_passage_that_is_stored_before_its_draft_is_done(live: LiveRoom, play: FakePlay) -> None:
    """The draft gives way as soon as the passage is seen; its late edits show nothing again."""
    page = await Page().join(live)
    await live.draft("job/0", writing("雨。"))
    play.tell(ROOM, "雨。")
    await live.refresh()
    assert (page.texts, page.drafts) == (["一。", "雨。"], {})
    await live.draft("job/0", writing("雨。"))
    await live.draft("job/0", Draft(DraftState.DONE, "雨。", choices=("月。",)))
    assert (page.texts, page.drafts) == (["一。", "雨。"], {})
    assert page.passages[-1].choices == ("月。",)


async def test_other_candidates_stay_with_their_passage(live: LiveRoom, play: FakePlay) -> None:
    """For those who were there and for those who come later."""
    page = await Page().join(live)
    play.tell(ROOM, "雨。")
    await live.draft("job/0", Draft(DraftState.DONE, "雨。", choices=("月。", "風。")))
    late = await Page().join(live)
    assert ("月。", "風。") == page.passages[-1].choices == late.passages[-1].choices


async def test_a_passage_by_a_person_leaves_drafts_alone(live: LiveRoom, play: FakePlay) -> None:
    """People may write while the model does."""
    page = await Page().join(live)
    await live.draft("job/0", writing("雨"))
    play.tell(ROOM, "二。", KEN)
    await live.refresh()
    assert (page.texts, list(page.drafts)) == (["一。", "二。"], ["job/0"])


async def test_waiting_replies_stay_when_another_is_done(live: LiveRoom, play: FakePlay) -> None:
    """Only the reply that was written becomes the passage."""
    page = await Page().join(live)
    await live.draft("first/0", writing("雨"))
    await live.draft("second/0", Draft(DraftState.WAITING, note="次"))
    play.tell(ROOM, "雨。")
    await live.refresh()
    assert list(page.drafts) == ["second/0"]


async def test_a_story_with_old_continuations_keeps_the_running_draft(play: FakePlay) -> None:
    """After a restart an edit may come before the story was read: older text is not this draft's."""
    play.tell(ROOM, "一。", MIO)
    play.tell(ROOM, "古い雨。")
    live = Hub(play.read).room(ROOM)
    await live.draft("job/0", writing("新しい雨"))
    page = await Page().join(live)
    assert (page.texts, list(page.drafts)) == (["一。", "古い雨。"], ["job/0"])


async def test_an_ended_reply_gives_way_to_the_next(live: LiveRoom) -> None:
    """Why it failed stays to be read until something newer is there."""
    page = await Page().join(live)
    await live.draft("job/0", Draft(DraftState.FAILED, note="だめでした。"))
    late = await Page().join(live)
    assert [draft.note for draft in late.drafts.values()] == ["だめでした。"]
    await live.draft("job2/0", Draft(DraftState.WAITING))
    assert [list(each.drafts) for each in (page, late)] == [["job2/0"]] * 2


async def test_a_story_that_was_changed_behind_is_shown_anew(live: LiveRoom, play: FakePlay) -> None:
    """Passages that are gone, or others in their place, replace what the pages show."""
    play.tell(ROOM, "二。", KEN)
    page = await Page().join(live)
    story = await play.read(ROOM)
    assert story is not None
    play._stories[ROOM] = Story(story.id, ROOM, story.title, story.passages[:1])
    await live.refresh()
    assert page.texts == ["一。"]


async def test_people_are_counted_once_and_may_leave(live: LiveRoom) -> None:
    """Two tabs of one person are one; who only reads has no name."""
    first, second, reader = [await Page().join(live) for _ in range(3)]
    live.here(first, Person("1", "澪"))
    live.here(second, Person("1", "澪"))
    live.here(reader, Person("3", ""))
    assert [person.name for person in first.people] == ["澪", ""]
    live.away(first)
    live.leave(reader)
    assert [person.name for person in second.people] == ["澪"]


async def test_who_left_hears_nothing_more(live: LiveRoom, play: FakePlay) -> None:
    """Also when they leave twice."""
    page = await Page().join(live)
    live.leave(page)
    live.leave(page)
    play.tell(ROOM, "二。")
    await live.refresh()
    assert page.texts == ["一。"]


async def test_a_room_is_kept_while_somebody_is_on_the_way_in(play: FakePlay) -> None:
    """Whoever waits behind another reader joins the room that later changes go to."""

    async def slowly(room: Room) -> Story | None:
        await asyncio.sleep(0)
        return await play.read(room)

    hub, page = Hub(slowly), Page()
    live = hub.room(ROOM)
    await live.draft("job/0", writing("雨"))
    settling = asyncio.create_task(live.draft("job/0", Draft(DraftState.DONE, "雨")))
    joining = asyncio.create_task(live.join(page))
    while not joining.done():
        assert live is hub.room(ROOM)
        await asyncio.sleep(0)
    await settling
    assert live is hub.room(ROOM)


async def test_an_empty_room_is_forgotten_and_a_busy_one_is_not(play: FakePlay) -> None:
    """Rooms cost memory only while somebody looks or a reply is under way."""
    hub = Hub(play.read)
    live = hub.room(ROOM)
    page = await Page().join(live)
    assert live is hub.room(ROOM)
    live.leave(page)
    assert live is not hub.room(ROOM)
    busy = hub.room(ROOM)
    await busy.draft("job/0", writing("雨"))
    assert busy is hub.room(ROOM)
