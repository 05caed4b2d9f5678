"""Measuring images that another program has generated."""

import json
import re
import types

import jax
import numpy as np
import pytest
from PIL import Image

import genjax
from genjax.cli import main
from genjax.metrics import classifier_files as files
from genjax.metrics.classifiers import load_classifier
from genjax.models.image_classifier import ImageClassifier
from tests.helpers import blobs, work_in


@pytest.fixture(scope="module")
def images():
    return np.asarray(blobs(60).images)


@pytest.fixture(scope="module")
def folder(images, tmp_path_factory):
    """A folder with data.npz, the first 40 images, and samples/, PNG files of the others."""
    folder = tmp_path_factory.mktemp("scoring")
    np.savez(folder / "data.npz", images=images[:40])
    (folder / "samples").mkdir()
    for number, image in enumerate(images[40:]):
        Image.fromarray(image[..., 0]).save(folder / "samples" / f"{number:02}.png")
    with work_in(folder):
        yield folder


def without_record(result):
    return {name: value for name, value in result.items() if name != "record"}


def test_a_folder_an_array_and_a_file_measure_alike(images, folder, capsys):
    expected = genjax.evaluate_samples(images[40:], "data.npz")
    assert expected["sharpness"] > 0
    np.save("samples.npy", images[40:])
    command = ["evaluate", "--images", "samples", "--against", "data.npz", "--out", "scores.json"]
    assert main.main(command) == 0
    assert "measured on 20 generated samples" in capsys.readouterr().out
    result = json.loads((folder / "scores.json").read_text())
    assert without_record(result) == without_record(expected)
    assert without_record(genjax.evaluate_samples("samples.npy", "data.npz")) == without_record(
        expected
    )
    record = result["record"]
    assert record["images"]["checksum"] == expected["record"]["images"]["checksum"]
    assert record["train_set"]["num_images"] == 36
    assert record["dataset"]["num_images"] == 4


def test_metrics_are_those_of_a_model_by_the_same_classifier(images, monkeypatch, tmp_path):
    """Including a classifier of the data's classes, here one that knows nothing."""
    monkeypatch.setenv("GENJAX_CACHE_DIR", str(tmp_path))
    labels = np.arange(60) % 2
    whole = genjax.data.from_arrays(images, labels, ("even", "odd"))
    both = genjax.data.split_every_tenth(whole)
    params = ImageClassifier((8, 8, 1), channels=(2, 2), hidden=4, num_classes=2).init(0)
    stored = files.StoredClassifier(files.round_to_float16(params), 0.5, "")
    files.write_classifier(files.cached_path(both[0]), stored)
    found = genjax.evaluate_samples(images[:30], both)
    classifier = load_classifier(*both)
    expected = genjax.metrics.measure_samples(images[:30], both[1], classifier, both[0])
    assert without_record(found) == expected
    assert found["frechet_classifier"] > 0
    assert classifier.digest == files.compute_digest(stored.params)
    assert found["record"]["classifier"]["digest"] == classifier.digest


def test_a_function_draws_with_keys_or_with_seeds(folder, images):
    asked = []

    def draw(key, num):
        asked.append(num)
        return jax.random.uniform(key, (num, 8, 8, 1))

    def draw_like_torch(seed, num):
        noise = np.random.default_rng(seed).random((num, 8, 8))
        return types.SimpleNamespace(  # what a tensor offers
            detach=lambda: types.SimpleNamespace(cpu=lambda: noise)
        )

    first, again = (genjax.evaluate_samples(draw, "data.npz", num=600) for _ in range(2))
    assert asked == [500, 100] * 2
    assert first == again
    assert first != genjax.evaluate_samples(draw, "data.npz", num=600, key=1)
    seeded = genjax.evaluate_samples(draw_like_torch, "data.npz", num=20)
    assert seeded["record"]["num_generated"] == 20


def test_a_function_on_the_command_line(folder, capsys):
    (folder / "mine.py").write_text(
        "import numpy as np\n"
        "def draw(seed, num):\n"
        "    return np.random.default_rng(seed).random((num, 8, 8, 1))\n"
        "def fail(seed, num):\n"
        "    return 1 / 0\n"
    )
    command = ["evaluate", "--against", "data.npz", "--num-generated", "20", "--sampler"]
    assert main.main([*command, "mine.py:draw"]) == 0
    assert "20 generated samples" in capsys.readouterr().out
    assert main.main([*command, "mine.py:fail"]) == 1
    assert "mine.py, line 5: ZeroDivisionError" in capsys.readouterr().err
    assert main.main([*command, "mine.py:nothing"]) == 1
    assert "mine.py has no function 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "what is to be measured"),
        (["a-run", "--images", "samples"], "Give one of: a run, --images, or --sampler"),
        (["a-run", "--against", "data.npz"], "the data of a run are --dataset"),
        (["--images", "samples"], "Give --against, such as cifar10"),
        (["--images", "nowhere", "--against", "data.npz"], "there is no folder"),
        (["--images", "samples", "--against", "nothing"], "'nothing' is neither a folder"),
        (["--images", "data.npy", "--against", "data.npz"], "cannot be read as an array"),
        (["--images", "wide", "--against", "data.npz"], "wide.png has 8x9 pixels, but.*8x8"),
        (["--sampler", "draw", "--against", "data.npz"], "'draw' is no function"),
    ],
)
def test_mistakes_end_in_a_sentence(arguments, message, folder, capsys):
    (folder / "wide").mkdir(exist_ok=True)
    Image.new("L", (9, 8), 255).save(folder / "wide" / "wide.png")
    assert main.main(["evaluate", *arguments]) == 1
    error = capsys.readouterr().err
    assert re.search(f"^error: .*{message}", error), error


def test_channels_first_is_said(folder):
    first = np.zeros((5, 3, 8, 8), np.uint8)
    both = (genjax.data.from_arrays(np.zeros((20, 8, 8, 3))),) * 2
    with pytest.raises(genjax.UserError, match="Channels come last"):
        genjax.evaluate_samples(first, both)
