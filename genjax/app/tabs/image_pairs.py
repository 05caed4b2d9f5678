"""The tab of interpolations between two images."""

from typing import Any

import numpy as np

from genjax import plots
from genjax.app.canvas import enlarge_image
from genjax.app.components import DRAWING, LATEST, gr, limit_drawings, make_key, make_picture
from genjax.app.explorer import Explorer

_REAL, _DRAWING, _RANDOM = "a test image", "a drawing", "a random draw"
_SHEET = 280  # pixels a side, to draw on


def add_interpolation_tab(explorer: Explorer, page: gr.Blocks) -> None:
    """Add the tab; its pictures appear when the page opens."""
    gr.Markdown(
        "Choose two ends and see the images decoded between their latents: a *spherical*"
        " interpolation keeps latents as long as random ones, a *linear* one is the straight line."
        + (
            " The small picture shows what the model receives of a drawing."
            if explorer.encodes
            else ""
        )
    )
    with gr.Row():
        ends = [_add_end(explorer, "from", 0), _add_end(explorer, "to", 1)]
    shape = gr.Radio(["spherical", "linear"], value="spherical", label="interpolation")
    strip = make_picture(None, "strip")

    def draw(shape: str, *values: Any) -> list:
        start, first = _find_latents(explorer, *values[:3])
        end, last = _find_latents(explorer, *values[3:])
        images = explorer.draw_interpolation(start, end, spherical=shape == "spherical")
        return [enlarge_image(first), enlarge_image(last), plots.enlarge(images, 4)]

    (first, *controls), (last, *others) = ends
    inputs, outputs = [shape, *controls, *others], [first, last, strip]
    changed = [control.input for control in inputs]
    gr.on([page.load, *changed], draw, inputs, outputs, api_name="interpolate", **LATEST)


def _add_end(explorer: Explorer, name: str, number: int) -> tuple:
    """Add an end; return its picture, and its controls: the source, the number, the drawing."""
    sources = [_REAL] * explorer.shows_real + [_DRAWING] * explorer.encodes + [_RANDOM]
    background = int(255 * explorer.background)
    sheet = np.full((_SHEET, _SHEET, 3), background, np.uint8)
    limit_drawings()
    with gr.Column():
        source = gr.Radio(sources, value=sources[0], label=name, elem_id=f"{name}-source")
        label = "test image no. or random seed" if explorer.shows_real else "random seed"
        index = gr.Number(number, precision=0, minimum=0, label=label)
        with gr.Row():
            drawing = gr.Sketchpad(
                sheet, scale=2, height=400, visible=False,
                canvas_size=(_SHEET, _SHEET), fixed_canvas=True, layers=False, transforms=(),
                brush=gr.Brush(12, ["#000000" if background else "#ffffff"]), label="draw here",
                type="filepath", image_mode="RGB", format="png", elem_id=f"{name}-drawing",
                elem_classes=[DRAWING],
            )  # fmt: skip
            end = make_picture(None, name, 200)

    def show(source: str) -> tuple:
        drawn = source == _DRAWING
        return gr.update(visible=not drawn), gr.update(visible=drawn)

    source.change(show, source, [index, drawing], **LATEST)
    drawing.clear(lambda: sheet, None, drawing, **LATEST)  # else it would be white
    return end, source, index, drawing


def _find_latents(
    explorer: Explorer, source: str, number: float | None, drawing: dict | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the latents of an end, and its image before it is encoded."""
    if source == _RANDOM:
        z = explorer.draw_latents(make_key(number))
        return z, explorer.decode(z)
    if source == _DRAWING:
        image = explorer.read_drawing((drawing or {}).get("composite"))
    else:
        image = explorer.get_image(int(number or 0))
    return explorer.encode(image), image
