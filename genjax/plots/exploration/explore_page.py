"""The page about a trained model: every panel that the model and its data allow."""

from pathlib import Path

from genjax.errors import UserError
from genjax.model import registered_name
from genjax.plots.equations import show_equations
from genjax.plots.exploration import latent_panels, sample_panels, traversal_panels
from genjax.plots.exploration.explored import NUM_IMAGES, PANELS, Explored, Panel
from genjax.plots.sections import Section, make_page, write_page
from genjax.runs import run_folder
from genjax.runs.progress import progress

_OPENING = ("samples", "curves")
_MODULES = [
    module.__name__ for module in (sample_panels, latent_panels, traversal_panels)
]  # order of the page


def list_panels() -> list[Panel]:
    """List all panels in the order of the page."""
    return sorted(PANELS, key=lambda panel: _MODULES.index(panel.draw.__module__))


def write_exploration(
    folder: Path, explored: Explored, weights: Path, dataset: str | None = None
) -> Path:
    """Draw every panel into the folder `explore` of a run, and write index.html; return its path.

    A panel that the model refuses, or that its latents do not allow, is left out; the page says
    why.

    Args:
        folder: the run's folder.
        explored: the model and its data.
        weights: where the weights lie, for the code on the page.
        dataset: the name or the path of the data, if what the run recorded no longer leads to them.
    """
    sections, notes = [], []
    for panel in progress(list_panels(), unit=" panels", desc="exploring"):
        path = folder / "explore" / f"{panel.name}.png"
        try:
            if panel.suits(explored):
                text = panel.draw(explored, path)
                code = panel.code.replace('"mixture"', f'"{explored.density_kind}"')
                sections.append(Section(panel.name, panel.title, path, text, code))
        except UserError as error:
            notes.append(f"Left out: “{panel.title}”: {error}")
    opening = [s for s in sections if s.name in _OPENING]
    rest = [s for s in sections if s.name not in _OPENING]
    html = make_page(
        f"A look into {folder.name}",
        _list_facts(explored, weights),
        _write_setup(explored, weights, dataset),
        [*opening, _show_loss(explored), *rest],
        notes,
    )
    return write_page(folder / "explore" / "index.html", html)


def _show_loss(explored: Explored) -> Section:
    equations = show_equations(explored.model)
    return Section("loss", "What the training minimises", None, "", "", markup=equations)


def _list_facts(explored: Explored, weights: Path) -> dict[str, str]:
    """Return the rows of the table at the top of the page."""
    model, test_set = explored.model, explored.test_set
    latent_dim = getattr(model, "latent_dim", None)
    latents = f", {latent_dim} latents" if latent_dim else ""
    return {
        "model": f"{registered_name(model)}{latents}",
        "weights": f"the best of the run, {run_folder.BEST}" if weights.is_file() else "the last",
        "data": f"{test_set.name}, {len(test_set):,} test images of {test_set.image_shape}",
        "source": test_set.source,
    }


def _write_setup(explored: Explored, weights: Path, dataset: str | None) -> str:
    """Return the lines of Python that the code of every section continues."""
    if dataset := dataset or explored.test_set.path:
        size = explored.model.image_shape[:2]
        load = f"train, test = genjax.data.resolve({dataset!r}, image_size={size})"
    else:
        load = f'train, test = genjax.data.resolve("{explored.test_set.name}")'
    return "\n".join(
        [
            "import json, pathlib, genjax, jax, jax.numpy as jnp, numpy as np",
            f'params = genjax.load("{weights}")',
            load,
            f"train, test = (genjax.plots.draw_examples(d, {NUM_IMAGES}) for d in (train, test))",
            "images, labels, train_images = test.images / 255.0, test.labels, train.images / 255.0",
            *(["z = genjax.encode(params, images)"] if explored.encodes else []),
            *_metrics_code(explored, weights),
            "key = jax.random.key(0)  # every section uses another one",
        ]
    )


def _metrics_code(explored: Explored, weights: Path) -> list[str]:
    folder = weights.parent if weights.is_file() else weights
    path = folder / "metrics.jsonl"
    lines = f'pathlib.Path("{path}").read_text().splitlines()'
    return [f"metrics = [json.loads(line) for line in {lines}]"] if explored.metrics else []
