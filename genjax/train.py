"""Training: the update of the players, an epoch as one compiled scan, and `fit`.

One trainer serves any number of players. A model states all their losses in one function, from one
shared forward pass; each player's gradient is that of its own loss alone, in the weights of its own
networks alone:

(1) g_p = d loss_p / d weights_p     for every player p whose turn it is, at the same weights
(2) weights_p <- weights_p - optimizer_p(g_p)
(3) ema <- d ema + (1 - d) weights,  d = min(ema_decay, (1 + t) / (10 + t)) at step t

A step is what `Model.turns` says: for most models one turn, in which every player moves. Each turn
takes a batch of its own.

Randomness: the run's key is never consumed. Epoch e uses fold_in(key, e) and batch i of it
fold_in(., i), so that a resumed run draws what the uninterrupted one would have drawn.

Many keys give many runs at once (`genjax.seeds`), and many devices share the work out
(`genjax.devices`); an epoch of one run knows nothing of the first, and of the second only where its
batches lie.
"""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from genjax import checkpoint, devices, run, seeds
from genjax.configuration import Training
from genjax.data import Dataset
from genjax.files import enable_compilation_cache
from genjax.progress import TrainingProgress
from genjax.types import Batch, Model, Params, Terms, TrainState, UserError, Weights

_DISTANCES = 20  # measured in a run, about
_PATIENCE = 3  # epochs that something goes wrong before the user is warned
Distance = Callable[[Params, jax.Array], float]
Optimizers = Mapping[str, optax.GradientTransformation]  # of players


class TrainingDiverged(UserError):
    """A loss or a weight is no longer a finite number."""


def player_weights(model: Model, weights: Weights, player: str) -> Weights:
    return {name: weights[name] for name in model.players[player]}


def gradients(
    params: Params, batch: Batch, key: jax.Array, players: Iterable[str] | None = None
) -> tuple[dict[str, Weights], dict[str, jax.Array], Terms, Weights]:
    """(1): the gradient of every one of `players` (all, if left out); with the losses of all, the
    terms, and the new `stats`.

    Every player differentiates the same function, and the compiler merges the forward passes that
    they have in common. (One pull-back with zeros for the others' losses would do the work of all
    for each, and turn an infinite derivative of another's loss into 0 times infinity.)
    """
    model = params.model
    drawn = model.draw(batch, key)
    own, values, terms, stats = {}, {}, {}, params.stats
    for player in players or model.players:

        def loss(mine: Weights, player: str = player) -> tuple[jax.Array, Any]:
            weights = params.weights | mine
            losses, aux = model.losses(params.replace(weights=weights), batch, drawn)
            return losses[player], (losses, aux)

        mine = player_weights(model, params.weights, player)
        own[player], (values, (terms, stats)) = jax.grad(loss, has_aux=True)(mine)
    return own, values, terms, stats


def update(
    state: TrainState, batch: Batch, key: jax.Array, optimizers: Optimizers
) -> tuple[TrainState, Terms]:
    """A turn: one update, (1) and (2), of every player that has an optimizer here."""
    model, weights = state.params.model, dict(state.params.weights)
    own, values, terms, stats = gradients(state.params, batch, key, tuple(optimizers))
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


def averaged(state: TrainState, decay: jax.Array | float) -> TrainState:
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
    averages = model.averaged if training.ema_decay else ()
    ema = {name: jax.tree.map(jnp.copy, params.weights[name]) for name in averages}
    return TrainState(params, opt_state, ema, jax.random.fold_in(key, 1), jnp.int32(0))


def batches_a_step(model: Model) -> int:
    return sum(times for _, times in model.turns)


def updates_a_step(model: Model) -> dict[str, int]:
    return {p: sum(times for movers, times in model.turns if p in movers) for p in model.players}


