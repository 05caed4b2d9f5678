"""Trained models that come with the package, and how they are made."""

import json
import warnings

import jax
import numpy as np
import pytest

import genjax
from experiments.results import __main__ as results
from experiments.results import ship
from genjax.data.published.offline_sample import is_sample
from genjax.errors import CheckpointError
from genjax.model import to_json
from genjax.recipes import RECIPES, trained
from genjax.sharing import pretrained
from genjax.sharing.card import describe_run
from tests.helpers import blobs, same, small


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """An empty folder of weights."""
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture(scope="module")
def params():
    return small("vae", network="mlp", image_shape=(8, 8, 1), latent_dim=2).init(0)


def write_run(folder, params, **record):
    """The folder of a finished run of the recipe vae-mnist, as far as it is read."""
    folder.mkdir()
    data = {"name": "mnist", "num_images": 40, "checksum": "abc", "source": "/home/somebody"}
    config = {"model": to_json(params.model), "training": {"epochs": 3}, "dataset": data}
    (folder / "config.json").write_text(json.dumps(config))
    measured = {"dataset": {"num_images": 10_000, "images": "all", "source": "/home/somebody"}}
    how = {"num_samples": 500, "num_generated": RECIPES["vae-mnist"].num_generated, "nll": "bound"}
    result = {
        "recipe": "vae-mnist",
        "seed_numbers": [0],
        "nll": 86.5,
        "nll_sem": 0.2,
        "environment": {"commit": "1234567"},
        "record": measured | how | record,
    }
    (folder / "result.json").write_text(json.dumps(result))
    genjax.save(folder / "best.npz", params)
    return folder


def test_a_run_is_shipped_and_found(shipped, params, tmp_path, monkeypatch):
    run = write_run(tmp_path / "run", params)
    unlabelled = genjax.data.from_arrays(blobs(30).images)
    monkeypatch.setattr(trained, "find_data", lambda place: (unlabelled, unlabelled))
    monkeypatch.setattr(ship, "_QUICK", {"num_samples": 2, "num_images": 20})
    results._work(["ship", str(run)])
    loaded = genjax.pretrained("vae-mnist")
    assert loaded.model == params.model
    assert same(loaded, ship.round_to_half(params))
    table = genjax.pretrained()
    about = table["vae-mnist"]
    assert about["result"]["nll"] == 86.5
    assert about["half"] is True
    for part in ("vae-mnist", "mnist", "NLL 86.5 ± 0.2", "1234567", about["sha256"][:12]):
        assert part in repr(table)
    card = (shipped / "vae-mnist.md").read_text()
    assert 'params = genjax.pretrained("vae-mnist")' in card
    assert "/home/somebody" not in card + json.dumps(about)


def test_what_is_not_fully_measured_is_not_shipped(shipped, params, tmp_path):
    run = write_run(tmp_path / "run", params, num_samples=50)
    with pytest.raises(genjax.UserError, match="--measure full"):
        ship.ship(run)


def test_all_files_together_have_a_bound(shipped, params, tmp_path, monkeypatch):
    run = write_run(tmp_path / "run", params)
    monkeypatch.setattr(ship, "_measure_quickly", lambda run: lambda params: {})
    monkeypatch.setattr(pretrained, "MOST_BYTES", 1000)
    with pytest.raises(genjax.UserError, match=r"all shipped files together would have 0\.0, but"):
        ship.ship(run)
    assert not list(shipped.glob("*"))


def test_float16_serves_where_no_metric_moves(params):
    def measure(params, scale):
        kernel = jax.tree.leaves(params.weights)[1]
        return {"nll": scale * float(np.sum(kernel)), "nll_sem": 1.0}

    assert ship.is_enough(params, lambda params: measure(params, 1.0))
    assert not ship.is_enough(params, lambda params: measure(params, 1e6))


def test_mistakes_are_said(shipped, params):
    assert "no trained models" in repr(genjax.pretrained())
    with pytest.raises(genjax.UserError, match="genjax train vae-mnist"):
        genjax.pretrained("vae-mnist")
    genjax.save(shipped / "vae-mnist.safetensors", params)
    content = (shipped / "vae-mnist.safetensors").read_bytes()
    (shipped / "vae-mnist.safetensors").write_bytes(content[:-3])
    for name in ("vae-mnist", None):
        with pytest.raises(CheckpointError, match="no whole file of weights"):
            genjax.pretrained(name)


UNBIASED = ("negative_elbo", "distortion", "sharpness", "reconstruction_error")  # by the number


def find_moved(recorded, measured):
    """Name the metrics that differ by more than four times their standard errors."""
    exact = ["nll"] if recorded["record"]["nll"] == "exact" else []
    errors = {
        name: np.hypot(recorded[f"{name}_sem"], measured[f"{name}_sem"])
        for name in (*UNBIASED, *exact)
        if f"{name}_sem" in recorded and f"{name}_sem" in measured
    }
    return [n for n, error in errors.items() if abs(recorded[n] - measured[n]) > 4 * error]


def test_a_card_is_of_the_weights_that_ship(params, tmp_path):
    run = write_run(tmp_path / "run", params)
    result = json.loads((run / "result.json").read_text())
    best = {"epoch": 3, "nll": 80.5}
    (run / "result.json").write_text(json.dumps(result | {"best": best}))
    told = describe_run(run)["result"]
    assert (told["nll"], told["nll_sem"]) == (80.5, 0.2)
    assert "epoch" not in told


def test_a_metric_that_moved_is_named():
    recorded = {"nll": 86.0, "nll_sem": 0.2, "record": {"nll": "exact"}}
    assert find_moved(recorded, {"nll": 86.9, "nll_sem": 0.9}) == []
    assert find_moved(recorded, {"nll": 89.9, "nll_sem": 0.9}) == ["nll"]
    assert find_moved(recorded | {"record": {"nll": "bound"}}, {"nll": 89.9, "nll_sem": 0.9}) == []


def test_every_shipped_model_has_its_recorded_metrics():
    """On 300 test images, or 20 where each costs an integral, where the data are there."""
    for name, about in genjax.pretrained().items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that only the sample of MNIST is there
                _, test_set = genjax.data.resolve(about["dataset"]["name"])
        except genjax.UserError:
            test_set = None
        if test_set is None or is_sample(test_set.source):
            pytest.skip("needs the data sets")
        dear = about["result"]["record"]["nll"] == "estimate"
        how = {"num_images": 20, "num_generated": 100} if dear else {"num_generated": 500}
        measured = genjax.evaluate(
            genjax.pretrained(name), test_set, 0, **{"num_samples": 1, "num_images": 300, **how}
        )
        assert find_moved(about["result"], measured) == [], name


def test_every_shipped_model_samples_and_says_what_it_is():
    table = genjax.pretrained()
    assert sum(about["bytes"] for about in table.values()) <= pretrained.MOST_BYTES
    for name, about in table.items():
        params = genjax.pretrained(name)
        images = np.asarray(genjax.sample(params, 0, 16))
        assert images.shape == (16, *params.model.image_shape), name
        assert np.std(images, axis=0).max() > 0.05, name
        assert about["recipe"] == name
        assert about["environment"]["commit"], name
        assert (pretrained.FOLDER / f"{name}.md").exists()
