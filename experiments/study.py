"""Run a study from the command line: train its recipes, print its table, draw its pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from genjax.cli.command import parse, run
from genjax.recipes.recipe import Recipe
from genjax.recipes.series import format_table, make_rows, run_series
from genjax.runs.files import replace_file


@dataclass(frozen=True)
class Options:
    """The runs of a study."""

    out: Path
    """Folder of the runs, of table.md and of the pictures."""
    seeds: int = 1
    """Number of seeds, from 0 on, that everything is trained with."""


@dataclass(frozen=True)
class Study:
    """Recipes to compare, the metrics that the table shows, and what is drawn of their runs."""

    name: str
    recipes: Mapping[str, Recipe]
    columns: Mapping[str, str]
    draw: Callable[[Path, Mapping[str, Recipe]], None]
    seeds: int = 1

    def main(self, arguments: list[str]) -> int:
        """Run the command `python -m experiments.NAME`; return its exit code."""
        default = Options(Path("runs") / self.name, self.seeds)
        options = parse(Options, arguments, f"python -m experiments.{self.name}", default)
        return run(
            lambda: self.run(options), options, "stopped. The same command continues where it was."
        )

    def run(self, options: Options) -> None:
        """Train what is not yet trained, print the table, and draw into the folder of the runs."""
        results = run_series(self.recipes, options.out, options.seeds)
        text = format_table(make_rows(results, self.columns))
        replace_file(options.out / "table.md", lambda file: file.write(text.encode()))
        self.draw(options.out, self.recipes)
        print(
            f"\n{text}\nmean ± standard deviation over {options.seeds} seeds;"
            f" pictures in {options.out}"
        )
