"""Ctrl-C while training: the epoch that is running is finished and saved."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import jax


@contextlib.contextmanager
def delay_interrupts() -> Iterator[Callable[[], bool]]:
    """Note the first Ctrl-C instead of raising `KeyboardInterrupt`; the second one raises it.

    A context manager, whose value tells whether one has come. It changes nothing outside the main
    thread, with many hosts, or where the program handles the signal itself.
    """
    in_main = threading.current_thread() is threading.main_thread()
    usual = in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or jax.process_count() > 1:
        yield lambda: False
        return
    has_come = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal has_come
        if has_come:
            raise KeyboardInterrupt
        has_come = True
        os.write(2, b"\nstopping after this epoch; Ctrl-C again stops at once\n")

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: has_come
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
