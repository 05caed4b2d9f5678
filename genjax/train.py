"""Training: the update of the players, an epoch as one compiled scan, and `fit`.

One trainer serves any number of players. A model states all their losses in one function, from one
shared forward pass; each player's gradient is that of its own loss alone, in the weights of its own
networks alone:

(1) g_p = d loss_p / d weights_p     for every player p, at the same weights (simultaneous updates)
(2) weights_p <- weights_p - optimizer_p(g_p)
(3) ema <- d ema + (1 - d) weights,  d = min(ema_decay, (1 + t) / (10 + t)) at step t

Randomness: the run's key is never consumed. Epoch e uses fold_in(key, e) and step i of it
fold_in(., i), so that a resumed run draws what the uninterrupted one would have drawn.
"""

import contextlib
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax

from genjax import checkpoint, run
from genjax.configuration import Training
from genjax.data import Dataset
from genjax.files import enable_compilation_cache
from genjax.progress import TrainingProgress
from genjax.types import Batch, Model, Params, Terms, TrainState, UserError, Weights


class TrainingDiverged(UserError):
    """A loss or a weight is no longer a finite number."""


def player_weights(model: Model, weights: Weights, player: str) -> Weights:
    return {name: weights[name] for name in model.players[player]}


def gradients(
    params: Params, batch: Batch, key: jax.Array
) -> tuple[dict[str, Weights], dict[str, jax.Array], Terms, Weights]:
    """(1): every player's gradient; with the losses, the terms, and the new `stats`.

    Every player differentiates the same function, and the compiler merges the forward passes that
    they have in common. (One pull-back with zeros for the others' losses would do the work of all
    for each, and turn an infinite derivative of another's loss into 0 times infinity.)
    """
    model = params.model
    own, values, terms, stats = {}, {}, {}, params.stats
    for player in model.players:

        def loss(mine: Weights, player: str = player) -> tuple[jax.Array, Any]:
            weights = params.weights | mine
            losses, aux = model.losses(params.replace(weights=weights), batch, key)
            return losses[player], (losses, aux)

        mine = player_weights(model, params.weights, player)
        own[player], (values, (terms, stats)) = jax.grad(loss, has_aux=True)(mine)
    return own, values, terms, stats


def update(
    state: TrainState,
    batch: Batch,
    key: jax.Array,
    optimizer: optax.GradientTransformation,
    ema_decay: jax.Array | float = 0.0,
) -> tuple[TrainState, Terms]:
    """One step of every player: (1), (2), (3)."""
    model, weights = state.params.model, dict(state.params.weights)
    own, values, terms, stats = gradients(state.params, batch, key)
    opt_state = {}
    for player, gradient in own.items():
        mine = player_weights(model, weights, player)
        change, opt_state[player] = optimizer.update(gradient, state.opt_state[player], mine)
        weights |= optax.apply_updates(mine, change)  # (2)
    ema: Weights = {}
    if state.ema:
        ema = jax.tree.map(lambda e, w: e + (1 - ema_decay) * (w - e), state.ema, weights)  # (3)
    names = {p: "loss" if len(values) == 1 else f"{p}_loss" for p in values}
    terms = {names[p]: value for p, value in values.items()} | terms
    params = state.params.replace(weights=weights, stats=stats)
    return state.replace(params=params, opt_state=opt_state, ema=ema), terms


def init_state(model: Model, key: jax.Array, training: Training) -> TrainState:
    """The state before the first epoch."""
    params = model.init(jax.random.fold_in(key, 0))
    optimizer = training.optimizer.transform(steps=1)  # the schedule is no part of its state
    opt_state = {
        player: optimizer.init(player_weights(model, params.weights, player))
        for player in model.players
    }
    ema = jax.tree.map(jnp.copy, params.weights) if training.ema_decay else {}
    return TrainState(params, opt_state, ema, jax.random.fold_in(key, 1), jnp.int32(0))


def batch_of(images: jax.Array, labels: jax.Array, index: jax.Array) -> Batch:
    """Gathered on the device: uint8 [N, H, W, C] -> float32 [B, H, W, C] in [0, 1]."""
    return Batch(images[index].astype(jnp.float32) / 255.0, labels[index])


@partial(jax.jit, static_argnames=("training", "steps"), donate_argnames="state")
def epoch(
    state: TrainState,
    images: jax.Array,
    labels: jax.Array,
    *,
    training: Training,
    steps: int,
) -> tuple[TrainState, Terms]:
    """`steps` steps over the data in a new order, as one scan; with the mean of every term.

    The term "finite" is 1 if all weights are finite numbers at the end.
    """
    key = jax.random.fold_in(state.key, state.epoch)
    key_order, key_steps = jax.random.split(key)
    order = state.params.model.epoch_order(state.params, images, labels, key_order)
    order = order[: steps * min(training.batch_size, images.shape[0])].reshape(steps, -1)
    optimizer = training.optimizer.transform(steps * training.epochs)

    def step(state: TrainState, numbered: tuple[jax.Array, jax.Array]):
        i, index = numbered
        batch = batch_of(images, labels, index)
        done = state.epoch * steps + i
        decay = jnp.minimum(training.ema_decay, (1 + done) / (10 + done))
        return update(state, batch, jax.random.fold_in(key_steps, i), optimizer, decay)

    state, terms = jax.lax.scan(step, state, (jnp.arange(steps), order))
    terms = jax.tree.map(jnp.mean, terms)
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state.params)]
    terms["finite"] = jnp.all(jnp.stack(finite))
    return state.replace(epoch=state.epoch + 1), terms


