"""Figures that show a latent space as a whole: samples, what its latents carry, where codes lie."""

from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp

import genjax
from genjax import metrics, plots
from genjax.model import CanDecode, CanEncode, CanReconstruct
from genjax.plots.exploration.explored import Explored, figure

_PROJECTED = 1_500  # latents, by t-SNE
_BINS = 10  # of a latent's histogram
_BY_DENSITY = 49  # images


@figure(
    "Samples of a fitted density",
    """density = genjax.fit_density(params, known_images, key)
genjax.sample(params, key, 12, temperature=0.8, density=density)""",
    CanReconstruct,
)
def densities(explored: Explored, path: Path) -> str:
    ways = [("N(0, I)", {"temperature": 1.0})] + [
        (f"mixture, T = {t}", {"temperature": t, "density": explored.density})
        for t in (1.0, 0.8, 0.6)
    ]
    count = len(explored.density.weights)
    return (
        f"Latents drawn from the prior N(0, I), and from a mixture of {count} Gaussians that was"
        " fitted to the codes of training images, at falling temperatures T: the lower, the more"
        " typical and the less various.\n" + _draw_samples(explored, path, ways)
    )


@figure(
    "Samples at a temperature",
    "genjax.sample(params, key, 12, temperature=0.7)",
    CanDecode,
    when=lambda explored: not explored.encodes,
)
def temperatures(explored: Explored, path: Path) -> str:
    ways = [(f"T = {t}", {"temperature": t}) for t in (1.3, 1.0, 0.7, 0.4)]
    return (
        "The same latents of N(0, I), multiplied by a temperature T: down a column, one latent"
        " comes nearer to the origin. The lower T, the less various the images; far below 1, as far"
        " above, lie latents that the generator has never seen.\n"
        + _draw_samples(explored, path, ways)
    )


def _draw_samples(explored: Explored, path: Path, ways: Sequence[tuple[str, dict]]) -> str:
    distance = metrics.make_distance(explored.test_set)
    names, rows = [], []
    for name, how in ways:
        far = distance(explored.params, explored.key_of("distance"), **how)
        names.append(f"{name}\ndistance {far:.3f}")
        rows.append(genjax.sample(explored.params, explored.key_of("samples"), 12, **how))
    plots.save_strip(path, [*rows, explored.images[:12]], [*names, "test images"], 12)
    return (
        "The distance is the Fréchet distance between 2,000 samples and"
        f" {min(2_000, len(explored.test_set)):,} test images in the features of a random network;"
        " lower is nearer, and comparable only with itself."
    )


@figure(
    "What each latent carries",
    "use = genjax.latent_use(params, images, key)\nuse.amount[use.order]",
    CanEncode,
)
def latent_use(explored: Explored, path: Path) -> str:
    use = explored.use
    plots.save_latent_use(path, use)
    amount = (
        f"The rate KL(q(z|x) || p(z)) of each latent, the mean over {len(explored.images):,} test"
        f" images; their sum is {float(use.amount.sum()):.1f} nats."
        if use.measure.startswith("rate")
        else f"The variance of each latent over {len(explored.images):,} test images."
    )
    count, active = len(use.active), int(use.active.sum())
    others = " The others, grey, are not used." if active < count else ""
    return (
        f"{amount} {active} of {count} latents are active: their variance over the images (of the"
        f" means of q(z|x), where it is a distribution) is above 0.01.{others}"
    )


@figure(
    "The latent plane, encoded",
    "z = genjax.encode(params, images)",
    CanEncode,
    when=lambda explored: explored.model.latent_dim == 2,
)
def plane(explored: Explored, path: Path) -> str:
    names = ("z[0]", "z[1]")
    plots.save_latent_scatter(path, explored.z, explored.labels, explored.label_names, names)
    return f"The latents of {len(explored.z):,} test images{_coloured(explored)}."


@figure(
    "The latents' principal components",
    "points, shares = genjax.pca(genjax.encode(params, images))",
    CanEncode,
    when=lambda explored: explored.model.latent_dim > 2,
)
def principal_components(explored: Explored, path: Path) -> str:
    points, shares = genjax.pca(explored.z)
    names = [f"component {i + 1}: {share:.0%} of the variance" for i, share in enumerate(shares)]
    plots.save_latent_scatter(
        path, points, explored.labels, explored.label_names, (names[0], names[1])
    )
    return (
        f"The latents of {len(points):,} test images{_coloured(explored)}, seen from the side from"
        " which they spread most (PCA). What overlaps here may lie apart in the other dimensions."
    )


@figure(
    "The latents' neighbourhoods",
    "genjax.tsne(genjax.encode(params, images[:1500]), key)",
    CanEncode,
    when=lambda explored: explored.model.latent_dim > 2 and len(explored.images) >= 5,
)
def neighbourhoods(explored: Explored, path: Path) -> str:
    points = genjax.tsne(explored.z[:_PROJECTED], explored.key_of("t-SNE"))
    labels = explored.labels[:_PROJECTED]
    plots.save_latent_scatter(path, points, labels, explored.label_names, ("", ""))
    return (
        f"The latents of {len(points):,} test images{_coloured(explored)}, laid out by t-SNE:"
        " neighbours stay neighbours, but distances between groups, and their sizes, say nothing."
        " Labels that form groups of their own are what the latents tell apart without having seen"
        " a label."
    )


def _coloured(explored: Explored) -> str:
    return ", coloured by their label" if explored.label_names else ""


@figure(
    "Test images, and the nearest that the model can make",
    """genjax.decode(params, genjax.invert(params, images[:12], key))""",
    CanDecode,
)
def inversion(explored: Explored, path: Path) -> str:
    images = explored.images[:12]
    rows, names = [images], ["test images"]
    made = {"encoded": genjax.reconstruct(explored.params, images)} if explored.encodes else {}
    z = genjax.invert(explored.params, images, explored.key_of("inversion"))
    made["inverted"] = genjax.decode(explored.params, z)
    for name, pictures in made.items():
        rows.append(pictures)
        names.append(f"{name}\nerror {float(jnp.mean((pictures - images) ** 2)):.4f}")
    plots.save_strip(path, rows, names, 12)
    length, typical = float(jnp.mean(jnp.linalg.norm(z, axis=1))), explored.model.latent_dim**0.5
    encoded = (
        " Above them the decoded latents that the encoder gives in one pass, which may have any"
        " length."
        if explored.encodes
        else " What cannot be found again is what the generator cannot make."
    )
    return (
        "Below the test images those of the latents that gradient descent found, the best of four"
        " starts: on the squared error, and on a term that keeps latents as long as N(0, I)'s."
        f"{encoded}\nThe error is the mean square a pixel, of"
        f" images in [0, 1]. The latents found have a mean length of {length:.1f}; those of N(0, I)"
        f" one of about {typical:.1f}."
    )


@figure(
    "Rare and common images",
    """weights = genjax.resampling_weights(params, known_images)
genjax.plots.save_by_density("density.png", known_images, weights)""",
    CanEncode,
    when=lambda explored: bool(explored.use.active.any()) and len(explored.known_images) >= _BINS,
)
def density(explored: Explored, path: Path) -> str:
    images = explored.known_images
    weights = genjax.resampling_weights(explored.params, images, bins=_BINS)
    plots.save_by_density(path, images, weights, _BY_DENSITY)
    return (
        f"Of {len(images):,} training images the {_BY_DENSITY} with the commonest latents, and the"
        f" {_BY_DENSITY} with the rarest: in some latent few others lie near them. A model sees"
        " little of what is rare; genjax.balanced_subset draws a subset that has more of it."
    )
