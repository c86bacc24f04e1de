"""Checkpoints in eight bits: the same from every layout, kept in a cache, mapped from there."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import torch
from safetensors.torch import load_file, save_file
from structlog.testing import capture_logs

from bot.domain.errors import CheckpointError
from bot.worker.checkpoints import quantized_cache as shelf
from bot.worker.checkpoints.int8 import Int8Linear, Int8Model, quantize
from bot.worker.checkpoints.loader import read_config
from bot.worker.checkpoints.quantized_cache import DIGESTS_FILE, PARTIAL, cache_folder, int8_model
from bot.worker.checkpoints.quantized_model import (
    CONTENTS,
    CachedInt8Model,
    InMemoryInt8Model,
    Quantizer,
    is_whole,
)
from bot.worker.checkpoints.weights import StoredTensors, find_weights
from bot.worker.memory import MemoryBudget, ModelSize, in_memory_int8_memory, int8_memory, quantization_memory
from tests import ROOT
from tests.fakes.checkpoints import Layout, tiny_checkpoint

PRODUCTS = ("project", "output", "widen", "narrow")
WAIT_S = 60
ASKING, WRITING = "asking", "writing"


def converted(folder: Path, cache: Path | None, **options: object) -> Int8Model:
    """The checkpoint's int8 model, through the cache however small it is."""
    config = read_config(folder)
    return int8_model(folder, config, find_weights(folder), cache=cache, small_bytes=0, **options)  # type: ignore[arg-type]


def parts(model: Int8Model) -> dict[str, torch.Tensor]:
    """Everything a model consists of."""
    found = {"table": model.table.float(), **_tensors("head", model.head())}
    for number in range(model.config.num_layers):
        layer = model.layer(number)
        for name in PRODUCTS:
            found |= _tensors(f"{number}.{name}", getattr(layer, name))
    # Copies: what is mapped would change with its file.
    return {name: tensor.clone() for name, tensor in found.items()}


def _tensors(name: str, product: Int8Linear) -> dict[str, torch.Tensor]:
    tensors = {f"{name}.weight": product.weight, f"{name}.scale": product.scale}
    return tensors if product.bias is None else {**tensors, f"{name}.bias": product.bias}


def assert_same(one: Int8Model, other: Int8Model) -> None:
    """Both hold the same numbers."""
    ours, theirs = parts(one), parts(other)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def unkept(folder: Path) -> InMemoryInt8Model:
    """The checkpoint's int8 model, made in memory."""
    return InMemoryInt8Model(Quantizer(read_config(folder), find_weights(folder)))


def kept(cache: Path) -> list[Path]:
    """The converted folders in a cache."""
    return sorted(file for file in cache.iterdir() if file.is_dir())


def test_the_parts_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    """Query, key and value as one product, and each product with the norm in front of it."""
    folder = tiny_checkpoint(tmp_path / "tiny")
    stored = load_file(folder / "model.safetensors")
    layer = "model.layers.1"

    model = converted(folder, tmp_path / "cache")

    project = quantize(
        torch.cat([stored[f"{layer}.self_attn.{part}_proj.weight"] for part in "qkv"]),
        torch.cat([stored[f"{layer}.self_attn.{part}_proj.bias"] for part in "qkv"]),
        stored[f"{layer}.self_attn_layer_norm.weight"],
        stored[f"{layer}.self_attn_layer_norm.bias"],
    )
    widen = quantize(
        stored[f"{layer}.fc1.weight"],
        stored[f"{layer}.fc1.bias"],
        stored[f"{layer}.final_layer_norm.weight"],
        stored[f"{layer}.final_layer_norm.bias"],
    )
    output = quantize(
        stored[f"{layer}.self_attn.out_proj.weight"], stored[f"{layer}.self_attn.out_proj.bias"]
    )
    narrow = quantize(stored[f"{layer}.fc2.weight"], stored[f"{layer}.fc2.bias"])
    head = quantize(
        stored["model.embed_tokens.weight"],
        None,
        stored["model.layer_norm.weight"],
        stored["model.layer_norm.bias"],
    )
    made = model.layer(1)
    for expected, product in zip(
        (project, output, widen, narrow, head),
        (made.project, made.output, made.widen, made.narrow, model.head()),
        strict=True,
    ):
        for name, tensor in _tensors("", expected).items():
            assert torch.equal(tensor, _tensors("", product)[name])
    assert torch.equal(model.table, stored["model.embed_tokens.weight"])


