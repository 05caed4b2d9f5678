"""Each command over the run of a tiny model."""

import json
import re

import jax
import numpy as np
import pytest
from PIL import Image

import genjax
from genjax.cli import completion, evaluate, main
from genjax.recipes import RECIPES, trained
from genjax.training.configuration import Training
from tests.helpers import blobs, small


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a VAE's run; commands find its data."""
    data = blobs(40)
    folder = tmp_path_factory.mktemp("runs") / "mine"
    model = small("vae", network="mlp", image_shape=(8, 8, 1))
    genjax.fit(model, data, jax.random.key(0), Training(epochs=1), out=folder, progress=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trained, "find_data", lambda place, dataset=None: (data, data))
        yield str(folder)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    """A file of weights of a class-conditional GAN."""
    path = tmp_path_factory.mktemp("gan") / "gan.npz"
    model = small("gan", image_shape=(8, 8, 1), num_classes=3)
    genjax.save(path, model.init(jax.random.key(0)))
    return str(path)


def test_samples_are_those_of_the_seed(run, tmp_path, capsys):
    expected = genjax.sample(genjax.load(run), jax.random.key(3), 5)
    arrays, picture = tmp_path / "new" / "samples.npz", tmp_path / "samples.png"
    for out in (arrays, tmp_path / "samples.npy", picture):
        assert main.main(["sample", run, "--num", "5", "--seed", "3", "--out", str(out)]) == 0
        assert f"5 images in {out}" in capsys.readouterr().out
    np.testing.assert_array_equal(np.load(arrays)["images"], expected)
    np.testing.assert_array_equal(np.load(tmp_path / "samples.npy"), expected)
    with Image.open(picture) as image:  # 3 x 2 images of 8 pixels with gaps of 2
        assert image.width % 32 == image.height % 22 == 0


def test_samples_have_a_temperature(run, tmp_path):
    out = tmp_path / "samples.npy"
    assert main.main(["sample", run, "--num", "4", "--temperature", "0", "--out", str(out)]) == 0
    samples = np.load(out)
    np.testing.assert_array_equal(samples, np.broadcast_to(samples[:1], samples.shape))


def test_latents_are_drawn_from_a_density_fitted_to_codes(run, conditional, tmp_path, capsys):
    out, params = tmp_path / "samples.npy", genjax.load(run)
    command = ["--num", "4", "--out", str(out), "--density", "mixture"]
    assert main.main(["sample", run, *command]) == 0
    key = jax.random.key(0)
    density = genjax.fit_density(params, blobs(40).images, key, num_components=1)
    expected = genjax.sample(params, key, 4, density=density)
    np.testing.assert_allclose(np.load(out), expected, atol=1e-5)
    assert main.main(["sample", conditional, *command]) == 1
    assert "cannot encode" in capsys.readouterr().err


def test_the_density_is_a_mixture_or_a_flow(run, monkeypatch):
    """Its samples are measured beside those of the prior."""
    kinds = []

    def fit(params, images, key, num_components, kind):
        kinds.append((kind, num_components))
        return density

    density = genjax.fit_density(genjax.load(run), blobs(40).images, 0, 1)
    monkeypatch.setattr(genjax, "fit_density", fit)
    options = evaluate.Options(run, num_samples=2, num_generated=20, density="flow")
    monkeypatch.setattr(evaluate, "get_classifier", lambda *_, **options: None)
    result = evaluate.evaluate(options)
    assert kinds == [("flow", 1)]
    assert result["record"]["density"] == "flow"
    assert result["fitted_sharpness"] != result["sharpness"]


def test_samples_have_classes(conditional, run, tmp_path, capsys):
    out = tmp_path / "samples.npy"
    command = ["sample", conditional, "--num", "4", "--out", str(out)]
    assert main.main([*command, "--labels", "2", "0"]) == 0
    params, labels = genjax.load(conditional), np.array([2, 0, 2, 0])
    expected = genjax.sample(params, jax.random.key(0), 4, labels=labels)
    np.testing.assert_array_equal(np.load(out), expected)
    assert main.main([*command, "--labels", "3"]) == 1
    assert "must be from 0 to 2" in capsys.readouterr().err
    assert main.main(["sample", run, "--labels", "1", "--out", str(out)]) == 1
    assert "labels need a model with num_classes" in capsys.readouterr().err


