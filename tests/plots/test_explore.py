"""The page on a run's latent space."""

import base64
import html
import re
from dataclasses import dataclass

import jax
import numpy as np
import pytest
from PIL import Image

import genjax
from genjax.cli import explore as explore
from genjax.errors import UserError
from genjax.model import Model, registry
from genjax.plots.exploration import explore_page
from genjax.plots.exploration.explore_page import list_panels, write_exploration
from genjax.plots.exploration.explored import Explored
from genjax.plots.exploration.latent_panels import density
from genjax.plots.sections import Section, make_page
from genjax.recipes import trained
from genjax.runs.weights import find_weights, load_best
from genjax.training.configuration import Training
from tests.helpers import blobs, small


def train_and_explore(folder, name: str, data, **fields):
    """Train a small model of that name on `data`, and write its page; return the page's path."""
    model = small(name, network="mlp", **fields)
    training = Training(epochs=1, batch_size=16)
    genjax.fit(model, data, jax.random.key(0), training, out=folder, progress=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trained, "find_data", lambda place, dataset: (data, data))
        assert explore.main(["mine", "--run", str(folder)]) == 0
    return folder / "explore" / "index.html"


WITH_ENCODER = {
    "samples", "curves", "density_samples", "latent_use", "inversion", "traversal", "interpolation",
    "attributes", "density",
}  # fmt: skip
EXPECTED = {
    ("vae", 2): {*WITH_ENCODER, "plane", "manifold"},
    ("autoencoder", 3): {*WITH_ENCODER, "principal_components", "neighbourhoods"},
    ("gan", 3): {
        "samples", "curves", "discriminator", "temperatures", "inversion", "directions",
        "sample_interpolation",
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=EXPECTED, ids=lambda model: model[0])
def explored_page(request, tmp_path_factory):
    """The page on a model's run: (its path, the panels that it should have)."""
    name, latent_dim = request.param
    folder = tmp_path_factory.mktemp("explore") / name
    index = train_and_explore(folder, name, blobs(60), latent_dim=latent_dim)
    return index, EXPECTED[request.param]


def test_a_page_shows_what_the_models_parts_allow(explored_page):
    index, expected = explored_page
    assert {path.stem for path in index.parent.glob("*.png")} == expected
    text = index.read_text()
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    embedded = [base64.b64decode(picture) for picture in found]
    files = {path.read_bytes() for path in index.parent.glob("*.png")}
    assert len(embedded) == len(expected)
    assert set(embedded) == files
    assert not re.findall(r'src="(?!data:)', text)  # one file, nothing beside it
    shown = re.findall(r'<section id="(\w+)"', text)
    assert set(shown) == {*expected, "loss"}
    assert shown[:3] == ["samples", "curves", "loss"]
    assert "<math" in text
    assert text.count("<pre>") == len(expected) + 1
    assert "Left out" not in text


def test_the_code_on_the_page_runs(explored_page, tmp_path, monkeypatch):
    """All of it, except that the data are those of the test."""
    monkeypatch.chdir(tmp_path)  # pictures are saved
    found = re.findall(r"<pre>(.*?)</pre>", explored_page[0].read_text(), re.S)
    head, *snippets = (html.unescape(code) for code in found)
    head = re.sub("train, test = .*", "train = test = data", head, count=1)
    code = "\n".join([head, *snippets])
    exec(code, {"data": blobs(60)})


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


def write_panels(folder, data, *names):
    """Write the page of these panels alone, on an autoencoder before its training."""
    params = small("autoencoder", image_shape=(8, 8, 1), network="mlp").init(jax.random.key(0))
    explored = Explored(params, data, data, jax.random.key(0))
    chosen = [panel for panel in list_panels() if panel.name in names]
    assert len(chosen) == len(names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explore_page, "list_panels", lambda: chosen)
        return write_exploration(folder, explored, folder)


def test_images_without_labels_are_explored_too(tmp_path):
    data = genjax.data.from_arrays(np.asarray(blobs(30).images))
    index = write_panels(tmp_path, data, "principal_components", "attributes")
    assert "coloured" not in index.read_text()
    assert (index.parent / "principal_components.png").exists()
    assert not (index.parent / "attributes.png").exists()


def test_a_run_that_does_not_exist_says_how_to_train_it(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("vae-mnist", "vae-gan-mnist", "vae-sprites"):
        assert explore.main([name]) == 1
        assert f"Train it: genjax train {name}" in capsys.readouterr().err
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "config.json").write_text("{}")
    assert explore.main(["vae-mnis"]) == 1
    assert "there are: mine." in capsys.readouterr().err


def train_gan(folder, data):
    """Train a small GAN for an epoch; return the folder of its run."""
    training = Training(epochs=1, batch_size=16)
    genjax.fit(small("gan"), data, jax.random.key(0), training, out=folder, progress=False)
    return folder


def test_a_run_finds_its_folder_of_images_and_asks_for_it_where_it_is_gone(tmp_path, capsys):
    images = tmp_path / "mnist"  # the name of a data set, but a folder
    images.mkdir()
    for i, image in enumerate(np.asarray(blobs(40).images)):
        Image.fromarray(image[..., 0]).save(images / f"{i}.png")
    train_set, _ = genjax.data.resolve(str(images), 8)
    folder = train_gan(tmp_path / "run", train_set)
    assert trained.find_data(folder)[0].checksum == train_set.checksum
    elsewhere = tmp_path / "elsewhere/mnist"
    elsewhere.parent.mkdir()
    images.rename(elsewhere)
    assert explore.main(["mine", "--run", str(folder)]) == 1
    said = f"trained on '{images}', which cannot be found: say where it is, with --dataset PATH"
    assert said in capsys.readouterr().err
    train_gan(folder, genjax.data.resolve(elsewhere, 8)[0])  # it is the same run all the same
    _, test_set = trained.find_data(folder, str(elsewhere))
    assert test_set.images.shape == (4, 8, 8, 1)
    assert test_set.name not in genjax.data.NAMES
    with pytest.raises(UserError, match="not those that the run was trained on"):
        trained.find_data(train_gan(tmp_path / "other", blobs(36)), str(elsewhere))


def test_of_a_game_the_best_weights_are_taken(tmp_path):
    folder = train_gan(tmp_path / "run", blobs(30))
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
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS})  # forgotten after the test
    model = genjax.register("only-samples")(OnlySamples)((8, 8, 1))
    data = blobs(20)
    explored = Explored(genjax.model.Params({}, {}, model), data, data, jax.random.key(0))
    index = write_exploration(tmp_path, explored, tmp_path)
    assert set(re.findall(r'<section id="(\w+)"', index.read_text())) == {"samples", "loss"}
    assert "<td>only-samples</td>" in index.read_text()


def test_a_panel_that_cannot_be_drawn_is_left_out_with_its_reason(tmp_path):
    black = genjax.data.from_arrays(np.zeros((30, 8, 8, 1), np.uint8))
    index = write_panels(tmp_path, black, "neighbourhoods", "principal_components")
    text = index.read_text()
    assert not (index.parent / "neighbourhoods.png").exists()
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
