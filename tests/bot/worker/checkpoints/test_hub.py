"""Fetching a checkpoint by its name, with the real hub client against a hub on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.domain.errors import CheckpointError
from bot.worker.checkpoints.hub import fetch, is_hub_name
from tests.bot.worker.loading import load_checkpoint
from tests.fakes.checkpoints import tiny_checkpoint
from tests.servers.hub import FakeHub

NAME = "facebook/xglm-tiny"
NOWHERE = "http://127.0.0.1:9"
"""The discard port: nothing answers there."""


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A repository with everything the published ones have, and more than is needed."""
    folder = tiny_checkpoint(tmp_path / "published", published_normalisation=True)
    (folder / "README.md").write_text("# XGLM", encoding="utf-8")
    (folder / "flax_model.msgpack").write_bytes(b"\0" * 1_000)
    (folder / "pytorch_model.bin").write_bytes(b"\0" * 1_000)
    return folder


def test_only_what_is_needed_is_fetched(published: Path, tmp_path: Path) -> None:
    """Config, tokenizer and safetensors come; pickles, other frameworks' weights and the card do not."""
    with FakeHub(NAME, published).serving() as hub:
        folder = fetch(NAME, endpoint=hub.endpoint, cache=tmp_path / "cache")
    needed = ["config.json", "model.safetensors", "sentencepiece.bpe.model", "tokenizer.json"]
    assert needed == sorted(file.name for file in folder.iterdir())
    assert needed == sorted(hub.served)
    assert load_checkpoint(folder, device="cpu").tensors


def test_pickles_are_fetched_where_there_are_no_safetensors(tmp_path: Path) -> None:
    """Shards and their index come along."""
    folder = tiny_checkpoint(tmp_path / "published", layout="bin_sharded")
    with FakeHub(NAME, folder).serving() as hub:
        fetched = fetch(NAME, endpoint=hub.endpoint, cache=tmp_path / "cache")
    assert {file.name for file in folder.iterdir()} == {file.name for file in fetched.iterdir()}


def test_what_is_in_the_cache_is_not_fetched_again(published: Path, tmp_path: Path) -> None:
    """The second time nothing is sent."""
    with FakeHub(NAME, published).serving() as hub:
        first = fetch(NAME, endpoint=hub.endpoint, cache=tmp_path / "cache")
        hub.served.clear()
        assert first == fetch(NAME, endpoint=hub.endpoint, cache=tmp_path / "cache")
    assert hub.served == []


@pytest.mark.parametrize("layout", ["safetensors", "bin"])
def test_the_cache_serves_without_a_connection(layout: str, tmp_path: Path) -> None:
    """Whichever weights were fetched, they are found when the hub is out of reach."""
    folder = tiny_checkpoint(tmp_path / "published", layout="bin" if layout == "bin" else "safetensors")
    with FakeHub(NAME, folder).serving() as hub:
        first = fetch(NAME, endpoint=hub.endpoint, cache=tmp_path / "cache")
    assert first == fetch(NAME, endpoint=NOWHERE, cache=tmp_path / "cache")


def test_the_fetched_part_is_told(published: Path, tmp_path: Path) -> None:
    """Progress grows from the first bytes to 1."""
    seen: list[float] = []
    with FakeHub(NAME, published).serving() as hub:
        fetch(NAME, seen.append, endpoint=hub.endpoint, cache=tmp_path / "cache")
    assert seen
    assert all(0 <= part <= 1 for part in seen)
    assert seen[-1] == pytest.approx(1.0)


def test_offline_without_a_cache_is_said(tmp_path: Path) -> None:
    """The error says what could not be reached and what to do instead."""
    with pytest.raises(CheckpointError, match=r"cannot be reached.*give a folder"):
        fetch(NAME, endpoint=NOWHERE, cache=tmp_path / "cache")


def test_a_name_that_is_not_there_is_said(published: Path, tmp_path: Path) -> None:
    """A typo in the name is told as one."""
    with (
        FakeHub("someone/else", published).serving() as hub,
        pytest.raises(CheckpointError, match="has no facebook/xglm-tiny"),
    ):
        fetch(NAME, endpoint=hub.endpoint, cache=tmp_path / "cache")


def test_a_repository_without_weights_is_said(published: Path, tmp_path: Path) -> None:
    """What is fetched is checked like any folder."""
    (published / "model.safetensors").unlink()
    (published / "pytorch_model.bin").unlink()
    with FakeHub(NAME, published).serving() as hub:
        folder = fetch(NAME, endpoint=hub.endpoint, cache=tmp_path / "cache")
    with pytest.raises(CheckpointError, match=r"neither model\.safetensors"):
        load_checkpoint(folder, device="cpu")
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"] == "xglm"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("facebook/xglm-564M", True), ("xglm", False), ("/models/xglm", False), ("./models/xglm", False)],
)
def test_hub_names_are_told_from_paths(name: str, expected: bool) -> None:
    """`owner/model` is a name; a path that is not there is no reason to ask the hub."""
    assert expected == is_hub_name(name)
