"""A page to play with a trained model: its latents as sliders and as a plane, ways between images.

    import genjax.app
    genjax.app.launch(genjax.load("runs/vae-mnist"), genjax.data.load("mnist", "test"))

Works in a browser and in a notebook, without a network. Needs gradio; the pictures come from
`genjax.explorer`. What the page offers follows from the parts that the model has.
"""

import os
from typing import Any

import jax
import numpy as np

from genjax import plot
from genjax.data import Dataset
from genjax.explorer import Explorer, large
from genjax.files import enable_compilation_cache
from genjax.types import Params, UserError, registered_name

try:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    import gradio as gr
except ImportError as error:
    raise UserError(
        "the app needs gradio: pip install 'genjax-vae-gan[app]', or, in a clone of the"
        " repository, make setup."
    ) from error

SLIDERS = 32  # at most
_STYLE = """
.gradio-container {max-width: 1400px !important}
#latents {max-height: 560px; overflow-y: auto; flex-wrap: nowrap; padding-right: 8px}
#latents .block {padding: 4px 10px; flex: none}
.pixels img {image-rendering: pixelated}
#plane img {cursor: crosshair}
"""
_SOON: dict[str, Any] = {"queue": False, "show_progress": "hidden", "trigger_mode": "always_last"}


def theme() -> gr.Theme:
    """Fonts of the system: nothing is fetched."""
    sans, mono = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")
    return gr.themes.Default(primary_hue="orange", font=sans, font_mono=mono)


