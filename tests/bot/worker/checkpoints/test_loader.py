"""Loading checkpoints: every layout, every fault named, memory said before it is taken."""

from __future__ import annotations

import io
import json
import re
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from safetensors.torch import load_file, save_file
from structlog.testing import capture_logs
from transformers import GPT2Config, XGLMConfig, XGLMForCausalLM

from bot.domain.errors import CheckpointError, TokenizerError
from bot.worker.checkpoints.loader import choose_device, choose_dtype, embedded_model, read_config
from bot.worker.checkpoints.weights import StoredTensors, expected_shapes, find_weights, read_tensors
from bot.worker.memory import (
    PUBLISHED,
    MemoryBudget,
    ModelSize,
    available_memory,
    int8_plan,
    shortage,
    torch_memory,
)
from tests.bot.worker.loading import load_checkpoint
from tests.fakes.checkpoints import Layout, tiny_checkpoint, tiny_config


@pytest.mark.parametrize("layout", get_args(Layout))
def test_every_layout_gives_the_same_tensors(layout: Layout, tmp_path: Path) -> None:
    """Whole, sharded, pickled, with old keys: names and values are those of transformers."""
    expected = load_file(tiny_checkpoint(tmp_path / "plain") / "model.safetensors")
    folder = tiny_checkpoint(tmp_path / "layout", layout=layout)
    checkpoint = load_checkpoint(folder, device="cpu")
    assert expected.keys() == checkpoint.tensors.keys()
    # An fp16 file has lost digits already; all others are exact.
    tolerance = 2e-3 if layout == "fp16_bin" else 0.0
    for name, tensor in checkpoint.tensors.items():
        torch.testing.assert_close(tensor, expected[name], rtol=tolerance, atol=tolerance)
    assert checkpoint.name == "layout"


def test_the_tensors_are_transformers_own(tmp_path: Path) -> None:
    """They fill an XGLMForCausalLM completely, the tied head included."""
    checkpoint = load_checkpoint(tiny_checkpoint(tmp_path), device="cpu")
    model = XGLMForCausalLM(checkpoint.config)
    assert {name: tuple(p.shape) for name, p in model.named_parameters()} == expected_shapes(
        checkpoint.config
    )
    missing, unexpected = model.load_state_dict(checkpoint.tensors, strict=False)
    assert unexpected == []
    assert set(missing) <= {"lm_head.weight"}
    embedding = checkpoint.tensors["model.embed_tokens.weight"]
    assert torch.equal(model.lm_head.weight, embedding)


@pytest.mark.parametrize("layout", ["safetensors", "fp16_bin"])
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("auto", torch.float32), ("float32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_every_tensor_has_the_asked_dtype(
    layout: Layout, dtype: str, expected: torch.dtype, tmp_path: Path
) -> None:
    """Whatever the file's own dtype: an fp16 file computed as it is would crawl on a CPU."""
    checkpoint = load_checkpoint(tiny_checkpoint(tmp_path, layout=layout), dtype=dtype, device="cpu")
    assert {tensor.dtype for tensor in checkpoint.tensors.values()} == {expected}


def test_auto_prefers_bfloat16_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """float16 can overflow, so it is only the choice of GPUs that have no bfloat16."""
    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "device", nullcontext)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert choose_dtype("auto", gpu) is torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert choose_dtype("auto", gpu) is torch.float16
    assert choose_dtype("auto", torch.device("cpu")) is torch.float32


