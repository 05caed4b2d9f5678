"""genjax: variational autoencoders and generative adversarial networks in JAX and Flax.

params = genjax.fit(genjax.VAE(latent_dim=20), genjax.data.load("mnist"), jax.random.key(0))
images = genjax.sample(params, jax.random.key(1))  # [64, 28, 28, 1] in [0, 1]
"""

from genjax import data, models, plot
from genjax.checkpoint import CheckpointError
from genjax.checkpoint import load_params as load
from genjax.checkpoint import save_params as save
from genjax.configuration import Optimizer, Training
from genjax.latents import (
    decode,
    encode,
    interpolate,
    manifold,
    reconstruct,
    sample,
    score,
    traverse,
)
from genjax.metrics import evaluate
from genjax.models import DCGAN, GAN, R3GAN, VAE, VAEGAN, Autoencoder
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
    "Model",
    "Optimizer",
    "Params",
    "Training",
    "TrainingDiverged",
    "UserError",
    "data",
    "decode",
    "encode",
    "evaluate",
    "fit",
    "init",
    "interpolate",
    "load",
    "manifold",
    "models",
    "plot",
    "reconstruct",
    "register",
    "sample",
    "save",
    "score",
    "traverse",
]
