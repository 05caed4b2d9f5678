"""What the outputs of a discriminator say of images: scores, of classes and patches, and classes.

(1) s = s_0 + s_y           the score of an image of class y: `genjax.models.with_discriminator` (4)
(2) CE = E[-log c_y]        the cross-entropy of an auxiliary classifier, c the softmax of logits:
                            `genjax.models.adversarial` (9)

Of a discriminator that scores patches, every patch has its own outputs, [N, patches, k].
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from genjax.nn.networks import flatten


def select_score(
    outputs: Float[Array, "n ... k"], labels: Int[Array, " n"] | None
) -> Float[Array, "n ..."]:
    """Return the scores (1) of a discriminator's outputs [N, 1 + K] for classes `labels`.

    Without labels, each image gets the score of the class that it fits best. Of a discriminator
    that scores patches, [N, patches, 1 + K], each patch has a score.
    """
    common, of_classes = outputs[..., 0], outputs[..., 1:]
    if not of_classes.shape[-1]:
        return common
    if labels is None:
        return common + jnp.max(of_classes, axis=-1)
    return common + select_column(of_classes, labels)


def select_column(rows: Float[Array, "n ... k"], labels: Int[Array, " n"]) -> Float[Array, "n ..."]:
    """Return the entry of each image's label.

    >>> select_column(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([1, 0]))
    Array([2., 3.], dtype=float32)
    """
    columns = labels.reshape(-1, *(1,) * (rows.ndim - 1))
    return jnp.take_along_axis(rows, columns, axis=-1)[..., 0]


def average_patches(scores: Float[Array, "n ..."]) -> Float[Array, " n"]:
    """Return the score of each image: the mean of those of its patches, where it has some."""
    return scores if scores.ndim == 1 else jnp.mean(flatten(scores), axis=1)


def measure_class_loss(
    logits: Float[Array, "n ... k"], labels: Int[Array, " n"]
) -> Float[Array, ""]:
    """Compute the cross-entropy (2), the mean over images and patches.

    >>> round(float(measure_class_loss(jnp.zeros((2, 4)), jnp.array([0, 3]))), 3)  # log 4
    1.386
    """
    return -jnp.mean(select_column(jax.nn.log_softmax(logits), labels))
