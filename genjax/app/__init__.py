"""A page in the browser on which a trained model can be played with.

    import genjax.app
    genjax.app.launch(genjax.load("runs/vae-mnist"), genjax.data.load("mnist", "test"))

Latents are sliders and points of a plane; images can be interpolated; samples can be drawn. The
page offers what the model can do. It works in a browser and in a notebook, without a network, and
needs gradio, which nothing else in genjax does. `genjax.app.explorer` makes its pictures.
"""

from genjax.app.app_page import build
from genjax.app.server import launch

__all__ = ["build", "launch"]
