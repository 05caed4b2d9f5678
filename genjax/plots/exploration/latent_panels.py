"""Panels that show a latent space as a whole: which latents are used, and where images lie."""

from pathlib import Path

import jax.numpy as jnp

from genjax.latents import decode, invert, pca, reconstruct, resampling_weights, tsne
from genjax.model import CanDecode, CanEncode
from genjax.plots.charts import save_latent_scatter, save_latent_use
from genjax.plots.exploration.explored import Explored, panel
from genjax.plots.image_charts import save_by_density, save_strip

_PROJECTED = 1_500  # latents, by t-SNE
_BINS = 10  # of a latent's histogram
_BY_DENSITY = 49  # images
_INVERTED = 12  # images


@panel(
    "What each latent carries",
    "use = genjax.latent_use(params, images, key)\nuse.amount[use.order]",
    CanEncode,
)
def latent_use(explored: Explored, path: Path) -> str:
    use = explored.use
    save_latent_use(path, use)
    amount = (
        f"The rate KL(q(z|x) || p(z)) of each latent, the mean over {len(explored.images):,} test"
        f" images; their sum is {float(use.amount.sum()):.1f} nats."
        if use.measure.startswith("rate")
        else f"The variance of each latent over {len(explored.images):,} test images."
    )
    count, active = len(use.active), int(use.active.sum())
    others = " The others, grey, are not used." if active < count else ""
    return (
        f"{amount} {active} of {count} latents are active: their variance over the images (that of"
        f" the means of q(z|x), where it is a distribution) exceeds 0.01.{others}"
    )


@panel(
    "The latent plane, encoded",
    "z = genjax.encode(params, images)",
    CanEncode,
    when=lambda explored: explored.model.latent_dim == 2,
)
def plane(explored: Explored, path: Path) -> str:
    save_latent_scatter(path, explored.z, explored.labels, explored.label_names)
    return f"The latents of {len(explored.z):,} test images{_colours(explored)}."


@panel(
    "The latents' principal components",
    "points, shares = genjax.pca(genjax.encode(params, images))",
    CanEncode,
    when=lambda explored: explored.model.latent_dim > 2,
)
def principal_components(explored: Explored, path: Path) -> str:
    points, shares = pca(explored.z)
    first, second = (
        f"component {i}: {share:.0%} of the variance" for i, share in enumerate(shares, 1)
    )
    save_latent_scatter(path, points, explored.labels, explored.label_names, (first, second))
    return (
        f"The latents of {len(points):,} test images{_colours(explored)}, projected on the two"
        " directions in which they vary most (PCA). What overlaps here may be separate in the other"
        " dimensions."
    )


@panel(
    "The latents' neighbourhoods",
    "genjax.tsne(genjax.encode(params, images[:1500]), key)",
    CanEncode,
    when=lambda explored: explored.model.latent_dim > 2 and len(explored.images) >= 5,
)
def neighbourhoods(explored: Explored, path: Path) -> str:
    points = tsne(explored.z[:_PROJECTED], explored.derive_key("t-SNE"))
    labels = explored.labels[:_PROJECTED]
    save_latent_scatter(path, points, labels, explored.label_names, ("", ""))
    return (
        f"The latents of {len(points):,} test images{_colours(explored)}, laid out by t-SNE:"
        " neighbours stay neighbours, but distances between groups, and their sizes, mean nothing."
        " A label with a group of its own is one that the latents distinguish, although the"
        " training saw no labels."
    )


def _colours(explored: Explored) -> str:
    return ", coloured by their labels" if explored.label_names else ""


@panel(
    "Test images, and the nearest that the model can make",
    """genjax.decode(params, genjax.invert(params, images[:12], key))""",
    CanDecode,
)
def inversion(explored: Explored, path: Path) -> str:
    images = explored.images[:_INVERTED]
    rows, names = [images], ["test images"]
    made = {"encoded": reconstruct(explored.params, images)} if explored.encodes else {}
    z = invert(explored.params, images, explored.derive_key("inversion"))
    made["inverted"] = decode(explored.params, z)
    for name, pictures in made.items():
        rows.append(pictures)
        names.append(f"{name}\nerror {float(jnp.mean((pictures - images) ** 2)):.4f}")
    save_strip(path, rows, names, _INVERTED)
    length, typical = float(jnp.mean(jnp.linalg.norm(z, axis=1))), explored.model.latent_dim**0.5
    encoded = (
        " Middle row: the images reconstructed by the encoder and the decoder."
        if explored.encodes
        else " What cannot be found again is what the generator cannot make."
    )
    return (
        "Bottom row: latents found by gradient descent, the best of 4 restarts, then decoded. The"
        " descent minimises the pixel MSE plus a penalty on lengths |z| that are unusual under"
        f" N(0, I).{encoded}\nThe error is the mean squared error per pixel of images in [0, 1]."
        f" The latents found have a mean length of {length:.1f}; the length of a draw from N(0, I)"
        f" is about {typical:.1f}."
    )


@panel(
    "Rare and common images",
    """weights = genjax.resampling_weights(params, train_images)
genjax.plots.save_by_density("density.png", train_images, weights)""",
    CanEncode,
    when=lambda explored: bool(explored.use.active.any()) and len(explored.train_images) >= _BINS,
)
def density(explored: Explored, path: Path) -> str:
    images = explored.train_images
    weights = resampling_weights(explored.params, images, bins=_BINS)
    save_by_density(path, images, weights, _BY_DENSITY)
    return (
        f"Among {len(images):,} training images, the {_BY_DENSITY} with the most common latents,"
        f" and the {_BY_DENSITY} with the rarest: for at least one latent, few other images have"
        " similar values. A model sees little of what is rare; genjax.balanced_subset draws a"
        " subset with more of it."
    )
