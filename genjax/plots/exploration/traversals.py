"""Figures that walk through a latent space: along one latent, between images, along attributes."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import genjax
from genjax import plots
from genjax.model import CanDecode, CanReconstruct
from genjax.plots.exploration.explored import Explored, figure

_SHARES = np.linspace(0.0, 1.0, 8)  # of the way of an interpolation
_STRENGTHS = np.linspace(-1.0, 1.5, 6)  # of an attribute
_DEVIATIONS = np.linspace(-3.0, 3.0, 7)  # of a traversal
_MEANT = 500  # images whose latents are averaged, for either end of an attribute
_CONTRASTS = 5  # attributes, each shown on two images


@figure(
    "The latent plane, decoded",
    "genjax.manifold(params, num=20)",
    CanDecode,
    when=lambda explored: explored.model.latent_dim == 2,
)
def manifold(explored: Explored, path: Path) -> str:
    plane = genjax.manifold(explored.params, 20)
    plots.save_grid(path, plane.reshape(-1, *explored.model.image_shape), 20)
    return (
        "The images of a grid over the plane of the two latents, the first to the right, the second"
        " upwards. Every cell stands for the same probability of N(0, I)."
    )


@figure(
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
    rows = genjax.traverse(
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
    plots.save_strip(path, [*rows], names, len(columns), columns, faint=list(~active[chosen]))
    pale = " Those that are not active come last, pale: nothing changes in them."
    return (
        "The latent of the first test image; in each row one of its dimensions moves from -3 to +3"
        " standard deviations, the one that carries most on top." + (pale if len(unused) else "")
    )


@figure(
    "One latent at a time",
    """rows = genjax.traverse(params, jax.random.normal(key, (params.model.latent_dim,)))
changes = rows.var(axis=1).mean(axis=(1, 2, 3))""",
    CanDecode,
    when=lambda explored: not explored.encodes,
)
def directions(explored: Explored, path: Path) -> str:
    z = explored.model.sample_latents(explored.params, explored.key_of("directions"), 1)[0]
    rows = genjax.traverse(explored.params, z, 3.0, len(_DEVIATIONS))
    changes = jnp.mean(jnp.var(rows, axis=1), axis=(1, 2, 3))
    order = np.asarray(jnp.argsort(-changes))[:12]
    names = [f"z[{d}]" for d in order]
    columns = [f"{value:+.0f}" for value in _DEVIATIONS]
    plots.save_strip(path, [*rows[order]], names, len(columns), columns)
    return (
        "One latent drawn from N(0, I); in each row one of its dimensions moves from -3 to 3. Shown"
        f" are the {len(order)} of {len(z)} that change the image most. A model without encoder"
        " has no other order among its latents: seldom does one alone stand for something."
    )


@figure(
    "Between real images",
    """z = genjax.encode(params, images)
genjax.interpolate(params, z[:4], z[4:8], spherical=False)
genjax.interpolate(params, z[:4], z[4:8], spherical=True)""",
    CanReconstruct,
    when=lambda explored: len(explored.images) >= 2,
)
def interpolation(explored: Explored, path: Path) -> str:
    ends = _pairs(explored.labels)
    images = explored.images[ends]
    _draw_ways(explored, path, explored.z[ends[0]], explored.z[ends[1]], images[0], images[1])
    return (
        "Two test images, the outermost of each row, are encoded; between them the decoded images"
        " of the latents on the way, its ends at 0 and 1. The straight line leads through shorter"
        " latents than either end; the sphere's arc keeps their length."
    )


@figure(
    "Between samples",
    """start, end = jax.random.normal(key, (2, 4, params.model.latent_dim))
