"""All named experiments: importing this adds them to the table."""

import experiments.gan
import experiments.planted
import experiments.sprites
import experiments.vae
import experiments.vae_gan  # noqa: F401
from experiments.experiment import EXPERIMENTS

__all__ = ["EXPERIMENTS"]
