"""`genjax publish RUN [RUN]`: write a page of trained models that any browser opens."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from genjax.cli.command import parse, run
from genjax.errors import UserError
from genjax.model import CanDecode, CanEncode, Params, require
from genjax.recipes import trained
from genjax.recipes.fitted import DensityKind
from genjax.runs import run_folder
from genjax.runs.weights import load_best
from genjax.sharing.publish_page import publish

_WITHOUT = "the latents are not measured on images, and no points are drawn"
_OTHERWISE = "; or publish it as it is now, with unfinished=True"


@dataclass(frozen=True)
class Options:
    """Write a page of one trained model, or of two side by side, that decodes in the browser.

    The folder can be opened by a double click, mailed, or put on any host of static files.
    """

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN]")]
    """The folders of runs, their names in runs/, or files of weights: one, or two."""
    out: Path | None = None
    """The folder of the page; by default "page" in the run's folder."""
    dataset: str | None = None
    """The name or the path of the data, if what a run recorded no longer leads to them."""
    density: DensityKind = "none"
    """Draw random latents from a mixture, or a flow, that is fitted to the codes of training
    images, and not from the prior; of models that encode."""
    unfinished: bool = False
    """Publish a run that is still training as it is now."""


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax publish")

    def work() -> None:
        print(f"open in a browser: {publish_runs(options)}")

    return run(work, options)


def publish_runs(options: Options) -> Path:
    """Load the runs and write their page; return its path.

    Raises `UserError` where there is no such run, it is not finished, or it has no latents.
    """
    if not 1 <= len(options.runs) <= 2:
        raise UserError(
            f"there are {len(options.runs)} runs: a page shows one, or two side by side."
        )
    places = [trained.find_run(path) for path in options.runs]
    if len(places) > 1 and options.out is None:
        raise UserError("a page of two runs belongs to neither: say where, with out=FOLDER.")
    models: dict[str, Params] = {}
    images, densities = {}, {}
    for place in places:
        if place.is_dir() and not options.unfinished:
            run_folder.check_finished(place, _OTHERWISE)
        name = _name(place, models)
        models[name] = params = load_best(place)
        require(params.model, CanDecode)
        if isinstance(params.model, CanEncode):
            if data := trained.find_test_set(place, options.dataset, _WITHOUT):
                images[name] = data
            if density := trained.fit_density(place, params, options.density, options.dataset):
                densities[name] = density
    folder = places[0] if places[0].is_dir() else places[0].parent
    return publish(models, options.out or folder / "page", images, densities)


def _name(place: Path, taken: dict[str, Params]) -> str:
    """Return the name of a run on the page, such as "vae-mnist"; another where it is taken."""
    name = place.resolve().name if place.is_dir() else place.stem
    return name if name not in taken else f"{name} (2)"
