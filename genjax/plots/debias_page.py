"""The page of `make debias`: the tables, latents before and after, images by density, alpha."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import genjax
from genjax import plots
from genjax.data import Dataset
from genjax.data.made.biased import BIASED, GROUP
from genjax.model import Params
from genjax.plots.chart import figure_of, new_axes, new_panels, save_figure
from genjax.plots.page import Section, make_page
from genjax.recipes.recipe import Recipe
from genjax.recipes.resampled import weighting_options
from genjax.recipes.series import run_path
from genjax.runs.files import replace_file

_CLASS = 0  # whose histograms are shown
_LATENTS = 6  # whose histograms are shown
_SHOWN = 49  # images by density

Tables = Mapping[str, str]  # data set -> Markdown
Results = Sequence[Mapping[str, Any]]


def write(
    out: Path,
    pairs: Mapping[str, Mapping[str, Recipe]],
    tables: Tables,
    by_alpha: Mapping[float, Results],
) -> None:
    """index.html in the folder of the runs, from those of seed 0, and its pictures beside it."""
    sections = [_sweep(out / "alpha.png", by_alpha)]
    for dataset, experiments in pairs.items():
        _, debiased = experiments
        params = genjax.load(run_path(out, debiased))
        train_set, _ = experiments[debiased].load_resident()
        images = train_set.images / np.float32(255)
        p = genjax.resampling_weights(params, images, train_set.labels, **weighting_options(params))
        sections += [
            _histograms(out / f"{dataset}-latents.png", params, train_set, p, tables[dataset]),
            _by_density(out / f"{dataset}-density.png", train_set, p),
        ]
    facts = {
        "tables": "accuracies and shares, the mean ± standard deviation of all seeds",
        "seeds of the sweep over alpha": str(len(next(iter(by_alpha.values())))),
        "uniform": "the same network, every image once an epoch",
        "debiased": "images drawn by the density of their latents; groups are never seen",
    }
    code = (
        "import genjax, jax\n"
        'params = genjax.load("runs/debias/debiased-mnist_rotated-0")\n'
        'train = genjax.data.load("mnist_rotated")\n'
        "images = train.images / 255.0\n"
        'p = genjax.resampling_weights(params, images, train.labels, form="product", alpha=2.0)'
    )
    html = make_page("Debiasing through the latent distribution", facts, code, sections)
    replace_file(out / "index.html", lambda file: file.write(html.encode()))


def _sweep(path: Path, by_alpha: Mapping[float, Results]) -> Section:
    """Accuracies, and what is seen of the rare group, over alpha."""
    lines = {
        "accuracy: common group": "accuracy_group_0",
        "accuracy: rare group": "accuracy_group_1",
        "share of the rare group in what is seen": "seen_rare",
    }
    axis = new_axes(7, 4)
    places = np.arange(len(by_alpha))
    for label, name in lines.items():
        values = np.array([[run[name] for run in runs] for runs in by_alpha.values()])
        spread = values.std(axis=1, ddof=1) if values.shape[1] > 1 else None
        axis.errorbar(places, values.mean(axis=1), spread, marker="o", capsize=3, label=label)
    names = ["uniform" if np.isinf(alpha) else f"{alpha:g}" for alpha in by_alpha]
    axis.set_xticks(places, names)
    axis.set(xlabel="alpha", ylim=(0, 1))
    axis.grid(alpha=0.3)
    axis.legend()
    save_figure(path, figure_of(axis))
    text = (
        "Rotated MNIST. The smaller alpha, the more of the rare group the model sees; where it is"
        " too small, a few odd images crowd out all others, and both groups suffer."
    )
    return Section("alpha", "The sweep over alpha", path, text, "DebiasingVAE(alpha=...)")


def _histograms(
    path: Path, params: Params, train_set: Dataset, p: np.ndarray, table: str
) -> Section:
    """Of one class the latents that resampling by `p` changes most, before and after."""
    mine = np.flatnonzero(np.asarray(train_set.labels) == _CLASS)
    z = np.asarray(genjax.encode(params, train_set.images[mine] / np.float32(255)))
    rare = train_set.attributes[GROUP][mine] > 0
    drawn = p[mine] / p[mine].sum()
    shown = np.argsort(-_changes(z, drawn), kind="stable")[:_LATENTS]
    panels = new_panels(2 * len(shown), len(shown), 2.2, 2.2, sharey=True, sharex="col")
    axes: Any = np.reshape(np.array(panels, object), (2, len(shown)))
    for row, name, weights in zip(
        axes, ("before", "after"), (np.full(len(z), 1 / len(z)), drawn), strict=True
    ):
        for axis, d in zip(row, shown, strict=True):
            options: Any = {"bins": 10, "range": (z[:, d].min(), z[:, d].max())}
            parts, part_weights = [z[~rare, d], z[rare, d]], [weights[~rare], weights[rare]]
            names = ["common group", "rare groups"]
            axis.hist(parts, weights=part_weights, stacked=True, label=names, **options)
        row[0].set_ylabel(f"{name}: share of images")
    for axis, d in zip(axes[1], shown, strict=True):
        axis.set_xlabel(f"latent {d}")
    axes[0, 0].legend(fontsize=7)
    save_figure(path, figure_of(axes[0, 0]))
    about = BIASED[train_set.name]
    text = (
        f"Latents of class {train_set.label_names[_CLASS]}, as they are distributed in the data"
        f" (before), and as the images are drawn (after): of all {z.shape[1]} those that change"
        f" most. Groups: {', '.join(about.groups)}; in"
        f" training {', '.join(map(str, about.train))}%, in testing"
        f" {', '.join(map(str, about.test))}%."
    )
    title = f"{train_set.name}: latents before and after"
    code = "z = genjax.encode(params, images)"
    return Section(f"{train_set.name}-latents", title, path, text, code, _cells(table))


def _changes(z: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """How much the histogram of each latent of z [N, D] changes where image n weighs drawn[n]."""
    before, after = (
        np.stack([np.histogram(latent, 10, weights=weights)[0] for latent in z.T])
        for weights in (np.full(len(z), 1 / len(z)), drawn)
    )
    return np.abs(after - before).sum(axis=1)


def _by_density(path: Path, train_set: Dataset, p: np.ndarray) -> Section:
    images = np.asarray(train_set.images) / np.float32(255)
    plots.save_by_density(path, images, p, _SHOWN)
    rare = train_set.attributes[GROUP][np.argsort(-p)[:_SHOWN]] > 0
    text = (
        f"The {_SHOWN} training images whose classes have many like them, and the {_SHOWN} that are"
        f" the least like others of their class. Of the latter {rare.mean():.0%} belong to a rare"
        f" group, of all {np.mean(train_set.attributes[GROUP] > 0):.0%}."
    )
    code = "genjax.plots.save_by_density(path, images, p)"
    title = f"{train_set.name}: the commonest and the rarest images"
    return Section(f"{train_set.name}-density", title, path, text, code)


def _cells(table: str) -> list[list[str]]:
    """Markdown's rows, but for the line below the header."""
    rows = [line.strip("| ").split(" | ") for line in table.strip().splitlines()]
    return [rows[0], *rows[2:]]
