"""Damage, kills, odd inputs and odd machines, each with the right outcome."""

import errno
import json
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import genjax
from genjax.errors import FileError
from genjax.runs import checkpoints, files, opening, run_folder, weights
from genjax.training.configuration import Training
from genjax.training.optimizers import Optimizer
from tests.helpers import ROOT, blobs, same, small

MODEL = small("vae", network="mlp")
DATA = blobs(32)


def fit(folder, epochs=2, **options):
    return genjax.fit(MODEL, DATA, 0, Training(epochs, 16), out=folder, progress=False, **options)


def distance(params, key):
    """Another one in every epoch: 1, then smaller or larger by the last bias."""
    return float(abs(jax.tree.leaves(params)[0]).sum())


def snapshot(folder):
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run with the checkpoints of its epochs 1 and 2, and best weights."""
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    fit(tmp_path / "run", distance=distance)
    return tmp_path / "run"


@pytest.fixture
def unfinished(run):
    """The same run as if it had been killed in its second epoch."""
    (run / "checkpoints" / "2" / "checksums.json").unlink()
    return run


# --- a run's folder belongs to one process -------------------------------------------------------


@pytest.mark.parametrize("other", [{}, {"model": replace(MODEL, latent_dim=2)}])
def test_a_second_start_with_overwrite_touches_nothing(other, tmp_path):
    before = []

    def start_again(epoch, params):
        if epoch == 2:
            before.append(snapshot(tmp_path))
            with pytest.raises(genjax.UserError, match=r"another process is training in"):
                genjax.fit(
                    other.get("model", MODEL), DATA, 0, Training(4, 16),
                    out=tmp_path, overwrite=True, progress=False,
                )  # fmt: skip
            assert snapshot(tmp_path) == before[0]

    params = fit(tmp_path, epochs=4, on_epoch=start_again)
    assert [line["epoch"] for line in run_folder.read_metrics(tmp_path)] == [1, 2, 3, 4]
    assert same(genjax.load(tmp_path), params)
    assert same(fit(tmp_path, epochs=4), params)  # twice in one folder: returned as it is


def test_a_refused_start_changes_not_one_byte(run):
    (run / ".lock").unlink()
    before = snapshot(run)
    for start in (
        lambda: genjax.fit(MODEL, DATA, 1, Training(2, 16), out=run, progress=False),
        lambda: genjax.fit(MODEL, DATA, 0, Training(0), out=run, overwrite=True),
        lambda: genjax.fit(MODEL, blobs(8, (9, 9, 1)), 0, out=run, progress=False),
        lambda: genjax.fit(replace(MODEL, latent_dim=0), DATA, 0, out=run, overwrite=True),
    ):
        with pytest.raises(genjax.UserError):
            start()
        assert snapshot(run) == before


# --- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["damaged", "missing", "all missing"])
def test_lost_metrics_are_said_and_spoil_no_best_weights(harm, unfinished, tmp_path):
    path, best = unfinished / "metrics.jsonl", weights.read_best(unfinished)
    first, second = path.read_text().splitlines(keepends=True)
    lost = {"damaged": first[:-9] + "\n" + second, "missing": second, "all missing": ""}
    path.write_text(lost[harm])
    with pytest.warns(UserWarning, match=r"metrics.jsonl has no whole line for the epochs 1"):
        fit(unfinished, distance=distance)
    after = weights.read_best(unfinished)
    assert (after.epoch, after.distance) == (best.epoch, best.distance)
    assert [line["epoch"] for line in run_folder.read_metrics(unfinished)] == [2]


def change_digit(text):
    """The text with one of its digits another one, though it is still JSON."""
    place = text.index("0.") + 2
    return text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]


def test_a_changed_digit_of_the_metrics_is_found(unfinished):
    path = unfinished / "metrics.jsonl"
    first, second = path.read_text().splitlines(keepends=True)
    path.write_text(change_digit(first) + second)
    with pytest.warns(UserWarning, match=r"metrics.jsonl is damaged: its lines 1 are left out"):
        assert [line["epoch"] for line in run_folder.read_metrics(unfinished)] == [2]
    with pytest.warns(UserWarning, match="no whole line for the epochs 1"):
        fit(unfinished, distance=distance)


def test_a_damaged_key_of_the_checksum_is_found(unfinished):
    for name in ("metrics.jsonl", "config.json"):
        path = unfinished / name
        path.write_text(path.read_text().replace('"checksum": "', '"checksuo": "', 3))
    with pytest.warns(UserWarning, match=r"metrics.jsonl is damaged: its lines 1, 2 are left out"):
        assert run_folder.read_metrics(unfinished) == []
    config = (unfinished / "config.json").read_text()
    (unfinished / "config.json").write_text(config.replace('"checksuo"', '"checksum"', 1))
    with pytest.raises(genjax.UserError, match=r"config.json .*its checksum does not fit"):
        genjax.load(unfinished)


def test_a_changed_digit_of_the_configuration_is_found(run):
    path = run / "config.json"
    path.write_text(path.read_text().replace('"latent_dim": 3', '"latent_dim": 2'))
    for use in (genjax.load, fit, lambda run: fit(run, epochs=3)):
        with pytest.raises(genjax.UserError, match=r"config.json .*its checksum does not fit"):
            use(run)
    config = json.loads(path.read_text())
    del config["checksum"]  # as the message says
    path.write_text(json.dumps(config))
    with pytest.raises(genjax.UserError, match=r"does not fit the model|another configuration"):
        fit(run)


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"not weights")])
def test_lost_best_weights_are_said_and_sought_anew(harm, unfinished):
    harm(unfinished / "best.npz")
    with pytest.warns(UserWarning, match=r"best.npz is (missing|damaged): the best weights are"):
        fit(unfinished, distance=distance)
    assert weights.read_best(unfinished).epoch == 2
    genjax.load_best(unfinished)


def test_best_weights_state_their_epoch_and_distance(run):
    best = weights.read_best(run)
    lines = {line["epoch"]: line["distance"] for line in run_folder.read_metrics(run)}
    assert lines[int(best.epoch)] == pytest.approx(float(best.distance))
    assert float(best.distance) == min(lines.values())
    assert weights.find_best_epoch(run) == run_folder.find_nearest_epoch(run)


@pytest.mark.parametrize(
    "content", ["[]", "{}", "3", "", '{"a": 1}', "[" * 100_000, '{"checksums": [1]}', "\xff"]
)
def test_checksums_of_any_shape_lead_to_the_older_checkpoint(content, run):
    path = run / "checkpoints" / "2" / "checksums.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.warns(UserWarning, match=r"Using the checkpoint before it, .*checkpoints/1"):
        genjax.load(run)


def test_an_unreadable_checkpoint_leads_to_the_older_one(run, monkeypatch):
    real = Path.open

    def refuse(path, mode="r", *rest, **options):
        if mode == "rb" and "checkpoints/2/" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.warns(UserWarning, match=r"cannot be read: Permission denied.*checkpoints/1"):
        genjax.load(run)


@pytest.mark.parametrize(
    "harm",
    [
        {"model": {"name": ["vae"]}},
        {"model": {"name": "vae", "image_shape": 8.0}},
        {"dataset": [1]},
        {"training": None},
        {"model": 3},
    ],
)
def test_a_damaged_configuration_is_named(harm, run):
    path = run / "config.json"
    path.write_text(json.dumps(files.read_json(path) | harm))
    with pytest.raises(genjax.UserError, match=r"config\.json"):
        genjax.load(run)


def test_deeply_nested_json_is_no_traceback(run):
    (run / "config.json").write_text("[" * 100_000)
    with pytest.raises(genjax.UserError, match=r"config\.json cannot be read"):
        genjax.load(run)


def test_a_finished_run_without_checkpoints_says_that_it_begins_anew(run):
    whole = genjax.load(run)
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(genjax.CheckpointError, match=r"holds no finished checkpoint"):
        genjax.load(run)
    with pytest.warns(
        UserWarning, match=r"metrics up to epoch 2, but no checkpoint: training begins"
    ):
        assert same(fit(run), whole)


def test_what_a_kill_left_is_removed(run):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, foreign = run / f".metrics.jsonl.{dead.pid}", run / ".notes"
    left.write_text("half")
    foreign.write_text("mine")
    fit(run)
    assert not left.exists()
    assert foreign.exists()


# --- files of weights ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def params():
    return MODEL.for_images((8, 8, 1)).init(jax.random.key(0))


def add_array(path, name, header, size):
    """Adds to a file of weights an array of `size` bytes of zeros, compressed."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file, file.open(name, "w") as member:
        np.lib.format.write_array_header_1_0(member, header)
        for _ in range(size // 2**20):
            member.write(bytes(2**20))


def test_surplus_arrays_are_not_read(tmp_path, params):
    path = tmp_path / "weights.npz"
    genjax.save(path, params)
    header = {"descr": "|u1", "fortran_order": False, "shape": (64 * 2**20,)}
    add_array(path, "surplus.npy", header, 64 * 2**20)
    read = []
    real = np.lib.format.read_array
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            np.lib.format, "read_array", lambda f, **o: read.append(f.name) or real(f, **o)
        )
        assert same(genjax.load(path), params)
    assert "surplus.npy" not in read


