"""The tab of samples: from one model, or from two side by side."""

from genjax import plots
from genjax.app.components import LATEST, gr, make_key, make_picture
from genjax.app.explorer import Explorer


def add_samples_tab(explorers: list[Explorer], titles: list[str]) -> None:
    """Add the tab of one or two models with these titles."""
    gr.Markdown(
        "Samples, and below them interpolations between pairs of others, where the model has"
        " latents. The same seed always gives the same pictures."
        + (" Both models use the same seed." if len(explorers) > 1 else "")
    )
    with gr.Row():
        seed = gr.Number(0, precision=0, minimum=0, label="random seed", scale=1)
        button = gr.Button("new samples", scale=1, elem_id="another", size="md")
        gr.Column(scale=4)
    pictures = []
    with gr.Row():
        for column, (title, explorer) in enumerate(zip(titles, explorers, strict=True)):
            with gr.Column():
                gr.Markdown(f"**{title}**")
                pictures.append(make_picture(None, f"samples-{column}"))
                if explorer.decodes:
                    pictures.append(make_picture(None, f"interpolations-{column}"))

    def draw(seed: float | None) -> list:
        key = make_key(seed)
        drawn = [c for e in explorers for c in (e.draw_samples(key), e.draw_interpolations(key))]
        enlarged = [plots.enlarge(canvas, 3) for canvas in drawn if canvas is not None]
        return enlarged if len(enlarged) > 1 else enlarged[0]

    gr.on(None, draw, seed, pictures, api_name="samples", **LATEST)  # also when the page opens
    button.click(lambda seed: (seed or 0) + 1, seed, seed, **LATEST)
