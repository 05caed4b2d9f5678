"""Charts: what stands in their axes, and that they need nothing of the user's settings."""

import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from genjax import plots
from genjax.errors import UserError
from genjax.latents import LatentUse


def texts(labels) -> list[str]:
    return [label.get_text() for label in labels]


def test_points_are_coloured_and_named_by_their_labels():
    z = np.random.default_rng(0).normal(size=(30, 2))
    labels = np.arange(30) % 3
    axes = plots.plot_latent_scatter(z, labels, ["a", "b", "c"]).axes[0]
    assert texts(axes.get_legend().texts) == ["a", "b", "c"]
    colours = set()
    for label, points in enumerate(axes.collections):
        np.testing.assert_array_equal(points.get_offsets(), z[labels == label])
        colours.add(tuple(points.get_facecolor()[0]))
    assert len(colours) == 3
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z[0]", "z[1]")
    plain = plots.plot_latent_scatter(z, np.zeros(30, int), axis_names=("", "")).axes[0]
    assert plain.get_legend() is None
    assert len(plain.get_xticks()) == 0


def test_bars_of_inactive_latents_are_grey():
    active = jnp.array([False, True, True])
    use = LatentUse(jnp.array([1.0, 3.0, 2.0]), active, jnp.zeros(3), jnp.ones(3), "rate")
    axes = plots.plot_latent_use(use).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [3.0, 2.0, 1.0]
    assert texts(axes.get_xticklabels()) == ["z[1]", "z[2]", "z[0]"]
    blue, also_blue, grey = (bar.get_facecolor() for bar in axes.patches)
    assert blue == also_blue != grey == (0.7, 0.7, 0.7, 1)
    assert axes.get_title() == "2 of 3 latents are active"


def test_a_strip_names_rows_and_columns_and_pales_faint_rows():
    rows = [np.zeros((3, 8, 8, 1)), np.zeros((2, 8, 8, 1), np.uint8)]  # the second is shorter
    figure = plots.plot_strip(rows, ["one", "two"], 3, ["a", "b", "c"], faint=[False, True])
    (axes,) = figure.axes
    pixels = axes.images[0].get_array()
    shades = [
        int(pixels[2 + 10 * row, 2 + 10 * column, 0]) for row in (0, 1) for column in range(3)
    ]
    assert shades == [0, 0, 0, 153, 153, 255]
    assert texts(axes.get_yticklabels()) == ["one", "two"]
    assert texts(axes.get_xticklabels()) == ["a", "b", "c"]
    assert axes.get_xticks().tolist() == [5.5 + 0.5, 15.5 + 0.5, 25.5 + 0.5]


def test_reconstructions_stand_below_their_images():
    images = np.linspace(0, 0.5, 5)[:, None, None, None] * np.ones((1, 8, 8, 1))
    axes = plots.plot_reconstructions(images, 1 - images, columns=3).axes[0]
    assert texts(axes.get_yticklabels()) == ["image", "decoded"] * 2
    pixels = axes.images[0].get_array()[2::10, 2::10, 0]
    assert pixels.tolist() == [[0, 32, 64], [255, 223, 191], [96, 128, 255], [159, 128, 255]]
    with pytest.raises(UserError, match="2 images and 5 reconstructions"):
        plots.plot_reconstructions(images[:2], images)


def test_an_image_of_nan_is_white():
    rows = [np.full((1, 8, 8, 1), np.nan)]
    assert np.all(plots.plot_strip(rows, ["none"], 1).axes[0].images[0].get_array() == 255)


def test_interpolations_say_how_far_each_image_lies():
    axes = plots.plot_interpolations(np.zeros((2, 5, 8, 8, 1))).axes[0]
    assert texts(axes.get_xticklabels()) == ["0.00", "0.25", "0.50", "0.75", "1.00"]
    assert "from the first latent to the second" in axes.get_title()


def test_a_manifold_has_the_latents_as_axes():
    images = np.zeros((3, 3, 8, 8, 1))
    images[0, 2] = 1  # top right: the largest of both latents
    axes = plots.plot_manifold(images).axes[0]
    assert np.all(axes.images[0].get_array()[2:10, 22:30] == 255)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z[0]", "z[1]")
    assert (
        texts(axes.get_xticklabels()) == texts(axes.get_yticklabels()) == ["-0.97", "0.00", "0.97"]
    )
    assert axes.get_xticks().tolist() == axes.get_yticks().tolist()[::-1] == [6, 16, 26]


def test_the_rarest_images_stand_beside_the_most_common():
    images = np.linspace(0, 1, 10)[:, None, None, None] * np.ones((1, 8, 8, 1))
    common, rare = plots.plot_by_density(images, np.arange(10.0), num=4).axes
    assert common.images[0].get_array()[2, 2, 0] == 0
    assert rare.images[0].get_array()[2, 2, 0] == 255
    assert "most common" in common.get_title()
    assert "rarest" in rare.get_title()


def test_charts_draw_on_given_axes():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert plots.plot_latent_scatter(np.zeros((2, 2)), np.zeros(2, int), axes=left) is figure
    assert plots.plot_strip([np.zeros((1, 8, 8, 1))], ["a"], 1, axes=right) is figure
    assert len(left.collections) == len(right.images) == 1


def test_a_saved_chart_is_a_picture_of_the_figure(tmp_path):
    lines = [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5}]
    plots.save_curves(str(tmp_path / "new" / "curves.png"), lines)
    with Image.open(tmp_path / "new" / "curves.png") as image:
        assert image.format == "PNG"
        assert image.width > 4 * 100
    assert plots.save_curves.__name__ == "save_curves"


def test_charts_need_no_backend(tmp_path):
    script = (
        "import numpy as np, genjax, sys\n"
        "genjax.plots.save_strip(sys.argv[1], [np.zeros((1, 8, 8, 1))], ['a'], 1)\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    path = tmp_path / "strip.png"
    environment = {**os.environ, "MPLBACKEND": "nonsense"}
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, env=environment)
    assert path.stat().st_size > 500


def test_what_cannot_be_drawn_is_said():
    images = np.zeros((2, 8, 8, 1))
    with pytest.raises(UserError, match="1 rows and 2 names"):
        plots.plot_strip([images], ["a", "b"])
    with pytest.raises(UserError, match="0 sets of images"):
        plots.plot_panels([], [], 2)
    with pytest.raises(UserError, match="from 0 to 2, but 2 classes"):
        plots.plot_latent_scatter(np.zeros((3, 2)), np.arange(3), ["a", "b"])
    with pytest.raises(UserError, match="at least one frame"):
        plots.save_gif("a.gif", [], images)
