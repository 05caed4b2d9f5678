"""A step of training and an epoch of them: pure functions of a training state.

One trainer serves any number of players. A model states all their losses in one function, from one
shared forward pass; each player's gradient is that of its own loss alone, in the weights of its own
networks alone:

(1) g_p = d loss_p / d weights_p     for every player p whose turn it is, at the same weights
(2) weights_p <- weights_p - optimizer_p(g_p)
(3) ema <- d ema + (1 - d) weights,  d = min(ema_decay, (1 + t) / (10 + t)) at step t

A step is what `Model.update_schedule` says: for most models one turn, in which every player moves. Each turn
takes a batch of its own.

Randomness: the run's key is never consumed. Epoch e uses fold_in(key, e) and batch i of it
fold_in(., i), so that a resumed run draws what the uninterrupted one would have drawn.

Many keys give many runs at once (`genjax.training.seeds`), and many devices share the work out
(`genjax.distributed.devices`); an epoch of one run knows nothing of the first, and of the second only where its
batches lie.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from genjax.distributed import devices
from genjax.model import Batch, Model, Params, Terms, Weights
from genjax.training import seeds
from genjax.training.configuration import Training
from genjax.training.state import TrainState

Optimizers = Mapping[str, optax.GradientTransformation]  # of players
Rows = tuple[jax.Array, jax.Array]  # images uint8 [..., H, W, C] and labels int32 [...]


def player_weights(model: Model, weights: Weights, player: str) -> Weights:
    return {name: weights[name] for name in model.players[player]}


def compute_gradients(
    params: Params, batch: Batch, key: jax.Array, players: Iterable[str] | None = None
) -> tuple[dict[str, Weights], dict[str, jax.Array], Terms, Weights]:
    """(1): the gradient of every one of `players` (all, if left out); with the losses of all, the
    terms, and the new `stats`.

    Every player differentiates the same function, and the compiler merges the forward passes that
    they have in common. (One pull-back with zeros for the others' losses would do the work of all
    for each, and turn an infinite derivative of another's loss into 0 times infinity.)
    """
    model = params.model
    noise = model.draw_noise(batch, key)
    own, values, terms, stats = {}, {}, {}, params.stats
    for player in players or model.players:

        def loss(mine: Weights, player: str = player) -> tuple[jax.Array, Any]:
            weights = params.weights | mine
            losses, aux = model.losses(params.replace(weights=weights), batch, noise)
            return losses[player], (losses, aux)

        mine = player_weights(model, params.weights, player)
        own[player], (values, (terms, stats)) = jax.grad(loss, has_aux=True)(mine)
    return own, values, terms, stats


def update(
    state: TrainState, batch: Batch, key: jax.Array, optimizers: Optimizers
) -> tuple[TrainState, Terms]:
    """A turn: one update, (1) and (2), of every player that has an optimizer here."""
    model, weights = state.params.model, dict(state.params.weights)
    own, values, terms, stats = compute_gradients(state.params, batch, key, tuple(optimizers))
    opt_state = dict(state.opt_state)
    alone = len(model.players) == 1
    terms = {"loss" if alone else f"{p}_loss": value for p, value in values.items()} | terms
    for player, gradient in own.items():
        mine = player_weights(model, weights, player)
        change, opt_state[player] = optimizers[player].update(gradient, opt_state[player], mine)
        weights |= optax.apply_updates(mine, change)  # (2)
        if not alone:
            squares = [jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(gradient)]
            terms[f"{player}_gradient_norm"] = jnp.sqrt(sum(squares))
    params = state.params.replace(weights=weights, stats=stats)
    return state.replace(params=params, opt_state=opt_state), terms


def update_ema(state: TrainState, decay: jax.Array | float) -> TrainState:
    """(3), of the networks of which an average is kept."""
    weights = {name: state.params.weights[name] for name in state.ema}
    return state.replace(
        ema=jax.tree.map(lambda e, w: e + (1 - decay) * (w - e), state.ema, weights)
    )


def init_state(model: Model, key: jax.Array, training: Training) -> TrainState:
    """The state before the first epoch."""
    params = model.init(jax.random.fold_in(key, 0))
    opt_state = {  # the number of steps, for the schedule, is no part of it
        player: training.optimizer_of(player, 1).init(player_weights(model, params.weights, player))
        for player in model.players
    }
    averages = model.ema_networks if training.ema_decay else ()
    ema = {name: jax.tree.map(jnp.copy, params.weights[name]) for name in averages}
    return TrainState(params, opt_state, ema, jax.random.fold_in(key, 1), jnp.int32(0))


def batches_a_step(model: Model) -> int:
    return sum(times for _, times in model.update_schedule)


def updates_a_step(model: Model) -> dict[str, int]:
    return {
        p: sum(times for movers, times in model.update_schedule if p in movers)
        for p in model.players
    }


def batch_of(
    images: jax.Array, labels: jax.Array, index: jax.Array, progress: jax.Array | float = 1.0
) -> Batch:
    """Gathered on the device: uint8 [N, H, W, C] -> float32 [B, H, W, C] in [0, 1]."""
    return as_batch((images[index], labels[index]), progress)


def as_batch(rows: Rows, progress: jax.Array | float) -> Batch:
    """Of one batch's rows, gathered already."""
    images, labels = rows
    return Batch(images.astype(jnp.float32) / 255.0, labels, progress)


def _keys(key: jax.Array, epoch: jax.Array) -> jax.Array:
    """Those of an epoch's order and of its batches, of the run's key."""
    return jax.random.split(jax.random.fold_in(key, epoch))


def order_of(
    state: TrainState, images: Any, labels: Any, *, training: Training, steps: int
) -> tuple[jax.Array, Terms]:
    """Which images the coming epoch takes in its batches, int32 [steps, batches a step, B], and
    the terms of that order."""
    model, began = state.params.model, state.epoch / training.epochs
    key_order, _ = _keys(state.key, state.epoch)
    order, terms = model.choose_order(state.params, images, labels, key_order, began)
    batch_size = min(training.batch_size, images.shape[0])
    # of a data set smaller than one step, images are visited twice
    return jnp.resize(order, (steps, batches_a_step(model), batch_size)), terms


def run_steps(
    state: TrainState,
    numbers: jax.Array,
    rows: Any,
    batch: Callable[[Any, jax.Array], Batch],
    *,
    training: Training,
    steps: int,
    mesh: Mesh | None,
) -> tuple[TrainState, Terms]:
    """Some of the `steps` steps of an epoch, those of these `numbers` [K], as one scan.

    `batch` makes a batch from some of `rows`, whose leaves are [K, batches a step, B, ...], and the
    share of the training that is done. Terms are [K].
    """
    model = state.params.model
    _, key_steps = _keys(state.key, state.epoch)
    batches = batches_a_step(model)
    optimizers = {
        player: training.optimizer_of(player, steps * training.epochs * times)
        for player, times in updates_a_step(model).items()
    }

    def turn(state: TrainState, numbered: tuple[jax.Array, Any], players: tuple[str, ...]):
        i, rows = numbered
        movers = {player: optimizers[player] for player in players}
        progress = (state.epoch + i / (steps * batches)) / training.epochs
        rows = devices.constrain(rows, mesh, split=True)  # and what follows from it
        return update(state, batch(rows, progress), jax.random.fold_in(key_steps, i), movers)

    def step(state: TrainState, numbered: tuple[jax.Array, Any]):
        i, rows = numbered
        turns, first = (i * batches + jnp.arange(batches), rows), 0
        terms: Terms = {}
        for players, times in model.update_schedule:
            take, last = partial(turn, players=players), first + times - 1
            if times > 1:
                before = jax.tree.map(lambda leaf, a=first, b=last: leaf[a:b], turns)
                state, _ = jax.lax.scan(take, state, before)
            state, terms = take(
                state, seeds.select_seed(turns, last)
            )  # no loop around a single turn
            first += times
        done = state.epoch * steps + i
        decay = jnp.minimum(training.ema_decay, (1 + done) / (10 + done))
        return update_ema(state, decay), terms

    return jax.lax.scan(step, state, (numbers, rows))


def finish_epoch(
    state: TrainState, terms: Terms, images: jax.Array, mesh: Mesh | None
) -> tuple[TrainState, Terms]:
    """The state at the end of an epoch, and its terms, with those that are measured once.

    The term "finite" is 1 if all weights are finite numbers.
    """
    model = state.params.model
    terms = terms | model.diagnose(state.params, images, state.key_of("diagnose"))
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state.params)]
    terms["finite"] = jnp.all(jnp.stack(finite))
    return devices.constrain((state.replace(epoch=state.epoch + 1), terms), mesh)


