"""`Model`, its `Params` and `Batch`, the registry of models, and what a model can do.

A `Model` is a frozen dataclass: its fields are the hyperparameters, its methods are pure
functions. It is the whole specification: hashable, so that it can be static under `jit`, and
written to JSON and back by `to_json` and `from_json`.
"""

import dataclasses
import importlib.metadata
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp

from genjax.distributions import Normal
from genjax.errors import MissingCapability, UserError, check_fields, to_tuples
from genjax.nn.chunks import in_chunks
from genjax.nn.precision import ComputeDtype, cast

Weights = dict[str, Any]  # network name -> pytree of arrays
Terms = dict[str, jax.Array]  # name of a quantity -> its scalar value
# name -> the module, then the shape of each of its inputs without the batch axis; an input that is
# not float32 as a `jax.ShapeDtypeStruct`
Networks = dict[str, tuple[Any, ...]]


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
        """Return these parameters with some fields replaced."""
        return dataclasses.replace(self, **changes)


class TrainingWarning(NamedTuple):
    """What an epoch's terms show to go wrong: a name, and a sentence of advice.

    `is_collapse` is true where the samples have collapsed; such runs count in `collapse_rate`. The
    user is warned once it has been true for `patience` epochs in a row.
    """

    name: str
    advice: str
    is_collapse: bool = False
    patience: int = 3


@dataclass(frozen=True)
class Model:
    """Base of every model. A subclass gives `players`, `networks`, `losses`, `sample`.

    Attributes:
        image_shape: (height, width, channels); empty for that of the data set, which `for_images`
            fills in.
        compute_dtype: what the networks compute in, in training and afterwards; weights, inputs and
            outputs are float32 (`genjax.nn.precision`).
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
    def ema_networks(self) -> tuple[str, ...]:
        """Networks whose moving average is sampled and measured with: by default all."""
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

    def draw_noise(self, batch: Batch, key: jax.Array) -> Any:
        """Draw what the losses of a batch need at random; by default the key itself.

        Every player differentiates `losses`. The compiler merges the forward passes that players
        share, but never two random draws, so a model of several players draws here.
        """
        del batch
        return key

    def losses(
        self, params: Params, batch: Batch, noise: Any
    ) -> tuple[dict[str, jax.Array], tuple[Terms, Weights]]:
        """Compute the loss of every player in one forward pass, and `(terms, stats)`.

        `noise` is what `draw_noise` returned for the batch. `terms` are scalars to watch; `stats`
        the updated `params.stats`.
        """
        raise NotImplementedError

    def sample(self, params: Params, key: jax.Array, num: int) -> jax.Array:
        """Draw `num` images from the model, float32 [num, H, W, C] in [0, 1]."""
        raise NotImplementedError

    def choose_order(
        self,
        params: Params,
        images: jax.Array,
        labels: jax.Array,
        key: jax.Array,
        progress: jax.Array | float,
    ) -> tuple[jax.Array, Terms]:
        """Choose the order, int32 [N], in which an epoch visits the data; by default at random.

        Returns it with terms to watch. `images` are uint8 [N, H, W, C], `labels` int32 [N];
        `progress` is the share of the training that is done. A model that overrides this cannot be
        trained on a `genjax.data.Stream`.
        """
        del params, labels, progress
        return jax.random.permutation(key, images.shape[0]), {}

    def recompute_stats(self, params: Params, key: jax.Array) -> Params:
        """Recompute the `stats` that averaged weights invalidate; by default none."""
        del key
        return params

    def diagnose(self, params: Params, images: jax.Array, key: jax.Array) -> Terms:
        """Measure terms to watch once an epoch, with the same key every time; by default none.

        `images` are uint8 [N, H, W, C]: all, or the first of a stream.
        """
        del params, images, key
        return {}

    def warnings(self, terms: Mapping[str, float]) -> list[TrainingWarning]:
        """List what the terms of an epoch show to go wrong; by default nothing."""
        del terms
        return []

    @partial(jax.jit, static_argnums=0)
    def init(self, key: jax.Array) -> Params:
        """Initialise parameters. Raises `UserError` where `image_shape` is unset or too small."""
        self.check()
        weights, stats = {}, {}
        for index, (name, (network, *inputs)) in enumerate(self.networks().items()):
            zeros = [_zeros(spec) for spec in inputs]
            variables = dict(network.init(jax.random.fold_in(key, index), *zeros))
            weights[name] = variables.pop("params", {})
            variables.pop("intermediates", None)
            if variables:
                stats[name] = variables
        return Params(weights, stats, self)

    def apply(self, params: Params, name: str, *inputs: jax.Array, **options: Any) -> Any:
        """Return the output of the network `name`, leaving its `stats` unchanged."""
        return self.forward(self.networks()[name][0], params, name, *inputs, **options)

    def apply_training(
        self, params: Params, name: str, *inputs: jax.Array, **options: Any
    ) -> tuple[Any, Weights]:
        """Return the output of the network `name` in training, and its new `stats`.

        The network is called with `train=True` if its call takes that argument. `options` are those
        of flax's `apply`, such as `rngs={"dropout": key}`, and arguments of the network.
        """
        network = self.networks()[name][0]
        mutable = list(params.stats.get(name, {}))
        if "train" in inspect.signature(type(network).__call__).parameters:
            options = {"train": True, **options}
        return self.forward(network, params, name, *inputs, mutable=mutable, **options)

    def forward(
        self, network: nn.Module, params: Params, name: str, *inputs: jax.Array, **options: Any
    ) -> Any:
        """Call `network.apply` in `compute_dtype` with the parameters of that name and `options`."""
        weights, inputs = cast((params.weights[name], inputs), self.compute_dtype)
        variables = {"params": weights, **params.stats.get(name, {})}
        return cast(network.apply(variables, *inputs, **options), "float32")

    def check(self) -> None:
        """Raise `UserError` where a field has a value that the model cannot be built with.

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
        """Raise `UserError` where the model cannot be trained with these labels, int [N]."""
        del labels

    def for_images(self, image_shape: tuple[int, ...]) -> "Model":
        """Return this model for images of that shape. Raises `UserError` if it has another one."""
        if self.image_shape not in ((), image_shape):
            raise UserError(
                f"{registered_name(self)}: the model is made for images of shape"
                f" {self.image_shape}, but the data set's are {image_shape}. Leave image_shape"
                " out to take it from the data set."
            )
        return dataclasses.replace(self, image_shape=image_shape)


