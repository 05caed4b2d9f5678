"""The tree of a comparison: where models hang, and that both drawings hold all of them."""

import re
from dataclasses import dataclass

import pytest

from genjax.model import MODELS, DecoderModel, Model, Params
from genjax.plots.comparison.family_tree import find_branch, grow_tree, list_tree
from genjax.plots.comparison.ranking import Contender
from genjax.plots.comparison.report_tables import tabulate_metrics
from genjax.plots.comparison.summary import summarize
from genjax.plots.comparison.tree_drawing import draw_slim, draw_wide, plot_tree, show_tree
from genjax.plots.comparison.verdicts import decide_claims
from tests.helpers import NAMES, small

MEASURED = {"nll": 90.0, "bits_per_dim": 3.5, "frechet_classifier": 20.0, "parameters": 1234}
EXPLICIT = "explicit density"


@dataclass(frozen=True)
class Foreign(Model):
    """A user's model with an exact likelihood and no family."""

    def log_prob(self, params, x):
        return -90.0 + 0 * x.sum((1, 2, 3))


@dataclass(frozen=True)
class Steps(DecoderModel):
    """A user's model that estimates its likelihood; with a number of steps it is integrated."""

    num_steps: int = 4
    family = "my family"

    def estimate_log_prob(self, params, x, key):
        return -90.0 + 0 * x.sum((1, 2, 3))[None]


def make(model, name="", **metrics):
    return Contender(name or type(model).__name__, Params({}, {}, model), (), (MEASURED | metrics,))


def test_every_registered_model_has_its_leaf_and_row():
    """What is drawn and measured of it are promises, of `genjax.testing`."""
    compared = [make(small(name, image_shape=(8, 8, 1)), name) for name in NAMES]
    leaves = re.findall(r"- \*\*(\w+)\*\*", list_tree(grow_tree(compared)))
    assert sorted(leaves) == NAMES
    head, *rows = tabulate_metrics(compared, {}).rows
    assert head[2:] == NAMES
    assert {len(row) for row in rows} == {len(head)}
    assert summarize(compared)
    assert decide_claims(compared)


@pytest.mark.parametrize(
    ("model", "branches"),
    [
        (MODELS["pixelcnn"](), (EXPLICIT, "tractable", "autoregressive model")),
        (MODELS["realnvp"](), (EXPLICIT, "tractable", "normalizing flow")),
        (MODELS["vae"](), (EXPLICIT, "approximate", "VAE")),
        (MODELS["vq_vae"](), (EXPLICIT, "approximate", "VQ-VAE")),
        (MODELS["flow_matching"](), (EXPLICIT, "continuous-time", "flow matching")),
        (MODELS["dcgan"](), ("implicit density", "GAN")),
        (Foreign(), (EXPLICIT, "tractable")),
        (Steps(), (EXPLICIT, "continuous-time", "my family")),
    ],
)
def test_what_a_model_can_do_says_where_it_hangs(model, branches):
    assert find_branch(model) == branches


def test_every_contender_is_a_leaf_with_its_likelihood():
    models = [MODELS[name]() for name in ("gan", "flow_matching", "vae", "dcgan")]
    tree = grow_tree([make(Foreign()), *map(make, models)])
    lines = list_tree(tree).splitlines()
    assert [line.strip(" -*").partition("**")[0] for line in lines] == [
        "generative models", EXPLICIT, "tractable (log p(x) itself)", "Foreign",
        "approximate (a bound on log p(x))", "VAE", "VAE",
        "continuous-time (log p(x) by an ODE)", "flow matching", "FlowMatching",
        "implicit density (samples, but no log p(x))", "GAN", "GAN", "DCGAN",
    ]  # fmt: skip
    said = {name: next(line for line in lines if f"**{name}**" in line) for name in ("VAE", "GAN")}
    assert "likelihood 90.0 nats, bound; FCD 20.0; precision -" in said["VAE"]
    assert "likelihood none" in said["GAN"]
    assert any("3.50 bits/dim, estimate" in line for line in lines)
    assert any("90.0 nats, exact" in line for line in lines)


def test_both_drawings_hold_all_that_the_tree_says():
    tree = grow_tree([make(MODELS["vae"](), f"<{i}>") for i in range(3)] + [make(Foreign())])
    page = show_tree(tree)
    for name in ("&lt;0&gt;", "&lt;2&gt;", "Foreign"):
        assert len(re.findall(rf'class="leaf"[^>]*>{name}<', page)) == 2
    for drawing in (draw_wide(tree), draw_slim(tree)):
        assert all(0 < text.y < drawing.height for text in drawing.texts)
        assert all(text.end < drawing.width for text in drawing.texts)
    drawn = {text.get_text() for text in plot_tree(tree).axes[0].texts}
    assert {"<1>", "90.0 nats, bound", "1,234"} <= drawn
