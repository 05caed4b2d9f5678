"""The programs that a model runs on a device, with the shapes of what they are given.

Nothing is computed here, so that they can be lowered and compiled for devices that are not there.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

import genjax
from genjax.latents.inputs import decode_rows
from genjax.model import CanDecode, Model, is_class_conditional
from genjax.training.configuration import Training
from genjax.training.epoch import run_epoch, scale_batch
from genjax.training.state import TrainState, init_state
from genjax.training.step import count_batches, update


class DeviceProgram(NamedTuple):
    """A compiled function's name, the function, and its arguments as shapes.

    `options` are those that are constants of the program.
    """

    name: str
    function: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]


def list_programs(
    model: Model, training: Training, num_images: int, num: int, mesh: Mesh | None = None
) -> list[DeviceProgram]:
    """List a step, an epoch, the sampler and, of a model that decodes, the decoder.

    Args:
        model: with its `image_shape`.
        training: its budget; an epoch goes over `num_images` images.
        num_images: size of the data set.
        num: number of images that are sampled or decoded at once.
        mesh: the devices over which the epoch's batches are shared out.
    """
    key: Any = jax.eval_shape(partial(jax.random.key, 0))
    state = jax.eval_shape(partial(init_state, model, training=training), key)
    images = jax.ShapeDtypeStruct((num_images, *model.image_shape), jnp.uint8)
    labels = jax.ShapeDtypeStruct((num_images,), jnp.int32)
    steps = training.count_steps(num_images, count_batches(model))
    options = {"training": training, "steps": steps, "mesh": mesh}
    draw: Callable[..., Any] = jax.jit(partial(genjax.sample, num=num))
    batch = [jax.ShapeDtypeStruct((training.batch_size, *one.shape[1:]), one.dtype)
             for one in (images, labels)]  # fmt: skip
    found = [
        DeviceProgram("step", jax.jit(_make_step(model, training)), (state, *batch, key), {}),
        DeviceProgram("epoch", run_epoch, (state, images, labels), options),
        DeviceProgram("sample", draw, (state.params, key), {}),
    ]
    if isinstance(model, CanDecode):
        z = jax.ShapeDtypeStruct((num, model.latent_dim), jnp.float32)
        classes = jax.ShapeDtypeStruct((num,), jnp.int32) if is_class_conditional(model) else None
        found.append(DeviceProgram("decode", jax.jit(decode_rows), (state.params, z, classes), {}))
    return found


def _make_step(model: Model, training: Training) -> Callable[..., Any]:
    """Return the function that updates all players once on a batch of uint8 images."""
    optimizers = {player: training.build_optimizer(model, player, 1) for player in model.players}

    def step(state: TrainState, images: jax.Array, labels: jax.Array, key: jax.Array) -> Any:
        return update(state, scale_batch((images, labels)), key, optimizers)

    return step
