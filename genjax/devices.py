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

from genjax.types import UserError

AXIS = "devices"


def mesh_of(count: int, what: str) -> Mesh | None:
    """The most devices among which `count` things divide evenly; None stands for one device.

    Of every host as many. Warns, naming `what` is counted, if that leaves devices idle. Raises
    `UserError` where it would leave whole hosts idle.
    """
    hosts, all_devices = jax.process_count(), jax.devices()
    if count % hosts:
        raise UserError(f"{count} {what} do not divide among {hosts} hosts: take a multiple.")
    a_host = range(1, len(all_devices) // hosts + 1)
    used = max(n for n in a_host if count % (n * hosts) == 0)
    chosen = [device for host in range(hosts) for device in jax.local_devices(host)[:used]]
    if len(chosen) < len(all_devices):
        warnings.warn(
            f"{count} {what} go to {len(chosen)} of {len(all_devices)} devices: a multiple of"
            f" {len(all_devices)} would use all.",
            stacklevel=5,
        )
    return Mesh(np.array(chosen), (AXIS,)) if len(chosen) > 1 else None


def placed(tree: Any, mesh: Mesh | None, split: bool = False) -> Any:
    """`tree` on all devices of `mesh`, whole on each; or its leaves `split` along their first axis.

    Without a mesh, as it is. Every host has to give the same `tree`.
    """
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, P(AXIS) if split else P())
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    return jax.jit(_same, out_shardings=sharding)(tree)  # over hosts, device_put takes no keys


def constrained(tree: Any, mesh: Mesh | None, split: bool = False) -> Any:
    """`placed` within a compiled function."""
    sharding = NamedSharding(mesh, P(AXIS) if split else P()) if mesh else None
    return jax.lax.with_sharding_constraint(tree, sharding) if sharding else tree


def gathered(tree: Any) -> Any:
    """`tree` with every leaf whole on this host's first device, where it is on several.

    Where a leaf is split over hosts, all of them have to call this.
    """

    def whole(leaf: jax.Array) -> jax.Array:
        if leaf.is_fully_addressable:
            several = len(leaf.sharding.device_set) > 1
            return jax.device_put(leaf, jax.local_devices()[0]) if several else leaf
        if not leaf.is_fully_replicated:
            everywhere = NamedSharding(leaf.sharding.mesh, P())  # type: ignore[attr-defined]
            leaf = jax.jit(_same, out_shardings=everywhere)(leaf)
        return leaf.addressable_data(0)

    return jax.tree.map(whole, tree)


def _same(tree: Any) -> Any:
    return tree
