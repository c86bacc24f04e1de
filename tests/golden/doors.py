"""All that the golden tests import of the project: whoever moves a thing changes its line here alone."""

# ruff: noqa: PLC0414 - handed on under the name that the tests know it by

from __future__ import annotations

import sys

from bot.domain.errors import CheckpointError as CheckpointError
from bot.domain.inference import EngineStatus as EngineStatus
from bot.domain.jobs import JobState as JobState
from bot.domain.jobs import Length as Length
from bot.domain.replies import ReplyState as ReplyState
from bot.domain.room_settings import Filter as Filter
from bot.domain.room_settings import RoomSettings as RoomSettings
from bot.domain.sampling import PRESET_NAMES as PRESET_NAMES
from bot.domain.sampling import PRESETS as PRESETS
from bot.domain.story import ActKind as ActKind
from bot.worker.engine.metrics import Metrics as Metrics
from config.errors import SettingsError as SettingsError
from config.settings import PLATFORM_VARIABLES as PLATFORM_VARIABLES
from config.settings import Settings as Settings
from config.settings import load_settings as load_settings
from tests import ROOT
from tests.bot.app.conftest import clean_environ as clean_environ
from tests.fakes.backend import FakeBackend as FakeBackend
from tests.servers.bot_process import BotProcess as BotProcess
from tests.servers.bot_process import bot_process as bot_process
from tests.servers.discord import Channel as DiscordChannel
from tests.servers.discord import LoopbackDiscord as LoopbackDiscord
from tests.servers.discord import Message as DiscordMessage
from tests.servers.discord import Slash as Interaction
from tests.servers.hosted_worker import fake_loaded_model as fake_loaded_model
from tests.servers.hosted_worker import hosted as hosted
from tests.servers.postgres import NoServer as NoServer
from tests.servers.postgres import server as postgres_server
from tests.servers.slack import APP_TOKEN as APP_TOKEN
from tests.servers.slack import BOT_TOKEN as BOT_TOKEN
from tests.servers.slack import SlackServer as SlackServer
from tests.servers.slack_workspace import Posted as SlackMessage

COMMAND = (sys.executable, "-m", "bot.cli")
NAMED_COMMAND = (
    sys.executable,
    "-c",
    "import sys; sys.argv[0] = 'tsuzuki'; from bot.cli import main; main()",
)
"""The same under the name that people know it by."""
LOCALES = ROOT / "config" / "locales"
DEFAULTS = ROOT / "config" / "default.toml"
SLACK_MANIFEST = ROOT / "config" / "slack-manifest.yaml"
MIGRATIONS = ROOT / "bot" / "store" / "migrations" / "versions"

__all__ = [
    "DiscordChannel",
    "DiscordMessage",
    "Interaction",
    "RoomSettings",
    "SlackMessage",
    "postgres_server",
]
