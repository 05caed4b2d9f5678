"""What is said of programs for TPUs; libtpu itself is no part of the tests."""

import jax
import pytest

from experiments import tpu
from experiments.bench.cases import CASES
from genjax.errors import UserError
from genjax.model import MODELS
from tests.helpers import NAMES


def test_every_registered_model_is_a_case():
    assert {type(case.model) for case in tpu.list_cases().values()} >= {MODELS[n] for n in NAMES}


def test_all_reduces_are_counted_with_their_bytes():
    text = """
      %a = (f32[8,2]{1,0:T(8,128)}, bf16[3]{0}) all-reduce(%b, %c), channel_id=1
      %d = f32[] all-reduce-start(%e), channel_id=2
      %f = f32[] all-reduce-done(%d)
      %g = f32[100]{0} add(%d, %d)
    """
    assert tpu.count_all_reduces(text) == (2, 8 * 2 * 4 + 3 * 2 + 4)


def test_the_estimate_is_the_slower_of_products_and_memory():
    found = {"operations": 8 * tpu.PEAK / 1000, "bytes": 0.0}
    assert tpu.estimate_speed(found, 0, 8)["images_per_second"] == pytest.approx(1000)
    weights = int(tpu.BANDWIDTH / 32 / 100)  # they take 10 ms a step, whatever the batch is
    found = {"operations": 8 * tpu.PEAK / 1000, "bytes": tpu.BANDWIDTH / 100}
    slow = tpu.estimate_speed(found, weights, 8)
    assert slow["images_per_second"] == pytest.approx(800, rel=1e-3)
    assert slow["limit"] == pytest.approx(1000)
    assert slow["filling_batch"] == 16


@pytest.mark.parametrize("name", ["mlp-vae", "gan"])
def test_the_step_of_flax_takes_what_it_is_compiled_for(name):
    step = tpu.make_flax_step(CASES[name])
    state, loss = jax.eval_shape(step.function, *step.arguments)
    assert jax.tree.structure(state) == jax.tree.structure(step.arguments[0])
    assert loss.shape == ()


def test_an_unknown_model_is_refused():
    with pytest.raises(UserError, match="there is no model 'dgan': choose from mlp-vae"):
        tpu.check(tpu.Options(only=("dgan",)))
