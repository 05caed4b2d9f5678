"""Panels that move through a latent space: along one latent, between images, along attributes."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from genjax.latents import attribute_vector, interpolate, shift, traverse
from genjax.latents import manifold as decode_manifold
from genjax.model import CanDecode, CanReconstruct
from genjax.plots.exploration.explored import Explored, panel
from genjax.plots.image_charts import save_manifold, save_strip

_SHARES = np.linspace(0.0, 1.0, 8)  # of an interpolation, from its first end to its last
_STRENGTHS = np.linspace(-1.0, 1.5, 6)  # of an attribute
_DEVIATIONS = np.linspace(-3.0, 3.0, 7)  # of a traversal
_AVERAGED = 500  # images whose latents are averaged, for either end of an attribute
_CONTRASTS = 5  # attributes, each shown on two images


@panel(
    "The latent plane, decoded",
    "genjax.manifold(params, num=20)",
    CanDecode,
    when=lambda explored: explored.model.latent_dim == 2,
)
def manifold(explored: Explored, path: Path) -> str:
    save_manifold(path, decode_manifold(explored.params, 20))
    return (
        "Images decoded from a grid over the plane of the two latents. Every cell stands for the"
        " same probability of N(0, I)."
    )


@panel(
    "One latent at a time",
    """use = genjax.latent_use(params, images, key)
genjax.traverse(params, z[0], 3 * use.scale, center=use.loc, dimensions=use.order[:16])""",
    CanReconstruct,
)
def traversal(explored: Explored, path: Path) -> str:
    use = explored.use
    order, active = np.asarray(use.order), np.asarray(use.active)
    unused = order[active.sum() :][:2]
    chosen = np.concatenate([order[: active.sum()][:16], unused])
    rows = traverse(
        explored.params,
        explored.z[0],
        3 * use.scale,
        len(_DEVIATIONS),
        center=use.loc,
        dimensions=jnp.asarray(chosen),
    )
    unit = "nats" if use.measure.startswith("rate") else "variance"
    names = [f"z[{d}]: {use.amount[d]:.2f} {unit}" for d in chosen]
    columns = [f"{value:+.0f} sd" for value in _DEVIATIONS]
    save_strip(path, [*rows], names, len(columns), columns, faint=list(~active[chosen]))
    pale = " Inactive latents come last, pale: they change nothing."
    return (
        "The latent of the first test image. In each row one of its dimensions moves from -3 to +3"
        " standard deviations; the one that carries most is on top." + (pale if len(unused) else "")
    )


@panel(
    "One latent at a time",
    """rows = genjax.traverse(params, params.model.sample_latents(params, key, 1)[0])
changes = rows.var(axis=1).mean(axis=(1, 2, 3))""",
    CanDecode,
    when=lambda explored: not explored.encodes,
)
def directions(explored: Explored, path: Path) -> str:
    z = explored.model.sample_latents(explored.params, explored.derive_key("directions"), 1)[0]
    rows = traverse(explored.params, z, 3.0, len(_DEVIATIONS))
    changes = jnp.mean(jnp.var(rows, axis=1), axis=(1, 2, 3))
    order = np.asarray(jnp.argsort(-changes))[:12]
    names = [f"z[{d}]" for d in order]
    columns = [f"{value:+.0f}" for value in _DEVIATIONS]
    save_strip(path, [*rows[order]], names, len(columns), columns)
    return (
        "One latent drawn from the prior. In each row one of its dimensions moves from -3 to 3. The"
        f" {len(order)} of {len(z)} dimensions are shown that change the image most. In a model"
        " without an encoder, single latents seldom have a meaning."
    )


@panel(
    "Between real images",
    """z = genjax.encode(params, images)
genjax.interpolate(params, z[:4], z[4:8], spherical=False)
genjax.interpolate(params, z[:4], z[4:8], spherical=True)""",
    CanReconstruct,
    when=lambda explored: len(explored.images) >= 2,
)
def interpolation(explored: Explored, path: Path) -> str:
    first, last = _choose_pairs(explored.labels)
    z, images = explored.z, explored.images
    _draw_interpolations(explored, path, z[first], z[last], (images[first], images[last]))
    return (
        "Two test images, the outermost of each row, are encoded; between them stand the images"
        " decoded from interpolated latents, from 0 to 1. Latents on the straight line are shorter"
        " than either end; on the sphere's arc they keep their length."
    )


@panel(
    "Between samples",
    """start, end = jnp.split(params.model.sample_latents(params, key, 8), 2)
