"""Trained models that come with genjax: `genjax.pretrained("vae-mnist")`.

Each is a file of weights in weights/ beside this file, named after its recipe, with a card. The
file says what it is: recipe, data, training, commit, and the metrics that the recipe's run was
measured with. `python -m experiments.results ship RUN` makes both of a finished run.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, overload

from genjax.errors import UserError
from genjax.metrics.result_metrics import find_metric, format_value
from genjax.model import Params
from genjax.recipes import RECIPES
from genjax.runs.tensor_file import SUFFIX, read_tensors
from genjax.runs.weights_file import explain_read_errors, read_weights

FOLDER = Path(__file__).parent / "weights"
MOST_BYTES = 15 * 2**20  # of all files together
ABOUT = "about"  # the text in a file that says what it is


class Pretrained(dict[str, dict[str, Any]]):
    """The trained models by name, with what each file says of itself. It prints as a table."""

    def __repr__(self) -> str:
        if not self:
            return "no trained models come with this version of genjax."
        rows = [_make_row(name, about) for name, about in self.items()]
        head = ("name", "data", "metrics", "commit", "MB", "sha256")
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = (zip(row, widths, strict=True) for row in (head, *rows))
        return "\n".join("  ".join(f"{cell:{n}}" for cell, n in line).rstrip() for line in lines)


@overload
def pretrained(name: str) -> Params: ...
@overload
def pretrained(name: None = None) -> Pretrained: ...
def pretrained(name: str | None = None) -> Params | Pretrained:
    """Return the parameters of a trained model that comes with genjax; without a name, list all.

    They need no network. `genjax.fit(..., start=genjax.pretrained(name))` trains them further.

    Args:
        name: of the recipe that it was trained by.

    Raises:
        UserError: where there is no such model.
        CheckpointError: where its file is damaged.

    >>> isinstance(pretrained(), dict)
    True
    """
    files = {path.stem: path for path in sorted(FOLDER.glob(f"*{SUFFIX}"))}
    if name is None:
        return Pretrained({stem: read_about(path) for stem, path in files.items()})
    if name not in files:
        how = f" Train it: genjax train {name}" if name in RECIPES else ""
        raise UserError(
            f"no trained model {name!r:.100} comes with genjax.{how} There are:"
            f" {', '.join(files) or 'none'}."
        )
    return read_weights(files[name])


def read_about(path: Path) -> dict[str, Any]:
    """Return what a file of a trained model says of itself, with its size and checksum.

    Raises:
        CheckpointError: where it is damaged.
    """
    with explain_read_errors(path):
        found = read_tensors(path)
        about = json.loads(found.texts[ABOUT])
    return about | {"bytes": path.stat().st_size, "sha256": found.digest}


def _make_row(name: str, about: Mapping[str, Any]) -> tuple[str, ...]:
    result = about.get("result", {})
    headline = RECIPES[name].headline if name in RECIPES else ()
    metrics = [f"{find_metric(n).title} {format_value(n, result)}" for n in headline if n in result]
    return (
        name,
        str(about.get("dataset", {}).get("name", "")),
        ", ".join(metrics),
        str(about.get("environment", {}).get("commit", "")),
        f"{about['bytes'] / 2**20:.1f}",
        about["sha256"][:12],
    )
