"""The page of a debiasing study: the result, latents before and after, rare images, alpha."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

import genjax
from genjax import plots
from genjax.data import Dataset
from genjax.data.made.biased import BIASED, GROUP
from genjax.model import Params
from genjax.plots import html
from genjax.plots.chart import figure_of, new_axes, new_panels, save_figure
from genjax.plots.mathml import to_mathml
from genjax.plots.sections import Section, make_page, write_page

_CLASS = 0  # whose histograms are shown
_LATENTS = 6  # whose histograms are shown
_SHOWN = 49  # images by density

_RARITY = (
    "w = prod_d 1 / (Q_d(z_d) + alpha)",
    "Q_d is the histogram of latent d over the images of the class, relative to an even spread,"
    " and alpha smooths it: the smaller alpha, the more often rare images are drawn; a large"
    " alpha draws all alike. The product, or the largest of the factors, is taken.",
)
_CONFLICT = (
    "w = 1 / (p(y|z) + alpha)",
    "p(y|z) is the probability of the image's class by its latents, whose distribution in each"
    " class is taken as normal: it is near 0 where the latents look like those of another class."
    " The smaller alpha, the more often such images are drawn.",
)

Results = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class DebiasedRun:
    """A debiased run on one data set.

    Attributes:
        folder: of the run.
        params: its weights.
        train_set: its training images.
        probabilities: with which each of them is drawn, [N].
        options: of `genjax.resampling_weights`, that lead to the probabilities.
        table: the metrics of the study on this data set, rows of cells below a row of headings.
    """

    folder: Path
    params: Params
    train_set: Dataset
    probabilities: np.ndarray
    options: Mapping[str, Any]
    table: Sequence[Sequence[str]]

    @property
    def code(self) -> str:
        """Return the lines that compute the probabilities."""
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return (
            f'params = genjax.load("{self.folder}")\n'
            f'train = genjax.data.load("{self.train_set.name}")\n'
            f"p = genjax.resampling_weights(params, train.images, train.labels{options})\n"
        )


def write_debias_page(
    out: Path, runs: Sequence[DebiasedRun], by_alpha: Mapping[float, Results]
) -> Path:
    """Write index.html with its pictures into the folder of the runs; return its path.

    Args:
        out: the folder.
        runs: one of every data set.
        by_alpha: alpha -> the results of all seeds of the first data set; infinity: uniform. Empty
            where alpha was not varied.
    """
    sections = [_show_result(runs)]
    for run in runs:
        name = run.train_set.name
        sections.append(_draw_histograms(out / f"{name}-latents.png", run))
        sections.append(_draw_by_density(out / f"{name}-density.png", run))
    facts = {"data": ", ".join(run.train_set.name for run in runs)}
    if by_alpha:
        sections.append(_draw_sweep(out / "alpha.png", by_alpha))
        facts["seeds of the sweep over alpha"] = str(len(next(iter(by_alpha.values()))))
    title = "Debiasing through the latent distribution"
    return write_page(out / "index.html", make_page(title, facts, "import genjax", sections))


def _show_result(runs: Sequence[DebiasedRun]) -> Section:
    """Return the section of the tables, with what is compared and alpha in a formula."""
    text = (
        "Two networks that differ in one thing. The uniform one sees every image once in an epoch."
        " The debiased one draws images by the density of their latents, so that it sees rare ones"
        " more often; what the groups are, it never learns. Each table has the test accuracy of"
        " every group, their gap, and the share of the rare groups in the training data, in what"
        " the model saw, and in a subset that it draws: the mean ± the standard deviation over the"
        " seeds.\nAn image of latents z is drawn with a probability in proportion to w:"
    )
    conflict = all(run.options["form"] == "conflict" for run in runs)
    weight, meaning = _CONFLICT if conflict else _RARITY
    formula = to_mathml(weight, display=True)
    tables = "".join(
        f"<h3>{escape(run.train_set.name)}</h3>{html.make_table(run.table)}" for run in runs
    )
    markup = f'<div class="equation">{formula}<p>{escape(meaning)}</p></div>{tables}'
    return Section("result", "What the debiasing changes", None, text, "", markup=markup)


def _draw_sweep(path: Path, by_alpha: Mapping[float, Results]) -> Section:
    """Draw accuracies, and the share of the rare group in what the model sees, over alpha."""
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
        "The smaller alpha, which is defined at the top, the more of the rare group the model sees;"
        " infinity is uniform sampling. Where alpha is too small, a few odd images crowd out all"
        " others, and both groups suffer."
    )
    return Section("alpha", "The sweep over alpha", path, text, "DebiasingVAE(alpha=...)")


def _draw_histograms(path: Path, run: DebiasedRun) -> Section:
    """Draw, before and after, the latents of one class that the resampling changes most."""
    train_set, p = run.train_set, run.probabilities
    mine = np.flatnonzero(np.asarray(train_set.labels) == _CLASS)
    z = np.asarray(genjax.encode(run.params, train_set.images[mine]))
    rare = train_set.attributes[GROUP][mine] > 0
    drawn = p[mine] / p[mine].sum()
    shown = np.argsort(-_measure_changes(z, drawn), kind="stable")[:_LATENTS]
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
        axis.set_xlabel(f"z[{d}]")
    axes[0, 0].legend(fontsize=7)
    save_figure(path, figure_of(axes[0, 0]))
    about = BIASED[train_set.name]
    text = (
        f"Latents of class {train_set.label_names[_CLASS]} in the data (before), and as the images"
        f" are drawn (after): of all {z.shape[1]}, those that change most. Groups:"
        f" {', '.join(about.groups)}; shares in training {', '.join(map(str, about.train))}%, in"
        f" testing {', '.join(map(str, about.test))}%."
    )
    title = f"{train_set.name}: latents before and after"
    code = f"{run.code}z = genjax.encode(params, train.images)"
    return Section(f"{train_set.name}-latents", title, path, text, code)


def _measure_changes(z: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Measure how each latent's histogram of z [N, D] changes where image n weighs drawn[n]."""
    before, after = (
        np.stack([np.histogram(latent, 10, weights=weights)[0] for latent in z.T])
        for weights in (np.full(len(z), 1 / len(z)), drawn)
    )
    return np.abs(after - before).sum(axis=1)


def _draw_by_density(path: Path, run: DebiasedRun) -> Section:
    """Draw the most common and the rarest images by the density of their latents."""
    train_set, p = run.train_set, run.probabilities
    plots.save_by_density(path, train_set.images, p, _SHOWN)
    rare = train_set.attributes[GROUP][np.argsort(-p)[:_SHOWN]] > 0
    text = (
        f"The {_SHOWN} training images that are most like others of their class, and the {_SHOWN}"
        f" that are least. Of the latter {rare.mean():.0%} belong to a rare group, of all images"
        f" {np.mean(train_set.attributes[GROUP] > 0):.0%}."
    )
    code = f'{run.code}genjax.plots.save_by_density("density.png", train.images, p)'
    title = f"{train_set.name}: the most common and the rarest images"
    return Section(f"{train_set.name}-density", title, path, text, code)