genjax.interpolate(params, start, end, spherical=False)
genjax.interpolate(params, start, end, spherical=True)""",
    CanDecode,
    when=lambda explored: not explored.encodes,
)
def sample_interpolation(explored: Explored, path: Path) -> str:
    z = explored.model.sample_latents(explored.params, explored.derive_key("interpolation"), 8)
    _draw_interpolations(explored, path, z[:4], z[4:])
    return (
        "From one latent drawn from the prior to another. Latents on the straight line are shorter"
        " than those that the generator was trained on; on the sphere's arc they keep their length."
    )


def _choose_pairs(labels: np.ndarray, num: int = 4) -> np.ndarray:
    """Choose pairs of images, int [2, pairs], of different labels where there are any."""
    first = np.arange(min(num, len(labels) // 2))
    second: list[int] = []
    for position in first:
        free = [i for i in range(len(first), len(labels)) if i not in second]
        other = [i for i in free if labels[i] != labels[position]]
        second.append((other or free)[0])
    return np.stack([first, np.array(second)])


def _draw_interpolations(
    explored: Explored,
    path: Path,
    start: jax.Array,
    end: jax.Array,
    images: tuple[jax.Array, jax.Array] | None = None,
) -> None:
    """Draw linear and spherical interpolations below each other, between their end `images`."""
    kinds = [
        np.asarray(interpolate(explored.params, start, end, len(_SHARES), spherical))
        for spherical in (False, True)
    ]
    columns = [f"{share:.2f}" for share in _SHARES]
    if images is not None:
        left, right = (np.asarray(end)[:, None] for end in images)
        kinds = [np.concatenate([left, kind, right], axis=1) for kind in kinds]
        columns = ["image", *columns, "image"]
    rows = [row for pair in zip(*kinds, strict=True) for row in pair]
    save_strip(path, rows, ["linear", "spherical"] * len(start), len(columns), columns)


@dataclass(frozen=True)
class Contrast:
    """Two groups of images, by positions: those without and those with an attribute."""

    name: str
    without: np.ndarray
    having: np.ndarray


@panel(
    "Adding and removing attributes",
    """a, b = jnp.unique(labels)[:2]  # or a data set's test.attributes in place of the labels
a_to_b = genjax.attribute_vector(params, images[labels == b], images[labels == a])
genjax.shift(params, z[:2], a_to_b, jnp.linspace(-1, 1.5, 6))""",
    CanReconstruct,
    when=lambda explored: bool(_find_contrasts(explored)),
)
def attributes(explored: Explored, path: Path) -> str:
    rows, names = [], []
    for contrast in _find_contrasts(explored):
        vector = attribute_vector(
            explored.params, explored.images[contrast.having], explored.images[contrast.without]
        )
        shown = contrast.without[:2]
        moved = shift(explored.params, explored.z[shown], vector, jnp.asarray(_STRENGTHS))
        rows += [*np.concatenate([explored.images[shown][:, None], moved], axis=1)]
        names += [contrast.name] * len(shown)
    columns = ["image", *(f"{strength:+.1f}" for strength in _STRENGTHS)]
    save_strip(path, [*rows], names, len(columns), columns)
    return (
        "The mean latent of one group of images minus that of another is a direction. Two test"
        " images of the first group are encoded and moved along it: at 0 they are reconstructed, at"
        " +1 moved by the whole difference, at -1 by as much in the opposite direction."
    )


def _find_contrasts(explored: Explored) -> list[Contrast]:
    """Find the contrasts to show: for each attribute of the data its lowest and highest third.

    Without attributes, they are pairs of labels: those whose mean latents are nearest, each label
    in one pair at most.
    """
    found = []
    for name, values in explored.test_part.attributes.items():
        low, high = np.quantile(values, [1 / 3, 2 / 3])
        if low < high:
            without, having = values <= low, values >= high
            ends = np.flatnonzero(without)[:_AVERAGED], np.flatnonzero(having)[:_AVERAGED]
            found.append(Contrast(f"{name}: low → high", *ends))
    if found or not explored.label_names:
        return found[:_CONTRASTS]
    z, labels, label_names = np.asarray(explored.z), explored.labels, explored.label_names
    groups = {int(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
    means = {label: z[group].mean(axis=0) for label, group in groups.items()}
    pairs = itertools.combinations(means, 2)
    for a, b in sorted(pairs, key=lambda pair: np.sum((means[pair[0]] - means[pair[1]]) ** 2)):
        if a in groups and b in groups:
            name = f"{label_names[a]} → {label_names[b]}"
            found.append(Contrast(name, groups.pop(a)[:_AVERAGED], groups.pop(b)[:_AVERAGED]))
    return found[:_CONTRASTS]