def test_the_gpu_that_was_chosen_is_asked_for_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine may have an old one and a new one; torch answers for the current device."""
    current = [0]

    @contextmanager
    def device(chosen: torch.device) -> Iterator[None]:
        current.append(chosen.index)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: current[-1] == 1)
    assert choose_dtype("auto", torch.device("cuda:0")) is torch.float16
    assert choose_dtype("auto", torch.device("cuda:1")) is torch.bfloat16
    assert current == [0]


def test_a_gpu_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before torch fails in the middle of loading."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(CheckpointError, match=r"cuda:2 was asked for.*cuda:1"):
        choose_device("cuda:2")


@pytest.mark.parametrize("device", ["meta", "mps", "xpu"])
def test_a_device_that_nobody_computes_on_is_refused(device: str) -> None:
    """Torch knows more kinds of device than Tsuzuki."""
    with pytest.raises(CheckpointError, match=f"{device}.*use auto, cpu or cuda"):
        choose_device(device)


def test_auto_takes_the_gpu_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU if torch finds one, else the CPU; asking for one that is not there is an error."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto", lambda _: None).type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    with pytest.raises(CheckpointError, match="no GPU"):
        choose_device("cuda")


def test_auto_tries_the_gpu_before_it_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver may be there whose kernels do not run: torch finds a GPU then, and nothing computes on it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with capture_logs() as logged:
        assert choose_device("auto", lambda _: "no kernel image").type == "cpu"
    assert logged[0]["reason"] == "no kernel image"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_cannot_be_used_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever torch raises where it was built without CUDA, or finds no driver."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cpu"


@pytest.mark.parametrize(("dtype", "device"), [("int3", "cpu"), ("auto", "abacus")])
def test_an_unknown_dtype_or_device_is_said(dtype: str, device: str, tmp_path: Path) -> None:
    """The error lists what there is."""
    with pytest.raises(CheckpointError, match=r"is called.*use auto"):
        load_checkpoint(tiny_checkpoint(tmp_path), dtype=dtype, device=device)


def of_size(folder: Path, size: ModelSize) -> Path:
    """A folder that looks like a checkpoint of that size until its tokenizer is read, which is too small."""
    tiny_checkpoint(folder)
    described = XGLMConfig(
        vocab_size=size.vocabulary, d_model=size.width, ffn_dim=size.inner, num_layers=size.layers
    )
    (folder / "config.json").write_text(json.dumps(described.to_dict()), encoding="utf-8")
    return folder


def test_progress_grows_to_one(tmp_path: Path) -> None:
    """It starts at 0, never falls, and tells of steps between."""
    seen: list[float] = []
    load_checkpoint(tiny_checkpoint(tmp_path, layout="sharded"), device="cpu", progress=seen.append)
    assert seen[0] == 0.0
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(set(seen)) > 10


@pytest.mark.parametrize("layout", ["safetensors", "fp16_bin", "bin_sharded"])
def test_tensors_are_read_one_at_a_time(layout: Layout, tmp_path: Path) -> None:
    """A tensor that was taken is let go, so converting needs hardly more than one copy of the model."""
    alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
    tensors = read_tensors(find_weights(tiny_checkpoint(tmp_path, layout=layout)))
    for _ in range(len(expected_shapes(read_config(tmp_path)))):
        _, tensor = next(tensors)
        alive.add(tensor)
        del tensor
        assert len(alive) <= 1


def test_too_little_memory_is_said_before_loading(tmp_path: Path) -> None:
    """The error gives what is needed, what is there and what to do; nothing has been read by then."""
    folder = tiny_checkpoint(tmp_path)
    (folder / "model.safetensors").write_bytes(b"never read")
    with pytest.raises(CheckpointError, match=r"float32 takes .* GiB of memory and .* is free.*bfloat16"):
        load_checkpoint(folder, device="cpu", memory=lambda: 10_000)


def test_what_would_fit_is_said(tmp_path: Path) -> None:
    """The ways to load the same are told with their figures, and the largest smaller model that fits."""
    folder = of_size(tmp_path, PUBLISHED["facebook/xglm-1.7B"])
    with pytest.raises(CheckpointError) as told:
        load_checkpoint(folder, device="cpu", memory=lambda: 4 * 2**30)
    message = str(told.value)
    assert re.search(r"float32 takes about 9\.\d GiB of memory and 4\.0 GiB is free", message)
    assert re.search(r"bfloat16 takes about 6\.\d GiB, int8 takes about 3\.\d GiB and would fit", message)
    assert "facebook/xglm-564M in int8 would fit" in message


@pytest.mark.parametrize("impossible", ["machine", "failed"])
def test_nothing_is_advised_that_cannot_be(
    impossible: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without OpenVINO, or where it has just failed, int8 is no way out; bfloat16 may be one."""
    if impossible == "machine":
        monkeypatch.setattr("platform.machine", lambda: "aarch64")
    folder = of_size(tmp_path, PUBLISHED["facebook/xglm-1.7B"])
    with pytest.raises(CheckpointError) as told:
        load_checkpoint(folder, device="cpu", memory=lambda: 4 * 2**30, int8=impossible == "machine")
    assert "int8" not in str(told.value)
    assert "facebook/xglm-564M in bfloat16 would fit" in str(told.value)


