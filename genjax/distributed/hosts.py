"""Many hosts: processes that train one run together, started by one command a host.

Call `join` first. Then `jax.devices()` are those of all hosts, and `fit`, called by every host with
the same arguments, shares its work out over them (`genjax.distributed.devices`). Every host loads
the data itself. Host 0 alone reads and writes the run's folder, measures, draws and shows; it sends
the others what they have to know (`run_on_first`, `share_arrays`). So only host 0 needs the folder,
and a run goes on on any number of hosts, or on one, where host 0 finds that folder.

If a host dies, the others cannot go on. Where the connection breaks with it, as between CPUs, they
end within seconds (`HostLost`); elsewhere jax ends them, with the reason in its log, when the dead
one has been silent for `SECONDS_OF_SILENCE`.

For trusted networks only: whoever reaches the coordinator's port can join the run, read its weights
and spoil its numbers. Nobody can run commands that way: hosts send each other JSON and arrays, and
nothing is unpickled. The coordinator listens on the address that was given, and on no other.
"""

import contextlib
import hashlib
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from genjax import errors
from genjax.errors import HostLost, UserError

SECONDS_TO_MEET = 300
SECONDS_OF_SILENCE = 60
_SECONDS_TO_END = 30  # from the first host that ends to the last
_A_DAY = 86_400
_BROKEN = ("UNKNOWN: ", "UNAVAILABLE: ", "INTERNAL: ", "ABORTED: ", "CANCELLED: ")  # jax's words
T = TypeVar("T")


def join(hosts: int | Literal["auto"], host: int = 0, coordinator: str = "") -> None:
    """Make this process number `host` of `hosts`; with one host, do nothing.

    Call this before anything touches a device. It waits for the others, for `SECONDS_TO_MEET`. All
    must have equally many devices. For trusted networks only (see the module).

    Args:
        hosts: how many there are; "auto" where jax finds all of this by itself, as on TPU pods,
            under Slurm and under Open MPI.
        host: the number of this one, from 0 on.
        coordinator: the address of host 0, which all can reach, and a free port of it, such as
            "10.0.0.1:1234". Host 0 listens on that address alone.

    Raises:
        UserError: on numbers that do not fit.
        HostLost: where a device has been touched already, or the hosts do not meet.
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
            "coordinator_bind_address": coordinator,
            "cluster_detection_method": "deactivate",
        }
    jax.config.update("jax_enable_preemption_service", False)  # it would ignore SIGTERM
    failed = _within(SECONDS_TO_MEET, lambda: _initialize(found))
    if failed is not None:
        how = "" if found else " Where jax finds no cluster, give numbers and an address."
        raise HostLost(f"the hosts of this run have not met: {failed}{how}")


def _check(hosts: int, host: int, coordinator: str) -> None:
    if hosts < 1:
        raise UserError(f'hosts is {hosts}, but must be at least 1, or "auto".')
    if not 0 <= host < hosts:
        raise UserError(f"host is {host}, but must be from 0 to {hosts - 1}: hosts is {hosts}.")
    address, _, port = coordinator.rpartition(":")
    if hosts > 1 and not (address and port.isdecimal() and 0 < int(port) < 2**16):
        raise UserError(
            f"coordinator is {coordinator!r}, but must be the address of host 0 with a free port"
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
    """Do `work` in that time, and return None; or return why it was not done."""
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
            f"{seconds} s have passed. Start all within that time, each with another number `host`,"
            " the same `hosts` and the same `coordinator`, which all must be able to reach."
        )
    return failed[0] if failed else None


def is_first() -> bool:
    """Tell whether this process is host 0, or alone."""
    return jax.process_index() == 0


def run_on_first(work: Callable[[], T]) -> T:
    """Return what `work` returns on host 0, which alone does it; it must be JSON, not a tuple.

    All hosts have to call this. A `UserError` that is raised there is raised on every host.
    """
    if jax.process_count() == 1:
        return work()
    return json.loads(_send(lambda: json.dumps(work()).encode()))


def share_arrays(work: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the arrays by name that `work` returns on host 0, as `run_on_first` does."""
    if jax.process_count() == 1:
        return work()

    def pack() -> bytes:
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **work())
        return file.getvalue()

    with np.load(io.BytesIO(_send(pack)), allow_pickle=False) as file:
        return dict(file.items())


def _send(work: Callable[[], bytes]) -> bytes:
    """Return the bytes that `work` returns on host 0, or raise the `UserError` that it raises."""
    content, failed = b"", b""
    if is_first():
        try:
            content = work()
        except UserError as error:
            failed = json.dumps([type(error).__name__, str(error)]).encode()
    if failed := _broadcast(failed):
        name, message = json.loads(failed)
        raise _find_error(name)(message)
    return _broadcast(content)


def _find_error(name: str) -> type[UserError]:
    """Return the class of genjax's errors that has this name, else `UserError`."""
    found = getattr(errors, name, UserError)
    return found if isinstance(found, type) and issubclass(found, UserError) else UserError


def _broadcast(content: bytes) -> bytes:
    """Return the `content` that host 0 has."""
    with explain_lost_hosts():
        size = int(multihost_utils.broadcast_one_to_all(np.int32(len(content))))
        if not size:
            return b""
        mine = np.frombuffer(content.ljust(size)[:size], np.uint8)
        return multihost_utils.broadcast_one_to_all(mine).tobytes()


def check_same(content: bytes, what: str) -> None:
    """Raise `UserError`, naming `what` it is, where hosts have different `content`."""
    if jax.process_count() == 1:
        return
    digest = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
    with explain_lost_hosts():
        digests = multihost_utils.process_allgather(digest)
    others = np.flatnonzero((digests != digests[0]).any(axis=1)).tolist()
    if others:
        raise UserError(
            f"{what} must be the same on every host; on host {', '.join(map(str, others))} it is"
            " not the same as on host 0."
        )


@contextlib.contextmanager
def explain_lost_hosts() -> Iterator[None]:
    """Turn the error of a computation that other hosts take part in into `HostLost`."""
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
    """Return `code`; with other hosts, end the process at once, because it would wait for them."""
    if jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
