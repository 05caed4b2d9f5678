"""Folders of the user's own images."""

import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genjax import data
from genjax.data import decode_folder, folder
from genjax.errors import UserError


def save(path, array, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).convert(mode).save(path, **options)


def only(path, size=8, **options):
    """The one image of a folder, as numpy."""
    dataset = data.from_folder(path, size, **options)
    assert len(dataset) == 1
    return np.asarray(dataset.images[0])


GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
COLOUR = np.stack([GREY, GREY.T, 255 - GREY], -1)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "TIFF"])
@pytest.mark.parametrize("array", [GREY, COLOUR], ids=["grey", "colour"])
def test_lossless_formats_keep_every_pixel(tmp_path, suffix, array):
    save(tmp_path / f"a.{suffix}", array)
    np.testing.assert_array_equal(only(tmp_path), array.reshape(8, 8, -1))


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "webp", "gif"])
def test_lossy_formats_are_close(tmp_path, suffix):
    smooth = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8) * 4
    save(tmp_path / f"a.{suffix}", np.stack([smooth, 255 - smooth, smooth // 2], -1))
    image = only(tmp_path, 32).astype(int)
    assert image.shape == (32, 32, 3)
    assert np.abs(image[..., 0] - smooth).mean() < 12


def test_mixed_kinds(tmp_path):
    save(tmp_path / "grey.png", GREY)
    save(tmp_path / "palette.png", COLOUR, "P")
    save(tmp_path / "bits.png", GREY > 100)
    save(tmp_path / "cmyk.jpg", COLOUR, "CMYK")
    save(tmp_path / "wide.jpg", np.zeros((20, 90, 3), np.uint8))
    dataset = data.from_folder(tmp_path, 8)
    assert dataset.images.shape == (5, 8, 8, 3)
    assert (dataset.split, dataset.name, dataset.label_names) == ("all", f"{tmp_path.name}/", ())
    assert not np.asarray(dataset.labels).any()
    np.testing.assert_array_equal(dataset.images[2, ..., 0], GREY)  # bits cmyk grey palette wide
    np.testing.assert_array_equal(dataset.images[0, ..., 2], (GREY > 100) * 255)


def test_channels(tmp_path):
    save(tmp_path / "grey.png", GREY, "RGB")  # three equal channels are not colour
    assert only(tmp_path).shape == (8, 8, 1)
    np.testing.assert_array_equal(only(tmp_path, channels=1)[..., 0], GREY)
    np.testing.assert_array_equal(only(tmp_path, channels=3), np.stack([GREY] * 3, -1))
    save(tmp_path / "grey.png", COLOUR)
    expected = np.asarray(Image.fromarray(COLOUR).convert("L"))
    np.testing.assert_array_equal(only(tmp_path, channels=1)[..., 0], expected)


def test_transparent_shows_white(tmp_path):
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:4, :, 3], rgba[4:, :, 3] = 0, 255
    expected = np.where(np.arange(8)[:, None, None] < 4, 255, 0) * np.ones((8, 8, 1))
    palette = Image.fromarray((rgba[..., 3] > 0).astype(np.uint8), "L").convert("P")
    palette.putpalette([10, 20, 30, 0, 0, 0])
    for i, (mode, picture) in enumerate(
        [
            ("RGBA", Image.fromarray(rgba)),
            ("LA", Image.fromarray(rgba).convert("LA")),
            ("P", palette),
        ]
    ):
        (tmp_path / str(i)).mkdir()
        picture.save(tmp_path / f"{i}/a.png", **({"transparency": 0} if mode == "P" else {}))
        np.testing.assert_array_equal(only(tmp_path / str(i)), expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled(tmp_path, suffix):
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(only(tmp_path)[..., 0], GREY)


def test_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    save(tmp_path / "a.png", COLOUR, exif=exif)
    np.testing.assert_array_equal(only(tmp_path), np.rot90(COLOUR, -1))


def test_scaled_on_the_short_side_and_cropped_in_the_centre(tmp_path):
    wide = np.zeros((16, 64), np.uint8)
    wide[:, 24:40] = 200  # the middle square
    save(tmp_path / "a.png", wide)
    image = only(tmp_path)[..., 0].astype(int)
    assert np.abs(image[:, 1:-1] - 200).max() <= 16
    assert data.from_folder(tmp_path, (4, 16)).image_shape == (4, 16, 1)
    assert not only(tmp_path, (4, 16))[:, :3].any()  # now twice as wide: the black shows


def test_scaling_is_antialiased(tmp_path):
    save(tmp_path / "a.png", np.tile(np.array([0, 255], np.uint8), (64, 32)))
    assert np.abs(only(tmp_path)[..., 0].astype(int) - 127).max() < 10


def test_large_jpeg_keeps_its_look(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 1000).astype(np.uint8), (800, 1))
    save(tmp_path / "a.jpg", ramp)
    expected = np.asarray(Image.fromarray(ramp[:, 100:900]).resize((16, 16), Image.LANCZOS))
    assert np.abs(only(tmp_path, 16)[..., 0].astype(int) - expected).max() <= 4


def test_subfolders_are_labels_and_the_order_is_sorted(tmp_path):
    for i, name in enumerate(["dog/b", "cat/z", "dog/deep/a", "cat/a"]):
        save(tmp_path / f"{name}.png", np.full((8, 8), 10 * i, np.uint8))
    save(tmp_path / ".hidden/a.png", GREY)
    save(tmp_path / "cat/.hidden.png", GREY)
    (tmp_path / "cat/notes.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = data.from_folder(tmp_path, 8)
    assert dataset.label_names == ("cat", "dog")
    np.testing.assert_array_equal(dataset.labels, [0, 0, 1, 1])
    np.testing.assert_array_equal(dataset.images[:, 0, 0, 0], [30, 10, 0, 20])
    assert data.from_folder(tmp_path, 8).checksum == dataset.checksum
    save(tmp_path / "loose.png", GREY)
    with pytest.warns(UserWarning, match="1 of 5 images lie in .* no labels"):
        dataset = data.from_folder(tmp_path, 8)
    assert dataset.label_names == ()


def test_unreadable_files_are_named_and_left_out(tmp_path):
    save(tmp_path / "x/good.png", GREY)
    save(tmp_path / "x/cut.png", np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))
    cut = tmp_path / "x/cut.png"
    cut.write_bytes(cut.read_bytes()[:1000])
    (tmp_path / "y").mkdir()
    for i in range(6):
        (tmp_path / f"y/{i}.jpg").write_text("no image at all")
    with pytest.warns(UserWarning, match="7 of 8 files.*cut.png.*and 2 more.*left out") as caught:
        dataset = data.from_folder(tmp_path, 8)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(dataset.images[0, ..., 0], GREY)
    assert dataset.label_names == ("x",)
    with pytest.raises(UserError, match="7 of 8 files"):
        data.from_folder(tmp_path, 8, strict=True)
    (tmp_path / "x/good.png").unlink()
    with pytest.raises(UserError, match="7 of 7 files"):
        data.from_folder(tmp_path, 8)


def test_decompression_bomb_is_an_error(tmp_path, monkeypatch):
    save(tmp_path / "bomb.png", np.zeros((100, 100), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UserError, match=r"bomb\.png is too large"):
        data.from_folder(tmp_path, 8)


def test_senseless_folders(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        data.from_folder(tmp_path / "nowhere", 8)
    with pytest.raises(UserError, match=r"no images in(.|\n)*\.png"):
        data.from_folder(tmp_path, 8)
    save(tmp_path / "a.png", GREY)
    with pytest.raises(UserError, match="is not a folder"):
        data.from_folder(tmp_path / "a.png", 8)
    for size in (0, -1, (8, 0), (8,), 2.5, "64", None):
        with pytest.raises(UserError, match="image_size is"):
            data.from_folder(tmp_path, size)
    for channels in (0, 2, 4):
        with pytest.raises(UserError, match="channels is"):
            data.from_folder(tmp_path, 8, channels=channels)


# --- faults that were found -----------------------------------------------------------------------


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def test_class_folders_may_be_links(tmp_path):
    save(tmp_path / "elsewhere/a.png", GREY)
    save(tmp_path / "photos/dog/b.png", GREY.T)
    link(tmp_path / "photos/cat", tmp_path / "elsewhere")
    dataset = data.from_folder(tmp_path / "photos", 8)
    assert dataset.label_names == ("cat", "dog")
    np.testing.assert_array_equal(dataset.images[0, ..., 0], GREY)


def test_no_folder_is_read_twice(tmp_path):
    save(tmp_path / "photos/cat/a.png", GREY)
    save(tmp_path / "photos/dog/b.png", GREY.T)
    save(tmp_path / "other.png", GREY)
    for name, target in (("self", "self"), ("up", ".."), ("top", "../.."), ("dog", "../dog")):
        link(tmp_path / "photos/cat" / name, target)
    link(tmp_path / "photos/aside", tmp_path / "photos/dog")
    dataset = data.from_folder(tmp_path / "photos", 8)
    assert len(dataset) == 2
    assert dataset.label_names == ("cat", "dog")


def test_links_that_lead_nowhere_are_reported(tmp_path):
    save(tmp_path / "a.png", GREY)
    link(tmp_path / "lost.png", "nowhere.png")
    link(tmp_path / "round.png", "round.png")
    with pytest.warns(UserWarning, match=r"2 of 3 files.*lost\.png.*round\.png.*left out"):
        assert len(data.from_folder(tmp_path, 8)) == 1
    with pytest.raises(UserError, match="2 of 3 files"):
        data.from_folder(tmp_path, 8, strict=True)


def test_a_folder_that_cannot_be_read_is_reported(tmp_path, monkeypatch):
    save(tmp_path / "cat/a.png", GREY)
    save(tmp_path / "dog/b.png", GREY)
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.warns(UserWarning, match=r"1 of 2 files.*dog \(.*Permission denied.*left out"):
        assert data.from_folder(tmp_path, 8).label_names == ("cat",)
    with pytest.raises(UserError, match="Permission denied"):
        data.from_folder(tmp_path, 8, strict=True)


def test_class_folders_of_numbers_are_in_the_order_of_the_numbers(tmp_path):
    for number in range(12):
        save(tmp_path / f"{number}/a.png", np.full((8, 8), 20 * number, np.uint8))
    dataset = data.from_folder(tmp_path, 8)
    assert dataset.label_names == tuple(map(str, range(12)))
    np.testing.assert_array_equal(dataset.images[:, 0, 0, 0], 20 * dataset.labels)


def test_folders_of_splits_are_warned_of(tmp_path):
    save(tmp_path / "train/cat/a.png", GREY)
    save(tmp_path / "val/cat/a.png", GREY)
    with pytest.warns(UserWarning, match=r"folders train, val in .* look like splits"):
        data.from_folder(tmp_path, 8)


@pytest.mark.parametrize(
    ("dtype", "largest", "possible"),
    [(np.uint8, 1, 255), (np.uint8, 9, 255), (np.uint16, 1, 65535), (np.uint16, 4095, 65535)],
)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_pictures_of_small_numbers_are_warned_of(tmp_path, dtype, largest, possible, suffix):
    pixels = np.zeros((8, 8), dtype)
    pixels[2:4] = largest
    save(tmp_path / f"mask.{suffix}", pixels)
    save(tmp_path / "plain.png", GREY)
    with pytest.warns(
        UserWarning, match=rf"1 of 2 images.*mask.{suffix} \({largest} of {possible}\)"
    ) as caught:
        data.from_folder(tmp_path, 8)
    assert caught[0].filename == __file__


def test_whole_numbers_of_unknown_range_are_refused(tmp_path):
    Image.fromarray(np.arange(64, dtype=np.int32).reshape(8, 8) * 4).save(tmp_path / "a.tif")
    with pytest.raises(UserError, match="32-bit numbers of unknown range"):
        data.from_folder(tmp_path, 8)
    Image.fromarray(np.ones((8, 8), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(UserError, match="floating-point numbers of unknown range"):
        data.from_folder(tmp_path, 8)


def test_images_that_do_not_fit_into_memory_are_refused(tmp_path):
    save(tmp_path / "a.png", GREY)
    for size in (10**5, 10**9, (1, 10**12)):
        with pytest.raises(UserError, match=r"would take .* GiB, but this machine has"):
            data.from_folder(tmp_path, size)


def test_paths_of_every_kind(tmp_path, monkeypatch):
    save(tmp_path / "home/photos/a.png", GREY)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for path in ("~/photos", tmp_path / "home/photos", "home/photos", Path("~/photos")):
        assert len(data.from_folder(path, 8)) == 1
    for path in ("", "x" * 300, "a\0b", "~nosuchuser/photos", 3, None):
        with pytest.raises(UserError):
            data.from_folder(path, 8)


def test_names_that_are_no_text(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.makedirs(folder)
    with open(folder + b"/\xff.png", "wb") as file:
        Image.fromarray(GREY).save(file, "PNG")
    dataset = data.from_folder(tmp_path, 8)
    assert dataset.label_names == ("caf�",)
    json.dumps(dataset.record()).encode()


def test_images_that_took_long_to_decode_are_kept(tmp_path, monkeypatch):
    """They are read again where a file has changed; what was warned of is warned of again."""
    rng = np.random.default_rng(0)
    for number in range(3):
        save(tmp_path / "a" / f"{number}.png", rng.integers(0, 256, (8, 8, 3), np.uint8))
    (tmp_path / "a" / "3.png").write_bytes(b"no picture")
    read, decode = [], decode_folder.read_with_range
    monkeypatch.setattr(
        decode_folder, "read_with_range", lambda *args: read.append(args) or decode(*args)
    )

    def load(**options):
        read.clear()
        with pytest.warns(UserWarning, match=r"1 of 4 files .* cannot be read: a/3\.png"):
            return data.from_folder(tmp_path, 8, **options)

    first = load()
    load()
    assert len(read) == 4  # a moment's work is not kept
    monkeypatch.setattr(folder, "_WORTH_KEEPING", 0.0)
    load()
    again = load()
    assert not read
    assert again.record() == first.record()
    np.testing.assert_array_equal(again.images, first.images)
    grey = load(channels=1)
    assert (len(read), grey.image_shape) == (4, (8, 8, 1))
    with pytest.raises(UserError, match="cannot be read"):
        data.from_folder(tmp_path, 8, strict=True)
    save(tmp_path / "a" / "1.png", rng.integers(0, 256, (8, 8, 3), np.uint8))
    assert load().checksum != first.checksum
    assert len(read) == 4


def test_kept_grey_images_have_one_channel(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "_WORTH_KEEPING", 0.0)
    save(tmp_path / "a.png", np.full((8, 8, 3), 70, np.uint8))
    for _ in range(2):
        found = data.from_folder(tmp_path, 8)
        np.testing.assert_array_equal(found.images, np.full((1, 8, 8, 1), 70))
