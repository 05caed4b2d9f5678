"""Note, while a model's losses are traced, which networks ran as in evaluation, which in training.

It costs nothing when the losses run.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import NamedTuple


class Ran(NamedTuple):
    """Names of the networks that ran in training, or as in evaluation without being told to."""

    in_evaluation: set[str]
    in_training: set[str]


_RAN: ContextVar[Ran | None] = ContextVar("ran", default=None)


@contextlib.contextmanager
def watch_networks() -> Iterator[Ran]:
    """Note the networks that run while the context is open."""
    ran = Ran(set(), set())
    token = _RAN.set(ran)
    try:
        yield ran
    finally:
        _RAN.reset(token)


def note_run(name: str, in_training: bool) -> None:
    """Note that a network ran, where somebody watches."""
    if ran := _RAN.get():
        (ran.in_training if in_training else ran.in_evaluation).add(name)