def test_keys_and_values_count(tmp_path: Path) -> None:
    """Those of one context, or as many as were asked for: then the sentence says who asked."""
    folder = of_size(tmp_path, PUBLISHED["facebook/xglm-564M"])
    size, kv = PUBLISHED["facebook/xglm-564M"], 2_048 * 2 * 24 * 1_024 * 4
    needed = torch_memory(size, 4, kv)
    assert needed == torch_memory(size, 4, 0) + kv
    for mib, free, told in (
        (None, needed - 1, "float32 takes"),
        (1, needed - 1, "float32 takes"),
        (2**20, 2**40, r"takes about 1\d{3}\.\d GiB .*TSUZUKI_ENGINE__KV_MEMORY_MIB asks for 1024\.0 GiB"),
    ):
        with pytest.raises(CheckpointError, match=told):
            load_checkpoint(folder, device="cpu", kv_memory_mib=mib, memory=lambda free=free: free)
    with pytest.raises(TokenizerError):
        # It fits, and is read.
        load_checkpoint(folder, device="cpu", memory=lambda: needed)


@pytest.mark.parametrize(
    ("gpu_gib", "ram_gib", "told"),
    [
        (
            3.5,
            16.0,
            r"bfloat16 takes about 4\.\d GiB of memory on cuda and 3\.5 GiB is free; facebook/xglm-564M",
        ),
        (4.5, 1.0, r"bfloat16 for a GPU takes about 2\.4 GiB of memory and 1\.0 GiB is free"),
        (4.5, 2.5, "the tokenizer has"),
    ],
)
def test_a_gpus_memory_and_the_machines_are_counted_apart(
    gpu_gib: float, ram_gib: float, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest tensor and the tokenizer are never on the GPU; weights, keys and values are only there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (int(gpu_gib * 2**30), 2**40))
    folder = of_size(tmp_path, PUBLISHED["facebook/xglm-1.7B"])
    with pytest.raises((CheckpointError, TokenizerError), match=told) as error:
        load_checkpoint(folder, dtype="bfloat16", device="cuda", memory=lambda: int(ram_gib * 2**30))
    assert "int8" not in str(error.value)


@pytest.mark.parametrize(
    ("free_gib", "named"),
    [(1.0, None), (2.5, "facebook/xglm-564M"), (4.0, "facebook/xglm-1.7B"), (5.0, "facebook/xglm-2.9B")],
)
def test_the_largest_that_fits_is_named(free_gib: float, named: str | None) -> None:
    """Never one as large as what was asked for, and none where none fits."""
    large, small = PUBLISHED["facebook/xglm-7.5B"], PUBLISHED["facebook/xglm-564M"]
    message = shortage(int8_plan(large, 0), MemoryBudget(), int(free_gib * 2**30), large)
    assert [name for name in PUBLISHED if name in message] == ([named] if named else [])
    assert "facebook" not in shortage(int8_plan(small, 0), MemoryBudget(), 2**40, small)


def test_two_bytes_a_number_need_less(tmp_path: Path) -> None:
    """Memory that is too small for float32 can do for bfloat16."""
    folder = tiny_checkpoint(tmp_path, d_model=64, ffn_dim=256, num_layers=12, max_position_embeddings=64)
    size = (folder / "model.safetensors").stat().st_size
    with pytest.raises(CheckpointError, match="float32"):
        load_checkpoint(folder, device="cpu", dtype="float32", memory=lambda: size)
    assert load_checkpoint(folder, device="cpu", dtype="bfloat16", memory=lambda: size)


