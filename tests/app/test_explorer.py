"""What the app shows, against direct use of the model's parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import genjax
from genjax import plots
from genjax.errors import UserError
from tests.helpers import blobs, small

pytest.importorskip("gradio")

from genjax.app import canvas
from genjax.app.explorer import Explorer


def explored(name="vae", image_shape=(8, 8, 1), latent_dim=3) -> Explorer:
    model = small(name, image_shape=image_shape, latent_dim=latent_dim, network="mlp")
    return Explorer(model.init(jax.random.key(0)), blobs(30, image_shape))


def test_the_latents_that_tell_most_come_first_and_the_unused_last(key):
    params = small("vae", image_shape=(8, 8, 1), network="mlp", latent_dim=4).init(key)
    last = sorted(params.weights["encoder"])[-1]
    factors = jnp.array([0.0, 3.0, 30.0, 0.0] + [0.1] * 4)  # of the means, and of log sigma
    encoder = params.weights["encoder"]
    encoder = encoder | {last: jax.tree.map(lambda leaf: leaf * factors, encoder[last])}
    it = Explorer(params.replace(weights=params.weights | {"encoder": encoder}), blobs(30))
    assert it.order[:2] == [2, 1]
    assert it.use.active.tolist() == [False, True, True, False]
    assert it.extents[2] > 4 == it.extents[0]


@pytest.mark.parametrize(("name", "channels"), [("vae", 1), ("gan", 3)])
def test_a_cell_of_the_plane_is_the_image_of_its_centre(name, channels, key):
    it = explored(name, (8, 16, channels), latent_dim=5)
    z = np.asarray(jax.random.normal(key, (5,)))
    rows, columns = it.count_cells()
    canvas = it.draw_plane(z, across=3, up=1)
    assert canvas.shape == (rows * 8, columns * 16, 3)
    for row, column in [(0, 0), (2, columns - 1), (rows - 1, 4)]:
        there = it.move_to(z, 3, 1, 16 * column + 8, 8 * row + 4)
        np.testing.assert_array_equal(there[[0, 2, 4]], z[[0, 2, 4]])
        share = (2 * column + 1) / columns - 1, 1 - (2 * row + 1) / rows
        np.testing.assert_allclose(there[[3, 1]], 3 * np.array(share), rtol=1e-5)
        cell = canvas[8 * row : 8 * row + 8, 16 * column : 16 * column + 16]
        expected = plots.to_rgb(genjax.decode(it.params, there[None]))[0]
        np.testing.assert_allclose(cell.astype(int), expected, atol=1)


def test_the_mark_is_where_a_click_leads():
    it = explored(latent_dim=2)
    z = it.move_to(np.zeros(2, np.float32), 0, 1, x=40.0, y=100.0)
    plane = it.draw_plane(z, 0, 1)
    orange = np.argwhere((plane == [255, 120, 0]).all(axis=2))
    np.testing.assert_allclose(orange.mean(axis=0), [100, 40], atol=1)


def test_one_latent_is_a_line():
    it = explored(latent_dim=1)
    assert it.draw_plane(np.zeros(1, np.float32), 0, 0).shape[0] == 8
    assert it.move_to(
        np.zeros(1, np.float32), 0, 0, x=8.0 * it.count_cells()[1], y=3.0
    ).tolist() == [3.0]


def test_a_way_begins_and_ends_at_its_ends(key):
    it = explored()
    start, end = np.asarray(jax.random.normal(key, (2, 3)))
    for spherical in (True, False):
        strip = it.draw_interpolation(start, end, spherical).astype(int)
        for z, left in ((start, 2), (end, strip.shape[1] - 10)):
            expected = plots.to_rgb(it.decode(z)[None])[0]
            np.testing.assert_allclose(strip[2:10, left : left + 8], expected, atol=1)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_drawing_is_brought_to_the_shape_of_the_images(channels, tmp_path):
    it = explored(image_shape=(8, 12, channels))
    pixels = np.zeros((80, 120, 3), np.uint8)
    pixels[:40, 60:] = [255, 0, 0]  # a red corner
    Image.fromarray(pixels).save(tmp_path / "drawing.png")
    image = it.read_drawing(tmp_path / "drawing.png")
    assert image.shape == (8, 12, channels)
    np.testing.assert_allclose(image[6:], 0, atol=0.02)
    corner = image[1, 9].tolist()
    assert corner == pytest.approx([1, 0, 0] if channels == 3 else [0.299] * channels, abs=0.02)
    assert np.unique(it.read_drawing(None)).tolist() == [it.background]  # nothing is drawn yet
    assert it.encode(image).shape == (3,)


def test_latents_stay_where_the_sliders_reach():
    it = explored("gan", latent_dim=100)
    draws = np.stack([it.draw_latents(jax.random.key(k)) for k in range(100)])
    assert np.abs(draws).max() <= 4.0
    assert 0.95 < draws.std() < 1.05
    assert not it.encodes
    assert not it.shows_real
    assert it.order == list(range(100))


def test_images_of_another_shape_are_refused(key):
    params = small("vae", image_shape=(8, 8, 1), network="mlp").init(key)
    with pytest.raises(UserError, match="shape"):
        Explorer(params, blobs(5, (9, 9, 1)))


def test_pixels_become_large_squares():
    picture = np.asarray(canvas.enlarge_image(np.eye(3, dtype=np.float32)[..., None]))
    assert picture.shape == (480, 480, 3)
    assert np.all(picture[:160, :160] == 255)
    assert np.all(picture[:160, 160:] == 0)


def test_the_page_says_which_latents_choose_the_class():
    from genjax.app.tabs.latent_point import _explain

    assert "class" not in _explain(explored("gan"))
    model = small("gan", image_shape=(8, 8, 1), num_classes=2)
    assert "largest of the first 2" in _explain(Explorer(model.init(jax.random.key(0))))


def test_points_lie_where_a_click_would_lead_to_their_latents():
    it = explored(latent_dim=2)
    assert it.points.shape == (30, 2)
    np.testing.assert_allclose(it.points, genjax.encode(it.params, it.dataset.images), atol=1e-5)
    it.points, it.labels = np.array([[1.5, -0.75], [99.0, 0.0]], np.float32), np.array([3, 0])
    z = np.zeros(2, np.float32)
    with_points, without = it.draw_plane(z, 0, 1, True), it.draw_plane(z, 0, 1)
    red = np.argwhere((with_points == canvas.COLOURS[3]).all(axis=2))
    row, column = red.mean(axis=0)
    np.testing.assert_allclose(it.move_to(z, 0, 1, column, row), [1.5, -0.75], atol=0.05)
    assert 0 < np.any(with_points != without, axis=2).sum() <= 49  # the other is off the plane


def test_a_discriminator_says_how_real_an_image_looks():
    it = explored("gan", latent_dim=4)
    assert it.real_scores.shape == (30,)
    start = it.decode(it.choose_start())
    drawn = genjax.sample(it.params, jax.random.key(0), 36)
    best = np.max(genjax.score(it.params, drawn))
    np.testing.assert_allclose(genjax.score(it.params, start[None]), best, atol=1e-4)
    text = it.describe_score(start)
    assert f"score: **{best:.2f}** (the middle 90% of the test images: " in text
    assert explored().describe_score(start) == ""
