"""`genjax compare mnist`, `genjax compare RECIPE ...` or `genjax compare RUN ...`: a report.

The first two train the models with several seeds; stopped, the same command continues. The last
takes runs that exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from genjax.cli.command import parse, run
from genjax.cli.user_code import find_recipe, names_recipe
from genjax.errors import UserError, check_integer
from genjax.plots.comparison import comparison_report
from genjax.recipes import Recipe, budget, contenders
from genjax.recipes.classifier_training import get_classifier
from genjax.recipes.fitted import DensityKind
from genjax.recipes.matched import SETTINGS, match_models
from genjax.recipes.series import run_path, run_series
from genjax.runs.files import enable_compilation_cache


@dataclass(frozen=True)
class Options:
    """Compare models on the same data, and write a report."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="NAME ...")] = ()
    """mnist, fashion or cifar10, to train the matched models on that data set; or recipes, to train
    them; or folders of finished runs, of which those that differ in the seed alone are one."""
    out: Path | None = None
    """The folder of the report, and of the runs that are trained for it."""
    seeds: int = 3
    """Number of seeds, from 0 on, that every model is trained with."""
    epochs: int = 0
    """Passes over the training images, of every model; 0 for those of the recipes."""
    budget: str = ""
    """Instead of epochs: how long each model trains, over all its seeds, such as 60s, 5m, 1h."""
    dataset: str | None = None
    """The name or the path of the data, if what the run recorded no longer leads to them."""
    density: DensityKind = "none"
    """Fit a mixture, or a flow, to the codes of every model that encodes, and measure its samples
    too."""


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax compare")

    def work() -> None:
        enable_compilation_cache()
        recipes = find_recipes(options.names)
        page = compare_recipes(recipes, options) if recipes else compare_runs(options)
        print(f"open in a browser: {page}")

    return run(work, options, "stopped. The same command continues.")


def find_recipes(names: tuple[str, ...]) -> dict[str, Recipe]:
    """Return the recipes that are to be trained; none where the names are those of runs."""
    if len(names) == 1 and names[0] in SETTINGS:
        return match_models(SETTINGS[names[0]])
    if any(_is_run(name) or not names_recipe(name) for name in names):
        return {}
    found = dict(map(find_recipe, names))
    return {name: replace(recipe, **contenders.MEASURED) for name, recipe in found.items()}


def _is_run(name: str) -> bool:
    return any((place / "config.json").exists() for place in (Path(name), Path("runs", name)))


def compare_recipes(recipes: Mapping[str, Recipe], options: Options) -> Path:
    """Train what is missing of the comparison, and write the report; return its path.

    Raises `UserError` on a bad option, recipes of different data, or where the folder holds runs of
    another configuration.
    """
    check_integer(options.epochs, "epochs", least=0)
    check_integer(options.seeds, "seeds", least=1)
    if options.epochs and options.budget:
        raise UserError("epochs= and budget= both say how long to train: give one of them.")
    data = {name: (recipe.dataset, recipe.num_train) for name, recipe in recipes.items()}
    if len(set(data.values())) > 1:
        raise UserError(f"the recipes must have the same training images, but have {data}.")
    out = options.out or Path("runs", "-".join(("compare", *options.names)))
    recipes = _set_budget(recipes, options, out)
    if options.density != "none":
        recipes = {name: replace(r, density=options.density) for name, r in recipes.items()}
    results = run_series(recipes, out, options.seeds)
    first = next(iter(recipes.values()))
    train_set, test_set = first.load_resident()
    models = [recipe.model for recipe in recipes.values()]
    classifier = get_classifier(*replace(first, num_train=0).load_resident(), models=models)
    folders = {name: [run_path(out, name, n) for n in range(options.seeds)] for name in recipes}
    if not contenders.are_judged_alike(results.values(), classifier):
        every = [folder for group in folders.values() for folder in group]
        measured = contenders.measure_runs(every, options.dataset, options.density)
        return comparison_report.write_report(out, *measured)
    compared = [
        contenders.make_contender(name, folders[name], results[name], test_set, classifier)
        for name in recipes
    ]
    return comparison_report.write_report(out, compared, train_set, test_set, classifier)


def _set_budget(recipes: Mapping[str, Recipe], options: Options, out: Path) -> Mapping[str, Recipe]:
    """Return the recipes with the epochs, or the time to train, that are asked for."""
    if options.epochs:
        return {name: _set_epochs(recipe, options.epochs) for name, recipe in recipes.items()}
    if options.budget:
        seconds = budget.parse_duration(options.budget) / options.seeds
        return budget.fit_to_budget(recipes, seconds, out)
    return recipes


def _set_epochs(recipe: Recipe, epochs: int) -> Recipe:
    return replace(recipe, training=replace(recipe.training, epochs=epochs))


def compare_runs(options: Options) -> Path:
    """Write the report on runs that exist; return its path.

    Raises `UserError` where they cannot be compared.
    """
    if not options.names:
        raise UserError(
            "which models? As in: genjax compare mnist, or genjax compare runs/vae-mnist"
            " runs/dcgan-mnist"
        )
    folders = [Path(name) for name in options.names]
    out = options.out or Path("runs/compare")
    measured = contenders.measure_runs(folders, options.dataset, options.density)
    return comparison_report.write_report(out, *measured)
