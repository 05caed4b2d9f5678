"""The pictures of a run show what its model makes."""

import jax
import numpy as np
import pytest
from PIL import Image

import genjax
from genjax import plots
from genjax.plots.run_figures import draw_progression, draw_run
from genjax.runs.npz import save_array
from tests.helpers import blobs, small


def read_grid(path, canvas) -> np.ndarray:
    """Read the picture of a grid, reduced to the size of `canvas`."""
    with Image.open(path) as image:
        times = image.width // canvas.shape[1]
        assert image.size == (times * canvas.shape[1], times * canvas.shape[0])
        return np.asarray(image)[times // 2 :: times, times // 2 :: times].astype(int)


def assert_shows(path, images):
    """The picture at `path` is the grid of the images, to rounding."""
    canvas = plots.make_grid(images)
    np.testing.assert_allclose(read_grid(path, canvas), canvas, atol=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A VAE's run of two latents, with pictures: (folder, parameters, data, key)."""
    folder, data = tmp_path_factory.mktemp("run"), blobs(40)
    params = small("vae", image_shape=(8, 8, 1), network="mlp", latent_dim=2).init(
        jax.random.key(0)
    )
    (folder / "metrics.jsonl").write_text('{"epoch": 1, "loss": 2.0, "seconds": 1.0}\n')
    (folder / "progress").mkdir()
    for epoch in (0, 1):
        frame = np.full((64, 8, 8, 1), 100 * epoch, np.uint8)
        np.save(folder / "progress" / f"{epoch:06d}.npy", frame)
    key = jax.random.key(1)
    draw_run(folder, params, data, key)
    return folder, params, data, key


def test_grids_hold_samples_real_images_and_reconstructions(run):
    folder, params, data, key = run
    figures = folder / "figures"
    assert_shows(figures / "samples.png", genjax.sample(params, key, 64))
    assert_shows(figures / "real.png", plots.draw_examples(data, 64).images)
    originals = plots.draw_examples(data, 32).images
    made = genjax.reconstruct(params, originals)
    plots.save_reconstructions(folder / "expected.png", originals, made)
    assert (figures / "reconstructions.png").read_bytes() == (folder / "expected.png").read_bytes()
    assert not (figures / "samples-best.png").exists()


def test_the_progression_has_a_frame_for_every_epoch_that_was_kept(run):
    folder, *_ = run
    with Image.open(folder / "figures" / "progression.gif") as gif:
        assert gif.n_frames == 2
        gif.seek(1)
        middle = np.asarray(gif.convert("RGB"))[30, 30]
        assert np.abs(middle.astype(int) - 100).max() <= 2


def test_charts_are_drawn_for_what_the_model_can_do(run):
    names = {path.stem for path in (run[0] / "figures").iterdir()}
    assert names == {
        "samples", "real", "curves", "progression", "interpolation", "reconstructions", "manifold",
        "latents",
    }  # fmt: skip


def test_a_broken_file_of_the_progression_does_not_stop_the_pictures(run, tmp_path):
    (tmp_path / "progress").mkdir()
    whole = (run[0] / "progress" / "000001.npy").read_bytes()  # as version 0.1 wrote them
    (tmp_path / "progress" / "000001.npy").write_bytes(whole)
    (tmp_path / "progress" / "000002.npy").write_bytes(whole[:100])
    save_array(tmp_path / "progress" / "000003.npz", np.ones((40, 8, 8, 1)))
    flipped = bytearray((tmp_path / "progress" / "000003.npz").read_bytes())
    flipped[500] ^= 1
    (tmp_path / "progress" / "000003.npz").write_bytes(flipped)
    with pytest.warns(UserWarning, match=r"00000[23].np. cannot be read: .* It is not drawn"):
        draw_progression(tmp_path, run[2].images)
    with Image.open(tmp_path / "figures" / "progression.gif") as gif:
        assert gif.n_frames == 1


def test_a_gan_that_knows_classes_shows_each_in_a_column(tmp_path):
    model = small("gan", image_shape=(8, 8, 1), num_classes=2)
    params = model.init(jax.random.key(0))
    draw_run(tmp_path, params, blobs(10), jax.random.key(1))
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"samples.png", "real.png", "interpolation.png", "classes.png"}
    z = model.sample_latents(params, jax.random.fold_in(jax.random.key(1), 2), 8)
    images = np.stack(
        [genjax.decode(params, model.condition_latents(z, np.full(8, c))) for c in (0, 1)], axis=1
    )
    names = blobs(10).label_names[:2]
    plots.save_strip(tmp_path / "expected.png", list(images), [""] * 8, 2, names)
    drawn = (tmp_path / "figures" / "classes.png").read_bytes()
    assert drawn == (tmp_path / "expected.png").read_bytes()
