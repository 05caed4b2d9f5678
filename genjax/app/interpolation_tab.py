"""The tab of the ways from one image to another."""

from typing import Any

import numpy as np

from genjax import plots
from genjax.app.components import SOON, gr, key_of, picture
from genjax.app.explorer import Explorer, large

_REAL, _DRAWING, _RANDOM = "a real image", "a drawing", "a random draw"
_SHEET = 280  # pixels a side, to draw on


def tab(explorer: Explorer, page: gr.Blocks) -> None:
    gr.Markdown(
        "Choose two ends, and see what the model decodes on the way between their latents:"
        " *spherical* keeps latents as long as random ones are, *linear* is the straight line."
        + (
            " Of a drawing, the small picture is what the model is given."
            if explorer.encodes
            else ""
        )
    )
    with gr.Row():
        ends = [_end(explorer, "from", 0), _end(explorer, "to", 1)]
    shape = gr.Radio(["spherical", "linear"], value="spherical", label="way")
    strip = picture(None, "strip")

    def draw(shape: str, *values: Any) -> list:
        found = [_found(explorer, *values[:3]), _found(explorer, *values[3:])]
        (start, first), (end, last) = found
        way = explorer.way(start, end, spherical=shape == "spherical")
        return [large(first), large(last), plots.enlarge(way, 4)]

    (first, *controls), (last, *others) = ends
    inputs, outputs = [shape, *controls, *others], [first, last, strip]
    changed = [control.input for control in inputs]
    gr.on([page.load, *changed], draw, inputs, outputs, api_name="way", **SOON)


def _end(explorer: Explorer, name: str, number: int) -> tuple:
    """An end: its picture; and the controls: what it is, its number, the drawing."""
    sources = [_REAL] * explorer.shows_real + [_DRAWING] * explorer.encodes + [_RANDOM]
    paper = int(255 * explorer.paper)
    sheet = np.full((_SHEET, _SHEET, 3), paper, np.uint8)
    with gr.Column():
        source = gr.Radio(sources, value=sources[0], label=name, elem_id=f"{name}-source")
        index = gr.Number(number, precision=0, minimum=0, label="its number")
        with gr.Row():
            drawing = gr.Sketchpad(
                sheet, scale=2, height=400, visible=False,
                canvas_size=(_SHEET, _SHEET), fixed_canvas=True, layers=False, transforms=(),
                brush=gr.Brush(12, ["#000000" if paper else "#ffffff"]), label="draw here",
                type="filepath", image_mode="RGB", format="png", elem_id=f"{name}-drawing",
            )  # fmt: skip
            end = picture(None, name, 200)

    def show(source: str) -> tuple:
        drawn = source == _DRAWING
        return gr.update(visible=not drawn), gr.update(visible=drawn)

    source.change(show, source, [index, drawing], **SOON)
    drawing.clear(lambda: sheet, None, drawing, **SOON)  # else it would be white
    return end, source, index, drawing


def _found(
    explorer: Explorer, source: str, number: int | None, drawing: dict | None
) -> tuple[np.ndarray, np.ndarray]:
    """The latents of an end, and its image, before it is encoded."""
    if source == _RANDOM:
        z = explorer.random(key_of(number))
        return z, explorer.decode(z)
    if source == _DRAWING:
        image = explorer.drawn((drawing or {}).get("composite"))
    else:
        image = explorer.real(number or 0)
    return explorer.encode(image), image
