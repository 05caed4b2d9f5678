"""The exam: what somebody who knows only the documentation does from files of his own.

The files lie in tests/exam. None of them is longer than 60 lines, and none changes genjax. Every
model goes through the commands; what it cannot do is refused in a sentence.
"""

import dataclasses
import importlib
import shutil
import struct

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import genjax
from genjax import app, testing
from genjax.cli import evaluate as evaluate_command
from genjax.cli.main import COMMANDS, main
from genjax.errors import MissingCapability
from genjax.model import MODELS, CanDecode, CanReconstruct
from genjax.plots import chart
from genjax.plots.exploration import explore_page
from genjax.plots.grids import prepare_path
from genjax.recipes import contenders
from genjax.recipes.measurement import make_keys
from genjax.runs import run_folder
from tests.data.files import write_prepared
from tests.helpers import ROOT, blobs, same, work_in

pytestmark = pytest.mark.slow
EXAM = ROOT / "tests/exam"
NAMES = [
    "flow_matching", "vq_vae", "real_nvp", "two_level_vae", "residual_vae", "label_vae",
    "logistic_vae", "sigma_vae", "own_loss",
]  # fmt: skip
EVERY_PANEL = ["flow_matching", "two_level_vae"]
FEW_PANELS = ["samples", "latent_use", "inversion", "traversal"]
TRAINING = genjax.Training(epochs=2, batch_size=16)
VAE = genjax.VAE(latent_dim=2, network="mlp", hidden=(8,))


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A folder with the files of the exam and 64 images; what they register is forgotten after."""
    folder = tmp_path_factory.mktemp("exam")
    for file in EXAM.glob("*.py"):
        shutil.copy(file, folder)
    data = blobs(64)
    np.savez(folder / "exam.npz", images=data.images, labels=data.labels)
    with work_in(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENJAX_CACHE_DIR", str(folder / "cache"))
        for module in (evaluate_command, contenders):
            patch.setattr(
                module, "get_classifier", lambda *sets, **options: None
            )  # it takes long to train
        patch.setattr(contenders, "MEASURED", {"num_samples": 3, "num_generated": 16})
        yield folder


def read_recipe(name):
    return getattr(importlib.import_module("exam_recipes"), name)


def train(room, name):
    """Train one of the models in Python for an epoch, then by the command, which goes on."""
    run, recipe = room / "runs" / name, read_recipe(name)
    if not run.exists():
        first, key = dataclasses.replace(recipe.training, epochs=1), make_keys(recipe)[0].train
        images, _ = recipe.load()
        genjax.fit(recipe.model, images, key, first, out=run, progress=False)
        assert main(["train", f"exam_recipes.py:{name}", "--out", str(run)]) == 0
    return run


@pytest.fixture(scope="module", params=NAMES)
def run(room, request):
    return train(room, request.param)


@pytest.fixture
def few_dots(monkeypatch):
    """Figures of a few dots, which are drawn soon."""
    monkeypatch.setattr(
        chart, "save_figure", lambda path, figure: figure.savefig(prepare_path(path), dpi=10)
    )


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
    assert main(["evaluate", str(run), "--num-generated", "16", "--num-samples", "3"]) == 0
    assert "nan" not in capsys.readouterr().out


def test_a_page_explores_it(run, few_dots, monkeypatch):
    """A panel is drawn, or left out with a sentence; anything else would end the command."""
    if run.name not in EVERY_PANEL:
        panels = [panel for panel in explore_page.list_panels() if panel.name in FEW_PANELS]
        monkeypatch.setattr(explore_page, "list_panels", lambda: panels)
    assert main(["explore", str(run)]) == 0
    page = (run / "explore/index.html").read_text()
    model = genjax.load(run).model
    assert 'id="samples"' in page
    assert ('id="traversal"' in page) == isinstance(model, CanReconstruct)
    assert ('id="inversion"' in page) == isinstance(model, CanDecode)


def test_a_report_compares_them(room, few_dots):
    runs = [str(train(room, name)) for name in NAMES]
    assert main(["compare", *runs, "--out", "compared"]) == 0
    report = (room / "compared/report.html").read_text()
    for name in NAMES:
        assert name in report


@pytest.mark.parametrize("name", ["flow_matching", "two_level_vae", "label_vae"])
def test_the_app_shows_what_it_can_do(room, name):
    params = genjax.load(train(room, name))
    page = app.build(params, blobs(20))
    components = page.config["components"]
    tabs = [one["props"]["label"] for one in components if one["type"] == "tabitem"]
    text = next(one["props"]["value"] for one in components if one["type"] == "markdown")
    decodes = isinstance(params.model, CanDecode)
    assert "Samples" in tabs
    assert ({"Latents", "Interpolation"} <= set(tabs)) == decodes
    assert ("It has no latents to move" in text) != decodes


def test_a_file_of_weights_holds_it(run, tmp_path):
    params = genjax.load(run)
    genjax.save(tmp_path / "weights.npz", params)
    assert same(genjax.load(tmp_path / "weights.npz"), params)


ON_RUNS = sorted(COMMANDS.keys() - {"train", "list", "train-classifier", "completion"})


@pytest.mark.parametrize("command", ON_RUNS)
def test_without_its_module_every_command_says_what_to_import(room, command, capsys, monkeypatch):
    run = train(room, "flow_matching")
    monkeypatch.delitem(MODELS, "exam_flow")
    capsys.readouterr()
    repository = ["me/model"] if command == "push" else []
    assert main([command, str(run), *repository]) == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: ")
    assert "no model is named 'exam_flow'" in said
    assert "--import flow_matching" in said
    assert "\n" not in said


def load(room, name):
    """Parameters of a model after two epochs, and its data."""
    return genjax.load(train(room, name)), genjax.data.from_npz(room / "exam.npz")


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


def test_likelihoods_of_ones_own_own_what_they_observe(room):
    images, key = blobs(9).images / np.float32(255), jax.random.key(0)
    for name in ("logistic_vae", "sigma_vae"):
        params, data = load(room, name)
        np.testing.assert_array_equal(params.model.observe(images, key), images)  # no binary ones
        result = genjax.evaluate(params, data, key, num_samples=3, progress=False)
        assert ("bits_per_dim" in result) == (name == "logistic_vae")
        use = genjax.latent_use(params, data.images, key)
        assert use.measure == "rate, nats"
        assert np.sum(use.amount) == pytest.approx(result["rate"], rel=1e-4)


PROMISES = {
    "real_nvp": [testing.check_sampling_transforms, testing.check_losses],
    "vq_vae": [testing.check_encoding_transforms, testing.check_specification],
    "label_vae": [testing.check_evaluation],
}


@pytest.mark.parametrize("name", PROMISES)
def test_it_keeps_the_promises(room, name, tmp_path):
    """Those that models from outside once could not keep; `check_model` checks all."""
    trial = testing.Trial(read_recipe(name).model, tmp_path)
    for check in PROMISES[name]:
        check(trial)


def read_events(file):
    """Read the scalars of a TensorBoard log: name -> [(step, value)]."""
    from tensorboardX.proto.event_pb2 import Event

    content, scalars = file.read_bytes(), {}
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        event = Event.FromString(content[12 : 12 + length])
        for value in event.summary.value:
            scalars.setdefault(value.tag, []).append((event.step, value.simple_value))
        content = content[16 + length :]
    return scalars


def test_any_data_of_tfds_a_log_early_stopping_and_accumulated_gradients(room, monkeypatch):
    """One recipe with all of them: images of 9 by 11, mirrored at random, and a single latent."""
    images = np.random.default_rng(0).integers(0, 256, (40, 9, 11, 1), np.uint8)
    data = genjax.data.from_arrays(images, np.arange(40) % 2)
    write_prepared(room / "tfds", data, (30, 10), name="kmnist/3.0.1", names=("o", "ki"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(room / "tfds"))
    run = room / "runs/kmnist"
    assert main(["train", "exam_recipes.py:kmnist", "--out", str(run)]) == 0
    lines = run_folder.read_metrics(run)
    (file,) = (room / "logs").glob("events*")
    scalars = read_events(file)
    for name in ("loss", "validation_loss", "rate"):
        written = [(line["epoch"], pytest.approx(line[name], rel=1e-6)) for line in lines]
        assert scalars[name] == written
    optimizer = run_folder.read_config(run)["training"]["optimizer"]
    assert optimizer == {"name": "adamw over two batches", "custom": True}
    params, test_set = genjax.load(run), genjax.data.load("kmnist", "test")
    assert genjax.sample(params, 0, 2).shape == (2, 9, 11, 1)
    result = genjax.evaluate(params, test_set, 0, num_samples=2, per_image=True, progress=False)
    assert result["per_image"]["negative_elbo"].shape == (40,)


def test_two_models_trained_in_turn_go_on_where_they_were_stopped(room):
    in_turn = importlib.import_module("in_turn").train_in_turn
    models = VAE, dataclasses.replace(VAE, beta=4.0)
    images = np.asarray(blobs(32).images)
    whole = in_turn(models, images, 2, "runs/whole")

    class Stop(genjax.Callback):
        def on_start(self, epoch, params, metrics):
            if same(params.model, models[1].for_images((8, 8, 1))):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_turn(models, images, 2, "runs/stopped", [Stop()])
    again = in_turn(models, images, 2, "runs/stopped")
    assert same(whole, again)
    assert same(genjax.load("runs/stopped/turn-1/model-0"), again[0])
    drawn = run_folder.read_config(room / "runs/stopped/turn-1/model-0")["dataset"]["num_images"]
    assert drawn == 64  # the images, and as many samples of the other model


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
