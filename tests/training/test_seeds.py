"""Many seeds at once are what they are alone; one that diverges is reported and left behind."""

from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest
from PIL import Image

import genjax
from genjax.data.loaders import LOADERS
from genjax.distributed import seeds
from genjax.recipes import RECIPES, run_recipe
from genjax.recipes.measurement import average_results
from genjax.runs import run_folder
from genjax.runs.weights import load_best
from genjax.training import epoch_terms
from genjax.training.configuration import Optimizer, Training
from genjax.training.epoch import run_seeds_epoch
from genjax.training.state import init_state
from tests.helpers import blobs, small

KEYS = jax.random.split(jax.random.key(0), 3)
GAME = Training(4, 16, ema_decay=0.9)


def distance(params, key):
    """That of nothing, but another one for every seed and epoch."""
    return float(jax.tree.leaves(params)[0].mean() + 1e-3 * jax.random.uniform(key))


def fit(model, key, training, **options):
    return genjax.fit(model, blobs(32), key, training, progress=False, **options)


def assert_same(left, right):
    for (path, one), (_, other) in zip(
        *map(jax.tree_util.tree_leaves_with_path, (left, right)), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=str(path))


@pytest.fixture(scope="module")
def game(tmp_path_factory):
    """A game of many seeds with an average, standing statistics and best weights."""
    folder = tmp_path_factory.mktemp("game")
    return folder, fit(small("dcgan"), KEYS, GAME, out=folder, distance=distance)


@pytest.mark.filterwarnings("ignore:since epoch")
def test_many_seeds_are_the_single_runs(game, tmp_path):
    folder, many = game
    single = fit(small("dcgan"), KEYS[1], GAME, out=tmp_path, distance=distance)
    assert_same(seeds.select_seed(many, 1), single)
    assert not np.allclose(*(jax.tree.leaves(seeds.select_seed(many, i))[-1] for i in (0, 1)))
    assert_same(genjax.load(folder), many)
    best = genjax.load(folder / "best.npz")
    assert_same(seeds.select_seed(best, 1), genjax.load(tmp_path / "best.npz"))
    assert run_folder.find_nearest_epoch(folder)[1] == run_folder.find_nearest_epoch(tmp_path)
    assert genjax.sample(seeds.unstack_seeds(best)[0], KEYS[0], 2).shape == (2, 8, 8, 1)

    line, other = (run_folder.read_metrics(path)[-1] for path in (folder, tmp_path))
    for name in other.keys() - {"epoch", *run_folder.TIMES, "warnings"}:
        each = line["seeds"][name]
        assert each[1] == pytest.approx(other[name], rel=1e-3, abs=1e-4)
        assert line[name] == pytest.approx(np.mean(each))
        assert line["spread"][name] == pytest.approx(np.std(each, ddof=1))


class Stop(Exception):
    pass


@pytest.mark.filterwarnings("ignore:since epoch")
def test_many_stopped_runs_go_on_to_the_same_bits(game, tmp_path, monkeypatch):
    """And to the same best weights: stopped after some were written that no checkpoint reached."""
    monkeypatch.setattr("genjax.runs.checkpoints.SECONDS_BETWEEN", 0.0)
    seen = []

    def stop_in_third(epoch, _):
        seen.append(epoch)
        if seen == [0, 1, 2, 3]:
            raise Stop

    def go():
        options = {"out": tmp_path, "distance": distance, "on_epoch": stop_in_third}
        return fit(small("dcgan"), KEYS, GAME, **options)

    with pytest.raises(Stop):
        go()
    again, (folder, whole) = go(), game
    assert seen == [0, 1, 2, 3, 3, 4]
    best = [genjax.load(path / "best.npz") for path in (tmp_path, folder)]
    for left, right in zip(
        *map(jax.tree.leaves, ((again, best[0]), (whole, best[1]))), strict=True
    ):
        assert np.array_equal(left, right)
    mine, wholes = (
        [
            {k: v for k, v in line.items() if k not in run_folder.TIMES}
            for line in run_folder.read_metrics(path)
        ]
        for path in (tmp_path, folder)
    )
    assert mine == wholes


