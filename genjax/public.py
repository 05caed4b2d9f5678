"""The public names of genjax, which `import genjax` offers."""

from genjax import data, models, plots
from genjax.distributed import hosts
from genjax.distributed.seeds import unstack_seeds
from genjax.errors import CheckpointError, TrainingDiverged, UserError
from genjax.latents import (
    LatentDensity,
    attribute_vector,
    balanced_subset,
    classify,
    decode,
    encode,
    fit_density,
    interpolate,
    invert,
    latent_use,
    manifold,
    pca,
    plane,
    reconstruct,
    resampling_weights,
    sample,
    score,
    shift,
    traverse,
    tsne,
)
from genjax.losses import Adversarial, register_loss
from genjax.metrics import evaluate
from genjax.model import Batch, LatentModel, Model, Params, init, register, summarize
from genjax.models import (
    DCGAN,
    GAN,
    MADE,
    R3GAN,
    VAE,
    VAEGAN,
    VQVAE,
    Autoencoder,
    ConditionalVAE,
    DebiasingVAE,
    FlowMatching,
    HierarchicalVAE,
    PixelCNN,
    ProjectedGAN,
    RealNVP,
)
from genjax.models.likelihoods import Likelihood, register_likelihood
from genjax.models.projected import register_features
from genjax.nn.networks import register_activation
from genjax.recipes.scoring import evaluate_samples
from genjax.runs.weights import load_best
from genjax.runs.weights import load_params as load
from genjax.runs.weights import save_params as save
from genjax.sharing.hub import push
from genjax.sharing.portable import export
from genjax.sharing.pretrained import pretrained
from genjax.sharing.publish_page import publish
from genjax.training.callbacks import Callback, EarlyStopping, StopTraining
from genjax.training.configuration import Training
from genjax.training.fit import fit
from genjax.training.loggers import Logger, MLflowLogger, TensorBoardLogger, WandbLogger
from genjax.training.optimizers import CustomOptimizer, Optimizer

__all__ = [
    "DCGAN",
    "GAN",
    "MADE",
    "R3GAN",
    "VAE",
    "VAEGAN",
    "VQVAE",
    "Adversarial",
    "Autoencoder",
    "Batch",
    "Callback",
    "CheckpointError",
    "ConditionalVAE",
    "CustomOptimizer",
    "DebiasingVAE",
    "EarlyStopping",
    "FlowMatching",
    "HierarchicalVAE",
    "LatentDensity",
    "LatentModel",
    "Likelihood",
    "Logger",
    "MLflowLogger",
    "Model",
    "Optimizer",
    "Params",
    "PixelCNN",
    "ProjectedGAN",
    "RealNVP",
    "StopTraining",
    "TensorBoardLogger",
    "Training",
    "TrainingDiverged",
    "UserError",
    "WandbLogger",
    "attribute_vector",
    "balanced_subset",
    "classify",
    "data",
    "decode",
    "encode",
    "evaluate",
    "evaluate_samples",
    "export",
    "fit",
    "fit_density",
    "hosts",
    "init",
    "interpolate",
    "invert",
    "latent_use",
    "load",
    "load_best",
    "manifold",
    "models",
    "pca",
    "plane",
    "plots",
    "pretrained",
    "publish",
    "push",
    "reconstruct",
    "register",
    "register_activation",
    "register_features",
    "register_likelihood",
    "register_loss",
    "resampling_weights",
    "sample",
    "save",
    "score",
    "shift",
    "summarize",
    "traverse",
    "tsne",
    "unstack_seeds",
]
