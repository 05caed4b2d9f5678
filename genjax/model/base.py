"""`Model`, the base of every model, and `LatentModel`, that of those with latents.

A `Model` is a frozen dataclass: its fields are the hyperparameters, its methods are pure functions.
It is the whole specification. It is hashable, so that it can be static under `jit`, and is written
to JSON and back by `genjax.model.to_json` and `from_json`.
"""

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Int32, PRNGKeyArray, UInt8

from genjax.errors import (
    UserError,
    check_fields,
    check_image_shape,
    check_serialisable,
    check_type,
    to_tuples,
)
from genjax.model.compiling import jit_once
from genjax.model.params import Batch, Params, Terms, TrainingPass, TrainingWarning, Weights
from genjax.model.random_keys import as_key
from genjax.model.watch import note_run
from genjax.nn.chunks import in_chunks
from genjax.nn.permutation import permute
from genjax.nn.precision import ComputeDtype, cast

# name -> the module, then the shape of each of its inputs without the batch axis; an input that is
# not float32 is a `jax.ShapeDtypeStruct`
Networks = dict[str, tuple[Any, ...]]
_LARGEST = 2**24  # the largest whole number in a field: a layer of that width fits no memory


@dataclass(frozen=True)
class Model:
    """The base of every model. A subclass gives `players`, `networks`, `losses` and `sample`.

    Attributes:
        image_shape: (height, width, channels) of the images; () takes that of the data set.
        compute_dtype: precision of the networks' arithmetic, float32 or bfloat16; weights and
            images stay float32.
    """

    image_shape: tuple[int, ...] = ()
    compute_dtype: ComputeDtype = dataclasses.field(default="float32", kw_only=True)

    # Player -> the networks whose weights it moves. Each player minimises its own loss.
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # What the field calls models of this kind, such as "VAE": a branch of the tree of a comparison.
    family: ClassVar[str] = ""
    _registered_name: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        """Keep `__repr__`, which the decorator `dataclass` would replace in every subclass."""
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):
            cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, to_tuples(getattr(self, field.name)))

    def __repr__(self) -> str:
        """Return the call that makes the model, without the fields that have their defaults."""
        fields = ((field, getattr(self, field.name)) for field in dataclasses.fields(self))
        given = (f"{field.name}={value!r}" for field, value in fields if value != field.default)
        return f"{type(self).__qualname__}({', '.join(given)})"

    @classmethod
    def smallest(cls) -> Self:
        """Return a model of this class with the smallest networks that make sense, for tests."""
        return cls()

    @property
    def smallest_image(self) -> int:
        """The smallest height and width that the networks can take."""
        return 8

    @property
    def ema_networks(self) -> tuple[str, ...]:
        """Networks whose moving average is sampled and measured with; by default all."""
        return tuple(self.networks())

    @property
    def update_schedule(self) -> tuple[tuple[tuple[str, ...], int], ...]:
        """Update schedule of a step: pairs of (players updated together, number of batches).

        By default all players are updated on one batch. The last pair must hold all players: its
        terms are reported.
        """
        return ((tuple(self.players), 1),)

    def networks(self) -> Networks:
        """Return each network by name, with the shape of each of its inputs."""
        raise NotImplementedError

    def draw_noise(self, batch: Batch, key: PRNGKeyArray) -> Any:
        """Draw what the losses of a batch need at random; by default the key itself.

        A model that draws several things names them here, so that a test or another model can give
        `losses` the same draws.
        """
        del batch
        return key

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, Float[Array, ""]], tuple[Terms, Weights]]:
        """Compute the loss of every player in one forward pass, and `(terms, stats)`.

        `noise` is what `draw_noise` returned for the batch. `terms` are scalars to watch; `stats`
        the updated `params.stats`, such as those of a `TrainingPass`.
        """
        raise NotImplementedError

    def sample(self, params: Params, key: PRNGKeyArray, num: int) -> Float[Array, "num h w c"]:
        """Draw `num` images from the model, float32 in [0, 1]."""
        raise NotImplementedError

    def choose_order(
        self,
        params: Params,
        images: UInt8[Array, "n h w c"],
        labels: Int[Array, " n"],
        key: PRNGKeyArray,
        progress: Float[Array, ""] | float,
    ) -> tuple[Int32[Array, " n"], Terms]:
        """Choose the order in which an epoch visits the data, by default at random, with terms.

        `progress` is the share of the training that is done. A model that overrides this cannot be
        trained on a `genjax.data.Stream`.
        """
        del params, labels, progress
        return permute(key, images.shape[0]), {}

    def recompute_stats(self, params: Params, key: PRNGKeyArray) -> Params:
        """Recompute the `stats` that averaged weights invalidate; by default none."""
        del key
        return params

    def diagnose(self, params: Params, images: UInt8[Array, "n h w c"], key: PRNGKeyArray) -> Terms:
        """Measure terms to watch once an epoch, with the same key every time; by default none.

        `images` are the training images, or some of a stream.
        """
        del params, images, key
        return {}

    def derive_terms(self, terms: Mapping[str, Any]) -> dict[str, Any]:
        """Derive more terms from those of an epoch; by default none.

        The terms of held-out images, where they are measured, begin with "validation_".
        """
        del terms
        return {}

    def warnings(self, terms: Mapping[str, float]) -> list[TrainingWarning]:
        """List what the terms of an epoch show to go wrong; by default nothing."""
        del terms
        return []

    def init(self, key: PRNGKeyArray | int) -> Params:
        """Initialise parameters. Raises `UserError` where a field cannot be used (`check`).

        A whole number n as the key stands for jax.random.key(n).
        """
        self.check()
        return _init(self, as_key(key))

    def _init(self, key: PRNGKeyArray) -> Params:
        weights, stats = {}, {}
        for index, (name, (network, *inputs)) in enumerate(self.networks().items()):
            variables = init_network(network, inputs, jax.random.fold_in(key, index))
            weights[name] = cast(variables.pop("params", {}), "float32")
            variables.pop("intermediates", None)
            if variables:
                stats[name] = cast(variables, "float32")
        return Params(weights, stats, self)

    def apply(self, params: Params, name: str, *inputs: jax.Array, **options: Any) -> Any:
        """Return the output of the network `name`.

        On a `TrainingPass` the network trains: it gets `train=True` and randomness, and its new
        statistics are kept there. Otherwise it gets `train=False` and `stats` stay as they are.
        """
        if isinstance(params, TrainingPass):
            rngs = {"params": params.next_key()}  # flax's fallback for every name, as "dropout"
            output, stats = self.apply_training(params, name, *inputs, **({"rngs": rngs} | options))
            if stats:
                params.stats[name] = stats
            return output
        network = self.networks()[name][0]
        if "train" not in options:
            note_run(name, in_training=False)
        options = _train_option(network, False) | options
        return self.forward(network, params, name, *inputs, **options)

    def apply_training(
        self, params: Params, name: str, *inputs: jax.Array, **options: Any
    ) -> tuple[Any, Weights]:
        """Return the output of the network `name` in training, and its new `stats`.

        The network is called with `train=True` if its call takes that argument. `options` are those
        of flax's `apply`, such as `rngs={"dropout": key}`, and arguments of the network.
        """
        network = self.networks()[name][0]
        note_run(name, in_training=True)
        mutable = list(params.stats.get(name, {}))
        options = _train_option(network, True) | options
        return self.forward(network, params, name, *inputs, mutable=mutable, **options)

    def forward(
        self, network: nn.Module, params: Params, name: str, *inputs: jax.Array, **options: Any
    ) -> Any:
        """Call `network.apply` in `compute_dtype`, with the parameters of that name."""
        weights, inputs = cast((params.weights[name], inputs), self.compute_dtype)
        variables = {"params": weights, **params.stats.get(name, {})}
        return cast(network.apply(variables, *inputs, **options), "float32")

    def check(self) -> None:
        """Raise `UserError` where a field has a value that the model cannot be built with.

        A model whose fields have other bounds than those of `check_fields` adds them.
        """
        name = registered_name(self)
        check_image_shape(self.image_shape, self.smallest_image, name)
        check_fields(self, name, most=_LARGEST)
        check_serialisable(self, name)

    def check_labels(self, labels: Int[Array, " n"]) -> None:
        """Raise `UserError` where the model cannot be trained with these labels."""
        del labels

    def for_images(self, image_shape: tuple[int, ...]) -> Self:
        """Return this model for images of that shape. Raises `UserError` if it has another one."""
        if self.image_shape not in ((), image_shape):
            raise UserError(
                f"{registered_name(self)}: the model is made for images of shape"
                f" {self.image_shape}, but the data set's are {image_shape}. Leave image_shape"
                " out to take it from the data set."
            )
        return dataclasses.replace(self, image_shape=image_shape)


