"""The three secrets, and what to do when one is missing or wrong."""

from __future__ import annotations

from bot.errors import ConfigurationError

WHERE = "https://api.slack.com/apps"

_BOT = (
    f"SLACK_BOT_TOKEN {{problem}}. It begins with xoxb- and is found at {WHERE} -> your app -> "
    "OAuth & Permissions, after Install to Workspace."
)
_APP = (
    f"SLACK_APP_TOKEN {{problem}}. It begins with xapp- and is made at {WHERE} -> your app -> "
    "Basic Information -> App-Level Tokens, with the scope connections:write; Socket Mode must be on."
)
_SECRET = (
    f"SLACK_SIGNING_SECRET {{problem}}. It is found at {WHERE} -> your app -> "
    "Basic Information -> App Credentials; HTTP mode needs it, Socket Mode does not."
)


def bad_bot_token(problem: str) -> ConfigurationError:
    """The bot token is missing or wrong."""
    return ConfigurationError(_BOT.format(problem=problem))


def bad_app_token(problem: str) -> ConfigurationError:
    """The app-level token is missing or wrong."""
    return ConfigurationError(_APP.format(problem=problem))


def check(bot_token: str | None, app_token: str | None, signing_secret: str | None, mode: str) -> None:
    """Whether the secrets that `mode` needs look right. Their values are never part of a message.

    Raises:
        ConfigurationError
    """
    if mode not in {"socket", "http"}:
        raise ConfigurationError(f"The Slack mode is `{mode}`; it must be `socket` or `http`.")
    if not (bot_token or "").strip().startswith("xoxb-"):
        raise bad_bot_token("does not look like a bot token" if bot_token else "is missing")
    if mode == "socket" and not (app_token or "").strip().startswith("xapp-"):
        raise bad_app_token("does not look like an app-level token" if app_token else "is missing")
    if mode == "http" and not (signing_secret or "").strip():
        raise ConfigurationError(_SECRET.format(problem="is missing"))
