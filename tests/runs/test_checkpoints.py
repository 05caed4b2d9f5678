"""Checkpoints under attack: processes killed, files truncated, removed, one bit flipped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest

import genjax
from genjax.runs import checkpoints
from genjax.training.configuration import Training
from tests.helpers import ROOT, same, small

TRAINING = Training(epochs=3, batch_size=16)


@pytest.fixture
def finished(tmp_path, dataset, monkeypatch):
    """The folder of a run that kept the checkpoints of its epochs 2 and 3."""
    monkeypatch.setattr("genjax.runs.checkpoints.SECONDS_BETWEEN", 0.0)
    fit(tmp_path / "run", dataset)
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir()) == ["2", "3"]
    return tmp_path / "run"


def fit(folder, dataset, **options):
    model, key = small("vae"), jax.random.key(0)
    return genjax.fit(model, dataset, key, TRAINING, out=folder, progress=False, **options)


def flip(path: Path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path):
    path.write_bytes(path.read_bytes()[:-1])


def largest(folder: Path) -> Path:
    files = [f for f in folder.rglob("*") if f.is_file() and f.name != "checksums.json"]
    return max(files, key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("harm", [flip, truncate, Path.unlink])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(harm, finished, dataset):
    whole = genjax.load(finished)
    victim = largest(finished / "checkpoints" / "3")
    harm(victim)
    with pytest.warns(UserWarning, match=f"{victim}.*Using the checkpoint before it, .*/2"):
        loaded = genjax.load(finished)
    assert not same(loaded, whole)
    with pytest.warns(UserWarning, match=str(victim)):
        assert same(fit(finished, dataset), whole)  # trained its last epoch again


def test_every_file_of_a_checkpoint_is_guarded(finished):
    folder = finished / "checkpoints" / "3"
    files = [f for f in folder.rglob("*") if f.is_file() and f.name != "checksums.json"]
    for victim in files:
        before = victim.read_bytes()
        victim.write_bytes(before + b" ")
        with pytest.warns(UserWarning, match=str(victim)):
            genjax.load(finished)
        victim.write_bytes(before)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        genjax.load(finished)


def test_without_a_whole_checkpoint_nothing_is_trained_over(finished, dataset):
    for number in "23":
        flip(largest(finished / "checkpoints" / number))
    with pytest.raises(
        genjax.CheckpointError, match=r"No whole checkpoint is left.*overwrite=True"
    ):
        genjax.load(finished)
    with pytest.raises(genjax.CheckpointError, match="No whole checkpoint is left"):
        fit(finished, dataset)
    fit(finished, dataset, overwrite=True)
    genjax.load(finished)


def test_an_unfinished_checkpoint_is_ignored_and_cleared_away(finished, dataset):
    whole = genjax.load(finished)
    (finished / "checkpoints" / "3" / "checksums.json").unlink()  # the last file to be written
    (finished / "checkpoints" / "4.orbax-checkpoint-tmp").mkdir()
    assert same(fit(finished, dataset), whole)
    assert sorted(p.name for p in (finished / "checkpoints").iterdir()) == ["2", "3"]


def test_a_folder_of_another_run_is_not_touched(finished, dataset):
    before = sorted(finished.rglob("*"))
    with pytest.raises(genjax.UserError, match=r"model.latent_dim: existing run: 3; requested: 5"):
        genjax.fit(small("vae", latent_dim=5), dataset, jax.random.key(0), TRAINING, out=finished)
    with pytest.raises(genjax.UserError, match=r"key: existing run: \[0, 0\]; requested: \[0, 1\]"):
        genjax.fit(small("vae"), dataset, jax.random.key(1), TRAINING, out=finished)
    assert sorted(finished.rglob("*")) == before


def test_a_run_from_before_a_field_existed_goes_on(finished, dataset):
    config = json.loads((finished / "config.json").read_text())
    del config["model"]["beta"], config["training"]["optimizer"]["clip_norm"]
    del config["checksum"], config["dataset"]["label_names"]  # version 0.1 had none
    (finished / "config.json").write_text(json.dumps(config))
    fit(finished, dataset)


@pytest.mark.parametrize("content", ["[]", "", '{"model": null}', '{"model": '])
def test_a_damaged_configuration_is_an_error_and_can_be_overwritten(content, finished, dataset):
    (finished / "config.json").write_text(content)
    for use in (genjax.load, lambda folder: fit(folder, dataset)):
        with pytest.raises(genjax.UserError, match=r"config.json|specification|configuration"):
            use(finished)
    fit(finished, dataset, overwrite=True)


def test_damaged_metrics_cost_only_the_damaged_line(finished, dataset):
    path = finished / "metrics.jsonl"
    first, second, third = path.read_text().splitlines()
    path.write_text("\n".join([first, "3", second[:-7], third]))
    with pytest.warns(UserWarning, match="its lines 2, 3 are left out"):
        assert [line["epoch"] for line in genjax.runs.run_folder.read_metrics(finished)] == [1, 3]
    with pytest.warns(UserWarning, match="no whole line for the epochs 2"):
        fit(finished, dataset)


def test_what_else_lies_among_the_checkpoints_is_left_alone(finished, dataset):
    shutil.copytree(finished / "checkpoints" / "3", finished / "checkpoints" / "3-best")
    (finished / "checkpoints" / "notes.txt").write_text("mine")
    genjax.load(finished)
    fit(finished, dataset)
    assert (finished / "checkpoints" / "3-best").exists()
    assert (finished / "checkpoints" / "notes.txt").exists()


def test_two_processes_cannot_train_in_one_folder(finished, dataset):
    with (
        genjax.runs.opening.lock_run(finished),
        pytest.raises(genjax.UserError, match="another process"),
    ):
        fit(finished, dataset)


def test_a_folder_with_other_files_is_not_touched(tmp_path, dataset):
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "config.json").write_text('{"font": "Palatino"}')
    for overwrite in (False, True):
        with pytest.raises(genjax.UserError, match="no run of genjax"):
            fit(tmp_path, dataset, overwrite=overwrite)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_loading_what_is_not_there(tmp_path):
    with pytest.raises(genjax.UserError, match="does not exist: give a run's folder or a file"):
        genjax.load(tmp_path / "nothing")
    with pytest.raises(genjax.UserError, match="is not a run's folder"):
        genjax.load(tmp_path)


@pytest.mark.parametrize("harm", [flip, truncate])
def test_a_damaged_file_of_weights_is_refused(harm, tmp_path, key):
    path = tmp_path / "weights.npz"
    genjax.save(path, small("vae", image_shape=(8, 8, 1)).init(key))
    harm(path)
    with pytest.raises(genjax.CheckpointError, match=r"weights.npz is no whole file of weights"):
        genjax.load(path)


def test_weights_of_another_shape_are_refused(tmp_path, key):
    path = tmp_path / "weights.npz"
    params = small("vae", image_shape=(8, 8, 1)).init(key)
    weights = jax.tree.map(lambda leaf: leaf[..., :1], params.weights)
    genjax.save(path, params.replace(weights=weights))
    with pytest.raises(
        genjax.CheckpointError, match=r"does not fit the model: weights\.\S+ should"
    ):
        genjax.load(path)


def test_state_survives_a_checkpoint_with_its_key(tmp_path, dataset):
    from genjax.training.state import init_state

    state = init_state(small("vae", image_shape=(8, 8, 1)), jax.random.key(7), TRAINING)
    checkpoints.save(tmp_path, state)
    other = init_state(small("vae", image_shape=(8, 8, 1)), jax.random.key(8), TRAINING)
    restored = checkpoints.restore(tmp_path, other)
    assert same(checkpoints.name_arrays(restored), checkpoints.name_arrays(state))
    np.testing.assert_array_equal(
        jax.random.normal(restored.key, (3,)), jax.random.normal(state.key, (3,))
    )


KILLED = """
import sys, jax
sys.path.insert(0, {tests!r})
from tests.helpers import blobs, small
import genjax.public
from genjax.training.configuration import Training
genjax.runs.checkpoints.SECONDS_BETWEEN = 0.0
genjax.fit(small("vae"), blobs(2_000), jax.random.key(0), Training({epochs}, 16), out={out!r},
           progress=False)
