"""Find a run that exists, and its data."""

import contextlib
from pathlib import Path
from typing import Any

import jax

from genjax import data
from genjax.data import Dataset
from genjax.data.warn import warn_user
from genjax.errors import UserError
from genjax.latents import LatentDensity
from genjax.model import CanReconstruct, Model, Params, require
from genjax.recipes.fitted import DensityKind, fit_codes
from genjax.recipes.recipe import RECIPES
from genjax.runs import run_folder
from genjax.runs.files import resolve_path
from genjax.runs.hub_files import download_weights, is_address
from genjax.runs.weights import load_best

_RUNS = Path("runs")


def find_run(run: str | Path) -> Path:
    """Return the folder of a run, or a file of weights: at the path `run`, or else at runs/`run`.

    Weights at "hf://owner/name" are downloaded. Raises `UserError` where there is none, saying how
    to train it.
    """
    if is_address(run):
        return download_weights(run)
    resolve_path(run)
    path = Path(run).expanduser()
    for place in (path, _RUNS / path):
        with contextlib.suppress(OSError):  # such as a name that is too long
            if (place / run_folder.CONFIG).exists() or place.is_file():
                return place
    if str(run) in RECIPES:
        raise UserError(f"there is no run in {_RUNS / path}. Train it: genjax train {run}")
    runs = sorted(file.parent.name for file in _RUNS.glob("*/config.json"))
    raise UserError(
        f"there is no run in {path}{'' if path.is_absolute() else f' or {_RUNS / path}'}. In"
        f" {_RUNS}/ there are: {', '.join(runs) or 'none'}. `genjax list recipes` shows what can be"
        " trained."
    )


def find_data(place: Path, dataset: str | None = None) -> tuple[Dataset, Dataset]:
    """Load the training images that a run saw, and its test set.

    They are looked for at the path that the run recorded, or else by their name.

    Args:
        place: the run's folder, or a file of weights in it.
        dataset: the name or the path of its data, where they are no longer what the run recorded.

    Raises:
        UserError: where the data cannot be found, are not those that the run was trained on, or
            have another shape than the model's images.
    """
    model, record = _read_specification(place)
    path = record.get("path", "")
    recorded = path if path and Path(path).exists() else record.get("name")
    name = recorded if dataset is None else dataset
    if not isinstance(name, str):
        raise UserError(
            f"{place} does not say what data it was trained on: give dataset=NAME or dataset=PATH."
        )
    try:
        train_set, test_set = data.resolve(
            name, (model.image_shape[0], model.image_shape[1]), record.get("streamed") or None
        )
    except UserError as error:
        if dataset is not None:
            raise
        raise UserError(
            f"the run was trained on {path or name!r}, which cannot be found: say where it is, with"
            f" dataset=PATH. ({error})"
        ) from None
    model.for_images(test_set.image_shape)
    return _select_trained(data.as_dataset(train_set), resolve_path(name), record), test_set


def find_test_set(place: Path, dataset: str | None, without: str) -> Dataset | None:
    """Return the test set of a run's data; say what happens `without` it where there is none."""
    try:
        return find_data(place, dataset)[1]
    except UserError as error:
        print(f"{without}: {error}")
        return None


def _select_trained(train_set: Dataset, path: Path, record: dict[str, Any]) -> Dataset:
    """Return the images that a run was trained on: of the training set, or of all in `path`.

    A run that was trained in Python can have seen a folder or an .npz file before it was split.
    """
    try:
        return data.select_trained(train_set, record)
    except UserError:
        if not path.exists():
            raise
        whole = data.load_undivided(path, (train_set.image_shape[0], train_set.image_shape[1]))
        trained = data.select_trained(whole, record)
    warn_user(
        f"the run was trained on {len(trained)} images of {whole.name}, before a test set was taken"
        " from them: it has seen the images that it is tested on, and results will look better"
        " than on new images."
    )
    return trained


def fit_density(
    place: Path, params: Params, kind: DensityKind, dataset: str | None = None, seed: int = 0
) -> LatentDensity | None:
    """Fit a density to the codes of the images that a run was trained on; None for "none".

    Raises:
        MissingCapability: where the model does not encode.
        UserError: where the data cannot be found.
    """
    if kind == "none":
        return None
    require(params.model, CanReconstruct)
    train_set, _ = find_data(place, dataset)
    return fit_codes(params, train_set, jax.random.key(seed), kind)


def _read_specification(place: Path) -> tuple[Model, dict[str, Any]]:
    """Return the model of a run and the record of its data, which a lone file of weights lacks."""
    folder = place if place.is_dir() else place.parent
    if place.is_file() and not (folder / "config.json").exists():
        return load_best(place).model, {}
    return run_folder.read_model(folder), run_folder.read_config(folder)["dataset"]
