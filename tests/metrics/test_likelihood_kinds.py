"""How a model knows its likelihood, of which images it is, and that it is reported so."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.model import HasBound, HasLogProb, name_likelihood, name_observed
from tests.helpers import NAMES, small

SHAPE = (8, 8, 1)
MODELS = {name: small(name, image_shape=SHAPE) for name in NAMES}
BY_LIKELIHOOD = {
    name: model
    for name, model in MODELS.items()
    if hasattr(model, "likelihood") and isinstance(model, HasBound)
}


@pytest.mark.parametrize("name", BY_LIKELIHOOD)
@pytest.mark.parametrize(
    ("likelihood", "observed"),
    [("bernoulli", "binary"), ("gaussian", "floats"), ("discretized_logistic", "bytes")],
)
def test_a_bound_is_of_what_its_likelihood_observes(name, likelihood, observed):
    model = dataclasses.replace(BY_LIKELIHOOD[name], likelihood=likelihood)
    assert (name_likelihood(model), name_observed(model)) == ("bound", observed)


def test_exact_likelihoods_are_of_their_levels():
    autoregressive = [n for n, m in MODELS.items() if hasattr(m, "levels") and _is_exact(m)]
    assert set(autoregressive) >= {"made", "pixelcnn"}
    for name in autoregressive:
        for levels, observed in ((2, "binary"), (16, "floats"), (256, "bytes")):
            model = dataclasses.replace(MODELS[name], levels=levels)
            assert (name_likelihood(model), name_observed(model)) == ("exact", observed)


def _is_exact(model):
    return isinstance(model, HasLogProb)


def test_models_without_a_likelihood_observe_nothing():
    for name in ("autoencoder", "gan", "dcgan"):
        assert name_likelihood(MODELS[name]) is None is name_observed(MODELS[name])
    assert name_likelihood(MODELS["flow_matching"]) == "estimate"


def test_a_uniform_network_gives_eight_bits_for_each_byte():
    """All logits are 0: the network's weights are."""
    model = genjax.MADE(SHAPE, levels=256, hidden=(4,))
    params = jax.tree.map(jnp.zeros_like, model.init(jax.random.key(0)))
    images = np.random.default_rng(0).integers(0, 256, (5, *SHAPE), np.uint8)
    result = genjax.evaluate(params, images, 1, progress=False)
    assert result["bits_per_dim"] == pytest.approx(8, abs=1e-5)
    assert (result["record"]["nll"], result["record"]["observed"]) == ("exact", "bytes")
