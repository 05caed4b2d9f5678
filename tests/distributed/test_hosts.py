"""A run on two hosts is that on one; if one dies, the other ends, and the run goes on on one."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import genjax
from genjax.cli import train as command
from genjax.distributed import devices, hosts
from genjax.errors import HostLost
from genjax.recipes import RECIPES, run
from genjax.recipes.measurement import make_keys
from genjax.recipes.recipe import Recipe
from genjax.runs import checkpoints
from genjax.training import epoch_terms
from genjax.training.configuration import Training
from tests.helpers import blobs, small

ROOT = Path(__file__).parent.parent.parent
SECONDS = 150  # until a host that hangs is killed
MODEL = small("vae", network="mlp")
TRAINING = Training(4, 16, ema_decay=0.9)
SEEDS = replace(
    RECIPES["vae-mnist"], model=MODEL, training=Training(1, 16), seeds=4, num_generated=0
)


class Stop(Exception):
    pass


def fit(out: Path, stop_in: int | None = None):
    def on_epoch(epoch, _):
        if epoch == stop_in:
            raise Stop

    return genjax.fit(
        MODEL, blobs(32), jax.random.key(0), TRAINING, out=out, on_epoch=on_epoch, progress=False
    )


def on_two_hosts(folder: Path, host: int, port: int) -> int:
    """What each host does: one run of many seeds by the command; then a run that loses a host."""
    RECIPES["vae-mnist"] = SEEDS
    Recipe.load = lambda self: (blobs(32), blobs(32))
    genjax.evaluate = lambda *arguments, **options: {"figure": 1.0, "record": {}}
    run.draw_run = lambda *arguments: None
    checkpoints.SECONDS_BETWEEN = 0.0
    many = ["--hosts", "2", "--host", str(host), "--coordinator", f"127.0.0.1:{port}"]
    assert command.main(["vae-mnist", "--out", str(folder / "seeds"), *many]) == 0
    with pytest.raises(genjax.UserError, match="7 images of a batch do not divide among 2 hosts"):
        devices.make_mesh(7, "images of a batch")
    with pytest.raises(genjax.UserError, match=r"the key must be .* on host 1 it is not the same"):
        hosts.check_same(bytes([host]), "the key")
    with pytest.raises(genjax.UserError, match="no run of genjax"):  # host 0 sees it, both say it
        genjax.fit(MODEL, blobs(32), jax.random.key(0), out=folder)

    check_alive = epoch_terms.check_alive

    def die(terms, alive, done, out):
        if done == 3 and host == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        check_alive(terms, alive, done, out)

    epoch_terms.check_alive = die
    try:
        fit(folder / "batch" if host == 0 else folder / "unseen")
    except HostLost as error:
        print(error, file=sys.stderr)
        return hosts.leave(3)
    return 0


def start(folder: Path, host: int, port: int) -> subprocess.Popen:
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    environment = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, __file__, str(folder), str(host), str(port)],
        env=os.environ | environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_two_hosts_train_as_one_and_one_goes_on_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS_BETWEEN", 0.0)
    with pytest.raises(Stop):  # begun on one
        fit(tmp_path / "batch", stop_in=2)
    port = free_port()
    both = [start(tmp_path, host, port) for host in (0, 1)]
    try:
        said = [process.communicate(timeout=SECONDS)[1] for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [3, -signal.SIGKILL], "\n".join(said)
    assert "another host has ended" in said[0]
    assert "goes on from the newest checkpoint" in said[0]
    assert not (tmp_path / "unseen").exists()

    lines = genjax.runs.run_folder.read_metrics(tmp_path / "batch")
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    resumed, whole = fit(tmp_path / "batch"), fit(tmp_path / "whole")
    assert_same(resumed, whole)
    for left, right in zip(
        *(genjax.runs.run_folder.read_metrics(tmp_path / name) for name in ("batch", "whole")),
        strict=True,
    ):
        assert left["loss"] == pytest.approx(right["loss"], rel=1e-3)

    keys = jax.numpy.stack([own.train for own in make_keys(SEEDS)])
    alone = genjax.fit(MODEL, blobs(32), keys, SEEDS.training, progress=False)
    assert_same(genjax.load(tmp_path / "seeds"), alone)
    result = json.loads((tmp_path / "seeds" / "result.json").read_text())
    assert len(result["seeds"]) == 4


def assert_same(left, right):
    for one, other in zip(*map(jax.tree.leaves, (left, right)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((0,), r"hosts is 0, but must be at least 1"),
        ((2, 2, "10.0.0.1:1234"), r"host is 2, but must be from 0 to 1"),
        ((1, 1), r"host is 1, but must be from 0 to 0"),
        ((2, 0, "10.0.0.1"), r"coordinator is '10.0.0.1', but must be the address of host 0"),
        ((2, 0, "10.0.0.1:http"), r"coordinator is '10.0.0.1:http'"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(numbers, message):
    with pytest.raises(genjax.UserError, match=message):
        hosts.join(*numbers)


def test_hosts_join_before_anything_touches_a_device(key):
    jax.block_until_ready(key)
    with pytest.raises(genjax.UserError, match="must be called before"):
        hosts.join(2, 0, f"127.0.0.1:{free_port()}")
    hosts.join(1)  # of one, nothing to do
    assert hosts.run_on_first(lambda: 5) == 5


def test_a_host_that_waits_in_vain_says_so(tmp_path):
    """A process of its own: it ends at once, although jax would go on waiting."""
    code = (
        "import genjax.distributed.hosts, genjax.cli.train as train;"
        " genjax.distributed.hosts.SECONDS_TO_MEET = 1;"
        " train.main(['vae-mnist', '--hosts', '2', '--host', '1',"
        f" '--coordinator', '127.0.0.1:{free_port()}', '--out', '{tmp_path}'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], timeout=SECONDS, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "error: the hosts of this run have not met: 1 s have passed" in done.stderr


if __name__ == "__main__":
    sys.exit(on_two_hosts(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
