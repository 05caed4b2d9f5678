"""`Params`, all that is learned; the `Batch` it is learned from; and a `TrainingPass`."""

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from genjax.errors import check_type

if TYPE_CHECKING:
    from genjax.model.base import Model
else:
    Model = object  # `base` imports this module

Weights = dict[str, Any]  # network name -> pytree of arrays
Terms = dict[str, jax.Array]  # name of a quantity -> its value: a number, or one for each seed


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["images", "labels", "progress"],
    meta_fields=[],
)
@dataclass(frozen=True)
class Batch:
    """A minibatch, with images in [0, 1].

    `progress` is the share of the training that is done, from 0 at its start to 1 at its end.
    """

    images: Float[Array, "b h w c"]
    labels: Int[Array, " b"]
    progress: Float[Array, ""] | float = 1.0


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["weights", "stats"],
    meta_fields=["model", "label_names"],
)
@dataclass(frozen=True, repr=False)
class Params:
    """All that a trained model is: a pytree of arrays and, as static metadata, its `model`.

    `genjax.summarize(params)` lists the layers with their shapes.

    `weights` are trained; `stats`, such as the averages of batch normalisation, are not. Both map a
    network's name to its pytree. `label_names` are those of the classes 0, 1, ... of the data that
    it was trained on, where they have names: other data are compared by them.
    """

    weights: Weights
    stats: Weights
    model: Model
    label_names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        networks = self.weights if isinstance(self.weights, dict) else {}  # jax puts markers there
        parts = [f"{name} {_count_numbers(tree):,}" for name, tree in networks.items()]
        total = f"{_count_numbers(self.weights):,} parameters"
        return f"{type(self).__name__}({self.model}; {total}: {', '.join(parts)})"

    def replace(self, **changes: Any) -> "Params":
        """Return these parameters with some fields replaced."""
        return dataclasses.replace(self, **changes)

    def in_training(self, key: PRNGKeyArray) -> "TrainingPass":
        """Return these parameters for one forward pass in training; `key` is for dropout."""
        return TrainingPass(self, key)


def _count_numbers(tree: Any) -> int:
    return sum(getattr(leaf, "size", 1) for leaf in jax.tree.leaves(tree))


def get_model(params: Params) -> Model:
    """Return the model of parameters. Every public function that takes parameters calls this.

    Raises:
        UserError: where they are none, such as the path of a run.
    """
    check_type(params, Params, "params", "parameters, as genjax.load, init and fit return")
    return params.model


class TrainingPass(Params):
    """Parameters for one forward pass in training, which keep the statistics it leaves.

    `Model.apply` runs a network on them with `train=True` and with randomness, and keeps the new
    batch statistics in `stats`. So the methods that serve evaluation serve training, too:

        training = params.in_training(key)
        q = self.posterior(training, x)
        ...
        return losses, (terms, training.stats)

    It must not leave the pass: `jit`, `grad` and `vmap` refuse it as an argument.
    """

    def __init__(self, params: Params, key: PRNGKeyArray):
        super().__init__(params.weights, dict(params.stats), params.model)
        object.__setattr__(self, "_key", key)
        object.__setattr__(self, "_calls", 0)

    _key: PRNGKeyArray
    _calls: int

    def next_key(self) -> PRNGKeyArray:
        """Return a key for the next network of the pass."""
        object.__setattr__(self, "_calls", self._calls + 1)
        return jax.random.fold_in(self._key, self._calls)


class TrainingWarning(NamedTuple):
    """A name, and a sentence of advice, for what an epoch's terms show to go wrong.

    `is_collapse` is true where the samples have collapsed; such runs count in `collapse_rate`. The
    user is warned once it has been true for `patience` epochs in a row.
    """

    name: str
    advice: str
    is_collapse: bool = False
    patience: int = 3
