"""Progress bars, all of one look: on a terminal and in a notebook with widgets, not in a log."""

import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from types import TracebackType
from typing import Any, TextIO

from tqdm.auto import tqdm

_SECONDS_BETWEEN_MOVES = 0.5
_prefix = contextvars.ContextVar("prefix", default="")


@contextlib.contextmanager
def prefix_bars(text: str) -> Iterator[None]:
    """Let the bars that are made here begin with `text`, such as the name of one of many runs."""
    token = _prefix.set(text)
    try:
        yield
    finally:
        _prefix.reset(token)


def progress(
    items: Any = None,
    terminal: TextIO | None = None,
    unit: str = " images",
    show: bool = True,
    **options: Any,
) -> Any:
    """Show a bar while `items` are iterated over; it appears after two seconds, then vanishes."""
    return _make_bar(
        items, terminal or sys.stderr, show, unit=unit, delay=2, leave=False, **options
    )


def _make_bar(items: Any, terminal: TextIO, show: bool, **options: Any) -> Any:
    # position 0: not below the bars that TFDS believes to draw
    disable = not (show and _can_show(terminal))
    options["desc"] = _prefix.get() + options.get("desc", "")
    return tqdm(items, file=terminal, disable=disable, position=0, dynamic_ncols=True, **options)


def _can_show(terminal: TextIO) -> bool:
    """Tell whether a bar can move there; a notebook without ipywidgets would keep every step."""
    in_notebook = "ipykernel" in sys.modules
    return terminal.isatty() or (in_notebook and find_spec("ipywidgets") is not None)


class TrainingProgress:
    """A context manager that shows a bar over the epochs of a run; in a log file, a line an epoch.

    An epoch is one compiled call that the host cannot look into, so a thread moves the bar within
    it by the clock, at the speed of the epoch before, unless `part_done` says how far it is.
    """

    def __init__(self, epochs: int, images_an_epoch: int, done: int, show: bool = True):
        self._epochs, self._images = epochs, images_an_epoch
        self._began = time.monotonic()
        self._seconds: float | None = None  # of the last epoch
        self._done = done
        self._share: float | None = None  # of the epoch, as far as it is known
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._lines = show and not _can_show(sys.stderr)
        self._bar = _make_bar(
            None,
            sys.stderr,
            show,
            total=epochs * images_an_epoch,
            initial=done * images_an_epoch,
            unit="img",
            unit_scale=True,
        )
        self._mover = threading.Thread(target=self._move, daemon=True)

    def __enter__(self) -> "TrainingProgress":
        self._mover.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._mover.join()
        self._bar.close()

    def note(self, text: str) -> None:
        """Show what is being done now; the clock of the epochs starts here."""
        with self._lock:
            self._began = time.monotonic()
            self._bar.set_description(_prefix.get() + text)

    def part_done(self, share: float) -> None:
        """Show that this share of the epoch is over."""
        with self._lock:
            self._share = share

    def epoch_done(self, done: int, terms: dict[str, float]) -> None:
        """Show that `done` epochs are over, and the terms of the last."""
        now = time.monotonic()
        shown = ", ".join(f"{name}={value:.4g}" for name, value in terms.items())
        with self._lock:
            self._seconds, self._began, self._done = now - self._began, now, done
            self._share = None
            self._bar.n = done * self._images
            self._bar.set_description(f"{_prefix.get()}epoch {done}/{self._epochs}", refresh=False)
            self._bar.set_postfix_str(shown, refresh=False)
            self._bar.refresh()
        if self._lines:
            speed = self._images / self._seconds
            print(f"epoch {done}/{self._epochs}: {shown}, {speed:,.0f} img/s", flush=True)

    def _move(self) -> None:
        while not self._stop.wait(_SECONDS_BETWEEN_MOVES):
            with self._lock:
                self._advance()
                self._bar.refresh()

    def _advance(self) -> None:
        """Set the bar to where the epoch that is running should be by now."""
        share = self._share
        if share is None and self._seconds:
            share = min(0.99, (time.monotonic() - self._began) / self._seconds)
        if share is not None and self._done < self._epochs:
            self._bar.n = int((self._done + share) * self._images)