@pytest.mark.parametrize("layout", get_args(Layout))
def test_every_layout_is_converted_alike(layout: Layout, tmp_path: Path) -> None:
    """Shards that part a layer, pickles old and new, a head under its own name: the same model."""
    plain = tiny_checkpoint(tmp_path / "plain")
    if layout == "fp16_bin":
        # Those numbers are other ones: compare with the same numbers in safetensors.
        halves = {name: tensor.half() for name, tensor in load_file(plain / "model.safetensors").items()}
        save_file(halves, plain / "model.safetensors")
    folder = tiny_checkpoint(tmp_path / "layout", layout=layout)

    assert_same(converted(plain, tmp_path / "cache"), converted(folder, tmp_path / "cache"))


def test_what_is_mapped_is_what_was_made(tmp_path: Path) -> None:
    """The folder holds every bit of what the conversion gives in memory."""
    folder = tiny_checkpoint(tmp_path / "tiny")
    made = unkept(folder)

    model = converted(folder, tmp_path / "cache")

    assert isinstance(model, CachedInt8Model)
    assert_same(made, model)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (torch.float16, torch.float16),
        (torch.bfloat16, torch.bfloat16),
        (None, torch.float32),
    ],
)
def test_a_table_of_16_bit_numbers_takes_16_bits(
    stored: torch.dtype | None, expected: torch.dtype, tmp_path: Path
) -> None:
    """A float32 file of narrower numbers is narrowed; one that would lose digits is not."""
    file = tiny_checkpoint(tmp_path / "tiny") / "model.safetensors"
    tensors = load_file(file)
    if stored is not None:
        tensors = {name: tensor.to(stored).float() for name, tensor in tensors.items()}
        save_file(tensors, file)

    table = converted(tmp_path / "tiny", tmp_path / "cache").table

    assert table.dtype == expected
    assert torch.equal(table.float(), tensors["model.embed_tokens.weight"])


def test_the_second_start_reads_nothing_of_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was converted once is found without the weights being read or converted again."""
    folder = tiny_checkpoint(tmp_path / "tiny", layout="sharded")
    read: list[Path] = []
    hashing = shelf._hash

    def hash_of(file: Path, progress: Callable[[int], None]) -> str:
        read.append(file)
        return hashing(file, progress)

    monkeypatch.setattr(shelf, "_hash", hash_of)
    first = parts(converted(folder, tmp_path / "cache"))
    assert len(read) == 3
    monkeypatch.delattr(shelf, "Quantizer")

    again = parts(converted(folder, tmp_path / "cache"))

    assert len(read) == 3
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize("replaced", [True, False])
def test_other_weights_with_the_same_size_and_time_are_seen(replaced: bool, tmp_path: Path) -> None:
    """Tools that copy a file's times along leave no other sign, whether they replace it or write to it."""
    folder, other = tiny_checkpoint(tmp_path / "tiny"), tiny_checkpoint(tmp_path / "other", seed=1)
    weights = [one / "model.safetensors" for one in (folder, other)]
    for file in weights:
        os.utime(file, (1, 1))
    first = parts(converted(folder, tmp_path / "cache"))
    assert len({(file.stat().st_size, file.stat().st_mtime) for file in weights}) == 1

    if replaced:
        weights[1].replace(weights[0])
    else:
        weights[0].write_bytes(weights[1].read_bytes())
        os.utime(weights[0], (1, 1))

    assert not torch.equal(first["head.weight"], parts(converted(folder, tmp_path / "cache"))["head.weight"])


