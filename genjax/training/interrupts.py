"""Ctrl-C while training: what is running is finished, and an epoch is saved."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import jax


@contextlib.contextmanager
def delay_compiling() -> Iterator[None]:
    """Raise `KeyboardInterrupt` of a Ctrl-C after compiling; the second one raises it at once.

    Python crashes where it ends while jax is compiling. A command ends in a way of its own, so its
    handler is left as it is.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with _delay("stopping when the epoch is compiled") if usual else _never() as has_come:
        yield
        if has_come():
            raise KeyboardInterrupt


def delay_interrupts() -> contextlib.AbstractContextManager[Callable[[], bool]]:
    """Note the first Ctrl-C instead of raising `KeyboardInterrupt`; the second one raises it.

    A context manager, whose value tells whether one has come. It changes nothing outside the main
    thread, with many hosts, or where the program handles the signal itself, unless its handler has
    the attribute `waits_for_epoch`, as that of the commands.
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler or getattr(handler, "waits_for_epoch", False):
        return _delay("stopping after this epoch")
    return _never()


@contextlib.contextmanager
def _delay(what: str) -> Iterator[Callable[[], bool]]:
    if threading.current_thread() is not threading.main_thread() or jax.process_count() > 1:
        yield lambda: False
        return
    has_come = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal has_come
        if has_come:
            raise KeyboardInterrupt
        has_come = True
        os.write(2, f"\n{what}; Ctrl-C again stops at once\n".encode())

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: has_come
    finally:
        signal.signal(signal.SIGINT, before)


def _never() -> contextlib.AbstractContextManager[Callable[[], bool]]:
    return contextlib.nullcontext(lambda: False)
