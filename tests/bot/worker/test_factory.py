"""Putting a worker together: the backend that suits, and torch where OpenVINO fails."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from structlog.testing import capture_logs

from bot.domain.errors import CheckpointError, ConfigurationError
from bot.domain.inference import GenerationRequest
from bot.worker.backends.selection import openvino_trouble
from bot.worker.engine.loaded_model import LoadedModel
from bot.worker.engine.metrics import Metrics
from bot.worker.factory import SMALL_PARAMETERS, default_threads, load_model
from bot.worker.memory import PUBLISHED, ModelSize, cpu_kv_bytes, gpu_kv_bytes, gpu_work_memory, kv_blocks
from bot.worker.options import EngineOptions
from tests.bot.worker.driving import GREEDY
from tests.fakes.checkpoints import tiny_checkpoint

WITH_OPENVINO = pytest.mark.skipif(
    openvino_trouble() is not None, reason="OpenVINO has no package for this machine"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny checkpoint."""
    return tiny_checkpoint(tmp_path / "tiny")


def load(folder: Path | str, **options: object) -> LoadedModel:
    """A worker's model, not yet started."""
    return load_model(
        EngineOptions(str(folder), slots=2, device="cpu", **options),  # type: ignore[arg-type]
        metrics=Metrics(),
        progress=lambda _: None,
    )


async def write(served: LoadedModel) -> str:
    """A greedy continuation."""
    completion = await served.complete(GenerationRequest("雨が降りはじめると、", GREEDY, 12, min_tokens=12))
    while served.engine.step():
        pass
    text = ""
    while not completion.finished:
        text += "".join(delta.text for delta in await completion.read())
    return text


@WITH_OPENVINO
async def test_openvino_in_eight_bits_is_what_a_cpu_gets(folder: Path) -> None:
    """Without anything set; it writes, and says what it is."""
    served = load(folder)
    assert (served.backend, served.quantization) == ("openvino", "int8")
    assert await write(served)


@pytest.mark.parametrize("options", [{"backend": "torch"}, {"quantization": "none"}, {"dtype": "bfloat16"}])
async def test_torch_where_it_is_asked_for(folder: Path, options: dict[str, str]) -> None:
    """By its name, or by what only torch has."""
    served = load(folder, **options)
    assert (served.backend, served.quantization) == ("torch", "none")
    assert await write(served)


@WITH_OPENVINO
@pytest.mark.parametrize("backend", ["auto", "openvino"])
async def test_an_openvino_that_computes_wrongly_is_replaced(
    folder: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning names the cause, and torch writes what it would have written."""
    from bot.worker.backends.openvino import OpenVinoBackend

    monkeypatch.setattr(OpenVinoBackend, "copy", lambda *_: None)
    with capture_logs() as log:
        served = load(folder, backend=backend)
    assert (served.backend, served.quantization) == ("torch", "none")
    [warning] = [entry for entry in log if entry["log_level"] == "warning"]
    assert "Disagreement" in warning["reason"]
    assert await write(served) == await write(load(folder, backend="torch"))


@WITH_OPENVINO
def test_a_model_that_openvino_has_no_graph_for_is_computed_by_torch(folder: Path) -> None:
    """An activation that nobody published is no reason to give up."""
    _change(folder, activation_function="silu")
    with capture_logs() as log:
        served = load(folder)
    assert served.backend == "torch"
    assert any("silu" in str(entry.get("reason")) for entry in log)


@WITH_OPENVINO
def test_nothing_is_converted_for_a_graph_that_is_not_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Converting takes minutes and gigabytes."""
    _change(folder, activation_function="silu")
    monkeypatch.delattr("bot.worker.factory.int8_model")
    with capture_logs() as log:
        assert load(folder).backend == "torch"
    assert [str(entry["reason"]) for entry in log if "silu" in str(entry.get("reason"))] == [
        "CheckpointError: no OpenVINO graph has the activation 'silu'"
    ]


@pytest.mark.skipif(
    platform.machine().lower() not in {"x86_64", "amd64"},
    reason="this machine's processor is none of OpenVINO's",
)
async def test_an_openvino_that_does_not_load_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a processor that it is made for, its absence makes everything slow: somebody should know."""
    monkeypatch.setitem(sys.modules, "openvino", None)
    with capture_logs() as log:
        served = load(folder)
    assert served.backend == "torch"
    [warning] = [entry for entry in log if entry["log_level"] == "warning"]
    assert "openvino cannot be imported" in warning["reason"]
    assert await write(served)


@WITH_OPENVINO
def test_weights_that_torch_could_not_compute_with_either_end_the_loading(folder: Path) -> None:
    """They are not taken for a failure of OpenVINO's."""
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.1.fc1.weight"][0, 0] = float("nan")
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"layers\.1\.fc1 has numbers that are not finite"):
        load(folder)


