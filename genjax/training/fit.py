"""`fit`: a training run, from the first epoch or the newest checkpoint to the last.

An epoch is one compiled call of `genjax.training.step`, or over a stream several (`genjax.training.streaming`); between
two epochs the host measures, draws, writes metrics and checkpoints, and warns of what goes wrong.
"""

import contextlib
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.data import Dataset, Stream
from genjax.distributed import devices, hosts
from genjax.errors import UserError
from genjax.model import Model, Params, Terms, TrainingWarning
from genjax.runs import checkpoints, run_folder
from genjax.runs.files import enable_compilation_cache
from genjax.runs.progress import TrainingProgress
from genjax.training import seeds, streaming
from genjax.training.configuration import Training
from genjax.training.state import TrainState
from genjax.training.step import batches_a_step, epoch, epochs, init_state

_DISTANCES = 20  # measured in a run, about
Distance = Callable[[Params, jax.Array], float]


class TrainingDiverged(UserError):
    """A loss or a weight is no longer a finite number."""


def fit(
    model: Model,
    dataset: Dataset | Stream,
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
    that of one device up to rounding. So with many hosts (`genjax.distributed.hosts.join`), which all call this
    with the same arguments: each gets the parameters; host 0 alone uses `out`, calls `on_epoch` and
    `distance`, warns, and shows the bar.

    A `genjax.data.Stream` is read ahead of the device, and trains to the same bits as the `Dataset`
    of the same images; one key, and no model that visits the data in an order of its own.

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
        distance: of samples from the data, such as `genjax.metrics.make_distance(dataset)`. Measured
            about 20 times in a run, it goes into the metrics, and the weights that were nearest are
            kept in `out`/best.npz: a GAN's last weights need not be its best.
        progress: show a bar.

    Raises:
        UserError: on a bad configuration, a data set that does not fit the model, or a folder that
            holds something else; of many hosts, where one has ended, or, with `out`, has another
            model, training, data or key than host 0.
        TrainingDiverged: if a loss or a weight is not a finite number, in all of many runs.
        CheckpointError: if `out` holds checkpoints and not one of them is whole.
    """
    enable_compilation_cache()
    training = training or Training()
    training.check(model.players)
    key = _checked(key, training)
    model = model.for_images(dataset.image_shape)
    if isinstance(dataset, Stream):
        streaming.check(model, dataset, key)
    else:
        model.check_labels(dataset.labels)
    steps = max(1, len(dataset) // (batches_a_step(model) * training.batch_size))
    start = partial(init_state, model, training=training.of_run(0.0))
    state = jax.vmap(start)(key) if key.ndim else start(key)
    folder = (
        run_folder.open_run(out, model, training, dataset.record(), key, overwrite) if out else None
    )
    with hosts.watch(), run_folder.lock_run(folder) if folder else contextlib.nullcontext():
        run_on = partial(_fit, on_epoch=on_epoch, distance=distance, progress=progress)
        state = run_on(state, dataset, training, steps, folder)
        return seeds.average_params(devices.gather(state.replace(opt_state={})))


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
    state: TrainState, dataset: Dataset | Stream, training: Training, steps: int
) -> tuple[TrainState, tuple[jax.Array, ...], Any]:
    """The state and the data on their devices, and an epoch of both, compiled.

    A stream's data are no argument of its epoch.
    """
    many = state.key.ndim == 1
    if many:
        mesh = devices.make_mesh(len(state.key), "seeds")
    else:
        mesh = devices.make_mesh(min(training.batch_size, len(dataset)), "images of a batch")
    state = devices.place(state, mesh, split=many)
    if isinstance(dataset, Stream):
        return state, (), streaming.StreamedEpochs(dataset, state, training, steps, mesh)
    data = devices.place((dataset.images, dataset.labels), mesh)
    of_runs = epochs if many else epoch
    compiled = of_runs.lower(state, *data, training=training, steps=steps, mesh=mesh).compile()
    return state, data, compiled


def _fit(
    state: TrainState,
    dataset: Dataset | Stream,
    training: Training,
    steps: int,
    folder: Path | None,
    on_epoch: Callable[[int, Params], None] | None,
    distance: Distance | None,
    progress: bool,
) -> TrainState:
    """The epochs that are still to be done, from the newest checkpoint on."""
    is_first = hosts.is_first()
    if folder:
        state = checkpoints.restore(folder, state)
        if is_first:
            run_folder.truncate_metrics(folder, state.epochs_done)
    done = state.epochs_done
    if on_epoch and done == 0 and is_first:
        on_epoch(0, _copied(seeds.average_params(state)))
    if done == training.epochs:
        return state

    model = state.params.model
    images_an_epoch = min(steps * batches_a_step(model) * training.batch_size, len(dataset))
    images_an_epoch *= state.key.size
    measured_every = max(1, training.epochs // _DISTANCES)
    lasting = run_folder.read_lasting_warnings(folder) if folder and is_first else {}
    saved_at = time.monotonic()
    show = progress and is_first
    with TrainingProgress(training.epochs, images_an_epoch, done, show=show) as bar:
        bar.note("compiling")
        state, data, run_epoch = _compiled(state, dataset, training, steps)
        if isinstance(run_epoch, streaming.StreamedEpochs):
            run_epoch.on_part = bar.part_done
        bar.note("training")
        while done < training.epochs:
            began = time.perf_counter()
            state, device_terms = run_epoch(state, *data)
            on_host = _losses_first(devices.gather(device_terms))
            terms = {name: np.asarray(value, np.float64) for name, value in on_host}
            seconds = time.perf_counter() - began
            done += 1
            alive = seeds.find_finite(terms)
            _check_alive(terms, alive, done, folder)
            del terms["finite"]
            last = done == training.epochs
            if on_epoch or distance:
                here = devices.gather(state.replace(opt_state={}))
            if is_first:
                by_seed = seeds.find_warnings(model, terms, alive)
                found = seeds.name_seeds(by_seed)
                lasting = run_folder.count_lasting(lasting, [w.name for w in found])
                _warn_of_lasting(found, lasting, done)
                params = seeds.average_params(here) if on_epoch or distance else state.params
                if distance and (last or done % measured_every == 0):
                    terms["distance"] = seeds.measure_distance(distance, params, here, alive)
                line = {"epoch": done, **seeds.summarize_seeds(terms, alive)}
                if alive.ndim:
                    line["collapse_rate"] = seeds.compute_collapse_rate(by_seed)
                bar.epoch_done(done, {name: line[name] for name in terms if line[name] is not None})
                if on_epoch:
                    on_epoch(done, _copied(params))
                if folder:
                    line |= {"images_per_second": images_an_epoch / seconds, "seconds": seconds}
                    run_folder.append_metrics(
                        folder, line | ({"warnings": [w.name for w in found]} if found else {})
                    )
                    if "distance" in terms:
                        checkpoints.save_best(
                            folder, params, run_folder.find_best_epoch(folder) == done
                        )
            if folder and (last or hosts.run_on_first(partial(_is_due, saved_at))):
                checkpoints.save(folder, state)
                saved_at = time.monotonic()
    return state


def _is_due(saved_at: float) -> bool:
    return time.monotonic() - saved_at > checkpoints.SECONDS_BETWEEN


def _warn_of_lasting(
    found: Sequence[TrainingWarning], lasting: Mapping[str, int], done: int
) -> None:
    for warning in found:
        if lasting[warning.name] == warning.patience:
            since = done + 1 - warning.patience
            warnings.warn(f"since epoch {since} {warning.advice}", stacklevel=4)


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
    kept = hosts.run_on_first(lambda: checkpoints.find_newest(folder)) if folder else None
    raise TrainingDiverged(
        f"training stopped in epoch {done}: {what}{every}. "
        + (f"The last good checkpoint is {kept}. " if kept else "There is no checkpoint yet. ")
        + "A smaller optimizer.learning_rate, optimizer.clip_norm 1, or warm-up steps may help."
    )
