"""Many devices: the mesh over which training is shared out, and where its arrays lie.

A run of one seed shares out every batch: each device holds all weights and all data, and works on
its rows of the batch (data parallelism). The compiler sums over all devices what is summed over the
batch, such as the loss and the statistics of batch normalisation, and random numbers do not depend
on the number of devices (JAX's `jax_threefry_partitionable`), so the run equals that of one device
up to rounding. A run of many seeds shares out the seeds, which need nothing from each other. The
devices may belong to many hosts (`genjax.distributed.hosts`).

`jax.pmap` is not used: its program is that of one device, so that every model would have to handle
batch statistics, random numbers and the shares of a batch itself.

How far this scales is worked out in docs/notes/devices.md.
"""

import warnings
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from genjax.errors import UserError

AXIS = "devices"


def make_mesh(count: int, what: str) -> Mesh | None:
    """Return a mesh of the most devices among which `count` things divide evenly.

    Every host gives equally many devices. None stands for one device. A warning, which names `what`
    is counted, says if devices stay idle.

    Raises:
        UserError: where whole hosts would stay idle.
    """
    hosts, all_devices = jax.process_count(), jax.devices()
    if count % hosts:
        raise UserError(f"{count} {what} do not divide among {hosts} hosts: take a multiple.")
    of_a_host = range(1, len(all_devices) // hosts + 1)
    used = max(n for n in of_a_host if count % (n * hosts) == 0)
    chosen = [device for host in range(hosts) for device in jax.local_devices(host)[:used]]
    if len(chosen) < len(all_devices):
        warnings.warn(
            f"{count} {what} go to {len(chosen)} of {len(all_devices)} devices: a multiple of"
            f" {len(all_devices)} would use all.",
            stacklevel=5,
        )
    return Mesh(np.array(chosen), (AXIS,)) if len(chosen) > 1 else None


def place(tree: Any, mesh: Mesh | None, split: bool = False) -> Any:
    """Copy `tree` to all devices of `mesh`, whole on each or `split` along the first axis.

    Without a mesh, return it as it is. Every host has to give the same `tree`.
    """
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, P(AXIS) if split else P())
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    return jax.jit(_identity, out_shardings=sharding)(tree)  # device_put takes no keys over hosts


def constrain(tree: Any, mesh: Mesh | None, split: bool = False) -> Any:
    """Do what `place` does, within a compiled function."""
    sharding = NamedSharding(mesh, P(AXIS) if split else P()) if mesh else None
    return jax.lax.with_sharding_constraint(tree, sharding) if sharding else tree


def gather(tree: Any) -> Any:
    """Bring every leaf of `tree` that lies on several devices whole to this host's first device.

    Where a leaf is split over hosts, all of them have to call this.
    """

    def whole(leaf: jax.Array) -> jax.Array:
        if leaf.is_fully_addressable:
            several = len(leaf.sharding.device_set) > 1
            return jax.device_put(leaf, jax.local_devices()[0]) if several else leaf
        if not leaf.is_fully_replicated:
            everywhere = NamedSharding(leaf.sharding.mesh, P())  # type: ignore[attr-defined]
            leaf = jax.jit(_identity, out_shardings=everywhere)(leaf)
        return leaf.addressable_data(0)

    return jax.tree.map(whole, tree)


def _identity(tree: Any) -> Any:
    return tree
