"""Many devices: the mesh that work is shared out over, and what lies where on it.

A run of one seed shares out every batch: each device has all weights and all data, and works on its
rows of the batch (data parallel). What is summed over the batch, such as the loss and the
statistics of batch normalisation, the compiler sums over all devices, and random numbers do not
depend on the number of devices (JAX's `jax_threefry_partitionable`), so the run is that of one
device up to rounding. A run of many seeds shares out the seeds, which need nothing from each other.

`jax.pmap` is not used: its program is that of one device, so that batch statistics, random numbers
and the shares of a batch would have to be written into every model.
"""

import warnings
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

AXIS = "devices"


def mesh_of(count: int, what: str) -> Mesh | None:
    """The most devices among which `count` things divide evenly; None stands for one device.

    Warns, naming `what` is counted, if that leaves devices idle.
    """
    devices = jax.local_devices()
    used = max(n for n in range(1, len(devices) + 1) if count % n == 0)
    if used < len(devices):
        warnings.warn(
            f"{count} {what} go to {used} of {len(devices)} devices: a multiple of {len(devices)}"
            " would use all.",
            stacklevel=5,
        )
    return Mesh(np.array(devices[:used]), (AXIS,)) if used > 1 else None


def placed(tree: Any, mesh: Mesh | None, split: bool = False) -> Any:
    """`tree` on all devices of `mesh`, whole on each; or its leaves `split` along their first axis.

    Without a mesh, as it is.
    """
    return jax.device_put(tree, NamedSharding(mesh, P(AXIS) if split else P())) if mesh else tree


def constrained(tree: Any, mesh: Mesh | None, split: bool = False) -> Any:
    """`placed` within a compiled function."""
    sharding = NamedSharding(mesh, P(AXIS) if split else P()) if mesh else None
    return jax.lax.with_sharding_constraint(tree, sharding) if sharding else tree


def gathered(tree: Any) -> Any:
    """`tree` with every leaf whole on the first device, where it is on several."""
    first = jax.local_devices()[0]
    return jax.tree.map(
        lambda leaf: jax.device_put(leaf, first) if len(leaf.sharding.device_set) > 1 else leaf,
        tree,
    )
