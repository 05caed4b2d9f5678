"""The autoregressive models, each equation against an independent computation."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.models import MADE, PixelCNN
from genjax.models.pixelcnn import fold_blocks, unfold_blocks

SHAPE = (4, 5, 2)
MODELS = [
    PixelCNN(image_shape=SHAPE, width=6, depth=2, levels=4),
    MADE(image_shape=SHAPE, hidden=(31, 17), levels=4, activation="tanh"),
]


def move(params, size):
    """Parameters far from their start, so that every path through a network carries something."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    moved = [x + size * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(tree, moved)


@pytest.fixture(scope="module", params=MODELS, ids=["pixelcnn", "made"])
def params(request):
    return move(request.param.init(jax.random.key(0)), 0.3)


def logits_of(params, x):
    return params.model.apply(params, "network", 2 * x - 1)


def test_a_value_sees_all_values_before_it_and_no_other(params):
    x = jax.random.uniform(jax.random.key(2), (1, *SHAPE))
    jacobian = jax.jacobian(lambda x: logits_of(params, x).sum(-1).reshape(-1))(x)
    size = int(np.prod(SHAPE))
    seen = np.abs(np.asarray(jacobian)).reshape(size, size) > 0
    before = np.tril(np.ones((size, size), bool), -1)
    assert not np.any(seen & ~before)
    if isinstance(params.model, MADE):
        np.testing.assert_array_equal(seen, before)


def test_pixelcnn_has_no_blind_spot():
    """Through two layers a pixel sees everything above and to the left within their reach."""
    model = PixelCNN(image_shape=(7, 7, 1), width=4, depth=3, first_reach=1, reach=1)
    params = model.init(jax.random.key(0))
    x = jax.random.uniform(jax.random.key(1), (1, 7, 7, 1))
    gradient = jax.grad(lambda x: logits_of(params, x)[0, 4, 3, 0, 0])(x)
    seen = np.abs(np.asarray(gradient))[0, :, :, 0] > 0
    rows, columns = np.mgrid[:7, :7]
    near = (rows >= 4 - 4) & (np.abs(columns - 3) <= 4)
    before = (rows < 4) | ((rows == 4) & (columns < 3))
    np.testing.assert_array_equal(seen, near & before)


def test_probabilities_of_all_images_sum_to_one():
    for model in (
        PixelCNN(image_shape=(2, 2, 1), width=4, depth=1, levels=3),
        PixelCNN(image_shape=(2, 2, 1), width=4, depth=1, levels=3, block=2),
        MADE(image_shape=(2, 2, 1), hidden=(9,), levels=3),
    ):
        params = move(model.init(jax.random.key(3)), 0.3)
        images = np.array(list(itertools.product([0, 0.5, 1], repeat=4)), np.float32)
        log_prob = jax.jit(model.log_prob)(params, jnp.asarray(images.reshape(-1, 2, 2, 1)))
        assert float(jnp.exp(log_prob).sum()) == pytest.approx(1, abs=1e-5)


def test_drawing_value_by_value_uses_the_distributions_of_one_call(params):
    model = params.model
    values, mean = jax.jit(model.draw_values, static_argnums=2)(params, jax.random.key(4), 3)
    assert values.shape == (3, *SHAPE)
    assert int(values.min()) >= 0
    assert int(values.max()) <= 3
    p = jax.nn.softmax(logits_of(params, values / 3), axis=-1)
    np.testing.assert_allclose(mean, p @ jnp.linspace(0, 1, 4), atol=1e-5)


def test_a_value_sees_the_blocks_before_its_own_and_the_earlier_values_of_its_own():
    model = PixelCNN(image_shape=(4, 4, 1), width=4, depth=1, block=2)
    params = move(model.init(jax.random.key(0)), 0.3)
    values, mean = jax.jit(model.draw_values, static_argnums=2)(params, jax.random.key(1), 1)

    @jax.jit
    def compute_probabilities(x):
        logits = model.apply(params, "network", fold_blocks(2 * x - 1, 2))
        return unfold_blocks(jax.nn.softmax(logits)[..., 1], 2)

    np.testing.assert_allclose(mean, compute_probabilities(values * 1.0), atol=1e-5)
    jacobian = jax.jit(jax.jacobian(compute_probabilities))(values * 1.0)
    seen = np.abs(np.asarray(jacobian)).reshape(16, 16) > 0
    place = fold_blocks(jnp.arange(16).reshape(1, 4, 4, 1), 2).reshape(-1)  # in order: the pixel
    order = np.argsort(place)
    before = order[None, :] < order[:, None]
    np.testing.assert_array_equal(seen, before)


