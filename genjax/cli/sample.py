"""`genjax sample RUN [options]`: draw samples of a trained model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import tyro

import genjax
from genjax.cli.command import parse, run
from genjax.cli.image_files import check_suffix, write_images
from genjax.errors import check_integer
from genjax.recipes import trained
from genjax.recipes.fitted import DensityKind
from genjax.runs.weights import load_best


@dataclass(frozen=True)
class Options:
    """Draw samples of a trained model, as a picture or as arrays."""

    run: Annotated[Path, tyro.conf.Positional]
    """A run's folder, its name in runs/, or a file of weights."""
    out: Path = Path("samples.png")
    """The file: .png for a grid, .npy or .npz for an array [N, H, W, C] in [0, 1]."""
    num: int = 64
    """Number of samples."""
    seed: int = 0
    """The random seed: the samples are those of jax.random.key(seed)."""
    temperature: float | None = None
    """Scale of the latents: below 1 samples are more typical and less diverse."""
    density: DensityKind = "none"
    """Draw latents from a mixture, or a flow, that is fitted to the codes of training images, and
    not from the prior."""
    dataset: str | None = None
    """The name or the path of these images, if what the run recorded no longer leads to them."""
    labels: tuple[int, ...] = ()
    """Classes of the samples, by number, repeated in order; of a class-conditional model."""


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax sample")
    return run(lambda: draw(options), options)


def draw(options: Options) -> None:
    """Draw the samples, and write the file.

    Raises `UserError` where there is no run, or on a bad option.
    """
    check_suffix(options.out)
    check_integer(options.num, "num", least=1)
    check_integer(options.seed, "seed", least=0, most=2**32 - 1)
    place = trained.find_run(options.run)
    params = load_best(place)
    density = trained.fit_density(place, params, options.density, options.dataset, options.seed)
    labels = np.resize(options.labels, options.num) if options.labels else None
    key = jax.random.key(options.seed)
    images = genjax.sample(params, key, options.num, options.temperature, density, labels)
    write_images(options.out, {"images": np.asarray(images)})
