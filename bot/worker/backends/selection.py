"""Which backend computes, and in which numbers. Knows no torch."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.domain.errors import ConfigurationError
from bot.worker.options import EngineOptions

BACKENDS = ("auto", "openvino", "torch")
QUANTIZATIONS = ("auto", "none", "int8")
KV_PRECISIONS = ("u8", "f16")
"""How OpenVINO may keep keys and values. With f32, OpenVINO 2026.4 zeroes the values behind a subsequence to
the end of its block, where the prompt's last token, which is computed alone, has just put its own. It refuses
bf16 beside float32."""
CUDA_GRAPHS = ("on", "off")

_MACHINES = {"x86_64", "amd64"}

_BACKEND, _QUANTIZATION, _DTYPE, _DEVICE, _KV_PRECISION, _CUDA_GRAPHS = (
    f"TSUZUKI_ENGINE__{name}"
    for name in ("BACKEND", "QUANTIZATION", "DTYPE", "DEVICE", "KV_PRECISION", "CUDA_GRAPHS")
)


@dataclass(frozen=True, slots=True)
class BackendSelection:
    """`backend` is `openvino` or `torch`, `quantization` is `int8` or `none`: only these two pairs exist.

    `trouble`: why it is torch on a machine that OpenVINO is made for, where nobody asked for that.
    """

    backend: str
    quantization: str
    trouble: str | None = field(default=None, compare=False)


OPENVINO = BackendSelection("openvino", "int8")
TORCH = BackendSelection("torch", "none")


def openvino_trouble(machine: str | None = None) -> str | None:
    """Why OpenVINO cannot be used on this machine, or None. Imports it."""
    if not _suits(machine):
        return f"it computes on x86-64 processors only, and this is {machine or platform.machine()}"
    # First, for what it does to openvino's import.
    importlib.import_module("bot.worker.backends")
    try:
        importlib.import_module("openvino")
    except Exception as error:  # noqa: BLE001 - a library that does not load may raise anything
        return f"the package openvino cannot be imported: {error}"
    return None


def _suits(machine: str | None) -> bool:
    return (machine or platform.machine()).lower() in _MACHINES


def select_backend(
    options: EngineOptions,
    device: str,
    trouble: Callable[[], str | None] = openvino_trouble,
    machine: str | None = None,
) -> BackendSelection:
    """The pair that the options ask for; `auto` takes OpenVINO in eight bits where it can.

    A dtype that was asked for is one of torch's, and so chooses torch where nothing else does.

    Args:
        options: what was set.
        device: the kind of device that torch would use here, `cpu` or `cuda`.
        trouble: why OpenVINO cannot be used.
        machine: the kind of processor; None: this one.

    Raises:
        ConfigurationError: the options contradict each other or this machine; it says what to set.
    """
    _check(options)
    if options.cuda_graphs == "on" and device != "cuda":
        raise ConfigurationError(f"{_CUDA_GRAPHS}=on is for GPUs, and the device is {device}; set it to off")
    choice = _select(options, device, trouble, machine)
    if choice == TORCH and options.kv_precision != "auto":
        why = f" ({choice.trouble})" if choice.trouble else ""
        raise ConfigurationError(
            f"{_KV_PRECISION}={options.kv_precision} is for OpenVINO, and torch computes here{why}: "
            "its keys and values are as precise as its weights; set it to auto"
        )
    return choice


def _select(
    options: EngineOptions, device: str, trouble: Callable[[], str | None], machine: str | None
) -> BackendSelection:
    if options.backend == "torch" or options.quantization == "none":
        return TORCH
    asked = next(
        (
            f"{name}={value}"
            for name, value, plain in (
                (_BACKEND, options.backend, "auto"),
                (_QUANTIZATION, options.quantization, "auto"),
            )
            if value != plain
        ),
        None,
    )
    against = _check_openvino(options, device)
    found = trouble() if against is None else None
    if against is None and found is None:
        return OPENVINO
    if asked is None:
        return replace(TORCH, trouble=found) if _suits(machine) else TORCH
    against = against or f"{found}; set {_BACKEND} and {_QUANTIZATION} to auto"
    raise ConfigurationError(f"{asked} is not possible here: {against}")


def _check(options: EngineOptions) -> None:
    for name, value, known in (
        (_BACKEND, options.backend, BACKENDS),
        (_QUANTIZATION, options.quantization, QUANTIZATIONS),
        (_KV_PRECISION, options.kv_precision, ("auto", *KV_PRECISIONS)),
        (_CUDA_GRAPHS, options.cuda_graphs, CUDA_GRAPHS),
    ):
        if value not in known:
            raise ConfigurationError(f"{name} cannot be {value!r}; use one of {', '.join(known)}")
    if (options.backend, options.quantization) == ("torch", "int8"):
        raise ConfigurationError(
            f"torch does not compute in int8 here: set {_QUANTIZATION} to none (or auto), "
            f"or {_BACKEND} to openvino"
        )
    if (options.backend, options.quantization) == ("openvino", "none"):
        raise ConfigurationError(
            f"openvino computes in int8 only: set {_QUANTIZATION} to int8 (or auto), or {_BACKEND} to torch"
        )


def _check_openvino(options: EngineOptions, device: str) -> str | None:
    """What was set that keeps OpenVINO from being chosen."""
    if options.dtype != "auto":
        return (
            f"{_DTYPE}={options.dtype} is a precision of torch's; leave it unset, or set {_BACKEND} to torch"
        )
    if device != "cpu":
        return f"OpenVINO computes on the processor, and the device is {device}; set {_DEVICE} to cpu"
    return None