def test_an_array_that_is_too_large_is_refused_unread(tmp_path, params):
    path = tmp_path / "weights.npz"
    genjax.save(path, params)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    victim = next(name for name in members if name.endswith("kernel.npy"))
    del members[victim]
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    header = {"descr": "<f4", "fortran_order": False, "shape": (16 * 2**20,)}
    add_array(path, victim, header, 64 * 2**20)
    with pytest.raises(genjax.CheckpointError, match=r"weights.npz"):
        genjax.load(path)


@pytest.mark.parametrize("content", ["a text", "", '{"a": 1}'])
def test_a_text_is_no_file_of_weights(content, tmp_path):
    path = tmp_path / "weights.npz"
    path.write_text(content)
    with pytest.raises(genjax.CheckpointError) as caught:
        genjax.load(path)
    assert "pickle" not in str(caught.value)


def test_thousands_of_layers_are_refused_at_once(tmp_path, params):
    path = tmp_path / "weights.npz"
    arrays = checkpoints.name_arrays(params)
    text = json.dumps({"name": "vae", "network": "mlp", "hidden": [4] * 3000})
    np.savez(path, model=np.frombuffer(text.encode(), np.uint8), **arrays)
    with pytest.raises(genjax.CheckpointError, match=r"3000 layers"):
        genjax.load(path)