@dataclass(frozen=True)
class LatentModel(Model):
    """A model that decodes images from latent vectors. A subclass gives `decode`.

    Attributes:
        latent_dim: length of the latent vector z.
    """

    latent_dim: int = 32

    def sample_latents(
        self, params: Params, key: jax.Array, num: int, temperature: jax.Array | float = 1.0
    ) -> jax.Array:
        """Draw latents [num, latent_dim] from the prior p(z); by default N(0, temperature^2 I).

        Sampling, evaluation and every page draw latents here and nowhere else.
        """
        del params
        return temperature * jax.random.normal(key, (num, self.latent_dim))

    def decode(self, params: Params, z: jax.Array) -> jax.Array:
        """Decode latents [N, latent_dim] into images [N, H, W, C] in [0, 1]."""
        raise NotImplementedError

    def sample(self, params: Params, key: jax.Array, num: int) -> jax.Array:
        return in_chunks(partial(self.decode, params), self.sample_latents(params, key, num))


def _zeros(spec: Any) -> jax.Array:
    """Return a batch of one of an input's shape or `jax.ShapeDtypeStruct`."""
    if not isinstance(spec, jax.ShapeDtypeStruct):
        spec = jax.ShapeDtypeStruct(spec, jnp.float32)
    return jnp.zeros((1, *spec.shape), spec.dtype)


# What a model can do, beside sampling. A model can do what it has the methods for.


@runtime_checkable
class CanDecode(Protocol):
    """decode latents into images"""

    image_shape: tuple[int, ...]
    latent_dim: int

    def decode(self, params: Params, z: jax.Array) -> jax.Array: ...

    def sample_latents(
        self, params: Params, key: jax.Array, num: int, temperature: jax.Array | float = 1.0
    ) -> jax.Array: ...


@runtime_checkable
class CanEncode(Protocol):
    """encode images into latents"""

    latent_dim: int

    def encode(self, params: Params, images: jax.Array) -> jax.Array: ...


@runtime_checkable
class CanReconstruct(CanEncode, CanDecode, Protocol):
    """encode images and decode them again"""


@runtime_checkable
class CanClassify(Protocol):
    """classify images"""

    def classify(self, params: Params, images: jax.Array) -> jax.Array: ...


@runtime_checkable
class CanScore(Protocol):
    """score images by a discriminator"""

    def score(
        self, params: Params, images: jax.Array, labels: jax.Array | None = None
    ) -> jax.Array: ...


