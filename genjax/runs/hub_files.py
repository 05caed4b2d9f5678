"""Weights on the Hugging Face Hub: "hf://owner/name" in place of a path.

The package huggingface_hub (the extra `hub`) reads the user's token where it keeps it. genjax
neither takes, prints nor stores one.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genjax.errors import UserError

WEIGHTS = "model.safetensors"  # the name of the file of weights in a repository
_OF_NETWORK = {
    "ConnectionError",
    "TransportError",
    "LocalEntryNotFoundError",
    "OfflineModeIsEnabled",
}
# in a Path, one of the two slashes is left
_ADDRESS = re.compile(r"hf:/{1,2}([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?")


def is_address(path: Any) -> bool:
    """Tell whether a path is the address of a repository on the Hub.

    >>> is_address("hf://me/vae-mnist"), is_address("runs/vae-mnist")
    (True, False)
    """
    return isinstance(path, str | os.PathLike) and os.fspath(path)[:4] == "hf:/"


def download_weights(address: str | os.PathLike[str]) -> Path:
    """Return the file of weights of a repository, from the cache of the Hub where it is there.

    Args:
        address: "hf://owner/name", or "hf://owner/name@revision" for a branch, tag or commit.

    Raises:
        UserError: where there is no such repository or file, no network, or the package is missing.
    """
    match = _ADDRESS.fullmatch(os.fspath(address))
    if not match:
        raise UserError(f"{address} is no address on the Hub: give hf://owner/name.")
    hub, name = import_hub(), match[1]
    with explain_hub_errors(name):
        return Path(
            hub.hf_hub_download(
                name, WEIGHTS, revision=match[2], endpoint=os.environ.get("HF_ENDPOINT")
            )
        )


def import_hub() -> Any:
    """Import the package. Raises `UserError` where it is missing."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise UserError(
            f"the Hub needs a package ({error}): pip install 'genjax-vae-gan[hub]'."
        ) from None
    return huggingface_hub


@contextlib.contextmanager
def explain_hub_errors(name: str) -> Iterator[None]:
    """Turn the package's errors into a sentence, which never holds the token."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{name} on the Hub: {_explain(error)}") from None


def _explain(error: Exception) -> str:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    if "EntryNotFoundError" in kinds and "LocalEntryNotFoundError" not in kinds:
        return f"the repository has no {WEIGHTS}: it was not made by genjax push."
    if status in (401, 403):
        return (
            "access is refused. Does it exist, and does your token allow this? `hf auth login`"
            " stores one that does."
        )
    if status == 404 or "RepositoryNotFoundError" in kinds or "RevisionNotFoundError" in kinds:
        return "there is no such repository or revision."
    if status is not None:
        return f"the server answered with status {status}. Try again later."
    if "HFValidationError" in kinds:
        return "this cannot be the name of a repository: give owner/name."
    if kinds & _OF_NETWORK:
        return (
            f"it cannot be reached ({type(error).__name__}). Is there a network? Once loaded,"
            " weights are found without one."
        )
    first, token = str(error).partition("\n")[0], import_hub().get_token()
    return f"{type(error).__name__}: {first.replace(token, '...') if token else first}"
