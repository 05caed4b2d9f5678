"""Variational autoencoders and generative adversarial networks in JAX and Flax.

Train a model on images, draw new ones, and walk through its latent space:

>>> images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), np.uint8)
>>> model = genjax.VAE(latent_dim=2, network="mlp", hidden=(8,))
>>> params = genjax.fit(model, images, 0, genjax.Training(epochs=1), progress=False)
>>> genjax.sample(params, 1, num=4).shape  # of 4 images, float32 in [0, 1]
(4, 8, 8, 1)

`genjax.data.load("mnist")` gives a data set by name, `genjax.data.from_folder` one of files. The
names of this package, each with a `help` of its own:

models        VAE, ConditionalVAE, DebiasingVAE, HierarchicalVAE, Autoencoder, GAN, DCGAN, R3GAN,
              ProjectedGAN, VAEGAN, FlowMatching, MADE, PixelCNN, RealNVP, VQVAE
training      fit, Training, Optimizer, CustomOptimizer, Callback, EarlyStopping, StopTraining,
              TensorBoardLogger, WandbLogger, MLflowLogger, Logger
parameters    init, summarize, save, load, load_best, unstack_seeds, Params
images        sample, reconstruct, interpolate, traverse, manifold, encode, decode, classify, score
latents       latent_use, invert, fit_density, LatentDensity, attribute_vector, shift, pca, plane,
              tsne
sharing       pretrained, export, publish, push
measuring     evaluate, evaluate_samples, resampling_weights, balanced_subset
extending     Model, LatentModel, Batch, register, Likelihood, register_likelihood, Adversarial,
              register_loss, register_activation, register_features; testing checks your models
modules       data, models, plots, metrics, losses, hosts
errors        UserError, and its kinds CheckpointError and TrainingDiverged

The command `genjax` does the same without a line of Python: `genjax --help`.
"""

import importlib.util
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from genjax.public import *  # noqa: F403
else:
    # `genjax.public` is imported when one of its names is first used, so that a command that needs
    # no jax, such as `genjax --help`, starts at once. There is no `__all__` here, because
    # `help(genjax)` would then show every name with all its methods, in 4,000 lines.

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module 'genjax' has no attribute {name!r}")
        if importlib.util.find_spec(f"genjax.{name}"):
            return importlib.import_module(f"genjax.{name}")
        public = importlib.import_module("genjax.public")
        if name not in public.__all__:
            raise AttributeError(f"module 'genjax' has no attribute {name!r}")
        value = globals()[name] = getattr(public, name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *importlib.import_module("genjax.public").__all__})
