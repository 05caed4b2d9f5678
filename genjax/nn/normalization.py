"""Normalisation between layers, one of several by name."""

from typing import Literal

import flax.linen as nn
import jax

GeneratorNorm = Literal["batch", "none"]
Normalization = Literal["batch", "spectral", "none"]


def batch_norm(x: jax.Array, train: bool, momentum: float = 0.9) -> jax.Array:
    """x normalised over all axes but the last (Ioffe & Szegedy 2015, arXiv:1502.03167).

    Under `train` by its own mean and variance, else by the averages of those, which follow them
    with `momentum`. To be called within a compact module.
    """
    return nn.BatchNorm(use_running_average=not train, momentum=momentum, epsilon=1e-5)(x)


def normalized(
    layer: nn.Module, x: jax.Array, norm: Normalization, train: bool, momentum: float = 0.9
) -> jax.Array:
    """`layer(x)` under the normalisation of that name. To be called within a compact module.

    "batch": `batch_norm` of the layer's output. "spectral": of the layer's kernel, as a matrix
    [inputs, outputs], by its largest singular value, to which one power iteration is added with
    every `train` (Miyato et al. 2018, arXiv:1802.05957, algorithm 1).
    """
    if norm == "batch":
        return batch_norm(layer(x), train, momentum)
    if norm == "spectral":
        return nn.SpectralNorm(layer)(x, update_stats=train)
    return layer(x)


def without_batch(norm: Normalization) -> Normalization:
    """What `norm` asks of a layer at a network's end, where batch normalisation has no place."""
    return "spectral" if norm == "spectral" else "none"