def test_other_weights_are_another_model(tmp_path: Path) -> None:
    """A folder whose weights were replaced is converted anew; the same weights elsewhere are not."""
    cache, folder = tmp_path / "cache", tiny_checkpoint(tmp_path / "tiny")
    first = parts(converted(folder, cache))
    shutil.copytree(folder, tmp_path / "copy")
    converted(tmp_path / "copy", cache)
    assert len(kept(cache)) == 1

    tiny_checkpoint(folder, seed=1)

    assert not torch.equal(first["head.weight"], parts(converted(folder, cache))["head.weight"])
    assert len(kept(cache)) == 2


def test_a_damaged_folder_is_made_anew(tmp_path: Path) -> None:
    """A file that is cut short or gone does not reach the model."""
    cache, folder = tmp_path / "cache", tiny_checkpoint(tmp_path / "tiny")
    first = parts(converted(folder, cache))
    [made] = kept(cache)
    with (made / "head.safetensors").open("r+b") as file:
        file.truncate(1_000)
    (made / "layer-001.safetensors").unlink()
    assert not is_whole(made)

    again = parts(converted(folder, cache))

    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize("name", ["layer-000.safetensors", "embedding.safetensors"])
def test_a_file_that_cannot_be_opened_is_made_anew(name: str, tmp_path: Path) -> None:
    """A damaged header is seen, even where the size is right."""
    cache, folder = tmp_path / "cache", tiny_checkpoint(tmp_path / "tiny")
    first = parts(converted(folder, cache))
    [made] = kept(cache)
    with (made / name).open("r+b") as file:
        file.write(b"\0" * 64)
    assert not is_whole(made)

    again = parts(converted(folder, cache))

    assert is_whole(made)
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize("contents", ["{}", "[]", "3", '{"head.safetensors": "x"}'])
def test_a_folder_that_lists_nothing_is_not_whole(contents: str, tmp_path: Path) -> None:
    """Nothing is what a converted model never consists of."""
    folder = tiny_checkpoint(tmp_path / "tiny")
    converted(folder, tmp_path / "cache")
    [made] = kept(tmp_path / "cache")
    assert is_whole(made)
    (made / CONTENTS).write_text(contents)
    assert not is_whole(made)


