"""Train a named recipe: `python -m genjax.cli.train NAME [options]`.

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
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro

import genjax
from genjax import metrics, plots
from genjax.data import Dataset, Stream
from genjax.distributed import hosts
from genjax.errors import UserError
from genjax.model import (
    CanDecode,
    CanReconstruct,
    CanScore,
    Params,
    is_class_conditional,
    registered_name,
)
from genjax.recipes import resampled
from genjax.recipes.measurement import Keys, Measurement, choose_classifier, keys_of, together
from genjax.recipes.recipe import Recipe, resident
from genjax.recipes.table import RECIPES
from genjax.runs import run_folder
from genjax.runs.files import read_json, replace_file, write_json
from genjax.training import seeds

_FRAMES = 20  # pictures of the training progression, about
_SHOWN = 64  # images a grid
_SHOWN_OF_EACH = 16  # samples of each of many seeds


@dataclasses.dataclass(frozen=True)
class Options:
    """Where the run goes, and what it does with what is there."""

    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    out: Path | None = None
    """The run's folder; runs/NAME by default."""
    overwrite: bool = False
    """Throw away what the folder holds and start anew."""
    hosts: int | Literal["auto"] = 1
    """Machines that train the run together, each by the same command; auto on TPU pods and under
    Slurm and Open MPI."""
    host: int = 0
    """The number of this machine, from 0 on. Host 0 has the run's folder."""
    coordinator: str = ""
    """The address of host 0 and a free port of it, such as 10.0.0.1:1234."""


def train(
    recipe: Recipe,
    out: Path,
    overwrite: bool = False,
    sets: tuple[Dataset | Stream, Dataset] | None = None,
) -> dict[str, Any]:
    """Runs `experiment` in the folder `out`; the content of its `result.json`.

    `sets` are its training and test set, where they are loaded already. Of many hosts all call
    this; host 0 alone measures and draws.
    """
    began = time.monotonic()
    recipe.check()
    train_set, test_set = sets or recipe.load()
    model = recipe.model.for_images(train_set.image_shape)
    model.check()
    seen = resident(train_set)
    model.check_labels(seen.labels)
    streamed = "" if seen is train_set else ", streamed"
    print(f"{registered_name(model)} on {train_set.name}: {train_set.source}{streamed}")
    classifier = choose_classifier(recipe, seen, test_set) if hosts.is_first() else None
    measurement = Measurement(recipe, seen, test_set, classifier)
    keys = keys_of(recipe)
    key_run = jnp.stack([own.run for own in keys]) if len(keys) > 1 else keys[0].run

    run_folder.open_run(out, model, recipe.training, train_set.record(), key_run, overwrite)
    if finished := hosts.run_on_first(partial(_finished, out, measurement)):
        print(f"{out} is finished already. To train it anew: --overwrite.")
        return finished

    params = genjax.fit(
        model,
        train_set,
        key_run,
        recipe.training,
        out=out,
        on_epoch=partial(_keep, out, recipe.training.epochs, seen, keys[0].show),
        distance=metrics.make_distance(seen) if isinstance(model, CanScore) else None,
    )
    return hosts.run_on_first(partial(_measured, out, params, measurement, keys, began))


def _finished(out: Path, measurement: Measurement) -> dict[str, Any] | None:
    """The content of `result.json`, if it holds the measurement."""
    if not (out / "result.json").exists():
        return None
    result = read_json(out / "result.json")
    return result if measurement.is_done(result) else None


def _measured(
    out: Path, params: Params, measurement: Measurement, keys: list[Keys], began: float
) -> dict[str, Any]:
    """Measures and draws the trained `params`; what it writes to `result.json`."""
    figures = measurement.of_each(params, keys)
    result = together(figures)
    train_set, test_set = measurement.train_set, measurement.test_set
    result |= resampled.shares(out, seeds.unstack_seeds(params)[0], train_set, keys[0].show)
    if len(keys) > 1:
        last = run_folder.read_metrics(out)[-1]
        result |= {name: last.get(name, []) for name in ("collapse_rate", "warnings")}
    if (out / run_folder.BEST).exists():
        result["best"] = measurement.of_best(out, keys, figures)
    draw(out / "figures", params, test_set, keys[0].show)
    result |= {
        "training_seconds": sum(line["seconds"] for line in run_folder.read_metrics(out)),
        "seconds": time.monotonic() - began,  # of this process: all, unless it went on with a run
        "expected": measurement.recipe.expected,
    }
    write_json(out / "result.json", result)
    return result


