"""Which backend computes: what suits the machine, or what was asked for, or a sentence that says why not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bot.errors import ConfigurationError
from bot.worker.choice import OPENVINO, TORCH, Choice, choose, openvino_trouble
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
def test_where_openvino_runs(options: EngineOptions, device: str, expected: Choice) -> None:
    """It is taken unless something that only torch has was asked for."""
    assert choose(options, device, fine) == expected


def test_without_openvino_torch_computes() -> None:
    """Nobody has to set anything for that."""
    assert choose(EngineOptions(), "cpu", missing) == TORCH


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
    ],
)
def test_what_contradicts_itself_is_refused(options: EngineOptions, told: str) -> None:
    """The sentence names the variables to set."""
    with pytest.raises(ConfigurationError, match=told):
        choose(options, "cpu", fine)


@pytest.mark.parametrize(
    ("device", "told"),
    [("cuda", "the device is cuda; set TSUZUKI_ENGINE__DEVICE"), ("cpu", "it is not there")],
)
@pytest.mark.parametrize("options", [EngineOptions(backend="openvino"), EngineOptions(quantization="int8")])
def test_what_was_asked_for_and_cannot_be_is_refused(options: EngineOptions, device: str, told: str) -> None:
    """Somebody who asks for OpenVINO is not given torch without a word."""
    with pytest.raises(ConfigurationError, match=told):
        choose(options, device, missing)


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
        "from bot.worker.choice import openvino_trouble\n"
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
