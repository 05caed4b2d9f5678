"""The benchmark: contenders do the same work, and what is said of them is computed from it."""

import dataclasses
import importlib.util

import jax
import numpy as np
import pytest

from experiments.bench import __main__ as command
from experiments.bench import flax_programs, genjax_program, pytorch_programs
from experiments.bench.cases import CASES, Case
from experiments.bench.measure import measure_contender
from experiments.bench.plan import (
    Options,
    choose_steps,
    estimate_seconds,
    list_measurements,
)
from experiments.bench.rows import check_losses, format_row, make_rows
from genjax import data
from genjax.errors import UserError
from genjax.models import GAN, VAE, VAEGAN
from genjax.training.configuration import Optimizer

CPU = {"processor": "p", "device": "cpu"}
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


def test_weights_are_drawn_alike():
    """Layer by layer, the usual programs begin with weights of genjax's standard deviation."""
    model = SMALL["vae_gan"]
    case = Case(model, Optimizer())

    def deviations(weights):
        kernels = [np.asarray(leaf) for leaf in weights if np.ndim(leaf) > 1]
        return sorted((kernel.size, kernel.std()) for kernel in kernels)

    ours = deviations(jax.tree.leaves(model.init(jax.random.key(0)).weights))
    (weights, _), _, _ = flax_programs._vae_gan(case, jax.random.key(1))
    others = [deviations(jax.tree.leaves(weights))]
    if importlib.util.find_spec("torch"):
        import torch

        torch.manual_seed(0)
        modules = (
            *pytorch_programs._coders(model, torch),
            pytorch_programs._discriminator(torch, (4, 8, 16), 1, normalized=False),
        )
        found = [weight.detach().numpy() for part in modules for weight in part.parameters()]
        others.append(deviations(found))
    for other in others:
        assert [size for size, _ in other] == [size for size, _ in ours]
        for (size, deviation), (_, expected) in zip(other, ours, strict=True):
            assert deviation == pytest.approx(expected, rel=4 / size**0.5)


def a_run(model, contender, speed=100.0, start=1.0, cold=True, loss=1.0, number=1):
    numbers = {"images_per_second": speed, "samples_per_second": 10.0}
    numbers |= {"first_step_seconds": start, "loss": loss}
    names = {"round": number, "model": model, "contender": contender}
    return names | {"cold": cold, "numbers": numbers}


def test_rows_hold_medians_and_ratios():
    ceiling = a_run("gan", "ceiling")
    ceiling["numbers"] = {"images_per_second": 400.0, "operations_an_image": 1.0}
    ours, flax, bound = make_rows(
        [
            a_run("gan", "genjax", 100.0, 9.0),
            a_run("gan", "genjax", 300.0, 2.0, cold=False),
            a_run("gan", "genjax", 200.0, 4.0, cold=False),
            a_run("gan", "flax", 50.0, 8.0),
            ceiling,
        ]
    )
    assert ours["images_per_second"] == 200
    assert (ours["cold_first_step_seconds"], ours["warm_first_step_seconds"]) == (9, 3)
    assert (flax["ratio"], flax["sampling_ratio"], flax["warm_first_step_seconds"]) == (4, 1, None)
    assert bound["ratio"] == 0.5
    assert "sampling_ratio" not in bound
    assert ["4.00x" in format_row(row) for row in (ours, flax, bound)] == [False, True, False]


def test_losses_that_differ_fail():
    rows = make_rows([a_run("mlp-vae", "genjax", loss=100.0), a_run("mlp-vae", "flax", loss=104.0)])
    check_losses(rows)
    check_losses(rows[1:])  # nothing to compare with
    for loss in (106.0, 94.0, float("nan")):
        with pytest.raises(UserError, match=r"mlp-vae: flax .* genjax 100 \(allowed: ±5\)"):
            check_losses([rows[0], rows[1] | {"loss": loss}])


def test_losses_of_a_game_are_compared_with_that_of_chance():
    def check(ours, other):
        check_losses(
            make_rows(
                [a_run("vae-gan", "genjax", loss=ours), a_run("vae-gan", "pytorch", loss=other)]
            )
        )

    check(0.231, 0.098)  # of the same model, from other random numbers
    with pytest.raises(UserError, match=r"vae-gan: pytorch 0\.087, genjax 0\.67"):
        check(0.67, 0.087)  # of weights drawn otherwise


def test_options_choose_models_and_contenders_by_their_names():
    options = Options(rounds=2, only=("dcgan", "gan"), contender=("flax", "genjax"))
    first = [(1, "gan", "genjax"), (1, "gan", "flax"), (1, "dcgan", "genjax"), (1, "dcgan", "flax")]
    assert list_measurements(options, CPU) == first + [(2, *names) for _, *names in first]
    usual = list_measurements(Options(), CPU)
    assert {one.model for one in usual} == set(CASES)
    assert not {"pytorch-compiled"} & {one.contender for one in usual}


def test_genjax_starts_a_second_time_with_a_filled_cache():
    options = Options(only=("gan",), contender=("genjax", "flax"))
    found = list_measurements(options, CPU)
    assert found == [(1, "gan", "genjax"), (1, "gan", "flax"), (2, "gan", "genjax")]


