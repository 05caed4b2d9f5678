"""Prepare original files as TFDS does, but without TensorFlow.

TFDS's own builders decompress and encode through TensorFlow. The subclasses here keep their name,
version, description, features and keys, so that the result equals the official one.
"""

import contextlib
import io
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from genjax.data.published.formats import LABEL_NAMES, parse
from genjax.data.published.record_files import find_prepared
from genjax.errors import UserError
from genjax.runs.progress import progress


def prepare(name: str, files: Mapping[str, Path], data_dir: Path) -> Path:
    """Prepare all splits from the original `files`; return the prepared folder.

    Raises:
        UserError: where `data_dir` cannot be written, or an unreadable version is in the way.
    """
    builder = _make_builder_class(name, files)(data_dir=str(data_dir), file_format="array_record")
    silence = io.StringIO()  # TFDS announces itself and draws several bars; ours replaces them
    try:
        with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            builder.download_and_prepare()
    except OSError as error:
        if find_prepared(name, data_dir) is None:  # else another process was faster
            raise UserError(
                f"cannot prepare {name} in {data_dir}: {error}. Choose another folder with data_dir"
                " or the environment variable TFDS_DATA_DIR."
            ) from error
    folder = find_prepared(name, data_dir)
    if folder is None:  # TFDS leaves alone whatever stands at the place of the version
        raise UserError(f"{builder.data_path} is there, but cannot be read: move it away.")
    return folder


def _make_builder_class(dataset_name: str, files: Mapping[str, Path]) -> Any:
    import tensorflow_datasets as tfds

    official: Any = tfds.builder_cls(dataset_name)
    terminal = sys.stderr

    class Builder(official, skip_registration=True):  # type: ignore[misc,call-arg]
        name = dataset_name

        def _split_generators(self, dl_manager: object) -> dict[str, Any]:
            if dataset_name == "cifar10":  # the official builder too sets its names only here
                self.info.features["label"].names = LABEL_NAMES[dataset_name]
            return {split: self._generate_examples(split) for split in ("train", "test")}

        def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
            images, labels = parse(dataset_name, split, files)
            bar = progress(images, terminal, desc=f"preparing {dataset_name} ({split})")
            for index, (image, label) in enumerate(zip(bar, labels, strict=True)):
                example = {"image": _encode_png(image), "label": int(label)}
                if "id" in self.info.features:
                    example["id"] = f"{split}_{index:05d}"
                yield index, example

    return Builder


def _encode_png(image: UInt8[np.ndarray, "h w c"]) -> io.BytesIO:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "PNG")
    file.seek(0)
    return file
