"""A run on 8 devices is that on 1, and each goes on where the other stopped."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import genjax
from genjax.distributed import devices
from genjax.model import Batch
from genjax.nn.conv import native_convolutions
from genjax.runs import checkpoints
from genjax.training import loop
from genjax.training.configuration import Training
from genjax.training.step import compute_gradients
from tests.helpers import blobs, small

ROOT = Path(__file__).parent.parent.parent
CASES = {  # batch normalisation over the batch, an average, a distance; a batch of seeds
    "dcgan": (small("dcgan"), jax.random.key(0), Training(2, 16, ema_decay=0.9)),
    "seeds": (small("vae", network="mlp"), jax.random.split(jax.random.key(0), 8), Training(2, 8)),
}


class Stop(Exception):
    pass


def distance(params, key):
    return float(jax.tree.leaves(params)[-1].mean() + jax.random.uniform(key))


def fit(folder: Path, name: str, half: bool = False):
    """A case in the folder; of the `half`, a checkpoint of its first epoch is left."""

    def stop(epoch, _):
        if half and epoch == 2:
            raise Stop

    model, key, training = CASES[name]
    return genjax.fit(
        model, blobs(32), key, training,
        out=folder / name, on_epoch=stop, distance=distance, progress=False,
    )  # fmt: skip


def recording(compiled, found: list):
    """`loop.compile_epoch`, noting of each program its devices and a device's operations."""

    def recorded(*arguments):
        state, data, run_epoch = compiled(*arguments)
        on = len(jax.tree.leaves(state)[0].sharding.device_set)
        found.append([on, run_epoch.cost_analysis()["flops"]])
        assert "collective-permute" not in run_epoch.as_text()  # no image travels
        return state, data, run_epoch

    return recorded


def count_operations(size: int) -> float:
    """Count those of the gradients of a DCGAN's players, of a batch on `size` devices."""
    model = genjax.DCGAN(image_shape=(16, 16, 1), latent_dim=4, width=8)
    mesh = Mesh(np.array(jax.devices()[:size]), (devices.AXIS,))
    split = NamedSharding(mesh, PartitionSpec(devices.AXIS))
    place = functools.partial(jax.ShapeDtypeStruct, sharding=split)
    batch = Batch(place((64, *model.image_shape), np.float32), place((64,), np.int32))
    with native_convolutions():
        compiled = jax.jit(compute_gradients).lower(model.init(0), batch, jax.random.key(0))
        return size * compiled.compile().cost_analysis()["flops"]


def on_eight_devices(folder: Path) -> None:
    """What a process of 8 devices does: it ends one run, and begins the other."""
    checkpoints.SECONDS_BETWEEN = 0.0
    for count, used in [(16, 8), (8, 8)]:
        assert devices.make_mesh(count, "seeds").size == used
    for count, used in [(12, 6), (7, 7)]:
        with pytest.warns(UserWarning, match=f"{count} seeds go to {used} of 8 devices"):
            assert devices.make_mesh(count, "seeds").size == used
    with pytest.warns(UserWarning, match="11 seeds go to 1 of 8"):
        assert devices.make_mesh(11, "seeds") is None

    found = []
    loop.compile_epoch = recording(loop.compile_epoch, found)
    assert len(jax.tree.leaves(fit(folder, "dcgan"))[0].devices()) == 1
    with pytest.raises(Stop):
        fit(folder, "seeds", half=True)
    print(json.dumps([*found, [count_operations(1), count_operations(4)]]))


def test_eight_devices_train_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    found = []
    monkeypatch.setattr(loop, "compile_epoch", recording(loop.compile_epoch, found))
    with pytest.raises(Stop):
        fit(tmp_path / "one", "dcgan", half=True)
    shutil.copytree(tmp_path / "one", tmp_path / "both")
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
    environment = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    printed = subprocess.run(
        [sys.executable, __file__, str(tmp_path / "both")],
        env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    of_batch, of_seeds, (alone, over_four) = json.loads(printed.splitlines()[-1])
    assert over_four < 1.02 * alone  # the players' common forward passes are computed once
    assert (found[0][0], of_batch[0], of_seeds[0]) == (1, 8, 8)
    assert of_batch[1] < 0.8 * found[0][1]  # of the batch a part, of the diagnosis all
    for name in CASES:
        one, both = fit(tmp_path / "one", name), fit(tmp_path / "both", name)
        lines = [
            genjax.runs.run_folder.read_metrics(tmp_path / way / name) for way in ("one", "both")
        ]
        for left, right in zip(*lines, strict=True):
            assert left["distance"] == pytest.approx(right["distance"], rel=1e-3)
        for left, right in zip(*map(jax.tree.leaves, (one, both)), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-4)


if __name__ == "__main__":
    on_eight_devices(Path(sys.argv[1]))
