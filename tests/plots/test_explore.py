"""The page on a run's latent space."""

import base64
import html
import re
from dataclasses import dataclass
from io import BytesIO

import jax
import numpy as np
import pytest
from PIL import Image

import genjax
from genjax.cli import explore as explore
from genjax.model import MODELS, Model
from genjax.plots.exploration.explored import Explored
from genjax.plots.exploration.latents import density
from genjax.plots.exploration.page import list_panels, write_exploration
from genjax.plots.page import Section, make_page
from genjax.recipes import trained
from genjax.runs.weights import find_weights, load_best
from genjax.training.configuration import Training
from tests.helpers import blobs, small


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Trains a small model of that name on blobs, and lets these be the data of its run."""

    def train(name: str, data=None, **fields):
        data = data or blobs(60)
        folder = tmp_path / "run"
        genjax.fit(
            small(name, **fields), data, jax.random.key(0), Training(epochs=1, batch_size=16),
            out=folder, progress=False,
        )  # fmt: skip
        monkeypatch.setattr(trained, "find_data", lambda place, folder: (data, data))
        return folder

    return train


def pictures(index) -> list[Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', index.read_text())
    return [Image.open(BytesIO(base64.b64decode(picture))) for picture in found]


WITH_ENCODER = {
    "samples", "curves", "density_samples", "latent_use", "inversion", "traversal", "interpolation",
    "attributes",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "latent_dim", "expected"),
    [
        ("vae", 2, {*WITH_ENCODER, "plane", "manifold"}),
        ("autoencoder", 3, {*WITH_ENCODER, "principal_components", "neighbourhoods"}),
        (
            "gan",
            3,
            {
                "samples",
                "curves",
                "discriminator",
                "temperatures",
                "inversion",
                "directions",
                "sample_interpolation",
            },
        ),
    ],
)
def test_a_page_shows_what_the_models_parts_allow(name, latent_dim, expected, train, capsys):
    folder = train(name, latent_dim=latent_dim)
    assert explore.main(["mine", "--run", str(folder)]) == 0
    index = folder / "explore" / "index.html"
    assert str(index) in capsys.readouterr().out
    assert {path.stem for path in index.parent.glob("*.png")} == expected
    shown = pictures(index)
    assert len(shown) == len(expected)
    assert all(np.asarray(picture.convert("L")).std() > 1 for picture in shown)
    text = index.read_text()
    assert not re.findall(r'src="(?!data:)', text)  # one file, nothing beside it
    assert set(re.findall(r'<section id="(\w+)"', text)) == expected
    assert text.count("<pre>") == len(expected) + 1


def test_rare_and_common_images_are_shown_where_latents_vary(tmp_path):
    data = blobs(60)
    params = small("vae", image_shape=(8, 8, 1), network="mlp").init(jax.random.key(0))
    larger = jax.tree.map(lambda w: 10 * w, params.weights["encoder"])
    varying = params.replace(weights=params.weights | {"encoder": larger})
    path = tmp_path / "density.png"
    (panel,) = [panel for panel in list_panels() if panel.name == "density"]
    few = blobs(9)  # fewer than bins
    assert not panel.suits(Explored(varying, few, few, jax.random.key(1)))
    explored = Explored(varying, data, data, jax.random.key(1))
    assert panel.suits(explored)
    assert "Among 60 training images, the 49" in density(explored, path)
    with Image.open(path) as image:
        assert np.asarray(image.convert("L")).std() > 5


def test_images_without_labels_are_explored_too(train):
    images = np.asarray(blobs(30).images)
    folder = train("autoencoder", genjax.data.from_arrays(images))
    index = explore.explore(folder)
    assert "coloured" not in index.read_text()
    assert not (index.parent / "attributes.png").exists()


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_the_code_on_the_page_runs(name, train):
    """All of it, but that the data are those of the test."""
    data = blobs(60)
    index = explore.explore(train(name, data, latent_dim=2))
    found = re.findall(r"<pre>(.*?)</pre>", index.read_text(), re.S)
    head, *snippets = (html.unescape(code) for code in found)
    head = re.sub("train, test = .*", "train = test = data", head)
    for snippet in snippets:
        exec(f"{head}\n{snippet}", {"data": data})


def test_a_run_that_does_not_exist_says_how_to_train_it(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("vae-mnist", "vae-gan-mnist", "vae-sprites"):
        assert explore.main([name]) == 1
        assert f"Train it: genjax train {name}" in capsys.readouterr().err
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "config.json").write_text("{}")
    assert explore.main(["vae-mnis"]) == 1
    assert "there are: mine." in capsys.readouterr().err


def test_a_run_on_a_folder_of_images_asks_for_it(train, tmp_path, capsys, monkeypatch):
    folder = train("autoencoder")
    monkeypatch.undo()
    assert explore.main(["mine", "--run", str(folder)]) == 1
    assert "--dataset PATH" in capsys.readouterr().err
    (tmp_path / "mnist").mkdir()  # the name of no data set, but of a folder
    for i, image in enumerate(np.asarray(blobs(40).images)):
        Image.fromarray(image[..., 0]).save(tmp_path / "mnist" / f"{i}.png")
    _, test_set = trained.find_data(folder, str(tmp_path / "mnist"))
    assert test_set.images.shape == (4, 8, 8, 1)
    assert test_set.name not in genjax.data.NAMES


def test_of_a_game_the_best_weights_are_taken(train):
    folder = train("gan")
    assert find_weights(folder) == folder
    best = small("gan", image_shape=(8, 8, 1)).init(jax.random.key(9))
    genjax.save(folder / "best.npz", best)
    loaded = load_best(folder)
    for ours, expected in zip(jax.tree.leaves(loaded), jax.tree.leaves(best), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_text_is_escaped(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    section = Section("a", "A & B", tmp_path / "a.png", "one\ntwo <b>", "f(x) < 1")
    text = make_page("t", {"model": "<vae>"}, "x", [section])
    assert "<p>one</p>\n<p>two &lt;b&gt;</p>" in text
    assert "f(x) &lt; 1" in text
    assert "&lt;vae&gt;" in text


@dataclass(frozen=True)
class OnlySamples(Model):
    """A user's model that can do nothing but sample."""

    def sample(self, params, key, num):
        return jax.random.uniform(key, (num, *self.image_shape))


