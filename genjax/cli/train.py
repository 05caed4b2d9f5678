"""Train a named recipe: `python -m genjax.cli.train NAME [options]`.

Trains, measures, and draws; an interrupted run goes on where it stopped, a finished one is left
as it is.
"""

import contextlib
import dataclasses
import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from genjax.distributed import hosts
from genjax.errors import UserError
from genjax.recipes import RECIPES, Recipe, run_recipe
from genjax.recipes.records import summarize_record


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


def main(arguments: list[str]) -> int:
    names = "\n".join(
        f"  {name:18} {recipe.description}: {summarize_record(name)}"
        for name, recipe in RECIPES.items()
    )
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
        result = run_recipe(options.recipe, out, options.overwrite)
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
    if name := result.get("recipe"):
        print(f"reference result           {summarize_record(name)}")
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