def fit(
    model: Model,
    dataset: Dataset,
    key: jax.Array,
    training: Training | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    on_epoch: Callable[[int, Params], None] | None = None,
    progress: bool = True,
) -> Params:
    """Train `model` on `dataset`; the trained parameters (their moving average where one is kept).

    Args:
        key: the run's only source of randomness: the same key gives the same weights.
        training: the budget and the optimizer; `Training()` by default.
        out: the run's folder, made where it does not exist. It receives `config.json`,
            `metrics.jsonl` and `checkpoints/`. If it holds an unfinished run of the same
            configuration, that run goes on, to the bits it would have ended in; a finished one is
            returned as it is.
        overwrite: throw away what `out` holds and start anew.
        on_epoch: called with the number of epochs done and the current parameters: before the
            first epoch with 0, then after each.
        progress: show a bar.

    Raises:
        UserError: on a bad configuration, a data set that does not fit the model, or a folder that
            holds something else.
        TrainingDiverged: if a loss or a weight is not a finite number.
        CheckpointError: if `out` holds checkpoints and not one of them is whole.
    """
    enable_compilation_cache()
    training = training or Training()
    training.check()
    model = model.for_images(dataset.image_shape)
    steps = max(1, len(dataset) // training.batch_size)
    state = init_state(model, key, training)
    folder = run.start(out, model, training, dataset.record(), key, overwrite) if out else None
    with run.locked(folder) if folder else contextlib.nullcontext():
        return _fit(state, dataset, training, steps, folder, on_epoch, progress).averaged_params()


def _fit(
    state: TrainState,
    dataset: Dataset,
    training: Training,
    steps: int,
    folder: Path | None,
    on_epoch: Callable[[int, Params], None] | None,
    progress: bool,
) -> TrainState:
    """The epochs that are still to be done, from the newest checkpoint on."""
    if folder:
        state = checkpoint.restore(folder, state)
        run.keep_metrics(folder, int(state.epoch))
    if on_epoch and state.epoch == 0:
        on_epoch(0, _copied(state.averaged_params()))
    if state.epoch == training.epochs:
        return state

    images_an_epoch = steps * min(training.batch_size, len(dataset))
    saved_at = time.monotonic()
    with TrainingProgress(training.epochs, images_an_epoch, int(state.epoch), show=progress) as bar:
        bar.note("compiling")
        arguments = (state, dataset.images, dataset.labels)
        run_epoch = epoch.lower(*arguments, training=training, steps=steps).compile()
        del arguments
        bar.note("training")
        while state.epoch < training.epochs:
            began = time.perf_counter()
            state, device_terms = run_epoch(state, dataset.images, dataset.labels)
            terms = {name: float(value) for name, value in _losses_first(device_terms)}
            seconds = time.perf_counter() - began
            done = int(state.epoch)
            _check_finite(terms, done, folder)
            del terms["finite"]
            bar.epoch_done(done, terms)
            if on_epoch:
                on_epoch(done, _copied(state.averaged_params()))
            if folder:
                speed = {"images_per_second": images_an_epoch / seconds, "seconds": seconds}
                run.append_metrics(folder, {"epoch": done, **terms, **speed})
                last = done == training.epochs
                if last or time.monotonic() - saved_at > checkpoint.SECONDS_BETWEEN:
                    checkpoint.save(folder, state)
                    saved_at = time.monotonic()
    return state


def _copied(params: Params) -> Params:
    """Arrays of their own: those of the state are given away to the next epoch."""
    return jax.tree.map(jnp.copy, params)


def _losses_first(terms: Terms) -> list[tuple[str, jax.Array]]:
    return sorted(terms.items(), key=lambda item: not item[0].endswith("loss"))


def _check_finite(terms: dict[str, float], done: int, folder: Path | None) -> None:
    bad = [name for name, value in terms.items() if not math.isfinite(value)]
    if not bad and terms["finite"]:
        return
    bad.sort(key=lambda name: name.endswith("loss"))  # a loss is only the sum of what went wrong
    what = f"the term {bad[0]!r} is {terms[bad[0]]}" if bad else "a weight is not finite"
    kept = checkpoint.newest(folder) if folder else None
    raise TrainingDiverged(
        f"training stopped in epoch {done}: {what}. "
        + (f"The last good checkpoint is {kept}. " if kept else "There is no checkpoint yet. ")
        + "A smaller optimizer.learning_rate, optimizer.clip_norm 1, or warm-up steps may help."
    )