def test_test_images_stand_above_their_reconstructions(run, conditional, tmp_path, capsys):
    out = tmp_path / "pairs.npz"
    assert main.main(["reconstruct", run, "--num", "3", "--out", str(out)]) == 0
    pairs = np.load(out)
    images = np.asarray(blobs(40).images[:3]) / np.float32(255)
    np.testing.assert_array_equal(pairs["images"], images)
    expected = genjax.reconstruct(genjax.load(run), pairs["images"])
    np.testing.assert_array_equal(pairs["reconstructions"], expected)
    picture = tmp_path / "pairs.png"
    assert main.main(["reconstruct", run, "--num", "16", "--out", str(picture)]) == 0
    with Image.open(picture) as image:  # 8 columns, 4 rows
        assert image.width * 42 == image.height * 82
    assert main.main(["reconstruct", conditional, "--out", str(out)]) == 1
    assert "cannot encode images and decode them" in capsys.readouterr().err


def test_metrics_are_printed_and_written(run, tmp_path, capsys):
    out = tmp_path / "metrics.json"
    arguments = ["--num-samples", "2", "--num-images", "20", "--seed", "1", "--out", str(out)]
    assert main.main(["evaluate", run, *arguments]) == 0
    result = json.loads(out.read_text())
    assert result["record"]["num_samples"] == 2
    assert result["record"]["dataset"]["num_images"] == 20
    printed = capsys.readouterr().out
    assert re.search(rf"  -ELBO \(nats per image\) +{result['negative_elbo']:.4g} ± ", printed)
    again = evaluate.evaluate(evaluate.Options(run, num_samples=2, num_images=20, seed=1))
    assert again["negative_elbo"] == result["negative_elbo"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "{run}", "--num", "0"], "--num is 0, but must be a whole number, at least 1"),
        (["sample", "{run}", "--seed", "-1"], "--seed is -1"),
        (["sample", "{run}", "--out", "a.jpg"], r"--out is 'a.jpg', but must end in .png, .npy"),
        (["sample", "nowhere"], r"no run in nowhere or runs/nowhere.*`genjax list recipes`"),
        (["sample", "vae-mnist"], r"no run in runs/vae-mnist. Train it: genjax train vae-mnist"),
        (["reconstruct", "{run}", "--num", "-2"], "--num is -2"),
        (["evaluate", "{run}", "--num-samples", "0"], "--num-samples is 0"),
        (["evaluate", "{run}", "--num-generated", "-1"], "--num-generated is -1"),
        (["compare"], "which models"),
        (["compare", "mnist", "--epochs", "1", "--budget", "1s"], "--epochs and --budget both"),
        (["compare", "vae-mnist", "vae-fashion"], "the same training images"),
        (["compare", "nowhere"], "no run in nowhere"),
        (["explore", "nowhere"], "no run in nowhere"),
        (["app", "nowhere"], "no run in nowhere"),
        (["fid", "{run}", "--num-samples", "1"], "--num-samples is 1"),
        (["train-classifier", "mnist", "--seed", "-1"], "--seed is -1"),
    ],
)
def test_mistakes_end_in_a_sentence(arguments, message, run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main.main([argument.format(run=run) for argument in arguments]) == 1
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert error.startswith("error: ")
    assert not list(tmp_path.iterdir())


def test_completion_knows_commands_recipes_and_options(capsys, monkeypatch):
    few = {name: RECIPES[name] for name in ("vae-mnist", "gan-mnist")}
    monkeypatch.setattr("genjax.recipes.RECIPES", few)
    assert main.main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    for word in (*main.COMMANDS, "vae-mnist", "--model.latent-dim", "--num-generated"):
        assert f"'{word}'" in script, word
    with pytest.raises(SystemExit, match="2"):
        completion.main(["powershell"])