def test_a_loop_over_seeds_is_their_vmap(monkeypatch):
    """The one on a CPU, the other elsewhere."""
    model, training, data = small("vae", image_shape=(8, 8, 1)), Training(1, 8), blobs(16)
    found = []
    for mapped in (seeds.map_on_device, lambda function, stacked: jax.vmap(function)(stacked)):
        monkeypatch.setattr(seeds, "map_on_device", mapped)
        run_seeds_epoch.clear_cache()
        states = jax.vmap(lambda key: init_state(model, key, training))(KEYS)
        found.append(run_seeds_epoch(states, data.images, data.labels, training=training, steps=2))
    run_seeds_epoch.clear_cache()
    (states, terms), (vmapped, vmapped_terms) = found
    assert_same(states.params, vmapped.params)
    assert_same(terms, vmapped_terms)


def test_a_seed_that_diverges_leaves_the_others_alone(tmp_path):
    """Each with a learning rate of its own, of which one is far too large."""
    sgd = Optimizer("sgd", (1e-3, 1e12, 2e-3))
    model = small("vae", network="mlp")
    with pytest.warns(UserWarning, match=r"since epoch \d \(seed 1\) .* not a finite number"):
        many = fit(model, KEYS, Training(3, 16, sgd), out=tmp_path)
    assert not all(
        np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(seeds.select_seed(many, 1))
    )
    alone = Optimizer("sgd", sgd.learning_rate[2])
    assert_same(seeds.select_seed(many, 2), fit(model, KEYS[2], Training(3, 16, alone)))
    line = run_folder.read_metrics(tmp_path)[-1]
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
    alive = epoch_terms.find_finite(terms)
    found = epoch_terms.find_warnings(model, terms, alive)
    names = [warning.name for warning in epoch_terms.name_seeds(found)]
    assert names == ["seed 1: samples collapse", "seed 2: diverged"]
    assert epoch_terms.compute_collapse_rate(found) == pytest.approx(2 / 3)


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
    old, new = (
        fit(model, kind(3), Training(1, 16)) for kind in (jax.random.PRNGKey, jax.random.key)
    )
    assert_same(old, new)


@pytest.mark.filterwarnings("ignore:since epoch")
def test_an_experiment_of_many_seeds_measures_each(tmp_path, monkeypatch):
    """As it measures each seed alone, the last weights and the best."""
    few = partial(genjax.data.sprites, scales=2, orientations=1, columns=6, rows=6, size=16)
    monkeypatch.setitem(LOADERS, "sprites", lambda split: few(split=split))

    def evaluate(params, test_set, key, **options):
        return {"figure": distance(params, key), "record": {}}

    monkeypatch.setattr("genjax.evaluate", evaluate)
    one = replace(
        RECIPES["gan-mnist"],
        dataset="sprites",
        model=small("gan"),
        training=Training(epochs=2, batch_size=32, ema_decay=0.9),
        num_generated=0,
        seed=4,
    )
    result = run_recipe(replace(one, seed=3, seeds=2), tmp_path / "two")
    monkeypatch.setattr("genjax.recipes.run.draw_run", lambda *arguments: None)
    alone = run_recipe(one, tmp_path / "one")
    both = [own["figure"] for own in result["seeds"]]
    assert both[1] == pytest.approx(alone["figure"], rel=1e-3)
    assert result["figure"] == pytest.approx(np.mean(both))
    assert result["figure_sd"] == pytest.approx(np.std(both, ddof=1))
    assert result["best"]["epoch"][1] == alone["best"]["epoch"]
    best = result["best"]["seeds"][1]["figure"]
    assert best == pytest.approx(alone["best"]["figure"], rel=1e-3)
    assert result["collapse_rate"] in (0, 0.5, 1)
    for name in ("samples-seeds", "curves"):
        with Image.open(tmp_path / "two" / "figures" / f"{name}.png") as image:
            assert np.asarray(image.convert("L")).std() > 5
    shown = load_best(tmp_path / "two")  # the first seed, for the app and the page
    assert genjax.sample(shown, KEYS[0], 2).shape == (2, 16, 16, 1)


def test_figures_of_a_seed_that_diverged_are_left_out():
    figures = average_results([{"nll": 1.0, "nll_sem": 0.1, "record": {}}, None, {"nll": 3.0}])
    assert (figures["nll"], figures["nll_sd"]) == (2.0, pytest.approx(2**0.5))
    assert figures["seeds"] == [{"nll": 1.0, "nll_sem": 0.1}, None, {"nll": 3.0}]
    assert "nll_sem" not in figures