def test_a_block_that_does_not_divide_the_image_is_refused():
    with pytest.raises(genjax.UserError, match="block is 2, but must divide the 3 x 4 pixels"):
        PixelCNN(image_shape=(3, 4, 1), block=2).init(jax.random.key(0))


def test_draws_have_the_frequencies_of_the_likelihood():
    model = PixelCNN(image_shape=(1, 2, 1), width=4, depth=1, levels=2)
    params = model.init(jax.random.key(5))
    params = jax.tree.map(lambda x: x + 0.5, params)
    values, _ = model.draw_values(params, jax.random.key(6), 20_000)
    observed = np.bincount(np.asarray(values[:, 0, 0, 0] * 2 + values[:, 0, 1, 0]), minlength=4)
    images = jnp.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]).reshape(4, 1, 2, 1)
    expected = 20_000 * np.exp(np.asarray(model.log_prob(params, images)))
    assert np.sum((observed - expected) ** 2 / expected) < 16.3  # chi^2 of 3 degrees, p = 0.001


@pytest.mark.parametrize("model_class", [PixelCNN, MADE])
def test_a_uniform_model_has_eight_bits_per_dimension(model_class):
    model = dataclasses.replace(model_class.smallest(), image_shape=(8, 8, 3), levels=256)
    params = jax.tree.map(jnp.zeros_like, model.init(jax.random.key(0)))
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    data = genjax.data.from_arrays(images)
    result = genjax.evaluate(params, data, jax.random.key(1), progress=False)
    assert result["bits_per_dim"] == pytest.approx(8, abs=1e-5)
    assert result["record"]["nll"] == "exact"


def test_levels_are_observed_as_images():
    model = PixelCNN(image_shape=(1, 4, 1), levels=4)
    x = jnp.array([0, 63, 64, 255]).reshape(1, 1, 4, 1) / 255
    observed = model.observe(x, jax.random.key(0))
    np.testing.assert_allclose(observed.reshape(-1) * 3, [0, 0, 1, 3], atol=1e-6)
    whole = dataclasses.replace(model, levels=256)
    np.testing.assert_allclose(whole.observe(x, jax.random.key(0)), x, atol=1e-6)


def test_binary_images_are_drawn_and_measured_as_binary():
    model = MADE(image_shape=(8, 8, 1), hidden=(8,))
    grey = jnp.full((50, 8, 8, 1), 0.25)
    observed = np.asarray(model.observe(grey, jax.random.key(0)))
    assert set(np.unique(observed)) == {0.0, 1.0}
    assert observed.mean() == pytest.approx(0.25, abs=0.03)
    params = jax.tree.map(jnp.zeros_like, model.init(jax.random.key(0)))
    images = np.full((5, 8, 8, 1), 64, np.uint8)
    data = genjax.data.from_arrays(images)
    result = genjax.evaluate(params, data, jax.random.key(1), progress=False)
    assert result["nll"] == pytest.approx(64 * np.log(2), rel=1e-5)


@pytest.mark.parametrize("levels", [1, 257])
def test_levels_out_of_range_are_refused(levels):
    with pytest.raises(genjax.UserError, match="from 2 to 256 values"):
        PixelCNN(image_shape=(8, 8, 1), levels=levels).init(jax.random.key(0))


def test_a_pixelcnn_asked_to_encode_says_who_can():
    params = PixelCNN.smallest()
    params = dataclasses.replace(params, image_shape=(8, 8, 1)).init(jax.random.key(0))
    with pytest.raises(genjax.UserError, match=r"'pixelcnn' cannot encode.*models that can"):
        genjax.encode(params, jnp.zeros((1, 8, 8, 1)))
