"""What the app shows of a trained model, as pictures; nothing here knows the page.

(1) extent_d = ceil max(4, 1.2 max_x |E_q[z_d|x]|)     how far latent d can be moved either way
(2) plane    : z_across from -reach to reach from left to right, z_up from bottom to top, the reach
               of a latent 3/4 of its extent; every cell shows the image of its centre

Latents `z` are float32 [D], pictures uint8 [height, width, 3].
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax import latents, plots
from genjax.data import Dataset
from genjax.data.picture import read_picture
from genjax.latents import LatentUse, latent_use
from genjax.metrics.images import check_shape
from genjax.model import CanDecode, CanEncode, Params, is_class_conditional, require

_MEASURED = 1_000  # images that rates and extents are measured on
_SIDE = 480  # pixels, about, of a picture
_STEPS = 10  # of a way between two latents
_SAMPLES, _WAYS = 36, 4
_MARK = np.array([255, 120, 0], np.uint8)


def centres(num: int) -> jax.Array:
    """The centres of `num` cells of the same size that fill [-1, 1]."""
    return (2 * jnp.arange(num) + 1) / num - 1


class Explorer:
    """A trained model, and the images of the data set that it may be shown.

    Attributes:
        num_classes: of a GAN that knows classes; else 0.
        use: what the latents carry (`genjax.latent_use`), where the model encodes and there are
            images to measure on; else None.
        order: the latents in the order in which they are offered: those that carry most first, and
            those that are not in use last.
        extents: (1), or 4 where there is nothing to encode.
    """

    def __init__(self, params: Params, dataset: Dataset | None = None):
        """Raises `TypeError` if the model cannot decode, `UserError` on images of another shape."""
        model: Any = require(params.model, CanDecode)
        if dataset is not None:
            check_shape(model, dataset)
        self.params, self.model, self.dataset = params, model, dataset
        self.latent_dim: int = model.latent_dim
        self.num_classes: int = model.num_classes if is_class_conditional(model) else 0
        self.encodes = isinstance(model, CanEncode)
        self.shows_real = self.encodes and dataset is not None
        self.use: LatentUse | None = None
        self.extents = np.full(self.latent_dim, 4.0, np.float32)
        self.order = list(range(self.latent_dim))
        if dataset is not None and self.encodes:
            self._measure(dataset.draw_subset(min(_MEASURED, len(dataset))).images / 255.0)

    def _measure(self, images: jax.Array) -> None:
        z = np.asarray(latents.encode(self.params, images))
        self.extents = np.ceil(np.maximum(self.extents, 1.2 * np.abs(z).max(axis=0)))  # (1)
        use = jax.tree.map(np.asarray, latent_use(self.params, images, jax.random.key(0)))
        self.use, self.order = use, np.asarray(use.order).tolist()

    @property
    def reach(self) -> np.ndarray:
        """How far the plane goes, (2)."""
        return np.float32(0.75) * self.extents

    def clipped(self, z: np.ndarray) -> np.ndarray:
        return np.clip(np.asarray(z, np.float32), -self.extents, self.extents)

    def random(self, key: jax.Array) -> np.ndarray:
        """A draw from the prior."""
        return self.clipped(np.asarray(self.model.sample_latents(self.params, key, 1))[0])

    def real(self, number: int) -> np.ndarray:
        """Image `number` of the data set, [H, W, C]; beyond the last one it starts again."""
        assert self.dataset is not None
        return np.asarray(self.dataset.images[int(number) % len(self.dataset)]) / np.float32(255)

    def encode(self, image: np.ndarray) -> np.ndarray:
        """An image [H, W, C] -> its z."""
        return np.asarray(latents.encode(self.params, image[None]))[0]

    def decode(self, z: np.ndarray) -> np.ndarray:
        """-> an image [H, W, C]."""
        return np.asarray(latents.decode(self.params, z[None]))[0]

    def drawn(self, path: str | Path | None) -> np.ndarray:
        """A picture in a file, brought to the model's shape: [H, W, C]. No file is empty paper."""
        *size, channels = self.params.model.image_shape
        if path is None:
            return np.full((*size, channels), self.paper, np.float32)
        pixels = read_picture(Path(path), (size[0], size[1]), grey=channels != 3)
        return np.broadcast_to(pixels, (*size, channels)) / np.float32(255)

    @property
    def paper(self) -> float:
        """0 or 1: what the model's images have around their subject, black or white."""
        middle = self.decode(np.zeros(self.latent_dim, np.float32))
        return float(np.median(np.concatenate([middle[0], middle[-1]])) > 0.5)

    def cells(self) -> tuple[int, int]:
        """Rows and columns of the plane: as many as fit. Of one latent there is one row."""
        height, width, _ = self.params.model.image_shape
        rows, columns = (int(np.clip(_SIDE // side, 5, 21)) for side in (height, width))
        return (1 if self.latent_dim == 1 else rows), columns

    def plane(self, z: np.ndarray, across: int, up: int) -> np.ndarray:
        """(2), with a mark at `z`."""
        rows, columns = self.cells()
        axes = np.array([across, up])
        values = (self.reach[d] * centres(num) for d, num in ((across, columns), (up, rows)))
        images = latents.plane(self.params, z, axes, *values)
        height, width, _ = self.params.model.image_shape
        pixels = plots.to_rgb(images.reshape(-1, *images.shape[2:]))
        canvas = pixels.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
        canvas = canvas.reshape(rows * height, columns * width, 3)
        x = (z[across] / self.reach[across] + 1) / 2 * canvas.shape[1]
        y = (1 - z[up] / self.reach[up]) / 2 * canvas.shape[0]
        return marked(canvas, x, y if rows > 1 else height / 2)

    def at(self, z: np.ndarray, across: int, up: int, x: float, y: float) -> np.ndarray:
        """`z` moved to the point of the plane's picture at x, y: pixels from its top left."""
        height, width, _ = self.params.model.image_shape
        rows, columns = self.cells()
        z = z.copy()
        if rows > 1:
            z[up] = self.reach[up] * (1 - 2 * y / (rows * height))
        z[across] = self.reach[across] * (2 * x / (columns * width) - 1)
        return self.clipped(z)

    def way(self, start: np.ndarray, end: np.ndarray, spherical: bool) -> np.ndarray:
        """The strip of images from one z to another, ends included."""
        images = latents.interpolate(self.params, start[None], end[None], _STEPS, spherical)[0]
        return plots.make_grid(images, _STEPS)

    def samples(self, key: jax.Array) -> np.ndarray:
        """A grid of draws from the model."""
        return plots.make_grid(latents.sample(self.params, key, _SAMPLES))

    def ways(self, key: jax.Array) -> np.ndarray:
        """Ways between pairs of draws from the prior, none of them in `samples`, a row each."""
        key = jax.random.fold_in(key, 1)
        start, end = jnp.split(self.model.sample_latents(self.params, key, 2 * _WAYS), 2)
        images = latents.interpolate(self.params, start, end, _STEPS)
        return plots.make_grid(images.reshape(-1, *self.params.model.image_shape), _STEPS)

    def compile(self) -> None:
        """Runs everything once, so that nobody waits for the compiler."""
        z, key = np.zeros(self.latent_dim, np.float32), jax.random.key(0)
        image = self.decode(z)
        if self.encodes:
            self.encode(image)
        self.plane(z, 0, self.latent_dim - 1)
        self.way(z, z, True), self.way(z, z, False)
        self.samples(key), self.ways(key)


def marked(canvas: np.ndarray, x: float, y: float) -> np.ndarray:
    """The picture with a small cross at x, y."""
    canvas = canvas.copy()
    height, width, _ = canvas.shape
    row, column = int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))
    for length, thickness, colour in ((9, 2, 255), (8, 1, _MARK)):
        for high, wide in ((length, thickness), (thickness, length)):
            rows = slice(max(row - high, 0), row + high + 1)
            canvas[rows, max(column - wide, 0) : column + wide + 1] = colour
    return canvas


def large(image: np.ndarray) -> Any:
    """An image [H, W, C], its pixels as large squares: pillow's image."""
    pixels = plots.to_rgb(image[None])[0]
    return plots.enlarge(pixels, max(1, round(_SIDE / max(pixels.shape[:2]))))
