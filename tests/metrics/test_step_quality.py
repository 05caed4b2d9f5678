"""Samples against the number of steps, of a flow whose steps are known."""

import json
import re
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.cli import main, steps
from genjax.errors import MissingCapability
from genjax.metrics import Classifier, frechet, generate_samples, measure_steps
from genjax.metrics.step_quality import with_steps
from genjax.model import Params
from genjax.models import FlowMatching
from genjax.models.image_classifier import ImageClassifier
from genjax.plots import plot_steps
from genjax.recipes import trained
from tests.helpers import blobs, small

DATA = blobs(40)


@dataclass(frozen=True)
class Exponential(FlowMatching):
    """dx/dt = x: n steps of Euler multiply by (1 + 1/n)^n."""

    _registered_name = "exponential"

    def velocity(self, params, x, t, y):
        return x


PARAMS = Params({}, {}, Exponential((8, 8, 1), solver="euler"))


@pytest.fixture(scope="module")
def classifier():
    model = ImageClassifier((8, 8, 1), num_classes=2, channels=(4,), hidden=8)
    return Classifier(model.init(jax.random.key(0)), 0.9, "abc", ("top", "bottom"))


def test_a_number_of_steps_is_that_of_the_samples():
    z = jnp.full((1, 64), 0.1)
    for count in (1, 4):
        image = genjax.decode(with_steps(PARAMS, count), z)[0, 0, 0, 0]
        expected = (128 * (0.1 * (1 + 1 / count) ** count + 1) - 0.5) / 255
        assert float(image) == pytest.approx(expected, rel=1e-5)


def test_the_distance_is_that_of_samples_from_the_same_latents(classifier, key):
    measured = measure_steps(PARAMS, DATA, classifier, key, num=10, steps=(1, 2))
    assert measured["num_steps"] == [1, 2]
    for count, distance in zip((1, 2), measured["frechet_classifier"], strict=True):
        samples = generate_samples(with_steps(PARAMS, count), key, 10)
        features = [classifier.features(images) for images in (samples, DATA.images)]
        assert distance == pytest.approx(frechet.compare_features(*features), rel=1e-5)


def test_the_command_writes_the_curve_into_the_run(classifier, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(trained, "find_data", lambda place, dataset=None: (DATA, DATA))
    monkeypatch.setattr(steps, "get_classifier", lambda *sets: classifier)
    path = tmp_path / "flow.npz"
    model = FlowMatching((8, 8, 1), network="mlp", hidden=(4,), solver="euler")
    genjax.save(path, genjax.init(model, 0))
    arguments = ["steps", str(path), "--num-generated", "4", "--steps", "1", "2"]
    assert main.main(arguments) == 0
    assert re.search(r"   1 steps   FCD \d", capsys.readouterr().out)
    written = json.loads((tmp_path / "steps.json").read_text())
    assert written["num_steps"] == [1, 2]
    assert np.isfinite(written["frechet_classifier"]).all()
    for name in ("steps.png", "samples-steps.png"):
        assert (tmp_path / "figures" / name).exists()
    line = plot_steps(written).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), written["frechet_classifier"])
    assert main.main([*arguments, "0"]) == 1
    assert "--steps is 0" in capsys.readouterr().err


def test_a_model_without_steps_is_refused(key, classifier):
    params = genjax.init(small("vae", image_shape=(8, 8, 1), network="mlp"), key)
    with pytest.raises(MissingCapability, match=r"cannot sample in a number of steps.*flow_match"):
        measure_steps(params, DATA, classifier, key)
