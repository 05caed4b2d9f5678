"""Open the app on a trained run: `python -m genjax.cli.app NAME [options]`."""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import tyro

from genjax.cli.command import exit_code
from genjax.data import Dataset
from genjax.errors import UserError
from genjax.model import CanEncode
from genjax.recipes import RECIPES, trained

_CHANGES = 50  # of a slider, to measure


@dataclasses.dataclass(frozen=True)
class Options:
    """What the app shows, and where."""

    run: Path | None = None
    """The run's folder, or a file of weights; runs/NAME by default."""
    beside: Path | None = None
    """Another run, whose samples are shown beside."""
    dataset: str | None = None
    """The folder of images that the run was trained on, if it was."""
    port: int | None = None
    """By default the first free one from 7860 on."""
    host: str = "127.0.0.1"
    """The address to listen on: by default only programs on this machine reach the app."""
    share: bool = False
    """Also open it, through a server of gradio's, to everybody who has the link."""
    measure: bool = False
    """Only measure how soon a moved slider shows in the image, and end."""


def real_images(place: Path, folder: str | None) -> Dataset | None:
    """The test set of the data that a run was trained on, if it can be found."""
    try:
        return trained.find_data(place, folder)[1]
    except UserError as error:
        print(f"the app has no real images to show: {error}")
        return None


def slider_seconds(address: str) -> list[float]:
    """How long each of some changes of a slider takes: from the request to the image's last byte.

    The browser's two requests are made: one that answers where the image is, one that gets it.
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


def open_app(name: str, options: Options) -> None:
    """Loads what is to be shown, and serves it until Ctrl-C."""
    place = trained.find_run(name, options.run)
    params = trained.load_best(place)
    other = trained.find_run(options.beside.name, options.beside) if options.beside else None
    beside = trained.load_best(other) if other else None
    from genjax import app  # which needs gradio

    dataset = real_images(place, options.dataset) if isinstance(params.model, CanEncode) else None
    page, address = app.launch(
        params, dataset, beside, names=(place.name, other.name if other else ""),
        host=options.host, port=options.port, share=options.share, wait=False,
    )  # fmt: skip
    if options.measure:
        milliseconds = 1000 * np.array(slider_seconds(address))
        median, p95 = np.percentile(milliseconds, [50, 95])
        print(f"slider to image: median {median:.0f} ms, p95 {p95:.0f} ms ({_CHANGES} changes)")
        page.close()
    else:
        print(f"the app is at {address} (Ctrl-C ends it)", flush=True)
        page.block_thread()


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        print(f"usage: python -m genjax.cli.app NAME [options]\n\nnames: {', '.join(RECIPES)}")
        return 0 if arguments[:1] in ([], ["-h"], ["--help"]) else 2
    name, *rest = arguments
    options = tyro.cli(Options, args=rest, prog=f"make app-{name}")
    return exit_code(lambda: open_app(name, options), if_stopped=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