# --- paths and files -----------------------------------------------------------------------------


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch, params):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    genjax.save("~/weights.npz", params)
    assert (tmp_path / "weights.npz").exists()
    assert same(genjax.load("~/weights.npz"), params)
    fit("~/run", epochs=1)
    assert (tmp_path / "run" / "config.json").exists()
    genjax.load_best("~/run")
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("path", ["", "  ", "a\0b", 3, "~nosuchuser/x"])
def test_what_is_no_path_is_refused(path, params):
    for use in (genjax.load, lambda path: genjax.save(path, params), fit):
        with pytest.raises(genjax.UserError, match=r"is not a path|no such home folder"):
            use(path)


def test_without_a_home_there_is_no_cache(monkeypatch):
    monkeypatch.delenv("GENJAX_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def fail(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", fail)
    files.enable_compilation_cache()
    folder = files.cache_folder()
    with pytest.raises(OSError):  # noqa: PT011
        folder.mkdir(parents=True)
    monkeypatch.setenv("GENJAX_CACHE_DIR", "~nosuchuser/x")
    with pytest.raises(genjax.UserError, match=r"no such home folder"):
        files.cache_folder()


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path, params):
    target, link = tmp_path / "target.npz", tmp_path / "link.npz"
    target.write_bytes(b"")
    link.symlink_to(target)
    genjax.save(link, params)
    assert link.is_symlink()
    assert same(genjax.load(target), params)
    files.replace_file(Path(os.devnull), lambda file: file.write(b"gone"))
    assert not Path(os.devnull).is_file()