_init = jit_once(Model._init, static_argnums=0)


class DecoderModel(Model):
    """A model that decodes images from latent vectors. A subclass gives `decode`.

    `LatentModel` has the number of latents as a field. Where it follows from other fields, as that
    of a flow does from the size of the images, the subclass gives it as a property.
    """

    @property
    def latent_dim(self) -> int:
        """Length of the latent vector z."""
        raise NotImplementedError

    def sample_latents(
        self,
        params: Params,
        key: PRNGKeyArray,
        num: int,
        temperature: Float[Array, ""] | float = 1.0,
    ) -> Float[Array, "num d"]:
        """Draw latents from the prior p(z); by default N(0, temperature^2 I).

        Sampling, evaluation and every page draw latents here and nowhere else.
        """
        del params
        return temperature * jax.random.normal(key, (num, self.latent_dim), jnp.float32)

    def decode(self, params: Params, z: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """Decode latents into images in [0, 1]."""
        raise NotImplementedError

    def sample(self, params: Params, key: PRNGKeyArray, num: int) -> Float[Array, "num h w c"]:
        return in_chunks(partial(self.decode, params), self.sample_latents(params, key, num))


@dataclass(frozen=True)
class LatentModel(DecoderModel):
    """A model of `latent_dim` latents. A subclass gives `decode`.

    Attributes:
        latent_dim: length of the latent vector z.
    """

    latent_dim: int = 32  # type: ignore[assignment]  # a field in place of the property


def init_network(network: nn.Module, inputs: Sequence[Any], key: PRNGKeyArray) -> dict[str, Any]:
    """Initialise the variables of a network of `Model.networks`, by collection."""
    options: dict[str, Any] = _train_option(network, False)
    return dict(network.init(key, *map(_zeros, inputs), **options))


def _zeros(spec: Any) -> jax.Array:
    """Return a batch of one for an input's shape or `jax.ShapeDtypeStruct`."""
    if not isinstance(spec, jax.ShapeDtypeStruct):
        spec = jax.ShapeDtypeStruct(spec, jnp.float32)
    return jnp.zeros((1, *spec.shape), spec.dtype)


def acts_in_training(network: Any) -> bool:
    """Tell whether a network's call takes the argument `train`."""
    return "train" in inspect.signature(type(network).__call__).parameters


def _train_option(network: Any, train: bool) -> dict[str, bool]:
    """Return the argument `train` for a network whose call takes one."""
    return {"train": train} if acts_in_training(network) else {}


def registered_name(model: Model) -> str:
    """Return the name of the model's class. Raises `UserError` if it is not registered."""
    name = vars(type(model)).get("_registered_name", "")
    if not name:
        raise UserError(
            f"{type(model).__name__} is not a registered model: put @register(...) above its class."
        )
    return name


def init(model: Model, key: PRNGKeyArray | int) -> Params:
    """Initialise the parameters of `model`, which must know its `image_shape`.

    Args:
        model: of any class.
        key: the same key gives the same parameters. A whole number n stands for jax.random.key(n).

    Raises:
        UserError: where `image_shape` is unset or too small, or another field is out of bounds.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> sorted(genjax.init(model, jax.random.key(0)).weights)
    ['decoder', 'encoder']
    """
    check_type(model, Model, "model", "a model, such as genjax.VAE()")
    return model.init(key)