def test_progress_grows_to_one(tmp_path: Path) -> None:
    """Every layer is told."""
    seen: list[float] = []
    converted(tiny_checkpoint(tmp_path / "tiny", num_layers=6), tmp_path / "cache", progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(set(seen)) > 6


def test_a_small_checkpoint_needs_no_cache(tmp_path: Path) -> None:
    """The embedded model's size is converted at each start, and leaves nothing behind."""
    folder = tiny_checkpoint(tmp_path / "tiny")
    model = int8_model(folder, read_config(folder), find_weights(folder), cache=tmp_path / "cache")
    assert_same(model, converted(folder, tmp_path / "other"))
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The model is made in memory, and the warning names the folder."""
    folder = tiny_checkpoint(tmp_path / "tiny")
    (tmp_path / "file").write_text("in the way")
    with capture_logs() as log:
        model = converted(folder, tmp_path / "file" / "cache")
    assert [(entry["log_level"], entry["cache"]) for entry in log] == [
        ("warning", str(tmp_path / "file" / "cache"))
    ]
    assert_same(model, converted(folder, tmp_path / "cache"))


def test_a_user_without_a_home_is_said(tmp_path: Path) -> None:
    """The model is made in memory; the warning names what to set. A small model needs no home at all."""
    folder = tiny_checkpoint(tmp_path / "tiny")
    with capture_logs() as log:
        model = converted(folder, None)
    [warning] = log
    assert (warning["log_level"], warning["cache"]) == ("warning", "")
    assert "TSUZUKI_ENGINE__CACHE" in warning["reason"]
    assert_same(model, converted(folder, tmp_path / "cache"))
    with capture_logs() as log:
        int8_model(folder, read_config(folder), find_weights(folder), cache=None)
    assert log == []


def test_a_read_only_disk_that_tells_no_room_is_not_taken_for_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an image's does: the model is made in memory, and the warning says what the system said."""
    cache, folder = tmp_path / "cache", tiny_checkpoint(tmp_path / "tiny")
    making = Path.mkdir

    def mkdir(path: Path, *arguments: Any, **options: Any) -> None:
        if path.suffix == PARTIAL:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        making(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(1, 1, 0))
    with capture_logs() as log:
        model = converted(folder, cache)
    [warning] = log
    assert "Read-only" in warning["reason"]
    assert_same(model, unkept(folder))


def test_a_disk_without_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Minutes of converting would be lost otherwise."""
    cache, folder = tmp_path / "cache", tiny_checkpoint(tmp_path / "tiny")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(1, 1, 0))
    with pytest.raises(CheckpointError, match="no room in"):
        converted(folder, cache)
    assert kept(cache) == []


def test_what_is_made_in_memory_must_fit_it(tmp_path: Path) -> None:
    """Beside what OpenVINO packs, the numbers it packed and the table stay: more than is mapped otherwise."""
    folder = tiny_checkpoint(tmp_path / "tiny")
    size = ModelSize.of(read_config(folder))
    needed = in_memory_int8_memory(size, 1_000, size.table * 4)
    assert needed == int8_memory(size, 1_000) + size.parameters + size.table * 4

    converted(folder, tmp_path / "cache", budget=MemoryBudget(needed - 1), kv_bytes=1_000)
    with capture_logs():
        converted(folder, None, budget=MemoryBudget(needed), kv_bytes=1_000)
        with pytest.raises(CheckpointError, match=r"without a cache folder \(TSUZUKI_ENGINE__CACHE"):
            converted(folder, None, budget=MemoryBudget(needed - 1), kv_bytes=1_000)


def test_a_file_that_is_read_at_once_must_fit_the_memory(tmp_path: Path) -> None:
    """While it is converted; what was converted once needs it no more."""
    folder = tiny_checkpoint(tmp_path / "tiny", layout="bin_legacy")
    size = ModelSize.of(read_config(folder))
    # A position table, which nobody reads, makes the file larger than all the rest.
    file = folder / "pytorch_model.bin"
    stray = {"model.embed_positions.weights": torch.zeros(size.vocabulary * 2_000 // 2, 1)}
    torch.save({**torch.load(file), **stray}, file, _use_new_zipfile_serialization=False)
    [whole] = find_weights(folder).whole
    needed = quantization_memory(size, whole)
    assert needed == quantization_memory(size, 0) + file.stat().st_size
    assert int8_memory(size, 0) < needed

    with pytest.raises(CheckpointError, match="int8, once converted, takes"):
        converted(folder, tmp_path / "cache", budget=MemoryBudget(needed - 1))
    first = converted(folder, tmp_path / "cache", budget=MemoryBudget(needed))

    assert_same(first, converted(folder, tmp_path / "cache", budget=MemoryBudget(0)))


def test_the_table_in_memory_is_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a gigabyte: its pieces are put where they stay."""
    monkeypatch.setattr("bot.worker.checkpoints.quantized_model.ROWS", 100)
    folder = tiny_checkpoint(tmp_path / "tiny")
    quantizer = Quantizer(read_config(folder), find_weights(folder))
    alive: list[weakref.ref[torch.Tensor]] = []

    def table(dtype: torch.dtype) -> Iterator[torch.Tensor]:
        for piece in Quantizer.table(quantizer, dtype):
            copy = piece.clone()
            assert sum(ref() is not None for ref in alive) <= 1
            alive.append(weakref.ref(copy))
            yield copy
            del copy

    quantizer.table = table  # type: ignore[method-assign]
    assert torch.equal(InMemoryInt8Model(quantizer).table, unkept(folder).table)
    assert len(alive) > 2


@pytest.mark.parametrize("layout", ["safetensors", "bin"])
def test_weights_that_cannot_be_read_are_not_blamed_on_the_cache(layout: Layout, tmp_path: Path) -> None:
    """The error names the file."""
    folder = tiny_checkpoint(tmp_path / "tiny", layout=layout)
    weights = find_weights(folder)
    [file] = weights.files
    file.unlink()
    # Nobody can read that, not even root.
    file.mkdir()
    with capture_logs() as log, pytest.raises(CheckpointError, match=rf"{file.name} cannot be read"):
        int8_model(folder, read_config(folder), weights, cache=tmp_path / "cache", small_bytes=0)
    assert log == []


def test_a_pickle_of_parameters_in_float64_is_converted(tmp_path: Path) -> None:
    """Some tools save what they trained as it is; the table is kept in no more than float32."""
    plain, folder = tiny_checkpoint(tmp_path / "plain"), tiny_checkpoint(tmp_path / "tiny", layout="bin")
    file = folder / "pytorch_model.bin"
    stored = torch.load(file)
    torch.save({name: torch.nn.Parameter(tensor.double()) for name, tensor in stored.items()}, file)

    model = converted(folder, tmp_path / "cache")

    assert model.table.dtype == torch.float32
    assert not any(tensor.requires_grad for tensor in parts(unkept(folder)).values())
    assert_same(model, converted(plain, tmp_path / "cache"))


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """The error names the folder and what to set, and nothing half-made is left behind."""
    cache, folder = tmp_path / "cache", tiny_checkpoint(tmp_path / "tiny", num_layers=6)
    with (
        _largest_file(8_000),
        pytest.raises(CheckpointError, match=r"no room in .*TSUZUKI_ENGINE__CACHE") as e,
    ):
        converted(folder, cache)
    assert isinstance(e.value.__cause__, OSError)
    assert e.value.__cause__.errno == errno.EFBIG
    assert kept(cache) == []
    assert_same(converted(folder, cache), converted(folder, tmp_path / "other"))


def test_a_killed_conversion_is_taken_up_by_nobody(tmp_path: Path) -> None:
    """What a dead process left is removed, and never read."""
    cache, folder = tmp_path / "cache", tiny_checkpoint(tmp_path / "tiny")
    process = _converting(folder, cache, "sys.stdin.read()")
    _wait_for(process, ASKING, WRITING)
    process.kill()
    process.communicate(timeout=WAIT_S)
    assert [path.suffix for path in kept(cache)] == [PARTIAL]

    model = converted(folder, cache)

    assert [path.suffix for path in kept(cache)] == [""]
    assert_same(model, converted(folder, tmp_path / "other"))


def test_two_processes_convert_once(tmp_path: Path) -> None:
    """The second one waits for the first, and reads what it made."""
    cache, folder = tmp_path / "cache", tiny_checkpoint(tmp_path / "tiny")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    first = _converting(folder, cache, f"open({str(gate)!r}).read()")
    _wait_for(first, ASKING, WRITING)
    second = _converting(folder, cache, "pass")
    _wait_for(second, ASKING)
    gate.write_text("go")

    told = [process.communicate(timeout=WAIT_S)[0] for process in (first, second)]

    assert (first.returncode, second.returncode) == (0, 0)
    assert WRITING not in told[1]
    assert_same(converted(folder, cache), converted(folder, tmp_path / "other"))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "name", ["model.layers.1.fc1.weight", "model.embed_tokens.weight", "model.layers.0.fc2.bias"]
)
def test_numbers_that_are_not_finite_are_refused(name: str, number: float, tmp_path: Path) -> None:
    """Rounded, they would be ordinary numbers, and wrong ones."""
    file = tiny_checkpoint(tmp_path / "tiny") / "model.safetensors"
    tensors = load_file(file)
    tensors[name].view(-1)[3] = number
    save_file(tensors, file)
    with pytest.raises(CheckpointError, match="not finite"):
        converted(tmp_path / "tiny", tmp_path / "cache")