def _epoch(
    state: TrainState,
    images: jax.Array,
    labels: jax.Array,
    *,
    training: Training,
    steps: int,
    mesh: Mesh | None = None,
) -> tuple[TrainState, Terms]:
    """`steps` steps over the data in a new order, as one scan; with the mean of every term.

    Every batch is shared out over the devices of `mesh`.
    """
    order, ordered = order_of(state, images, labels, training=training, steps=steps)
    gather = partial(batch_of, images, labels)
    state, terms = run_steps(
        state, jnp.arange(steps), order, gather, training=training, steps=steps, mesh=mesh
    )
    return finish_epoch(state, jax.tree.map(jnp.mean, terms) | ordered, images, mesh)


epoch = jax.jit(_epoch, static_argnames=("training", "steps", "mesh"), donate_argnames="state")


@partial(jax.jit, static_argnames=("training", "steps", "mesh"), donate_argnames="states")
def epochs(
    states: TrainState,
    images: jax.Array,
    labels: jax.Array,
    *,
    training: Training,
    steps: int,
    mesh: Mesh | None = None,
) -> tuple[TrainState, Terms]:
    """`epoch` of many runs, shared out over the devices of `mesh`; terms [S]."""
    rates = jnp.broadcast_to(jnp.asarray(training.optimizer.learning_rate), states.key.shape)

    def one(run: tuple[TrainState, jax.Array], images: jax.Array, labels: jax.Array):
        state, rate = run
        return _epoch(state, images, labels, training=training.of_run(rate), steps=steps)

    def local(runs: tuple[TrainState, jax.Array], images: jax.Array, labels: jax.Array):
        return seeds.map_seeds(lambda run: one(run, images, labels), runs)

    if mesh:
        specs = (P(devices.AXIS), P(), P())
        local = jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=specs[0], check_vma=False)
    return local((states, rates), images, labels)
