"""Find where the latents of a model lead: directions in order, how far they go, and draws.

(1) extent_d                                               how far latent d can be moved either way,
                                                           `latents.usage`
(2) J_z,d    = (x(z + h e_d) - x(z - h e_d)) / 2h          change of the image x along d, h = 1/2
(3) G        = E_p(z)[J_z J_z^T]                           its eigenvectors, the largest first
    (the averaged metric of Wang & Ponce 2021, arXiv:2101.06006, 2.2, with the squared error)

The latents of a model that encodes are ordered by how much they carry of an image
(`genjax.latent_use`). Those of a GAN mean nothing one by one: nothing asked them to. There the
directions are (3), along which images change the most.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from genjax.data import Dataset
from genjax.errors import UserError
from genjax.latents import LatentDensity, LatentUse, decode, encode, latent_use
from genjax.latents.usage import find_extents
from genjax.model import CanDecode, CanEncode, Params, get_model, is_class_conditional, require
from genjax.model.class_labels import takes_labels

MOST_DIRECTIONS = 32  # that get a slider
_NUM_MEASURED = 1_000  # images that latents are measured on
_NUM_POINTS = 300  # images whose codes are points of the plane
_MOST_NUMBERS = 2**18  # of all draws together
_DIFFERENCES = 1024  # about, of images
_STEP = 0.5  # h of (2)

# unit vectors, their names, how much each matters in words and as a number, and what they are
Order = tuple[np.ndarray, list[str], list[str], np.ndarray, str]


@dataclass(frozen=True)
class Directions:
    """Where the latents of a model lead.

    Attributes:
        rows: unit vectors in latent space, the one that matters most first, [R, D].
        names: of the directions.
        amounts: how much each matters, in words.
        shares: the same, as a part of the largest, [R].
        extents: how far each can be moved either way, [R].
        order: what the directions are, and by what they are ordered, as a sentence.
        draws: latents drawn from the prior, or another density, [M, D].
        codes: latents of test images, [P, D]; none where they are not known.
        labels: of these images, [P].
        label_names: of the classes of these images.
    """

    rows: np.ndarray
    names: list[str]
    amounts: list[str]
    shares: np.ndarray
    extents: np.ndarray
    order: str
    draws: np.ndarray
    codes: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]


def find_directions(
    params: Params, images: Dataset | None = None, density: LatentDensity | None = None
) -> Directions:
    """Measure a model that decodes.

    Args:
        params: the model.
        images: on which latents are measured, of a model that encodes.
        density: where latents are drawn, if not from the prior.

    Raises:
        MissingCapability: where the model has no latents.
        UserError: where its images are not finite.
    """
    dim = require(get_model(params), CanDecode).latent_dim
    codes, labels, use = np.zeros((0, dim), np.float32), np.zeros(0, np.int32), None
    if images is not None and isinstance(params.model, CanEncode):
        part = images.draw_subset(min(_NUM_MEASURED, len(images)))
        own = part.labels if takes_labels(params.model.encode) else None
        codes, labels = np.asarray(encode(params, part.images, own)), np.asarray(part.labels)
        use = _measure_use(params, part.images, own)
    draws = _draw(params, density)
    rows, names, texts, amounts, order = (
        _order_latents(use, dim) if use else _find_principal(params, draws)
    )
    _check_finite(amounts)
    extents = np.ceil(np.abs(rows) @ find_extents(codes)) if use else np.full(len(rows), 4.0)
    shares = amounts / max(amounts.max(), 1e-12)
    return Directions(
        rows, names, texts, shares, extents, order, draws, codes[:_NUM_POINTS],
        labels[:_NUM_POINTS], images.label_names if images and len(codes) else (),
    )  # fmt: skip


def _check_finite(numbers: np.ndarray) -> None:
    if not np.isfinite(numbers).all():
        raise UserError("the model's images are not finite: its training has diverged.")


def _measure_use(params: Params, images: jax.Array, labels: jax.Array | None) -> LatentUse | None:
    try:
        return latent_use(params, images, jax.random.key(0), labels)
    except UserError:  # the model declines
        return None


def _draw(params: Params, density: LatentDensity | None) -> np.ndarray:
    """Draw as many latents as a page carries."""
    model = require(get_model(params), CanDecode)
    num, key = min(1_000, max(_MOST_NUMBERS // model.latent_dim, 16)), jax.random.key(0)
    drawn = density.sample(key, num) if density else model.sample_latents(params, key, num)
    return np.asarray(drawn, np.float32)


def _order_latents(use: LatentUse, dim: int) -> Order:
    """Return the latents themselves, by what they carry of an image."""
    kept = np.arange(2) if dim == 2 else np.asarray(use.order)[:MOST_DIRECTIONS]
    amounts, unit = np.asarray(use.amount)[kept], use.measure.split()[-1]
    texts = [
        f"{amount:.2f} {unit}" if active else "inactive"
        for amount, active in zip(amounts, np.asarray(use.active)[kept], strict=True)
    ]
    order = "the sliders are in this order" if dim > 2 else "the longer, the more"
    said = (
        f"The bar above a slider is what its latent carries of an image ({use.measure}); {order}."
    )
    rows = np.eye(dim, dtype=np.float32)[kept]
    return rows, [f"z[{d}]" for d in kept], texts, amounts, said


def _find_principal(params: Params, draws: np.ndarray) -> Order:
    """Return the eigenvectors of (3); of two latents, or one, these themselves."""
    dim, metric = draws.shape[1], _average_metric(params, draws)
    if dim <= 2:
        rows, amounts, said = np.eye(dim), np.diag(metric), ""
        names = [f"z[{d}]" for d in range(dim)]
    else:
        variances, vectors = np.linalg.eigh(metric)
        rows, amounts = vectors.T[::-1][:MOST_DIRECTIONS], np.maximum(variances[::-1], 0)
        rows = rows * np.sign(np.take_along_axis(rows, np.abs(rows).argmax(1)[:, None], 1))
        names = [f"direction {d + 1}" for d in range(len(rows))]
        said = (
            "One latent alone means little here: nothing asked it to. The sliders are therefore"
            f" {len(rows)} directions through all {dim} latents, first those along which images"
            " change the most. The percentage is a direction's share of all change."
        )
    whole = max(amounts.sum(), 1e-12)
    kept = amounts[: len(rows)]
    texts = [f"{one / whole:.0%}" for one in kept]
    return rows.astype(np.float32), names, texts, kept, said


def _average_metric(params: Params, draws: np.ndarray) -> np.ndarray:
    """Compute (3) over some draws, [D, D]."""
    dim = draws.shape[1]
    z = jnp.asarray(draws[: max(1, _DIFFERENCES // dim)])
    steps = jnp.array([-_STEP, _STEP])[:, None, None] * jnp.eye(dim)
    moved = (z[:, None, None] + steps).reshape(-1, dim)
    labels = 0 if is_class_conditional(params.model) else None
    images = decode(params, moved, labels).reshape(len(z), 2, dim, -1)
    changes = (images[:, 1] - images[:, 0]) / (2 * _STEP)  # (2)
    metric = np.asarray(jnp.einsum("ndp,nep->de", changes, changes) / len(z))
    _check_finite(metric)
    return metric
