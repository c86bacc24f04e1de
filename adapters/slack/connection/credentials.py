"""The three secrets, and what to do when one is missing or wrong."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.errors import ConfigurationError

APPS_URL = "https://api.slack.com/apps"

_BOT = (
    f"SLACK_BOT_TOKEN {{problem}}. It begins with xoxb- and is found at {APPS_URL} -> your app -> "
    "OAuth & Permissions, after Install to Workspace."
)
_APP = (
    f"SLACK_APP_TOKEN {{problem}}. It begins with xapp- and is made at {APPS_URL} -> your app -> "
    "Basic Information -> App-Level Tokens, with the scope connections:write; Socket Mode must be on."
)
_SECRET = (
    f"SLACK_SIGNING_SECRET {{problem}}. It is found at {APPS_URL} -> your app -> "
    "Basic Information -> App Credentials; HTTP mode needs it, Socket Mode does not."
)

_CLIENT_SECRET = (
    f"SLACK_CLIENT_SECRET is missing. It is found at {APPS_URL} -> your app -> "
    "Basic Information -> App Credentials, beside the client id, which is set."
)


def bad_bot_token(problem: str) -> ConfigurationError:
    """The bot token is missing or wrong."""
    return ConfigurationError(_BOT.format(problem=problem))


def bad_app_token(problem: str) -> ConfigurationError:
    """The app-level token is missing or wrong."""
    return ConfigurationError(_APP.format(problem=problem))


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the app identifies itself with. A client id and no bot token: workspaces install it by OAuth."""

    bot_token: str = ""
    app_token: str = ""
    signing_secret: str = ""
    client_id: str = ""
    client_secret: str = ""

    @property
    def uses_oauth(self) -> bool:
        """Whether each workspace has a bot token of its own."""
        return bool(self.client_id) and not self.bot_token

    def check(self, mode: str) -> None:
        """Whether what `mode` needs is there and looks right. No value is ever part of a message.

        Raises:
            ConfigurationError
        """
        if mode not in {"socket", "http"}:
            raise ConfigurationError(f"The Slack mode is `{mode}`; it must be `socket` or `http`.")
        if self.uses_oauth and not self.client_secret:
            raise ConfigurationError(_CLIENT_SECRET)
        if not self.uses_oauth and not self.bot_token.startswith("xoxb-"):
            raise bad_bot_token("does not look like a bot token" if self.bot_token else "is missing")
        if mode == "socket" and not self.app_token.startswith("xapp-"):
            raise bad_app_token("does not look like an app-level token" if self.app_token else "is missing")
        if mode == "http" and not self.signing_secret:
            raise ConfigurationError(_SECRET.format(problem="is missing"))
