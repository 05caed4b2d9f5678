"""The page about a run: its equations, the drawing of its networks, its metrics."""

import json
import re
from dataclasses import dataclass
from xml.etree import ElementTree

import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.cli import main
from genjax.losses import ADVERSARIAL
from genjax.metrics.catalogue import METRICS
from genjax.metrics.result_metrics import list_metrics
from genjax.model import find_models, register, to_json
from genjax.models import VAE
from genjax.plots import save_grid
from genjax.plots.architecture import draw_architecture
from genjax.plots.equations import find_equations, show_equations
from genjax.plots.mathml import to_mathml
from genjax.plots.run_page import write_run_page
from genjax.plots.variety import describe_variety
from tests.helpers import small


def read(mathml: str) -> ElementTree.Element:
    """Parse MathML, in which names of characters such as &beta; are left as letters."""
    return ElementTree.fromstring(mathml.replace("&", ""))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_formulas_of_adversarial_losses_are_what_is_computed(name):
    r, f = np.array([0.3, -1.2, 2.0]), np.array([1.5, -0.4, 0.1])
    names = {"r": r, "f": f, "s": lambda a: np.log1p(np.exp(a)), "max": np.maximum}
    loss = ADVERSARIAL[name]
    for formula, compute in zip(loss.formulas, (loss.discriminator, loss.generator), strict=True):
        by_hand = eval(formula.replace("^", "**"), names)
        np.testing.assert_allclose(compute(jnp.array(r), jnp.array(f)), by_hand, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(find_models()))
def test_every_model_of_ours_has_equations_that_can_be_set(name):
    model = find_models()[name].smallest()
    if not type(model).__module__.startswith("genjax."):
        pytest.skip("a model of another test")
    shown = show_equations(model)
    assert "<math" in shown or "(1)" in shown  # or those of its docstring, in words
    for formula, meaning in find_equations(model):
        assert meaning
        assert read(to_mathml(formula)).tag == "math"


def test_the_loss_that_the_fields_choose_is_shown():
    def loss(**fields):
        return find_equations(VAE(**fields))[0]

    assert loss() == ("loss = distortion + rate", "the negative ELBO, in nats per image")
    assert loss(beta=4.0)[0] == "loss = distortion + beta * rate"
    assert "beta = 4" in loss(beta=4.0)[1]
    assert loss(capacity=25.0)[0] == "loss = distortion + beta |rate - C|"
    assert "TC" in loss(beta=6.0, beta_weighs="total_correlation")[0]
    assert "k = 5" in loss(importance_samples=5)[1]
    gan = find_equations(genjax.GAN(loss="relativistic", r1=0.5))
    assert gan[0][0] == "L_D = E[s(f - r) + r1 / 2 |grad S(x)|^2]"
    assert gan[1][0] == "L_G = E[s(r - f)]"


def test_mathml_has_the_structure_of_the_formula():
    tree = read(to_mathml("E_q[-log p(x|z)] + 1/k sum_i w_i^2"))
    assert tree[0].tag == "msub"
    assert [part.text for part in tree[0]] == ["E", "q"]
    (fraction,) = tree.findall("mfrac")
    assert [part.text for part in fraction] == ["1", "k"]
    assert [part.tag for part in tree if part.tag.startswith("m") and len(part) > 1] == [
        "msub", "mfrac", "munder", "msubsup",
    ]  # fmt: skip
    assert "&lt;" in to_mathml("a < b")


def test_a_subclass_with_another_loss_shows_its_docstring_instead(registries):
    @register("page_other_loss")
    @dataclass(frozen=True)
    class Other(VAE):
        """Do something else.

        It minimises

            loss = x_1^2
        """

        def losses(self, params, batch, noise):
            return super().losses(params, batch, noise)

    assert find_equations(Other()) == []
    shown = show_equations(Other())
    assert "Do something else." in shown
    assert "<msubsup><mi>x</mi>" in shown


def test_a_model_without_a_docstring_shows_that_of_its_module(registries):
    @register("page_bare")
    @dataclass(frozen=True)
    class Bare(genjax.Model):
        pass

    assert "The page about a run" in show_equations(Bare())