def test_a_full_disk_is_one_sentence(tmp_path, params, monkeypatch):
    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(FileError, match=r"weights.npz cannot be written: No space left"):
            genjax.save(tmp_path / "weights.npz", params)
    assert list(tmp_path.iterdir()) == []

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "_make_checkpointer", fail)
        with pytest.raises(FileError, match=r"checkpoints/1 cannot be written: No space left"):
            fit(tmp_path / "run", epochs=1)
    with pytest.warns(UserWarning, match="metrics up to epoch 1, but no checkpoint"):
        resumed = fit(tmp_path / "run", epochs=1)
    assert same(resumed, fit(tmp_path / "whole", epochs=1))


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(genjax.UserError, match=r"(cannot be|is no run|holds files)"):
        fit(tmp_path / "file" / "run")
    with pytest.raises(genjax.UserError, match=r"cannot be"):
        fit(tmp_path / ("x" * 300))


def test_json_is_json(tmp_path):
    value = {
        "number": np.float32(0.5), "whole": np.int64(3), "true": np.bool_(True),
        "none": float("nan"), "inf": [np.inf, 1.0], "array": np.arange(2), "tuple": (1, "a"),
    }  # fmt: skip
    files.write_json(tmp_path / "a.json", value)
    read = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert read == {
        "number": 0.5, "whole": 3, "true": True, "none": None, "inf": [None, 1.0],
        "array": [0, 1], "tuple": [1, "a"],
    }  # fmt: skip
    with pytest.raises(genjax.UserError, match=r"a.json.model.activation is <function"):
        files.write_json(tmp_path / "a.json", {"model": {"activation": lambda x: x}})


def test_what_cannot_be_written_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "to_json", lambda model: {"name": "vae", "activation": print})
    with pytest.raises(genjax.UserError, match=r"model.activation is <built-in function print>"):
        fit(tmp_path / "run")
    assert not (tmp_path / "run").exists()


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1e30, 1e12])
@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_single_update_that_spoils_the_weights_is_divergence(rate, name, tmp_path):
    training = Training(1, 128, Optimizer(name, rate))
    with pytest.raises(genjax.TrainingDiverged, match=r"epoch 1"):
        genjax.fit(MODEL, DATA, 0, training, out=tmp_path, progress=False)
    with pytest.raises(genjax.CheckpointError):
        genjax.load(tmp_path)


SCRIPT = """
import sys, jax, numpy as np
sys.path.insert(0, {root!r})
import genjax
from tests.helpers import blobs, small
from genjax.training.configuration import Training
assert jax.config.jax_enable_x64
params = genjax.fit(small("vae", network="mlp"), blobs(32), 0, Training(2, 16), out={out!r},
                    progress=False)
loaded = genjax.load({out!r})
for leaf in jax.tree.leaves((params, loaded)):
    assert leaf.dtype == np.float32, leaf.dtype
genjax.save({out!r} + "/weights.npz", jax.tree.map(lambda a: a.astype("float64"), params))
loaded = genjax.load({out!r} + "/weights.npz")
assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(loaded))
"""


def test_double_precision_changes_nothing(run):
    """A run of single precision is loaded and returned where jax computes in double."""
    script = SCRIPT.format(root=str(ROOT), out=str(run))
    environment = os.environ | {"JAX_ENABLE_X64": "1"}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


def test_numbers_of_epochs_that_cannot_be_counted_are_refused():
    with pytest.raises(genjax.UserError, match=r"epochs is"):
        genjax.fit(MODEL, DATA, 0, Training(10**20), progress=False)


def test_a_run_that_is_whole_warns_of_nothing(run):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(run)
        genjax.load(run)