@WITH_OPENVINO
@pytest.mark.parametrize("backend", ["openvino", "torch"])
def test_more_keys_and_values_than_there_is_memory_are_refused(
    folder: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the variable: nothing is loaded, and not a second time with torch."""
    with pytest.raises(CheckpointError, match="TSUZUKI_ENGINE__KV_MEMORY_MIB asks for") as error:
        load(folder, backend=backend, kv_memory_mib=2**30)
    assert "OpenVINO failed" not in str(error.value)


@WITH_OPENVINO
def test_memory_that_runs_out_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing told before how much there is."""
    monkeypatch.setattr("bot.worker.factory.available_memory", lambda: None)
    with pytest.raises(CheckpointError, match=r"ran out .*set TSUZUKI_ENGINE__KV_MEMORY_MIB to less"):
        load(folder, backend="openvino", kv_memory_mib=2**30)


@WITH_OPENVINO
def test_too_little_memory_is_said_before_anything_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In eight bits it does not fit either: the figures say so."""
    monkeypatch.setattr("bot.worker.factory.available_memory", lambda: 10_000)
    (folder / "model.safetensors").write_bytes(b"never read")
    with pytest.raises(CheckpointError, match=r"int8 takes about .* GiB of memory and .* is free"):
        load(folder)


@WITH_OPENVINO
def test_both_reasons_are_told_where_nothing_can_compute(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch may need more memory than there is, which alone would be a riddle."""
    _change(folder, activation_function="silu")
    monkeypatch.setattr("bot.worker.factory.read_checkpoint", _no_memory)
    with pytest.raises(CheckpointError, match=r"float32 takes much .*OpenVINO failed.*silu"):
        load(folder)


def test_contradictions_are_told_before_anything_is_fetched() -> None:
    """A name on the hub is not asked for when it could not be used."""
    with pytest.raises(ConfigurationError, match="QUANTIZATION"):
        load("nobody/nothing", backend="torch", quantization="int8")


def test_progress_ends_before_the_backend_is_built(folder: Path) -> None:
    """It grows, and leaves a rest for what comes after reading."""
    seen: list[float] = []
    load_model(EngineOptions(str(folder), device="cpu"), metrics=Metrics(), progress=seen.append)
    assert seen == sorted(seen)
    assert 0.85 < seen[-1] < 1


def test_small_models_get_one_thread() -> None:
    """Handing out work costs more than it saves; large ones get every core."""
    small, large = ModelSize(1_000, 32, 64, 2), ModelSize(256_008, 1_024, 4_096, 24)
    assert small.parameters < SMALL_PARAMETERS < large.parameters
    assert default_threads(small) == 1
    assert default_threads(large) == torch.get_num_threads()


@pytest.mark.parametrize(
    ("memory_mib", "most", "expected"),
    [
        (None, None, 16 * 64),
        (None, 2**40, 16 * 64),
        (None, 400 * 32 * 1_024, 400),
        (None, 0, 65),
        (None, -5, 65),
        (1, 2**40, 65),
        (64, 0, 64 * 2**20 // (32 * 1_024)),
    ],
)
def test_keys_and_values_take_no_more_than_they_may(
    memory_mib: int | None, most: int | None, expected: int
) -> None:
    """Or what was said; and never less than one whole context and a block for its copy."""
    blocks = kv_blocks(
        context=2_048, block=32, bytes_per_token=1_024, slots=16, memory_mib=memory_mib, most=most
    )
    assert blocks == expected


def test_a_machine_keeps_three_quarters_and_a_gpu_a_tenth() -> None:
    """A machine has others to serve; a GPU is the worker's alone, but for what a step takes."""
    assert cpu_kv_bytes(4_000) == 1_000
    assert gpu_kv_bytes(5_000, 1_000) == 3_600
    assert gpu_kv_bytes(1_000, 5_000) == 0
    assert cpu_kv_bytes(None) is gpu_kv_bytes(None, 1) is None


def test_a_step_on_a_gpu_is_counted_by_what_it_computes() -> None:
    """Of the largest checkpoint, 64 rows filled up to whole contexts take more than anything else."""
    size = PUBLISHED["facebook/xglm-7.5B"]

    def work(*, graphs: bool) -> float:
        return gpu_work_memory(size, 2, rows=64, tokens=512, logits=64, graphs=graphs) / 2**30

    assert 0.6 < work(graphs=False) < 1
    assert work(graphs=True) - work(graphs=False) == pytest.approx(2 * 64 * 2_048 * 2 * 4_096 * 2 / 2**30)


def _no_memory(*_: object, **__: object) -> None:
    raise CheckpointError("float32 takes much")


def _change(folder: Path, **values: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **values}), encoding="utf-8")
