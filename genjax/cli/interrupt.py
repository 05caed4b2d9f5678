"""Ctrl-C: the first one stops a command in order, and the second, or one at the start, at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

STOPPED = 130  # exit code of a command that Ctrl-C ended


def stop_at_once(signum: int = 0, frame: Any = None) -> NoReturn:
    """End the process without a traceback. Files are whole whenever a process ends."""
    with contextlib.suppress(OSError):
        os.write(2, b"\nstopped.\n")  # not print: the stream may be in use
    os._exit(STOPPED)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let the first Ctrl-C raise `KeyboardInterrupt`, and the second end the process at once.

    Within an epoch of a run that has a folder, the first one lets the epoch end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, frame: Any) -> NoReturn:
        signal.signal(signal.SIGINT, stop_at_once)
        raise KeyboardInterrupt

    interrupt.waits_for_epoch = True  # type: ignore[attr-defined] # see genjax.training.interrupts
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
