"""Epochs over a `Stream`: their steps in chunks of images that are read ahead of the device.

The order of an epoch follows from the run's key and the epoch's number alone, and is the one in
which the data would be visited if they lay on the device. So the run is the same, and one that is
resumed reads what the uninterrupted one would have read: no state of a reader is kept.

Grain's threads read and decode the next chunks, also those of the next epoch, while the device
computes; a chunk is copied to the device while that works on the one before.
"""

import math
import os
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Int, Int32, Key, UInt8

from genjax.data import Stream
from genjax.distributed import devices, seeds
from genjax.errors import UserError
from genjax.model import Model, Params, Terms, registered_name
from genjax.model.compiling import compile_lowered
from genjax.training.configuration import Training
from genjax.training.epoch import Rows, choose_order, finish_epoch, run_steps, scale_batch
from genjax.training.state import TrainState

_CHUNK_STEPS = 64  # at most
_CHUNK_BYTES = 2**26  # of images, at most, but for two or three steps
_THREADS = max(1, min(8, (os.cpu_count() or 2) - 1))
_DIAGNOSED = 512  # images, drawn at random, that `Model.diagnose` sees
Order = Int[np.ndarray, "*seeds steps batches b"]  # positions of images


def check(model: Model, stream: Stream) -> None:
    """Raise `UserError` where the model cannot be trained on a stream."""
    if type(model).choose_order is not Model.choose_order:
        raise UserError(
            f"{registered_name(model)} visits the data in an order of its own, which needs all"
            " images on the device: it cannot be trained on a stream. Load"
            f" {stream.name} with stream=False."
        )
    model.check_labels(jnp.arange(max(1, len(stream.label_names))))


def select_rows(process: int, processes: int, count: int, what: str = "images") -> slice:
    """Return what a process reads of the `count` images of every batch, or of as many seeds.

    Raises:
        UserError: where the processes cannot share evenly.

    >>> select_rows(1, 2, 8)
    slice(4, 8, None)
    """
    if count % processes:
        raise UserError(
            f"{count} {what} cannot be shared out evenly over {processes} processes: give a"
            f" multiple of {processes}."
        )
    share = count // processes
    return slice(process * share, (process + 1) * share)


