"""Put a trained model on the Hugging Face Hub, from where `genjax.load("hf://...")` gets it."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import genjax
from genjax.errors import UserError, check_type
from genjax.model import Params, get_model
from genjax.plots.grids import save_grid
from genjax.recipes import trained
from genjax.runs.hub_files import WEIGHTS, explain_hub_errors, import_hub
from genjax.runs.weights import load_best
from genjax.sharing.card import describe_run, write_card

_NUM_SAMPLES = 64  # in the picture


def push(
    model: Params | str | os.PathLike[str],
    name: str,
    license: str = "mit",
    private: bool = False,
) -> str:
    """Put a trained model on the Hub: weights, a card with metrics, and samples.

    The repository is made where there is none. The token is that of `hf auth login` or HF_TOKEN,
    which huggingface_hub (the extra `hub`) reads itself.

    Args:
        model: parameters, or a run (its folder, its name in runs/, or a file of weights). Of a run
            the best weights are taken, and the card has its metrics.
        name: of the repository, "owner/name".
        license: of the weights, as the Hub names licences, such as "mit" or "cc-by-4.0".
        private: make the repository private.

    Returns:
        the address, "hf://owner/name", for `genjax.load`.

    Raises:
        UserError: where there is no run, no token, no network, no right to write, or the package is
            missing.
    """
    check_type(name, str, "name", "a repository's, owner/name")
    check_type(license, str, "license", "a text, such as 'mit'")
    about: dict[str, Any] = {}
    if isinstance(model, Params):
        params = model
    else:
        place = trained.find_run(os.fspath(model))
        params = load_best(place)
        about = describe_run(place) if place.is_dir() else {}
    get_model(params)
    hub = import_hub()
    if hub.get_token() is None:
        raise UserError(
            "the Hub asks who you are, and there is no token: run `hf auth login`, or set HF_TOKEN."
        )
    with tempfile.TemporaryDirectory() as folder:
        files = _write_files(Path(folder), params, about, name, license)
        _upload(hub, files, name, private)
    return f"hf://{name}"


def _write_files(
    folder: Path, params: Params, about: dict[str, Any], name: str, license: str
) -> list[Path]:
    genjax.save(folder / WEIGHTS, params)
    images = genjax.sample(params, 0, _NUM_SAMPLES)
    save_grid(folder / "samples.png", np.asarray(images))
    title = name.rpartition("/")[2]
    call = f'genjax.load("hf://{name}")  # needs genjax-vae-gan[hub]'
    card = write_card(title, params, about, call, license, "samples.png")
    (folder / "README.md").write_text(card, encoding="utf-8")
    return sorted(folder.iterdir())


def _upload(hub: Any, files: list[Path], name: str, private: bool) -> None:
    api = hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="genjax")
    with explain_hub_errors(name):
        api.create_repo(name, private=private, exist_ok=True)
        added = [hub.CommitOperationAdd(file.name, file) for file in files]
        message = f"Weights and card, by genjax {genjax.__version__}"
        api.create_commit(name, added, commit_message=message)
