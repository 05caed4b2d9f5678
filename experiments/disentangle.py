"""Which VAE separates the factors of the sprites? `make disentangle` trains and compares.

Beside the table of the test figures stands a picture of what every latent does in the runs of the
first seed.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np

import genjax
from experiments.compare import Options, main, run_of
from experiments.experiment import EXPERIMENTS, Experiment
from experiments.sprites import NAMES
from genjax import plot
from genjax.data import Dataset
from genjax.types import Params

FIGURES = {
    "mig": "MIG",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "latent_correlation": "correlation",
    "reconstruction_error": "squared error a pixel",
}
_MOST_LATENTS = 8  # shown
_STEPS = 9  # of each
_ENCODED = 500  # images, to see which latents are used


def traversal(params: Params, test_set: Dataset) -> np.ndarray:
    """A row for each of the latents in most use, the image moved along it: [rows * 9, H, W, C].

    The image is that of the test set whose code is nearest to 0, the middle of the prior.
    """
    codes = np.asarray(genjax.encode(params, test_set.images[:_ENCODED] / 255.0))
    middle = codes[np.argmin(np.linalg.norm(codes, axis=1))]
    used = np.argsort(-codes.var(axis=0))[:_MOST_LATENTS]
    rows = genjax.traverse(params, jax.numpy.asarray(middle), extent=2.0, num=_STEPS)[used]
    return np.asarray(rows).reshape(-1, *test_set.image_shape)


def draw(out: Path, experiments: Mapping[str, Experiment]) -> None:
    _, test_set = next(iter(experiments.values())).load()
    shown = [traversal(genjax.load(run_of(out, name)), test_set) for name in experiments]
    plot.save_panels(out / "traversals.png", shown, list(experiments), _STEPS)


if __name__ == "__main__":
    runs = {name: EXPERIMENTS[name] for name in NAMES}
    default = Options(Path("runs/disentangle"), seeds=3)
    sys.exit(main(sys.argv[1:], "disentangle", runs, default, FIGURES, draw))
