"""Many devices: the mesh that work is shared out over, and what lies where on it.

A run of one seed shares out every batch: each device has all weights and all data, and works on its
rows of the batch (data parallel). What is summed over the batch, such as the loss and the
statistics of batch normalisation, the compiler sums over all devices, and random numbers do not
depend on the number of devices (JAX's `jax_threefry_partitionable`), so the run is that of one
device up to rounding. A run of many seeds shares out the seeds, which need nothing from each other.
The devices may be those of many hosts (`genjax.distributed.hosts`).

`jax.pmap` is not used: its program is that of one device, so that batch statistics, random numbers
and the shares of a batch would have to be written into every model.

How far it scales, on paper (nothing of this is measured). Time a step on n chips, b images each:

(1) compute       = b F / S              F operations an image, S operations a second
(2) communication = 2 (n-1)/n G / W + c h L
                    G bytes in c all-reduces, W bytes a second, h hops of L seconds

F, G and c are counted in the compiled step (64 images a device, on 2 to 16 devices the same).
Assumed is a TPU v5e: S = 19.7e12 (a tenth of its peak in bfloat16, for layers as small as these);
W = 1e11 (two of its four links of 400 Gbit/s, a ring both ways); L = 1e-6; on a torus of p x q
chips h = p + q, so 6 for n = 8 and 32 for n = 256; nothing overlaps. Milliseconds, and the b at
which (1) = (2):

| model                | F      | G      | c  | (1), b = 64 | (2), n = 8, 256 | even at b = |
| MLP VAE 784-400-20   | 3.5e6  | 2.6 MB | 1  | 0.011       | 0.052, 0.084    | 293, 476    |
| conv. VAE 16-32-256  | 1.0e7  | 3.4 MB | 1  | 0.032       | 0.065, 0.100    | 129, 197    |
| DCGAN 64-128-256     | 3.6e8  | 9.6 MB | 46 | 1.18        | 0.44, 1.66      | 24, 90      |

Of the DCGAN's all-reduces 43 are below 8 KiB, statistics of batch normalisation and scalars: they
cost hops, not bytes. So a whole batch of 512 takes 7.6 ms on one chip (F = 2.9e8 there: the
compiler merges what the players share, over devices it does not), 1.6 on 8, 1.1 on 16, 1.0 on 32
and 1.1 on 64: more than 16 chips do not pay. The batch would have to grow with n instead, to
23,000 on 256 chips for half the chips' speed, where these GANs are trained at 64 to 512. The VAEs,
at 128, are slower on 2 chips than on 1. What fills a pod is many seeds, which exchange nothing
within an epoch: 256 chips train 256 DCGANs in the time of one.
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


def place(tree: Any, mesh: Mesh | None, split: bool = False) -> Any:
    """`tree` on all devices of `mesh`, whole on each; or its leaves `split` along their first axis.

    Without a mesh, as it is. Every host has to give the same `tree`.
    """
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, P(AXIS) if split else P())
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    return jax.jit(_same, out_shardings=sharding)(tree)  # over hosts, device_put takes no keys


def constrain(tree: Any, mesh: Mesh | None, split: bool = False) -> Any:
    """`place` within a compiled function."""
    sharding = NamedSharding(mesh, P(AXIS) if split else P()) if mesh else None
    return jax.lax.with_sharding_constraint(tree, sharding) if sharding else tree


def gather(tree: Any) -> Any:
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
