"""The house shows its architecture: narrow folders, and layers that a wrong import breaks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

ROOMS = ("bot", "adapters", "config", "bench")
WIDEST = 15

WRONG = [
    ("bot/text/japanese.py", "bot.core.queue", "who stands on whom"),
    ("bot/store/tables.py", "bot.core.queue", "store and worker client do not know the core"),
    ("bot/worker_client/client.py", "bot.core.queue", "store and worker client do not know the core"),
    ("bot/worker/options.py", "bot.story.tree", "the worker knows no story"),
    ("bot/wire/errors.py", "transformers", "torch and transformers"),
    ("bot/domain/chat.py", "pydantic", "the standard library only"),
    ("bot/core/queue.py", "config.settings", "only the command and the composition root"),
    ("config/errors.py", "bot.story.tree", "the configuration knows nothing above it"),
    ("adapters/web/payloads.py", "adapters.console.commands", "adapters know nothing of each other"),
    ("adapters/shared/diagnostics.py", "torch", "torch and transformers"),
    ("bot/core/queue.py", "sqlalchemy", "SQLAlchemy: in the store only"),
    ("adapters/web/payloads.py", "discord", "discord.py: in its adapter only"),
]


def test_no_folder_is_wide() -> None:
    """Who opens a folder sees all of it at once."""
    wide = {
        str(folder.relative_to(ROOT)): len(modules)
        for room in ROOMS[:3]
        for folder in [ROOT / room, *(ROOT / room).rglob("*/")]
        if len(modules := list(folder.glob("[!_]*.py"))) > WIDEST
        and folder.name != "versions"  # migrations only ever get more
    }
    assert wide == {}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The house elsewhere, to do wrong in."""
    folder = tmp_path_factory.mktemp("house")
    for room in ROOMS:
        shutil.copytree(
            ROOT / room, folder / room, ignore=shutil.ignore_patterns("[!_a-z]*", "tsuzuki-ja", "parts")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    """What `make check` says of the imports there."""
    return subprocess.run(  # noqa: S603  # our own tool
        [Path(sys.executable).parent / "lint-imports"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_wrong_imports_fail_the_check(copy: Path) -> None:
    """Each rule is one that can be broken: with all of these at once, each is named."""
    assert checked(copy).returncode == 0
    for path, module, _ in WRONG:
        source = copy / path
        source.write_text(source.read_text(encoding="utf-8") + f"\nimport {module}\n", encoding="utf-8")
    result = checked(copy)
    broken = " ".join(result.stdout.partition("Broken contracts")[2].split())
    assert result.returncode != 0
    assert [rule for _, _, rule in WRONG if rule not in broken] == []