def _keep(
    out: Path, epochs: int, train_set: Dataset, key: jax.Array, epoch: int, params: Params
) -> None:
    """Of the first seed: samples of the same latents after some of the epochs, for the progression,
    and what the next epoch draws by, where the model resamples."""
    first = seeds.unstack_seeds(params)[0]
    if epoch % max(1, epochs // _FRAMES) == 0 or epoch == epochs:
        frame = plots.to_uint8(genjax.sample(first, key, _SHOWN))
        path = out / "progress" / f"{epoch:06d}.npy"
        path.parent.mkdir(exist_ok=True)
        replace_file(path, lambda file: np.save(file, frame))
    resampled.keep(out, epoch / epochs, first, train_set)


def draw(figures: Path, params: Params, test_set: Dataset, key: jax.Array) -> None:
    """Every picture that the model's parts allow, into the folder `figures` of a run.

    Of many seeds, those of the first, and samples of each.
    """
    model: Any = params.model
    params, *others = seeds.unstack_seeds(params)
    real = test_set.images[:_SHOWN] / 255.0
    plots.save_grid(figures / "samples.png", genjax.sample(params, key, _SHOWN))
    if others:
        rows = [genjax.sample(one, key, _SHOWN_OF_EACH) for one in (params, *others)]
        plots.save_grid(figures / "samples-seeds.png", np.concatenate(rows), _SHOWN_OF_EACH)
    if (figures.parent / run_folder.BEST).exists():
        best = seeds.unstack_seeds(genjax.load(figures.parent / run_folder.BEST))[0]
        plots.save_grid(figures / "samples-best.png", genjax.sample(best, key, _SHOWN))
    plots.save_grid(figures / "real.png", real)
    plots.save_curves(figures / "curves.png", run_folder.read_metrics(figures.parent))
    paths = sorted((figures.parent / "progress").glob("*.npy"))
    frames = [np.load(path) / 255.0 for path in paths]
    plots.save_gif(figures / "progression.gif", frames, real)
    chosen = np.unique(np.linspace(0, len(frames) - 1, 8).round().astype(int))
    plots.save_strip(
        figures / "progression.png",
        [*(frames[i] for i in chosen), real],
        [*(f"epoch {int(paths[i].stem)}" for i in chosen), "data"],
    )
    if isinstance(model, CanDecode):
        start, end = jnp.split(model.sample_latents(params, jax.random.fold_in(key, 1), 16), 2)
        ways = genjax.interpolate(params, start, end, num=10)
        plots.save_grid(figures / "interpolation.png", ways.reshape(-1, *model.image_shape), 10)
    if is_class_conditional(model):  # a row shows the same noise as every class
        asked = np.tile(np.arange(model.num_classes), 8)
        z = jnp.repeat(
            model.sample_latents(params, jax.random.fold_in(key, 2), 8), model.num_classes, axis=0
        )
        condition_latents = genjax.decode(params, model.condition_latents(z, asked))
        plots.save_grid(figures / "classes.png", condition_latents, model.num_classes)
    if isinstance(model, CanReconstruct):
        originals = np.asarray(real[:32])
        pairs = plots.side_by_side(originals, np.asarray(genjax.reconstruct(params, originals)))
        plots.save_grid(figures / "reconstructions.png", pairs, columns=8)
    if isinstance(model, CanReconstruct) and model.latent_dim == 2:
        plane = genjax.manifold(params, 20)
        plots.save_grid(figures / "manifold.png", plane.reshape(-1, *model.image_shape), 20)
        z = genjax.encode(params, test_set.images / 255.0)
        plots.save_latent_scatter(figures / "latents.png", z, test_set.labels, test_set.label_names)


def main(arguments: list[str]) -> int:
    names = "\n".join(f"  {name:18} {e.expected}" for name, e in RECIPES.items())
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"usage: python -m genjax.cli.train NAME [options]\n\nexperiments:\n{names}")
        return 0
    name, *rest = arguments
    if name not in RECIPES:
        print(f"there is no recipe {name!r}; there are:\n{names}", file=sys.stderr)
        return 2
    default = Options(RECIPES[name])
    options = parse(name, default, rest)
    out = (options.out or Path("runs") / name).absolute()
    try:
        hosts.join(options.hosts, options.host, options.coordinator)
        result = train(options.recipe, out, options.overwrite)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return hosts.leave(1) if isinstance(error, hosts.HostLost) else 1
    except KeyboardInterrupt:
        less = ", without --overwrite," if options.overwrite else ""
        print(f"\nstopped. The same command{less} continues the run in {out}.", file=sys.stderr)
        return hosts.leave(130)
    if hosts.is_first():
        report(result, out)
    return 0


def report(result: Mapping[str, Any], out: Path) -> None:
    """Prints the figures of a run."""
    best = result.get("best", {})
    if best:
        print(f"{'':26} {'last':>12} {'best: epoch ' + str(best['epoch']):>16}")
    for term, value in result.items():
        if not isinstance(value, float | int) or term.endswith(("_sem", "_sd", "seconds")):
            continue
        width = result.get(term + "_sd", result.get(term + "_sem"))
        plus_minus = "" if width is None else f" ± {width:.2g}"
        print(
            f"{term:26} {value:12.4g}{plus_minus}"
            + (f" {best[term]:16.4g}" if term in best else "")
        )
    print(f"expected by default        {result['expected']}")
    print(f"seconds                    {result['seconds']:.0f}")
    print(f"figures                    {out / 'figures'}")


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
