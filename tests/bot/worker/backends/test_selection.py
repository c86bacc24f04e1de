"""Which backend computes: what suits the machine, or what was asked for, or a sentence that says why not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bot.domain.errors import ConfigurationError
from bot.worker.backends.selection import OPENVINO, TORCH, BackendSelection, openvino_trouble, select_backend
from bot.worker.options import EngineOptions


def fine() -> str | None:
    """A machine with OpenVINO."""
    return None


def missing() -> str | None:
    """A machine without."""
    return "it is not there"


@pytest.mark.parametrize(
    ("options", "device", "expected"),
    [
        (EngineOptions(), "cpu", OPENVINO),
        (EngineOptions(), "cuda", TORCH),
        (EngineOptions(dtype="bfloat16"), "cpu", TORCH),
        (EngineOptions(backend="torch"), "cpu", TORCH),
        (EngineOptions(quantization="none"), "cpu", TORCH),
        (EngineOptions(quantization="none", dtype="float32"), "cuda", TORCH),
        (EngineOptions(backend="openvino"), "cpu", OPENVINO),
        (EngineOptions(quantization="int8"), "cpu", OPENVINO),
        (EngineOptions(backend="openvino", quantization="int8"), "cpu", OPENVINO),
        (EngineOptions(backend="torch", quantization="none"), "cpu", TORCH),
    ],
)
def test_where_openvino_runs(options: EngineOptions, device: str, expected: BackendSelection) -> None:
    """It is taken unless something that only torch has was asked for."""
    assert select_backend(options, device, fine) == expected


def test_without_openvino_torch_computes() -> None:
    """Nobody has to set anything for that."""
    assert select_backend(EngineOptions(), "cpu", missing) == TORCH


@pytest.mark.parametrize(
    ("options", "device", "machine", "told"),
    [
        (EngineOptions(), "cpu", "x86_64", "it is not there"),
        (EngineOptions(), "cpu", "AMD64", "it is not there"),
        (EngineOptions(), "cpu", "aarch64", None),
        (EngineOptions(), "cuda", "x86_64", None),
        (EngineOptions(dtype="float32"), "cpu", "x86_64", None),
        (EngineOptions(backend="torch"), "cpu", "x86_64", None),
    ],
)
def test_an_openvino_that_should_be_there_is_missed(
    options: EngineOptions, device: str, machine: str, told: str | None
) -> None:
    """On its kind of processor its absence is trouble; elsewhere, or where torch is wanted, it is not."""
    assert select_backend(options, device, missing, machine).trouble == told
    assert select_backend(EngineOptions(), "cpu", fine, machine).trouble is None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (EngineOptions(backend="torch", quantization="int8"), "QUANTIZATION to none.*BACKEND to openvino"),
        (EngineOptions(backend="openvino", quantization="none"), "QUANTIZATION to int8.*BACKEND to torch"),
        (EngineOptions(backend="onnx"), "BACKEND cannot be 'onnx'; use one of auto, openvino, torch"),
        (EngineOptions(quantization="int4"), "QUANTIZATION cannot be 'int4'; use one of auto, none, int8"),
        (EngineOptions(kv_precision="f32"), "KV_PRECISION cannot be 'f32'; use one of auto, u8, f16"),
        (EngineOptions(backend="openvino", dtype="float32"), "DTYPE=float32.*BACKEND to torch"),
        (EngineOptions(quantization="int8", dtype="float32"), "DTYPE=float32.*BACKEND to torch"),
        (EngineOptions(cuda_graphs="yes"), "CUDA_GRAPHS cannot be 'yes'; use one of on, off"),
        (EngineOptions(cuda_graphs="on"), "CUDA_GRAPHS=on is for GPUs.* cpu; set it to off"),
        (EngineOptions(cuda_graphs="on", backend="torch"), "CUDA_GRAPHS=on is for GPUs.* cpu; set it to off"),
        (EngineOptions(kv_precision="f16", backend="torch"), "KV_PRECISION=f16 .*torch.*set it to auto"),
        (EngineOptions(kv_precision="u8", dtype="float32"), "KV_PRECISION=u8 .*torch.*set it to auto"),
    ],
)
def test_what_contradicts_itself_is_refused(options: EngineOptions, told: str) -> None:
    """The sentence names the variables to set."""
    with pytest.raises(ConfigurationError, match=told):
        select_backend(options, "cpu", fine)


def test_what_openvino_has_is_refused_where_it_is_not() -> None:
    """The sentence says why it is not."""
    options = EngineOptions(kv_precision="f16")
    assert select_backend(options, "cpu", fine) == OPENVINO
    with pytest.raises(ConfigurationError, match=r"torch computes here \(it is not there\).*set it to auto"):
        select_backend(options, "cpu", missing, "x86_64")
    with pytest.raises(ConfigurationError, match="torch computes here:"):
        select_backend(options, "cuda", missing, "x86_64")


def test_graphs_are_a_gpus() -> None:
    """There they may be asked for."""
    assert select_backend(EngineOptions(cuda_graphs="on"), "cuda", fine) == TORCH


@pytest.mark.parametrize(
    ("device", "told"),
    [("cuda", "the device is cuda; set TSUZUKI_ENGINE__DEVICE"), ("cpu", "it is not there")],
)
@pytest.mark.parametrize("options", [EngineOptions(backend="openvino"), EngineOptions(quantization="int8")])
def test_what_was_asked_for_and_cannot_be_is_refused(options: EngineOptions, device: str, told: str) -> None:
    """Somebody who asks for OpenVINO is not given torch without a word."""
    with pytest.raises(ConfigurationError, match=told):
        select_backend(options, device, missing)


def test_another_processor_has_no_openvino() -> None:
    """Nothing is imported to find that out."""
    trouble = openvino_trouble("aarch64")
    assert trouble is not None
    assert "aarch64" in trouble


def test_openvino_sends_nothing_anywhere() -> None:
    """Its import would report to its makers: here it opens no socket, starts no process, keeps no id."""
    code = (
        "import sys\n"
        "def hear(event, arguments):\n"
        "    if event.startswith(('socket.', 'os.fork', 'os.mkdir', 'subprocess.')):\n"
        "        print(event, arguments)\n"
        "from bot.worker.backends.selection import openvino_trouble\n"
        "sys.addaudithook(hear)\n"
        "assert openvino_trouble() is None, openvino_trouble()\n"
        "assert 'openvino' in sys.modules\n"
        "print([name for name, module in sys.modules.items() if module and 'openvino_telemetry' in name])\n"
    )
    if openvino_trouble() is not None:
        pytest.skip("OpenVINO has no package for this machine")
    result = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines() == ["[]"]
