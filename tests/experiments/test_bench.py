"""The benchmark: contenders do the same work, and what is said of them is computed from it."""

import importlib.util

import jax
import numpy as np
import pytest

from experiments.bench import flax_programs, genjax_program, pytorch_programs
from experiments.bench.__main__ import (
    Options,
    add_ratios,
    align_rows,
    bench,
    choose_contenders,
    make_row,
)
from experiments.bench.cases import CASES, Case
from experiments.bench.measure import measure_contender
from genjax import data
from genjax.errors import UserError
from genjax.models import GAN, VAE, VAEGAN
from genjax.training.configuration import Optimizer

TINY = {
    "vae": VAE((28, 28, 1), 2, "mlp", hidden=(8,), activation="relu"),
    "gan": GAN((28, 28, 1), hidden=(8,), discriminator_hidden=(8,)),
}


@pytest.mark.filterwarnings("ignore:MNIST cannot be found")
@pytest.mark.parametrize("model", TINY)
@pytest.mark.parametrize("contender", ["genjax", "flax"])
def test_measures_its_contenders(model, contender, offline, monkeypatch):
    monkeypatch.setitem(CASES, model, Case(TINY[model], Optimizer()))
    run = measure_contender(model, contender, epochs=1, steps=2, seeds=1)
    assert all(np.isfinite(value) and value > 0 for value in run.values())


SMALL = {
    "vae": VAE((16, 16, 1), 4, "conv", (4, 8), (16,), activation="relu", binarize=False),
    "vae_gan": VAEGAN(
        image_shape=(32, 32, 1),
        latent_dim=4,
        channels=(4, 8),
        hidden=(16,),
        activation="relu",
        likelihood="gaussian",
        discriminator_width=4,
    ),
}


def usual_programs(case, dataset):
    yield flax_programs.make_program(case, dataset, jax.random.key(0), 4)
    if importlib.util.find_spec("torch"):
        yield pytorch_programs.make_program(case, dataset, 4, compiled=False, half=False)


@pytest.mark.parametrize(("name", "epochs"), [("vae", 12), ("vae_gan", 2)])
def test_the_usual_programs_do_the_same_work(name, epochs):
    """From other random weights each comes to about the loss of genjax, on images that are all
    alike: there the loss says what was learnt, not what was drawn. Of a game, at its beginning."""
    model = SMALL[name]
    image = np.random.default_rng(0).integers(0, 256, (1, *model.image_shape), np.uint8)
    dataset = data.from_arrays(np.repeat(image, 64, axis=0))
    case = Case(model, Optimizer(learning_rate=1e-3), batch=16)

    def losses(program):
        found = [program.train() for _ in range(epochs)]
        program.sample()
        return found[0], found[-1]

    ours = losses(genjax_program.make_program(case, dataset, jax.random.key(0), 4))
    for usual in usual_programs(case, dataset):
        assert losses(usual) == pytest.approx(ours, rel=0.15)


def test_operations_are_those_of_the_products():
    mlp = VAE((28, 28, 1), 20, "mlp", hidden=(400,), activation="relu", binarize=False)
    products = 784 * 400 + 400 * 40 + 20 * 400 + 400 * 784
    backward = 2 * products - 784 * 400  # nobody asks for the images' gradient
    found = genjax_program.count_operations(Case(mlp, Optimizer()))
    assert found == pytest.approx(2 * (products + backward), rel=0.05)


def test_a_layer_counts_as_many_operations_however_it_is_computed(monkeypatch):
    from genjax.nn import conv_cpu

    def count():
        return genjax_program.count_operations(Case(SMALL["vae"], Optimizer(), batch=16))

    usual = count()
    for least in ("_WIDEST", "_WIDEST_TRANSPOSED"):
        monkeypatch.setattr(conv_cpu, least, 1)
    assert count() == usual


def test_rows_hold_medians_and_ratios():
    def run(speed, start):
        return {"images_per_second": speed, "samples_per_second": 10.0, "start_seconds": start}

    rows = add_ratios(
        [
            make_row("m", "genjax", [run(100.0, 9.0), run(300.0, 2.0), run(200.0, 4.0)]),
            make_row("m", "flax", [run(50.0, 8.0)]),
            make_row("m", "ceiling", [{"images_per_second": 400.0, "operations_an_image": 1.0}]),
        ]
    )
    ours, flax, ceiling = rows
    assert ours["images_per_second"] == 200
    assert (ours["cold_start_seconds"], ours["warm_start_seconds"]) == (9, 3)
    assert (flax["ratio"], flax["sampling_ratio"], flax["warm_start_seconds"]) == (4, 1, None)
    assert ceiling["ratio"] == 0.5
    assert "sampling_ratio" not in ceiling
    _, *lines = align_rows(rows).splitlines()
    assert ["4.00x" in line for line in lines] == [False, True, False]


def test_options_choose_models_and_contenders():
    chosen = choose_contenders(Options(only="dcgan", contender="flax"))
    assert chosen == [("dcgan 64-128-256", "flax")]
    assert {model for model, _ in choose_contenders(Options())} == set(CASES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(rounds=0), "rounds is 0"),
        (Options(steps=-1), "steps is -1"),
        (Options(only="no such model"), "the models are"),
    ],
)
def test_what_cannot_be_measured_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        bench(options)
