"""Standing statistics of batch normalisation (Brock et al. 2019, arXiv:1809.11096)."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from genjax.model import Params, Weights
from genjax.model.compiling import jit

_BATCHES, _BATCH_SIZE = 16, 128  # of latents


@jit
def compute_standing_stats(params: Params, key: jax.Array) -> Params:
    """Return a GAN's `params` with the means of the statistics of many batches of G(z)."""
    model: Any = params.model
    generator = model.generator(momentum=0.0)

    def compute_stats(keys: tuple[jax.Array, jax.Array]) -> Weights:
        key_z, key_network = keys
        z = model.with_class(model.sample_latents(params, key_z, _BATCH_SIZE))
        options = {"train": True, "mutable": list(params.stats["generator"])}
        rngs = {"params": key_network}
        return model.forward(generator, params, "generator", z, rngs=rngs, **options)[1]

    key_networks = jax.random.fold_in(key, _BATCHES)
    keys = [jax.random.split(k, _BATCHES) for k in (key, key_networks)]
    every = jax.lax.map(compute_stats, tuple(keys))
    mean = jax.tree.map(partial(jnp.mean, axis=0), every)
    return params.replace(stats=params.stats | {"generator": mean})
