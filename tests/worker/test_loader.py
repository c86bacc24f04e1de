"""Loading checkpoints: every layout, every fault named, memory said before it is taken."""

from __future__ import annotations

import json
import re
import weakref
from pathlib import Path
from typing import get_args

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, XGLMConfig, XGLMForCausalLM

from bot.errors import CheckpointError
from bot.worker.loader import choose_device, choose_dtype, embedded_model, load_checkpoint, read_config
from bot.worker.memory import PUBLISHED, available_memory, too_little
from bot.worker.weights import expected_shapes, find_weights, read_tensors
from tests.worker.checkpoints import Layout, tiny_checkpoint, tiny_config


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
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    assert choose_dtype("auto", gpu) is torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert choose_dtype("auto", gpu) is torch.float16
    assert choose_dtype("auto", torch.device("cpu")) is torch.float32


def test_auto_takes_the_gpu_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU if torch finds one, else the CPU; asking for one that is not there is an error."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    with pytest.raises(CheckpointError, match="no GPU"):
        choose_device("cuda")


@pytest.mark.parametrize(("dtype", "device"), [("int3", "cpu"), ("auto", "abacus")])
def test_an_unknown_dtype_or_device_is_said(dtype: str, device: str, tmp_path: Path) -> None:
    """The error lists what there is."""
    with pytest.raises(CheckpointError, match=r"is called.*use auto"):
        load_checkpoint(tiny_checkpoint(tmp_path), dtype=dtype, device=device)


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
    folder = tiny_checkpoint(tmp_path)
    described = XGLMConfig(d_model=2_048, ffn_dim=8_192, num_layers=24).to_dict()
    (folder / "config.json").write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(CheckpointError) as told:
        load_checkpoint(folder, device="cpu", memory=lambda: 4 * 2**30)
    message = str(told.value)
    assert re.search(r"float32 takes about 8\.\d GiB of memory and 4\.0 GiB is free", message)
    assert re.search(r"bfloat16 takes about 5\.\d GiB, int8 takes about 3\.\d GiB and would fit", message)
    assert "facebook/xglm-564M in int8 would fit" in message


@pytest.mark.parametrize(
    ("free_gib", "named"),
    [(1.0, None), (2.5, "facebook/xglm-564M"), (4.0, "facebook/xglm-1.7B"), (5.0, "facebook/xglm-2.9B")],
)
def test_the_largest_that_fits_is_named(free_gib: float, named: str | None) -> None:
    """Never one as large as what was asked for, and none where none fits."""
    message = too_little("int8", 2**34, int(free_gib * 2**30), {}, PUBLISHED["facebook/xglm-7.5B"])
    assert [name for name in PUBLISHED if name in message] == ([named] if named else [])
    assert "facebook" not in too_little("int8", 1, 2**40, {}, PUBLISHED["facebook/xglm-564M"])


def test_two_bytes_a_number_need_less(tmp_path: Path) -> None:
    """Memory that is too small for float32 can do for bfloat16."""
    folder = tiny_checkpoint(tmp_path, d_model=64, ffn_dim=256, num_layers=12)
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
