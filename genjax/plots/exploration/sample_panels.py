"""Panels of what the model samples, how it was trained and how its discriminator scores images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genjax.latents import sample, score
from genjax.metrics import make_distance
from genjax.model import CanDecode, CanReconstruct, CanScore, Model
from genjax.plots.chart import figure_of, new_panels, save_figure
from genjax.plots.charts import plot_scores
from genjax.plots.curves import save_curves
from genjax.plots.exploration.explored import Explored, panel
from genjax.plots.image_charts import plot_strip, save_panels, save_strip

_NUM = 36  # samples, beside as many test images
_NUM_ROW = 12  # images in a row
_NUM_SCORED = 256  # samples that are sorted by their score


@panel("Samples", "genjax.sample(params, key, 36)", Model)
def samples(explored: Explored, path: Path) -> str:
    drawn = sample(explored.params, explored.derive_key("samples"), _NUM)
    save_panels(path, [drawn, explored.images[:_NUM]], ["samples", "test images"], 6)
    prior = (
        ": latents drawn from the prior and decoded"
        if isinstance(explored.model, CanDecode)
        else ""
    )
    return f"Left, {_NUM} samples of the model{prior}. Right, test images. Neither are chosen."


@panel(
    "Training curves",
    "genjax.plots.plot_curves(metrics, model=params.model)  # the lines of metrics.jsonl",
    Model,
    when=lambda explored: len(explored.metrics) > 0,
)
def curves(explored: Explored, path: Path) -> str:
    save_curves(path, explored.metrics, model=explored.model)
    return (
        "What was measured in every epoch of the training. Dashed: on images that the model was not"
        " trained on. Dotted: the level of chance, where the discriminator cannot tell samples from"
        " real images, or another level to compare with. A star and the line of dashes and dots:"
        " the best epoch. A red ground: epochs with a warning."
    )


@panel(
    "What the discriminator takes for real",
    """drawn = genjax.sample(params, key, 256)
scores = genjax.score(params, drawn)
genjax.plots.plot_scores(genjax.score(params, images[:256]), scores)
drawn[np.argsort(scores)]""",
    CanScore,
)
def discriminator(explored: Explored, path: Path) -> str:
    drawn = sample(explored.params, explored.derive_key("scored"), _NUM_SCORED)
    scores = np.asarray(score(explored.params, drawn))
    real = np.asarray(score(explored.params, explored.images[:_NUM_SCORED]))
    order = np.argsort(scores)
    rows = [drawn[order[::-1][:_NUM_ROW]], drawn[order[:_NUM_ROW]]]
    above, below = new_panels(2, 1, 8, 2.4)
    plot_scores(real, scores, above)
    plot_strip(rows, ["highest\nscores", "lowest\nscores"], _NUM_ROW, axes=below)
    save_figure(path, figure_of(above))
    higher = float(np.mean(real[:, None] > scores[None]))
    return (
        f"The scores that the discriminator gives {len(real)} test images and {_NUM_SCORED}"
        " samples: the higher, the more real it takes an image to be. In"
        f" {higher:.0%} of all pairs the test image scores higher than the sample (50%: it cannot"
        " tell them apart). Below, the samples with the highest and the lowest scores."
    )


@panel(
    "Samples from a fitted density",
    """density = genjax.fit_density(params, train_images, key, kind="mixture")
genjax.sample(params, key, 12, temperature=0.8, density=density)""",
    CanReconstruct,
)
def density_samples(explored: Explored, path: Path) -> str:
    options = [("prior", {"temperature": 1.0})] + [
        (f"{explored.density_kind}, T = {t}", {"temperature": t, "density": explored.density})
        for t in (1.0, 0.8, 0.6)
    ]
    return (
        f"Latents drawn from the prior, and from {explored.density.describe()} fitted to the"
        " latents of training images, at falling temperatures T: the lower T, the more typical and"
        " the less varied the samples.\n" + _draw_rows(explored, path, options)
    )


@panel(
    "Samples at a temperature",
    "genjax.sample(params, key, 12, temperature=0.7)",
    CanDecode,
    when=lambda explored: not explored.encodes,
)
def temperatures(explored: Explored, path: Path) -> str:
    options = [(f"T = {t}", {"temperature": t}) for t in (1.3, 1.0, 0.7, 0.4)]
    return (
        "The same latents from the prior at falling temperatures T: down a column, one latent moves"
        " towards the origin. The lower T, the less varied the images. Latents far below and far"
        " above T = 1 are ones that the generator was not trained on.\n"
        + _draw_rows(explored, path, options)
    )


def _draw_rows(explored: Explored, path: Path, options: Sequence[tuple[str, dict]]) -> str:
    """Draw a row of samples with each set of options, and return what its distance means."""
    measure_distance = make_distance(explored.test_set)
    names, rows = [], []
    for name, choice in options:
        distance = measure_distance(explored.params, explored.derive_key("distance"), **choice)
        names.append(f"{name}\ndistance {distance:.3f}")
        rows.append(sample(explored.params, explored.derive_key("rows"), _NUM_ROW, **choice))
    rows.append(explored.images[:_NUM_ROW])
    save_strip(path, rows, [*names, "test images"], _NUM_ROW)
    return (
        "The distance is the Fréchet distance between 2,000 samples and"
        f" {min(2_000, len(explored.test_set)):,} test images in the features of a random network;"
        " lower is nearer to the data. It is comparable only with itself."
    )
