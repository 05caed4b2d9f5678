"""A file of weights outside a run's folder, whose data only the caller knows."""

import jax
import numpy as np
import pytest

import genjax
from genjax.errors import UserError
from genjax.recipes.trained import find_data
from tests.helpers import blobs, small


def test_its_data_must_be_named(tmp_path):
    weights, images = tmp_path / "vae.npz", tmp_path / "blobs.npz"
    genjax.save(weights, small("vae", image_shape=(8, 8, 1)).init(jax.random.key(0)))
    np.savez(images, images=np.asarray(blobs(40).images))
    with pytest.raises(UserError, match=r"does not say what data .* give dataset=NAME"):
        find_data(weights)
    train_set, test_set = find_data(weights, str(images))
    assert (len(train_set), len(test_set)) == (36, 4)
