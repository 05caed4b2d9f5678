"""Networks in bfloat16 are those in float32 up to rounding, and nothing else is in bfloat16."""

import json
from dataclasses import replace
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

try:
    from jax.extend.core import jaxprs_in_params
except ImportError:  # older jax
    from jax.core import jaxprs_in_params

import genjax
from genjax.model import Batch
from genjax.nn import dense
from genjax.nn.conv import Conv, ConvTranspose, conv, conv_transpose
from genjax.nn.dense import Dense
from genjax.nn.normalization import BatchNorm, apply_normalized
from genjax.nn.precision import cast
from genjax.training.configuration import Training
from genjax.training.step import compute_gradients
from tests.helpers import NAMES, blobs, small

ROUNDING = 2.0**-8  # the largest relative error of a number in bfloat16 is half of it


def error(actual, expected) -> float:
    """|actual - expected| / |expected|, of all numbers at once."""
    actual, expected = (np.asarray(a).astype(np.float64) for a in (actual, expected))
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


def dtypes(tree) -> set[str]:
    return {str(leaf.dtype) for leaf in jax.tree.leaves(tree)}


def zeros(num, spec) -> jax.Array:
    """A batch for an input's shape, or for its shape and type."""
    return jnp.zeros((num, *getattr(spec, "shape", spec)), getattr(spec, "dtype", jnp.float32))


def in_precision(params, dtype):
    return params.replace(model=replace(params.model, compute_dtype=dtype))


def factors(jaxpr) -> set[str]:
    """The types of all that is multiplied in a product or convolution of several images.

    That is not those of a power iteration, which has one vector.
    """
    found = set()
    for equation in jaxpr.eqns:
        is_product = equation.primitive.name in ("dot_general", "conv_general_dilated")
        if is_product and equation.outvars[0].aval.shape[0] > 1:
            found |= {str(variable.aval.dtype) for variable in equation.invars}
        for inner in jaxprs_in_params(equation.params):
            found |= factors(inner)
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_every_product_of_a_network_is_in_bfloat16(name, norm, key):
    """And in float32 none is: after every layer the numbers are again what they were."""
    for dtype in ("bfloat16", "float32"):
        fields = {"discriminator_norm": norm, "r1": 0.0, "r2": 0.0}
        model = small(name, image_shape=(8, 8, 1), compute_dtype=dtype, **fields)
        params = jax.eval_shape(model.init, key)
        for network, (_, *specs) in model.networks().items():
            if not jax.tree.leaves(params.weights[network]):  # its arithmetic is its own affair
                continue
            inputs = [zeros(4, spec) for spec in specs]
            jaxpr = jax.make_jaxpr(lambda p, *x, n=network: p.model.apply(p, n, *x))(
                params, *inputs
            )
            assert factors(jaxpr.jaxpr) == {dtype}
            assert {str(aval.dtype) for aval in jaxpr.out_avals} == {"float32"}


BATCH = Batch(blobs(16).images / 255.0, blobs(16).labels)


@pytest.mark.parametrize("name", NAMES)
def test_every_model_learns_in_bfloat16_as_in_float32(name, key):
    shortest = {"network": "mlp", "fakes": "samples", "r1": 0.0, "r2": 0.0}  # to compile
    params = small(name, image_shape=(8, 8, 1), **shortest).init(key)
    # away from the zeros that some networks begin with, of which no precision takes anything
    params = params.replace(weights=jax.tree.map(lambda w: w + 0.01, params.weights))

    @jax.jit
    def expected(params):
        return params.model.losses(params, BATCH, params.model.draw_noise(BATCH, key))

    losses, (terms, stats) = expected(params)
    found = jax.jit(compute_gradients)(in_precision(params, "bfloat16"), BATCH, key)
    assert dtypes(found) == {"float32"}
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(found))
    assert jax.tree.structure(found[1:]) == jax.tree.structure((losses, terms, stats))
    for player, loss in losses.items():
        assert float(found[1][player]) == pytest.approx(float(loss), rel=1e-2)
        assert found[1][player] != loss


