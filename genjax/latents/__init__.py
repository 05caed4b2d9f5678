"""Latents: draw samples, encode and decode, walk through latent space, and see what lies where.

sampling.py       sample, encode, decode, reconstruct, classify, score
interpolation.py  interpolate between latents; shift them along the direction of an attribute
traversal.py      vary one latent (traverse) or two (plane, manifold)
usage.py          measure which latents the encoder uses, and how much
density.py        fit a density to the codes, to sample from it: mixture.py, latent_flow.py
inversion.py      find the latents of images by gradient descent
projection.py     project latents to two dimensions: PCA, t-SNE
balancing.py      weigh images by how rare their latents are, and draw balanced subsets
"""

from genjax.latents.balancing import balanced_subset, resampling_weights
from genjax.latents.density import LatentDensity, fit_density
from genjax.latents.interpolation import attribute_vector, interpolate, lerp, shift, slerp
from genjax.latents.inversion import invert
from genjax.latents.projection import pca, tsne
from genjax.latents.sampling import classify, decode, encode, reconstruct, sample, score
from genjax.latents.traversal import manifold, plane, traverse
from genjax.latents.usage import LatentUse, latent_use

__all__ = [
    "LatentDensity",
    "LatentUse",
    "attribute_vector",
    "balanced_subset",
    "classify",
    "decode",
    "encode",
    "fit_density",
    "interpolate",
    "invert",
    "latent_use",
    "lerp",
    "manifold",
    "pca",
    "plane",
    "reconstruct",
    "resampling_weights",
    "sample",
    "score",
    "shift",
    "slerp",
    "traverse",
    "tsne",
]
