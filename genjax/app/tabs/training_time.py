"""The tab of the training: a slider over its epochs, and samples of the same latents."""

from collections.abc import Mapping

import numpy as np

from genjax import plots
from genjax.app.components import LATEST, gr, make_picture


def add_training_tab(progression: Mapping[int, np.ndarray]) -> None:
    """Add the tab of the samples that a run kept, uint8 [N, H, W, C], by epoch."""
    epochs = sorted(progression)
    gr.Markdown(
        "Samples of the same latents after more and more epochs, from the weights before the"
        " training (epoch 0) to the last. The slider shows"
        " the nearest of the epochs that were kept."
    )
    slider = gr.Slider(
        epochs[0], epochs[-1], epochs[-1], step=1, label="epoch", elem_id="epoch", buttons=[]
    )

    def show(value: float) -> tuple:
        epoch = min(epochs, key=lambda epoch: abs(epoch - value))
        canvas = plots.make_grid(progression[epoch])
        return f"**After epoch {epoch}** of {epochs[-1]}", plots.enlarge(canvas, 3)

    said, drawn = show(epochs[-1])
    text = gr.Markdown(said)
    with gr.Row():
        with gr.Column(scale=3):
            picture = make_picture(drawn, "progression")
        gr.Column(scale=2)
    slider.input(show, slider, [text, picture], api_name="progression", **LATEST)
