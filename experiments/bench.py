"""The speed of training on this machine: `make bench`.

Every contender trains the same model on the same data with the same optimizer, in a process of its
own; the rounds alternate, so that a machine that slows down slows all of them. Contenders:

genjax   the real loop: whole epochs compiled, data on the device
flax     the idiomatic Flax program: flax.linen's layers, one jitted step a batch from the host
pytorch  the idiomatic PyTorch program, of the GANs, where the package torch is installed

Printed are medians over the rounds: images a second while training, the seconds from the start of
compiling to the first result with an empty and with a filled compilation cache, and the loss, which
shows that the work is the same (a GAN's moves with chance, and here with one thing more: the usual
programs update the generator after the discriminator, at the cost of another pass through it, and
genjax both at once). The numbers also go to bench.json.
"""

import dataclasses
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tyro


@dataclass(frozen=True)
class Options:
    """What is measured, and how often."""

    rounds: int = 3
    """Processes a contender."""
    epochs: int = 2
    """Timed epochs a process, after a first one."""
    steps: int = 60
    """Steps an epoch."""
    seeds: int = 1
    """Seeds that genjax trains at once; the images a second are those of all."""
    only: str = ""
    """Only the models whose name contains this."""
    out: Path = Path("runs/bench.json")
    """Where the numbers go."""


@dataclass(frozen=True)
class Case:
    """What is trained, on what, in batches of how many images."""

    model: Any
    optimizer: Any
    dataset: str = "mnist"
    batch: int = 128

    @property
    def is_game(self) -> bool:
        return len(self.model.players) > 1


def cases() -> dict[str, Case]:
    from genjax.configuration import Optimizer
    from genjax.models import DCGAN, GAN, VAE

    shape, adam = (28, 28, 1), Optimizer()
    slow = Optimizer(learning_rate=2e-4, b1=0.5)
    mlp = VAE(shape, 20, "mlp", hidden=(400,), activation="relu")
    conv = VAE(shape, 20, "conv", (32, 64), (256,), activation="relu")
    return {
        "mlp-vae 784-400-20": Case(mlp, adam),
        "the same, grey": Case(dataclasses.replace(mlp, binarize=False), adam),
        "conv-vae 32-64-256-20": Case(conv, adam),
        "gan 64-256-512-1024-784": Case(GAN(shape), slow),
        "dcgan 64-128-256": Case(DCGAN((32, 32, 3)), slow, "cifar10", 64),
    }


def contenders(only: str) -> list[tuple[str, str]]:
    """Every case whose name contains `only`, with every program that there is for it."""
    has_torch = importlib.util.find_spec("torch") is not None
    return [
        (name, contender)
        for name, case in cases().items()
        if only in name
        for contender in ("genjax", "flax", *(["pytorch"] if has_torch and case.is_game else []))
    ]


def measure(name: str, contender: str, options: Options) -> dict[str, float]:
    """Images a second, seconds to the first result, and the last loss, in this process."""
    import jax

    from experiments import contenders as programs
    from genjax import data
    from genjax.files import enable_compilation_cache

    enable_compilation_cache()
    case = cases()[name]
    dataset = data.load(case.dataset)
    steps = min(options.steps, len(dataset) // case.batch)
    prepare: Any = {
        "genjax": partial(_genjax_epochs, seeds=options.seeds),
        "flax": programs.flax_gan if case.is_game else programs.flax_vae,
        "pytorch": programs.pytorch_gan,
    }[contender]
    began = time.perf_counter()
    run_epoch = prepare(case, dataset, jax.random.key(0), steps)
    loss = run_epoch()
    first = time.perf_counter() - began
    speeds = []
    for _ in range(options.epochs):
        began = time.perf_counter()
        loss = run_epoch()
        images = steps * case.batch * (options.seeds if contender == "genjax" else 1)
        speeds.append(images / (time.perf_counter() - began))
    return {"images_per_second": statistics.median(speeds), "start_seconds": first, "loss": loss}


def _genjax_epochs(case: Case, dataset: Any, key: Any, steps: int, seeds: int) -> Any:
    import jax
    import jax.numpy as jnp

    from genjax.configuration import Training
    from genjax.step import epoch, epochs, init_state

    training = Training(batch_size=case.batch, optimizer=case.optimizer)
    start, of_runs = partial(init_state, case.model, training=training), epoch
    if seeds > 1:
        start, of_runs, key = jax.vmap(start), epochs, jax.random.split(key, seeds)
    state = start(key)
    arrays = (dataset.images, dataset.labels)
    compiled = of_runs.lower(state, *arrays, training=training, steps=steps).compile()

    def run() -> float:
        nonlocal state
        state, terms = compiled(state, *arrays)
        return float(jnp.mean(terms["loss" if "loss" in terms else "discriminator_loss"]))

    return run


def run_in_process(model: str, contender: str, options: Options, cache: str) -> dict[str, float]:
    spec = json.dumps([model, contender, options.epochs, options.steps, options.seeds])
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": cache}
    command = [sys.executable, "-m", "experiments.bench", "--measure", spec]
    out = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(out.stdout.splitlines()[-1])


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        model, contender, epochs, steps, seeds = json.loads(sys.argv[2])
        options = Options(epochs=epochs, steps=steps, seeds=seeds)
        print(json.dumps(measure(model, contender, options)))
        return
    options = tyro.cli(Options, prog="make bench")
    results: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as cache:
        for number in range(options.rounds):
            for model, contender in contenders(options.only):
                print(f"round {number + 1} of {options.rounds}: {model}, {contender}", flush=True)
                figures = run_in_process(model, contender, options, cache)
                results.setdefault(f"{model} {contender}", []).append(figures)
    print(f"\n{'model':26}{'contender':10}{'images/s':>10}{'cold s':>8}{'warm s':>8}{'loss':>8}")
    table = []
    for model, contender in contenders(options.only):
        runs = results[f"{model} {contender}"]
        speed = statistics.median(run["images_per_second"] for run in runs)
        cold, warm = runs[0]["start_seconds"], [run["start_seconds"] for run in runs[1:]]
        row = {
            "model": model,
            "contender": contender,
            "images_per_second": speed,
            "cold_start_seconds": cold,
            "warm_start_seconds": statistics.median(warm) if warm else None,
            "loss": runs[0]["loss"],
        }
        table.append(row)
        shown = f"{row['warm_start_seconds']:8.1f}" if warm else f"{'-':>8}"
        print(f"{model:26}{contender:10}{speed:10,.0f}{cold:8.1f}{shown}{row['loss']:8.1f}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"options": _plain(options), "rows": table}, indent=2))


def _plain(options: Options) -> dict[str, Any]:
    return {name: str(value) for name, value in dataclasses.asdict(options).items()}


if __name__ == "__main__":
    main()
