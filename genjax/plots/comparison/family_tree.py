"""The tree of the compared models: by how each knows the density of images, then by its family.

The branches are those of Goodfellow 2016, arXiv:1701.00160, figure 9, and one for models that are
integrated in time. On which one a model hangs follows from what it can do; its family is the
class's attribute `family`. So a user's own model gets a leaf as well.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from genjax.model import Model, SamplesInSteps, name_likelihood
from genjax.plots.comparison.ranking import Contender, format_mean_std

ROOT = "generative models"
_EXPLICIT, _IMPLICIT = "explicit density", "implicit density"
NOTES = {  # what stands beside a branch
    _IMPLICIT: "samples, but no log p(x)",
    "tractable": "log p(x) itself",
    "approximate": "a bound on log p(x)",
    "continuous-time": "log p(x) by an ODE",
    "estimated": "estimates of log p(x)",
}
FACTS = ("likelihood", "FCD", "precision", "recall", "seconds", "weights")  # of a leaf


@dataclass(frozen=True)
class Node:
    """A branch of the tree, or a leaf.

    Attributes:
        title: the name of the branch, or of the compared model.
        children: what hangs on it; none on a leaf.
        facts: of a leaf, its values of `FACTS`.
    """

    title: str
    children: tuple["Node", ...] = ()
    facts: tuple[str, ...] = ()


def find_branch(model: Model) -> tuple[str, ...]:
    """Return the branches from the root to a model, by what it can do.

    >>> import genjax
    >>> find_branch(genjax.PixelCNN())
    ('explicit density', 'tractable', 'autoregressive model')
    >>> find_branch(genjax.GAN())
    ('implicit density', 'GAN')
    """
    family = (model.family,) if model.family else ()
    match name_likelihood(model):
        case None:
            return (_IMPLICIT, *family)
        case "exact":
            kind = "tractable"
        case "bound":
            kind = "approximate"
        case "estimate":
            kind = "continuous-time" if isinstance(model, SamplesInSteps) else "estimated"
    return (_EXPLICIT, kind, *family)


def grow_tree(contenders: Sequence[Contender]) -> Node:
    """Return the tree whose leaves are the contenders, with what was measured of them."""
    paths = [(find_branch(c.params.model), c) for c in contenders]
    return Node(ROOT, _grow(sorted(paths, key=lambda path: _place(path[0]))))


def _place(branches: tuple[str, ...]) -> int:
    """Order the kinds of densities as `NOTES` has them, the implicit ones last."""
    order = list(NOTES)
    return len(order) if branches[0] == _IMPLICIT else order.index(branches[1])


def _grow(paths: Sequence[tuple[tuple[str, ...], Contender]]) -> tuple[Node, ...]:
    """Return the nodes that the paths begin with, of which each is the branches to a contender."""
    groups: dict[str, list[tuple[tuple[str, ...], Contender]]] = {}
    for branches, contender in paths:
        if branches:
            groups.setdefault(branches[0], []).append((branches[1:], contender))
    leaves = [_make_leaf(contender) for branches, contender in paths if not branches]
    return (*(Node(title, _grow(inside)) for title, inside in groups.items()), *leaves)


def _make_leaf(contender: Contender) -> Node:
    digits = {"frechet_classifier": 1, "precision": 2, "recall": 2}
    values = [_format_short(contender, name, places) for name, places in digits.items()]
    for name in ("sampling_seconds", "parameters"):
        found = contender.values(name)
        values.append(format_mean_std([statistics.mean(found)]) if found else "-")
    return Node(contender.name, facts=(describe_likelihood(contender), *values))


def _format_short(contender: Contender, metric: str, places: int) -> str:
    """Return the mean of a metric, and its deviation or error unless that rounds to nothing.

    From 100 on it has no decimals.
    """
    values = contender.values(metric)
    if not values:
        return "-"
    places = 0 if abs(statistics.mean(values)) >= 100 else places
    several = len(values) > 1
    error = statistics.stdev(values) if several else contender.measurement_error(metric)
    spread = f"{error or 0:,.{places}f}"
    text = f"{statistics.mean(values):,.{places}f}"
    return f"{text} ± {spread}" if float(spread.replace(",", "")) else text


def describe_likelihood(contender: Contender) -> str:
    """Return the likelihood in its unit, with how it is known; "none" where there is none."""
    if contender.likelihood is None:
        return "none"
    is_bits = contender.observed == "bytes"
    name, places, unit = ("bits_per_dim", 2, "bits/dim") if is_bits else ("nll", 1, "nats")
    return f"{_format_short(contender, name, places)} {unit}, {contender.likelihood}"


def list_tree(node: Node, depth: int = 0) -> str:
    """Return the tree as a nested list in Markdown.

    >>> print(list_tree(Node("models", (Node("vae", facts=("90 nats, bound", "20")),))))
    - models
      - **vae**: likelihood 90 nats, bound; FCD 20
    """
    indent = "  " * depth + "- "
    if node.facts:
        pairs = zip(FACTS, node.facts, strict=False)
        return f"{indent}**{node.title}**: " + "; ".join(" ".join(pair) for pair in pairs)
    note = f" ({NOTES[node.title]})" if node.title in NOTES else ""
    below = [list_tree(child, depth + 1) for child in node.children]
    return "\n".join([f"{indent}{node.title}{note}", *below])
