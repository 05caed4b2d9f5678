"""The report of a comparison, as Markdown: report.md, and from it report.html."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from genjax import metrics
from genjax.data import Dataset
from genjax.errors import UserError
from genjax.metrics.catalogue import METRICS
from genjax.metrics.sample_quality import MOST
from genjax.plots import html
from genjax.plots.comparison import pictures
from genjax.plots.comparison.claims import judged
from genjax.plots.comparison.ranking import Contender, shown, winner
from genjax.runs import run_folder
from genjax.runs.files import replace_file

_IN_A_ROW = 4  # pictures
_FLOOR = "data"


def write(
    out: Path,
    contenders: Sequence[Contender],
    train_set: Dataset,
    test_set: Dataset,
    classifier: metrics.Classifier | None,
) -> Path:
    """Draws the pictures and writes the report into the folder `out`; the path of its page.

    `classifier` is the classifier that the contenders were measured with.

    Raises:
        UserError: where two contenders have one name.
    """
    _check(contenders)
    names = [c.name for c in contenders]
    pictures.draw(out / "pictures", contenders, test_set)
    floor = _floor(train_set, test_set, classifier)
    said = [[c.topic, c.sentence, verdict, by] for c, by, verdict in judged(contenders)]
    parts = [
        f"# Compared on {test_set.name}: {', '.join(names)}",
        _introduction(contenders, train_set, test_set, classifier),
        *_section("In short", _in_short(contenders)),
        *_section(
            "Samples",
            "Drawn with one key, not chosen; of a GAN with the weights that were nearest to the"
            " data.",
            _picture(out, "samples", "A row of test images, and one of the samples of every model"),
            _gallery(out, [("test images", "data"), *((n, f"samples-{n}") for n in names)]),
        ),
        *_section(
            "Measured",
            _picture(out, "figures", "The main figures: a dot for every seed"),
            _how_to_read(floor),
            _measured(contenders, floor["data"]),
            _legend(contenders),
        ),
        *_section(
            "For and against: what is said of these models, and what was measured",
            _table(["", "it is said", "verdict", "measured"], said) if said else "",
        ),
        *_section(
            "Reconstructions",
            _picture(out, "reconstructions", "Test images, and what is made of their codes"),
        ),
        *_section(
            "From one latent to another",
            _picture(out, "ways", "Two ways of every model, between the same latents"),
        ),
        *_section(
            "While they learned: the same latents after more and more epochs",
            _gallery(out, [(n, f"progression-{n}") for n in names], in_a_row=2),
        ),
        *_section("What was run", _runs(contenders)),
    ]
    text = "\n\n".join(parts) + "\n"
    replace_file(out / "report.md", lambda file: file.write(text.encode()))
    page = html.from_markdown(text, out)
    replace_file(out / "report.html", lambda file: file.write(page.encode()))
    return out / "report.html"


def _section(title: str, *parts: str) -> list[str]:
    """The parts that there are below a heading; nothing without any."""
    there = [part for part in parts if part]
    return [f"## {title}", *there] if there else []


def _check(contenders: Sequence[Contender]) -> None:
    names = [c.name for c in contenders]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"several runs are named {twice[0]}: rename the folder of one of them.")


def _floor(
    train_set: Dataset, test_set: Dataset, classifier: metrics.Classifier | None
) -> dict[str, dict[str, Any]]:
    """The figures of real images: "data" of as many training images as there are samples, "half" of
    one half of the test set beside the other."""
    order = np.random.default_rng(0).permutation(len(test_set))
    half, other = np.array_split(order, 2)
    return {
        "data": metrics.measure_samples(train_set.images[:MOST], test_set, classifier),
        "half": metrics.measure_samples(
            test_set.images[half], test_set.subset(other, "a half"), classifier
        ),
    }


def _introduction(
    contenders: Sequence[Contender],
    train_set: Dataset,
    test_set: Dataset,
    classifier: metrics.Classifier | None,
) -> str:
    seeds = sorted({len(c.results) for c in contenders})
    lines = [
        f"{len(contenders)} models, {' or '.join(map(str, seeds))} seed{'s' * (seeds != [1])} each,"
        f" trained on {len(train_set):,} images of {train_set.name} and measured on"
        f" {len(test_set):,} test images ({test_set.source}). Numbers are the mean ± the standard"
        " deviation over the seeds.",
    ]
    if classifier:
        lines.append(
            f"FCD, KID, precision and the like are measured in the features of a classifier with"
            f" {100 * classifier.accuracy:.1f}% test accuracy (its hash: {classifier.digest}). FCD is"
            " no FID."
        )
    return " ".join(lines)


def _in_short(contenders: Sequence[Contender]) -> str:
    """Of the main figures: who is best, if anybody is beyond the spread; else the ranking's top."""
    lines = []
    for name, text in [
        ("frechet_classifier", "Samples nearest to the data (FCD)"),
        ("recall", "Most of the data covered (recall)"),
        ("sharpness", "Sharpness of samples nearest to the data's"),
        ("reconstruction_error", "Best reconstructions by pixels"),
        ("reconstruction_feature_error", "Best reconstructions by features"),
        ("nll", "Best likelihood (NLL)"),
        ("jacobian_variation", "Most even latent space"),
        ("training_seconds", "Fastest to train"),
    ]:
        figure = METRICS[name]
        have = [c for c in contenders if c.values(name)]
        if len(have) < 2:
            continue
        first, second = sorted(have, key=lambda c: np.mean(figure.misses(c.values(name))))[:2]
        seeds = min(len(c.results) for c in (first, second))
        unclear = ", but within the spread" if seeds > 1 else " (one seed: no spread is known)"
        clear = "" if winner(figure, contenders) else unclear
        lines.append(
            f"- {text}: **{first.name}**, {shown(first.values(name))}; then {second.name},"
            f" {shown(second.values(name))}{clear}."
        )
    return "\n".join(lines)


