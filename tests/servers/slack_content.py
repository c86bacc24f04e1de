"""What Slack refuses in messages and forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.servers.slack_workspace import SlackRefusal

BLOCKS = 50
BLOCKS_CHARACTERS = 13_200
BUTTON_CHARACTERS = 75
VALUE_CHARACTERS = 2_000
ACTION_ELEMENTS = 25
TITLE_CHARACTERS = 24
HEADER_CHARACTERS = 150
SECTION_CHARACTERS = 3_000
VIEW_BLOCKS = 100
METADATA_CHARACTERS = 3_000
INPUTS = {"plain_text_input", "number_input", "static_select", "multi_users_select"}


def check_message(given: Mapping[str, Any]) -> None:
    """Refuse a message that Slack would refuse."""
    blocks = given.get("blocks") or []
    if not given.get("text") and not blocks:
        raise SlackRefusal("no_text")
    check_blocks(blocks)


def check_blocks(blocks: Sequence[Mapping[str, Any]]) -> None:
    """Refuse blocks that Slack would refuse."""
    if len(blocks) > BLOCKS:
        raise SlackRefusal("invalid_blocks")
    if sum(map(_characters, blocks)) > BLOCKS_CHARACTERS:
        raise SlackRefusal("msg_blocks_too_long")


def check_view(view: Mapping[str, Any]) -> None:
    """Refuse a form or home tab that Slack would refuse."""
    names = [block.get("block_id") for block in view["blocks"] if block.get("block_id")]
    titles = [view[name]["text"] for name in ("title", "submit", "close") if name in view]
    right = (
        len(view["blocks"]) <= VIEW_BLOCKS
        and len(names) == len(set(names))
        and all(0 < len(title) <= TITLE_CHARACTERS for title in titles)
        and len(str(view.get("private_metadata") or "")) <= METADATA_CHARACTERS
        and (view["type"] == "home" or {"title", "callback_id"} <= set(view))
    )
    if not right:
        raise SlackRefusal("invalid_arguments")
    for block in view["blocks"]:
        if block["type"] == "input":
            _check_input(block)
        else:
            _characters(block)


def _check_input(block: Mapping[str, Any]) -> None:
    element = block["element"]
    _text(block["label"], 2_000)
    if element["type"] not in INPUTS or not element.get("action_id"):
        raise SlackRefusal("invalid_arguments")
    if element["type"] == "static_select":
        if not 0 < len(element["options"]) <= 100:
            raise SlackRefusal("invalid_arguments")
        for option in element["options"]:
            _text(option["text"], BUTTON_CHARACTERS)
        if "initial_option" in element and element["initial_option"] not in element["options"]:
            raise SlackRefusal("invalid_arguments")
    if len(str(element.get("initial_value", ""))) > SECTION_CHARACTERS:
        raise SlackRefusal("invalid_arguments")


def _characters(node: Any) -> int:
    """The characters of a block and what is in it; empty texts are refused as Slack refuses them."""
    if not isinstance(node, Mapping) or "type" not in node:
        raise SlackRefusal("invalid_blocks")
    kind = node["type"]
    if kind == "divider":
        return 0
    if kind == "button":
        return _button(node)
    if kind == "header":
        return _text(node["text"], HEADER_CHARACTERS)
    if kind == "section":
        return _text(node["text"], SECTION_CHARACTERS)
    own = node.get("text")
    if isinstance(own, str):
        if not own:
            raise SlackRefusal("invalid_blocks")
        return len(own)
    children = [*node.get("elements", []), *([own] if isinstance(own, Mapping) else [])]
    if not children or (kind == "actions" and not _good_actions(children)):
        raise SlackRefusal("invalid_blocks")
    return sum(_characters(child) for child in children)


def _button(node: Mapping[str, Any]) -> int:
    value = node.get("value")
    if not node.get("action_id") or (value is not None and not 0 < len(value) <= VALUE_CHARACTERS):
        raise SlackRefusal("invalid_blocks")
    return _text(node["text"], BUTTON_CHARACTERS)


def _good_actions(elements: Sequence[Mapping[str, Any]]) -> bool:
    ids = [element.get("action_id") for element in elements]
    return len(elements) <= ACTION_ELEMENTS and len(ids) == len(set(ids))


def _text(node: Mapping[str, Any], limit: int) -> int:
    if node.get("type") not in {"plain_text", "mrkdwn"} or not 0 < len(node["text"]) <= limit:
        raise SlackRefusal("invalid_blocks")
    return len(node["text"])
