"""Recipes of models that genjax does not know, for its commands."""

import optax
import own_parts  # noqa: F401  registers a loss, an activation and likelihoods
from flipping_vae import FlippingVAE
from flow_matching import FlowMatching
from label_vae import LabelVAE
from real_nvp import RealNVP
from residual_vae import ResidualVAE
from tensorboard_log import TensorBoard
from two_level_vae import TwoLevelVAE
from vq_vae import VQVAE

import genjax
from genjax.recipes import Recipe

MLP = {"network": "mlp", "hidden": (8,)}


def make_recipe(model):
    return Recipe("exam.npz", model, genjax.Training(epochs=2, batch_size=16), num_samples=3)


flow_matching = make_recipe(FlowMatching(width=8, steps=4))
vq_vae = make_recipe(VQVAE(latent_dim=4, codes=6, **MLP))
real_nvp = make_recipe(RealNVP(hidden=(8,)))
two_level_vae = make_recipe(TwoLevelVAE(latent_dim=3, top_dim=2, **MLP))
residual_vae = make_recipe(ResidualVAE(latent_dim=3, **MLP))
label_vae = make_recipe(LabelVAE(latent_dim=3, **MLP))
logistic_vae = make_recipe(genjax.VAE(latent_dim=2, likelihood="exam_logistic", **MLP))
sigma_vae = make_recipe(
    genjax.VAE(latent_dim=2, likelihood="exam_learned_sigma", activation="exam_sine", **MLP)
)
own_loss = make_recipe(
    genjax.GAN(loss="exam_squared_hinge", latent_dim=2, hidden=(8,), discriminator_hidden=(8,))
)

accumulated = optax.MultiSteps(optax.adamw(1e-3), every_k_schedule=2).gradient_transformation()
kmnist = Recipe(
    "kmnist",
    FlippingVAE(latent_dim=1, **MLP),
    genjax.Training(3, 8, genjax.CustomOptimizer("adamw over two batches", accumulated)),
    num_samples=3,
    num_validation=8,
    callbacks=(TensorBoard("logs"), genjax.EarlyStopping("validation_loss", patience=1)),
)
