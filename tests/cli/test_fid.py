"""`make fid`, with stand-ins for torch and torch-fidelity, which the tests do not need."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import genjax
from genjax.cli import fid
from genjax.recipes import trained
from tests.helpers import blobs, small

URL = "https://example.org/weights-inception.pth"


@pytest.fixture
def run(tmp_path, monkeypatch, key):
    """The folder of a run; its data are grey."""
    model = small("vae", image_shape=(8, 8, 1))
    genjax.save(tmp_path / "run.npz", model.init(key))
    monkeypatch.setattr(trained, "find_data", lambda place, folder: (blobs(9), blobs(7)))
    return str(tmp_path / "run.npz")


@pytest.fixture
def torch(monkeypatch, tmp_path):
    def from_url(url, check_hash):
        assert (url, check_hash) == (URL, True)

    inputs = []

    def calculate_metrics(input1, input2, **options):
        inputs[:] = [input1, input2]
        assert options["fid"]
        assert options["feature_extractor_weights_path"].endswith(
            "checkpoints/weights-inception.pth"
        )
        return {"frechet_inception_distance": 12.345}

    torch = SimpleNamespace(
        hub=SimpleNamespace(get_dir=lambda: str(tmp_path), load_state_dict_from_url=from_url),
        device=type("device", (), {}),  # which tyro looks for
        cuda=SimpleNamespace(is_available=lambda: False),
        from_numpy=lambda array: array,
        utils=SimpleNamespace(
            data=SimpleNamespace(Subset=lambda whole, index: [whole[i] for i in index])
        ),
        inputs=inputs,
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    inception = SimpleNamespace(URL_INCEPTION_V3=URL)
    monkeypatch.setitem(
        sys.modules, "torch_fidelity", SimpleNamespace(calculate_metrics=calculate_metrics)
    )
    name = "torch_fidelity.feature_extractor_inceptionv3"
    monkeypatch.setitem(sys.modules, name, inception)
    return torch


def test_the_network_is_given_samples_and_images_of_8_bits_in_colour(run, torch, capsys):
    for split, count in (("test", 7), ("train", 9)):
        assert fid.main([run, "--num-samples", "5", "--split", split]) == 0
        assert f"FID 12.35 (5 samples, the {split} images)" in capsys.readouterr().out
        samples, real = torch.inputs
        assert (len(samples), len(real)) == (5, count)
        assert all((i.dtype, i.shape) == (np.uint8, (3, 8, 8)) for i in (*samples, *real))
        for plane in real[0]:
            np.testing.assert_array_equal(plane, blobs(count).images[0, :, :, 0])


def test_without_torch_fidelity_it_says_how_to_install_it(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert fid.main([run]) == 1
    assert "pip install '.[fid]'" in capsys.readouterr().err


def test_without_the_weights_it_says_where_to_put_them(run, torch, tmp_path, capsys):
    def offline(url, check_hash):
        raise OSError("no network")

    torch.hub.load_state_dict_from_url = offline
    assert fid.main([run]) == 1
    error = capsys.readouterr().err
    assert "no network" in error
    assert f"{tmp_path / 'checkpoints' / 'weights-inception.pth'}" in error
    assert URL in error
    assert fid.main([run, "--num-samples", "1"]) == 1
    assert "--num-samples is 1" in capsys.readouterr().err
