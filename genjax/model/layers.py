"""`summarize`: the layers of a model's networks, with shapes and numbers of parameters."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import flax.linen as nn
import jax
from flax.traverse_util import flatten_dict

from genjax.errors import UserError
from genjax.model.base import Model, init_network, registered_name
from genjax.model.params import Params

Shape = tuple[int, ...]
Path = tuple[str, ...]


class Layer(NamedTuple):
    """A layer of a network: a module that calls no other one, or that has parameters of its own.

    Shapes are those of one example, without the batch axis.
    """

    network: str
    name: str  # where it stands in the network, such as "MLP_0/Dense_1"; "" is the network itself
    kind: str  # its class, such as "Dense"
    outputs: tuple[Shape, ...]  # of every array that it returns
    parameters: int  # how many numbers of it are trained


@dataclass(frozen=True)
class Summary:
    """The layers of a model, in the order in which they are called. As text, a table of them.

    Attributes:
        name: the registered name of the model.
        inputs: of each network by name, the shapes of its inputs, without the batch axis.
        layers: of all networks.
    """

    name: str
    inputs: dict[str, tuple[Shape, ...]]
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        """Number of parameters, which are the numbers that are trained."""
        return sum(layer.parameters for layer in self.layers)

    def of(self, network: str) -> tuple[Layer, ...]:
        """Return the layers of one network."""
        return tuple(layer for layer in self.layers if layer.network == network)

    def __repr__(self) -> str:
        return _align([*self._rows(), ("total", "", "", f"{self.parameters:,}")])

    def _rows(self) -> Iterator[tuple[str, ...]]:
        yield self.name, "layer", "output", "parameters"
        for network, inputs in self.inputs.items():
            layers = self.of(network)
            total = sum(layer.parameters for layer in layers)
            yield network, "input", format_shapes(inputs), f"{total:,}"
            for layer in layers:
                parameters = f"{layer.parameters:,}" if layer.parameters else "–"
                yield f"  {layer.name}", layer.kind, format_shapes(layer.outputs), parameters


def summarize(model: Model | Params) -> Summary:
    """List the layers of every network of a model. Nothing is computed.

    Args:
        model: a model that knows its `image_shape`, or parameters.

    Raises:
        UserError: where the model cannot be built, such as without an `image_shape`.

    >>> model = genjax.VAE(image_shape=(8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    >>> summarize(model)
    vae              layer  output  parameters
    encoder          input  8×8×1          556
      Dense_0        Dense  8              520
      Dense_1        Dense  4               36
    decoder          input  2              600
      MLP_0/Dense_0  Dense  8               24
      MLP_0/Dense_1  Dense  64             576
    total                                1,156
    """
    model = model.model if isinstance(model, Params) else model
    if not isinstance(model, Model):
        raise UserError(f"{type(model).__name__} is no model: summarize takes a model or Params.")
    model.check()
    inputs: dict[str, tuple[Shape, ...]] = {}
    layers: list[Layer] = []
    for name, (network, *specs) in model.networks().items():
        inputs[name] = tuple(
            spec.shape if isinstance(spec, jax.ShapeDtypeStruct) else tuple(spec) for spec in specs
        )
        layers += _list_layers(name, network, specs)
    return Summary(registered_name(model), inputs, tuple(layers))


def format_shapes(shapes: tuple[Shape, ...]) -> str:
    """Write shapes of one example, such as "14×14×16, 10"; that of a single number is "1".

    >>> format_shapes(((14, 14, 16), (10,)))
    '14×14×16, 10'
    """
    return ", ".join("×".join(map(str, shape)) or "1" for shape in shapes)


def _list_layers(name: str, network: nn.Module, specs: list[Any]) -> Iterator[Layer]:
    """Trace a network, and note what each of its modules returns."""
    outputs: dict[Path, tuple[Shape, ...]] = {}
    kinds: dict[Path, str] = {}

    def note(call: Callable[..., Any], args: Any, options: Any, context: Any) -> Any:
        path, module = context.module.path, context.module
        if context.method_name == "__call__":
            kinds.setdefault(path, type(module).__name__)  # in the order of the calls
        result = call(*args, **options)
        if context.method_name == "__call__":
            arrays = (leaf for leaf in jax.tree.leaves(result) if hasattr(leaf, "shape"))
            outputs.setdefault(path, tuple(tuple(array.shape[1:]) for array in arrays))
        return result

    with nn.intercept_methods(note):
        variables = jax.eval_shape(lambda key: init_network(network, specs, key), jax.random.key(0))
    if () not in kinds:  # a network that is no module of flax: nothing is known of its layers
        kinds[()], outputs[()] = type(network).__name__, ()
    sizes = _count_parameters(variables.get("params", {}), kinds.keys())
    for path, kind in kinds.items():
        calls_others = any(other[: len(path)] == path for other in kinds if other != path)
        if sizes[path] or not calls_others:
            yield Layer(name, "/".join(path), kind, outputs[path], sizes[path])


def _count_parameters(weights: Any, paths: Collection[Path]) -> dict[Path, int]:
    """Count the parameters of each module; those of one that was not called are its parent's."""
    sizes = dict.fromkeys(paths, 0)
    for path, leaf in flatten_dict(weights).items():
        owner = max((p for p in paths if path[: len(p)] == p), key=len)
        sizes[owner] += sum(prod(part.shape) for part in jax.tree.leaves(leaf))
    return sizes


def _align(rows: list[tuple[str, ...]]) -> str:
    """Set rows of four texts in columns, the last one to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for *texts, last in rows:
        left = "  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=False))
        lines.append(f"{left}  {last.rjust(widths[-1])}")
    return "\n".join(lines)
