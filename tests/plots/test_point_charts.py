"""Charts of points in the plane: which way is up, and what stands behind the samples."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import genjax
from genjax import plots
from genjax.errors import UserError

GAN = genjax.GAN(
    image_shape=(1, 2, 1),
    latent_dim=2,
    hidden=(8,),
    discriminator_hidden=(8,),
    generator_norm="none",
)


@pytest.fixture(scope="module")
def gan():
    return genjax.init(GAN, 0)


def test_the_first_pixel_points_to_the_right_and_the_second_up(gan):
    images = np.array([[0.25, 0.75]]).reshape(1, 1, 2, 1)
    axes = plots.plot_points(images).axes[0]
    np.testing.assert_allclose(axes.collections[0].get_offsets(), [[0.25, 0.75]])
    name, field = plots.measure_plane(gan, size=5)
    corner = jnp.array([[26.0, 128.0]]).reshape(1, 1, 2, 1) / 255  # a tenth and a half, as bytes
    assert name == "score"
    np.testing.assert_allclose(field[2, 0], genjax.score(gan, corner)[0], rtol=1e-5)


def test_an_exact_density_is_that_of_the_bytes():
    made = genjax.init(genjax.MADE(image_shape=(1, 2, 1), hidden=(8,), levels=256), 0)
    name, field = plots.measure_plane(made, size=4)
    centres = np.rint(255 * (np.arange(4) + 0.5) / 4) / 255
    images = np.array([[[[x], [y]]] for y in centres for x in centres])
    log_prob = np.asarray(made.model.log_prob(made, jnp.asarray(images, jnp.float32)))
    assert name == "density"
    expected = np.exp(log_prob - log_prob.max()).reshape(4, 4)
    np.testing.assert_allclose(field, expected, rtol=1e-4)


def test_a_vae_has_a_density_and_an_autoencoder_neither():
    fields = {"image_shape": (1, 2, 1), "network": "mlp", "hidden": (8,), "latent_dim": 2}
    vae = genjax.init(genjax.VAE(**fields, likelihood="gaussian"), 0)
    name, field = plots.measure_plane(vae, size=3)
    assert (name, field.shape, float(field.max())) == ("density", (3, 3), 1.0)
    autoencoder = genjax.init(genjax.Autoencoder(**fields, likelihood="gaussian"), 0)
    assert plots.measure_plane(autoencoder, size=3) is None
    assert plots.plot_plane(autoencoder, num=5, size=3).axes[0].get_title() == "samples"


def test_images_that_are_no_points_are_refused():
    made = genjax.init(genjax.MADE(image_shape=(8, 8, 1), hidden=(8,)), 0)
    with pytest.raises(UserError, match=r"points of the plane are \(1, 2, 1\)"):
        plots.measure_plane(made)


def test_a_film_has_a_frame_before_training_and_one_after_every_few_epochs(tmp_path):
    film = plots.PlaneFilm(every=2, num=5, size=3)
    with pytest.raises(UserError, match="no frame yet"):
        film.save(tmp_path / "film.gif")
    images = genjax.data.load("ring", "test").take(64)
    training = genjax.Training(epochs=4, batch_size=32)
    genjax.fit(GAN, images, jax.random.key(0), training, progress=False, callbacks=[film])
    film.save(tmp_path / "film.gif", seconds=1.0)
    with Image.open(tmp_path / "film.gif") as gif:
        assert gif.n_frames == 3
    assert "data:image/gif;base64," in film._repr_html_()
    assert len({io.BytesIO(frame.tobytes()).getvalue() for frame in film.frames}) == 3