"""


def test_killed_at_any_moment_it_ends_in_the_same_bits(tmp_path):
    """`kill -9` of a real process, at several moments, until the run is through."""
    cache = str(tmp_path / "cache")  # a process killed while it writes spoils no other test
    environment = os.environ | {"GENJAX_CACHE_DIR": cache, "JAX_COMPILATION_CACHE_DIR": cache}
    epochs = 40

    def start(out):
        script = KILLED.format(tests=str(ROOT), out=str(out), epochs=epochs)
        return subprocess.Popen([sys.executable, "-c", script], env=environment)

    assert start(tmp_path / "whole").wait() == 0
    killed, patience = 0, 0.0
    while True:
        process = start(tmp_path / "killed")
        metrics = tmp_path / "killed" / "metrics.jsonl"
        lines = len(metrics.read_text().splitlines()) if metrics.exists() else 0
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            now = len(metrics.read_text().splitlines()) if metrics.exists() else 0
            if killed < 4 and now >= lines + 4:
                time.sleep(patience)  # a different moment within an epoch and a save every time
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed, patience = killed + 1, patience + 0.013
                break
            time.sleep(0.002)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
    assert killed == 4
    assert same(genjax.load(tmp_path / "killed"), genjax.load(tmp_path / "whole"))
    numbers = [
        json.loads(line)["epoch"]
        for line in (tmp_path / "killed" / "metrics.jsonl").read_text().splitlines()
    ]
    assert numbers == list(range(1, epochs + 1))