def test_gradients_are_those_of_float32(key):
    """Of every weight, through batch and spectral normalisation and a penalty."""
    params = small("gan", image_shape=(8, 8, 1), discriminator_norm="spectral", r1=1.0).init(key)

    def of(dtype):
        return jax.jit(compute_gradients)(in_precision(params, dtype), BATCH, key)[0]

    full, half = (jax.tree_util.tree_leaves_with_path(of(t)) for t in ("float32", "bfloat16"))
    for (path, left), (_, right) in zip(full, half, strict=True):
        assert error(right, left) < 0.05, jax.tree_util.keystr(path)


@pytest.mark.filterwarnings("ignore:since epoch")
def test_what_is_trained_in_bfloat16_is_kept_in_float32_and_used_in_bfloat16(tmp_path, key):
    training = Training(epochs=1, batch_size=16, ema_decay=0.9)
    model = small("gan", compute_dtype="bfloat16")
    params = genjax.fit(model, blobs(16), key, training, out=tmp_path, progress=False)
    assert dtypes(params) == {"float32"}
    loaded = genjax.load(tmp_path)
    assert loaded.model == params.model
    assert loaded.model.compute_dtype == "bfloat16"
    images = genjax.sample(loaded, key, 3)
    assert images.dtype == jnp.float32
    np.testing.assert_array_equal(images, genjax.sample(params, key, 3))
    plain = in_precision(loaded, "float32")
    np.testing.assert_allclose(genjax.sample(plain, key, 3), images, atol=0.02)
    assert np.any(genjax.sample(plain, key, 3) != images)


def test_a_bias_gradient_is_summed_in_float32(key):
    """A sum of 50,176 ones, which in bfloat16 would have stopped far below."""
    x = cast(jax.random.uniform(key, (64, 28, 28, 2)), "bfloat16")
    layers = [Conv(3, 1), ConvTranspose(3, 1, stride=1, size=(28, 28)), Dense(3)]

    def biases(x):
        for layer in layers:
            rows = x.reshape(-1, 2) if isinstance(layer, Dense) else x
            weights = cast(layer.init(key, rows), "bfloat16")

            def total(weights, layer=layer, rows=rows):
                y = layer.apply(weights, rows)
                assert y.dtype == jnp.bfloat16
                return jnp.sum(cast(y, "float32"))

            yield jax.grad(total)(weights)["params"]["bias"]

    for gradient in jax.jit(lambda x: list(biases(x)))(x):
        assert gradient.dtype == jnp.bfloat16
        np.testing.assert_allclose(np.asarray(gradient, np.float64), 64 * 28 * 28, rtol=ROUNDING)


def derivatives(op, a, b):
    """The value, both compute_gradients, and the gradients of a function of both."""

    def first(a, b):
        return jax.grad(lambda a, b: jnp.sum(jnp.tanh(cast(op(a, b), "float32"))), (0, 1))(a, b)

    def penalty(a, b):
        of_a, of_b = cast(first(a, b), "float32")
        return jnp.sum(of_a**2) + jnp.sum(of_b**2)

    return op(a, b), first(a, b), jax.grad(penalty, (0, 1))(a, b)


