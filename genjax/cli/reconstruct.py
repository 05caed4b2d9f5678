"""`genjax reconstruct RUN [options]`: encode and decode test images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

import genjax
from genjax.cli.command import parse, run
from genjax.cli.image_files import check_suffix, write_images
from genjax.errors import check_integer
from genjax.model import CanReconstruct, require
from genjax.recipes import trained
from genjax.runs.weights import load_best


@dataclass(frozen=True)
class Options:
    """Encode and decode test images: each stands above its reconstruction."""

    run: Annotated[Path, tyro.conf.Positional]
    """A run's folder, its name in runs/, or a file of weights."""
    out: Path = Path("reconstructions.png")
    """The file: .png for a grid; .npz for the arrays `images` and `reconstructions`, [N, H, W, C]
    in [0, 1]; .npy for the reconstructions alone."""
    num: int = 32
    """Number of test images, the first ones."""
    dataset: str | None = None
    """The name or the path of the data, if what the run recorded no longer leads to them."""


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax reconstruct")
    return run(lambda: reconstruct(options), options)


def reconstruct(options: Options) -> None:
    """Reconstruct test images, and write the file.

    Raises `UserError` where there is no run or no data, or on a bad option.
    """
    check_suffix(options.out)
    check_integer(options.num, "num", least=1)
    place = trained.find_run(options.run)
    params = load_best(place)
    require(params.model, CanReconstruct)
    _, test_set = trained.find_data(place, options.dataset)
    images = np.asarray(test_set.images[: options.num]) / np.float32(255)
    reconstructions = np.asarray(genjax.reconstruct(params, images))
    write_images(options.out, {"images": images, "reconstructions": reconstructions})
