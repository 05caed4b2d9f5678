"""A page to play with a trained model: its latents as sliders and as a plane, ways between images.

    import genjax.app
    genjax.app.launch(genjax.load("runs/vae-mnist"), genjax.data.load("mnist", "test"))

Works in a browser and in a notebook, without a network. Needs gradio, which nothing else in genjax
does; the pictures come from `genjax.app.explorer`. What the page offers follows from the parts that
the model has.
"""

from genjax.app.page import build, launch

__all__ = ["build", "launch"]
