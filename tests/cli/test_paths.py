"""Paths and names on the command line: the home folder, none, and what is no path."""

import numpy as np
import pytest

import genjax
from genjax.cli import main
from tests.helpers import small

LONG = "x" * 5000


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The home folder and the current one: with a file of weights, and no data."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    params = small("vae", network="mlp", image_shape=(8, 8, 1)).init(0)
    genjax.save(tmp_path / "weights.npz", params)
    return tmp_path


def test_a_tilde_is_the_home_folder_in_options(place, monkeypatch):
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    command = ["sample", "~/weights.npz", "--num", "2", "--out", "~/new/samples.npy"]
    assert main.main(command) == 0
    assert np.load(place / "new" / "samples.npy").shape == (2, 8, 8, 1)
    assert not list((place / "elsewhere").iterdir())


@pytest.mark.parametrize("bad", ["~nosuchuser/x", LONG, "nowhere"])
@pytest.mark.parametrize(
    "command",
    [
        ["sample", "{bad}"],
        ["sample", "weights.npz", "--out", "{bad}/x.png/y.png"],
        ["reconstruct", "weights.npz", "--dataset", "{bad}"],
        ["evaluate", "weights.npz", "--dataset", "{bad}"],
        ["explore", "{bad}"],
        ["compare", "{bad}"],
        ["app", "weights.npz", "--beside", "{bad}"],
        ["fid", "{bad}"],
        ["train", "vae-mnist", "--dataset", "{bad}"],
        ["train", "vae-mnist", "--out", "{bad}", "--epochs", "0"],
        ["train", "{bad}.py"],
    ],
)
def test_what_is_no_path_ends_in_a_sentence(command, bad, place, capsys):
    if bad == "nowhere" and "--out" in command:
        return  # a folder that can be made
    assert main.main([word.format(bad=bad) for word in command]) in (1, 2)
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert len(error) < 2000


@pytest.mark.parametrize(
    ("variable", "command"),
    [
        ("GENJAX_CACHE_DIR", ["evaluate", "weights.npz"]),
        ("GENJAX_CACHE_DIR", ["compare", "vae-mnist"]),
        ("TFDS_DATA_DIR", ["compare", "vae-mnist"]),
        ("TFDS_DATA_DIR", ["train", "vae-mnist"]),
    ],
)
def test_a_variable_that_names_no_folder_ends_in_a_sentence(
    variable, command, place, monkeypatch, capsys
):
    monkeypatch.setenv(variable, "~nosuchuser/x")
    assert main.main(command) == 1
    assert "~nosuchuser/x" in capsys.readouterr().err


def test_an_empty_data_set_is_no_data_set(place, capsys):
    assert main.main(["evaluate", "weights.npz", "--dataset", ""]) == 1
    assert "is not a path" in capsys.readouterr().err
