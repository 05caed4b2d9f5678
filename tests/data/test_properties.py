"""Properties of folders and arrays, whatever they hold: seeds are fixed, and few examples drawn."""

import os
import tempfile
import warnings
from pathlib import Path

import jax
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

import genjax
from genjax import data
from genjax.data.tree import EXTENSIONS
from genjax.errors import UserError

quickly = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

NAMES = st.sampled_from(["a", "b c", "é", "10", "9", ".hidden", "x.y", "train", "日本", "ß" * 60])
ENTRY = st.tuples(
    st.lists(NAMES, max_size=3),  # the folders it lies in
    NAMES,
    st.sampled_from([*sorted(EXTENSIONS), ".PNG", ".txt", ""]),
    st.sampled_from(["L", "RGB", "RGBA", "LA", "P", "1", "I;16"]),
    st.sampled_from(["good"] * 5 + ["cut", "text", "empty", "lost link", "loop", "folder", "link"]),
    st.integers(1, 9),
)


def write(path: Path, mode: str, side: int) -> None:
    values = np.random.default_rng(side).integers(10, 256, (side, 12 - side), np.uint8)
    if mode == "I;16":
        picture = Image.fromarray(values.astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(values).convert("RGB" if mode == "P" else "L").convert(mode)
    picture.save(path, "PNG")  # whatever the ending says: the content decides


def build(root: Path, entries) -> int:
    """Writes a folder; gives the number of images in it that can be read."""
    outside = root.parent / "outside"
    outside.mkdir()
    write(outside / "linked.png", "L", 5)
    good, linked = 0, 0
    for folders, stem, suffix, mode, kind, side in entries:
        path = root.joinpath(*folders, stem + suffix)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() or path.is_symlink():
                continue
            visible = not any(part.startswith(".") for part in (*folders, stem))
            counts = visible and suffix.lower() in EXTENSIONS
            if kind in ("good", "cut"):
                write(path, mode, side)
                if kind == "cut":
                    path.write_bytes(path.read_bytes()[:40])
                good += counts and kind == "good"
            elif kind in ("text", "empty"):
                path.write_text("no image" if kind == "text" else "")
            elif kind == "folder":
                path.mkdir()
            else:
                path.symlink_to({"lost link": "nowhere", "loop": ".", "link": outside}[kind])
                linked = linked or (kind == "link" and visible)
        except (FileExistsError, NotADirectoryError):
            continue  # a file lies where a folder should
    return good + linked


@quickly
@given(st.lists(ENTRY, max_size=8), st.integers(1, 9), st.sampled_from([None, 1, 3]))
def test_any_folder_is_read_or_refused(entries, size, channels):
    with tempfile.TemporaryDirectory() as parent, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = Path(parent) / "root"
        root.mkdir()
        expected = build(root, entries)
        try:
            dataset = data.from_folder(root, size, channels)
        except UserError:
            assert expected == 0
            return
        assert len(dataset) == expected
        assert dataset.images.dtype == np.uint8
        assert dataset.image_shape == (size, size, channels or dataset.image_shape[2])
        assert dataset.image_shape[2] in (1, 3)
        labels, names = np.asarray(dataset.labels), dataset.label_names
        assert labels.min() >= 0
        assert labels.max() < max(1, len(names))
        assert len(set(names)) == len(names)
        assert data.from_folder(str(root), (size, size), channels).checksum == dataset.checksum
        assert os.listdir(root)


DTYPES = [np.uint8, np.float16, np.float32, np.float64, np.bool_, np.int32, np.uint16, np.complex64]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(
        dtype, st.sampled_from([(2, 8, 8, 1), (1, 8, 8, 3), (8, 8, 1), (0, 8, 8, 1), (2, 8, 8, 0)])
    )
)


@quickly
@given(ARRAYS)
def test_any_array_becomes_bytes_or_is_refused(array):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            images = np.asarray(data.from_arrays(array).images)
        except UserError:
            return
    assert images.dtype == np.uint8
    assert images.shape == array.shape
    scale = 1 if array.dtype == np.uint8 else 255
    assert np.abs(images - scale * array.astype(np.float64)).max() <= 0.51


MODEL = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(4,))
PARAMS = genjax.init(MODEL, jax.random.key(0))


@quickly
@given(ARRAYS)
def test_any_array_is_encoded_as_the_same_images_or_refused(array):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            z = genjax.encode(PARAMS, array)
        except UserError:
            return
    assert array.shape[1:] == (8, 8, 1)
    scale = 255 if array.dtype == np.uint8 else 1
    same = genjax.encode(PARAMS, np.asarray(array, np.float32) / scale)
    np.testing.assert_allclose(z, same, atol=1e-5)
    assert np.all(np.isfinite(z))
