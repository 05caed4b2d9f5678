"""Many seeds at once are what they are alone; one that diverges is reported and left behind."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import blobs, small
from PIL import Image

import genjax
from experiments import trained
from experiments.named import EXPERIMENTS
from experiments.seeds import together
from experiments.train import train
from genjax import run, seeds
from genjax.configuration import Optimizer, Training
from genjax.train import epochs, init_state

KEYS = jax.random.split(jax.random.key(0), 3)
QUICK = Training(2, 16)


def mean_pixel(params, key):
    """That of no samples from the data, but different for every seed and epoch."""
    return float(jnp.mean(genjax.sample(params, key, 8)))


def fit(model, key, training=QUICK, data=None, **options):
    return genjax.fit(model, data or blobs(32), key, training, progress=False, **options)


def assert_same(left, right):
    for (path, one), (_, other) in zip(
        *map(jax.tree_util.tree_leaves_with_path, (left, right)), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=str(path))


def test_many_seeds_are_the_single_runs(tmp_path):
    """A game with an average, standing statistics, and best weights of an epoch of each's own."""
    model, training = small("dcgan"), Training(4, 16, ema_decay=0.9)
    together, alone = tmp_path / "together", tmp_path / "alone"
    many = fit(model, KEYS, training, out=together, distance=mean_pixel)
    single = fit(model, KEYS[1], training, out=alone, distance=mean_pixel)
    assert_same(seeds.nth(many, 1), single)
    assert not np.allclose(*(jax.tree.leaves(seeds.nth(many, i))[-1] for i in (0, 1)))
    assert_same(genjax.load(together), many)
    assert_same(seeds.nth(genjax.load(together / "best.npz"), 1), genjax.load(alone / "best.npz"))
    assert run.best_epoch(together)[1] == run.best_epoch(alone)

    line, other = (run.read_metrics(folder)[-1] for folder in (together, alone))
    for name in other.keys() - {"epoch", "seconds", "images_per_second", "warnings"}:
        each = line["seeds"][name]
        assert each[1] == pytest.approx(other[name], rel=1e-3, abs=1e-4)
        assert line[name] == pytest.approx(np.mean(each))
        assert line["spread"][name] == pytest.approx(np.std(each, ddof=1))


def test_a_loop_over_seeds_is_their_vmap(monkeypatch):
    """The one on a CPU, the other elsewhere."""
    model, training, data = small("dcgan", image_shape=(8, 8, 1)), Training(1, 8), blobs(16)
    found = []
    for over in (seeds.over, lambda function, batch: jax.vmap(function)(batch)):
        monkeypatch.setattr(seeds, "over", over)
        epochs.clear_cache()
        states = jax.vmap(lambda key: init_state(model, key, training))(KEYS)
        found.append(epochs(states, data.images, data.labels, training=training, steps=2))
    epochs.clear_cache()
    (states, terms), (vmapped, vmapped_terms) = found
    assert_same(states.params, vmapped.params)
    assert_same(terms, vmapped_terms)


class Stop(Exception):
    pass


def test_many_stopped_runs_go_on_to_the_same_bits(tmp_path, monkeypatch):
    """And to the same best weights: stopped after some were written that no checkpoint reached."""
    monkeypatch.setattr("genjax.checkpoint.SECONDS_BETWEEN", 0.0)

    def go(folder, on_epoch=None):
        params = fit(
            small("gan"), KEYS, Training(5, 16, ema_decay=0.9), out=tmp_path / folder,
            on_epoch=on_epoch, distance=mean_pixel,
        )  # fmt: skip
        lines = run.read_metrics(tmp_path / folder)
        timings = ("seconds", "images_per_second")
        lines = [{k: v for k, v in line.items() if k not in timings} for line in lines]
        return params, genjax.load(tmp_path / folder / "best.npz"), lines

    def stop_in_fourth(epoch, _):
        if epoch == 4:
            raise Stop

    with pytest.raises(Stop):
        go("stopped", stop_in_fourth)
    resumed, whole = [], go("whole")
    again = go("stopped", lambda epoch, _: resumed.append(epoch))
    assert resumed == [4, 5]
    for left, right in zip(*map(jax.tree.leaves, (again, whole)), strict=True):
        assert np.array_equal(left, right)


