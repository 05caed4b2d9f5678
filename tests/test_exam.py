"""The exam: what somebody who knows only the documentation does from files of his own.

The files lie in tests/exam. None of them is longer than 60 lines, and none changes genjax.
"""

import dataclasses
import importlib
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import genjax
from genjax.cli.main import main
from genjax.errors import MissingCapability
from genjax.model import MODELS
from genjax.runs import run_folder
from tests.helpers import ROOT, blobs, same, work_in

pytestmark = pytest.mark.slow
EXAM = ROOT / "tests/exam"
BY_COMMAND = ["flow_matching", "vq_vae", "two_level_vae"]
TRAINING = genjax.Training(epochs=2, batch_size=16)
VAE = genjax.VAE(latent_dim=2, network="mlp", hidden=(8,))


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A folder with the files of the exam and 64 images; what they register is forgotten after."""
    folder = tmp_path_factory.mktemp("exam")
    for file in EXAM.glob("*.py"):
        shutil.copy(file, folder)
    np.savez(folder / "exam.npz", images=blobs(64).images)
    with work_in(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENJAX_CACHE_DIR", str(folder / "cache"))
        yield folder


def train(room, name):
    """Train one of the models on the command line for an epoch, then for a second one."""
    run = room / "runs" / name
    if not run.exists():
        command = ["train", f"exam_recipes.py:{name}", "--out", str(run)]
        assert main([*command, "--epochs", "1"]) == 0
        assert main(command) == 0
    return run


@pytest.fixture(scope="module", params=BY_COMMAND)
def run(room, request):
    return train(room, request.param)


@pytest.mark.parametrize("file", sorted(EXAM.glob("*.py")), ids=lambda file: file.stem)
def test_no_file_is_longer_than_60_lines(file):
    assert sum(bool(line.strip()) for line in file.read_text().splitlines()) <= 60


def test_the_commands_serve_it(run, capsys):
    lines = run_folder.read_metrics(run)
    assert [line["epoch"] for line in lines] == [1, 2]
    assert main(["sample", str(run), "--out", "samples.npz", "--num", "5"]) == 0
    images = np.load("samples.npz")["images"]
    assert images.shape == (5, 8, 8, 1)
    assert images.min() >= 0
    assert images.max() <= 1
    measure = ["--dataset", "exam.npz", "--num-generated", "16", "--num-samples", "3"]
    assert main(["evaluate", str(run), *measure]) == 0
    assert "nan" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["flow_matching", "two_level_vae"])
def test_a_page_explores_it(room, name):
    run = train(room, name)
    assert main(["explore", str(run), "--dataset", "exam.npz"]) == 0
    assert (run / "explore/index.html").stat().st_size > 10_000


def test_a_report_compares_them(room):
    runs = [str(train(room, name)) for name in ("flow_matching", "two_level_vae")]
    assert main(["compare", *runs, "--dataset", "exam.npz", "--out", "compared"]) == 0
    report = (room / "compared/report.html").read_text()
    assert "flow_matching" in report
    assert "two_level_vae" in report


def test_a_file_of_weights_holds_it(run, tmp_path):
    params = genjax.load(run)
    genjax.save(tmp_path / "weights.npz", params)
    assert same(genjax.load(tmp_path / "weights.npz"), params)


def test_without_its_module_the_file_says_what_to_import(run, tmp_path, monkeypatch):
    params = genjax.load(run)
    genjax.save(tmp_path / "weights.npz", params)
    monkeypatch.delitem(MODELS, params.model._registered_name)
    with pytest.raises(genjax.UserError, match=f"[Ii]mport {type(params.model).__module__}"):
        genjax.load(tmp_path / "weights.npz")


def load(room, name):
    """Parameters of a model after two epochs, and its data."""
    data = blobs(64)
    if name in BY_COMMAND:
        return genjax.load(train(room, name)), data
    recipe = getattr(importlib.import_module("exam_recipes"), name)
    return genjax.fit(recipe.model, data, 0, recipe.training, progress=False), data


def test_flow_matching_is_refused_what_it_cannot_do(room):
    params, data = load(room, "flow_matching")
    for refused in (
        lambda: genjax.encode(params, data.images),
        lambda: genjax.decode(params, jnp.zeros((1, 2))),
        lambda: genjax.latent_use(params, data.images, jax.random.key(0)),
    ):
        with pytest.raises(MissingCapability, match="exam_flow"):
            refused()


def test_the_codebook_moves_and_all_latents_are_codes(room):
    params, data = load(room, "vq_vae")
    averages = params.stats["codebook"]["averages"]
    fresh = params.model.init(jax.random.key(0)).stats["codebook"]["averages"]
    assert not same(averages, fresh)
    codes = np.asarray(averages["total"] / averages["count"][:, None])
    prior = params.model.sample_latents(params, jax.random.key(1), 20)
    for z in (genjax.encode(params, data.images), prior):
        distances = np.abs(np.asarray(z).reshape(-1, 1, 2) - codes).max(axis=2).min(axis=1)
        assert distances.max() < 1e-6


def test_the_exact_likelihood_is_reported_as_exact(room):
    params, data = load(room, "real_nvp")
    result = genjax.evaluate(params, data, jax.random.key(1), progress=False)
    exact = -float(jnp.mean(params.model.log_prob(params, data.images / np.float32(255))))
    assert result["nll"] == pytest.approx(exact, rel=1e-4)
    assert result["record"]["nll"] == "exact"
    assert "distortion" not in result
    z = genjax.encode(params, data.images[:4])
    assert np.allclose(genjax.decode(params, z), data.images[:4] / np.float32(255), atol=1e-4)


def test_a_prior_of_two_levels_is_right_everywhere(room):
    params, data = load(room, "two_level_vae")
    key = jax.random.key(1)
    assert np.array_equal(genjax.sample(params, key, 9), genjax.sample(params, key, 9, 1.0))
    calm = params.model.sample_latents(params, key, 500, 0.1)
    wild = params.model.sample_latents(params, key, 500, 1.0)
    assert np.std(calm) < np.std(wild)
    assert genjax.latent_use(params, data.images, key).measure == "variance"  # of no latent's rate
    result = genjax.evaluate(params, data, key, num_samples=50, progress=False)
    assert result["negative_elbo"] == pytest.approx(result["distortion"] + result["rate"], rel=1e-4)
    assert result["nll"] <= result["negative_elbo"]


def test_batch_statistics_of_a_network_of_ones_own_move(room):
    params, _ = load(room, "residual_vae")
    norm = params.stats["encoder"]["batch_stats"]["BatchNorm_0"]
    assert np.abs(norm["mean"]).max() > 0


def test_labels_reach_every_method_that_takes_them(room):
    params, data = load(room, "label_vae")
    key, images, labels = jax.random.key(1), data.images[:6], data.labels[:6]
    ours, others = (genjax.encode(params, images, labels=y) for y in (labels, 1 - labels))
    assert not np.allclose(ours, others)
    decoded = genjax.decode(params, ours, labels=labels)
    assert np.allclose(genjax.reconstruct(params, images, labels=labels), decoded, atol=1e-6)
    of_class = [genjax.sample(params, key, 6, labels=y) for y in (0, 1)]
    assert not np.allclose(*of_class)
    result = genjax.evaluate(params, data, key, num_samples=20, progress=False)
    swapped = dataclasses.replace(data, labels=1 - data.labels)
    other = genjax.evaluate(params, swapped, key, num_samples=20, progress=False)
    for name in ("negative_elbo", "nll", "reconstruction_error"):
        assert result[name] != other[name]


def test_an_optimizer_of_ones_own_is_recorded_and_compared(room):
    lion = genjax.CustomOptimizer(
        "lion-cosine", lambda n: optax.lion(optax.cosine_decay_schedule(1e-3, n))
    )
    own = dataclasses.replace(TRAINING, optimizer=lion)
    data, key = blobs(64), jax.random.key(0)
    genjax.fit(VAE, data, key, own, out="runs/lion", progress=False)
    for other in (
        TRAINING,
        dataclasses.replace(TRAINING, optimizer=genjax.CustomOptimizer("sm3", optax.sm3(0.1))),
    ):
        with pytest.raises(genjax.UserError, match="lion-cosine"):
            genjax.fit(VAE, data, key, other, out="runs/lion", progress=False)


def test_a_callback_reads_what_is_written_and_ends_the_run(room):
    seen = []

    class Watch(genjax.Callback):
        def on_epoch(self, epoch, params, metrics):
            assert run_folder.read_metrics(room / "runs/watched")[-1] == metrics
            seen.append(metrics["validation_loss"])
            if epoch == 2:
                raise genjax.StopTraining("enough")

    long = dataclasses.replace(TRAINING, epochs=9)
    params = genjax.fit(
        VAE, blobs(64), jax.random.key(0), long, out="runs/watched", progress=False,
        validation=blobs(32, seed=1), callbacks=[Watch()],
    )  # fmt: skip
    assert len(seen) == 2
    assert same(genjax.load("runs/watched"), params)


def test_fine_tuning_leaves_a_frozen_network_as_it_is(room):
    data, key = blobs(64), jax.random.key(0)
    first = genjax.fit(VAE, data, key, TRAINING, progress=False)
    frozen = dataclasses.replace(TRAINING, learning_rate_factors=(("decoder", 0.0),))
    tuned = genjax.fit(VAE, data, key, frozen, start=first, progress=False)
    assert same(tuned.weights["decoder"], first.weights["decoder"])
    assert not same(tuned.weights["encoder"], first.weights["encoder"])
