"""The central types: `Params`, `Batch`, `Model`, and the registry of models.

A `Model` is a frozen dataclass: its fields are the hyperparameters, its methods are pure
functions. It is the whole specification: hashable, so that it can be static under `jit`, and
written to JSON and back by `to_json` and `from_json`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from genjax.errors import UserError, check_fields, to_tuples
from genjax.nn.precision import ComputeDtype, cast

Weights = dict[str, Any]  # network name -> pytree of arrays
Terms = dict[str, jax.Array]  # name of a quantity -> its scalar value


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["images", "labels", "progress"],
    meta_fields=[],
)
@dataclass(frozen=True)
class Batch:
    """A minibatch: `images` float32 [B, H, W, C] in [0, 1], `labels` int32 [B].

    `progress` is the share of the training that is done, from 0 on; 1 is its end.
    """

    images: jax.Array
    labels: jax.Array
    progress: jax.Array | float = 1.0


@partial(jax.tree_util.register_dataclass, data_fields=["weights", "stats"], meta_fields=["model"])
@dataclass(frozen=True)
class Params:
    """All that a trained model is: a pytree of arrays and, as static metadata, its `model`.

    `weights` are trained; `stats` (such as batch-norm averages) are not. Both map a network's
    name to its pytree.
    """

    weights: Weights
    stats: Weights
    model: "Model"

    def replace(self, **changes: Any) -> "Params":
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class Model:
    """Base of every model. A subclass gives `players`, `networks`, `losses`, `sample`.

    Attributes:
        image_shape: (height, width, channels); empty for that of the data set, which `for_images`
            fills in.
        compute_dtype: what the networks compute in, while they learn and afterwards; weights, and
            all that goes into them and comes out, are float32 (`genjax.nn.precision`).
    """

    image_shape: tuple[int, ...] = ()
    compute_dtype: ComputeDtype = dataclasses.field(default="float32", kw_only=True)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, to_tuples(getattr(self, field.name)))

    # The players of the training game: each minimises its own loss over the weights of its own
    # networks.
    players: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # The smallest height and width that the networks can take.
    smallest_image: ClassVar[int] = 8

    @property
    def averaged(self) -> tuple[str, ...]:
        """The networks whose moving average is sampled and measured with: here all."""
        return tuple(self.networks())

    @property
    def turns(self) -> tuple[tuple[tuple[str, ...], int], ...]:
        """A step of training: who moves, at once, and for how many batches; then who, and so on.

        Here everybody on one batch. In the last turn everybody moves: its terms are reported.
        """
        return ((tuple(self.players), 1),)

    def networks(self) -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
        """Each network by name, with the shape of one input to it."""
        raise NotImplementedError

    def draw(self, batch: Batch, key: jax.Array) -> Any:
        """What the losses need at random, drawn before them: here nothing yet but the key.

        Every player differentiates `losses`, and the compiler merges the forward passes that they
        have in common, but never two draws: a model of several players draws here.
        """
        del batch
        return key

    def losses(
        self, params: Params, batch: Batch, drawn: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        """The loss of every player from one shared forward pass, and `(terms, stats)`.

        `drawn` is what `draw` gave for the batch. `terms` are the scalars worth watching; `stats`
        the updated `params.stats`.
        """
        raise NotImplementedError

    def sample(self, params: Params, key: jax.Array, num: int) -> jax.Array:
        """`num` images drawn from the model, float32 [num, H, W, C] in [0, 1]."""
        raise NotImplementedError

    def epoch_order(
        self,
        params: Params,
        images: jax.Array,
        labels: jax.Array,
        key: jax.Array,
        progress: jax.Array | float,
    ) -> tuple[jax.Array, Terms]:
        """The order, int32 [N], in which an epoch visits the data: here a random permutation.

        With the terms of it that are worth watching. `images` are uint8 [N, H, W, C], `labels`
        int32 [N]; `progress` is the share of the training that is done. A model with an order of
        its own cannot be trained on a `genjax.data.Stream`.
        """
        del params, labels, progress
        return jax.random.permutation(key, images.shape[0]), {}

    def settled(self, params: Params, key: jax.Array) -> Params:
        """`params` with what has to be computed anew where weights were averaged: here nothing."""
        del key
        return params

    def diagnose(self, params: Params, images: jax.Array, key: jax.Array) -> Terms:
        """Terms worth watching that are measured once an epoch; the key is always the same.

        `images` are uint8 [N, H, W, C]: all, or the first of a stream.
        """
        del params, images, key
        return {}

    def warnings(self, terms: Mapping[str, float]) -> dict[str, str]:
        """What the terms of an epoch show to go wrong: its name, and a sentence of advice."""
        del terms
        return {}

    @partial(jax.jit, static_argnums=0)
    def init(self, key: jax.Array) -> Params:
        """Fresh parameters. Raises `UserError` where `image_shape` is unset or too small."""
        self.check()
        weights, stats = {}, {}
        for index, (name, (network, shape)) in enumerate(self.networks().items()):
            variables = dict(network.init(jax.random.fold_in(key, index), jnp.zeros((1, *shape))))
            weights[name] = variables.pop("params")
            if variables:
                stats[name] = variables
        return Params(weights, stats, self)

    def apply(self, params: Params, name: str, *inputs: jax.Array) -> Any:
        """The output of the network `name`, its `stats` left as they are."""
        network, _ = self.networks()[name]
        return self.forward(network, params, name, *inputs)

    def apply_training(self, params: Params, name: str, *inputs: jax.Array) -> tuple[Any, Weights]:
        """The output of the network `name` while it learns (`train=True`), and its new `stats`."""
        network, _ = self.networks()[name]
        mutable = list(params.stats.get(name, {}))
        return self.forward(network, params, name, *inputs, train=True, mutable=mutable)

    def forward(
        self, network: nn.Module, params: Params, name: str, *inputs: jax.Array, **options: Any
    ) -> Any:
        """`network.apply` with the parameters of the name and these options, in `compute_dtype`."""
        weights, inputs = cast((params.weights[name], inputs), self.compute_dtype)
        variables = {"params": weights, **params.stats.get(name, {})}
        return cast(network.apply(variables, *inputs, **options), "float32")

    def check(self) -> None:
        """Raises `UserError` where a field has a value that the model cannot be built with.

        A model whose fields have other bounds than those of `check_fields` adds them.
        """
        name, smallest = registered_name(self), self.smallest_image
        if len(self.image_shape) != 3:
            raise UserError(
                f"{name}: image_shape is {self.image_shape}, but must be (height, width, channels)."
                " Give it to the model, as in image_shape=(28, 28, 1), or let genjax.fit take it"
                " from the data set."
            )
        height, width, channels = self.image_shape
        if min(height, width) < smallest or channels < 1:
            raise UserError(
                f"{name}: image_shape is {self.image_shape}, but images must be at least"
                f" {smallest}x{smallest} with one channel."
            )
        check_fields(self, name)

    def check_labels(self, labels: jax.Array) -> None:
        """Raises `UserError` where a data set of these labels, int [N], cannot be trained on."""
        del labels

    def for_images(self, image_shape: tuple[int, ...]) -> "Model":
        """This model for images of that shape. Raises `UserError` if it has another one."""
        if self.image_shape not in ((), image_shape):
            raise UserError(
                f"{registered_name(self)}: the model is made for images of shape"
                f" {self.image_shape}, but the data set's are {image_shape}. Leave image_shape"
                " out to take it from the data set."
            )
        return dataclasses.replace(self, image_shape=image_shape)


MODELS: dict[str, type[Model]] = {}
ModelClass = TypeVar("ModelClass", bound=Model)


def register(name: str) -> Callable[[type[ModelClass]], type[ModelClass]]:
    """Class decorator: makes a model known by `name` to configurations, files and tests."""

    def add(cls: type[ModelClass]) -> type[ModelClass]:
        known = MODELS.get(name, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"a model named {name!r} is registered already: {known}")
        MODELS[name] = cls
        return cls

    return add


def registered_name(model: Model) -> str:
    for name, cls in MODELS.items():
        if type(model) is cls:
            return name
    raise UserError(
        f"{type(model).__name__} is not a registered model: put @register(...) above its class."
    )


def init(model: Model, key: jax.Array) -> Params:
    """Fresh parameters of `model`. Raises `UserError` where `image_shape` is unset or too small."""
    return model.init(key)


def has(model: Model | type[Model], *methods: str) -> bool:
    """Whether the model has the parts that methods of these names stand for."""
    return all(hasattr(model, name) for name in methods)


def to_json(model: Model) -> dict[str, Any]:
    """The model as a JSON object: its registered `name` and every field."""
    return {"name": registered_name(model), **dataclasses.asdict(model)}


def from_json(spec: Mapping[str, Any]) -> Model:
    """The model that `to_json` wrote. Raises `UserError` on an unknown name or field."""
    if not isinstance(spec, Mapping):
        raise UserError(f"{spec!r} is not the specification of a model.")
    fields = {name: value for name, value in spec.items() if name != "name"}
    cls = MODELS.get(spec.get("name", ""))
    if cls is None:
        raise UserError(f"no model is named {spec.get('name')!r}; there are: {sorted(MODELS)}")
    known = {field.name for field in dataclasses.fields(cls)}
    if unknown := sorted(fields.keys() - known):
        raise UserError(
            f"{spec['name']} has no field {', '.join(unknown)}; its fields are: {sorted(known)}"
        )
    return cls(**fields)
