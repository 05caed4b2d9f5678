"""How far does resampling by latents come where published debiasing was measured?
`python -m experiments.conflicting`.

Coloured digits of which 0.5, 1, 2 and 5% conflict with the bias, in the protocol of the published
table. Trains a debiasing VAE, and the same network as a plain classifier ("erm": empirical risk
minimisation, the cross-entropy alone with uniform sampling, for three times as many epochs). Both
have the three hidden layers of 100 units of the published classifiers; at 0.5% a convolutional
network is trained too.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from experiments.debias import load_debiased
from experiments.study import Study
from genjax.models import DebiasingVAE
from genjax.plots.debias_page import write_debias_page
from genjax.recipes import RECIPES, Recipe
from genjax.recipes.debiasing import CONFLICTING
from genjax.recipes.series import make_rows, run_path
from genjax.runs.files import read_json

SHARES = ("0.5", "1", "2", "5")  # of conflicting images, %
PUBLISHED = {  # accuracy on unbiased test images, %: DeNetDM (Vadakkeeveetil Sreelatha et al. 2024,
    # NeurIPS), table 1
    "ERM": (35.3, 50.3, 62.3, 77.6),
    "LfF (Nam et al. 2020)": (63.4, 74.0, 80.5, 85.4),
    "DFA (Lee et al. 2021)": (59.1, 71.0, 82.9, 88.3),
    "DeNetDM (2024)": (74.7, 85.2, 89.3, 93.5),
}
COLUMNS = {
    "accuracy": "unbiased test set",
    "accuracy_group_0": "own colour",
    "accuracy_group_1": "another colour",
    "seen_rare": "conflicting images seen",
}
_CROSS_ENTROPY = 1e6  # its weight, beside which the VAE's terms count for nothing
_EPOCHS = 6  # of the plain classifier
_PAGE = ("0.5", "5")  # the shares on the page


def _make_recipes() -> dict[str, Recipe]:
    named = RECIPES[CONFLICTING]
    assert isinstance(named.model, DebiasingVAE)
    convolutional = replace(named.model, network="conv", channels=(8, 16), hidden=(64,))
    models = {share: (share, named.model) for share in SHARES}
    models[f"conv-{SHARES[0]}"] = SHARES[0], convolutional
    recipes = {}
    for name, (share, model) in models.items():
        debiased = replace(named, dataset=f"mnist_coloured_{share}", model=model)
        recipes[f"debiased-{name}"] = debiased
        recipes[f"erm-{name}"] = _make_plain(debiased, model)
    return recipes


def _make_plain(debiased: Recipe, model: DebiasingVAE) -> Recipe:
    return replace(
        debiased,
        model=replace(model, resampling="none", class_weight=_CROSS_ENTROPY),
        training=replace(debiased.training, epochs=_EPOCHS),
    )


def draw(out: Path, recipes: Mapping[str, Recipe]) -> None:
    """Write the page of the first seed's debiased runs."""
    runs = []
    for share in _PAGE:
        pair = {name: recipes[name] for name in (f"erm-{share}", f"debiased-{share}")}
        results = {
            name: [read_json(path) for path in sorted(out.glob(f"{name}-*/result.json"))]
            for name in pair
        }
        rows = make_rows(results, COLUMNS)
        runs.append(load_debiased(run_path(out, f"debiased-{share}"), pair, rows))
    write_debias_page(out, runs, {})


STUDY = Study("conflicting", _make_recipes(), COLUMNS, draw, seeds=5)

if __name__ == "__main__":
    sys.exit(STUDY.main(sys.argv[1:]))