@pytest.mark.parametrize(
    ("op", "shapes"),
    [
        (dense.product, [(7, 5), (5, 3)]),  # equations (1) to (6) of genjax.nn.dense
        (dense._transposed, [(7, 3), (5, 3)]),
        (dense._kernel_gradient, [(7, 5), (7, 3)]),
        (lambda x, w: conv(x, w, 2), [(4, 7, 6, 2), (4, 4, 2, 3)]),
        (lambda y, w: conv_transpose(y, w, 2, (7, 6)), [(4, 4, 3, 3), (4, 4, 2, 3)]),
    ],
    ids=["forward", "transposed", "kernel gradient", "conv", "conv_transpose"],
)
def test_derivatives_in_bfloat16(op, shapes, key):
    a, b = (0.3 * jax.random.normal(key, shape) for shape in shapes)
    a, b = cast(cast((a, b), "bfloat16"), "float32")
    plain = {
        dense.product: lambda x, w: jnp.einsum("nd,df->nf", x, w),
        dense._transposed: lambda y, w: jnp.einsum("nf,df->nd", y, w),
        dense._kernel_gradient: lambda x, y: jnp.einsum("nd,nf->df", x, y),
    }
    expected = jax.jit(lambda a, b: derivatives(plain.get(op, op), a, b))(a, b)
    actual = jax.jit(lambda a, b: derivatives(op, a, b))(*cast((a, b), "bfloat16"))
    assert dtypes(actual[1:]) == {"bfloat16"}
    for left, right in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert error(left, right) < 4 * ROUNDING


def test_batch_statistics_are_computed_and_kept_in_float32(key):
    """Of numbers far from 0, whose squares and sums bfloat16 could not hold."""
    x = cast(40 + jax.random.normal(key, (5000, 2)), "bfloat16")
    layer = BatchNorm(momentum=0.0)
    variables = layer.init(key, x, train=True)
    y, changed = layer.apply(variables, x, train=True, mutable=["batch_stats"])
    assert y.dtype == jnp.bfloat16
    assert dtypes(changed) == {"float32"}
    rows = np.asarray(x, np.float64)
    stats = changed["batch_stats"]
    np.testing.assert_allclose(stats["mean"], rows.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(stats["var"], rows.var(axis=0), rtol=1e-4)
    normal = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    np.testing.assert_allclose(np.asarray(y, np.float64), normal, rtol=ROUNDING, atol=1e-3)


def test_the_spectral_norm_is_found_and_kept_in_float32(key):
    class Layer(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            return apply_normalized(Dense(4), x, "spectral", train)

    x = jnp.eye(6)
    variables = dict(Layer().init(key, x, train=True))
    weights = cast(variables.pop("params"), "bfloat16")

    @jax.jit
    def iterated(stats):
        variables = {"params": weights, **stats}
        return Layer().apply(variables, cast(x, "bfloat16"), True, mutable=["batch_stats"])

    for _ in range(60):
        y, variables = iterated(variables)
    assert y.dtype == jnp.bfloat16
    assert dtypes(variables) == {"float32"}
    kernel = np.asarray(jax.tree.leaves(weights)[-1], np.float64)
    sigma = np.linalg.svd(kernel, compute_uv=False)[0]
    found = [leaf for leaf in jax.tree.leaves(variables) if leaf.shape == ()]
    assert float(found[0]) == pytest.approx(sigma, rel=1e-4)
    np.testing.assert_allclose(np.asarray(y, np.float64), kernel / sigma, rtol=ROUNDING)


def test_a_run_from_before_the_field_existed_was_in_float32(tmp_path, key):
    training = Training(epochs=1, batch_size=16)
    vae = partial(small, "vae", network="mlp")
    params = genjax.fit(vae(), blobs(), key, training, out=tmp_path, progress=False)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model"].pop("compute_dtype") == "float32"
    del config["checksum"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert genjax.load(tmp_path).model == params.model
    genjax.fit(vae(), blobs(), key, training, out=tmp_path, progress=False)
    with pytest.raises(
        genjax.UserError,
        match=r"model.compute_dtype: existing run: 'float32'; requested: 'bfloat16'",
    ):
        genjax.fit(
            vae(compute_dtype="bfloat16"), blobs(), key, training, out=tmp_path, progress=False
        )


def test_another_precision_is_refused(key):
    with pytest.raises(genjax.UserError, match="compute_dtype is 'float16', but must be one of"):
        small("vae", image_shape=(8, 8, 1), compute_dtype="float16").init(key)
