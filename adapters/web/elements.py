"""The parts that the pages are made of, and what those with a script of their own are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from adapters.web.render.settings import form_words, settings_payload
from adapters.web.render.values import Participant, RoomChange, StoryPosition
from bot.domain.chat import MODEL
from bot.domain.jobs import Length
from bot.domain.ports import Translate
from bot.domain.room_settings import RoomSettings
from bot.domain.sampling import PRESET_NAMES
from bot.domain.story import ActKind

SHOWN_NAMES = 4
"""More would push the title away; all of them are behind the count."""

_STORY_WORDS = """
    story empty stop newer menu branch edit delete delete_sure odds hide_odds versions earlier later
    take_this compare fold edited aside save leave text shorter choose_one first_stands discard_sure
    write_on stray take_back taken_back asked_by cut
""" + " ".join(f"act_{kind.value}" for kind in ActKind)
_COMPOSER_WORDS = """
    form title name text placeholder cut asks rename hint write more tools undo redo retry fold_tools
    several with_odds visitor forget forget_sure leave
"""
_NOTEBOOK_WORDS = f"""
    notebook shut leaf_tree leaf_notes leaf_window leaf_rules leaf_stories no_branches here deleted
    go_there memory memory_hint note note_hint lore lore_hint keywords lore_text priority add remove save
    saved leave theirs take_theirs empty window_tokens window_left_out window_left_out_pieces
    window_unknown piece_memory piece_lore piece_note piece_story tokens
    {" ".join(form_words())}
    details own_preset preset_name save_preset remove_preset new_title begin begin_sure close close_sure
    reopen open_now export export_md no_stories untitled cut unsaved_notes discard_notes discard_sure
"""


class Text(TextElement):
    """A plain element with text in it. It travels as text: a browser never reads it as HTML."""

    def __init__(self, tag: str, text: str) -> None:
        super().__init__(tag=tag, text=text)


class PeoplePart(ui.element):
    """Who is there: the first names in the bar, and everybody behind their count.

    Everybody's page hears of everybody who comes and goes, so it builds as little as it can.
    """

    def __init__(self, translate: Translate, locale: str) -> None:
        super().__init__("div")
        self._translate = translate
        self._locale = locale
        self._named: tuple[Participant, ...] = ()
        self.classes("tz-people")
        with self:
            self._names = ui.element("ul").classes("tz-names")
            self._count = Text("button", "").classes("tz-everybody")
            self._count.props["type"], self._count.props["popovertarget"] = "button", "tz-everybody"
            self._everybody = ui.element("ul").props("popover=auto id=tz-everybody")
        for names in (self._names, self._everybody):
            names.props["aria-label"] = translate("web.people", locale)

    def show(self, people: tuple[Participant, ...]) -> None:
        """Show these people."""
        named = tuple(person for person in people if person.name)
        if named[:SHOWN_NAMES] != self._named[:SHOWN_NAMES]:
            _list(self._names, named[:SHOWN_NAMES])
        readers = len(people) - len(named)
        _list(self._everybody, named)
        if readers:
            with self._everybody:
                Text("li", self._translate("web.readers", self._locale, count=readers)).classes("tz-readers")
        self._named = named
        self._count.text = self._translate("web.people_count", self._locale, count=len(people))
        self._count.set_visibility(bool(people))


def _list(place: ui.element, people: Sequence[Participant]) -> None:
    place.clear()
    with place:
        for person in people:
            Text("li", person.name).classes(f"tz-hue-{person.hue}")


class HeadingPart(ui.element, component="parts/heading.js"):
    """The story's title, which a click lets people change. Emits `act`. `limits`: see `limits_of`."""

    def __init__(self, title: str, translate: Translate, locale: str, *, limits: Mapping[str, int]) -> None:
        super().__init__()
        self._props["limits"] = limits
        self._props["words"] = _words(translate, locale, "retitle title save leave")
        self.show(title, named=False)

    def show(self, title: str, *, named: bool) -> None:
        """Show a title; `named`: there is a story whose title can be changed."""
        self._props["title"], self._props["named"] = title, named
        self.update()

    def kept(self) -> None:
        """The new title was taken: it is read again, not written."""
        self.run_method("kept")


_SHARED = {"tsuzuki": "parts/shared"}
"""What the parts' scripts import by this name."""


class StoryPart(ui.element, component="parts/story.js", esm=_SHARED):
    """The passages and the replies in the making; takes changes, keeps the rest. Emits `act`, `scores`.

    `me`: the number that stands for the visitor in this room; `place`: see `ComposerPart`; `limits`: see
    `limits_of`.
    """

    def __init__(
        self,
        initial: RoomChange,
        translate: Translate,
        locale: str,
        *,
        me: int,
        place: str,
        limits: Mapping[str, int],
    ) -> None:
        super().__init__()
        self._props["limits"] = limits
        self._props["initial"] = asdict(initial)
        self._props["words"] = {**_words(translate, locale, _STORY_WORDS), "model": MODEL.name}
        self._props["me"] = me
        self._props["place"] = place

    def apply(self, change: RoomChange) -> None:
        """Apply `change` in the browser."""
        self.run_method("update", asdict(change))

    def edited(self, passage_id: str) -> None:
        """The new text was taken: the passage is read again, not written."""
        self.run_method("edited", passage_id)

    def shade(self, passage_id: str, pieces: Sequence[Mapping[str, object]]) -> None:
        """Show a passage in pieces, each shaded by its probability."""
        self.run_method("shade", passage_id, pieces)


