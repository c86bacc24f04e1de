"""What Slack sends when people click, fill in, point at messages or open the home tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.servers.slack_workspace import Posted, SlackRefusal, Workspace

TRIGGER_S = 3.0


class Interactions:
    """Payloads of one workspace; trigger ids are good for three seconds, once."""

    def __init__(self, workspace: Workspace, clock: Any, respond_url: Any) -> None:
        self._workspace = workspace
        self._clock = clock
        self._respond_url = respond_url
        self._triggers: dict[str, float] = {}
        self._count = 0
        self.views: list[dict[str, Any]] = []
        """Forms that were opened, last one last."""
        self.homes: dict[str, dict[str, Any]] = {}
        """What people's home tabs show."""

    def trigger(self) -> str:
        """A new trigger id."""
        self._count += 1
        name = f"trigger-{self._workspace.team}-{self._count}"
        self._triggers[name] = self._clock()
        return name

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> dict[str, Any]:
        """A form is opened before whoever triggered it."""
        made = self._triggers.pop(trigger_id, None)
        if made is None:
            raise SlackRefusal("invalid_trigger_id")
        if self._clock() - made > TRIGGER_S:
            raise SlackRefusal("expired_trigger_id")
        self.views.append(view)
        return {"view": {**view, "id": f"V{len(self.views)}"}}

    def click(self, message: Posted, name: str, user: str, number: int = 0) -> dict[str, Any]:
        """A button with this action's name is pressed, the `number`th of that name in the message."""
        found = [b for b in message.buttons if b["action_id"].endswith(f":{name}")]
        action = found[number]
        return self._payload("block_actions", user) | {
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": message.channel,
                **({"thread_ts": message.thread_ts} if message.thread_ts else {}),
            },
            "channel": {"id": message.channel, "name": "x"},
            "message": message.payload(),
            "actions": [self._action(action)],
        }

    def click_whispered(self, told: Mapping[str, Any], name: str, user: str) -> dict[str, Any]:
        """A button is pressed in what only one person sees: Slack sends no more of it than where it is."""
        elements = [element for block in told["blocks"] for element in block.get("elements", ())]
        (action,) = [each for each in elements if str(each.get("action_id", "")).endswith(f":{name}")]
        container = {
            "type": "message",
            "message_ts": "1.0",
            "channel_id": told["channel"],
            "is_ephemeral": True,
        }
        return self._payload("block_actions", user) | {
            "container": container,
            "channel": {"id": told["channel"], "name": "x"},
            "actions": [self._action(action)],
        }

    def click_home(self, user: str, action_id: str, value: str = "-") -> dict[str, Any]:
        """A button on someone's home tab is pressed."""
        buttons = [
            element
            for block in self.homes[user]["blocks"]
            for element in block.get("elements", ())
            if element.get("action_id") == action_id and element.get("value") in {value, "-"}
        ]
        return self._payload("block_actions", user) | {
            "container": {"type": "view"},
            "view": self.homes[user],
            "actions": [self._action(buttons[0])],
        }

    def shortcut(self, message: Posted, user: str, callback_id: str) -> dict[str, Any]:
        """A message is chosen in its menu."""
        return self._payload("message_action", user) | {
            "callback_id": callback_id,
            "channel": {"id": message.channel, "name": "x"},
            "message_ts": message.ts,
            "message": message.payload(),
            "action_ts": self._action_ts(),
        }

    def submit(self, user: str, **values: Any) -> dict[str, Any]:
        """The last form is sent, with `values` for its fields; the rest as they were."""
        view = self.views[-1]
        state = {
            block["block_id"]: {block["element"]["action_id"]: _filled(block["element"], values, block)}
            for block in view["blocks"]
            if block["type"] == "input"
        }
        return self._payload("view_submission", user) | {"view": {**view, "state": {"values": state}}}

    def _payload(self, kind: str, user: str) -> dict[str, Any]:
        person = self._workspace.people[user]
        return {
            "type": kind,
            "team": {"id": self._workspace.team, "domain": "monogatari"},
            "user": {"id": user, "name": person.name, "team_id": self._workspace.team},
            "api_app_id": "A1",
            "token": "unused",
            "trigger_id": self.trigger(),
            "response_url": self._respond_url(),
        }

    def _action(self, element: Mapping[str, Any]) -> dict[str, Any]:
        return {**element, "block_id": "x", "action_ts": self._action_ts()}

    def _action_ts(self) -> str:
        self._count += 1
        return f"{1_800_000_000 + self._count}.000000"


def _filled(
    element: Mapping[str, Any], values: Mapping[str, Any], block: Mapping[str, Any]
) -> dict[str, Any]:
    kind, name = element["type"], block["block_id"]
    if kind == "static_select":
        chosen = values.get(name, (element.get("initial_option") or {}).get("value"))
        options = {option["value"]: option for option in element["options"]}
        return {"type": kind, "selected_option": options[chosen] if chosen else None}
    if kind == "multi_users_select":
        return {"type": kind, "selected_users": values.get(name, element.get("initial_users", []))}
    value = values.get(name, element.get("initial_value"))
    return {"type": kind, "value": None if value is None else str(value)}
