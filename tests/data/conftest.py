"""Fixtures of the tests of data."""

import shutil
from pathlib import Path

import pytest

from genjax.data.published import download
from genjax.data.published.prepare import prepare
from tests.data.files import closed_port, real_url_infos, write_mnist


@pytest.fixture(autouse=True)
def _on_its_own(monkeypatch, tmp_path):
    """No test sees the user's cache or data, nor the network: every host is a closed port."""
    host = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("GENJAX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setattr(
        download,
        "get_url_infos",
        lambda name: {f"{host}/{i.filename}": i for i in real_url_infos(name).values()},
    )


@pytest.fixture(scope="module")
def tiny_mnist(tmp_path_factory):
    """A data_dir with a tiny MNIST that TFDS has prepared, and its true examples."""
    path = tmp_path_factory.mktemp("tiny")
    truth, files = write_mnist(path / "originals")
    prepare("mnist", files, path)
    return path, truth


@pytest.fixture
def tiny_copy(tiny_mnist, tmp_path):
    """A copy that a test may damage."""
    return Path(shutil.copytree(tiny_mnist[0], tmp_path / "tiny")), tiny_mnist[1]
