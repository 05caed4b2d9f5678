"""Many hosts: processes that train one run together, started by one command a host.

`join` first. Then `jax.devices()` are those of all hosts, and `fit`, called by every host with the
same arguments, shares its work out over them (`genjax.distributed.devices`). Every host loads the data itself.
Host 0 alone reads and writes the run's folder, measures, draws and shows; what the others have to
know of that, it tells them (`run_on_first`). So only host 0 needs the folder, and a run goes on on any
number of hosts, or on one, where host 0 finds that folder.

If a host dies, the others cannot go on. Where the connection breaks with it, as between CPUs, they
end within seconds (`HostLost`); elsewhere jax ends them, with the reason in its log, when the dead
one has been silent for `SECONDS_OF_SILENCE`.
"""

import contextlib
import hashlib
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from genjax.errors import UserError

SECONDS_TO_MEET = 300
SECONDS_OF_SILENCE = 60
_SECONDS_TO_END = 30  # from the first host that ends to the last
_A_DAY = 86_400
_BROKEN = ("UNKNOWN: ", "UNAVAILABLE: ", "INTERNAL: ", "ABORTED: ", "CANCELLED: ")  # jax's words
T = TypeVar("T")


class HostLost(UserError):
    """Another host of the run has ended or never come, so that this one cannot go on."""


def join(hosts: int | Literal["auto"], host: int = 0, coordinator: str = "") -> None:
    """Makes this process the one numbered `host` of `hosts`; of one, does nothing.

    To be called before anything touches a device. Waits for the others, for `SECONDS_TO_MEET`. All
    must have equally many devices.

    Args:
        hosts: how many; or "auto" where jax finds all of this by itself, as on TPU pods, under
            Slurm and under Open MPI.
        host: from 0 on, on each another one.
        coordinator: the address of host 0, which all can reach, and a free port of it, such as
            "10.0.0.1:1234".

    Raises `UserError` on numbers that do not fit, `HostLost` where a device has been touched
    already, or the hosts do not meet.
    """
    if hosts == "auto":
        found: dict[str, Any] = {}
    else:
        _check(hosts, host, coordinator)
        if hosts == 1:
            return
        found = {
            "coordinator_address": coordinator,
            "num_processes": hosts,
            "process_id": host,
            "cluster_detection_method": "deactivate",
        }
    jax.config.update("jax_enable_preemption_service", False)  # it would ignore SIGTERM
    failed = _within(SECONDS_TO_MEET, lambda: _initialize(found))
    if failed is not None:
        how = "" if found else " Where jax finds no cluster, give numbers and an address."
        raise HostLost(f"the hosts of this run have not met: {failed}{how}")


def _check(hosts: int, host: int, coordinator: str) -> None:
    if hosts < 1:
        raise UserError(f'--hosts is {hosts}, but must be at least 1, or "auto".')
    if not 0 <= host < hosts:
        raise UserError(f"--host is {host}, but must be from 0 to {hosts - 1}: --hosts is {hosts}.")
    address, _, port = coordinator.rpartition(":")
    if hosts > 1 and not (address and port.isdecimal() and 0 < int(port) < 2**16):
        raise UserError(
            f"--coordinator is {coordinator!r}, but must be the address of host 0 with a free port"
            " of it, such as 10.0.0.1:1234."
        )


def _initialize(found: dict[str, Any]) -> None:
    jax.distributed.initialize(
        **found,
        initialization_timeout=_A_DAY,  # `join` waits less: jax would end the process
        heartbeat_timeout_seconds=SECONDS_OF_SILENCE,
        shutdown_timeout_seconds=_SECONDS_TO_END,
    )


def _within(seconds: float, work: Callable[[], None]) -> str | None:
    """Why `work` was not done in that time; None if it was."""
    failed: list[str] = []

    def attempt() -> None:
        try:
            work()
        except (RuntimeError, ValueError) as error:
            failed.append(str(error))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return (
            f"{seconds} s have passed. Start all within that time, each with another --host, the"
            " same --hosts and the same --coordinator, which all must be able to reach."
        )
    return failed[0] if failed else None


def is_first() -> bool:
    """Whether this process is host 0, or alone."""
    return jax.process_index() == 0


def run_on_first(work: Callable[[], T]) -> T:
    """What `work` gives where host 0 does it; the others wait. All hosts have to call this.

    The `UserError` that it raises there is raised on every host.
    """
    if jax.process_count() == 1:
        return work()
    outcome: tuple[Any, UserError | None] = (None, None)
    if is_first():
        try:
            outcome = work(), None
        except UserError as error:
            outcome = None, error
    result, refused = pickle.loads(_of_first(pickle.dumps(outcome)))
    if refused is not None:
        raise refused
    return result


def _of_first(content: bytes) -> bytes:
    """The `content` that host 0 has."""
    with watch():
        size = int(multihost_utils.broadcast_one_to_all(np.int32(len(content))))
        mine = np.frombuffer(content.ljust(size)[:size], np.uint8)
        return multihost_utils.broadcast_one_to_all(mine).tobytes()


def check_same(content: bytes, what: str) -> None:
    """Raises `UserError`, naming `what` it is, where hosts have different `content`."""
    if jax.process_count() == 1:
        return
    digest = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
    with watch():
        digests = multihost_utils.process_allgather(digest)
    others = np.flatnonzero((digests != digests[0]).any(axis=1)).tolist()
    if others:
        raise UserError(
            f"{what} must be the same on every host; of host {', '.join(map(str, others))} it is"
            " not as of host 0."
        )


@contextlib.contextmanager
def watch() -> Iterator[None]:
    """Turns the error of a computation that other hosts take part in into `HostLost`."""
    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:  # jax raises either
        if jax.process_count() == 1 or not str(error).startswith(_BROKEN):
            raise
        raise HostLost(
            "a computation of all hosts has failed, most likely because another host has ended: see"
            " what it says. The same command, on as many hosts or on fewer, goes on from the newest"
            f" checkpoint. (jax says: {str(error).splitlines()[0]})"
        ) from error


def leave(code: int) -> int:
    """`code`, to end with; but with other hosts ends at once: in order, it would wait for them."""
    if jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
