"""Training curves: what belongs together on one pair of axes, and which epoch is the best."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from genjax.runs import run_folder

Line = Mapping[str, Any]  # of metrics.jsonl

_NO_TERMS = ("epoch", *run_folder.TIMES, "warnings", "spread", "seeds", "checksum")
HELD_OUT = "validation_"  # begins the names of terms that are measured on held-out images
# The chance level shows the first; the others hardly depend on the held-out images.
_NOT_DRAWN = (
    "D_loss_share",
    *(HELD_OUT + t for t in ("D_loss_share", "D(G(z))", "generator_loss")),
)
SELECTS = ("distance", HELD_OUT + "loss")  # the first of them that is there says which is best


@dataclass(frozen=True)
class Panel:
    """Terms of the training that share one pair of axes, and how they are drawn.

    Attributes:
        title: what stands above it.
        terms: their names in the metrics.
        label: the unit, beside the vertical axis.
        stacked: whether the terms are areas on each other, with their sum.
        log: whether the vertical axis is logarithmic.
        level: the name and the value of a line to compare the terms with.
    """

    title: str
    terms: tuple[str, ...]
    label: str = ""
    stacked: bool = False
    log: bool = False
    level: tuple[str, float] | None = None


_NATS = "nats per image"
PANELS = (
    Panel("Loss", ("loss",), "loss"),
    Panel(
        "Losses of generator and discriminator", ("generator_loss", "discriminator_loss"), "loss"
    ),
    Panel("Losses of encoder and decoder", ("encoder_loss", "decoder_loss"), "loss"),
    Panel("Discriminator on real images x and samples G(z)", ("D(x)", "D(G(z))"), "mean output"),
    Panel("−ELBO = distortion + rate", ("distortion", "rate"), _NATS, stacked=True),
    Panel("Rate: KL divergence of the posterior from the prior", ("rate",), _NATS),
    Panel("Distortion: reconstruction loss", ("distortion",), _NATS),
    Panel("Feature error: reconstruction loss", ("feature_error",), "squared error"),
    Panel("Distance of the samples from the data", ("distance",), "Fréchet distance"),
    Panel(
        "Size of the gradients",
        tuple(f"{p}_gradient_norm" for p in ("generator", "discriminator", "encoder", "decoder")),
        "Euclidean norm",
        log=True,
    ),
    Panel("Penalty on the discriminator's gradient", ("penalty",)),
    Panel(
        "Auxiliary classifier on real images x and samples G(z)",
        ("class_loss(x)", "class_loss(G(z))"),
        "cross-entropy in nats",
    ),
    Panel(
        "Overfitting of the discriminator",
        ("D_overfitting",),
        "share of its lead",
        level=("learned by heart", 1.0),
    ),
    Panel("Seeds that collapsed or diverged", ("collapse_rate",), "share"),
    Panel("Diversity of the samples", ("diversity",), "of the data's", level=("as the data", 1.0)),
)


def find_best_epoch(metrics: Sequence[Line]) -> tuple[str, int] | None:
    """Return the term that selects the best epoch of a run, and that epoch; None without one.

    It is the distance of the samples where that was measured, else the loss of held-out images.

    >>> find_best_epoch([{"epoch": 1, "distance": 2.0}, {"epoch": 2, "distance": 3.0}])
    ('distance', 1)
    """
    for term in SELECTS:
        measured = [(line[term], line["epoch"]) for line in metrics if line.get(term) is not None]
        if measured:
            return term, min(measured)[1]
    return None


def find_panels(metrics: Sequence[Line]) -> Iterator[Panel]:
    """Group the terms of the metrics into panels; a term of no group has a panel of its own.

    A term of held-out images shares the panel of the same term in training.
    """
    left = dict.fromkeys(name for line in metrics for name in line if name not in _NO_TERMS)
    left = dict.fromkeys(name for name in left if name not in _NOT_DRAWN)
    in_nats = {"distortion", "rate"} <= left.keys()
    for panel in (*PANELS, *(_name_panel(term) for term in left if not is_held_out(term))):
        if panel.stacked and not in_nats:
            continue  # of one term alone there is no sum
        both = [name for term in panel.terms for name in (term, HELD_OUT + term)]
        if found := tuple(name for name in both if name in left):
            for name in found:
                del left[name]
            unit = _NATS if in_nats and panel.terms == ("loss",) else panel.label
            yield replace(panel, terms=found, label=unit)
    for term in left:  # measured on held-out images alone
        yield _name_panel(term)


def _name_panel(term: str) -> Panel:
    return Panel(term.replace("_", " "), (term,))


def is_held_out(term: str) -> bool:
    return term.startswith(HELD_OUT)
