"""The speed of training on this machine: `make bench`.

Every contender trains the same model on the same data with the same optimizer, in a process of its
own; the rounds alternate, so that a machine that slows down slows all of them. Contenders:

genjax   the real loop: whole epochs compiled, data on the device
flax     the idiomatic Flax program: flax.linen's layers, one jitted step a batch from the host

Printed are medians over the rounds: images a second while training, the seconds from the start of
compiling to the first result with an empty and with a filled compilation cache, and the loss, which
shows that the work is the same. The numbers also go to bench.json.
"""

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

BATCH = 128


@dataclass(frozen=True)
class Options:
    """What is measured, and how often."""

    rounds: int = 3
    """Processes a contender."""
    epochs: int = 2
    """Timed epochs a process, after a first one."""
    steps: int = 60
    """Steps an epoch."""
    out: Path = Path("runs/bench.json")
    """Where the numbers go."""


def models() -> dict[str, Any]:
    from genjax.models import VAE

    shape = (28, 28, 1)
    return {
        "mlp-vae 784-400-20": VAE(shape, 20, "mlp", hidden=(400,), activation="relu"),
        "the same, grey": VAE(shape, 20, "mlp", hidden=(400,), activation="relu", binarize=False),
        "conv-vae 32-64-256-20": VAE(shape, 20, "conv", (32, 64), (256,), activation="relu"),
    }


def measure(model_name: str, contender: str, options: Options) -> dict[str, float]:
    """Images a second, seconds to the first result, and the last loss, in this process."""
    import jax

    from genjax import data
    from genjax.files import enable_compilation_cache

    enable_compilation_cache()
    dataset = data.load("mnist")
    steps = min(options.steps, len(dataset) // BATCH)
    prepare = {"genjax": _genjax_epochs, "flax": _flax_epochs}[contender]
    began = time.perf_counter()
    run_epoch = prepare(models()[model_name], dataset, jax.random.key(0), steps)
    loss = run_epoch()
    first = time.perf_counter() - began
    speeds = []
    for _ in range(options.epochs):
        began = time.perf_counter()
        loss = run_epoch()
        speeds.append(steps * BATCH / (time.perf_counter() - began))
    return {"images_per_second": statistics.median(speeds), "start_seconds": first, "loss": loss}


def _genjax_epochs(model: Any, dataset: Any, key: Any, steps: int) -> Any:
    from genjax.configuration import Training
    from genjax.train import epoch, init_state

    training = Training(batch_size=BATCH)
    state = init_state(model, key, training)
    arrays = (dataset.images, dataset.labels)
    compiled = epoch.lower(state, *arrays, training=training, steps=steps).compile()

    def run() -> float:
        nonlocal state
        state, terms = compiled(state, *arrays)
        return float(terms["loss"])

    return run


def _flax_epochs(model: Any, dataset: Any, key: Any, steps: int) -> Any:
    """Written as a Flax tutorial would, for one model and one size."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x, key):
            conv = model.network == "conv"
            h = x
            if conv:
                h = nn.relu(nn.Conv(32, (4, 4), strides=2)(h))
                h = nn.relu(nn.Conv(64, (4, 4), strides=2)(h))
            h = nn.relu(nn.Dense(model.hidden[0])(h.reshape(len(h), -1)))
            mean, log_scale = jnp.split(nn.Dense(2 * model.latent_dim)(h), 2, axis=1)
            z = mean + jnp.exp(log_scale) * jax.random.normal(key, mean.shape)
            h = nn.relu(nn.Dense(model.hidden[0])(z))
            if conv:
                h = nn.relu(nn.Dense(7 * 7 * 64)(h)).reshape(-1, 7, 7, 64)
                h = nn.relu(nn.ConvTranspose(32, (4, 4), strides=(2, 2))(h))
                return nn.ConvTranspose(1, (4, 4), strides=(2, 2))(h), mean, log_scale
            return nn.Dense(784)(h).reshape(x.shape), mean, log_scale

    network, optimizer = Network(), optax.adam(1e-3)
    images = np.asarray(dataset.images)
    weights = network.init(key, jnp.zeros((1, 28, 28, 1)), key)
    opt_state = optimizer.init(weights)

    def loss_of(weights, x, key):
        key_x, key_z = jax.random.split(key)
        if model.binarize:
            x = jax.random.bernoulli(key_x, x).astype(jnp.float32)
        logits, mean, log_scale = network.apply(weights, x, key_z)  # type: ignore[misc]
        distortion = jnp.sum(optax.sigmoid_binary_cross_entropy(logits, x)) / len(x)
        rate = 0.5 * jnp.sum(mean**2 + jnp.exp(2 * log_scale) - 1 - 2 * log_scale) / len(x)
        return distortion + rate

    @jax.jit
    def step(weights, opt_state, x, key):
        loss, gradient = jax.value_and_grad(loss_of)(weights, x, key)
        change, opt_state = optimizer.update(gradient, opt_state)
        return optax.apply_updates(weights, change), opt_state, loss

    rng, count = np.random.default_rng(0), 0

    def run() -> float:
        nonlocal weights, opt_state, count
        order, losses = rng.permutation(len(images)), []
        for i in range(steps):
            x = images[order[i * BATCH : (i + 1) * BATCH]].astype(np.float32) / 255.0
            count += 1
            weights, opt_state, loss = step(weights, opt_state, x, jax.random.fold_in(key, count))
            losses.append(loss)
        return float(np.mean(losses))

    return run


def run_in_process(model: str, contender: str, options: Options, cache: str) -> dict[str, float]:
    spec = json.dumps([model, contender, options.rounds, options.epochs, options.steps])
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": cache}
    command = [sys.executable, "-m", "experiments.bench", "--measure", spec]
    out = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(out.stdout.splitlines()[-1])


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        model, contender, rounds, epochs, steps = json.loads(sys.argv[2])
        print(json.dumps(measure(model, contender, Options(rounds, epochs, steps))))
        return
    options = tyro.cli(Options, prog="make bench")
    results: dict[str, list[dict[str, float]]] = {}
    contenders = [(model, contender) for model in models() for contender in ("genjax", "flax")]
    with tempfile.TemporaryDirectory() as cache:
        for number in range(options.rounds):
            for model, contender in contenders:
                print(f"round {number + 1} of {options.rounds}: {model}, {contender}", flush=True)
                figures = run_in_process(model, contender, options, cache)
                results.setdefault(f"{model} {contender}", []).append(figures)
    print(f"\n{'model':24}{'contender':10}{'images/s':>10}{'cold s':>8}{'warm s':>8}{'loss':>8}")
    table = []
    for model, contender in contenders:
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
        print(f"{model:24}{contender:10}{speed:10,.0f}{cold:8.1f}{shown}{row['loss']:8.1f}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"options": _plain(options), "rows": table}, indent=2))


def _plain(options: Options) -> dict[str, Any]:
    return {name: str(value) for name, value in dataclasses.asdict(options).items()}


if __name__ == "__main__":
    main()
