"""The published FID of a run's samples, by torch-fidelity: `genjax fid RUN`.

FID (Heusel et al. 2017, arXiv:1706.08500) takes its features from an Inception network with
published weights. It falls with the number of images: published figures for CIFAR-10 are mostly of
50,000 samples and the 50,000 training images (`--num-samples 50000 --split train`).
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
import tyro

from genjax.cli.command import parse, run
from genjax.errors import UserError, check_integer
from genjax.metrics import generate_samples
from genjax.recipes import trained
from genjax.runs.progress import progress
from genjax.runs.weights import load_best


@dataclass(frozen=True)
class Options:
    """Whose samples, and what they are compared with."""

    run: Annotated[Path, tyro.conf.Positional]
    """The run's folder, such as runs/dcgan-cifar10."""
    num_samples: int = 10_000
    """Samples that are drawn, of 8 bits, with jax.random.key(0)."""
    split: Literal["test", "train"] = "test"
    """The images that they are compared with: all of this split."""
    dataset: str | None = None
    """The name or the path of the data, if what the run recorded no longer leads to them."""


def inception_weights() -> Path:
    """The file of the published weights: where torch keeps it, else downloaded to there."""
    try:
        import torch
        from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3 as URL
    except Exception as error:  # torchvision made for another torch: RuntimeError
        raise UserError(
            f"torch-fidelity cannot be imported ({error}). Install it: pip install '.[fid]';"
            " torch and torchvision must come from the same index."
        ) from None
    path = Path(torch.hub.get_dir()) / "checkpoints" / URL.rpartition("/")[2]
    try:
        torch.hub.load_state_dict_from_url(URL, check_hash=True)
    except Exception as error:  # no network, a damaged file: each has an error of its own
        raise UserError(
            f"the weights of the Inception network cannot be had ({error}). Where {path} exists,"
            f" delete it; then download {URL} by hand, and put the file there."
        ) from None
    return path


def fid(samples: np.ndarray, real: np.ndarray, weights: Path) -> float:
    """Between uint8 [N, H, W, C] and [M, H, W, C], C = 3, or 1, which is repeated to 3."""
    import torch
    import torch_fidelity

    def rgb(images: np.ndarray) -> Any:
        planes = np.repeat(images, 3 // images.shape[-1], axis=3).transpose(0, 3, 1, 2)
        return torch.utils.data.Subset(torch.from_numpy(planes.copy()), range(len(images)))

    figures = torch_fidelity.calculate_metrics(
        input1=rgb(samples), input2=rgb(real), fid=True, cuda=torch.cuda.is_available(),
        feature_extractor_weights_path=str(weights), verbose=sys.stderr.isatty(),
        save_cpu_ram=True,  # or it forks this process, threads and all
    )  # fmt: skip
    return float(figures["frechet_inception_distance"])


def measure(options: Options) -> float:
    """The FID of the run's best weights."""
    check_integer(options.num_samples, "num_samples", least=2)
    place = trained.find_run(options.run)
    params, weights = load_best(place), inception_weights()
    real = np.asarray(trained.find_data(place, options.dataset)[options.split == "test"].images)
    with progress(total=options.num_samples, desc="sampling") as bar:
        samples = generate_samples(params, jax.random.key(0), options.num_samples, bar.update)
    return fid(np.asarray(samples), real, weights)


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax fid")

    def work() -> None:
        value = measure(options)
        print(f"FID {value:.2f} ({options.num_samples:,} samples, the {options.split} images)")

    return run(work, options)