@runtime_checkable
class HasPosterior(Protocol):
    """give a posterior q(z|x)"""

    def observe(self, images: jax.Array, key: jax.Array) -> jax.Array: ...

    def posterior(self, params: Params, x: jax.Array) -> Normal: ...


@runtime_checkable
class HasBound(HasPosterior, Protocol):
    """bound the likelihood of images"""

    def distortion_and_rate(
        self, params: Params, x: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, jax.Array]: ...

    def log_weights(self, params: Params, x: jax.Array, key: jax.Array, num: int) -> jax.Array: ...


@runtime_checkable
class ClassConditional(Protocol):
    """sample images of a class (it needs num_classes)"""

    num_classes: int

    def condition_latents(self, z: jax.Array, labels: jax.Array) -> jax.Array: ...


@runtime_checkable
class Resamples(Protocol):
    """resample the data by the density of its latents"""

    def probabilities(
        self,
        params: Params,
        images: jax.Array,
        labels: jax.Array,
        progress: jax.Array | float,
    ) -> jax.Array: ...


Capability = TypeVar("Capability")


def require(model: Model, capability: type[Capability]) -> Capability:
    """Return `model` if it has the capability, one of the protocols above.

    Raises `MissingCapability`, which says which models have it.
    """
    if isinstance(model, capability):
        return model
    able = [name for name, cls in find_models().items() if isinstance(cls(), capability)]
    raise MissingCapability(
        f"the model {registered_name(model)!r} cannot {capability.__doc__};"
        f" models that can: {', '.join(able)}."
    )


def is_class_conditional(model: Model) -> bool:
    """Tell whether images of a class can be asked of the model."""
    return isinstance(model, ClassConditional) and model.num_classes > 0


MODELS: dict[str, type[Model]] = {}
ModelClass = TypeVar("ModelClass", bound=Model)


def find_models() -> dict[str, type[Model]]:
    """Return the table of models, with those of genjax and of installed packages in it.

    A package offers models by an entry point of the group "genjax.models", whose value is the
    module that registers them.
    """
    importlib.import_module("genjax.models")
    for entry in importlib.metadata.entry_points(group="genjax.models"):
        importlib.import_module(entry.module)
    return MODELS


def register(name: str) -> Callable[[type[ModelClass]], type[ModelClass]]:
    """Make a model known by `name` to configurations, files and tests: a class decorator."""

    def add(cls: type[ModelClass]) -> type[ModelClass]:
        known = MODELS.get(name, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"a model named {name!r} is registered already: {known}")
        MODELS[name] = cls
        cls._registered_name = name  # type: ignore[attr-defined]  # survives a later redefinition
        return cls

    return add


def registered_name(model: Model) -> str:
    """Return the name of the model's class. Raises `UserError` if it is not registered."""
    name = vars(type(model)).get("_registered_name")
    if name is None:
        raise UserError(
            f"{type(model).__name__} is not a registered model: put @register(...) above its class."
        )
    return name


def init(model: Model, key: jax.Array) -> Params:
    """Initialise the parameters of `model`, which must know its `image_shape`.

    Raises:
        UserError: where `image_shape` is unset or too small, or another field is out of bounds.
    """
    return model.init(key)


def to_json(model: Model) -> dict[str, Any]:
    """Return the model as a JSON object: its registered `name` and every field.

    A model from outside genjax also records its `module`, so that an error can say what to import.
    """
    module = type(model).__module__
    outside = {} if module.startswith("genjax.") else {"module": module}
    return {"name": registered_name(model), **outside, **dataclasses.asdict(model)}


def from_json(spec: Mapping[str, Any]) -> Model:
    """Return the model that `to_json` wrote. Raises `UserError` on an unknown name or field."""
    if not isinstance(spec, Mapping):
        raise UserError(f"{spec!r} is not the specification of a model.")
    fields = {name: value for name, value in spec.items() if name not in ("name", "module")}
    cls = MODELS.get(spec.get("name", "")) or find_models().get(spec.get("name", ""))
    if cls is None:
        remedy = f" Import {spec['module']}, which defines it." if "module" in spec else ""
        raise UserError(
            f"no model is named {spec.get('name')!r}; there are: {sorted(MODELS)}.{remedy}"
        )
    known = {field.name for field in dataclasses.fields(cls)}
    if unknown := sorted(fields.keys() - known):
        raise UserError(
            f"{spec['name']} has no field {', '.join(unknown)}; its fields are: {sorted(known)}"
        )
    return cls(**fields)
