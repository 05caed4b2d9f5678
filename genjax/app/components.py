"""gradio, the style of the page, and the parts that every tab uses."""

import io
import os
import warnings
from typing import Any

import jax
from jaxtyping import PRNGKeyArray

from genjax.errors import UserError

try:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    import gradio as gr
except ImportError as error:
    raise UserError(
        "the app needs gradio: pip install 'genjax-vae-gan[app]', or, in a clone of the"
        " repository, make setup."
    ) from error

__all__ = [
    "DRAWING", "LATEST", "STYLE", "gr", "limit_drawings", "make_key", "make_picture", "make_theme",
]  # fmt: skip

STYLE = """
.gradio-container {max-width: 1400px !important}
.pixels img {image-rendering: pixelated}
#plane img {cursor: crosshair}
#latents {height: 600px; overflow-y: auto}
#latents, #latents .form {flex-wrap: nowrap; flex-direction: column}
#latents .block {padding: 4px 10px; flex: none}
#loss .equation {margin: 0.6em 0; padding: 0.7em 1em; overflow-x: auto; text-align: center}
#loss .equation math {font-size: 125%}
#loss dl.terms {display: grid; grid-template-columns: max-content 1fr; gap: 0.4em 1.2em}
#loss dl.terms dd {margin: 0}
@media (max-width: 600px) {
  #loss dl.terms {grid-template-columns: 1fr; gap: 0.1em}
  .gradio-container {padding: 4px !important}
  #latents {height: auto; max-height: 400px}
  .gradio-container main, .gradio-container .wrap {padding: 8px 4px !important}
  .tab-container button {padding: 4px 5px !important; font-size: 13px !important}
}
"""
# Options of events: answer at once, and while one is answered keep only the newest that comes.
LATEST: dict[str, Any] = {"queue": False, "show_progress": "hidden", "trigger_mode": "always_last"}

DRAWING = "genjax-drawing"  # the class of elements whose pictures are limited
_MOST_PIXELS = 4_000_000  # of a drawing


def make_theme() -> gr.Theme:
    """Return a theme with the fonts of the system, so that nothing is fetched."""
    sans, mono = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")
    return gr.themes.Default(primary_hue="orange", font=sans, font_mono=mono)


def make_picture(value: Any, name: str | None = None, height: int | None = None) -> gr.Image:
    """Return a place for a picture that is shown pixel by pixel; `name` is its id in the page."""
    return gr.Image(
        value, format="png", height=height, elem_id=name, elem_classes="pixels",
        show_label=False, interactive=False, buttons=[],
    )  # fmt: skip


def make_key(seed: float | None) -> PRNGKeyArray:
    """Return the key of a seed from a field, which may be empty."""
    return jax.random.key(int(seed or 0) % 2**32)


def limit_drawings() -> None:
    """Make gradio refuse pictures of more than 4 million pixels where the class is `DRAWING`.

    gradio decodes what a browser sends before the app sees it, at any size. Other components of the
    process are left as they are.
    """
    convert = gr.ImageEditor.convert_and_format_image
    if getattr(convert, "is_limited", False):
        return

    def convert_limited(self: gr.ImageEditor, file: Any, *rest: Any, **options: Any) -> Any:
        if DRAWING in (self.elem_classes or []):
            _check_size(file)
        return convert(self, file, *rest, **options)

    convert_limited.is_limited = True  # type: ignore[attr-defined]
    gr.ImageEditor.convert_and_format_image = convert_limited  # type: ignore[method-assign]


def _check_size(file: Any) -> None:
    """Raise gradio's error where the picture, of which only the header is read, is too large."""
    from PIL import Image

    if file is None:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file.path if hasattr(file, "path") else io.BytesIO(file)) as picture:
                width, height = picture.size
    except Image.DecompressionBombError:
        width = height = 0
    except OSError as error:
        raise gr.Error("the drawing cannot be read as a picture.") from error
    if not 0 < width * height <= _MOST_PIXELS:
        raise gr.Error(f"the drawing has more than {_MOST_PIXELS:,} pixels.")
