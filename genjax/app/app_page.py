"""The page of the app: a title and the tabs that the model allows."""

from collections.abc import Mapping

import numpy as np

from genjax.app.components import gr
from genjax.app.explorer import Explorer
from genjax.app.tabs.image_pairs import add_interpolation_tab
from genjax.app.tabs.latent_point import add_latents_tab
from genjax.app.tabs.sample_grids import add_samples_tab
from genjax.app.tabs.training_time import add_training_tab
from genjax.data import Dataset
from genjax.latents import LatentDensity
from genjax.model import Params, registered_name
from genjax.plots.equations import show_equations
from genjax.runs.files import enable_compilation_cache

_FILES_LIVE = 600  # seconds, of pictures that were made for a visitor


def build(
    params: Params,
    dataset: Dataset | None = None,
    beside: Params | None = None,
    names: tuple[str, str] = ("", ""),
    progression: Mapping[int, np.ndarray] | None = None,
    density: LatentDensity | None = None,
) -> gr.Blocks:
    """Build the page, and compile all that it computes.

    Args:
        params: the model. One without latents to decode gets samples alone.
        dataset: images that a model which encodes can be shown; the order of the latents and how
            far they can be moved are measured on them.
        beside: another model, whose samples are shown beside those of `params`.
        names: of the two, for the page; by default what they are registered as.
        progression: samples of the same latents by epoch, uint8 [N, H, W, C], as from
            `genjax.plots.run_figures.read_progression`; a slider moves through them.
        density: where the latents of `params` are drawn (`genjax.fit_density`), if not from the
            prior.

    Raises:
        UserError: if the images of `dataset` have another shape than the model's.
    """
    enable_compilation_cache()
    explorers = [Explorer(params, dataset, density)]
    explorers += [Explorer(beside)] if beside is not None else []
    for explorer in explorers:
        explorer.compile()
    titles = [
        name or registered_name(explorer.params.model)
        for name, explorer in zip(names, explorers, strict=False)
    ]
    lifetime = (_FILES_LIVE, _FILES_LIVE)
    page = gr.Blocks(title=f"genjax: {titles[0]}", analytics_enabled=False, delete_cache=lifetime)
    with page:
        gr.Markdown(f"## {titles[0]}\n{_describe(explorers[0])}")
        if explorers[0].decodes:
            with gr.Tab("Latents"):
                add_latents_tab(explorers[0])
            with gr.Tab("Interpolation"):
                add_interpolation_tab(explorers[0], page)
        with gr.Tab("Samples"):
            add_samples_tab(explorers, titles)
        if progression and len(progression) > 1:
            with gr.Tab("Training"):
                add_training_tab(progression)
        with gr.Tab("Loss"):
            gr.HTML(f'<div id="loss">{show_equations(params.model)}</div>')
    return page


def _describe(explorer: Explorer) -> str:
    model = explorer.params.model
    height, width, channels = model.image_shape
    colour = "grey" if channels == 1 else "colour"
    image = f"a {colour} image of {height}x{width} pixels"
    text = f"A model of the kind *{registered_name(model)}*"
    if not explorer.decodes:
        return f"{text}: it samples {image}. It has no latents to move, so that is all it shows."
    text += f": from {explorer.latent_dim} numbers, the latents, it decodes {image}."
    if explorer.use:
        text += f" {explorer.use.active.sum()} of the latents are active."
    if explorer.density is not None:
        text += f" Random latents are draws from {explorer.density.describe()}, fitted to codes."
    return text