genjax.interpolate(params, start, end, spherical=False)
genjax.interpolate(params, start, end, spherical=True)""",
    CanDecode,
    when=lambda explored: not explored.encodes,
)
def ways(explored: Explored, path: Path) -> str:
    z = explored.model.sample_latents(explored.params, explored.key_of("ways"), 8)
    start, end = z[:4], z[4:]
    _draw_ways(explored, path, start, end)
    return (
        "From one latent of N(0, I) to another. The straight line leads through latents that are"
        " shorter than any the generator has seen; the sphere's arc keeps their length."
    )


def _pairs(labels: np.ndarray, num: int = 4) -> np.ndarray:
    """Positions [2, num] of images; the two of a pair have different labels where there are any."""
    first = np.arange(min(num, len(labels) // 2))
    second = []
    for position in first:
        free = [i for i in range(len(first), len(labels)) if i not in second]
        other = [i for i in free if labels[i] != labels[position]]
        second.append((other or free)[0])
    return np.stack([first, np.array(second)])


def _draw_ways(
    explored: Explored,
    path: Path,
    start: jax.Array,
    end: jax.Array,
    first: jax.Array | None = None,
    last: jax.Array | None = None,
) -> None:
    """Rows of interpolations, the straight and the spherical one below each other."""
    kinds = [
        np.asarray(genjax.interpolate(explored.params, start, end, len(_SHARES), spherical))
        for spherical in (False, True)
    ]
    columns = [f"{share:.2f}" for share in _SHARES]
    if first is not None and last is not None:
        ends = np.asarray(first)[:, None], np.asarray(last)[:, None]
        kinds = [np.concatenate([ends[0], kind, ends[1]], axis=1) for kind in kinds]
        columns = ["image", *columns, "image"]
    rows = [row for pair in zip(*kinds, strict=True) for row in pair]
    plots.save_strip(path, rows, ["straight", "sphere"] * len(start), len(columns), columns)


@dataclass(frozen=True)
class Contrast:
    """Two groups of images, by positions: those without and those with an attribute."""

    name: str
    without: np.ndarray
    having: np.ndarray


@figure(
    "Adding and taking away",
    """a, b = jnp.unique(labels)[:2]  # or a data set's test.attributes in place of the labels
a_to_b = genjax.attribute_vector(params, images[labels == b], images[labels == a])
genjax.shift(params, z[:2], a_to_b, jnp.linspace(-1, 1.5, 6))""",
    CanReconstruct,
    when=lambda explored: bool(_contrasts(explored)),
)
def attributes(explored: Explored, path: Path) -> str:
    rows, names = [], []
    for contrast in _contrasts(explored):
        vector = genjax.attribute_vector(
            explored.params, explored.images[contrast.having], explored.images[contrast.without]
        )
        shown = contrast.without[:2]
        ways = genjax.shift(explored.params, explored.z[shown], vector, jnp.asarray(_STRENGTHS))
        rows += [*np.concatenate([explored.images[shown][:, None], ways], axis=1)]
        names += [contrast.name] * len(shown)
    columns = ["image", *(f"{strength:+.1f}" for strength in _STRENGTHS)]
    plots.save_strip(path, [*rows], names, len(columns), columns)
    return (
        "The mean latent of one group of images minus that of another is a direction. Two test"
        " images of the first group are encoded, and moved along it: at 0 they are reconstructed,"
        " at +1 moved by the whole difference, at -1 by as much the other way."
    )


def _contrasts(explored: Explored) -> list[Contrast]:
    """The attributes that the data set knows, lowest to highest third; else pairs of labels.

    Of labels those pairs whose mean latents are nearest, each label in one of them at most.
    """
    count = len(explored.images)
    found = []
    for name, values in explored.test_set.attributes.items():
        low, high = np.quantile(values[:count], [1 / 3, 2 / 3])
        if low < high:
            without, having = values[:count] <= low, values[:count] >= high
            ends = np.flatnonzero(without)[:_MEANT], np.flatnonzero(having)[:_MEANT]
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
            found.append(Contrast(name, groups.pop(a)[:_MEANT], groups.pop(b)[:_MEANT]))
    return found[:_CONTRASTS]
