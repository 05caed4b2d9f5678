"""What every registered model promises: a new model is covered on the day it is added."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.model import MODELS, Batch, CanClassify, CanDecode, CanReconstruct
from genjax.training.configuration import Training
from genjax.training.step import compute_gradients, init_state
from tests.helpers import blobs, same, small

SHAPES = [(8, 8, 1), (11, 9, 3), (13, 16, 2)]
NAMES = sorted(MODELS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("image_shape", SHAPES, ids=str)
def test_trains_and_samples_at_any_size(name, image_shape):
    """Odd sizes, one channel or more, one latent, a batch that does not divide the data."""
    data = blobs(19, image_shape)
    model = small(name, latent_dim=1)
    params = genjax.fit(
        model, data, jax.random.key(0), Training(epochs=1, batch_size=8), progress=False
    )
    assert params.model.image_shape == image_shape
    fresh = init_state(params.model, jax.random.key(0), Training()).params
    for network in fresh.weights:
        assert not same(fresh.weights[network], params.weights[network]), f"{network} stood still"
    images = genjax.sample(params, jax.random.key(1), 5)
    assert images.shape == (5, *image_shape)
    assert images.dtype == jnp.float32
    assert np.all((images >= 0) & (images <= 1))


@pytest.mark.parametrize("name", [n for n in NAMES if not isinstance(MODELS[n](), CanClassify)])
def test_one_image_is_a_data_set(name):
    genjax.fit(small(name), blobs(1), jax.random.key(0), Training(epochs=2), progress=False)


@pytest.mark.parametrize("name", NAMES)
def test_samples_follow_the_key_alone(name, key):
    params = small(name, image_shape=(8, 8, 1)).init(key)
    one, again, other = (genjax.sample(params, jax.random.key(k), 3) for k in (1, 1, 2))
    assert same(one, again)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_sampling_works_under_jit_and_vmap(name, key):
    params = small(name, image_shape=(8, 9, 3)).init(key)
    keys = jax.random.split(key, 3)
    each = [genjax.sample(params, k, 2) for k in keys]
    together = jax.jit(jax.vmap(lambda k: genjax.sample(params, k, 2)))(keys)
    np.testing.assert_allclose(together, np.stack(each), atol=1e-5)
    many = jax.vmap(small(name, image_shape=(8, 9, 3)).init)(keys)
    assert jax.vmap(lambda p, k: genjax.sample(p, k, 2))(many, keys).shape == (3, 2, 8, 9, 3)


@pytest.mark.parametrize("name", [n for n in NAMES if isinstance(MODELS[n](), CanDecode)])
def test_walks_through_latents_work_under_jit_and_vmap(name, key):
    params = small(name, image_shape=(8, 9, 3)).init(key)
    keys = jax.random.split(key, 2)
    images = genjax.sample(params, key, 3)

    def walk(key):
        z = genjax.invert(params, images, key, starts=2, steps=2)
        warm = genjax.sample(params, key, 2, temperature=0.5)
        return z, warm, genjax.shift(params, z, z[0], jnp.ones(2)), genjax.traverse(params, z[0])

    together = jax.jit(jax.vmap(walk))(keys)
    for one, many in zip(walk(keys[1]), together, strict=True):
        np.testing.assert_allclose(one, many[1], rtol=1e-2, atol=1e-3)
        assert np.all(np.isfinite(one))


@pytest.mark.parametrize("name", [n for n in NAMES if isinstance(MODELS[n](), CanReconstruct)])
def test_what_an_encoder_makes_of_images_works_under_jit_and_vmap(name, key):
    params = small(name, image_shape=(8, 9, 3)).init(key)
    images = jax.random.uniform(key, (2, 7, 8, 9, 3))

    def look(images):
        use = genjax.latent_use(params, images, key)
        return use.amount, use.scale, genjax.attribute_vector(params, images[:3], images[3:])

    together = jax.jit(jax.vmap(look))(images)
    for one, many in zip(look(images[1]), together, strict=True):
        assert one.shape == (3,)
        np.testing.assert_allclose(one, many[1], rtol=1e-3, atol=1e-4)
    density = genjax.fit_density(params, images[0], key, num_components=2)
    sample = jax.jit(jax.vmap(lambda k: genjax.sample(params, k, 2, 0.8, density)))
    assert sample(jax.random.split(key, 3)).shape == (3, 2, 8, 9, 3)


@pytest.mark.parametrize("name", NAMES)
def test_every_player_has_a_loss_and_a_gradient_of_its_own(name, key):
    data = blobs(8)
    params = small(name, image_shape=(8, 8, 1)).init(key)
    batch = Batch(data.images / 255.0, data.labels)
    own, losses, _, stats = jax.jit(compute_gradients)(params, batch, key)
    assert own.keys() == losses.keys() == params.model.players.keys()
    for player, networks in params.model.players.items():
        assert losses[player].shape == ()
        assert own[player].keys() == set(networks)
        alone = jax.grad(
            lambda mine, p=player: params.model.losses(
                params.replace(weights=params.weights | mine),
                batch,
                params.model.draw_noise(batch, key),
            )[0][p]
        )({network: params.weights[network] for network in networks})
        for mine, expected in zip(
            jax.tree.leaves(own[player]), jax.tree.leaves(alone), strict=True
        ):
            np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-4)
    assert jax.tree.structure(stats) == jax.tree.structure(params.stats)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_save_and_load_give_the_same_bits(name, kind, tmp_path, dataset):
    params = genjax.fit(
        small(name),
        dataset,
        jax.random.key(0),
        Training(epochs=1, batch_size=16, ema_decay=0.9),
        out=tmp_path / "run",
        progress=False,
    )
    where = tmp_path / ("run" if kind == "folder" else "weights.npz")
    if kind == "file":
        genjax.save(where, params)
    loaded = genjax.load(where)
    assert loaded.model == params.model
    assert same(loaded, params)
    assert same(genjax.sample(loaded, jax.random.key(1)), genjax.sample(params, jax.random.key(1)))


class Stop(Exception):
    pass


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_run_ends_in_the_same_bits(name, tmp_path, dataset, monkeypatch):
    monkeypatch.setattr("genjax.runs.checkpoints.SECONDS_BETWEEN", 0.0)
    training = Training(epochs=4, batch_size=16, ema_decay=0.9)

    def run(out, on_epoch=None):
        return genjax.fit(
            small(name), dataset, jax.random.key(0), training,
            out=out, on_epoch=on_epoch, progress=False,
        )  # fmt: skip

    def stop_in_third(epoch, _):
        if epoch == 3:
            raise Stop

    whole = run(tmp_path / "whole")
    with pytest.raises(Stop):
        run(tmp_path / "stopped", stop_in_third)
    resumed = []
    assert same(run(tmp_path / "stopped", lambda epoch, _: resumed.append(epoch)), whole)
    assert resumed == [3, 4]  # it did go on, and did not start anew

    def lines(folder):
        timings = ("seconds", "images_per_second")
        return [
            {k: v for k, v in line.items() if k not in timings}
            for line in genjax.runs.run_folder.read_metrics(tmp_path / folder)
        ]

    assert lines("stopped") == lines("whole")


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_is_finite_and_recorded(name, key, dataset):
    params = small(name, image_shape=(8, 8, 1)).init(key)
    result = genjax.evaluate(params, dataset, key, num_samples=3, num_images=7, progress=False)
    record = result.pop("record")
    assert all(np.isfinite(value) for value in result.values())
    assert record["model"]["name"] == name
    assert record["dataset"]["num_images"] == 7
