"""Programs of trained models, which run without genjax."""

import json
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import genjax
from genjax.cli import main
from genjax.sharing import portable
from tests.helpers import NAMES, small, work_in

LATENTS = {"latent_dim": 2, "image_shape": (8, 8, 1)}


def make_zeros(model):
    """Parameters that cost no compilation."""
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    return jax.tree.map(lambda leaf: jnp.asarray(np.zeros(leaf.shape, leaf.dtype)), shapes)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_lowers_for_every_platform(name):
    model = small(name, **LATENTS)
    sampler = portable.list_entry_points(model)[0]
    program = portable.lower(sampler, make_zeros(model))
    assert program.platforms == ("cpu", "cuda", "tpu")
    (images,) = program.out_avals
    assert images.shape[1:] == model.image_shape
    assert str(images.shape[0]) == "n"


@pytest.fixture(scope="module")
def params():
    """A convolutional VAE: its decoder has transposed convolutions."""
    return small("vae", network="conv", **LATENTS).init(0)


@pytest.fixture(scope="module")
def written(params, tmp_path_factory):
    pytest.importorskip("flatbuffers")
    folder = tmp_path_factory.mktemp("export")
    path = folder / "vae.npz"
    genjax.save(path, params)
    assert main.main(["export", str(path), "--out", str(folder / "programs")]) == 0
    return folder / "programs"


def call(folder, name, *inputs):
    content = (folder / f"{name}.stablehlo").read_bytes()
    return jax.export.deserialize(bytearray(content)).call(*inputs)


def test_programs_are_the_model(params, written):
    z = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    images = genjax.decode(params, z)
    np.testing.assert_allclose(call(written, "decode", z), images, atol=1e-6)
    np.testing.assert_allclose(
        call(written, "encode", images), genjax.encode(params, images), atol=1e-5
    )
    seeds = np.array([5, 2, 5], np.uint32)
    samples = call(written, "sample", seeds)
    np.testing.assert_array_equal(samples[0], samples[2])
    np.testing.assert_allclose(samples[1], genjax.sample(params, 2, 1)[0], atol=1e-6)


def test_convolutions_are_not_those_for_a_cpu(params):
    genjax.decode(params, np.zeros((1, 2), np.float32))  # which traces those
    decode = portable.list_entry_points(params.model)[1]
    text = portable.lower(decode, params).mlir_module()
    transposed = len(re.findall(r"lhs_dilate = \[2, 2\]", text))
    assert transposed == text.count("stablehlo.convolution") > 0


def test_the_readme_loads_the_programs_without_genjax(written, monkeypatch):
    text = (written / "README.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert block.count("\n") <= 10
    for name in ("genjax", "flax"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.chdir(written)
    namespace = {}
    exec(block, namespace)
    assert namespace["images"].shape == (4, 8, 8, 1)
    assert namespace["z"].shape == (4, 2)
    about = json.loads((written / "export.json").read_text())
    assert about["entry_points"]["decode"]["inputs"] == {
        "z": {"shape": ["n", 2], "dtype": "float32"}
    }


def test_a_model_of_classes_takes_labels():
    params = small("gan", num_classes=3, latent_dim=4, image_shape=(8, 8, 1)).init(0)
    sample, decode = portable.list_entry_points(params.model)
    assert list(sample.inputs) == ["seeds", "labels"]
    assert list(decode.inputs) == ["z", "labels"]
    image = sample.compute(params, jnp.uint32(4), jnp.int32(2))
    expected = genjax.sample(params, 4, 1, labels=[2])[0]
    np.testing.assert_allclose(image, expected, atol=1e-6)


@pytest.mark.extra
@pytest.mark.filterwarnings("ignore")  # of the converter's
def test_onnx_computes_the_same(params, tmp_path, monkeypatch):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("jax2onnx")
    paths = genjax.export(params, tmp_path, onnx=True)
    assert {"decode.onnx", "encode.onnx"} < {path.name for path in paths}
    z = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    (images,) = runtime.InferenceSession(tmp_path / "decode.onnx").run(None, {"z": z})
    np.testing.assert_allclose(images, genjax.decode(params, z), atol=1e-4)
    encoder = runtime.InferenceSession(tmp_path / "encode.onnx")
    (codes,) = encoder.run(None, {"images": images})
    np.testing.assert_allclose(codes, genjax.encode(params, images), atol=1e-4)
    text = (tmp_path / "README.md").read_text()
    block = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    with work_in(tmp_path):
        exec(block, namespace := {})
    assert namespace["images"].shape == (4, 8, 8, 1)


def test_missing_packages_are_said(params, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    made = small("made", **LATENTS)
    with pytest.raises(genjax.UserError, match=r"pip install 'genjax-vae-gan\[onnx\]'"):
        portable._convert(portable.list_entry_points(made), make_zeros(made))
