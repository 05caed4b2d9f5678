"""genjax: variational autoencoders and generative adversarial networks in JAX and Flax.

params = genjax.fit(genjax.VAE(latent_dim=20), genjax.data.load("mnist"), jax.random.key(0))
images = genjax.sample(params, jax.random.key(1))  # [64, 28, 28, 1] in [0, 1]
"""

from genjax import data, hosts, models, plot
from genjax.aggregate import attribute_vector, fit_density, latent_use, pca, tsne
from genjax.checkpoint import CheckpointError
from genjax.checkpoint import load_params as load
from genjax.checkpoint import save_params as save
from genjax.configuration import Optimizer, Training
from genjax.density import Density
from genjax.inversion import invert
from genjax.latents import (
    classify,
    decode,
    encode,
    interpolate,
    manifold,
    plane,
    reconstruct,
    sample,
    score,
    shift,
    traverse,
)
from genjax.metrics import evaluate
from genjax.models import DCGAN, GAN, R3GAN, VAE, VAEGAN, Autoencoder, DebiasingVAE
from genjax.resampling import balanced_subset, resampling_weights
from genjax.train import TrainingDiverged, fit
from genjax.types import Batch, Model, Params, UserError, init, register

__all__ = [
    "DCGAN",
    "GAN",
    "R3GAN",
    "VAE",
    "VAEGAN",
    "Autoencoder",
    "Batch",
    "CheckpointError",
    "DebiasingVAE",
    "Density",
    "Model",
    "Optimizer",
    "Params",
    "Training",
    "TrainingDiverged",
    "UserError",
    "attribute_vector",
    "balanced_subset",
    "classify",
    "data",
    "decode",
    "encode",
    "evaluate",
    "fit",
    "fit_density",
    "hosts",
    "init",
    "interpolate",
    "invert",
    "latent_use",
    "load",
    "manifold",
    "models",
    "pca",
    "plane",
    "plot",
    "reconstruct",
    "register",
    "resampling_weights",
    "sample",
    "save",
    "score",
    "shift",
    "traverse",
    "tsne",
]