def test_a_seed_that_diverges_leaves_the_others_alone(tmp_path):
    """Each with a learning rate of its own, of which one is far too large."""
    sgd = Optimizer("sgd", (1e-3, 1e12, 2e-3))
    model = small("vae", network="mlp")
    with pytest.warns(UserWarning, match=r"since epoch \d \(seed 1\) .* not a finite number"):
        many = fit(model, KEYS, Training(3, 16, sgd), out=tmp_path)
    assert not all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(seeds.nth(many, 1)))
    for index in (0, 2):
        alone = Optimizer("sgd", sgd.learning_rate[index])
        assert_same(seeds.nth(many, index), fit(model, KEYS[index], Training(3, 16, alone)))
    line = run.read_metrics(tmp_path)[-1]
    assert line["collapse_rate"] == pytest.approx(1 / 3)
    assert line["warnings"] == ["seed 1: diverged"]
    assert line["seeds"]["loss"][1] is None
    assert line["loss"] == pytest.approx(np.mean([line["seeds"]["loss"][i] for i in (0, 2)]))


def test_only_if_all_diverge_training_stops():
    with pytest.raises(genjax.TrainingDiverged, match="of seed 0, and the others of 3"):
        fit(small("vae", network="mlp"), KEYS, Training(3, 16, Optimizer("sgd", 1e12)))


def test_warnings_name_the_seed():
    model = small("gan", image_shape=(8, 8, 1))
    terms = {"diversity": np.array([0.9, 0.1, np.nan]), "finite": np.array([1.0, 1.0, 0.0])}
    alive = seeds.finite(terms)
    names = seeds.found(model, terms, alive)
    assert list(names) == ["seed 1: samples collapse", "seed 2: diverged"]
    assert seeds.collapse_rate(names, 3) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("keys", "rate", "message"),
    [
        (jax.random.split(jax.random.key(0), (2, 2)), 1e-3, r"key has the shape \(2, 2\)"),
        (KEYS[:0], 1e-3, r"key has the shape \(0,\)"),
        (KEYS, (1e-3, 2e-3), r"holds 2 numbers.* key has the shape \(3,\)"),
        (KEYS[0], (1e-3, 2e-3), r"holds 2 numbers.* key has the shape \(\)"),
        (KEYS, (1e-3, -1e-3, 1e-3), r"optimizer.learning_rate is -0.001"),
        (KEYS, (1e-3, "fast", 1e-3), r"learning_rate is .*'fast'.*, but must be a finite number"),
    ],
)
def test_keys_and_rates_that_do_not_fit_are_refused(keys, rate, message):
    with pytest.raises(genjax.UserError, match=message):
        fit(small("vae"), keys, Training(1, 16, Optimizer(learning_rate=rate)))


def test_a_key_of_the_old_kind_is_one_key():
    model = small("vae", network="mlp")
    old, new = (fit(model, kind(3)) for kind in (jax.random.PRNGKey, jax.random.key))
    assert_same(old, new)


@pytest.mark.filterwarnings("ignore:since epoch")
def test_an_experiment_of_many_seeds_measures_each(tmp_path, monkeypatch):
    """As it measures each seed alone, the last weights and the best."""
    few = partial(genjax.data.sprites, scales=2, orientations=1, columns=6, rows=6, size=16)
    monkeypatch.setattr("genjax.data.loading.sprites", few)
    monkeypatch.setattr("genjax.metrics.judge", lambda train_set, test_set: None)
    one = replace(
        EXPERIMENTS["gan-mnist"],
        dataset="sprites",
        model=small("gan"),
        training=Training(epochs=2, batch_size=32, ema_decay=0.9),
        num_generated=20,
        seed=4,
    )
    result = train(replace(one, seed=3, seeds=2), tmp_path / "two")
    alone = train(one, tmp_path / "one")
    both = [own["sharpness"] for own in result["seeds"]]
    assert both[1] == pytest.approx(alone["sharpness"], rel=1e-3)
    assert result["sharpness"] == pytest.approx(np.mean(both))
    assert result["sharpness_sd"] == pytest.approx(np.std(both, ddof=1))
    assert result["best"]["epoch"][1] == alone["best"]["epoch"]
    assert result["best"]["seeds"][1]["sharpness"] == pytest.approx(
        alone["best"]["sharpness"], rel=1e-3
    )
    assert result["collapse_rate"] in (0, 0.5, 1)
    with Image.open(tmp_path / "two" / "figures" / "samples-seeds.png") as image:
        assert np.asarray(image.convert("L")).std() > 5
    shown = trained.load(tmp_path / "two")  # the first seed, for the app and the page
    assert genjax.sample(shown, KEYS[0], 2).shape == (2, 16, 16, 1)


def test_figures_of_a_seed_that_diverged_are_left_out():
    figures = together([{"nll": 1.0, "nll_sem": 0.1, "record": {}}, None, {"nll": 3.0}])
    assert (figures["nll"], figures["nll_sd"]) == (2.0, pytest.approx(2**0.5))
    assert figures["seeds"] == [{"nll": 1.0, "nll_sem": 0.1}, None, {"nll": 3.0}]
    assert "nll_sem" not in figures
