"""Data that stay on disk: what a stream reads, and that a run on it is the resident one."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import genjax
from genjax.data import Dataset, Stream, decode_folder, stream
from genjax.data.published import record_files
from genjax.errors import UserError
from genjax.runs import checkpoints
from genjax.runs.progress import TrainingProgress
from genjax.runs.weights import save_params
from genjax.training import streaming
from genjax.training.configuration import Optimizer, Training
from genjax.training.epoch import choose_order
from genjax.training.state import init_state
from tests.data.files import write_prepared
from tests.helpers import blobs, small

pytestmark = pytest.mark.skipif(
    not (record_files.can_read_array_record() and find_spec("grain")),
    reason="grain is not installed",
)
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """57 images in two shards."""
    return write_prepared(tmp_path_factory.mktemp("data"), blobs(57), (40, 17))


@pytest.fixture
def streamed(data_dir) -> Stream:
    return genjax.data.load("mnist", data_dir=data_dir, stream=True)


@pytest.fixture
def resident(data_dir) -> Dataset:
    return genjax.data.load("mnist", data_dir=data_dir, stream=False)


# --- what it reads ------------------------------------------------------------------------------


def test_it_says_what_the_resident_set_says(streamed, resident):
    assert (len(streamed), streamed.image_shape) == (57, (8, 8, 1))
    assert streamed.label_names == resident.label_names
    assert json.loads(json.dumps(streamed.record())) == resident.record() | {"streamed": True}


def test_images_are_read_by_position_across_shards(streamed, resident):
    index = np.array([56, 0, 39, 40, 0])
    images, labels = streamed.read(index)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
    np.testing.assert_array_equal(images, resident.images[index])
    np.testing.assert_array_equal(labels, resident.labels[index])
    np.testing.assert_array_equal(resident.images, blobs(57).images)


@pytest.mark.parametrize("num", [57, 41, 1])
def test_the_first_images_can_be_made_resident(streamed, resident, num, monkeypatch):
    monkeypatch.setattr(stream, "_READ_AT_ONCE", 20)
    ours, theirs = streamed.to_dataset(num), resident.take(num)
    np.testing.assert_array_equal(ours.images, theirs.images)
    assert ours.record() == theirs.record()


def test_as_many_are_made_resident_as_have_room(streamed, monkeypatch):
    assert len(streamed.to_dataset()) == 57
    monkeypatch.setattr(stream, "_LARGEST_PART", 10 * 64 + 1)
    assert len(streamed.to_dataset()) == 10


def test_a_drawn_subset_is_the_residents(streamed, resident):
    ours, theirs = streamed.draw_subset(9, seed=1), resident.draw_subset(9, seed=1)
    np.testing.assert_array_equal(ours.to_dataset().images, theirs.images)
    np.testing.assert_array_equal(ours.take(4).to_dataset().labels, theirs.labels[:4])
    assert ours.to_dataset().record() == theirs.record()
    checksums = {s.checksum for s in (ours, streamed.draw_subset(9), streamed.take(9), streamed)}
    assert len(checksums) == 4


def test_take(streamed):
    few = streamed.take(9)
    assert (len(few), streamed.take(57)) == (9, streamed)
    assert few.source.startswith("the first 9 of")
    assert len({few.checksum, streamed.take(8).checksum, streamed.checksum}) == 3
    for num in (0, 58):
        with pytest.raises(UserError, match="it has 57"):
            streamed.take(num)
        with pytest.raises(UserError, match="it has 57"):
            streamed.to_dataset(num)


def test_the_checksum_follows_the_content(streamed, tmp_path):
    for seed, same in [(0, True), (1, False)]:
        path = write_prepared(tmp_path / str(seed), blobs(57, seed=seed), (40, 17))
        other = genjax.data.load("mnist", data_dir=path, stream=True)
        assert (other.checksum == streamed.checksum) == same


def test_the_size_decides(data_dir, monkeypatch):
    def loaded():
        return type(genjax.data.load("mnist", data_dir=data_dir))

    assert loaded() is Dataset
    size = 57 * 64
    monkeypatch.setattr(stream, "LARGEST_RESIDENT", size)
    assert loaded() is Dataset
    monkeypatch.setattr(stream, "LARGEST_RESIDENT", size - 1)
    assert loaded() is Stream
    for free, kind in [(2 * size, Dataset), (2 * size - 1, Stream)]:
        stats = {"bytes_limit": free + 300, "bytes_in_use": 300}
        device = SimpleNamespace(memory_stats=lambda stats=stats: stats)
        monkeypatch.setattr(jax, "local_devices", lambda device=device: [device])
        assert loaded() is kind


@pytest.fixture
def folder(tmp_path) -> Path:
    """57 pictures of the classes 0 to 2."""
    for number, image in enumerate(np.asarray(blobs(57).images)):
        path = tmp_path / "pictures" / str(number % 3) / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(path)
    return tmp_path / "pictures"


def test_a_folder_of_images_can_be_streamed(folder, monkeypatch):
    """The same images and labels as in memory; decoded once; the test set is in memory."""
    resident = genjax.data.from_folder(folder, 8)
    streamed = genjax.data.from_folder(folder, 8, stream=True)
    index = np.array([56, 0, 3, 0])
    for ours, theirs in zip(streamed.read(index), (resident.images, resident.labels), strict=True):
        np.testing.assert_array_equal(ours, theirs[index])
    assert streamed.record() == resident.record() | {"streamed": True}
    monkeypatch.setattr(decode_folder, "read_with_range", None)  # nothing is decoded again
    train, test = genjax.data.resolve(folder, 8, stream=True)
    assert (type(train), len(train), type(test), len(test)) == (Stream, 52, Dataset, 5)
    others = genjax.data.split_every_tenth(resident)
    np.testing.assert_array_equal(train.to_dataset(52).images, others[0].images)
    np.testing.assert_array_equal(test.images, others[1].images)
    for least, kind in ((57 * 64 * 3, Dataset), (57 * 64 * 3 - 1, Stream)):
        monkeypatch.setattr(stream, "LARGEST_RESIDENT", least)
        assert type(genjax.data.from_folder(folder, 8, stream=None)) is kind


def test_a_stream_without_a_test_set_is_split(tmp_path, monkeypatch):
    images = blobs(30)
    write_prepared(tmp_path, images, (20, 10), name="kmnist/3.0.1", splits=("train",))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    train, test = genjax.data.resolve("kmnist", stream=True)
    assert (type(train), len(train), type(test)) == (Stream, 27, Dataset)
    np.testing.assert_array_equal(test.images, images.images[9::10])
    np.testing.assert_array_equal(train.read(np.array([9]))[0], images.images[10:11])


def test_images_that_the_disk_has_no_room_for(folder, data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("GENJAX_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=57 * 64 * 6 - 1))
    with pytest.raises(UserError, match=r"57 decoded images need .* GENJAX_CACHE_DIR"):
        genjax.data.from_folder(folder, 8, stream=True)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=57 * 64 * 2 - 1))
    with pytest.raises(UserError, match=r"57 decoded images need .* GENJAX_CACHE_DIR"):
        genjax.data.load("mnist", data_dir=data_dir, stream=True)


# --- what it refuses ----------------------------------------------------------------------------


def test_what_cannot_be_streamed(data_dir, tmp_path, monkeypatch):
    for name in ("sprites", "stacked_mnist", "mnist_rotated"):
        with pytest.raises(UserError, match=f"{name} cannot be streamed: it is made in memory"):
            genjax.data.load(name, data_dir=data_dir, stream=True)
    monkeypatch.setattr(stream, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="mnist cannot be streamed: that needs the package grain"):
        genjax.data.load("mnist", data_dir=data_dir, stream=True)
    with pytest.raises(UserError, match="needs the package grain"):
        genjax.data.from_folder(tmp_path, 8, stream=True)


@pytest.mark.parametrize("damage", ["truncated", "empty", "missing"])
def test_damage_is_found_at_the_start(data_dir, tmp_path, damage):
    path = Path(shutil.copytree(data_dir, tmp_path / "copy")) / "mnist/3.0.1"
    shard = max(path.glob("*train*"))
    content = shard.read_bytes()
    shard.unlink()
    if damage != "missing":
        shard.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
    with pytest.raises(UserError, match=r"mnist/3\.0\.1 cannot be read.*again from"):
        genjax.data.load("mnist", data_dir=tmp_path / "copy", stream=True)


def test_what_cannot_be_trained_on_a_stream(streamed, key):
    with pytest.raises(UserError, match=r"debiasing_vae visits the data in an order of its own"):
        genjax.fit(small("debiasing_vae"), streamed, key, Training(epochs=1), progress=False)
    for use in (lambda: genjax.metrics.make_distance(streamed), lambda: streamed.labels):
        with pytest.raises(UserError, match=r"streamed from disk.*to_dataset"):
            use()


# --- training -----------------------------------------------------------------------------------


class Stop(Exception):
    pass


CASES = {  # several turns a step, an average, a diagnosis of the images; the simplest
    "gan": (small("gan", discriminator_steps=2), Training(2, 4, ema_decay=0.9)),
    "vae": (small("vae", network="mlp"), Training(2, 8)),
}


def fit(name: str, images: Dataset | Stream, folder: Path, stop_in: int = 0):
    """A case in the folder, to its end or until after epoch `stop_in`."""

    def stop(epoch, _):
        if epoch == stop_in:
            raise Stop

    model, training = CASES[name]
    return genjax.fit(
        model, images, jax.random.key(3), training,
        out=folder, on_epoch=stop if stop_in else None, progress=False,
    )  # fmt: skip


def lines(folder: Path):
    run_folder = genjax.runs.run_folder
    read = run_folder.read_metrics(folder)
    return [{k: v for k, v in line.items() if k not in run_folder.TIMES} for line in read]


def assert_same(left, right):
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("flags", ["--xla_backend_optimization_level=0", ""])
def test_a_streamed_run_is_the_resident_one(streamed, resident, tmp_path, monkeypatch, flags):
    """Seven steps in chunks of 2, 2 and 3; also where it was stopped and goes on.

    And compiled as for users: without a level in the flags, which XLA has read long before.
    """
    monkeypatch.setenv("XLA_FLAGS", flags)
    monkeypatch.setattr(streaming, "_CHUNK_STEPS", 3)
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    shares: list[float] = []  # of an epoch, as the bar is told
    monkeypatch.setattr(TrainingProgress, "part_done", lambda self, share: shares.append(share))
    expected = fit("gan", resident, tmp_path / "resident")
    with pytest.raises(Stop):
        fit("gan", streamed, tmp_path / "streamed", stop_in=2)
    assert_same(fit("gan", streamed, tmp_path / "streamed"), expected)
    assert shares == [0, 2 / 7, 4 / 7] * 3  # one epoch was done twice
    ours, theirs = (lines(tmp_path / folder) for folder in ("streamed", "resident"))
    assert [line.keys() for line in ours] == [line.keys() for line in theirs]
    for name in ours[0].keys() - {"warnings"}:
        assert [line[name] for line in ours] == pytest.approx([line[name] for line in theirs], 1e-5)


def test_a_run_on_a_streamed_folder_is_the_resident_one_and_goes_on(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    expected = fit("gan", genjax.data.from_folder(folder, 8), tmp_path / "resident")
    streamed = genjax.data.from_folder(folder, 8, stream=True)
    with pytest.raises(Stop):
        fit("gan", streamed, tmp_path / "streamed", stop_in=2)
    again = genjax.data.from_folder(folder, 8, stream=True)
    assert_same(fit("gan", again, tmp_path / "streamed"), expected)


def test_fewer_images_than_a_batch(streamed, key):
    """The order of an epoch is that of the resident set, also of one smaller than a step."""
    model, training = small("gan", image_shape=(8, 8, 1), discriminator_steps=2), Training(4, 4)
    few, state = streamed.take(5), init_state(model, key, training)
    read = streaming.make_choose_order(few, state, training, steps=1)
    for epoch in (0, 2):
        later = state.replace(epoch=jnp.int32(epoch))
        images = few.to_dataset().images
        expected, _ = choose_order(later, images, None, training=training, steps=1)
        np.testing.assert_array_equal(read(epoch), expected)
        assert (expected.shape, len(np.unique(expected))) == ((1, 2, 4), 5)


def test_the_next_epoch_is_read_ahead(streamed, monkeypatch):
    """Chunk by number, over the end of an epoch, in the order of the run."""
    orders = np.random.default_rng(0).integers(0, 57, (5, 7, 2, 4))
    parts = streaming.split_steps(7, 3)
    chunks = streaming._Chunks(streamed, orders.__getitem__, parts, range(3, 5), slice(2, 4))
    read = streaming._read_ahead(chunks)
    for epoch in (3, 4):
        for first, after in parts:
            images, labels = next(read)
            index = orders[epoch, first:after, :, 2:4]
            assert images.shape == (after - first, 2, 2, 8, 8, 1)
            np.testing.assert_array_equal(images, blobs(57).images[index])
            np.testing.assert_array_equal(labels, blobs(57).labels[index])
    with pytest.raises(StopIteration):
        next(read)


@pytest.mark.parametrize(
    ("steps", "most", "lengths"),
    [
        (6, 6, [6]),
        (6, 4, [3, 3]),
        (7, 3, [2, 2, 3]),
        (10, 3, [2] * 5),
        (1, 64, [1]),
        (3, 1, [3]),
        (5, 2, [2, 3]),
    ],
)
def test_chunks(steps, most, lengths):
    parts = streaming.split_steps(steps, most)
    assert [after - first for first, after in parts] == lengths
    assert [first for first, _ in parts] == [0, *(after for _, after in parts[:-1])]


def test_every_process_reads_its_rows_of_a_batch():
    rows = [np.arange(12)[streaming.select_rows(process, 3, 12)] for process in range(3)]
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(12))
    assert [len(own) for own in rows] == [4, 4, 4]
    with pytest.raises(UserError, match=r"12 seeds cannot .* over 5 processes: .* multiple of 5"):
        streaming.select_rows(0, 5, 12, "seeds")


def fit_seeds(images: Dataset | Stream, name: str = "gan") -> genjax.Params:
    """Four seeds of a case at once, with a learning rate each."""
    model, training = CASES[name]
    rates = Optimizer(learning_rate=(1e-3, 2e-3, 3e-3, 4e-3))
    keys = jax.random.split(jax.random.key(3), 4)
    return genjax.fit(model, images, keys, replace(training, optimizer=rates), progress=False)


@pytest.mark.parametrize("flags", ["--xla_backend_optimization_level=0", ""])
def test_many_streamed_runs_are_the_resident_ones(streamed, resident, monkeypatch, flags):
    """Also compiled as for users: without a level in the flags, which XLA has read long before."""
    monkeypatch.setenv("XLA_FLAGS", flags)
    monkeypatch.setattr(streaming, "_CHUNK_STEPS", 3)
    assert_same(fit_seeds(streamed), fit_seeds(resident))


def on_two_devices(data: Path, folder: Path) -> None:
    assert len(jax.devices()) == 2
    streamed = genjax.data.load("mnist", data_dir=data, stream=True)
    fit("vae", streamed, folder / "one")
    save_params(folder / "four", fit_seeds(streamed, "vae"))


def test_two_devices_train_as_one(data_dir, streamed, tmp_path):
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    path = os.pathsep.join([str(ROOT), *sys.path])
    environment = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}
    command = [sys.executable, __file__, str(data_dir), str(tmp_path / "two")]
    subprocess.run(command, env=os.environ | environment, check=True)
    ours = {"one": fit("vae", streamed, tmp_path / "one"), "four": fit_seeds(streamed, "vae")}
    for name, params in ours.items():
        theirs = genjax.load(tmp_path / "two" / name)
        for left, right in zip(jax.tree.leaves(params), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-4)


if __name__ == "__main__":
    on_two_devices(Path(sys.argv[1]), Path(sys.argv[2]))