class NotebookPart(ui.element, component="parts/notebook.js"):
    """The notebook beside the story. Emits `look` (`leaf`), `act`, `export` (`story`, `form`)."""

    def __init__(self, translate: Translate, locale: str, *, place: str, limits: Mapping[str, int]) -> None:
        super().__init__()
        self._props["limits"] = limits
        self._props["place"] = place
        self._props["words"] = _words(translate, locale, _NOTEBOOK_WORDS)
        self._props["presets"] = preset_names(translate, locale)

    def show(self, leaf: str, content: Mapping[str, object]) -> None:
        """Show a leaf."""
        self.run_method("show", leaf, content)

    def stale(self) -> None:
        """The story is another one now: an open leaf looks again."""
        self.run_method("stale")

    def clash(self, notes: Mapping[str, object]) -> None:
        """Somebody else changed the notes meanwhile: lay theirs beside what is being written."""
        self.run_method("clash", notes)

    def presets_changed(self, settings: RoomSettings) -> None:
        """Somebody else saved presets meanwhile: show them, and keep what is being written."""
        self.run_method("presetsChanged", settings_payload(settings)["presets"])

    def saved(self, action: str) -> None:
        """What was changed on a leaf is kept."""
        self.run_method("saved", action)


class ComposerPart(ui.element, component="parts/composer.js"):
    """Where a person writes. Emits `send` (see `translate`), `name` and `act`.

    `place` names the box, so that what was typed survives a reload; `limits`: see `limits_of`; `start`
    asks for a title as well, and offers somebody who reads no Japanese a Japanese beginning.
    """

    def __init__(
        self,
        translate: Translate,
        locale: str,
        *,
        name: str,
        place: str,
        settings: RoomSettings,
        limits: Mapping[str, int],
        start: bool = False,
    ) -> None:
        super().__init__()
        words = _words(translate, locale, _COMPOSER_WORDS)
        if start:
            words |= {
                word: translate(f"web.start_{word}", locale) for word in ("write", "more", "placeholder")
            }
            words |= _words(translate, locale, "example_hint use_example")
        self._translate = translate
        self._locale = locale
        self._props["words"] = words
        self._props["given"] = name
        self._props["place"] = place
        self._props["limits"] = limits
        self._props["start"] = start
        self._props["example"] = translate("web.example", locale) if start and locale != "ja" else ""
        self._props["standing"] = asdict(StoryPosition())
        self._set_settings(settings)

    def show_settings(self, settings: RoomSettings) -> None:
        """Offer what the room's settings have by now."""
        self._set_settings(settings)
        self.update()

    def _set_settings(self, settings: RoomSettings) -> None:
        self._props["asks"] = _option_choices(self._translate, self._locale, settings)
        self._props["candidates"] = settings.candidates

    def show_position(self, position: StoryPosition) -> None:
        """Where the story stands, for the buttons that go back and forth."""
        self._props["standing"] = asdict(position)
        self.update()

    def rename(self, name: str) -> None:
        """The visitor is called otherwise now; empty: they have no name any more."""
        self.run_method("renamed", name)

    def accepted(self, event_id: str) -> None:
        """The event was taken: the box may be emptied."""
        self.run_method("accepted", event_id)

    def refused(self, event_id: str) -> None:
        """The event was not taken: the text stays."""
        self.run_method("refused", event_id)


def preset_names(translate: Translate, locale: str) -> dict[str, str]:
    """What the built-in presets are called."""
    return {preset: translate(f"web.preset_{preset}", locale) for preset in PRESET_NAMES.values()}


def _words(translate: Translate, locale: str, names: str) -> dict[str, str]:
    return {name: translate(f"web.{name}", locale) for name in names.split()}


def _option_choices(translate: Translate, locale: str, settings: RoomSettings) -> list[dict[str, object]]:
    by_room = ("", translate("web.by_room", locale))
    lengths = [(length.value, translate(f"web.length_{length.value}", locale)) for length in Length]
    presets = [*preset_names(translate, locale).items(), *((name, name) for name, _ in settings.presets)]
    return [
        _choice("length", translate("web.length", locale), [by_room, *lengths]),
        _choice("preset", translate("web.preset", locale), [by_room, *presets]),
    ]


def _choice(name: str, label: str, options: Sequence[tuple[str, str]]) -> dict[str, object]:
    return {
        "name": name,
        "label": label,
        "value": options[0][0],
        "options": [{"value": option, "label": text} for option, text in options],
    }
