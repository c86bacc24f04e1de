"""Pieces of Slack's forms (views), and what people filled in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

TITLE_CHARACTERS = 24
"""Slack's limit for a form's title and its buttons."""
INPUT_CHARACTERS = 3_000
"""What a text field takes."""

View = dict[str, Any]
State = Mapping[str, Mapping[str, Mapping[str, Any]]]
_FIELD = "value"


def modal(
    callback: str, title: str, submit: str, close: str, metadata: Mapping[str, str], blocks: list[View]
) -> View:
    """A form; `metadata` comes back with what was filled in."""
    return {
        "type": "modal",
        "callback_id": callback,
        "title": _text(title[:TITLE_CHARACTERS]),
        "submit": _text(submit[:TITLE_CHARACTERS]),
        "close": _text(close[:TITLE_CHARACTERS]),
        "private_metadata": json.dumps(metadata, ensure_ascii=False),
        "blocks": blocks,
    }


def read_metadata(view: Mapping[str, Any]) -> dict[str, str]:
    """What a form was made with."""
    found: dict[str, str] = json.loads(str(view.get("private_metadata") or "{}"))
    return found


def text_input(name: str, label: str, value: str, *, optional: bool = False, hint: str = "") -> View:
    """Several lines of text."""
    element: View = {"type": "plain_text_input", "multiline": True, "max_length": INPUT_CHARACTERS}
    field = _input(name, label, element | ({"initial_value": value} if value else {}), optional=optional)
    return field | ({"hint": _text(hint)} if hint else {})


def number_input(name: str, label: str, value: int, least: int) -> View:
    """A whole number."""
    element: View = {"type": "number_input", "is_decimal_allowed": False, "min_value": str(least)}
    return _input(name, label, element | {"initial_value": str(value)})


def select_input(name: str, label: str, options: Mapping[str, str], value: str) -> View:
    """One of several, each with what it is called."""
    element: View = {
        "type": "static_select",
        "options": [_option(key, called) for key, called in options.items()],
    }
    chosen = {"initial_option": _option(value, options[value])} if value in options else {}
    return _input(name, label, element | chosen)


def users_input(name: str, label: str, people: Sequence[str]) -> View:
    """Any number of people."""
    element: View = {"type": "multi_users_select"}
    chosen = {"initial_users": list(people)} if people else {}
    return _input(name, label, element | chosen, optional=True)


def input_value(state: State, name: str) -> Any:
    """What a field holds: a text, a chosen key, or ids of people; None where the form has no such field."""
    if name not in state:
        return None
    given = state[name][_FIELD]
    if "selected_option" in given:
        return (given["selected_option"] or {}).get("value")
    if "selected_users" in given:
        return list(given["selected_users"] or ())
    return str(given.get("value") or "")


def header(text: str) -> View:
    """A heading."""
    return {"type": "header", "text": _text(text[:150])}


def section(text: str, **accessory: Any) -> View:
    """A paragraph that nothing in it formats; perhaps with a button beside it."""
    return {"type": "section", "text": _text(text[:3_000]), **accessory}


def button(action_id: str, label: str, value: str = "-", url: str = "") -> View:
    """A button, perhaps one that leads somewhere."""
    made = {"type": "button", "action_id": action_id, "text": _text(label[:75]), "value": value}
    return made | ({"url": url} if url else {})


def actions_block(*elements: View) -> View:
    """Buttons side by side."""
    return {"type": "actions", "elements": list(elements)}


def _input(name: str, label: str, element: View, *, optional: bool = False) -> View:
    return {
        "type": "input",
        "block_id": name,
        "label": _text(label),
        "element": element | {"action_id": _FIELD},
        "optional": optional,
    }


def _option(value: str, label: str) -> View:
    return {"text": _text(label[:75]), "value": value}


def _text(text: str) -> View:
    return {"type": "plain_text", "text": text or " ", "emoji": True}
