"""A person who wants to be forgotten."""

from __future__ import annotations

from pathlib import Path

from bot.domain.jobs import GenerationOptions
from bot.domain.replies import Candidate, OutboxRow, Reply, ReplyState
from bot.domain.repositories import ForgetResult
from bot.store import Store, open_store
from bot.text.message_split import EMPTY_MESSAGE
from tests.bot.store.told import (
    AKI,
    BEN,
    ELSEWHERE,
    ROOM,
    asked,
    former_texts,
    says,
    texts,
    told,
    went_on,
    wrote,
)


async def test_a_forgotten_persons_words_are_gone(store: Store) -> None:
    """From every story, with what they read before; everybody else's stay, and the places of all."""
    one, two = await wrote(store, "一。", "二。")
    await wrote(store, "三。", author=BEN)
    await wrote(store, "海。", room=ELSEWHERE)
    await store.passages.edit(one.id, "壱。")
    await store.passages.delete(two.id)

    assert (await store.authors.forget(AKI)).passages == 3

    assert await texts(store) == ["三。"]
    assert await texts(store, ELSEWHERE) == []
    assert await former_texts(store) == []
    tree = await store.passages.of_story((await told(store)).id)
    assert [(p.text, p.deleted, p.author.name) for p in tree] == [
        ("", True, ""),
        ("", True, ""),
        ("三。", False, "Ben"),
    ]


async def test_a_forgotten_person_is_nobody(store: Store) -> None:
    """Their rows lead to no person, also not as whom the model wrote for; nobody else's are touched."""
    await wrote(store, "一。")
    await went_on(store, "j1", "二。")
    await store.messages.receive(says("三。", "e3", author=BEN), GenerationOptions(), "j2", 0)

    await store.authors.forget(AKI)

    tree = await store.passages.of_story((await told(store)).id)
    people = [tree[0].author, tree[1].asker]
    assert [person and person.name for person in people] == ["", ""]
    assert AKI.id not in {person.id for person in people if person}
    assert tree[1].text == "二。"
    assert tree[2].author == BEN
    job, bens = await store.jobs.get("j1"), await store.jobs.get("j2")
    assert job is not None
    assert (job.author.name, job.author == people[0]) == ("", True)
    assert bens is not None
    assert bens.author == BEN
    assert await store.stories.find("web", author=AKI) == []


async def test_a_forgotten_persons_messages_lead_nowhere(store: Store) -> None:
    """A message that comes again is still known, and not kept anew."""
    await store.messages.receive(says("一。", "e1"), None, "", 0)
    await asked(store, "j1")

    await store.authors.forget(AKI)

    heard = await store.messages.receive(says("一。", "e1"), None, "", 0)
    assert (heard.repeated, heard.passage, heard.job) == (True, None, None)
    assert await store.passages.by_message("web", "e1") is None
    again = await store.messages.find("web", "event of j1")
    assert again is not None
    assert again.job is not None
    assert await texts(store) == []


async def test_a_title_made_of_their_words_goes_too(store: Store) -> None:
    """One that somebody gave stays; an untitled story is named by what is written next."""
    await wrote(store, "雨の夜。")
    await wrote(store, "海の朝。", room=ELSEWHERE)
    await store.stories.rename((await told(store, ELSEWHERE)).id, "旅")
    (first,) = (await told(store)).passages
    await store.passages.edit(first.id, "風の夜。")

    await store.authors.forget(AKI)

    assert [story.title for story in await store.stories.find("web")] == ["", "旅"]
    await wrote(store, "月が出た。", author=BEN)
    assert (await told(store)).title == "月が出た"


async def test_what_they_made_of_the_models_words_is_taken_back(store: Store) -> None:
    """The model's passages read again as it wrote them; deleted ones stay so."""
    await wrote(store, "一。")
    first, second = await went_on(store, "j1", "二。", "弐。")
    for passage in (first, second):
        await store.passages.edit(passage.id, "わたしの二。")
        await store.passages.edit(passage.id, "わたしの三。")
    await store.passages.delete(second.id)

    forgotten = await store.authors.forget(AKI)

    assert await texts(store) == ["二。"]
    assert [(one.id, one.text) for one in forgotten.restored] == [(first.id, "二。"), (second.id, "")]
    assert await former_texts(store) == ["弐。"]
    assert not (await store.passages.existing(first.id)).edited


async def test_what_replies_show_of_it_goes_too(store: Store) -> None:
    """Each shows its passage as it reads again, and is to be sent anew: whatever is shown by now."""
    await wrote(store, "一。")
    first, second = await went_on(store, "j1", "二。", "弐。")
    await store.passages.edit(second.id, "わたしの三。")
    drafts = [
        Reply(ReplyState.DONE, "わたしの", passage=second.id, interactive=False),
        Reply(ReplyState.DONE, "三。", other_candidates=(Candidate(first.id, "二。"),), passage=second.id),
    ]
    for part, draft in enumerate(drafts):
        await store.outbox.save(OutboxRow("j1", part, ROOM, f"m{part}", draft, delivered=True))

    await store.authors.forget(AKI)

    rows = await store.outbox.of_job("j1")
    assert [(row.reply.text, row.reply.other_candidates, row.message_id, row.delivered) for row in rows] == [
        ("弐。", (), "m0", False),
        (EMPTY_MESSAGE, (), "m1", False),
    ]


async def test_nobody_is_forgotten_twice(store: Store) -> None:
    """There is nothing left of them; a stranger never had anything."""
    await wrote(store, "一。")
    await store.authors.forget(AKI)

    assert await store.authors.forget(AKI) == ForgetResult(0)
    assert await store.authors.forget(BEN) == ForgetResult(0)


def contents(folder: Path) -> bytes:
    """Every byte of every file in a folder."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_forgotten_text_is_not_in_the_file(tmp_path: Path) -> None:
    """Nothing of it is left in a table; closing the store folds the log into the file."""
    store = await open_store(f"sqlite:///{tmp_path}/stories.db")
    (one,) = await wrote(store, "ひみつの雨が降る。")
    await store.passages.edit(one.id, "ひみつの風が吹く。")
    (reply,) = await went_on(store, "j1", "二。")
    mine = await store.passages.edit(reply.id, "ひみつの月。")
    draft = Reply(ReplyState.DONE, mine.text, passage=mine.id)
    await store.outbox.save(OutboxRow("j1", 0, ROOM, "m", draft, delivered=True))
    await store.authors.forget(AKI)
    await store.close()

    assert "ひみつ".encode() not in contents(tmp_path)
