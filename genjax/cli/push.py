"""`genjax push RUN owner/name`: put a trained model on the Hugging Face Hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from genjax.cli.command import parse, run
from genjax.sharing.hub import push


@dataclass(frozen=True)
class Options:
    """Put a trained model on the Hugging Face Hub: weights, a card with metrics, and samples.

    The token is that of `hf auth login`, or of the variable HF_TOKEN.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A run's folder, its name in runs/, or a file of weights."""
    name: Annotated[str, tyro.conf.Positional]
    """The repository, owner/name. It is made where there is none."""
    license: str = "mit"
    """The licence of the weights, as the Hub names it, such as cc-by-4.0."""
    private: bool = False
    """Make the repository private."""


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax push")

    def work() -> None:
        print(push(options.run, options.name, options.license, options.private))

    return run(work, options)
