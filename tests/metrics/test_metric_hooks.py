"""What an own model adds to its evaluation: exact likelihood, metrics, labels, prior."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.errors import UserError
from genjax.model import LatentModel, Model, Params
from tests.helpers import blobs

SHAPE = (8, 8, 1)
UNIFORM = -64 * np.log(256.0)


class Uniform(Model):
    """Every byte of every image with the same probability, exactly."""

    _registered_name = "uniform"
    likelihood_of_bytes = True

    def log_prob(self, params, x):
        return jnp.full(len(x), UNIFORM)

    def sample(self, params, key, num):
        return jax.random.randint(key, (num, *SHAPE), 0, 256) / 255.0


class Inked(Uniform):
    _registered_name = "inked"
    likelihood_of_bytes = False

    def image_metrics(self, params, images, labels, key):
        return {"ink": jnp.mean(images, axis=(1, 2, 3)), "label": 1.0 * labels}


class Misnamed(Inked):
    _registered_name = "misnamed"

    def image_metrics(self, params, images, labels, key):
        return {"nll": jnp.mean(images, axis=(1, 2, 3))}


class Misshaped(Inked):
    _registered_name = "misshaped"

    def image_metrics(self, params, images, labels, key):
        return {"ink": jnp.mean(images)}


@dataclasses.dataclass(frozen=True)
class Labelled(LatentModel):
    """Decodes its label: latents do not matter, and the prior is a point."""

    num_classes: int = 2
    _registered_name = "labelled"

    def encode(self, params, images, labels=None):
        return jnp.zeros((len(images), self.latent_dim)) + labels[:, None]

    def decode(self, params, z, labels=None):
        shown = z[:, 0] if labels is None else 10.0 * z[:, 0] + labels
        return jnp.broadcast_to(shown[:, None, None, None] / 22.0, (len(z), *SHAPE))

    def sample_latents(self, params, key, num, temperature=1.0):
        return jnp.full((num, self.latent_dim), 7.0)


def evaluate(model, data, **options):
    key = jax.random.key(0)
    return genjax.evaluate(Params({}, {}, model), data, key, progress=False, **options)


def test_an_exact_likelihood_is_reported_as_such():
    result = evaluate(Uniform(SHAPE), blobs(9))
    assert result["nll"] == pytest.approx(-UNIFORM, rel=1e-6)
    assert result["bits_per_dim"] == pytest.approx(8, rel=1e-6)
    assert result["bits_per_dim_sem"] == 0
    assert result["record"]["nll"] == "exact"
    assert "negative_elbo" not in result
    assert "bits_per_dim" not in evaluate(Inked(SHAPE), blobs(9))  # of a density nobody knows


def test_a_bound_is_reported_as_such():
    params = genjax.VAE(SHAPE, network="mlp", hidden=(8,)).init(jax.random.key(0))
    result = genjax.evaluate(
        params, blobs(5), jax.random.key(0), num_samples=2, per_image=True, progress=False
    )
    assert result["record"]["nll"] == "bound"
    assert result["record"]["not_finite"] == []
    for name in ("nll", "negative_elbo", "rate", "reconstruction_error"):
        values = result["per_image"][name]
        assert values.shape == (5,)
        assert result[name] == pytest.approx(np.mean(values), rel=1e-6)
        assert result[f"{name}_sem"] == pytest.approx(np.std(values) / 5**0.5, rel=1e-5)
    np.testing.assert_array_equal(result.pop("per_image")["index"], np.arange(5))
    json.dumps(result, allow_nan=False)


def test_a_model_measures_metrics_of_its_own():
    data = blobs(30)
    result = evaluate(Inked(SHAPE), data, per_image=True)
    ink = np.mean(np.asarray(data.images) / 255.0, axis=(1, 2, 3))
    np.testing.assert_allclose(result["per_image"]["ink"], ink, rtol=1e-5)
    assert result["ink"] == pytest.approx(ink.mean(), rel=1e-5)
    assert result["ink_sem"] == pytest.approx(ink.std() / 30**0.5, rel=1e-4)
    assert result["label"] == pytest.approx(np.mean(np.asarray(data.labels)))
    with pytest.raises(UserError, match="'nll' is a metric of genjax"):
        evaluate(Misnamed(SHAPE), data)
    with pytest.raises(UserError, match="must have a value for each image"):
        evaluate(Misshaped(SHAPE), data)


def test_labels_reach_a_model_that_knows_classes_and_its_own_prior_is_drawn_from():
    data = blobs(12)
    result = evaluate(Labelled(SHAPE), data, num_generated=4, per_image=True)
    labels = np.asarray(data.labels)
    decoded = np.broadcast_to(11 * labels[:, None, None, None] / 22.0, data.images.shape)
    error = np.mean((decoded - data.images / 255.0) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(result["per_image"]["reconstruction_error"], error, rtol=1e-4)
    params = Params({}, {}, Labelled(SHAPE))
    samples = genjax.metrics.generate_samples(params, jax.random.key(0), 4)
    np.testing.assert_array_equal(samples, np.full((4, *SHAPE), round(255 * 7 / 22)))