def test_a_head_of_its_own_is_refused(tmp_path: Path) -> None:
    """As it is when the checkpoint is loaded for torch."""
    file = tiny_checkpoint(tmp_path / "tiny") / "model.safetensors"
    tensors = load_file(file)
    save_file({**tensors, "lm_head.weight": tensors["model.embed_tokens.weight"] + 1}, file)
    with pytest.raises(CheckpointError, match="tied"):
        converted(tmp_path / "tiny", tmp_path / "cache")


def test_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    """Before anything is converted."""
    file = tiny_checkpoint(tmp_path / "tiny") / "model.safetensors"
    tensors = load_file(file)
    del tensors["model.layers.1.fc1.bias"]
    save_file(tensors, file)
    with pytest.raises(CheckpointError, match=r"missing: model\.layers\.1\.fc1\.bias"):
        converted(tmp_path / "tiny", tmp_path / "cache")
    assert kept(tmp_path / "cache") == []


@pytest.mark.parametrize("layout", ["safetensors", "bin", "fp16_bin", "sharded"])
def test_what_is_let_go_of_is_unmapped(layout: Layout, tmp_path: Path) -> None:
    """A file's pages count as memory while it is mapped: nothing stays mapped between two readings."""
    folder = tiny_checkpoint(tmp_path / "tiny", layout=layout)
    stored = StoredTensors(find_weights(folder))
    assert _mapped(folder) == 0
    held = stored.read("model.layers.1.fc1.weight", "model.layers.0.fc1.weight")
    assert _mapped(folder) > 0
    del held
    assert _mapped(folder) == 0


