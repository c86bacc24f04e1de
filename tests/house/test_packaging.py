"""What an installation gets, and what the documents say about it."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

from config.settings import PLATFORM_VARIABLES, setting_names, variable
from tests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def normal(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> dict[str, str]:
    """The versions of the lock file."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return {normal(n): v for n, _, v in (line.partition("==") for line in lines if not line.startswith("#"))}


def required(extras: tuple[str, ...] = ("dev",)) -> set[str]:
    """What pyproject asks for, for users and developers."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {normal(re.split(r"[\[<>=~!; ]", line)[0]) for line in lines}


def test_everything_that_is_required_is_pinned() -> None:
    """Nobody gets another version than the tested one."""
    assert required() - set(pinned()) == set()


def test_pins_are_plain_versions() -> None:
    """No local versions, paths or hosts: the same file serves every machine."""
    assert pinned()["torch"] == "2.13.0"
    assert [name for name, version in pinned().items() if not re.fullmatch(r"[0-9][0-9a-z.]*", version)] == []


def test_the_readme_names_settings_that_exist() -> None:
    """Each variable in the readme is one that is read, and the two commands are there."""
    text = (ROOT / "README.md").read_text("utf-8")
    known = {variable(name) for name in setting_names()} | set(PLATFORM_VARIABLES) | {"TSUZUKI_CONFIG"}
    named = set(re.findall(r"\bTSUZUKI_[A-Z_]*[A-Z]", text))
    assert named - known == set()
    assert "make run" in text
    assert "make test" in text


def test_links_of_the_documents_lead_somewhere() -> None:
    """No link into the repository is dead."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    dead = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8"))
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert dead == []


@pytest.mark.parametrize("script", ["tools/make-venv", "tools/test-needs", "tools/lock", ".ci/run"])
def test_scripts_can_be_run(script: str) -> None:
    """They are executable and bash understands them."""
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    result = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert result.returncode == 0, result.stderr


def test_ci_runs_what_the_readme_calls_the_test_command() -> None:
    """One command for people and machines."""
    assert (ROOT / ".ci" / "run").read_text("utf-8").rstrip().endswith("make test")
