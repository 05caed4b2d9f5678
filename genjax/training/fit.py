"""`fit`: a training run, from its first epoch or its newest checkpoint to its last."""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, UInt32

from genjax.data import Dataset, Stream, take_images
from genjax.data.warn import warn_user
from genjax.distributed import devices, hosts
from genjax.errors import UserError, check_type
from genjax.model import Model, Params
from genjax.model.random_keys import as_keys
from genjax.nn.precision import single_precision
from genjax.runs import opening, weights
from genjax.runs.checkpoints import name_shapes
from genjax.runs.files import enable_compilation_cache
from genjax.training import streaming
from genjax.training.callbacks import Callback, EpochFunction
from genjax.training.configuration import Training
from genjax.training.epoch_terms import Distance
from genjax.training.loop import Loop
from genjax.training.recorder import Hooks
from genjax.training.state import TrainState, init_state
from genjax.training.step import count_batches, count_updates
from genjax.training.validation import Validation


def fit(
    model: Model,
    dataset: Dataset | Stream | np.ndarray,
    key: Key[Array, "*seeds"] | UInt32[Array, "*seeds 2"] | int,
    training: Training | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    start: Params | None = None,
    validation: Dataset | Stream | np.ndarray | None = None,
    callbacks: Sequence[Callback] = (),
    on_epoch: Callable[[int, Params], None] | None = None,
    distance: Distance | None = None,
    progress: bool = True,
) -> Params:
    """Train a model and return its parameters (their moving average where one is kept).

    Many devices: every batch is shared out over all that divide it evenly, and the run equals that
    of one device up to rounding. Many hosts (`genjax.distributed.hosts.join`) all call this with
    the same arguments: each gets the parameters, and host 0 alone uses `out`, calls back, measures,
    warns, and shows the bar.

    A `genjax.data.Stream` is read ahead of the device, and trains to the same bits as the `Dataset`
    of the same images. It takes one key, and no model that chooses the order of the data itself.

    Many keys train many runs at once, each that of its key up to rounding: every array of the
    parameters, here and in callbacks, has a first axis [S], and `genjax.unstack_seeds` splits them.
    The runs are shared out over the devices. A run that diverges is warned of, and the others go
    on. The metrics hold means, their `spread`, each run's in `seeds`, and the `collapse_rate`: the
    share of runs that diverged or whose samples collapse.

    Ctrl-C ends the epoch that is running, and saves it in `out`; the second one stops at once.

    Args:
        model: the model; its `image_shape` may be left out.
        dataset: the images to train on; an array is taken as by `genjax.data.from_arrays`.
        key: the run's only source of randomness: the same key gives the same weights. A whole
            number n is a seed, and stands for jax.random.key(n). Many keys are [S], as from
            `jax.random.split(key, S)`.
        training: the budget and the optimizer; `Training()` by default. Many seeds may have a
            learning rate each, in a tuple of S.
        out: the run's folder, made where it does not exist. It receives `config.json`,
            `metrics.jsonl` and `checkpoints/`. An unfinished run of the same configuration in it
            resumes from its last checkpoint, and the result is bit-identical. A finished one is
            returned as it is, or goes on where `training` has more epochs: then schedules are
            those of the longer run, and `config.json` records where it was extended.
        overwrite: discard the run in `out` and start anew.
        start: parameters to start from, of a model with the same networks, for fine-tuning.
            `config.json` records their digest.
        validation: held-out images. Their mean losses, of up to 2,048 images that are drawn once,
            go into every epoch's metrics as `validation_loss` and `validation_...`.
        callbacks: called after every epoch, when its metrics are written; one may end the run by
            raising `genjax.StopTraining`.
        on_epoch: called with the number of epochs done and the current parameters: before the
            first epoch with 0, then after each.
        distance: measures how far samples are from the data, such as
            `genjax.metrics.make_distance(dataset)`. It is measured about 20 times in a run and goes
            into the metrics, and the nearest weights are kept in `out`/best.npz: a GAN's last
            weights need not be its best.
        progress: show a bar.

    Raises:
        UserError: on a bad configuration, a data set that does not fit the model, or a folder that
            holds something else; with many hosts, where one has ended, or, with `out`, has another
            model, training, data or key than host 0.
        TrainingDiverged: if a loss or a weight is not a finite number, in all of many runs.
        CheckpointError: if `out` holds checkpoints and not one of them is whole.

    >>> import genjax
    >>> images = np.zeros((16, 8, 8, 1), np.uint8)
    >>> model = genjax.VAE(latent_dim=2, network="mlp", hidden=(8,))
    >>> params = genjax.fit(model, images, 0, genjax.Training(epochs=1), progress=False)
    >>> genjax.sample(params, jax.random.key(1), num=4).shape
    (4, 8, 8, 1)
    """
    enable_compilation_cache()
    training = training or Training()
    with single_precision():
        dataset, key = take_images(dataset), as_keys(key)
        model = _check(model, dataset, key, training)
        _warn_of_other_classes(start, dataset, model)
        check_type(overwrite, bool, "overwrite", "True or False")
        steps = training.count_steps(len(dataset), count_batches(model))
        state = _init(model, key, training, start)
        state = state.replace(params=state.params.replace(label_names=dataset.label_names))
        _check_hooks(callbacks, on_epoch=on_epoch, distance=distance)
        held_out = None
        if validation is not None:
            images = take_images(validation, "validation")
            held_out = Validation(images, state.params, training.batch_size)
        first = [EpochFunction(on_epoch)] if on_epoch else []
        hooks = Hooks((*first, *callbacks), distance, held_out, progress)
        most = max(count_updates(model, player) for player in model.players)
        training.warn_of_short_run(most * steps * training.epochs)
        digest = weights.digest_params(start) if start is not None else None
        claimed: Any = contextlib.nullcontext()
        if out is not None:
            run = opening.Specification.create(model, training, dataset.record(), key, digest)
            claimed = opening.claim_run(out, run, overwrite)
        with hosts.explain_lost_hosts(), claimed as folder:
            state = Loop(state, dataset, training, steps, folder, hooks).run()
            return devices.gather(state.replace(opt_state={})).average_params()


