"""The page on a run's latent space."""

import base64
import re
from io import BytesIO

import jax
import numpy as np
import pytest
from conftest import blobs, small
from PIL import Image

import genjax
from experiments import explore
from experiments.page import Section, page
from genjax.configuration import Training


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
        monkeypatch.setattr(explore, "_data", lambda config, dataset: (data, data))
        return folder

    return train


def pictures(index) -> list[Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', index.read_text())
    return [Image.open(BytesIO(base64.b64decode(picture))) for picture in found]


WITH_ENCODER = {
    "densities", "latent_use", "inversion", "traversal", "interpolation", "attributes",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "latent_dim", "expected"),
    [
        ("vae", 2, {*WITH_ENCODER, "plane", "manifold"}),
        ("autoencoder", 3, {*WITH_ENCODER, "principal_components", "neighbourhoods"}),
        ("gan", 3, {"temperatures", "inversion", "directions", "ways"}),
    ],
)
def test_a_page_shows_what_the_models_parts_allow(name, latent_dim, expected, train, capsys):
    folder = train(name, latent_dim=latent_dim)
    assert explore.main(["mine", "--run", str(folder)]) == 0
    index = folder / "explore" / "index.html"
    assert capsys.readouterr().out.strip() == str(index)
    assert {path.stem for path in index.parent.glob("*.png")} == expected
    shown = pictures(index)
    assert len(shown) == len(expected)
    assert all(np.asarray(picture.convert("L")).std() > 1 for picture in shown)
    html = index.read_text()
    assert not re.findall(r'src="(?!data:)', html)  # one file, nothing beside it
    assert set(re.findall(r'<section id="(\w+)"', html)) == expected
    assert html.count("<pre>") == len(expected) + 1


def test_images_without_labels_are_explored_too(train):
    images = np.asarray(blobs(30).images)
    folder = train("autoencoder", genjax.data.from_arrays(images))
    index = explore.explore(folder)
    assert "coloured" not in index.read_text()
    assert not (index.parent / "attributes.png").exists()


def test_a_run_that_does_not_exist_says_how_to_train_it(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert explore.main(["vae-mnist"]) == 1
    assert "make train-vae-mnist" in capsys.readouterr().err
    assert explore.main(["vae-mnis"]) == 1
    message = capsys.readouterr().err
    assert "no experiment 'vae-mnis'" in message
    assert "vae-mnist-2d" in message


def test_a_run_on_a_folder_of_images_asks_for_it(train, tmp_path, capsys, monkeypatch):
    folder = train("autoencoder")
    monkeypatch.undo()
    assert explore.main(["mine", "--run", str(folder)]) == 1
    assert "--dataset PATH" in capsys.readouterr().err
    (tmp_path / "photos").mkdir()
    for i, image in enumerate(np.asarray(blobs(40).images)):
        Image.fromarray(image[..., 0]).save(tmp_path / "photos" / f"{i}.png")
    _, test_set = explore._data(
        genjax.run.read_json(folder / "config.json"), str(tmp_path / "photos")
    )
    assert test_set.images.shape == (4, 8, 8, 1)


def test_text_is_escaped(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    section = Section("a", "A & B", tmp_path / "a.png", "one\ntwo <b>", "f(x) < 1")
    html = page("t", {"model": "<vae>"}, "x", [section])
    assert "<p>one</p>\n<p>two &lt;b&gt;</p>" in html
    assert "f(x) &lt; 1" in html
    assert "&lt;vae&gt;" in html
