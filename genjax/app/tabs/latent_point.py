"""The tab of one point in the latent space: plane, image and sliders show the same z."""

import os
from dataclasses import dataclass
from html import escape

import numpy as np

from genjax.app.canvas import COLOURS, enlarge_image
from genjax.app.components import LATEST, gr, make_key, make_picture
from genjax.app.explorer import Explorer

_MOST_SLIDERS = 32


def add_latents_tab(explorer: Explorer) -> None:
    """Add the tab. Latents without a slider keep their value in `rest`, one for each visitor."""
    shown = explorer.order[:_MOST_SLIDERS]
    first = explorer.choose_start()
    rest = gr.State(first)
    gr.Markdown(_explain(explorer))
    with gr.Row():
        with gr.Column(scale=5):
            plane, view = _add_plane(explorer, first, shown)
        with gr.Column(scale=4):
            decoded, score, buttons, encoded, original = _add_image(explorer, first)
        with gr.Column(scale=4):
            gr.Markdown("**The latents**")
            with gr.Column(elem_id="latents"):
                sliders = [_add_slider(explorer, d, first[d]) for d in shown]

    point = Point(explorer, shown)
    everything = [rest, decoded, score, plane, encoded, original, *sliders]
    moved = [s.input for s in sliders]
    settled = [s.release for s in sliders] + [control.input for control in view]
    image = [decoded, score]
    gr.on(moved, point.show_image, [rest, *sliders], image, api_name="move", **LATEST)
    gr.on(settled, point.show_plane, [rest, *view, *sliders], plane, api_name="plane", **LATEST)
    plane.select(point.click, [rest, *view, *sliders], everything, api_name="click", **LATEST)
    answers = (point.go_to_random, point.go_to_zero, point.go_to_image)
    for button, answer in zip(buttons, answers, strict=True):
        button.click(answer, view, everything, **LATEST)


def _add_plane(explorer: Explorer, z: np.ndarray, shown: list[int]) -> tuple[gr.Image, list]:
    """Add the plane of two latents, and the controls: the latents, and whether points are drawn."""
    across, up = (0, 1) if explorer.latent_dim == 2 else (shown[0], shown[min(1, len(shown) - 1)])
    gr.Markdown("**The plane of two latents:** click on it. The cross is where you are.")
    has_points = len(explorer.points) > 0
    plane = make_picture(explorer.draw_plane(z, across, up, has_points), "plane")
    with gr.Row(visible=explorer.latent_dim > 2):
        choices = [(label_latent(explorer, d), d) for d in shown]
        axes = [
            gr.Dropdown(choices, value=d, label=label, min_width=120)
            for d, label in ((across, "from left to right"), (up, "from bottom to top"))
        ]
    points = gr.Checkbox(
        has_points, label=f"{len(explorer.points)} test images as points", visible=has_points,
        elem_id="points",
    )  # fmt: skip
    gr.HTML(_explain_points(explorer), visible=has_points)
    return plane, [*axes, points]


def _explain_points(explorer: Explorer) -> str:
    """Return what the points mean, with the colours of the classes, as HTML."""
    names = explorer.dataset.label_names if explorer.dataset else ()
    colours = zip(names, map(tuple, COLOURS.tolist()), strict=False)
    key = " ".join(f'<b style="color: rgb{c}">&#9632;</b>&nbsp;{escape(n)}' for n, c in colours)
    where = " They lie at their own values of these two latents." if explorer.latent_dim > 2 else ""
    return f"<small>{key if 1 < len(names) <= len(COLOURS) else ''}{where}</small>"


def _add_image(
    explorer: Explorer, z: np.ndarray
) -> tuple[gr.Image, gr.Markdown, list, gr.Column, gr.Image]:
    """Add the decoded image with its score, the buttons, and the image that was encoded."""
    gr.Markdown("**The image**")
    image = explorer.decode(z)
    decoded = make_picture(enlarge_image(image), "picture")
    text = explorer.describe_score(image)
    score = gr.Markdown(text, visible=explorer.scores, elem_id="score")
    with gr.Row():
        buttons = [
            gr.Button(text, min_width=60, visible=visible, elem_id=name)
            for text, name, visible in (
                ("random draw", "random", True),
                ("zero", "zero", True),
                ("test image", "real", explorer.shows_real),
            )
        ]
    with gr.Column(visible=explorer.shows_real) as encoded:
        gr.Markdown("**The test image** that was encoded to these latents")
        real = enlarge_image(explorer.get_image(0)) if explorer.shows_real else None
        original = make_picture(real, "original", 200)
    return decoded, score, buttons, encoded, original


