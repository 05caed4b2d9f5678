"""What models, parameters and their layers look like when they are printed."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

import genjax
from genjax.errors import UserError
from genjax.model import MODELS, Layer, Model, Networks, register, summarize
from tests.helpers import NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_layers_of_a_model_hold_all_its_parameters(name, key):
    model = dataclasses.replace(MODELS[name].smallest(), image_shape=(11, 9, 3))
    found = summarize(model)
    weights = jax.eval_shape(model.init, key).weights
    assert found.inputs.keys() == weights.keys() == model.networks().keys()
    for network, tree in weights.items():
        size = sum(leaf.size for leaf in jax.tree.leaves(tree))
        assert sum(layer.parameters for layer in found.of(network)) == size
        assert all(layer.outputs for layer in found.of(network))


def test_the_layers_of_a_vae_are_those_of_its_docstring():
    """Worked by hand: 4x4 kernels of stride 2, then dense layers, and back."""
    model = genjax.VAE(image_shape=(12, 8, 3), channels=(4,), hidden=(16,), latent_dim=2)
    encoder = summarize(model).of("encoder")
    assert encoder == (
        Layer("encoder", "Conv_0", "Conv", ((6, 4, 4),), 4 * 4 * 3 * 4 + 4),
        Layer("encoder", "MLP_0/Dense_0", "Dense", ((16,),), 6 * 4 * 4 * 16 + 16),
        Layer("encoder", "MLP_0/Dense_1", "Dense", ((4,),), 16 * 4 + 4),
    )


class Gate(nn.Module):
    """Two inputs, a parameter of its own, two outputs, a layer used twice, one without weights."""

    @nn.compact
    def __call__(self, x, y):
        shared = nn.Dense(3)
        scale = self.param("scale", nn.initializers.ones, (5,))
        dropped = nn.Dropout(0.5, deterministic=True)(shared(x) + shared(y))
        return dropped, scale.sum() * x


class Identity(nn.Module):
    def __call__(self, x):
        return x


@pytest.fixture
def foreign():
    @register("gated-for-summary")
    @dataclasses.dataclass(frozen=True)
    class Gated(Model):
        def networks(self) -> Networks:
            whole = jax.ShapeDtypeStruct((7,), jnp.int32)
            return {"gate": (Gate(), (7,), (7,)), "none": (Identity(), whole)}

    yield Gated((8, 8, 1))
    del MODELS["gated-for-summary"]


def test_networks_of_any_kind_are_listed(foreign):
    found = summarize(foreign)
    assert found.layers == (
        Layer("gate", "", "Gate", ((3,), (7,)), 5),
        Layer("gate", "Dense_0", "Dense", ((3,),), 7 * 3 + 3),
        Layer("gate", "Dropout_0", "Dropout", ((3,),), 0),
        Layer("none", "", "Identity", ((7,),), 0),
    )
    assert found.inputs == {"gate": ((7,), (7,)), "none": ((7,),)}
    assert found.parameters == 29
    lines = repr(found).splitlines()
    assert len({len(line) for line in lines}) == 1, "the columns are not aligned"
    assert lines[1].split() == ["gate", "input", "7,", "7", "29"]
    assert lines[-1].split() == ["total", "29"]


def test_a_model_without_a_size_is_refused():
    with pytest.raises(UserError, match="image_shape"):
        summarize(genjax.VAE())
    with pytest.raises(UserError, match="int is no model"):
        summarize(3)


def test_a_model_prints_as_the_call_that_makes_it():
    model = genjax.VAE((8, 8, 1), latent_dim=2, likelihood="gaussian")
    text = repr(model)
    assert text == "VAE(image_shape=(8, 8, 1), latent_dim=2, likelihood='gaussian')"
    assert eval(text, {"VAE": genjax.VAE}) == model
    assert repr(genjax.DCGAN()) == "DCGAN()"


def test_parameters_print_as_a_line_without_arrays(key):
    model = genjax.VAE((8, 8, 1), latent_dim=2, network="mlp", hidden=(8,))
    params = model.init(key)
    assert repr(params) == f"Params({model!r}; 1,156 parameters: decoder 600, encoder 556)"
    assert repr(summarize(params)) == repr(summarize(model))
    assert "Params(" in repr(jax.tree.map(lambda leaf: None, params))
    assert "Params(" in repr(jax.tree.structure(params).unflatten([0] * 8))
    assert "Params(" in repr(params.replace(weights=0))


class Linear:
    """A network that is no module of flax."""

    def init(self, key, x):
        return {"params": {"kernel": jnp.ones((x[0].size, 2))}}

    def __call__(self, x): ...


def test_a_network_that_is_no_module_is_one_layer(registries):
    @register("no-module")
    @dataclasses.dataclass(frozen=True)
    class NoModule(Model):
        def networks(self) -> Networks:
            return {"net": (Linear(), self.image_shape)}

    assert summarize(NoModule(image_shape=(8, 9, 1))).layers == (
        Layer("net", "", "Linear", (), 72 * 2),
    )
