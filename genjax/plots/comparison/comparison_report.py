"""The report of a comparison: report.md, and report.html with the pictures inside."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax import metrics
from genjax.data import Dataset
from genjax.errors import UserError
from genjax.metrics.sample_quality import MOST
from genjax.plots.comparison.family_tree import grow_tree, list_tree
from genjax.plots.comparison.gaps import explain_gaps
from genjax.plots.comparison.pictures import draw_pictures
from genjax.plots.comparison.ranking import Contender
from genjax.plots.comparison.report_tables import (
    FLOOR,
    describe_costs,
    tabulate_claims,
    tabulate_metrics,
    tabulate_runs,
)
from genjax.plots.comparison.summary import summarize
from genjax.plots.comparison.tree_drawing import show_tree
from genjax.plots.comparison.verdicts import decide_claims
from genjax.plots.document import (
    Banner,
    Block,
    Bullets,
    Heading,
    Markup,
    Paragraph,
    Pictures,
    to_html,
    to_markdown,
)
from genjax.plots.sections import write_page

Measured = Mapping[str, Any]


def write_report(
    out: Path,
    contenders: Sequence[Contender],
    train_set: Dataset,
    test_set: Dataset,
    classifier: metrics.Classifier | None,
) -> Path:
    """Draw the pictures and write the report into the folder `out`; return the path of its page.

    Args:
        out: the folder of the report.
        contenders: the models, with different names.
        train_set: the images that they were trained on.
        test_set: the images that they were measured on.
        classifier: the one whose features they were measured in.

    Raises:
        UserError: where two contenders have one name.
    """
    names = [c.name for c in contenders]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"several runs are named {twice[0]}: rename the folder of one of them.")
    draw_pictures(out / "pictures", contenders, test_set)
    floor = measure_floor(train_set, test_set, classifier)
    title = f"Compared on {test_set.name}: {', '.join(names)}"
    blocks = [
        Paragraph(_introduce(contenders, train_set, test_set, classifier)),
        *_warn_of_undertraining(contenders),
        *_show_samples(names),
        *_show_tree(contenders),
        *_show_metrics(contenders, floor),
        *_show_claims(contenders),
        *_show_more_pictures(out, names),
        Heading("What was run"),
        tabulate_runs(contenders),
        *map(Paragraph, describe_costs(contenders)),
        Paragraph(_describe_software(contenders)),
    ]
    write_page(out / "report.md", to_markdown(title, blocks, out))
    return write_page(out / "report.html", to_html(title, blocks, out))


def measure_floor(
    train_set: Dataset, test_set: Dataset, classifier: metrics.Classifier | None
) -> dict[str, Measured]:
    """Measure real images as if they were samples.

    "data" are as many training images as there are samples, "half" is one half of the test set
    beside the other.
    """
    order = np.random.default_rng(0).permutation(len(test_set))
    half, other = np.array_split(order, 2)
    return {
        "data": metrics.measure_samples(train_set.images[:MOST], test_set, classifier),
        "half": metrics.measure_samples(
            test_set.images[half], test_set.subset(other, "a half"), classifier
        ),
    }


def _introduce(
    contenders: Sequence[Contender],
    train_set: Dataset,
    test_set: Dataset,
    classifier: metrics.Classifier | None,
) -> str:
    seeds = sorted({len(c.results) for c in contenders})
    text = (
        f"{len(contenders)} models, {' or '.join(map(str, seeds))} seed{'s' * (seeds != [1])} each,"
        f" trained on {len(train_set):,} images of {train_set.name} and measured on"
        f" {len(test_set):,} test images ({test_set.source}). Numbers are the mean ± the standard"
        " deviation over the seeds."
    )
    if seeds == [1]:
        text += (
            " With one seed each, the ± is instead the standard error that the number of measured"
            " images leaves, where it is known. What differs by more than twice that holds for"
            " these runs; how much another seed would change is not known."
        )
    if classifier:
        text += (
            f" FCD, KID, precision and recall are measured in the features of a classifier with"
            f" {100 * classifier.accuracy:.1f}% test accuracy (its hash: {classifier.digest}). FCD"
            " is not the standard FID, which uses Inception features."
        )
    return text


def _warn_of_undertraining(contenders: Sequence[Contender]) -> list[Block]:
    short = [f"{c.name} ({c.undertrained})" for c in contenders if c.undertrained]
    if not short:
        return []
    return [
        Banner(
            f"**Undertrained: {', '.join(short)}.** What is measured of them says more about the"
            " length of the training than about the model. They are not counted among the best, and"
            " no claim is decided by them. Train for more epochs to compare them."
        )
    ]


def _show_samples(names: Sequence[str]) -> list[Block]:
    return [
        Heading("Samples"),
        Paragraph(
            "Drawn with one key, not chosen; of a GAN with the weights that were nearest to the"
            " data."
        ),
        _picture("samples", "One row of test images, and one of the samples of every model"),
        Pictures(
            {
                "test images": _path("data"),
                **{f"samples of {name}": _path(f"samples-{name}") for name in names},
            }
        ),
    ]


def _show_tree(contenders: Sequence[Contender]) -> list[Block]:
    tree = grow_tree(contenders)
    return [
        Heading("The tree of the models"),
        Paragraph(
            "Models by how they know the density of images, as the tree of Goodfellow (2016) has"
            " them. Likelihoods are per image, in nats of binary images or grey values, or in bits"
            " per dimension of bytes: only those of one kind can be compared. The likelihood"
            " of a model with a bound is at least as good. Seconds: to sample 10,000 images, once"
            " compiled."
        ),
        Markup(show_tree(tree), list_tree(tree)),
    ]


def _show_metrics(contenders: Sequence[Contender], floor: Mapping[str, Measured]) -> list[Block]:
    summary = summarize(contenders)
    text = (
        f"The column {FLOOR} is what real images reach: training images beside the test images."
        " ↓: lower is better, ↑: higher is better, → x: closest to x is best. A value is bold"
        " where it is better than every other by more than the sum of the two standard deviations."
        " Where all samples of a model are alike, its interpolations are trivially smooth: read"
        " path length, label agreement and Jacobian variation beside recall. Of likelihoods, ≤ is"
        " a bound and ≈ an estimate; nats of binary images, of bytes and of grey values are not"
        " compared with each other."
    )
    if "frechet_classifier" in floor["half"]:
        text += (
            " One half of the test images beside the other has an FCD of"
            f" {floor['half']['frechet_classifier']:.2g}."
        )
    in_short: list[Block] = [Heading("In short"), Bullets(summary)] if summary else []
    return [
        *in_short,
        Heading("Metrics"),
        _picture("metrics", "The main metrics: a dot for every seed, a dashed line at the best"),
        Paragraph(text),
        tabulate_metrics(contenders, floor["data"]),
        *_explain_dashes(contenders),
    ]


def _explain_dashes(contenders: Sequence[Contender]) -> list[Block]:
    reasons = explain_gaps(contenders)
    return [Paragraph("What a dash stands for:"), Bullets(reasons)] if reasons else []


def _show_claims(contenders: Sequence[Contender]) -> list[Block]:
    decisions = decide_claims(contenders)
    if not decisions:
        return []
    return [
        Heading("Claims about these kinds of models, and what was measured"),
        Paragraph(
            "Each claim is about a kind of model, and tested on every model of that kind. It holds,"
            " or is refuted, where the means differ by more than the sum of the standard deviations"
            " over the seeds; “for this seed”, where single runs differ by more than twice the"
            " standard error of the measurement."
        ),
        tabulate_claims(decisions),
    ]


def _show_more_pictures(out: Path, names: Sequence[str]) -> Iterator[Block]:
    """Return the other pictures that there are, each with its heading."""
    progressions = {name: _path(f"progression-{name}") for name in names}
    for heading, pictures in [
        (
            "Reconstructions",
            _picture("reconstructions", "Test images, and what each model decodes of their codes"),
        ),
        (
            "Interpolations",
            _picture(
                "interpolations",
                "Two interpolations of every model, between latents drawn with one key; above, the"
                " share of the way",
            ),
        ),
        (
            "Samples in fewer steps: 2,000 of the first seed",
            Pictures({f"FCD of {name}": _path(f"steps-{name}") for name in names}, wide=True),
        ),
        (
            "During training: the same latents after more and more epochs",
            Pictures(progressions, wide=True),
        ),
    ]:
        if any((out / path).exists() for path in pictures.paths.values()):
            yield Heading(heading)
            yield pictures


def _describe_software(contenders: Sequence[Contender]) -> str:
    software = contenders[0].results[0].get("record", {}).get("software", {})
    return (
        f"With jax {software.get('jax')} on {software.get('backend')}"
        f" ({os.cpu_count()} cores here, {jax.devices()[0].device_kind}). The specification of a"
        " run is its config.json; how it was measured stands in its result.json."
    )


def _path(name: str) -> Path:
    return Path("pictures") / f"{name}.png"


def _picture(name: str, caption: str) -> Pictures:
    return Pictures({caption: _path(name)})