def build(
    params: Params,
    dataset: Dataset | None = None,
    beside: Params | None = None,
    names: tuple[str, str] = ("", ""),
) -> gr.Blocks:
    """The page, all that it computes compiled.

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
            _latents(explorers[0])
        with gr.Tab("From one image to another"):
            _ways(explorers[0])
        with gr.Tab("Side by side" if beside is not None else "Samples"):
            _samples(explorers, titles)
    return page


def _about(explorer: Explorer) -> str:
    height, width, channels = explorer.params.model.image_shape
    text = (
        f"A model ({registered_name(explorer.params.model)}) of {explorer.latent_dim} latents,"
        f" which makes images of {height}x{width} pixels"
        + (" in grey." if channels == 1 else " in colour.")
    )
    if explorer.active is not None:
        text += f" {explorer.active.sum()} of the latents are in use."
    return text


def _latents(explorer: Explorer) -> None:
    """The plane, the picture and the sliders, which all show the same z.

    What is not on a slider, the rest of z, is kept for each visitor.
    """
    shown = explorer.order[:SLIDERS]
    across, up = shown[0], shown[min(1, len(shown) - 1)]
    if explorer.latent_dim == 2:
        across, up = 0, 1
    gr.Markdown(_guidance(explorer))
    zero = np.zeros(explorer.latent_dim, np.float32)
    rest = gr.State(zero)
    with gr.Row():
        with gr.Column(scale=5):
            plane = _picture("the plane: click on it", explorer.plane(zero, across, up), "plane")
            with gr.Row(visible=explorer.latent_dim > 2):
                choices = [(_name(explorer, d), d) for d in shown]
                axes = [
                    gr.Dropdown(choices, value=d, label=label, min_width=120)
                    for d, label in ((across, "from left to right"), (up, "from bottom to top"))
                ]
        with gr.Column(scale=4):
            picture = _picture("the image", large(explorer.decode(zero)), "picture")
            with gr.Row():
                random = gr.Button("random", min_width=80)
                real = gr.Button("a real image", min_width=80, visible=_shows_real(explorer))
                reset = gr.Button("zero", min_width=80)
            original = _picture("the real image", None, "original", visible=False)
        with gr.Column(scale=4), gr.Column(elem_id="latents"):
            sliders = [_slider(explorer, d) for d in shown]

    def latent(rest: np.ndarray, values: tuple[float, ...]) -> np.ndarray:
        z = rest.copy()
        z[shown] = values
        return z

    def move(rest: np.ndarray, *values: float) -> Any:
        return large(explorer.decode(latent(rest, values)))

    def draw_plane(rest: np.ndarray, across: int, up: int, *values: float) -> np.ndarray:
        return explorer.plane(latent(rest, values), across, up)

    def everything(z: np.ndarray, across: int, up: int, image: np.ndarray | None = None) -> list:
        above = (
            gr.update(visible=False)
            if image is None
            else gr.update(value=large(image), visible=True)
        )
        z_values = np.round(z[shown].astype(float), 3).tolist()
        return [z, large(explorer.decode(z)), explorer.plane(z, across, up), above, *z_values]

    def click(event: gr.SelectData, rest: np.ndarray, across: int, up: int, *values: float) -> list:
        return everything(explorer.at(latent(rest, values), across, up, *event.index), across, up)

    def draw(across: int, up: int) -> list:
        return everything(explorer.random(_new_key()), across, up)

    def show_real(across: int, up: int) -> list:
        image = explorer.real(int(jax.random.bits(_new_key()) >> 1))
        return everything(explorer.encode(image), across, up, image)

    def to_zero(across: int, up: int) -> list:
        return everything(zero, across, up)

    state, all_of_it = [rest, *sliders], [rest, picture, plane, original, *sliders]
    gr.on([s.input for s in sliders], move, state, picture, api_name="move", **_SOON)
    gr.on(
        [s.release for s in sliders] + [a.input for a in axes],
        draw_plane,
        [rest, *axes, *sliders],
        plane,
        api_name="plane",
        **_SOON,
    )
    plane.select(click, [rest, *axes, *sliders], all_of_it, api_name="click", **_SOON)
    for button, answer in ((random, draw), (real, show_real), (reset, to_zero)):
        button.click(answer, axes, all_of_it, **_SOON)


def _guidance(explorer: Explorer) -> str:
    """What to do here, and what it means; how many latents have no slider."""
    text = (
        "Move a slider, or click on the plane: the image is what the model decodes from these"
        " latents. The plane shows the images around the cross, with the other latents as they are."
    )
    if explorer.rates is not None:
        text += " The sliders begin with the latents that tell most of an image, in nats."
    if explorer.latent_dim > SLIDERS:
        text += f" {SLIDERS} of the {explorer.latent_dim} latents have a slider."
    return text


def _name(explorer: Explorer, d: int) -> str:
    if explorer.rates is None or explorer.active is None:
        return f"z[{d}]"
    return f"z[{d}] · " + (f"{explorer.rates[d]:.1f} nats" if explorer.active[d] else "not in use")


def _slider(explorer: Explorer, d: int) -> gr.Slider:
    extent = float(explorer.extents[d])
    return gr.Slider(-extent, extent, 0.0, step=0.01, label=_name(explorer, d), buttons=[])


def _picture(label: str, value: Any, name: str | None = None, visible: bool = True) -> gr.Image:
    return gr.Image(
        value, format="png", label=label, elem_id=name, elem_classes="pixels", visible=visible,
        interactive=False, buttons=["download", "fullscreen"],
    )  # fmt: skip


def _shows_real(explorer: Explorer) -> bool:
    return explorer.encodes and explorer.dataset is not None


def _new_key() -> jax.Array:
    """A key that nobody knows."""
    return jax.random.key(int.from_bytes(os.urandom(4)))


_REAL, _DRAWING, _RANDOM = "a real image", "a drawing", "a random draw"


def _ways(explorer: Explorer) -> None:
    """The images between two ends."""
    gr.Markdown(
        "Choose two ends. The strip shows what is decoded on the way between their latents:"
        " *spherical* keeps latents as long as random ones are, *linear* is the straight line."
        + (" Draw large, with a broad brush." if explorer.encodes else "")
    )
    with gr.Row():
        ends = [_end(explorer, "from", 0), _end(explorer, "to", 1)]
    shape = gr.Radio(["spherical", "linear"], value="spherical", label="way")
    strip = _picture("the way, ends included", None, "strip")

    def draw(shape: str, *values: Any) -> list:
        found = [_found(explorer, *values[:3]), _found(explorer, *values[3:])]
        z, images = zip(*found, strict=True)
        return [*map(large, images), plot.enlarged(explorer.way(*z, shape == "spherical"), 4)]

    previews, controls = zip(*ends, strict=True)
    inputs = [shape, *controls[0], *controls[1]]
    gr.on(None, draw, inputs, [*previews, strip], api_name="way", **_SOON)


def _end(explorer: Explorer, name: str, number: int) -> tuple[gr.Image, list]:
    """The controls of an end: what it is, its number, the drawing; and the picture of it."""
    sources = [_REAL] * _shows_real(explorer) + [_DRAWING] * explorer.encodes + [_RANDOM]
    side, paper = 280, int(255 * explorer.paper)
    sheet = np.full((side, side, 3), paper, np.uint8)
    with gr.Column():
        source = gr.Radio(sources, value=sources[0], label=name)
        index = gr.Number(number, precision=0, minimum=0, label="its number")
        with gr.Row():
            drawing = gr.Sketchpad(
                sheet, type="filepath", image_mode="RGB", format="png", layers=False,
                canvas_size=(side, side), fixed_canvas=True, height=360, visible=False,
                brush=gr.Brush(22, ["#000000" if paper else "#ffffff"]), transforms=(),
                label="draw here", elem_id=f"drawing-{name}",
            )  # fmt: skip
            preview = _picture(f"{name}: the end itself", None, f"end-{name}")

    def show(source: str) -> tuple:
        drawn = source == _DRAWING
        return gr.update(visible=not drawn), gr.update(visible=drawn)

    source.change(show, source, [index, drawing], **_SOON)
    return preview, [source, index, drawing]


def _found(
    explorer: Explorer, source: str, number: int | None, drawing: dict | None
) -> tuple[np.ndarray, np.ndarray]:
    """The latents of an end, and its image as it is, before it is encoded."""
    if source == _RANDOM:
        z = explorer.random(jax.random.key((number or 0) % 2**32))
        return z, explorer.decode(z)
    drawn = source == _DRAWING
    image = (
        explorer.drawn((drawing or {}).get("composite")) if drawn else explorer.real(number or 0)
    )
    return explorer.encode(image), image


def _samples(explorers: list[Explorer], titles: list[str]) -> None:
    """Draws from one or two models, and ways between draws."""
    gr.Markdown(
        "Draws from the model, and below them ways between pairs of draws. Another number gives"
        " others; the same number gives the same again."
        + (" Both models get the same key." if len(explorers) > 1 else "")
    )
    with gr.Row():
        number = gr.Number(0, precision=0, minimum=0, label="number of the key")
        another = gr.Button("another")

    def draw(number: int | None) -> list:
        key = jax.random.key((number or 0) % 2**32)
        key_samples, key_ways = jax.random.split(key)
        return [
            plot.enlarged(canvas, 3)
            for e in explorers
            for canvas in (e.samples(key_samples), e.ways(key_ways))
        ]

    pictures = []
    with gr.Row():
        for title in titles:
            with gr.Column():
                pictures += [_picture(f"{title}: {what}", None) for what in ("samples", "ways")]
    gr.on(None, draw, number, pictures, api_name="samples", **_SOON)
    another.click(lambda n: (n or 0) + 1, number, number, **_SOON)


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
    """Opens the page of `build`: (the page, its address).

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
    try:
        _, address, _ = page.launch(
            server_name=host, server_port=port, share=share, prevent_thread_lock=not wait,
            theme=theme(), css=_STYLE, footer_links=[], run_history=False, show_error=True,
        )  # fmt: skip
    except OSError as error:
        raise UserError(
            f"the app cannot listen on {host}, port {port or '7860 to 7959'}: it is taken, or no"
            " address of this machine. Choose another one, or leave it out."
        ) from error
    return page, address
