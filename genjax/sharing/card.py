"""The card of a trained model: what it is, how it is used, and what was measured, as Markdown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genjax.metrics.result_metrics import describe_measurement, format_value, list_metrics
from genjax.model import Params, registered_name
from genjax.runs import run_folder
from genjax.runs.files import read_json

_TEXT = """\
# {name}

`{model}`{data}, trained with [genjax](https://pypi.org/project/genjax-vae-gan/).
{picture}
```python
import genjax

params = {call}
images = genjax.sample(params, 0, num=16)  # float32 [16, {shape}] in [0, 1]
```
{metrics}{record}"""


def write_card(
    name: str,
    params: Params,
    about: Mapping[str, Any],
    call: str,
    license: str = "",
    picture: str = "",
) -> str:
    """Return the card of a model.

    Args:
        name: its title.
        params: the model's.
        about: what `describe_run` returns; empty where nothing is known.
        call: the line of Python that loads it.
        license: as the Hub names licences, such as "mit"; the head of the card, which the Hub
            reads, is left out without one.
        picture: the file of a picture of samples beside the card.
    """
    data = about.get("dataset", {}).get("name")
    body = _TEXT.format(
        name=name,
        model=params.model,
        data=f" of {data}" if data else "",
        call=call,
        picture=f"\n![samples]({picture})\n" if picture else "",
        shape=", ".join(map(str, params.model.image_shape)),
        metrics=_list_metrics(about),
        record=_list_record(about),
    )
    return (_write_head(params, data, license) if license else "") + body


def describe_run(folder: Path) -> dict[str, Any]:
    """Return what a card says of a run: result, training, data and environment.

    The result is that of the best weights, where the run keeps them: those are what is shared.
    Paths of the machine that it ran on, and its command, are left out.
    """
    config = run_folder.read_config(folder)
    path = folder / run_folder.RESULT
    result = read_json(path) if path.exists() else {}
    kept = ("name", "split", "num_images", "checksum")
    return {
        "result": _keep_result(result),
        "dataset": {name: config["dataset"][name] for name in kept if name in config["dataset"]},
        "training": config["training"],
        "recipe": result.get("recipe"),
        "seeds": result.get("seed_numbers"),
        "environment": result.get("environment", {}),
    }


def _keep_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a result, of the best weights where it has them, and how measured."""
    of_best = {name: value for name, value in result.get("best", {}).items() if name != "epoch"}
    numbers = {n: v for n, v in {**result, **of_best}.items() if isinstance(v, int | float)}
    record = result.get("record") or {}
    kept = ("num_samples", "num_generated", "nll", "classifier")
    data = {n: v for n, v in record.get("dataset", {}).items() if n in ("num_images", "images")}
    how = {name: record[name] for name in kept if name in record}
    return numbers | {"record": how | {"dataset": data}}


def _write_head(params: Params, data: str | None, license: str) -> str:
    lines = [
        f"license: {license}",
        "library_name: genjax",
        "tags:",
        *(f"- {tag}" for tag in ("jax", "flax", "generative", registered_name(params.model))),
        *(["datasets:", f"- {data}"] if data else []),
    ]
    return "\n".join(["---", *lines, "---", "", ""])


def _list_metrics(about: Mapping[str, Any]) -> str:
    result = about.get("result", {})
    rows = [
        f"| {metric.label} {metric.aim} | {format_value(metric.name, result)} |"
        for metric in list_metrics(result)
    ]
    if not rows:
        return ""
    measured = describe_measurement(result)
    head = ["", "## Metrics", "", *([f"Measured on {measured}.", ""] if measured else [])]
    return "\n".join([*head, "| metric | value |", "|---|---|", *rows, ""])


def _list_record(about: Mapping[str, Any]) -> str:
    data, environment = about.get("dataset", {}), about.get("environment", {})
    rows = {
        "recipe": about.get("recipe"),
        "data": data
        and f"{data.get('name')}, {data.get('num_images', 0):,} images, sha256"
        f" {data.get('checksum', '')[:12]}",
        "epochs": about.get("training", {}).get("epochs"),
        "seeds": ", ".join(map(str, about.get("seeds") or [])),
        "processor": environment.get("processor"),
        "commit": environment.get("commit"),
        "date": environment.get("date"),
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value]
    return "\n".join(["", "## Record", "", "| | |", "|---|---|", *lines, ""]) if lines else ""