def test_the_drawing_counts_every_weight():
    model = small("vae", network="mlp").for_images((8, 8, 1))
    drawn = draw_architecture(model)
    params = genjax.init(model, 0)
    for network, weights in params.weights.items():
        total = sum(leaf.size for leaf in leaves(weights))
        assert f"<strong>{network}</strong>, {total:,} weights" in drawn
    for svg in re.findall(r"<svg.*?</svg>", drawn):
        ElementTree.fromstring(svg)
    assert "8×8×1" in drawn


def leaves(tree):
    return (
        [leaf for value in tree.values() for leaf in leaves(value)]
        if isinstance(tree, dict)
        else [tree]
    )


@pytest.fixture
def folder(tmp_path):
    """A run's folder, as far as the page reads it."""
    model = small("vae", network="mlp").for_images((8, 8, 1))
    source = "4 of a sample, not the whole of MNIST"
    config = {
        "model": to_json(model),
        "training": {"epochs": 3, "optimizer": {"name": "adam"}},
        "dataset": {
            "name": "mnist", "source": source, "num_images": 4, "image_shape": [8, 8, 1],
            "checksum": "abc",
        },
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    line = {"epoch": 1, "loss": 3.0, "seconds": 90.0, "warnings": ["samples_collapse"]}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    save_grid(tmp_path / "figures" / "samples.png", np.zeros((4, 8, 8, 1)))
    return tmp_path


def test_the_page_holds_what_the_folder_holds(folder):
    page = write_run_page(folder, {}).read_text()
    assert "for 1 of 3 epochs in 90 seconds" in page
    assert "not the whole of MNIST" in page
    assert "<strong>samples collapse</strong> in 1 of 1 epochs" in page
    assert page.count("<img") == 1
    assert "Not measured" in page
    assert "Reconstructions and latents" not in page  # there are none
    assert "abc" in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)  # the page is one file
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page


def test_the_page_names_metrics_as_every_table_does(folder):
    result = {
        "nll": 86.5, "nll_sem": 0.25, "nearer_to_train": 0.5, "seed_numbers": [7],
        "best": {"epoch": 2, "nll": 85.0}, "command": "genjax train vae-mnist",
        "record": {"num_samples": 50, "nll": "bound",
                   "dataset": {"num_images": 500, "images": "drawn at random, always the same"}},
    }  # fmt: skip
    page = write_run_page(folder, result, "NLL 80").read_text()
    assert "500 test images, drawn at random; k = 50 importance samples" in page
    assert "86.5 ± 0.25" in page
    expected = {metric.name: metric for metric in list_metrics(result)}
    assert expected["nll"].label == "NLL, bound (nats per image)"
    assert expected["nearer_to_train"] == METRICS["nearer_to_train"]
    for name in ("nll", "nearer_to_train"):
        tooltip = f'title="{expected[name].explanation}; in result.json: {name}"'
        assert f"<abbr {tooltip}>{expected[name].label} {expected[name].aim}</abbr>" in page
    assert "Reference result of the recipe: NLL 80." in page
    assert "best: epoch 2" in page
    assert "genjax train vae-mnist" in page


def test_the_page_is_written_anew_by_a_command(folder, capsys):
    assert main.main(["report", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(folder / "report.html")
    assert "Not measured" in (folder / "report.html").read_text()
    (folder / "weights.npz").write_bytes(b"")
    assert main.main(["report", str(folder / "weights.npz")]) == 1
    assert "is a file of weights: give the folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("diversity", "nearer", "copies", "says"),
    [
        (0.9, 0.55, 0.0, "neither are alike nor copy"),
        (0.9, 0.9, 0.0, "neither are alike nor copy"),  # typical samples, of which none is a copy
        (0.95, 0.75, 0.02, "near to copying"),
        (0.95, 0.5, 0.3, "near to copying"),
        (0.4, 0.6, 0.01, "near to being alike"),
    ],
)
def test_the_report_says_how_samples_fail(diversity, nearer, copies, says):
    result = {"nearer_to_train": nearer, "copies": copies}
    said = describe_variety(result, [{"diversity": 0.1}, {"diversity": diversity}, {}])
    assert says in said
    assert f"{diversity:.2f} of the data's" in said
    assert describe_variety(result, [{}]) == describe_variety({}, [{"diversity": 1.0}]) == ""
