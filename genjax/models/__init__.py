"""The models. A new one is one file, imported here so that it registers itself."""

from genjax.models.autoencoder import Autoencoder
from genjax.models.conditional_vae import ConditionalVAE
from genjax.models.dcgan import DCGAN
from genjax.models.debiasing_vae import DebiasingVAE
from genjax.models.flow_matching import FlowMatching
from genjax.models.gan import GAN
from genjax.models.hierarchical_vae import HierarchicalVAE
from genjax.models.made import MADE
from genjax.models.pixelcnn import PixelCNN
from genjax.models.projected import ProjectedGAN
from genjax.models.r3gan import R3GAN
from genjax.models.realnvp import RealNVP
from genjax.models.vae import VAE
from genjax.models.vae_gan import VAEGAN
from genjax.models.vq_vae import VQVAE

__all__ = [
    "DCGAN",
    "GAN",
    "MADE",
    "R3GAN",
    "VAE",
    "VAEGAN",
    "VQVAE",
    "Autoencoder",
    "ConditionalVAE",
    "DebiasingVAE",
    "FlowMatching",
    "HierarchicalVAE",
    "PixelCNN",
    "ProjectedGAN",
    "RealNVP",
]
