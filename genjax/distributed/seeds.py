"""Many seeds at once: pytrees whose arrays have a first axis [S], one entry for each seed.

A batch of keys gives a batch of runs of one program, each as it would be alone. On a GPU or TPU
that is a `vmap`, which fills a device that one small model leaves idle; on a CPU it is a loop,
because one run keeps the cores busy (timings: docs/notes/many-seeds.md). A run that diverges goes
on, as numbers that are not finite, and touches no other.

In signatures the axes `*seeds` are none for one run, and [S] for many.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from genjax.distributed.devices import AXIS
from genjax.model import Params, get_model


def select_seed(tree: Any, index: int) -> Any:
    """Return the part of a stacked pytree that belongs to one seed."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def unstack_seeds(params: Params) -> list[Params]:
    """Split stacked parameters into one `Params` per seed; those of one seed stay as they are."""
    single = jax.eval_shape(get_model(params).init, jax.random.key(0))
    leaf, single_leaf = jax.tree.leaves(params)[0], jax.tree.leaves(single)[0]
    if leaf.ndim == single_leaf.ndim:
        return [params]
    return [select_seed(params, index) for index in range(len(leaf))]


def map_seeds(
    function: Callable[..., Any], stacked: Any, *shared: Any, mesh: Mesh | None = None
) -> Any:
    """Return `function(one, *shared)` for every seed of `stacked`, stacked again.

    The seeds are shared out over the devices of `mesh`; `shared` lies whole on each of them.
    """

    def map_local(stacked: Any, *shared: Any) -> Any:
        return map_on_device(lambda one: function(one, *shared), stacked)

    if mesh:
        map_local = jax.shard_map(
            map_local,
            mesh=mesh,
            in_specs=(P(AXIS), *(P() for _ in shared)),
            out_specs=P(AXIS),
            check_vma=False,
        )
    return map_local(stacked, *shared)


def map_on_device(function: Callable[[Any], Any], stacked: Any) -> Any:
    """Map `function` over the seeds on one device, by the means that is fast there."""
    if jax.default_backend() == "cpu":
        return jax.lax.map(function, stacked)
    return jax.vmap(function)(stacked)
