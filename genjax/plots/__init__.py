"""Grids of images, charts, and the pages made of them.

Each `plot_*` function returns a matplotlib figure, and draws on the axes that it is given, if any;
each `save_*` function writes a file.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genjax.plots.chart import save_figure
    from genjax.plots.charts import (
        plot_latent_scatter,
        plot_latent_use,
        plot_scores,
        save_latent_scatter,
        save_latent_use,
        save_scores,
    )
    from genjax.plots.curves import plot_curves, save_curves
    from genjax.plots.examples import draw_examples
    from genjax.plots.grids import (
        alternate_rows,
        enlarge,
        make_grid,
        save_gif,
        save_grid,
        to_rgb,
        to_uint8,
    )
    from genjax.plots.image_charts import (
        plot_by_density,
        plot_interpolations,
        plot_manifold,
        plot_panels,
        plot_reconstructions,
        plot_strip,
        save_by_density,
        save_interpolations,
        save_manifold,
        save_panels,
        save_reconstructions,
        save_strip,
    )
    from genjax.plots.point_charts import (
        PlaneFilm,
        measure_plane,
        plot_plane,
        plot_points,
        save_plane,
        save_points,
    )
    from genjax.plots.step_chart import plot_steps, save_steps

__all__ = [
    "PlaneFilm",
    "alternate_rows",
    "draw_examples",
    "enlarge",
    "make_grid",
    "measure_plane",
    "plot_by_density",
    "plot_curves",
    "plot_interpolations",
    "plot_latent_scatter",
    "plot_latent_use",
    "plot_manifold",
    "plot_panels",
    "plot_plane",
    "plot_points",
    "plot_reconstructions",
    "plot_scores",
    "plot_steps",
    "plot_strip",
    "save_by_density",
    "save_curves",
    "save_figure",
    "save_gif",
    "save_grid",
    "save_interpolations",
    "save_latent_scatter",
    "save_latent_use",
    "save_manifold",
    "save_panels",
    "save_plane",
    "save_points",
    "save_reconstructions",
    "save_scores",
    "save_steps",
    "save_strip",
    "to_rgb",
    "to_uint8",
]

_MODULES = (
    "grids",
    "examples",
    "image_charts",
    "charts",
    "curves",
    "point_charts",
    "step_chart",
    "chart",
)


def __getattr__(name: str) -> Any:
    """Load the module of a function, and with it matplotlib, when it is first used."""
    if name in __all__:
        for module in _MODULES:
            found = vars(import_module(f"{__name__}.{module}"))
            if name in found:
                return found[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
