"""The tab of samples: of one model, or of two side by side."""

from genjax import plots
from genjax.app.components import SOON, gr, key_of, picture
from genjax.app.explorer import Explorer


def tab(explorers: list[Explorer], titles: list[str]) -> None:
    gr.Markdown(
        "Draws from the model, and below them the ways between pairs of others."
        " The same number always gives the same pictures."
        + (" Both models draw with the same key." if len(explorers) > 1 else "")
    )
    with gr.Row():
        number = gr.Number(0, precision=0, minimum=0, label="number of the key", scale=1)
        another = gr.Button("another", scale=1, elem_id="another", size="md")
        gr.Column(scale=4)
    pictures = []
    with gr.Row():
        for column, title in enumerate(titles):
            with gr.Column():
                gr.Markdown(f"**{title}**")
                pictures += [picture(None, f"samples-{column}"), picture(None, f"ways-{column}")]

    def draw(number: int | None) -> list:
        key = key_of(number)
        drawn = [canvas for e in explorers for canvas in (e.samples(key), e.ways(key))]
        return [plots.enlarge(canvas, 3) for canvas in drawn]

    gr.on(None, draw, number, pictures, api_name="samples", **SOON)  # also when it opens
    another.click(lambda n: (n or 0) + 1, number, number, **SOON)
