"""Path length, label agreement and the Jacobian's variation, of decoders that are known."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.latents.interpolation import slerp
from genjax.metrics import classifiers, smoothness
from genjax.model import LatentModel, Model, Params
from genjax.models.image_classifier import ImageClassifier
from tests.helpers import small


@dataclasses.dataclass(frozen=True)
class Linear(LatentModel):
    """Images z A + c |z|^2, of any real pixels."""

    latent_dim: int = 3
    curvature: float = 0.0

    def decode(self, params, z):
        squares = jnp.sum(z**2, axis=1, keepdims=True)
        images = z @ params.weights["matrix"] + self.curvature * squares
        return images.reshape(-1, *self.image_shape)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["border"],
    meta_fields=["params", "accuracy", "digest", "label_names", "stacked"],
)
@dataclasses.dataclass(frozen=True)
class Pixels(classifiers.Classifier):
    """A classifier whose features are the pixels, and whose class says on which side of 0 the first
    is.

    Nearer to 0 than `border` it sees a third class.
    """

    params: Any = None
    accuracy: float = 0.0
    digest: str = ""
    label_names: tuple[str, ...] = ()
    border: float = 0.0

    def predict(self, images):
        first = images[:, 0, 0, 0]
        near = jnp.where(jnp.abs(first) < self.border, jnp.inf, 0.0)
        logits = jnp.stack([first, -first, jnp.where(near > 0, 1e9, -1e9)], axis=1)
        return jax.nn.softmax(logits), images.reshape(len(images), -1)


def linear(**fields):
    matrix = np.random.default_rng(0).normal(size=(3, 12)).astype(np.float32)
    return Params({"matrix": jnp.asarray(matrix)}, {}, Linear((3, 4, 1), **fields)), matrix


def test_path_length_of_a_linear_decoder_is_the_speed_of_the_way(key):  # (1)
    params, matrix = linear()
    lengths = smoothness.path_length(params, Pixels(), key, 50)
    key_ends, key_share = jax.random.split(key)
    a, b = np.asarray(jax.random.normal(key_ends, (2, 50, 3)), np.float64)
    t = np.asarray(jax.random.uniform(key_share, (50, 1)), np.float64)
    cosine = np.sum(a * b, 1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    angle = np.arccos(cosine)[:, None]
    speed = angle * (-np.cos((1 - t) * angle) * a + np.cos(t * angle) * b) / np.sin(angle)
    np.testing.assert_allclose(lengths, np.sum((speed @ matrix) ** 2, axis=1), rtol=0.02)


def test_labels_agree_along_a_way_that_crosses_no_third_class(key):  # (2)
    params, matrix = linear()
    np.testing.assert_array_equal(smoothness.label_agreement(params, Pixels(), key, 40), 1)
    agreement = smoothness.label_agreement(params, Pixels(border=0.7), key, 40, 4)
    a, b = jax.random.normal(key, (2, 40, 3))
    ways = [slerp(a, b, t) @ matrix[:, 0] for t in np.linspace(0, 1, 6)]
    labels = np.where(np.abs(ways) < 0.7, 2, np.where(np.asarray(ways) > 0, 0, 1))
    agrees = [(inner == labels[0]) | (inner == labels[-1]) for inner in labels[1:-1]]
    np.testing.assert_allclose(agreement, np.mean(agrees, axis=0))
    assert 0.5 < agreement.mean() < 0.95


def test_the_jacobian_of_a_linear_decoder_does_not_vary(key):  # (3), (4)
    straight, _ = linear()
    assert smoothness.jacobian_variation(straight, key, 200, 500) < 0.05
    curved, _ = linear(curvature=1.0)
    z = jax.random.normal(jax.random.split(key)[0], (200, 3))
    jacobians = jax.vmap(jax.jacfwd(lambda z: curved.model.decode(curved, z[None])))(z)
    norms = np.linalg.norm(np.asarray(jacobians).reshape(200, -1), axis=1)
    variation = smoothness.jacobian_variation(curved, key, 200, 500)
    np.testing.assert_allclose(variation, norms.std() / norms.mean(), rtol=0.1)


@pytest.mark.parametrize("name", ["vae", "dcgan"])
def test_networks_have_finite_figures_that_follow_the_key(name, key):
    params = small(name, image_shape=(8, 9, 3)).init(key)
    classes = ImageClassifier((8, 9, 3), num_classes=2, channels=(4,), hidden=8)
    classifier = classifiers.Classifier(classes.init(key), 0.9, "", ("a", "b"))
    result = smoothness.measure_smoothness(params, classifier, key)
    assert result.keys() == {
        "path_length", "path_length_sem", "label_agreement", "label_agreement_sem",
        "jacobian_variation",
    }  # fmt: skip
    assert all(np.isfinite(list(result.values())))
    assert result == smoothness.measure_smoothness(params, classifier, key)
    assert result != smoothness.measure_smoothness(params, classifier, jax.random.key(1))
    assert smoothness.measure_smoothness(params, None, key).keys() == {"jacobian_variation"}


def test_a_model_without_a_decoder_is_refused(key, monkeypatch):
    @dataclasses.dataclass(frozen=True)
    class Blind(Model):
        pass

    monkeypatch.setattr(Blind, "_registered_name", "blind", raising=False)
    with pytest.raises(TypeError, match="cannot decode latents"):
        smoothness.jacobian_variation(Params({}, {}, Blind((8, 8, 1))), key)
