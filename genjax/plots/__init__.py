"""Figures of images, of curves and of latent spaces, and the pages made of them."""

from genjax.plots.figures import (
    enlarged,
    finish,
    grid,
    save_by_density,
    save_curves,
    save_gif,
    save_grid,
    save_latent_scatter,
    save_latent_use,
    save_panels,
    save_strip,
    side_by_side,
    to_rgb,
    to_uint8,
)

__all__ = [
    "enlarged",
    "finish",
    "grid",
    "save_by_density",
    "save_curves",
    "save_gif",
    "save_grid",
    "save_latent_scatter",
    "save_latent_use",
    "save_panels",
    "save_strip",
    "side_by_side",
    "to_rgb",
    "to_uint8",
]