def _check(
    model: Model, dataset: Dataset | Stream, key: Key[Array, "*seeds"], training: Training
) -> Model:
    """Return the model for these images. Raises `UserError` on what cannot be trained."""
    check_type(model, Model, "model", "a model, such as genjax.VAE()")
    check_type(training, Training, "training", "a genjax.Training")
    training.check(model.players)
    rates = training.optimizer.learning_rate
    if isinstance(rates, tuple) and key.shape != (len(rates),):
        raise UserError(
            f"optimizer.learning_rate holds {len(rates)} numbers, one for each of as many runs, but"
            f" key has the shape {key.shape}: give jax.random.split(key, {len(rates)})."
        )
    model = model.for_images(dataset.image_shape)
    if isinstance(dataset, Stream):
        streaming.check(model, dataset)
    else:
        model.check_labels(dataset.labels)
    return model


def _check_hooks(callbacks: Any, **functions: Any) -> None:
    must = "a list of callbacks, such as [genjax.EarlyStopping('validation_loss')]"
    check_type(callbacks, Sequence, "callbacks", must)
    for callback in callbacks:
        check_type(callback, Callback, "one of callbacks", "a genjax.Callback")
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise UserError(f"{name} is {function!r:.100}, but must be a function.")


def _warn_of_other_classes(start: Any, dataset: Dataset | Stream, model: Model) -> None:
    """Warn where a model that knows classes goes on with classes of other names."""
    before, names = getattr(start, "label_names", ()), dataset.label_names
    if before and names and before != names and getattr(model, "num_classes", 0):
        warn_user(
            f"start was trained on the classes {', '.join(before[:20])}, but {dataset.name} has"
            f" {', '.join(names[:20])}: the model learns the new ones in their place, by number."
        )


def _init(
    model: Model, key: Key[Array, "*seeds"], training: Training, start: Params | None
) -> TrainState:
    """Return the state before the first epoch, of one key or of many."""
    init = partial(init_state, model, training=training.with_rate(0.0))
    if not key.ndim:
        return init(key, start=_check_start(model, start, ()))
    if start is None:
        return jax.vmap(init)(key)
    start = _check_start(model, start, key.shape)
    return jax.vmap(lambda key, start: init(key, start=start))(key, start)


def _check_start(model: Model, start: Params | None, shape: tuple[int, ...]) -> Params | None:
    """Return the parameters to start from, one for each of many seeds.

    Raises:
        UserError: where they are no parameters, or those of other networks.
    """
    if start is None:
        return None
    if not isinstance(start, Params):
        raise UserError(f"start is {type(start).__name__}, but must be parameters, as from load.")
    wanted = name_shapes(jax.eval_shape(model.init, jax.random.key(0)))
    given = name_shapes(start)
    for name in sorted(wanted.keys() | given.keys()):
        ours, theirs = (one[name].shape if name in one else None for one in (wanted, given))
        if theirs != ours and (ours is None or theirs != (*shape, *ours)):
            raise UserError(
                f"the parameters in start do not fit the model: {name} has the shape {theirs}, but"
                f" the model's is {ours}."
            )
    start = jax.tree.map(_copy, start)
    first, leaf = next(iter(wanted.items()))
    if given[first].shape != leaf.shape:
        return start
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*shape, *leaf.shape)), start)


def _copy(leaf: Any) -> jax.Array:
    """Copy an array as single precision, because training donates the buffers of its state."""
    is_float = jnp.issubdtype(leaf.dtype, jnp.floating)
    return jnp.array(leaf, jnp.float32 if is_float else leaf.dtype, copy=True)
