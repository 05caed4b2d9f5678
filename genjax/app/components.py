"""gradio, and the looks of the page."""

import os
from typing import Any

import jax

from genjax.errors import UserError

try:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    import gradio as gr
except ImportError as error:
    raise UserError(
        "the app needs gradio: pip install 'genjax-vae-gan[app]', or, in a clone of the"
        " repository, make setup."
    ) from error

__all__ = ["SOON", "STYLE", "gr", "key_of", "picture", "theme"]

STYLE = """
.gradio-container {max-width: 1400px !important}
.pixels img {image-rendering: pixelated}
#plane img {cursor: crosshair}
#latents {height: 600px; overflow-y: auto}
#latents, #latents .form {flex-wrap: nowrap; flex-direction: column}
#latents .block {padding: 4px 10px; flex: none}
"""
# Of events: answered at once; while one is answered, only the newest of those that come is kept.
SOON: dict[str, Any] = {"queue": False, "show_progress": "hidden", "trigger_mode": "always_last"}


def theme() -> gr.Theme:
    """Fonts of the system: nothing is fetched."""
    sans, mono = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")
    return gr.themes.Default(primary_hue="orange", font=sans, font_mono=mono)


def picture(value: Any, name: str | None = None, height: int | None = None) -> gr.Image:
    """A place for a picture, shown pixel by pixel; `name` is its id in the page."""
    return gr.Image(
        value, format="png", height=height, elem_id=name, elem_classes="pixels",
        show_label=False, interactive=False, buttons=[],
    )  # fmt: skip


def key_of(number: int | None) -> jax.Array:
    """The key of the number in a field, which may be empty."""
    return jax.random.key((number or 0) % 2**32)
