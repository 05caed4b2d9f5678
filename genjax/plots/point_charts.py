"""Models of points in the plane: samples, densities, discriminators, and a film of them.

An image of one row and two pixels, such as those of `genjax.data.load("ring")`, is a point: its
first pixel is x, its second y.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from numpy.typing import ArrayLike

from genjax.errors import UserError, check_images, check_integer
from genjax.latents.sampling import sample, score
from genjax.metrics.likelihood import importance_weighted_nll
from genjax.model import CanScore, EstimatesLogProb, HasBound, HasLogProb, Observes, Params
from genjax.model.compiling import jit
from genjax.model.random_keys import as_key
from genjax.plots.chart import Axes, Figure, figure_of, make_saver, new_axes
from genjax.plots.grids import prepare_path
from genjax.runs.files import replace_file
from genjax.training.callbacks import Callback

_SHAPE = (1, 2, 1)
_DRAWS = 100  # importance samples of the density of a VAE
_HOLD = 1500  # milliseconds of a film's last frame


def plot_points(
    images: ArrayLike, axes: Axes | None = None, *, colour: str = "#d1495b", name: str = ""
) -> Figure:
    """Plot images [N, 1, 2, 1] as points of the unit square.

    >>> plot_points(np.zeros((3, 1, 2, 1))).axes[0].collections[0].get_offsets().shape
    (3, 2)
    """
    axes = new_axes(3.2, 3.4) if axes is None else axes
    points = np.asarray(check_images(images, _SHAPE)).reshape(-1, 2)
    axes.scatter(points[:, 0], points[:, 1], s=3, c=colour, alpha=0.6, linewidths=0, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=[], yticks=[])
    return figure_of(axes)


def measure_plane(
    params: Params, key: PRNGKeyArray | int = 0, size: int = 64
) -> tuple[str, Float[Array, "size size"]] | None:
    """Measure what a model says of every point of the plane: its density, or its scores.

    Args:
        params: of a model of images [1, 2, 1].
        key: draws what an estimate of the density needs.
        size: points along each side of the unit square.

    Returns:
        The name of the field, "density" (the largest value is 1; of a VAE the importance-weighted
        bound of 100 samples) or "score" (of the discriminator), and its values, the lowest row
        first. None of a model that has neither.

    >>> model = genjax.GAN(image_shape=(1, 2, 1), hidden=(8,), discriminator_hidden=(8,))
    >>> name, field = measure_plane(genjax.init(model, 0), size=4)
    >>> name, field.shape
    ('score', (4, 4))
    """
    if tuple(params.model.image_shape) != _SHAPE:
        raise UserError(
            f"the model's images are {params.model.image_shape}, but points of the plane are"
            f" {_SHAPE}, such as those of genjax.data.load('ring')."
        )
    x = _list_points(check_integer(size, "size"))
    log_density = _measure_log_density(params, x, as_key(key))
    if log_density is not None:
        density = jnp.exp(log_density - jnp.max(log_density))
        return "density", density.reshape(size, size)
    if isinstance(params.model, CanScore):
        return "score", score(params, x).reshape(size, size)
    return None


def _list_points(size: int) -> Float[Array, "n 1 2 1"]:
    """Return the centres of the cells of the unit square as bytes, row by row, x changing first."""
    centres = jnp.rint(255 * (jnp.arange(size) + 0.5) / size) / 255
    y, x = jnp.meshgrid(centres, centres, indexing="ij")
    return jnp.stack([x, y], axis=-1).reshape(-1, *_SHAPE)


@jit
def _measure_log_density(
    params: Params, x: Float[Array, "n 1 2 1"], key: jax.Array
) -> Float[Array, " n"] | None:
    model, (key_x, key_draws) = params.model, jax.random.split(key)
    observed = model.observe(x, key_x) if isinstance(model, Observes) else x
    if isinstance(model, HasLogProb):
        return model.log_prob(params, observed)
    if isinstance(model, EstimatesLogProb):
        return jnp.mean(model.estimate_log_prob(params, x, key_draws), axis=0)
    if isinstance(model, HasBound):
        return -importance_weighted_nll(params, observed, key_draws, num_samples=_DRAWS)
    return None


def plot_plane(
    params: Params,
    axes: Axes | None = None,
    *,
    key: PRNGKeyArray | int = 0,
    num: int = 1_000,
    size: int = 64,
) -> Figure:
    """Plot samples of a model of points over its density, or over its discriminator's scores.

    Scores are red where the discriminator takes a point for a sample, blue where for data.

    >>> model = genjax.MADE(image_shape=(1, 2, 1), hidden=(8,), levels=256)
    >>> figure = plot_plane(genjax.init(model, 0), num=5, size=4)
    >>> figure.axes[0].get_title()
    'density and samples'
    """
    axes = new_axes(3.2, 3.4) if axes is None else axes
    key_samples, key_field = jax.random.split(as_key(key))
    field = measure_plane(params, key_field, size)
    plot_points(sample(params, key_samples, num), axes)
    if field is None:
        axes.set_title("samples")
        return figure_of(axes)
    name, values = field
    shade = np.asarray(values)
    most = max(float(np.abs(shade).max()), 1e-6)
    colours, least = ("Blues", 0.0) if name == "density" else ("RdBu", -most)
    axes.imshow(
        shade,
        cmap=colours,
        vmin=least,
        vmax=most,
        extent=(0, 1, 0, 1),
        origin="lower",
        interpolation="bilinear",
        zorder=0,
    )
    if name == "score":
        axes.collections[0].set_facecolor("#222222")
    axes.set_title(f"{name} and samples")
    return figure_of(axes)


save_points = make_saver(plot_points)
save_plane = make_saver(plot_plane)


class PlaneFilm(Callback):
    """Film a model of points while it trains: a callback of `fit`, which a notebook shows.

    Args:
        every: epochs from one frame to the next.
        num: samples in each frame, of the same noise in all.
        size: points along each side of the field behind them.

    >>> film = PlaneFilm(every=2)
    >>> film.frames
    []
    """

    def __init__(self, every: int = 1, num: int = 500, size: int = 48):
        self.every, self.num = check_integer(every, "every"), check_integer(num, "num")
        self.size = check_integer(size, "size")
        self.frames: list[Any] = []

    def on_start(self, epoch: int, params: Params, metrics: Sequence[Mapping[str, Any]]) -> None:
        if epoch == 0:
            self.frames.append(self._draw(0, params))

    def on_epoch(self, epoch: int, params: Params, metrics: Mapping[str, Any]) -> None:
        if epoch % self.every == 0:
            self.frames.append(self._draw(epoch, params))

    def _draw(self, epoch: int, params: Params) -> Any:
        from PIL import Image

        figure = plot_plane(params, num=self.num, size=self.size)
        figure.axes[0].set_title(f"epoch {epoch}")
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=80)
        return Image.open(file).convert("RGB").quantize(64)

    def save(self, path: str | Path, seconds: float = 6.0) -> None:
        """Write the film as an endless GIF that takes so many seconds and holds the last frame."""
        data = self._encode(seconds)
        replace_file(prepare_path(path), lambda file: file.write(data))

    def _encode(self, seconds: float = 6.0) -> bytes:
        if not self.frames:
            raise UserError("the film has no frame yet: give it to fit, as callbacks=[film].")
        first, *rest = self.frames
        durations = [max(40, int(1000 * seconds / len(self.frames)))] * len(rest) + [_HOLD]
        file = io.BytesIO()
        first.save(
            file, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0
        )
        return file.getvalue()

    def _repr_html_(self) -> str:
        data = base64.b64encode(self._encode()).decode()
        return f'<img alt="Samples over training" src="data:image/gif;base64,{data}">'
