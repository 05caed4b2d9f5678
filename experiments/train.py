"""Train a named experiment: `python -m experiments.train NAME [options]`.

Trains, measures, and draws; an interrupted run goes on where it stopped, a finished one is left
as it is.
"""

import contextlib
import dataclasses
import io
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro

import genjax
from experiments import resampled
from experiments.experiment import Experiment
from experiments.named import EXPERIMENTS
from genjax import metrics, plot, run
from genjax.data import Dataset
from genjax.files import read_json, replace_file, write_json
from genjax.types import Params, UserError, has, registered_name

_FRAMES = 20  # pictures of the training progression, about
_SHOWN = 64  # images a grid
_FITTED = 10_000  # training images whose codes a density is fitted to


@dataclasses.dataclass(frozen=True)
class Options:
    """Where the run goes, and what it does with what is there."""

    experiment: Annotated[Experiment, tyro.conf.arg(name="")]
    out: Path | None = None
    """The run's folder; runs/NAME by default."""
    overwrite: bool = False
    """Throw away what the folder holds and start anew."""


def train(experiment: Experiment, out: Path, overwrite: bool = False) -> dict[str, Any]:
    """Runs `experiment` in the folder `out`; the content of its `result.json`."""
    began = time.monotonic()
    experiment.check()
    train_set, test_set = experiment.load()
    model = experiment.model.for_images(train_set.image_shape)
    model.check()
    model.check_labels(train_set.labels)
    training = experiment.training
    if experiment.num_components > min(_FITTED, len(train_set)):
        raise UserError(
            f"--num-components is {experiment.num_components}, but a density is fitted to"
            f" {min(_FITTED, len(train_set)):,} images."
        )
    print(f"{registered_name(model)} on {train_set.name}: {train_set.source}")
    key_run, key_show, key_test, key_fit = jax.random.split(jax.random.key(experiment.seed), 4)

    run.start(out, model, training, train_set.record(), key_run, overwrite)
    if (out / "result.json").exists():
        result = read_json(out / "result.json")
        if _measured(result, test_set) == _asked(experiment, test_set):
            print(f"{out} is finished already. To train it anew: --overwrite.")
            return result

    every = max(1, training.epochs // _FRAMES)

    def keep_frame(epoch: int, params: Params) -> None:
        if epoch % every == 0 or epoch == training.epochs:
            frame = plot.to_uint8(genjax.sample(params, key_show, _SHOWN))
            path = out / "progress" / f"{epoch:06d}.npy"
            path.parent.mkdir(exist_ok=True)
            replace_file(path, lambda file: np.save(file, frame))
        resampled.keep(out, epoch / training.epochs, params, train_set)

    judge = _judge(train_set, test_set) if experiment.num_generated else None
    distance = metrics.distance_to(train_set) if has(model, "score") else None
    params = genjax.fit(
        model, train_set, key_run, training, out=out, on_epoch=keep_frame, distance=distance
    )

    def measure(params: Params) -> dict[str, Any]:
        figures = genjax.evaluate(
            params,
            test_set,
            key_test,
            num_samples=experiment.num_samples,
            num_images=experiment.num_images or None,
            num_generated=experiment.num_generated,
            train_set=train_set,
            judge=judge,
        )
        if experiment.num_components and has(model, "encode"):
            figures |= _fitted(experiment, params, train_set, test_set, judge, key_fit)
        return figures

    result = measure(params) | resampled.shares(out, params, train_set, key_show)
    draw(out / "figures", params, test_set, key_show)
    if (out / run.BEST).exists():
        best = genjax.load(out / run.BEST)
        plot.save_grid(out / "figures" / "samples-best.png", genjax.sample(best, key_show, _SHOWN))
        epoch = run.best_epoch(out)
        figures = result if epoch == training.epochs else measure(best)
        result["best"] = {"epoch": epoch} | {n: v for n, v in figures.items() if n != "record"}
    seconds = {
        "training_seconds": sum(line["seconds"] for line in run.read_metrics(out)),
        "seconds": time.monotonic() - began,  # of this process: all, unless it went on with a run
    }
    result |= seconds | {"expected": experiment.expected}
    result["record"]["num_components"] = experiment.num_components
    write_json(out / "result.json", result)
    return result


def _asked(experiment: Experiment, test_set: Dataset) -> tuple[int, ...]:
    """What is to be measured: of the likelihood, of samples, of a fitted density."""
    count = min(experiment.num_images or len(test_set), len(test_set))
    return experiment.num_samples, count, experiment.num_generated, experiment.num_components


def _measured(result: Mapping[str, Any], test_set: Dataset) -> tuple[int, ...]:
    """What `result` holds of that; where it does not say, it is older than the choice."""
    record = result.get("record", {})
    count = record.get("dataset", {}).get("num_images", len(test_set))
    later = (record.get(name, 0) for name in ("num_generated", "num_components"))
    return record.get("num_samples", 0), count, *later


def _fitted(
    experiment: Experiment,
    params: Params,
    train_set: Dataset,
    test_set: Dataset,
    judge: metrics.Judge | None,
    key: jax.Array,
) -> dict[str, Any]:
    """The figures of samples of a mixture fitted to the codes: `fitted_...`."""
    key_fit, key_samples = jax.random.split(key)
    images = train_set.images[:_FITTED] / np.float32(255)
    density = genjax.fit_density(params, images, key_fit, experiment.num_components)
    num = experiment.num_generated
    samples = metrics.generated(params, key_samples, num, density=density)
    figures = metrics.measure_samples(samples, test_set, judge, train_set)
    return {f"fitted_{name}": value for name, value in figures.items()}


def _judge(train_set: Dataset, test_set: Dataset) -> metrics.Judge | None:
    """The classifier that samples are shown to, where the data has classes."""
    if len(train_set.label_names) < 2:
        return None
    return metrics.judge(train_set, test_set)


def draw(figures: Path, params: Params, test_set: Dataset, key: jax.Array) -> None:
    """Every picture that the model's parts allow, into the folder `figures`."""
    model: Any = params.model
    real = test_set.images[:_SHOWN] / 255.0
    plot.save_grid(figures / "samples.png", genjax.sample(params, key, _SHOWN))
    plot.save_grid(figures / "real.png", real)
    plot.save_curves(figures / "curves.png", run.read_metrics(figures.parent))
    paths = sorted((figures.parent / "progress").glob("*.npy"))
    frames = [np.load(path) / 255.0 for path in paths]
    plot.save_gif(figures / "progression.gif", frames, real)
    chosen = np.unique(np.linspace(0, len(frames) - 1, 8).round().astype(int))
    plot.save_strip(
        figures / "progression.png",
        [*(frames[i] for i in chosen), real],
        [*(f"epoch {int(paths[i].stem)}" for i in chosen), "data"],
    )
    if has(model, "decode"):
        start, end = jax.random.normal(jax.random.fold_in(key, 1), (2, 8, model.latent_dim))
        ways = genjax.interpolate(params, start, end, num=10)
        plot.save_grid(figures / "interpolation.png", ways.reshape(-1, *model.image_shape), 10)
    if has(model, "encode", "decode"):
        originals = np.asarray(real[:32])
        pairs = plot.side_by_side(originals, np.asarray(genjax.reconstruct(params, originals)))
        plot.save_grid(figures / "reconstructions.png", pairs, columns=8)
    if has(model, "encode", "decode") and model.latent_dim == 2:
        plane = genjax.manifold(params, 20)
        plot.save_grid(figures / "manifold.png", plane.reshape(-1, *model.image_shape), 20)
        z = genjax.encode(params, test_set.images / 255.0)
        plot.save_latent_scatter(figures / "latents.png", z, test_set.labels, test_set.label_names)


def main(arguments: list[str]) -> int:
    names = "\n".join(f"  {name:18} {e.expected}" for name, e in EXPERIMENTS.items())
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"usage: python -m experiments.train NAME [options]\n\nexperiments:\n{names}")
        return 0
    name, *rest = arguments
    if name not in EXPERIMENTS:
        print(f"there is no experiment {name!r}; there are:\n{names}", file=sys.stderr)
        return 2
    default = Options(EXPERIMENTS[name])
    options = parse(name, default, rest)
    out = (options.out or Path("runs") / name).absolute()
    try:
        result = train(options.experiment, out, options.overwrite)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        less = ", without --overwrite," if options.overwrite else ""
        print(f"\nstopped. The same command{less} continues the run in {out}.", file=sys.stderr)
        return 130
    best = result.get("best", {})
    if best:
        print(f"{'':26} {'last':>12} {'best: epoch ' + str(best['epoch']):>16}")
    for term, value in result.items():
        if not isinstance(value, float | int) or term.endswith(("_sem", "seconds")):
            continue
        plus_minus = f" ± {result[term + '_sem']:.2g}" if term + "_sem" in result else ""
        print(
            f"{term:26} {value:12.4g}{plus_minus}"
            + (f" {best[term]:16.4g}" if term in best else "")
        )
    print(f"expected by default        {result['expected']}")
    print(f"seconds                    {result['seconds']:.0f}")
    print(f"figures                    {out / 'figures'}")
    return 0


def parse(name: str, default: Options, arguments: list[str]) -> Options:
    """The command line; on a wrong one, exits with 2 and the list of all that may be given."""

    def read(arguments: list[str]) -> Options:
        return tyro.cli(Options, default=default, args=arguments, prog=f"make train-{name}")

    try:
        return read(arguments)
    except SystemExit as stop:
        if stop.code:
            text = io.StringIO()
            with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
                read(["--help"])
            valid = dict.fromkeys(re.findall(r"--[a-z0-9][a-z0-9.-]*", text.getvalue()))
            print("valid options: " + " ".join(valid), file=sys.stderr)
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
