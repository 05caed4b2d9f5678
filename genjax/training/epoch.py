"""An epoch of training: a scan over the steps of `genjax.training.step`, compiled as one program.

The epoch of one run knows nothing of many seeds: theirs maps it over them. Of many devices it knows
only where the batches lie (`genjax.distributed`).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt8

from genjax.distributed import devices, seeds
from genjax.model import Batch, Terms
from genjax.nn.augmentation import mirror_half
from genjax.runs.keys import Purpose, derive_epoch_keys
from genjax.training.configuration import Training
from genjax.training.state import TrainState
from genjax.training.step import compute_norm, count_batches, count_updates, run_step, update_ema

Rows = tuple[UInt8[Array, "*rows h w c"], Int[Array, "*rows"]]  # images and labels


def gather_batch(
    images: UInt8[Array, "n h w c"],
    labels: Int[Array, " n"],
    index: Int[Array, " b"],
    progress: Float[Array, ""] | float = 1.0,
) -> Batch:
    """Return the batch of the images at the positions `index`, scaled to [0, 1]."""
    return scale_batch((images[index], labels[index]), progress)


def scale_batch(rows: Rows, progress: Float[Array, ""] | float = 1.0) -> Batch:
    """Return the batch of these images [B, H, W, C], scaled to float32 in [0, 1]."""
    images, labels = rows
    return Batch(images.astype(jnp.float32) / 255.0, labels, progress)


def choose_order(
    state: TrainState,
    images: UInt8[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    training: Training,
    steps: int,
) -> tuple[Int[Array, "{steps} batches b"], Terms]:
    """Choose the images of the coming epoch's batches, by position; with the terms of that order.

    `batches` is the number of batches that a step takes.
    """
    model, progress = state.params.model, state.epoch / training.epochs
    key, _ = derive_epoch_keys(state.key, state.epoch)
    order, terms = model.choose_order(state.params, images, labels, key, progress)
    batch_size = min(training.batch_size, images.shape[0])
    # of a data set smaller than one step, images are visited twice
    return jnp.resize(order, (steps, count_batches(model), batch_size)), terms


def run_steps(
    state: TrainState,
    numbers: Int[Array, " k"],
    rows: Any,
    make_batch: Callable[[Any, Float[Array, ""]], Batch],
    *,
    training: Training,
    steps: int,
    mesh: Mesh | None,
) -> tuple[TrainState, Terms]:
    """Run, of the `steps` steps of an epoch, those with these `numbers`, as one scan.

    The leaves of `rows` are [K, batches a step, B, ...]. `make_batch` takes the rows of one batch
    and the share of the training that is done. The terms are [K].
    """
    model = state.params.model
    _, key_steps = derive_epoch_keys(state.key, state.epoch)
    batches = steps * count_batches(model)
    optimizers = {
        player: training.build_optimizer(
            model, player, steps * training.epochs * count_updates(model, player)
        )
        for player in model.players
    }
    frozen = training.find_frozen(model)

    def draw(number: Int[Array, ""], rows: Any) -> tuple[Batch, PRNGKeyArray]:
        progress = (state.epoch + number / batches) / training.epochs
        rows = devices.constrain(rows, mesh, split=True)  # and so all that is computed from them
        batch, key = make_batch(rows, progress), jax.random.fold_in(key_steps, number)
        if training.mirrored:
            mirrored = mirror_half(batch.images, jax.random.fold_in(key, 0))
            batch = replace(batch, images=mirrored)
        return batch, key

    def scan_step(state: TrainState, one: tuple[Int[Array, ""], Any]) -> tuple[TrainState, Terms]:
        number, rows = one
        held = {name: state.params.stats[name] for name in frozen & state.params.stats.keys()}
        state, terms = run_step(state, number, rows, draw, optimizers)
        if held:
            state = state.replace(params=state.params.replace(stats=state.params.stats | held))
        done = state.epoch * steps + number
        decay = training.compute_ema_decay(done, steps * training.epochs)
        return update_ema(state, decay), terms

    return jax.lax.scan(scan_step, state, (numbers, rows))


def finish_epoch(
    state: TrainState, terms: Terms, images: UInt8[Array, "n h w c"], mesh: Mesh | None
) -> tuple[TrainState, Terms]:
    """Return the state at the end of an epoch, and its terms with those that are measured once.

    The term "finite" is 1 if the sum of the squares of all weights is a finite number: a weight
    beyond 1e19 makes it infinite.
    """
    model = state.params.model
    terms = terms | model.diagnose(state.params, images, state.derive_key(Purpose.DIAGNOSE))
    terms["finite"] = jnp.isfinite(compute_norm(state.params))
    return devices.constrain((state.replace(epoch=state.epoch + 1), terms), mesh)


def _run_epoch(
    state: TrainState,
    images: UInt8[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    training: Training,
    steps: int,
    mesh: Mesh | None = None,
) -> tuple[TrainState, Terms]:
    """Run `steps` steps over the data in a new order, and return the mean of every term.

    Every batch is shared out over the devices of `mesh`.
    """
    order, order_terms = choose_order(state, images, labels, training=training, steps=steps)
    gather = partial(gather_batch, images, labels)
    state, terms = run_steps(
        state, jnp.arange(steps), order, gather, training=training, steps=steps, mesh=mesh
    )
    return finish_epoch(state, jax.tree.map(jnp.mean, terms) | order_terms, images, mesh)


run_epoch = jax.jit(
    _run_epoch, static_argnames=("training", "steps", "mesh"), donate_argnames="state"
)


@partial(jax.jit, static_argnames=("training", "steps", "mesh"), donate_argnames="states")
def run_seeds_epoch(
    states: TrainState,
    images: UInt8[Array, "n h w c"],
    labels: Int[Array, " n"],
    *,
    training: Training,
    steps: int,
    mesh: Mesh | None = None,
) -> tuple[TrainState, Terms]:
    """Run an epoch of every seed, as `run_epoch` does; the terms are [S].

    The seeds are shared out over the devices of `mesh`.
    """
    rates = training.stack_rates(states.key.shape)

    def run_one(one: tuple[TrainState, Any], images: jax.Array, labels: jax.Array) -> Any:
        state, rate = one
        return _run_epoch(state, images, labels, training=training.with_rate(rate), steps=steps)

    return seeds.map_seeds(run_one, (states, rates), images, labels, mesh=mesh)
