"""The tab of one point in the latent space: plane, picture and sliders show the same z."""

import os
from typing import Any

import numpy as np

from genjax.app.components import SOON, gr, key_of, picture
from genjax.app.explorer import Explorer, large

SLIDERS = 32  # at most


def tab(explorer: Explorer) -> None:
    """Latents without a slider keep their value in `rest`, a z of each visitor's own."""
    shown = explorer.order[:SLIDERS]
    across, up = (0, 1) if explorer.latent_dim == 2 else (shown[0], shown[min(1, len(shown) - 1)])
    first = explorer.random(key_of(0))
    rest = gr.State(first)
    gr.Markdown(_guidance(explorer))
    with gr.Row():
        with gr.Column(scale=5):
            gr.Markdown("**The plane of two latents:** click on it.")
            plane = picture(explorer.plane(first, across, up), "plane")
            with gr.Row(visible=explorer.latent_dim > 2):
                choices = [(name(explorer, d), d) for d in shown]
                axes = [
                    gr.Dropdown(choices, value=d, label=label, min_width=120)
                    for d, label in ((across, "from left to right"), (up, "from bottom to top"))
                ]
        with gr.Column(scale=4):
            gr.Markdown("**The image**")
            decoded = picture(large(explorer.decode(first)), "picture")
            with gr.Row():
                random = gr.Button("random", min_width=60, elem_id="random")
                reset = gr.Button("zero", min_width=60, elem_id="zero")
                real = gr.Button("real", min_width=60, visible=explorer.shows_real, elem_id="real")
            with gr.Column(visible=False) as encoded:
                gr.Markdown("**The real image** that these latents were encoded from")
                original = picture(None, "original", 200)
        with gr.Column(scale=4):
            gr.Markdown("**The latents**")
            with gr.Column(elem_id="latents"):
                sliders = [slider(explorer, d, first[d]) for d in shown]

    def point(rest: np.ndarray, values: tuple[float, ...]) -> np.ndarray:
        z = rest.copy()
        z[shown] = values
        return z

    def move(rest: np.ndarray, *values: float) -> Any:
        return large(explorer.decode(point(rest, values)))

    def redraw(rest: np.ndarray, across: int, up: int, *values: float) -> np.ndarray:
        return explorer.plane(point(rest, values), across, up)

    def go(z: np.ndarray, across: int, up: int, image: np.ndarray | None = None) -> list:
        """Everything at `z`, which `image` was encoded to."""
        found = gr.update(visible=image is not None), None if image is None else large(image)
        values = np.round(z[shown].astype(float), 3).tolist()
        return [z, large(explorer.decode(z)), explorer.plane(z, across, up), *found, *values]

    def click(event: gr.SelectData, rest: np.ndarray, across: int, up: int, *values: float) -> list:
        z = explorer.at(point(rest, values), across, up, *event.index)
        return go(z, across, up)

    def go_to_random(across: int, up: int) -> list:
        return go(explorer.random(key_of(_unforeseen())), across, up)

    def go_to_real(across: int, up: int) -> list:
        image = explorer.real(_unforeseen())
        return go(explorer.clipped(explorer.encode(image)), across, up, image)

    def go_to_zero(across: int, up: int) -> list:
        return go(np.zeros_like(first), across, up)

    everything = [rest, decoded, plane, encoded, original, *sliders]
    moved = [s.input for s in sliders]
    settled = [s.release for s in sliders] + [a.input for a in axes]
    gr.on(moved, move, [rest, *sliders], decoded, api_name="move", **SOON)
    gr.on(settled, redraw, [rest, *axes, *sliders], plane, api_name="plane", **SOON)
    plane.select(click, [rest, *axes, *sliders], everything, api_name="click", **SOON)
    for button, answer in ((random, go_to_random), (real, go_to_real), (reset, go_to_zero)):
        button.click(answer, axes, everything, **SOON)


def _unforeseen() -> int:
    return int.from_bytes(os.urandom(4))


def _guidance(explorer: Explorer) -> str:
    """What to do here, and what it means; how many latents have no slider."""
    text = "Move a slider, or click on the plane, and see what the model decodes from the latents."
    if explorer.latent_dim > 2:
        text += " The plane moves two of them, and leaves the others as they are."
    if explorer.num_classes:
        text += f" The largest of the first {explorer.num_classes} gives the image its class."
    if explorer.use and explorer.latent_dim > 1:
        text += f" On top are the latents that tell most of an image ({explorer.use.measure})."
    if explorer.latent_dim > SLIDERS:
        text += f" {SLIDERS} of the {explorer.latent_dim} latents have a slider."
    return text


def name(explorer: Explorer, d: int) -> str:
    if explorer.use is None:
        return f"z[{d}]"
    unit = explorer.use.measure.split()[-1]
    return f"z[{d}] · " + (
        f"{explorer.use.amount[d]:.1f} {unit}" if explorer.use.active[d] else "not in use"
    )


def slider(explorer: Explorer, d: int, value: float) -> gr.Slider:
    extent, label = float(explorer.extents[d]), name(explorer, d)
    return gr.Slider(-extent, extent, round(float(value), 3), step=0.001, label=label, buttons=[])