@pytest.mark.parametrize(
    ("processor", "device", "expected"),
    [
        ("AMD EPYC, AVX2", "cpu", False),
        ("AMD EPYC, AVX-512", "cpu", False),
        ("AMD EPYC, AVX-512 BF16", "cpu", True),
        ("arm", "cpu", True),
    ],
)
def test_bfloat16_is_measured_where_it_has_products(monkeypatch, processor, device, expected):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    machine = {"processor": processor, "device": device}
    usual = {one.contender for one in list_measurements(Options(), machine)}
    assert ("pytorch-bf16" in usual) == expected
    assert "pytorch" in usual


def test_a_gpu_is_measured_in_bfloat16_beside_compiled_programs_on_whole_data_sets(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    machine = {"processor": "Intel", "device": "NVIDIA H100 80GB HBM3"}
    usual = list_measurements(Options(), machine)
    compiled = {"pytorch-compiled", "pytorch-compiled-bf16"}
    others = {"genjax", "genjax-bf16", "flax", "ceiling"}
    assert {one.contender for one in usual} == others | compiled
    tpu = list_measurements(Options(), machine | {"device": "TPU v5 lite"})
    assert {one.contender for one in tpu} == others
    assert choose_steps(Options(), "dcgan", machine["device"]) == 0
    assert choose_steps(Options(steps=7), "dcgan", machine["device"]) == 7
    assert choose_steps(Options(), "dcgan", "cpu") == CASES["dcgan"].steps
    assert sum(estimate_seconds(one, Options(), machine) for one in usual) < 60 * 60


def test_a_program_in_bfloat16_is_compared_with_ours():
    contenders = {"genjax": 100.0, "genjax-bf16": 300.0, "pytorch": 50.0, "pytorch-bf16": 200.0}
    rows = make_rows([a_run("gan", name, speed) for name, speed in contenders.items()])
    assert [row.get("ratio") for row in rows] == [None, pytest.approx(1 / 3), 2.0, 1.5]


@pytest.mark.parametrize("processor", ["AMD EPYC, AVX2", "AMD EPYC, AVX-512 BF16"])
def test_the_default_takes_ten_minutes(monkeypatch, processor):
    """By what was measured on that processor."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    machine = {"processor": processor, "device": "cpu"}
    seconds = [
        estimate_seconds(one, Options(), machine) for one in list_measurements(Options(), machine)
    ]
    assert min(seconds) > 5
    assert 120 < sum(seconds) < 600


def test_an_unknown_processor_is_estimated_by_another():
    one = list_measurements(Options(only=("gan",)), CPU)[0]
    assert 5 < estimate_seconds(one, Options(), CPU) < 120


@pytest.fixture
def measured(monkeypatch):
    """What the benchmark measured, without processes. Set `stop` to stop it before a contender."""
    done = []

    def measure(measurement, steps, options, cache):
        if measurement.contender == measure.stop:
            raise measure.error
        done.append(measurement)
        return a_run(*measurement[1:], loss=measure.losses.get(measurement.contender, 1.0))[
            "numbers"
        ]

    measure.stop, measure.losses, measure.error = None, {}, KeyboardInterrupt()
    monkeypatch.setattr(command, "measure_apart", measure)
    environment = {"processor": "p", "device": "cpu", "versions": {}, "date": "2026-01-01"}
    monkeypatch.setattr(command, "read_environment", lambda: dict(environment))
    return done, measure


def test_a_stopped_benchmark_goes_on(measured, tmp_path, capsys):
    done, measure = measured
    options = Options(
        only=("gan",), contender=("genjax", "flax"), out=tmp_path / "a" / "bench.json"
    )
    measure.stop = "flax"
    with pytest.raises(KeyboardInterrupt):
        command.bench(options)
    assert "3 measurements, about" in capsys.readouterr().out
    measure.stop = None
    command.bench(options)
    command.bench(options)  # everything is measured
    assert done == [(1, "gan", "genjax"), (1, "gan", "flax"), (2, "gan", "genjax")]
    assert capsys.readouterr().out.count("1.00x") > 1
    with pytest.raises(UserError, match="holds results of something else: steps None, now 7"):
        command.bench(dataclasses.replace(options, steps=7))


def test_a_benchmark_fails_with_a_contender_or_its_loss(measured, tmp_path):
    _, measure = measured
    measure.stop, measure.error = "genjax", UserError("gan, genjax: its process ended with 1")
    options = Options(only=("gan",), contender=("genjax", "flax"), out=tmp_path / "bench.json")
    with pytest.raises(UserError, match=r"ended with 1\. The other results are kept"):
        command.bench(options)
    measure.stop, measure.losses = None, {"genjax": 9.0}
    with pytest.raises(UserError, match="do not do the same work"):
        command.bench(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(rounds=0), "rounds is 0"),
        (Options(steps=-1), "steps is -1"),
        (Options(only=("mlp",)), "there is no model 'mlp': choose from mlp-vae, mlp-vae-grey"),
        (
            Options(contender=("torch",)),
            "there is no contender 'torch': choose from genjax, genjax-bf16",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        command.bench(options)
