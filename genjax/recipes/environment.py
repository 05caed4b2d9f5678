"""Describe what computed a result: processor, versions, commit, date, command."""

import datetime
import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

from genjax.model.processor import read_processor

_ROOT = Path(__file__).parent.parent.parent
_PACKAGES = ("genjax-vae-gan", "jax", "jaxlib", "flax", "optax", "numpy")


def describe_environment() -> dict[str, Any]:
    """Return processor, device, versions, the commit where there is one, and the date."""
    described: dict[str, Any] = {
        "processor": name_processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "device": jax.local_devices()[0].device_kind,
        "versions": {"python": platform.python_version(), **_find_versions()},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    commit = _find_commit()
    return described | ({"commit": commit} if commit else {})


def describe_command() -> str:
    """Return the command line of this process, as it can be typed again."""
    program, *arguments = sys.argv
    called_as = os.environ.get("GENJAX_CALLED_AS")  # set by the Makefile
    if called_as and len(arguments) > 1:
        options = shlex.join(arguments[2:])  # after the command and its subject
        return f"{called_as} ARGS={shlex.quote(options)}" if options else called_as
    name = Path(program).name
    ours = name in ("__main__.py", "genjax")
    return shlex.join(["genjax" if ours else name, *arguments])


def name_processor() -> str:
    """Return the processor's model and, where the system tells, the widest instructions it has."""
    model, widest = read_processor()
    return f"{model}, {widest}" if widest else model


def _find_versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a checkout that is not installed
            continue
    return found


def _find_commit() -> str | None:
    """Return the commit of the checkout that this package lies in, marked "-dirty" if changed."""
    if not (_ROOT / ".git").exists():
        return None
    command = ["git", "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
