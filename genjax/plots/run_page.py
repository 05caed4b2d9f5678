"""The page about one run, report.html: what was trained on what, and what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from genjax.metrics.result_metrics import describe_measurement, format_value, list_metrics
from genjax.model import Model, registered_name
from genjax.model.help_text import describe_fields
from genjax.plots import html
from genjax.plots.architecture import draw_architecture
from genjax.plots.document import (
    Banner,
    Block,
    Heading,
    Markup,
    Paragraph,
    Pictures,
    Table,
    to_html,
)
from genjax.plots.equations import show_equations
from genjax.plots.sections import write_page
from genjax.plots.variety import describe_variety
from genjax.runs import run_folder

_FIGURES = Path("figures")
_CURVES = _FIGURES / "curves.png"


def write_run_page(folder: Path, result: Mapping[str, Any], reference: str = "") -> Path:
    """Write report.html into a run's folder, of what lies there; return its path.

    Args:
        folder: the run's folder, with its pictures.
        result: the content of `result.json`, as far as it is known.
        reference: what to compare the result with.

    Raises:
        UserError: where the folder holds no run.
    """
    config, lines = run_folder.read_config(folder), run_folder.read_metrics(folder)
    model = run_folder.read_model(folder)
    has_encoder = (folder / _FIGURES / "reconstructions.png").exists()
    sections: dict[str, list[Block]] = {
        "Samples": _show_samples(),
        "Training curves": [Pictures({"The terms of the training, epoch by epoch": _CURVES})],
        "Reconstructions and latents" if has_encoder else "Latents": _show_latents(),
        "Metrics": _show_metrics(result, reference, lines),
        "What is minimised": [Markup(show_equations(model))],
        "The networks": _show_networks(model),
        "The record": _show_record(model, config, result),
    }
    title = f"{folder.name}: {registered_name(model)} on {config['dataset'].get('name')}"
    sections = {name: _find_shown(blocks, folder) for name, blocks in sections.items()}
    sections = {name: blocks for name, blocks in sections.items() if blocks}
    blocks = [
        Markup(f"<p>{_introduce(model, config, lines)}</p>"),
        *map(Banner, _list_warnings(model, config, lines)),
        Markup(html.make_contents(list(sections))),
        *(block for name, shown in sections.items() for block in (Heading(name), *shown)),
    ]
    return write_page(folder / run_folder.REPORT, to_html(title, blocks, folder))


def _find_shown(blocks: Sequence[Block], folder: Path) -> list[Block]:
    """Return the blocks without those of pictures of which none is there."""
    return [
        block
        for block in blocks
        if not isinstance(block, Pictures)
        or any((folder / path).exists() for path in block.paths.values())
    ]


def _show_networks(model: Model) -> list[Block]:
    return [
        Paragraph(
            "A block is what a layer returns, or several layers in a row that keep the shape: as"
            " high as the image, and the wider the more channels. Below it stand the shape and the"
            " number of weights."
        ),
        Markup(_draw_networks(model)),
    ]


@lru_cache(maxsize=1)
def _draw_networks(model: Model) -> str:
    return draw_architecture(model)


def _introduce(model: Model, config: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> str:
    """Say in a sentence what was trained on what."""
    data, epochs = config["dataset"], config["training"].get("epochs")
    done = lines[-1]["epoch"] if lines else 0
    shape = "×".join(map(str, data.get("image_shape", ())))
    seconds = sum(line.get("seconds", 0.0) for line in lines)
    return (
        f"A model of the class <strong>{registered_name(model)}</strong>, trained on"
        f" <strong>{data.get('name')}</strong> ({data.get('num_images', 0):,} images of {shape})"
        f" for {done} of {epochs} epochs in {format_seconds(seconds)}."
    )


def format_seconds(seconds: float) -> str:
    """Write a time as people say it.

    >>> format_seconds(15.2), format_seconds(330), format_seconds(9000)
    ('15 seconds', '5.5 minutes', '2.5 hours')
    """
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds:.0f} seconds"


def _list_warnings(
    model: Model, config: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    source = config["dataset"].get("source", "")
    if "not the whole of" in source:
        yield f"The data are a sample: {source}."
    if isinstance(ended := config.get("ended_early"), dict):
        yield f"The run ended early, after epoch {ended.get('epoch')}: {ended.get('reason')}."
    since: dict[str, list[int]] = {}
    for line in lines:
        for name in line.get("warnings", []):
            since.setdefault(name, []).append(line["epoch"])
    terms = lines[-1] if lines else {}
    numbers = {name: value for name, value in terms.items() if isinstance(value, int | float)}
    advice = {warning.name: warning.advice for warning in model.warnings(numbers)}
    for name, epochs in since.items():
        how_often = f"in {len(epochs)} of {len(lines)} epochs"
        last = f", the last one too: {advice[name]}" if name in advice else "."
        yield f"**{name.replace('_', ' ')}** {how_often}{last}"


def _show_samples() -> list[Block]:
    return [
        _list_pictures(
            False,
            samples="Samples of the last weights, of latents drawn from the prior",
            samples_best="Samples of the best weights, those nearest to the data",
            real="Images of the test set",
        ),
        _list_pictures(
            progression="Samples of the same latents, epoch by epoch",
            classes="Every column a class, every row the same latents",
            samples_seeds="Every row the samples of one seed",
        ),
    ]


def _show_latents() -> list[Block]:
    return [
        _list_pictures(
            reconstructions="Images of the test set, each above its reconstruction",
            interpolation="Every row goes from one draw of the prior to another",
            manifold="Images decoded from a grid over the plane of the two latents",
            latents="Test images where the encoder puts them on this plane, by class",
        )
    ]


def _list_pictures(wide: bool = True, **captions: str) -> Pictures:
    """Return the pictures of these names, with `-` for `_`, and their captions."""
    paths = {name: _FIGURES / f"{name.replace('_', '-')}.png" for name in captions}
    return Pictures({text: paths[name] for name, text in captions.items()}, wide)


def _show_metrics(
    result: Mapping[str, Any], reference: str, lines: Sequence[Mapping[str, Any]]
) -> list[Block]:
    if "record" not in result:
        return [Paragraph("Not measured.")]
    seeds = len(result.get("seeds", ()))
    width = f"Mean of {seeds} seeds ± standard deviation" if seeds else "± is a standard error"
    return [
        Paragraph(f"Measured on {describe_measurement(result)}. {width}."),
        *([Paragraph(f"Reference result of the recipe: {reference}.")] if reference else []),
        *([Paragraph(variety)] if (variety := describe_variety(result, lines)) else []),
        _tabulate_metrics(result),
        Paragraph(
            "↓ lower is better, ↑ higher is better, → x: closest to x is best. Resting the pointer"
            " on a name shows its key in result.json."
        ),
    ]


def _tabulate_metrics(result: Mapping[str, Any]) -> Table:
    """Return the metrics in groups, those of the best weights beside those of the last."""
    best = result.get("best", {})
    epoch = str(best.get("epoch")).strip("[]")  # of several seeds, a list
    head = ["metric", "last weights"] + ([f"best: epoch {epoch}"] if best else [])
    rows, group, terms = [[*head, "meaning"]], "", {}
    for metric in list_metrics(result):
        if metric.name == "seconds":  # the record says it
            continue
        if metric.group != group:
            group = metric.group
            rows.append([f"**{group}**", *[""] * (len(rows[0]) - 1)])
        values = [
            format_value(metric.name, one) if metric.name in one else "–"
            for one in (result, best)
            if one
        ]
        label = f"{metric.label} {metric.aim}".strip()
        rows.append([label, *values, metric.explanation])
        terms[label] = metric.tooltip
    return Table(rows, terms)


def _show_record(model: Model, config: Mapping[str, Any], result: Mapping[str, Any]) -> list[Block]:
    """Show what it takes to repeat the run."""
    environment, data = result.get("environment", {}), config["dataset"]
    versions = environment.get("versions", config.get("software", {}))
    facts = {
        "command": result.get("command"),
        "recipe": result.get("recipe"),
        "seed": ", ".join(map(str, result.get("seed_numbers", []))),
        "processor": f"{environment.get('processor', '')}, {environment.get('cores', '?')} cores",
        "device": environment.get("device"),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "commit": environment.get("commit"),
        "date": environment.get("date"),
        "data": f"{data.get('name')}: {data.get('source')}",
        "checksum of the data": data.get("checksum"),
        "time": _describe_time(result),
    }
    rows = [["", ""], *([name, str(value)] for name, value in facts.items() if value)]
    training = dict(config["training"])
    optimizer = training.pop("optimizer", {})
    settings = {
        "model": _tabulate(config["model"], describe_fields(type(model))),
        "training": _tabulate(training, {}),
        "optimizer": _tabulate(optimizer, {}),
    }
    return [
        Markup(f'<div class="facts">{html.make_table(rows)}</div>'),
        *(
            Markup(f"<details><summary>Settings of the {name}</summary>{table}</details>")
            for name, table in settings.items()
        ),
    ]


def _tabulate(values: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    """Return a table of settings, with what `texts` says about each, after its name."""
    rows = [
        [name, str(value), " ".join(texts.get(name, "").partition(":")[2].split())]
        for name, value in values.items()
    ]
    return html.make_table([["", "", ""], *rows])


def _describe_time(result: Mapping[str, Any]) -> str:
    parts = {"training": result.get("training_seconds"), "all of it": result.get("seconds")}
    return ", ".join(f"{name} {format_seconds(t)}" for name, t in parts.items() if t)