def _add_slider(explorer: Explorer, d: int, value: float) -> gr.Slider:
    extent, label = float(explorer.extents[d]), label_latent(explorer, d)
    return gr.Slider(-extent, extent, round(float(value), 3), step=0.001, label=label, buttons=[])


@dataclass(frozen=True)
class Point:
    """The answers of the tab to what a visitor does.

    Attributes:
        explorer: the model.
        shown: the latents that have a slider.
    """

    explorer: Explorer
    shown: list[int]

    def _set(self, rest: np.ndarray, values: tuple[float, ...]) -> np.ndarray:
        """Return the z of the sliders' values, the other latents as in `rest`."""
        z = rest.copy()
        z[self.shown] = values
        return z

    def show_image(self, rest: np.ndarray, *values: float) -> list:
        return self._decode(self._set(rest, values))

    def _decode(self, z: np.ndarray) -> list:
        """Return the picture that is decoded, and what is said about its score."""
        image = self.explorer.decode(z)
        return [enlarge_image(image), self.explorer.describe_score(image)]

    def show_plane(
        self, rest: np.ndarray, across: int, up: int, points: bool, *values: float
    ) -> np.ndarray:
        return self.explorer.draw_plane(self._set(rest, values), across, up, points)

    def _go(
        self, z: np.ndarray, view: tuple[int, int, bool], image: np.ndarray | None = None
    ) -> list:
        """Return the values of everything at `z`, to which `image`, if any, was encoded."""
        original = None if image is None else enlarge_image(image)
        return [
            z,
            *self._decode(z),
            self.explorer.draw_plane(z, *view),
            gr.update(visible=image is not None),
            original,
            *np.round(z[self.shown].astype(float), 3).tolist(),
        ]

    def click(
        self,
        event: gr.SelectData,
        rest: np.ndarray,
        across: int,
        up: int,
        points: bool,
        *values: float,
    ) -> list:
        z = self.explorer.move_to(self._set(rest, values), across, up, *event.index)
        return self._go(z, (across, up, points))

    def go_to_random(self, across: int, up: int, points: bool) -> list:
        z = self.explorer.draw_latents(make_key(_draw_seed()))
        return self._go(z, (across, up, points))

    def go_to_image(self, across: int, up: int, points: bool) -> list:
        image = self.explorer.get_image(_draw_seed())
        z = self.explorer.clip(self.explorer.encode(image))
        return self._go(z, (across, up, points), image)

    def go_to_zero(self, across: int, up: int, points: bool) -> list:
        return self._go(np.zeros(self.explorer.latent_dim, np.float32), (across, up, points))


def _draw_seed() -> int:
    return int.from_bytes(os.urandom(4))


def _explain(explorer: Explorer) -> str:
    """Return what can be done here, and what it means."""
    text = "Move a slider or click on the plane, and see the image decoded from the latents."
    if explorer.latent_dim > 2:
        text += " The plane moves two of them, and keeps the others as they are."
    if explorer.num_classes:
        text += f" The largest of the first {explorer.num_classes} latents determines the class."
    if explorer.use and explorer.latent_dim > 1:
        text += f" Latents that carry most information ({explorer.use.measure}) are on top."
    if explorer.latent_dim > _MOST_SLIDERS:
        text += f" {_MOST_SLIDERS} of the {explorer.latent_dim} latents have a slider."
    return text


def label_latent(explorer: Explorer, d: int) -> str:
    """Return the label of a latent, with how much it carries where that is known."""
    if explorer.use is None:
        return f"z[{d}]"
    unit = explorer.use.measure.split()[-1]
    amount = f"{explorer.use.amount[d]:.1f} {unit}" if explorer.use.active[d] else "inactive"
    return f"z[{d}] · {amount}"
