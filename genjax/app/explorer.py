"""Make the pictures that the app shows of a trained model. Nothing here knows the page.

(1) extent_d                  how far latent d can be moved either way, `latents.usage`
(2) plane    : z_across from -reach to reach from left to right, z_up from bottom to top, the reach
               of a latent 3/4 of its extent; every cell shows the image of its centre

Latents `z` are float32 [D], pictures uint8 [height, width, 3].
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from genjax import latents, plots
from genjax.app.canvas import SIDE, draw_mark, draw_points
from genjax.data import Dataset
from genjax.data.picture import read_picture
from genjax.errors import UserError
from genjax.latents import LatentDensity, LatentUse
from genjax.latents.usage import find_extents
from genjax.metrics.chunking import check_shape
from genjax.model import CanDecode, CanEncode, CanScore, Params, is_class_conditional

_NUM_MEASURED = 1_000  # images that rates and extents are measured on
_NUM_STEPS = 10  # of an interpolation
_NUM_SAMPLES, _NUM_INTERPOLATIONS = 36, 4
_NUM_POINTS = 200  # images of the data set, on the plane


def make_cell_centres(num: int) -> jax.Array:
    """Return the centres of `num` cells of equal size that fill [-1, 1].

    >>> make_cell_centres(2).tolist()
    [-0.5, 0.5]
    """
    return (2 * jnp.arange(num) + 1) / num - 1


class Explorer:
    """A trained model, and the images of the data set that it may be shown.

    Attributes:
        density: where latents are drawn, if not from the prior.
        decodes: whether the model has latents that it decodes; else it can only be sampled.
        encodes: whether it encodes images too.
        shows_real: whether there are images to encode.
        latent_dim: the number of latents; 0 where the model has none.
        num_classes: the number of classes that can be asked for; 0 where there are none.
        use: what the latents carry (`genjax.latent_use`); None where it cannot be measured.
        order: the latents, the one that carries most first, inactive ones last.
        extents: (1), or 4 where nothing can be encoded.
        points: the latents of some images of the data set, [P, D], and `labels`, [P], theirs.
        real_scores: a discriminator's scores of some images of the data set, [P].
    """

    def __init__(
        self,
        params: Params,
        dataset: Dataset | None = None,
        density: LatentDensity | None = None,
    ):
        """Raise `UserError` where the images of `dataset` have another shape than the model's."""
        model: Any = params.model
        if dataset is not None:
            check_shape(model, dataset)
        self.params, self.model, self.dataset = params, model, dataset
        self.density = density
        self.decodes = isinstance(model, CanDecode)
        self.encodes = self.decodes and isinstance(model, CanEncode)
        self.shows_real = self.encodes and dataset is not None
        self.latent_dim: int = model.latent_dim if self.decodes else 0
        self.num_classes: int = model.num_classes if is_class_conditional(model) else 0
        self.scores = isinstance(model, CanScore)
        self.use: LatentUse | None = None
        self.points = np.zeros((0, self.latent_dim), np.float32)
        self.labels = np.zeros(0, np.int32)
        self.real_scores = np.zeros(0, np.float32)
        self.extents = np.full(self.latent_dim, 4.0, np.float32)
        self.order = list(range(self.latent_dim))
        if self.shows_real:
            self._measure()
        if self.scores and dataset is not None:
            real = dataset.draw_subset(min(_NUM_POINTS, len(dataset)))
            self.real_scores = np.asarray(latents.score(params, real.images))

    def _measure(self) -> None:
        """Measure extents and the order of the latents on images drawn from the data set."""
        assert self.dataset is not None
        measured = self.dataset.draw_subset(min(_NUM_MEASURED, len(self.dataset)))
        images = measured.images
        z = np.asarray(latents.encode(self.params, images))
        self.points, self.labels = z[:_NUM_POINTS], np.asarray(measured.labels)[:_NUM_POINTS]
        self.extents = find_extents(z)  # (1)
        try:
            use = latents.latent_use(self.params, images, jax.random.key(0))
        except UserError:  # the model declines: its latents are offered in their own order
            return
        self.use = use
        self.order = np.asarray(use.order).tolist()

    @property
    def reach(self) -> np.ndarray:
        """How far the plane extends either way, (2)."""
        return np.float32(0.75) * self.extents

    def clip(self, z: np.ndarray) -> np.ndarray:
        """Return latents within the extents."""
        return np.clip(np.asarray(z, np.float32), -self.extents, self.extents)

    def draw_latents(self, key: PRNGKeyArray) -> np.ndarray:
        """Draw latents from the density, or else from the prior."""
        return self.clip(np.asarray(self._draw(key, 1))[0])

    def _draw(self, key: PRNGKeyArray, num: int) -> jax.Array:
        if self.density is not None:
            return self.density.sample(key, num)
        return self.model.sample_latents(self.params, key, num)

    def choose_start(self) -> np.ndarray:
        """Return the latents that the page opens with: of a real image, else a draw.

        Where a discriminator scores images, it is the draw with the highest score.
        """
        if self.shows_real:
            return self.clip(self.encode(self.get_image(0)))
        if not self.scores:
            return self.draw_latents(jax.random.key(0))
        drawn = self._draw(jax.random.key(0), _NUM_SAMPLES)
        scores = latents.score(self.params, latents.decode(self.params, drawn))
        return self.clip(np.asarray(drawn)[int(np.argmax(scores))])

    def describe_score(self, image: np.ndarray) -> str:
        """Say how real the discriminator takes an image [H, W, C] to be; empty without one."""
        if not self.scores:
            return ""
        score = float(latents.score(self.params, image[None])[0])
        text = f"The discriminator's score: **{score:.2f}**"
        if len(self.real_scores):
            low, high = np.quantile(self.real_scores, [0.05, 0.95])
            text += f" (the middle 90% of the test images: {low:.2f} to {high:.2f})"
        return text

    def get_image(self, number: int) -> np.ndarray:
        """Return one image of the data set, [H, W, C] in [0, 1]; numbers wrap around its end."""
        assert self.dataset is not None
        return np.asarray(self.dataset.images[int(number) % len(self.dataset)]) / np.float32(255)

    def encode(self, image: np.ndarray) -> np.ndarray:
        """Encode an image [H, W, C] into latents."""
        return np.asarray(latents.encode(self.params, image[None]))[0]

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Decode latents into an image [H, W, C]."""
        return np.asarray(latents.decode(self.params, z[None]))[0]

    def read_drawing(self, path: str | Path | None) -> np.ndarray:
        """Read a picture in the model's shape, [H, W, C]; without a file it is empty paper."""
        *size, channels = self.params.model.image_shape
        if path is None:
            return np.full((*size, channels), self.background, np.float32)
        pixels = read_picture(Path(path), (size[0], size[1]), grey=channels != 3)
        return np.broadcast_to(pixels, (*size, channels)) / np.float32(255)

    @property
    def background(self) -> float:
        """What the model's images have around their subject: 0, black, or 1, white."""
        middle = self.decode(np.zeros(self.latent_dim, np.float32))
        return float(np.median(np.concatenate([middle[0], middle[-1]])) > 0.5)

    def count_cells(self) -> tuple[int, int]:
        """Return the rows and columns of the plane: as many as fit; one row for one latent."""
        height, width, _ = self.params.model.image_shape
        rows, columns = (int(np.clip(SIDE // side, 5, 21)) for side in (height, width))
        return (1 if self.latent_dim == 1 else rows), columns

    def draw_plane(
        self, z: np.ndarray, across: int, up: int, with_points: bool = False
    ) -> np.ndarray:
        """Draw (2), with a mark at `z`, and with `points`, each in the colour of its label."""
        rows, columns = self.count_cells()
        values = [self.reach[d] * make_cell_centres(n) for d, n in ((across, columns), (up, rows))]
        height, width, channels = self.params.model.image_shape
        if rows > 1:
            images = latents.plane(self.params, z, np.array([across, up]), *values)
        else:
            images = latents.decode(self.params, values[0][:, None])
        pixels = plots.to_rgb(images.reshape(-1, height, width, channels))
        canvas = pixels.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
        canvas = canvas.reshape(rows * height, columns * width, 3)

        def find_pixels(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            x = (z[..., across] / self.reach[across] + 1) / 2 * canvas.shape[1]
            y = (1 - z[..., up] / self.reach[up]) / 2 * canvas.shape[0]
            return x, y if rows > 1 else np.full_like(x, height / 2)

        if with_points:
            canvas = draw_points(canvas, *find_pixels(self.points), self.labels)
        return draw_mark(canvas, *map(float, find_pixels(z)))

    def move_to(self, z: np.ndarray, across: int, up: int, x: float, y: float) -> np.ndarray:
        """Return `z` moved to a point of the plane's picture, x and y pixels from its top left."""
        height, width, _ = self.params.model.image_shape
        rows, columns = self.count_cells()
        z = z.copy()
        if rows > 1:
            z[up] = self.reach[up] * (1 - 2 * y / (rows * height))
        z[across] = self.reach[across] * (2 * x / (columns * width) - 1)
        return self.clip(z)

    def draw_interpolation(self, start: np.ndarray, end: np.ndarray, spherical: bool) -> np.ndarray:
        """Draw the images from one z to another, ends included."""
        images = latents.interpolate(self.params, start[None], end[None], _NUM_STEPS, spherical)
        return plots.make_grid(images[0], _NUM_STEPS)

    def draw_samples(self, key: PRNGKeyArray) -> np.ndarray:
        """Draw a grid of samples."""
        return plots.make_grid(latents.sample(self.params, key, _NUM_SAMPLES, density=self.density))

    def draw_interpolations(self, key: PRNGKeyArray) -> np.ndarray | None:
        """Draw interpolations between pairs of draws, a row each.

        None of the draws is in `draw_samples`. Without latents there are none to draw.
        """
        if not self.decodes:
            return None
        key, num = jax.random.fold_in(key, 1), 2 * _NUM_INTERPOLATIONS
        start, end = jnp.split(self._draw(key, num), 2)
        images = latents.interpolate(self.params, start, end, _NUM_STEPS)
        return plots.make_grid(images.reshape(-1, *images.shape[2:]), _NUM_STEPS)

    def compile(self) -> None:
        """Compute everything once, so that nobody waits for the compiler."""
        z, key = np.zeros(self.latent_dim, np.float32), jax.random.key(0)
        self.draw_samples(key), self.draw_interpolations(key)
        if not self.decodes:
            return
        image = self.decode(z)
        if self.encodes:
            self.encode(image)
        self.draw_plane(z, 0, self.latent_dim - 1)
        self.describe_score(image)
        self.draw_interpolation(z, z, True), self.draw_interpolation(z, z, False)
