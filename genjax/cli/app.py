"""`genjax app RUN [options]`: open a trained model in the browser."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from genjax.cli.command import parse, run
from genjax.errors import UserError
from genjax.model import CanEncode, CanScore
from genjax.plots.run_figures import read_progression
from genjax.recipes import trained
from genjax.recipes.fitted import DensityKind
from genjax.runs.weights import load_best

_CHANGES = 50  # of a slider, to measure
_WITHOUT = "the app has no real images to show"


@dataclass(frozen=True)
class Options:
    """Open a trained model in the browser: its latents as sliders, and images between images."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """A run's folder, its name in runs/, or a file of weights."""
    run: Path | None = None
    """The run's folder or the file of weights, where it has another name."""
    beside: Path | None = None
    """Another run, whose samples are shown beside."""
    dataset: str | None = None
    """The name or the path of the data, if what the run recorded no longer leads to them."""
    density: DensityKind = "none"
    """Draw random latents from a mixture, or a flow, that is fitted to the codes of training
    images, and not from the prior."""
    port: int | None = None
    """By default the first free port from 7860 on."""
    host: str = "127.0.0.1"
    """The address to listen on: by default only programs on this machine reach the app."""
    share: bool = False
    """Also open it, through a server of gradio's, to everybody who has the link."""
    auth: str = ""
    """USER:PASSWORD that visitors must give; by default nobody is asked."""
    measure: bool = False
    """Only measure how soon a moved slider shows in the image, and end."""


def main(arguments: list[str]) -> int:
    options = parse(Options, arguments, "genjax app")
    return run(lambda: open_app(options), options, if_stopped=0)


def open_app(options: Options) -> None:
    """Load what is to be shown, and serve it until Ctrl-C."""
    place = trained.find_run(options.run or options.name)
    params = load_best(place)
    other = trained.find_run(options.beside) if options.beside else None
    beside = load_best(other) if other else None
    density = trained.fit_density(place, params, options.density, options.dataset)
    from genjax import app  # which needs gradio

    shows_real = isinstance(params.model, CanEncode | CanScore)
    dataset = trained.find_test_set(place, options.dataset, _WITHOUT) if shows_real else None
    page, address = app.launch(
        params, dataset, beside, names=(place.name, other.name if other else ""),
        progression=read_progression(place), density=density,
        host=options.host, port=options.port, share=options.share, auth=_split_auth(options.auth),
        wait=False,
    )  # fmt: skip
    if options.measure:
        print(_summarise(measure_slider(address)))
        page.close()
    else:
        print(f"the app is at {address} (Ctrl-C ends it)", flush=True)
        page.block_thread()


def _split_auth(text: str) -> tuple[str, str] | None:
    """Return the user and the password in USER:PASSWORD; None where it is empty."""
    user, colon, password = text.partition(":")
    if text and not (user and colon and password):
        raise UserError("auth must be USER:PASSWORD, neither of them empty.")
    return (user, password) if text else None


def measure_slider(address: str) -> list[float]:
    """Measure how many seconds each of some changes of a slider takes to show in the image.

    A change is what a browser does: one request returns the image's address, another its bytes.
    """
    import httpx

    rng, seconds = np.random.default_rng(0), []
    with httpx.Client(base_url=address, trust_env=False) as browser:
        components = browser.get("/config").json()["components"]
        extents = [c["props"]["maximum"] for c in components if c["type"] == "slider"]
        values = [0.0] * len(extents)
        for i in range(_CHANGES):
            d = i % len(extents)
            values[d] = rng.uniform(-extents[d], extents[d])
            body = {"data": [None, *values], "session_hash": "measured"}
            began = time.perf_counter()
            answer = browser.post("/gradio_api/run/move", json=body).raise_for_status().json()
            browser.get(answer["data"][0]["url"]).raise_for_status()
            seconds.append(time.perf_counter() - began)
    return seconds


def _summarise(seconds: list[float]) -> str:
    median, p95 = np.percentile(1000 * np.array(seconds), [50, 95])
    return f"slider to image: median {median:.0f} ms, p95 {p95:.0f} ms ({_CHANGES} changes)"
