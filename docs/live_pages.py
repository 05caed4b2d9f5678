"""Put pages of trained models into the site: `<!-- live: NAME -->` becomes a frame.

NAME is a recipe whose weights come with genjax (`genjax.pretrained`). Building the site writes its
page, as `genjax publish` does, to live/NAME. Where the weights do not come with genjax, nothing is
shown.
"""

import re
from pathlib import Path
from typing import Any

import genjax
from genjax.model import CanEncode
from genjax.recipes import RECIPES

DOCS = Path(__file__).parent
MARK = re.compile(r"^<!-- live: (\S+) -->$", re.MULTILINE)
_FRAME = """\
<figure class="live">
<iframe src="{page}" title="{name}, live" loading="lazy"></iframe>
<figcaption>Live: <code>{name}</code> decodes in your browser.
<a href="{page}">Open it as a page by itself.</a></figcaption>
</figure>"""


def setup(app: Any) -> dict[str, Any]:
    """Connect the hooks of this module to Sphinx."""
    app.connect("source-read", embed_pages)
    app.connect("build-finished", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def embed_pages(app: Any, page: str, source: list[str]) -> None:
    """Replace each mark on a page by the frame of its model."""
    del app
    root = "../" * page.count("/")

    def embed(mark: re.Match[str]) -> str:
        check_name(mark[1])
        address = f"{root}live/{mark[1]}/index.html"
        is_shipped = mark[1] in genjax.pretrained()  # reads the weights, so only where there is one
        return _FRAME.format(page=address, name=mark[1]) if is_shipped else ""

    source[0] = MARK.sub(embed, source[0])


def write_pages(app: Any, error: Exception | None) -> None:
    """Write the pages of all models that a page of the documentation names."""
    if error or app.builder.format != "html":
        return
    texts = [path.read_text() for path in sorted(DOCS.rglob("*.md"))]
    named = {name for text in texts for name in MARK.findall(text)}
    for name in sorted(named & genjax.pretrained().keys()):
        params, images = genjax.pretrained(name), {}
        if isinstance(params.model, CanEncode):
            images[name] = genjax.data.load(RECIPES[name].dataset, "test")
        genjax.publish({name: params}, Path(app.outdir) / "live" / name, images)


def check_name(name: str) -> None:
    """Raise `ValueError` where no recipe has this name."""
    if name not in RECIPES:
        raise ValueError(f"<!-- live: {name} --> names no recipe.")