def test_the_index_of_hashes_survives_a_broken_file(tmp_path: Path) -> None:
    """It only saves time."""
    cache, folder = tmp_path / "cache", tiny_checkpoint(tmp_path / "tiny")
    converted(folder, cache)
    for broken in ("", "[]", '{"a": 1}', json.dumps({str(folder / "model.safetensors"): "x"})):
        (cache / DIGESTS_FILE).write_text(broken)
        converted(folder, cache)
    assert len(kept(cache)) == 1


def test_the_cache_is_where_the_desktop_keeps_such_things(tmp_path: Path) -> None:
    """The folder that was named, else XDG's, else the usual one; none in a home that nobody has."""
    assert cache_folder(tmp_path, {"XDG_CACHE_HOME": "/elsewhere"}) == tmp_path
    assert cache_folder(Path("~/here"), {}) == Path.home() / "here"
    assert cache_folder(None, {"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "tsuzuki"
    assert cache_folder(None, {}) == Path.home() / ".cache" / "tsuzuki"
    assert cache_folder(Path("~nobody-here/x"), {}) is None
    assert cache_folder(None, {"XDG_CACHE_HOME": "~nobody-here"}) is None


class _Usage(NamedTuple):
    """What `shutil.disk_usage` tells."""

    total: int
    used: int
    free: int


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """No file of this process may become larger: the system refuses as it does where a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _converting(folder: Path, cache: Path, then: str) -> subprocess.Popen[str]:
    """A process that converts, says so once it writes, and runs `then` at that moment."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from bot.worker.checkpoints.loader import read_config\n"
        "from bot.worker.checkpoints.quantized_cache import int8_model\n"
        "from bot.worker.checkpoints.weights import find_weights\n"
        "folder, cache = map(Path, sys.argv[1:])\n"
        "told = []\n"
        "def progress(part):\n"
        "    if 0.2 < part < 1 and not told:\n"
        "        told.append(part)\n"
        f"        print({WRITING!r}, flush=True)\n"
        f"        {then}\n"
        f"print({ASKING!r}, flush=True)\n"
        "int8_model(folder, read_config(folder), find_weights(folder), cache=cache, small_bytes=0,\n"
        "           progress=progress)\n"
    )
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", code, str(folder), str(cache)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _wait_for(process: subprocess.Popen[str], *lines: str) -> None:
    assert process.stdout is not None
    assert tuple(process.stdout.readline().strip() for _ in lines) == lines


def _mapped(folder: Path) -> int:
    """How many mappings this process has of files in a folder."""
    return sum(str(folder) in line for line in Path("/proc/self/maps").read_text("utf-8").splitlines())
