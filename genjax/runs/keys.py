"""How every random number of a run follows from its key, which is never consumed.

A key is either split and not used again, or only ever folded:

(1) key of the weights            fold_in(key, 0)
(2) key of the run                fold_in(key, 1), kept in the training state
(3) keys of epoch e               split(fold_in(run, e)): one for its order, one for its steps
(4) key of batch i of the epoch   fold_in(steps, i)
(5) key of a `Purpose`            fold_in(run, purpose), the same in every epoch

So a resumed run draws what the uninterrupted one would have drawn, and what is measured between two
epochs changes nothing.
"""

import enum

import jax
from jaxtyping import Array, Int32, Key


class Purpose(enum.IntEnum):
    """What a key outside the epochs is for. The numbers are beyond those of all epochs."""

    SETTLE = 2**32 - 1  # recomputes the statistics of averaged weights
    DIAGNOSE = 2**32 - 2
    DISTANCE = 2**32 - 3
    VALIDATE = 2**32 - 4


def derive_key(key: Key[Array, ""], purpose: Purpose) -> Key[Array, ""]:
    """Return the key for a purpose, (5), from the run's key."""
    return jax.random.fold_in(key, purpose.value)


def derive_epoch_keys(key: Key[Array, ""], epoch: Int32[Array, ""]) -> Key[Array, "2"]:
    """Return the keys of an epoch's order and of its steps, (3), from the run's key."""
    return jax.random.split(jax.random.fold_in(key, epoch))