def test_unknown_memory_is_no_obstacle(tmp_path: Path) -> None:
    """Where nothing tells how much there is, loading is tried."""
    assert load_checkpoint(tiny_checkpoint(tmp_path), device="cpu", memory=lambda: None)


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    """The machine may have more than the container it is asked in."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 99 kB\nMemAvailable:  4000 kB\n", encoding="ascii")
    assert available_memory(tmp_path) == 4_000 * 1024
    cgroup = tmp_path / "sys/fs/cgroup"
    cgroup.mkdir(parents=True)
    (cgroup / "memory.current").write_text("600\n", encoding="ascii")
    (cgroup / "memory.max").write_text("max\n", encoding="ascii")
    assert available_memory(tmp_path) == 4_000 * 1024
    (cgroup / "memory.max").write_text("1000\n", encoding="ascii")
    assert available_memory(tmp_path) == 400
    assert available_memory(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("folder", "limit", "used", "stat"),
    [
        (
            "sys/fs/cgroup",
            "memory.max",
            "memory.current",
            "anon 300\nfile 450\ninactive_file 400\nactive_file 50\nslab_reclaimable 30\n",
        ),
        (
            "sys/fs/cgroup/memory",
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "inactive_file 7\nactive_file 7\ntotal_inactive_file 400\ntotal_active_file 80\n",
        ),
    ],
)
def test_what_a_container_read_is_not_what_it_uses(
    folder: str, limit: str, used: str, stat: str, tmp_path: Path
) -> None:
    """Files that were just fetched or hashed fill a container's memory, and make place when it is needed."""
    (tmp_path / folder).mkdir(parents=True)
    for name, content in ((limit, "1000\n"), (used, "990\n"), ("memory.stat", stat)):
        (tmp_path / folder / name).write_text(content, encoding="ascii")
    assert available_memory(tmp_path) == 1_000 - (990 - 480)
    (tmp_path / folder / used).write_text("400\n", encoding="ascii")
    assert available_memory(tmp_path) == 1_000


def test_missing_and_unexpected_tensors_are_named(tmp_path: Path) -> None:
    """The error tells which tensors are not there, and which nobody knows."""
    file = tiny_checkpoint(tmp_path) / "model.safetensors"
    tensors = load_file(file)
    tensors["model.layers.7.fc1.bias"] = tensors.pop("model.layers.1.fc1.bias")
    save_file(tensors, file)
    with pytest.raises(CheckpointError, match=r"missing: .*\.1\.fc1\.bias; unexpected: .*\.7\.fc1\.bias"):
        load_checkpoint(tmp_path, device="cpu")


def test_a_tensor_of_another_shape_is_named(tmp_path: Path) -> None:
    """A config of another size shows at once, not in the middle of a story."""
    file = tiny_checkpoint(tmp_path) / "model.safetensors"
    tensors = load_file(file)
    tensors["model.layer_norm.bias"] = torch.zeros(3)
    save_file(tensors, file)
    with pytest.raises(CheckpointError, match=r"model\.layer_norm\.bias is \(3,\), not \(32,\)"):
        load_checkpoint(tmp_path, device="cpu")


