"""Data and latents are the same, whatever the user or another library has switched on in jax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.data.made.biased import BIASED, add_bias
from genjax.data.made.stacked import stack_digits
from genjax.errors import UserError
from tests.helpers import small

KEY = jax.random.key(0)
DIGITS = genjax.data.from_arrays(
    np.random.default_rng(0).integers(0, 256, (300, 28, 28, 1), np.uint8), np.arange(300) % 10
)


@pytest.mark.parametrize(
    "make",
    [
        lambda: stack_digits(DIGITS),
        lambda: genjax.data.sprites(orientations=4, scales=3, columns=5, rows=4, size=32),
        lambda: genjax.data.from_arrays(np.ones((4, 8, 8, 1)), np.arange(4)).draw_subset(2),
        *(lambda name=name: add_bias(name, DIGITS) for name in BIASED),
    ],
)
def test_data_are_the_same(make):
    plain = make()
    with jax.enable_x64(True):
        wide = make()
    assert (wide.checksum, wide.labels.dtype) == (plain.checksum, jnp.int32)


def test_latents_stay_float32():
    params = genjax.init(small("vae", image_shape=(8, 8, 1), latent_dim=2, network="mlp"), KEY)
    images = np.random.default_rng(0).random((12, 8, 8, 1))
    start = jnp.array([[1.0, 0.0]])
    density = genjax.fit_density(params, images, KEY, 2)
    uses = {
        "sample": lambda: genjax.sample(params, KEY, 3, 0.5, density),
        "interpolate": lambda: genjax.interpolate(params, start, -start + 0.5),
        "traverse": lambda: genjax.traverse(params, np.zeros(2), num=2),
        "fit_density": lambda: genjax.fit_density(params, images, KEY, 2).loc,
        "invert": lambda: genjax.invert(params, images[:2], KEY, starts=2, steps=2),
    }
    for name, use in uses.items():
        plain = use()
        with jax.enable_x64(True):
            wide = use()
        assert (name, wide.dtype) == (name, jnp.float32)
        np.testing.assert_allclose(wide, plain, rtol=2e-3, atol=1e-4, err_msg=name)


def test_there_is_nothing_of_the_user_to_find(monkeypatch, tmp_path):
    """No home folder at all."""
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.delenv("GENJAX_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(UserError, match="TFDS_DATA_DIR"):
        genjax.data.load("mnist")
    assert len(genjax.data.sprites(scales=2, columns=2, rows=2)) == 24