def test_a_model_that_only_samples_is_explored_too(tmp_path, monkeypatch):
    model = genjax.register("only-samples")(OnlySamples)((8, 8, 1))
    monkeypatch.delitem(MODELS, "only-samples")
    data = blobs(20)
    explored = Explored(genjax.model.Params({}, {}, model), data, data, jax.random.key(0))
    index = write_exploration(tmp_path, explored, tmp_path)
    assert set(re.findall(r'<section id="(\w+)"', index.read_text())) == {"samples"}
    assert "<td>only-samples</td>" in index.read_text()


def test_a_panel_that_cannot_be_drawn_is_left_out_with_its_reason(train):
    black = genjax.data.from_arrays(np.zeros((30, 8, 8, 1), np.uint8))
    folder = train("autoencoder", black, latent_dim=3)
    text = explore.explore(folder).read_text()
    assert not (folder / "explore" / "neighbourhoods.png").exists()
    assert "Left out: “The latents&#x27; neighbourhoods”: t-SNE needs at least 5 different" in text
    assert 'id="principal_components"' in text


def test_of_many_images_sorted_by_class_a_mixture_is_looked_at(monkeypatch):
    monkeypatch.setattr("genjax.plots.exploration.explored.NUM_IMAGES", 20)
    labels = np.repeat([0, 1], 20)
    data = genjax.data.from_arrays(np.zeros((40, 8, 8, 1), np.uint8), labels, ("a", "b"))
    params = small("vae", image_shape=(8, 8, 1), network="mlp").init(jax.random.key(0))
    counts = np.bincount(Explored(params, data, data, jax.random.key(0)).labels)
    assert counts.sum() == 20
    assert counts.min() >= 5