def split_steps(steps: int, most: int) -> list[tuple[int, int]]:
    """Split steps into chunks of about `most` at most: pairs of a first step and the one after.

    Their lengths differ by at most 1, and not at all where fewer than twice as many chunks suffice:
    each length is compiled. None is a lone step, if there are more: XLA takes a loop of one step
    apart, and what it then computes is the same only up to rounding.

    >>> split_steps(7, 3)
    [(0, 2), (2, 4), (4, 7)]
    """
    least = -(-steps // most)
    count = next((n for n in range(least, 2 * least) if steps % n == 0), least)
    count = min(count, max(1, steps // 2))
    return [(steps * n // count, steps * (n + 1) // count) for n in range(count)]


class _Chunks:
    """All chunks from an epoch on, by number, as grain reads them.

    A chunk holds only the `rows` of every batch; of many seeds, those of the seeds `rows`.
    """

    def __init__(
        self,
        stream: Stream,
        order: Callable[[int], Order],
        parts: list[tuple[int, int]],
        epochs: range,
        rows: slice,
    ):
        self._stream, self._order, self._parts = stream, order, parts
        self._epochs, self._rows = epochs, rows

    def __len__(self) -> int:
        return len(self._epochs) * len(self._parts)

    def __getitem__(
        self, number: int
    ) -> tuple[UInt8[np.ndarray, "*rows h w c"], Int32[np.ndarray, "*rows"]]:
        epoch, part = divmod(number, len(self._parts))
        first, after = self._parts[part]
        order = self._order(self._epochs[epoch])
        many = order.ndim > 3
        index = order[self._rows, first:after] if many else order[first:after, :, self._rows]
        images, labels = self._stream.read(index.ravel())
        return images.reshape(*index.shape, *images.shape[1:]), labels.reshape(index.shape)


def make_choose_order(
    stream: Stream, state: TrainState, training: Training, steps: int
) -> Callable[[int], Order]:
    """Return a function that chooses the order of any epoch, by its number.

    It keeps a copy of the key, because the buffers of the state are donated.
    """
    model = state.params.model
    own = devices.gather(state.key)
    data, impl = np.asarray(jax.random.key_data(own)), jax.random.key_impl(own)

    def choose(key: Key[Array, ""], epoch: Int[Array, ""]) -> Int[Array, "steps batches b"]:
        bare = TrainState(Params({}, {}, model), {}, {}, key, epoch)
        # stand-ins, never computed: `Model.choose_order` needs only their number
        images = jnp.zeros((len(stream), *stream.image_shape), jnp.uint8)
        labels = jnp.zeros(len(stream), jnp.int32)
        return choose_order(bare, images, labels, training=training, steps=steps)[0]

    @jax.jit
    def order(epoch: Int[Array, ""]) -> Int[Array, "*seeds steps batches b"]:
        key = jax.random.wrap_key_data(jnp.asarray(data), impl=impl)
        return (jax.vmap(choose, (0, None)) if key.ndim else choose)(key, epoch)

    return lru_cache(maxsize=2)(lambda epoch: np.asarray(order(np.int32(epoch))))


@partial(jax.jit, static_argnames=("training", "steps", "mesh"), donate_argnames="state")
def run_chunk(
    state: TrainState,
    rows: Rows,
    first: Int[Array, ""],
    *,
    training: Training,
    steps: int,
    mesh: Mesh | None = None,
) -> tuple[TrainState, Terms]:
    """Run K steps of an epoch on their `rows`, from number `first` on; the terms are [K].

    Of many seeds, whose rows and terms have an axis [S] before, run those of each.
    """
    numbers = first + jnp.arange(rows[1].shape[-3])
    run = partial(run_steps, make_batch=scale_batch, steps=steps)
    if not state.key.ndim:
        done = run(state, numbers, rows, training=training, mesh=mesh)
        return devices.constrain(done, mesh)

    def run_one(one: tuple[TrainState, Any, Rows], numbers: Int[Array, " k"]) -> Any:
        state, rate, rows = one
        return run(state, numbers, rows, training=training.with_rate(rate), mesh=None)

    rates = training.stack_rates(state.key.shape)
    return seeds.map_seeds(run_one, (state, rates, rows), numbers, mesh=mesh)


@partial(jax.jit, static_argnames="mesh", donate_argnames="state")
def finish_chunks(
    state: TrainState,
    parts: list[Terms],
    images: UInt8[Array, "n h w c"],
    *,
    mesh: Mesh | None = None,
) -> tuple[TrainState, Terms]:
    """Finish an epoch that was run in chunks, from their terms and some images of the data."""
    terms = jax.tree.map(lambda *parts: jnp.mean(jnp.concatenate(parts, -1), -1), *parts)
    if not state.key.ndim:
        return finish_epoch(state, terms, images, mesh)

    def finish_one(one: tuple[TrainState, Terms], images: jax.Array) -> tuple[TrainState, Terms]:
        return finish_epoch(*one, images, mesh=None)

    return seeds.map_seeds(finish_one, (state, terms), images, mesh=mesh)


class StreamedEpochs:
    """The epochs of a run from the state's on, compiled: called one after the other.

    `on_part` is called with the share of an epoch that is over.
    """

    def __init__(
        self, stream: Stream, state: TrainState, training: Training, steps: int, mesh: Mesh | None
    ):
        order = make_choose_order(stream, state, training, steps)
        *many, _, batches, batch_size = order(state.epochs_done).shape
        bytes_a_step = math.prod((*many, batches, batch_size, *stream.image_shape))
        most = max(1, min(_CHUNK_STEPS, _CHUNK_BYTES // bytes_a_step))
        self._parts, self._mesh, self._steps = split_steps(steps, most), mesh, steps
        self.on_part: Callable[[float], None] = lambda share: None
        some = stream.draw_subset(min(_DIAGNOSED, len(stream)))
        self._diagnosed = devices.place(some.to_dataset(len(some)).images, mesh)
        # each device has seeds of its own, or images of every batch
        axes = (devices.AXIS,) if many else (None, None, devices.AXIS)
        self._sharding = NamedSharding(mesh, P(*axes)) if mesh else None
        self._compile(state, tuple(many), (batches, batch_size), stream.image_shape, training)
        processes = jax.process_count() if mesh else 1
        shared = (many[0], "seeds") if many else (batch_size, "images of a batch")
        rows = select_rows(jax.process_index() % processes, processes, *shared)
        epochs = range(state.epochs_done, training.epochs)
        self._read = _read_ahead(_Chunks(stream, order, self._parts, epochs, rows))

    def _compile(
        self,
        state: TrainState,
        many: tuple[int, ...],
        batches: tuple[int, int],
        image_shape: tuple[int, ...],
        training: Training,
    ) -> None:
        self._compiled, terms = {}, {}
        for length in {after - first for first, after in self._parts}:
            shape = (*many, length, *batches)
            lowered = run_chunk.lower(
                state,
                (self._spec((*shape, *image_shape), jnp.uint8), self._spec(shape, jnp.int32)),
                np.int32(0),
                training=training,
                steps=self._steps,
                mesh=self._mesh,
            )
            self._compiled[length] = compile_lowered(lowered, dense=state.is_dense)
            terms[length] = lowered.out_info[1]
        parts = [terms[after - first] for first, after in self._parts]
        finish = finish_chunks.lower(state, parts, self._diagnosed, mesh=self._mesh)
        self._finish = compile_lowered(finish, dense=state.is_dense)

    def _spec(self, shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype, sharding=self._sharding)

    def _place(
        self, rows: tuple[UInt8[np.ndarray, "*rows h w c"], Int32[np.ndarray, "*rows"]]
    ) -> Rows:
        """Send a chunk to the devices, each of which gets its rows of every batch."""
        if self._mesh is None:
            return jax.device_put(rows)
        make = partial(jax.make_array_from_process_local_data, self._sharding)
        return jax.tree.map(make, rows)

    def __call__(self, state: TrainState) -> tuple[TrainState, Terms]:
        parts: list[Terms] = []
        for first, after in self._parts:
            rows = self._place(next(self._read))
            if len(parts) > 1:
                jax.block_until_ready(parts[-2])  # or all chunks would pile up on the device
            state, terms = self._compiled[after - first](state, rows, np.int32(first))
            parts.append(terms)
            self.on_part(first / self._steps)
        return self._finish(state, parts, self._diagnosed)


def _read_ahead(chunks: _Chunks) -> Any:
    import grain

    options = grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_THREADS)
    return iter(grain.MapDataset.source(chunks).to_iter_dataset(options))