def _how_to_read(floor: Mapping[str, Mapping[str, Any]]) -> str:
    text = (
        f"The column {_FLOOR} is what real images reach: training images beside the test images."
        " The sign after a figure says what to wish for: ↓ little, ↑ much, or the number itself."
        " The best is bold where it is better than every other by more than the sum of the two"
        " standard deviations. Latents of a model whose samples are all alike are trivially easy to"
        " walk through: read path length, label agreement and Jacobian variation next to recall."
    )
    if "frechet_classifier" in floor["half"]:
        text += (
            " One half of the test images beside the other has an FCD of"
            f" {floor['half']['frechet_classifier']:.2g}."
        )
    return text


def _measured(contenders: Sequence[Contender], floor: Mapping[str, Any]) -> str:
    rows = []
    for figure in METRICS.values():
        if not any(c.values(figure.name) for c in contenders):
            continue
        best = winner(figure, contenders)
        cells = [
            f"**{shown(c.values(figure.name))}**" if c is best else shown(c.values(figure.name))
            for c in contenders
        ]
        data = shown((floor[figure.name],)) if figure.name in floor else "-"
        rows.append([f"{figure.title} {figure.aim}".strip(), data, *cells])
    return _table(["", _FLOOR, *(c.name for c in contenders)], rows)


def _legend(contenders: Sequence[Contender]) -> str:
    have = [f for f in METRICS.values() if any(c.values(f.name) for c in contenders)]
    return "; ".join(f"*{f.title}*: {f.explanation}" for f in have) + "."


def _runs(contenders: Sequence[Contender]) -> str:
    """A line a run: budget, speed, what it warned of, in how long."""
    rows = []
    for one in contenders:
        for folder, result in zip(one.folders, one.results, strict=True):
            lines = run_folder.read_metrics(folder)
            warned = dict.fromkeys(name for line in lines for name in line.get("warnings", []))
            rows.append(
                [
                    f"{one.name}",
                    folder.name,
                    f"{len(lines)}",
                    f"{result.get('parameters', 0):,}",
                    f"{np.median([line['images_per_second'] for line in lines]):,.0f}",
                    f"{result['training_seconds'] / 60:.1f}",
                    str(result["best"]["epoch"]) if "best" in result else "-",
                    ", ".join(name.replace("_", " ") for name in warned) or "-",
                ]
            )
    head = ["model", "run", "epochs", "weights", "images/s", "minutes", "best epoch", "warnings"]
    software = contenders[0].results[0]["record"]["software"]
    about = (
        f"With jax {software.get('jax')} on {software.get('backend')}"
        f" ({os.cpu_count()} cores here, {jax.devices()[0].device_kind}); the whole specification"
        " of a run is its config.json, and how it was measured the record in its result.json."
    )
    return _table(head, rows) + "\n\n" + about


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _picture(out: Path, name: str, description: str) -> str:
    path = Path("pictures") / f"{name}.png"
    return f"![{description}]({path})" if (out / path).exists() else ""


def _gallery(out: Path, named: Iterable[tuple[str, str]], in_a_row: int = _IN_A_ROW) -> str:
    """Pictures in tables, each below its title."""
    there = [(title, _picture(out, name, title)) for title, name in named]
    there = [pair for pair in there if pair[1]]
    tables = []
    for start in range(0, len(there), in_a_row):
        row = there[start : start + in_a_row]
        row += [("", "")] * (min(in_a_row, len(there)) - len(row))
        tables.append(_table([title for title, _ in row], [[image for _, image in row]]))
    return "\n\n".join(tables)
