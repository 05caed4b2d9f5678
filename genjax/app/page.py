"""The page as a whole, and its server."""

import os

from genjax.app import interpolation_tab, latents_tab, samples_tab
from genjax.app.components import STYLE, gr, theme
from genjax.app.explorer import Explorer
from genjax.data import Dataset
from genjax.errors import UserError
from genjax.model import Params, registered_name
from genjax.runs.files import enable_compilation_cache


def build(
    params: Params,
    dataset: Dataset | None = None,
    beside: Params | None = None,
    names: tuple[str, str] = ("", ""),
) -> gr.Blocks:
    """The page, with all that it computes compiled.

    Args:
        dataset: images that a model which encodes can be shown; the order of the latents and how
            far they can be moved are measured on them.
        beside: another model, whose samples are shown beside those of `params`.
        names: of the two, for the page; what they are registered as by default.

    Raises:
        TypeError: if a model cannot decode latents.
        UserError: if the images of `dataset` have another shape than the model's.
    """
    enable_compilation_cache()
    explorers = [Explorer(params, dataset)]
    explorers += [Explorer(beside)] if beside is not None else []
    for explorer in explorers:
        explorer.compile()
    titles = [
        name or registered_name(explorer.params.model)
        for name, explorer in zip(names, explorers, strict=False)
    ]
    page = gr.Blocks(title=f"genjax: {titles[0]}", analytics_enabled=False, delete_cache=(600, 600))
    with page:
        gr.Markdown(f"## {titles[0]}\n{_about(explorers[0])}")
        with gr.Tab("Latents"):
            latents_tab.tab(explorers[0])
        with gr.Tab("From one image to another"):
            interpolation_tab.tab(explorers[0], page)
        with gr.Tab("Samples" if beside is None else "Side by side"):
            samples_tab.tab(explorers, titles)
    return page


def _about(explorer: Explorer) -> str:
    model = explorer.params.model
    height, width, channels = model.image_shape
    colour = "grey" if channels == 1 else "colour"
    text = (
        f"A model of the kind *{registered_name(model)}*: from {explorer.latent_dim} numbers, the"
        f" latents, it makes a {colour} image of {height}x{width} pixels."
    )
    if explorer.use:
        text += f" {explorer.use.active.sum()} of the latents are in use."
    return text


def launch(
    params: Params,
    dataset: Dataset | None = None,
    beside: Params | None = None,
    *,
    names: tuple[str, str] = ("", ""),
    host: str = "127.0.0.1",
    port: int | None = None,
    share: bool = False,
    wait: bool = True,
) -> tuple[gr.Blocks, str]:
    """Opens the page of `build`: (the page, its address); `close()` of the page ends it.

    Args:
        host: which of this machine's addresses it listens on: by default only programs on the same
            machine can reach it.
        port: by default the first free one from 7860 on.
        share: also through a server of gradio's, for everybody who has the link.
        wait: until Ctrl-C; in a notebook it never waits.

    Raises:
        UserError: if it cannot listen there, and as `build`; `TypeError` as `build`.
    """
    page = build(params, dataset, beside, names)
    _exempt_from_proxies("127.0.0.1", "localhost", host)
    try:
        _, address, _ = page.launch(
            server_name=host, server_port=port, share=share, prevent_thread_lock=not wait,
            theme=theme(), css=STYLE, footer_links=[], run_history=False, show_error=True,
            quiet=not share,
        )  # fmt: skip
    except OSError as error:
        raise UserError(
            f"the app cannot listen on {host}, port {port or '7860 to 7959'}: it is taken, or no"
            " address of this machine. Choose another one, or leave it out."
        ) from error
    return page, address


def _exempt_from_proxies(*hosts: str) -> None:
    """gradio asks the page, once it is open, whether it answers; no proxy could reach it."""
    for variable in ("NO_PROXY", "no_proxy"):
        listed = os.environ.get(variable, "").split(",")
        os.environ[variable] = ",".join(dict.fromkeys(filter(None, [*listed, *hosts])))
