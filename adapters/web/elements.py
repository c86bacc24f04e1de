"""The parts that the pages are made of, and what those with a script of their own are given."""

from __future__ import annotations

from dataclasses import asdict

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from adapters.web.hub import Change, Person
from bot.messages import MODEL, PRESET_NAMES, Ask, Length, Say

SHOWN_NAMES = 8
"""More would push the title away."""

_STORY_WORDS = ("story", "empty", "choices", "stop", "newer")
_COMPOSER_WORDS = ("form", "title", "name", "text", "placeholder", "asks", "rename", "hint", "write", "more")


class Text(TextElement):
    """A plain element with text in it. It travels as text: a browser never reads it as HTML."""

    def __init__(self, tag: str, text: str) -> None:
        super().__init__(tag=tag, text=text)


class PeoplePart(ui.element):
    """Who is there: the first names, how many more, and how many only read.

    Everybody's page hears of everybody who comes and goes, so it builds as little as it can.
    """

    def __init__(self, say: Say, locale: str) -> None:
        super().__init__("ul")
        self._say = say
        self._locale = locale
        self._named: tuple[Person, ...] = ()
        self.classes("tz-people")
        self.props["aria-label"] = say("web.people", locale)
        with self:
            self._names = ui.element("span").classes("tz-names").props("role=presentation")
            self._others = Text("li", "").classes("tz-readers")
            self._others.set_visibility(False)

    def show(self, people: tuple[Person, ...]) -> None:
        """Show these people."""
        named = [person for person in people if person.name]
        if tuple(named[:SHOWN_NAMES]) != self._named:
            self._named = tuple(named[:SHOWN_NAMES])
            self._names.clear()
            with self._names:
                for person in self._named:
                    Text("li", person.name).classes(f"tz-hue-{person.hue}")
        self._others.text = self._rest(len(named) - len(self._named), len(people) - len(named))
        self._others.set_visibility(bool(self._others.text))

    def _rest(self, more: int, readers: int) -> str:
        sentences = []
        if more:
            sentences.append(self._say("web.more_people", self._locale, count=more))
        if readers:
            sentences.append(self._say("web.readers", self._locale, count=readers))
        return " ".join(sentences)


class StoryPart(ui.element, component="parts/story.js"):
    """The passages and the drafts; takes changes and keeps the rest to itself. Emits `stop`."""

    def __init__(self, initial: Change, say: Say, locale: str) -> None:
        super().__init__()
        self._props["initial"] = asdict(initial)
        words = {word: say(f"web.{word}", locale) for word in _STORY_WORDS}
        self._props["words"] = {**words, "model": MODEL.name}

    def update_story(self, change: Change) -> None:
        """Apply `change` in the browser."""
        self.run_method("update", asdict(change))


class ComposerPart(ui.element, component="parts/composer.js"):
    """Where a person writes. Emits `send` (see `translate`) and `name`.

    `place` names the box, so that what was typed survives a reload; `start` asks for a title as well.
    """

    def __init__(self, say: Say, locale: str, *, name: str, place: str, start: bool = False) -> None:
        super().__init__()
        words = {word: say(f"web.{word}", locale) for word in _COMPOSER_WORDS}
        if start:
            words |= {word: say(f"web.start_{word}", locale) for word in ("write", "more", "placeholder")}
        self._props["words"] = words
        self._props["asks"] = _asks(say, locale)
        self._props["given"] = name
        self._props["place"] = place
        self._props["start"] = start

    def accepted(self, event_id: str) -> None:
        """The event was taken: the box may be emptied."""
        self.run_method("accepted", event_id)

    def refused(self, event_id: str) -> None:
        """The event was not taken: the text stays."""
        self.run_method("refused", event_id)


def _asks(say: Say, locale: str) -> list[dict[str, object]]:
    standard = Ask()
    lengths = [(length.value, say(f"web.length_{length.value}", locale)) for length in Length]
    presets = [(preset, say(f"web.preset_{preset}", locale)) for preset in PRESET_NAMES.values()]
    candidates = [(count, str(count)) for count in (1, 2, 3)]
    return [
        _choice("length", say("web.length", locale), lengths, standard.length.value),
        _choice("preset", say("web.preset", locale), presets, standard.preset),
        _choice("candidates", say("web.candidates", locale), candidates, standard.candidates),
    ]


def _choice(
    name: str, label: str, options: list[tuple[str, str]] | list[tuple[int, str]], value: object
) -> dict[str, object]:
    return {
        "name": name,
        "label": label,
        "value": value,
        "options": [{"value": option, "label": text} for option, text in options],
    }
