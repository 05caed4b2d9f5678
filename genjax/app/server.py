"""The server of the app: where it listens, and to whom it answers."""

import ipaddress
import os
import socket
import warnings
from collections.abc import Mapping

import numpy as np

from genjax.app.app_page import build
from genjax.app.components import STYLE, gr, make_theme
from genjax.data import Dataset
from genjax.errors import UserError
from genjax.latents import LatentDensity
from genjax.model import Params

_LARGEST_UPLOAD = "4mb"  # a drawing
_MOST_SESSIONS = 256  # visitors whose latents are remembered


def launch(
    params: Params,
    dataset: Dataset | None = None,
    beside: Params | None = None,
    *,
    names: tuple[str, str] = ("", ""),
    progression: Mapping[int, np.ndarray] | None = None,
    density: LatentDensity | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    share: bool = False,
    auth: tuple[str, str] | None = None,
    wait: bool = True,
) -> tuple[gr.Blocks, str]:
    """Open the page of `build`; return it and its address. `close()` of the page ends it.

    Args:
        params: as of `build`, like `dataset`, `beside` and `names`.
        dataset: images that the model can be shown.
        beside: another model.
        names: of the two models.
        progression: samples by epoch.
        density: where latents are drawn, if not from the prior.
        host: the address of this machine that it listens on; by default only programs on the same
            machine can reach it.
        port: by default the first free one from 7860 on.
        share: also open it, through a server of gradio's, to everybody who has the link.
        auth: a user name and a password that visitors must give.
        wait: until Ctrl-C; in a notebook it never waits.

    Raises:
        UserError: if it cannot listen there, and as `build`.
    """
    _check_address(host, port)
    _warn_of_visitors(host, share, auth)
    page = build(params, dataset, beside, names, progression, density)
    _exempt_from_proxies("127.0.0.1", "localhost", host)
    try:
        _, address, _ = page.launch(
            server_name=host, server_port=port, share=share, auth=auth,
            prevent_thread_lock=not wait,
            theme=make_theme(), css=STYLE, footer_links=[], run_history=False, show_error=True,
            quiet=not share, max_file_size=_LARGEST_UPLOAD, state_session_capacity=_MOST_SESSIONS,
        )  # fmt: skip
    except OSError as error:
        raise UserError(
            f"the app cannot listen on {host}, port {port or '7860 to 7959'}: it is taken. Choose"
            " another port, or leave it out."
        ) from error
    return page, address


def _check_address(host: str, port: int | None) -> None:
    """Raise `UserError` where the host is no address of this machine, or the port no port."""
    if port is not None and not 1 <= port <= 65535:
        raise UserError(f"port is {port}, but must be from 1 to 65535.")
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(place)
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"the app cannot listen on {host}, which is no address of this machine ({error}). Leave"
            " host out, or give 0.0.0.0 to listen on all of its addresses."
        ) from error


def _warn_of_visitors(host: str, share: bool, auth: tuple[str, str] | None) -> None:
    """Warn where others than the programs of this machine can reach the app."""
    if share:
        who = "everybody who has the link"
    elif not _is_loopback(host):
        who = f"everybody who can reach this machine at {host}"
    else:
        return
    password = (
        " after logging in; the connection is not encrypted"
        if auth
        else ", without a password; set auth to ask for one"
    )
    warnings.warn(f"{who} can use the app{password}.", stacklevel=3)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _exempt_from_proxies(*hosts: str) -> None:
    """Keep proxies out of gradio's request to its own page, which no proxy could reach."""
    for variable in ("NO_PROXY", "no_proxy"):
        listed = os.environ.get(variable, "").split(",")
        os.environ[variable] = ",".join(dict.fromkeys(filter(None, [*listed, *hosts])))
