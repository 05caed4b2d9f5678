"""The models. A new one is one file, imported here so that it registers itself."""

from genjax.models.autoencoder import Autoencoder
from genjax.models.vae import VAE

__all__ = ["VAE", "Autoencoder"]
