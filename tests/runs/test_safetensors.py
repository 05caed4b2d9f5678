"""Files of weights in the format safetensors."""

import json
import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.errors import CheckpointError
from genjax.runs.tensor_file import read_tensors
from genjax.runs.weights_file import write_safetensors
from tests.helpers import same, small


@pytest.fixture(scope="module")
def params():
    params = small("vae", network="mlp", image_shape=(8, 8, 1), latent_dim=2).init(0)
    return params.replace(label_names=("a", "b"))


@pytest.fixture
def path(params, tmp_path):
    path = tmp_path / "new" / "vae.safetensors"
    genjax.save(path, params)
    return path


def test_what_was_saved_is_loaded(path, params):
    loaded = genjax.load(path)
    assert loaded.model == params.model
    assert loaded.label_names == ("a", "b")
    assert same(loaded, params)


def test_many_seeds_keep_their_axis(params, tmp_path):
    both = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), params)
    genjax.save(tmp_path / "both.safetensors", both)
    assert same(genjax.load(tmp_path / "both.safetensors"), both)


def test_half_precision_is_read_as_float32(params, tmp_path):
    path = tmp_path / "half.safetensors"
    write_safetensors(path, params, {"card": "text"}, half=True)
    loaded = genjax.load(path)
    for one, other in zip(jax.tree.leaves(loaded), jax.tree.leaves(params), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, np.asarray(other, np.float16).astype(np.float32))
    assert read_tensors(path).texts["card"] == "text"


def test_the_file_is_as_the_format_says(path, params):
    """Read by the format's three parts, without a line of genjax."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    assert json.loads(header["__metadata__"]["model"])["name"] == "vae"
    for name, array in params.weights["encoder"]["Dense_0"].items():
        entry = header[f"weights.encoder.Dense_0.{name}"]
        first, last = entry["data_offsets"]
        found = np.frombuffer(content[8 + length :][first:last], "<f4").reshape(entry["shape"])
        np.testing.assert_array_equal(found, array)


def test_the_reference_library_reads_it(path, params):
    numpy_files = pytest.importorskip("safetensors.numpy")
    arrays = numpy_files.load_file(path)
    kernel = params.weights["encoder"]["Dense_0"]["kernel"]
    np.testing.assert_array_equal(arrays["weights.encoder.Dense_0.kernel"], kernel)


def flip(content, place):
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: content[:-1],
        lambda content: content[:100],
        lambda content: content[:4],
        lambda content: b"",
        lambda content: flip(content, -5),  # in an array
        lambda content: flip(content, content.index(b"latent_dim") + 13),
        lambda content: flip(content, content.index(b"sha256") + 2),
        lambda content: flip(content, 6),  # the header's length
    ],
)
def test_damage_is_refused(path, harm):
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(CheckpointError, match=r"vae\.safetensors is no whole file of weights"):
        genjax.load(path)


def test_files_of_other_programs_are_refused(tmp_path):
    header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "other.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    with pytest.raises(CheckpointError, match="written by another program than genjax"):
        genjax.load(path)
    with pytest.raises(genjax.UserError, match="does not exist"):
        genjax.load(tmp_path / "none.safetensors")
