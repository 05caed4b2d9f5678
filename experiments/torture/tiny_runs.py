"""The runs that are tortured, and all that such a run says."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import genjax
from genjax import data, metrics
from genjax.errors import UserError
from genjax.recipes import Recipe, run_recipe
from genjax.recipes.measurement import make_keys
from genjax.runs import checkpoints, npz, run_folder
from genjax.runs.files import read_json
from genjax.runs.weights import digest_params
from genjax.testing import draw_blobs
from genjax.training.validation import choose_held_out

EPOCHS = 30
MODELS = {
    "VAE": genjax.VAE(latent_dim=2, network="mlp", hidden=(8,)),
    "GAN": genjax.GAN(latent_dim=2, hidden=(8,), discriminator_hidden=(8,)),
}
CASES = (("VAE", False), ("GAN", False), ("VAE", True), ("GAN", True))  # model, is it unfinished


class Lost(UserError):
    """A run has lost something, or has changed without a word."""


@cache
def load_images(split: str) -> data.Dataset:
    """Return the images that everything is trained on and measured with."""
    del split
    return draw_blobs(64)


data.register_dataset("torture", load_images)


@cache
def make_recipe(name: str) -> Recipe:
    """Return the recipe of the VAE or of the GAN."""
    return Recipe("torture", MODELS[name], genjax.Training(EPOCHS, 16), num_samples=2)


def train(name: str, folder: Path) -> None:
    """Train in the folder, from its newest checkpoint to the last epoch."""
    checkpoints.SECONDS_BETWEEN = 0.0
    recipe, images = make_recipe(name), data.load("torture", stream=False)
    genjax.fit(
        recipe.model,
        images,
        make_keys(recipe)[0].train,
        recipe.training,
        out=folder,
        validation=choose_held_out(recipe.model, images),
        distance=metrics.make_distance(images) if name == "GAN" else None,
        progress=False,
    )


def _read_weights(folder: Path) -> str:
    return digest_params(genjax.load(folder))


def _read_best(folder: Path) -> str:
    path = folder / run_folder.BEST
    return digest_params(genjax.load(path)) if path.exists() else ""


def _read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics without the times."""
    return [
        {name: v for name, v in line.items() if name not in run_folder.TIMES}
        for line in run_folder.read_metrics(folder)
    ]


def _read_frames(folder: Path) -> list[Any]:
    return [npz.load_array(path).tolist() for path in sorted(folder.glob("progress/*"))]


def _read_result(folder: Path) -> dict[str, Any]:
    return read_json(folder / run_folder.RESULT)


TRAINED: dict[str, Callable[[Path], Any]] = {
    "weights": _read_weights, "best weights": _read_best, "metrics": _read_metrics,
}  # fmt: skip
PARTS = TRAINED | {"frames": _read_frames, "result": _read_result}  # of a run that was measured


@dataclass(frozen=True)
class Undisturbed:
    """A run that was left alone: its folder, and what its parts say."""

    folder: Path
    parts: dict[str, Any]


Runs = dict[tuple[str, bool], Undisturbed]  # by the case


def train_undisturbed(root: Path, name: str, unfinished: bool) -> Undisturbed:
    """Train, draw and measure a run; an unfinished one then loses its last checkpoint."""
    folder = root / f"{name}{'-unfinished' if unfinished else ''}"
    checkpoints.SECONDS_BETWEEN = 0.0
    run_recipe(make_recipe(name), folder)
    if unfinished:
        (folder / "checkpoints" / str(EPOCHS) / "checksums.json").unlink()
    return Undisturbed(folder, {part: read(folder) for part, read in PARTS.items()})


def check_same(folder: Path, whole: Undisturbed, but_for: str = "") -> None:
    """Raise `Lost` where a trained run in the folder says something else than the whole one."""
    for part in TRAINED:
        if part != but_for and TRAINED[part](folder) != whole.parts[part]:
            raise Lost(f"{folder}: the {part} are not those of an undisturbed run.")


def catch_error(work: Callable[[], Any]) -> tuple[Any, str, str]:
    """Return what it returns, or the error of genjax that ended it, and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value, error = work(), ""
        except UserError as refusal:
            value, error = None, str(refusal)
    return value, error, " ".join(str(one.message) for one in caught)
