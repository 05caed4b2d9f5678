"""A page on the latent space of a trained run."""