def test_a_head_of_its_own_is_refused(tmp_path: Path) -> None:
    """An untied head would silently be ignored; a tied one is only a second name."""
    file = tiny_checkpoint(tmp_path) / "model.safetensors"
    tensors = load_file(file)
    save_file({**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"] + 1}, file)
    with pytest.raises(CheckpointError, match="tied"):
        load_checkpoint(tmp_path, device="cpu")


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    """The error names the kind that was found."""
    tiny_checkpoint(tmp_path)
    GPT2Config().save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="'gpt2'"):
        load_checkpoint(tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"attention_heads": 5}, "5 heads"),
        ({"add_cross_attention": True}, "cross-attention"),
        ({"d_model": "wide"}, "no valid XGLM"),
    ],
)
def test_an_impossible_configuration_is_said(change: dict[str, object], told: str, tmp_path: Path) -> None:
    """What cannot be computed is refused while it can still be explained."""
    file = tiny_checkpoint(tmp_path) / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(CheckpointError, match=told):
        load_checkpoint(tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("missing", "layout"),
    [("config.json", "safetensors"), ("model.safetensors", "safetensors"), ("pytorch_model.bin", "bin")],
)
def test_a_missing_file_is_named(missing: str, layout: Layout, tmp_path: Path) -> None:
    """The folder and the file are in the error."""
    (tiny_checkpoint(tmp_path, layout=layout) / missing).unlink()
    with pytest.raises(CheckpointError, match=missing):
        load_checkpoint(tmp_path, device="cpu")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    """An interrupted download is told by the shard that is not there."""
    shard = tiny_checkpoint(tmp_path, layout="sharded") / "model-00002-of-00003.safetensors"
    shard.unlink()
    with pytest.raises(CheckpointError, match=f"lacks {shard.name}"):
        load_checkpoint(tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("file", "layout"),
    [
        ("model.safetensors", "safetensors"),
        ("pytorch_model.bin", "bin"),
        ("config.json", "bin"),
        ("model.safetensors.index.json", "sharded"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n"])
def test_a_broken_file_is_named(file: str, layout: Layout, content: bytes, tmp_path: Path) -> None:
    """An empty file or a pointer left by git-lfs is told as the file that cannot be read."""
    (tiny_checkpoint(tmp_path, layout=layout) / file).write_bytes(content)
    with pytest.raises(CheckpointError, match=file):
        load_checkpoint(tmp_path, device="cpu")


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    """Checkpoints come from strangers: a pickle may hold tensors only."""
    folder = tiny_checkpoint(tmp_path, layout="bin")
    torch.save({"model.layer_norm.bias": Path("/")}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(folder, device="cpu")


def test_a_pickle_of_parameters_gives_plain_tensors(tmp_path: Path) -> None:
    """Torch would record what is computed with parameters."""
    folder = tiny_checkpoint(tmp_path, layout="bin")
    file = folder / "pytorch_model.bin"
    torch.save({name: torch.nn.Parameter(tensor) for name, tensor in torch.load(file).items()}, file)
    tensors = load_checkpoint(folder, device="cpu").tensors
    assert {type(tensor) for tensor in tensors.values()} == {torch.Tensor}
    assert not any(tensor.requires_grad for tensor in tensors.values())


@pytest.mark.parametrize("entry", [{"step": 3}, {"state_dict": {}}, {3: torch.zeros(1)}])
@pytest.mark.parametrize("read", [load_checkpoint, lambda folder, **_: StoredTensors(find_weights(folder))])
def test_a_pickle_that_holds_more_than_tensors_is_refused(
    entry: dict[object, object], read: Callable[..., object], tmp_path: Path
) -> None:
    """A training state or a nested dictionary is told as what it is."""
    file = tiny_checkpoint(tmp_path, layout="bin") / "pytorch_model.bin"
    torch.save({**torch.load(file), **entry}, file)
    [key] = entry
    with pytest.raises(CheckpointError, match=rf"pytorch_model\.bin holds more than tensors: {key!r}"):
        read(tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("file", "layout"),
    [
        ("config.json", "safetensors"),
        ("pytorch_model.bin", "bin"),
        ("pytorch_model.bin.index.json", "bin_sharded"),
    ],
)
def test_a_file_that_cannot_be_opened_is_named(
    file: str, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's file, for example."""
    folder = tiny_checkpoint(tmp_path, layout=layout)
    opening = io.open

    def refuse(path: object, *arguments: Any, **options: Any) -> Any:
        if str(path) == str(folder / file):
            raise PermissionError(13, "Permission denied", str(path))
        return opening(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(io, "open", refuse)
    with pytest.raises(CheckpointError, match=f"{file} cannot be read"):
        load_checkpoint(folder, device="cpu", memory=lambda: None)


def test_a_home_that_nobody_has_is_said() -> None:
    """It is no folder, and no name on the hub."""
    with pytest.raises(CheckpointError, match="whose home is meant in ~nobody-here/x"):
        load_checkpoint("~nobody-here/x")


def test_a_folder_that_is_not_there_is_said() -> None:
    """No hub is asked for something that is no hub name."""
    with pytest.raises(CheckpointError, match="no folder /nowhere/at/all"):
        load_checkpoint("/nowhere/at/all")


def test_the_embedded_model_is_part_of_the_package() -> None:
    """Its folder lies in `bot`, wherever that is installed."""
    assert embedded_model().parts[-3:] == ("bot", "models", "tsuzuki-ja")


def test_shapes_come_from_the_configuration() -> None:
    """No figure of a published size is assumed."""
    shapes = expected_shapes(tiny_config(500, d_model=48, ffn_dim=100, num_layers=3))
    assert shapes["model.embed_tokens.weight"] == (500, 48)
    assert shapes["model.layers.2.fc1.weight"] == (100, 48)
    assert "model.layers.3.fc1.weight" not in shapes