def batch_of(
    images: jax.Array, labels: jax.Array, index: jax.Array, progress: jax.Array | float = 1.0
) -> Batch:
    """Gathered on the device: uint8 [N, H, W, C] -> float32 [B, H, W, C] in [0, 1]."""
    return Batch(images[index].astype(jnp.float32) / 255.0, labels[index], progress)


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

    The term "finite" is 1 if all weights are finite numbers at the end. Every batch is shared out
    over the devices of `mesh`.
    """
    model = state.params.model
    key = jax.random.fold_in(state.key, state.epoch)
    key_order, key_steps = jax.random.split(key)
    began = state.epoch / training.epochs
    order, ordered = model.epoch_order(state.params, images, labels, key_order, began)
    batches, batch_size = batches_a_step(model), min(training.batch_size, images.shape[0])
    # of a data set smaller than one step, images are visited twice
    order = jnp.resize(order, (steps, batches, batch_size))

    optimizers = {
        player: training.optimizer_of(player, steps * training.epochs * times)
        for player, times in updates_a_step(model).items()
    }

    def turn(state: TrainState, numbered: tuple[jax.Array, jax.Array], players: tuple[str, ...]):
        i, index = numbered
        movers = {player: optimizers[player] for player in players}
        progress = (state.epoch + i / (steps * batches)) / training.epochs
        index = devices.constrained(index, mesh, split=True)  # and what follows from it
        batch = batch_of(images, labels, index, progress)
        return update(state, batch, jax.random.fold_in(key_steps, i), movers)

    def step(state: TrainState, numbered: tuple[jax.Array, jax.Array]):
        i, index = numbered
        numbers, first = i * batches + jnp.arange(batches), 0
        terms: Terms = {}
        for players, times in model.turns:
            take, last = partial(turn, players=players), first + times - 1
            if times > 1:
                before = (numbers[first:last], index[first:last])
                state, _ = jax.lax.scan(take, state, before)
            state, terms = take(state, (numbers[last], index[last]))  # no loop around a single turn
            first += times
        done = state.epoch * steps + i
        decay = jnp.minimum(training.ema_decay, (1 + done) / (10 + done))
        return averaged(state, decay), terms

    state, terms = jax.lax.scan(step, state, (jnp.arange(steps), order))
    terms = jax.tree.map(jnp.mean, terms) | ordered
    terms |= model.diagnose(state.params, images, state.key_of("diagnose"))
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state.params)]
    terms["finite"] = jnp.all(jnp.stack(finite))
    return devices.constrained((state.replace(epoch=state.epoch + 1), terms), mesh)


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
        return seeds.over(lambda run: one(run, images, labels), runs)

    if mesh:
        specs = (P(devices.AXIS), P(), P())
        local = jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=specs[0], check_vma=False)
    return local((states, rates), images, labels)


def fit(
    model: Model,
    dataset: Dataset,
    key: jax.Array,
    training: Training | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    on_epoch: Callable[[int, Params], None] | None = None,
    distance: Distance | None = None,
    progress: bool = True,
) -> Params:
    """Train `model` on `dataset`; the trained parameters (their moving average where one is kept).

    With more than one device, every batch is shared out over all that divide it evenly; the run is
    that of one device up to rounding.

    With many keys, many runs at once, each that of its key up to rounding: every array of the
    parameters, here and in `on_epoch`, has a first axis [S], and `jax.tree.map(lambda leaf:
    leaf[i], params)` are those of run i. The runs are shared out over the devices. A run that
    diverges is warned of, and the others go on. The metrics hold means, their `spread` and, in
    `seeds`, those of each run, and the `collapse_rate`: the share of runs that diverged or whose
    samples collapse.

    Args:
        key: the run's only source of randomness: the same key gives the same weights. Or many, [S],
            such as `jax.random.split(key, S)`.
        training: the budget and the optimizer; `Training()` by default. Of many runs, each may have
            a learning rate of its own, in a tuple of S.
        out: the run's folder, made where it does not exist. It receives `config.json`,
            `metrics.jsonl` and `checkpoints/`. If it holds an unfinished run of the same
            configuration, that run goes on, to the bits it would have ended in; a finished one is
            returned as it is.
        overwrite: throw away what `out` holds and start anew.
        on_epoch: called with the number of epochs done and the current parameters: before the
            first epoch with 0, then after each.
        distance: of samples from the data, such as `genjax.metrics.distance_to(dataset)`. Measured
            about 20 times in a run, it goes into the metrics, and the weights that were nearest are
            kept in `out`/best.npz: a GAN's last weights need not be its best.
        progress: show a bar.

    Raises:
        UserError: on a bad configuration, a data set that does not fit the model, or a folder that
            holds something else.
        TrainingDiverged: if a loss or a weight is not a finite number, in all of many runs.
        CheckpointError: if `out` holds checkpoints and not one of them is whole.
    """
    enable_compilation_cache()
    training = training or Training()
    training.check(model.players)
    key = _checked(key, training)
    model = model.for_images(dataset.image_shape)
    model.check_labels(dataset.labels)
    steps = max(1, len(dataset) // (batches_a_step(model) * training.batch_size))
    start = partial(init_state, model, training=training.of_run(0.0))
    state = jax.vmap(start)(key) if key.ndim else start(key)
    folder = run.start(out, model, training, dataset.record(), key, overwrite) if out else None
    with run.locked(folder) if folder else contextlib.nullcontext():
        run_on = partial(_fit, on_epoch=on_epoch, distance=distance, progress=progress)
        state = run_on(state, dataset, training, steps, folder)
        return seeds.averaged_params(devices.gathered(state.replace(opt_state={})))


def _checked(key: jax.Array, training: Training) -> jax.Array:
    """The key or keys, if `fit` can train with them; those of the old kind as those of the new."""
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.wrap_key_data(key)
    rates = training.optimizer.learning_rate
    if key.ndim > 1 or key.size == 0:
        raise UserError(f"key has the shape {key.shape}, but must be one key, or many in a row.")
    if isinstance(rates, tuple) and key.shape != (len(rates),):
        raise UserError(
            f"optimizer.learning_rate holds {len(rates)} numbers, one for each of as many runs, but"
            f" key has the shape {key.shape}: give jax.random.split(key, {len(rates)})."
        )
    return key


def _compiled(
    state: TrainState, dataset: Dataset, training: Training, steps: int
) -> tuple[TrainState, tuple[jax.Array, jax.Array], Any]:
    """The state and the data on their devices, and an epoch of both, compiled."""
    many = state.key.ndim == 1
    if many:
        mesh = devices.mesh_of(len(state.key), "seeds")
    else:
        mesh = devices.mesh_of(min(training.batch_size, len(dataset)), "images of a batch")
    state = devices.placed(state, mesh, split=many)
    data = devices.placed((dataset.images, dataset.labels), mesh)
    of_runs = epochs if many else epoch
    compiled = of_runs.lower(state, *data, training=training, steps=steps, mesh=mesh).compile()
    return state, data, compiled


def _fit(
    state: TrainState,
    dataset: Dataset,
    training: Training,
    steps: int,
    folder: Path | None,
    on_epoch: Callable[[int, Params], None] | None,
    distance: Distance | None,
    progress: bool,
) -> TrainState:
    """The epochs that are still to be done, from the newest checkpoint on."""
    if folder:
        state = checkpoint.restore(folder, state)
        run.keep_metrics(folder, state.epochs_done)
    done = state.epochs_done
    if on_epoch and done == 0:
        on_epoch(0, _copied(seeds.averaged_params(state)))
    if done == training.epochs:
        return state

    model = state.params.model
    images_an_epoch = min(steps * batches_a_step(model) * training.batch_size, len(dataset))
    images_an_epoch *= state.key.size
    measured_every = max(1, training.epochs // _DISTANCES)
    lasting = run.lasting_warnings(folder) if folder else {}
    saved_at = time.monotonic()
    with TrainingProgress(training.epochs, images_an_epoch, done, show=progress) as bar:
        bar.note("compiling")
        state, data, run_epoch = _compiled(state, dataset, training, steps)
        bar.note("training")
        while done < training.epochs:
            began = time.perf_counter()
            state, device_terms = run_epoch(state, *data)
            terms = {n: np.asarray(v, np.float64) for n, v in _losses_first(device_terms)}
            seconds = time.perf_counter() - began
            done += 1
            alive = seeds.finite(terms)
            _check_alive(terms, alive, done, folder)
            del terms["finite"]
            last = done == training.epochs
            found = seeds.found(model, terms, alive)
            lasting = run.an_epoch_longer(lasting, found)
            _warn_of_lasting(found, lasting, done)
            params = state.params
            if on_epoch or distance:
                here = devices.gathered(state.replace(opt_state={}))
                params = seeds.averaged_params(here)
            if distance and (last or done % measured_every == 0):
                terms["distance"] = seeds.measured(distance, params, here, alive)
            line = {"epoch": done, **seeds.summary(terms, alive)}
            if alive.ndim:
                line["collapse_rate"] = seeds.collapse_rate(found, len(alive))
            bar.epoch_done(done, {name: line[name] for name in terms if line[name] is not None})
            if on_epoch:
                on_epoch(done, _copied(params))
            if folder:
                line |= {"images_per_second": images_an_epoch / seconds, "seconds": seconds}
                run.append_metrics(folder, line | ({"warnings": [*found]} if found else {}))
                if "distance" in terms:
                    checkpoint.save_best(folder, params, run.best_epoch(folder) == done)
                if last or time.monotonic() - saved_at > checkpoint.SECONDS_BETWEEN:
                    checkpoint.save(folder, state)
                    saved_at = time.monotonic()
    return state


def _warn_of_lasting(found: Mapping[str, str], lasting: Mapping[str, int], done: int) -> None:
    for name, text in found.items():
        patience = 1 if name.endswith(seeds.DIVERGED) else _PATIENCE
        if lasting[name] == patience:
            warnings.warn(f"since epoch {done + 1 - patience} {text}", stacklevel=4)


def _copied(params: Params) -> Params:
    """Arrays of their own: those of the state are given away to the next epoch."""
    return jax.tree.map(jnp.copy, params)


def _losses_first(terms: Terms) -> list[tuple[str, jax.Array]]:
    return sorted(terms.items(), key=lambda item: not item[0].endswith("loss"))


def _check_alive(terms: seeds.Values, alive: np.ndarray, done: int, folder: Path | None) -> None:
    """Raises `TrainingDiverged` where no run is alive; of many, the first says why."""
    if alive.any():
        return
    first = {name: value.flat[0] for name, value in terms.items()}
    bad = [name for name, value in first.items() if not np.isfinite(value)]
    bad.sort(key=lambda name: name.endswith("loss"))  # a loss is only the sum of what went wrong
    what = f"the term {bad[0]!r} is {first[bad[0]]}" if bad else "a weight is not finite"
    every = f" of seed 0, and the others of {alive.size} have diverged too" if alive.ndim else ""
    kept = checkpoint.newest(folder) if folder else None
    raise TrainingDiverged(
        f"training stopped in epoch {done}: {what}{every}. "
        + (f"The last good checkpoint is {kept}. " if kept else "There is no checkpoint yet. ")
        + "A smaller optimizer.learning_rate, optimizer.clip_norm 1, or warm-up steps may help."
    )
