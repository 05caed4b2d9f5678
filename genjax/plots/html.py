"""Pages that can be mailed: one HTML file each, with its pictures inside."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 1080px; margin: 2em auto;
  padding: 0 1em; }
h1 { margin-bottom: 0.2em; }
h2 { margin-top: 2.5em; border-top: 1px solid #ddd; padding-top: 1em; break-after: avoid; }
img { max-width: 100%; display: block; margin: 1em auto; }
pre { background: #f4f4f4; padding: 0.7em 1em; overflow-x: auto; font-size: 14px; }
table { border-collapse: collapse; margin: 1em 0; font-size: 14px; line-height: 1.35; }
th { text-align: left; font-weight: normal; color: #666; vertical-align: bottom; }
th, td { padding: 0.25em 0.9em 0.25em 0; }
tbody tr { border-top: 1px solid #eee; break-inside: avoid; }
table:has(img) { table-layout: fixed; width: 100%; }
td img { margin: 0; }
nav a { margin-right: 1.2em; white-space: nowrap; }
@media print { body { max-width: none; font-size: 11px; } table { font-size: 9px; } }
"""


def page(title: str, body: str) -> str:
    """The whole document around `body`, which is HTML; `title` is not."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def picture(path: Path, description: str) -> str:
    """The PNG at `path`, inside the page."""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{escape(description)}">'


def from_markdown(text: str, folder: Path) -> str:
    """Markdown with tables as a page; its title is the first heading.

    The pictures that it names lie in `folder`.
    """

    def inside(
        renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Mapping, env: Mapping
    ) -> str:
        token = tokens[index]
        return picture(folder / str(token.attrs["src"]), token.content)

    markdown = MarkdownIt("commonmark").enable("table")
    markdown.add_render_rule("image", inside)
    title = text.removeprefix("# ").splitlines()[0]
    return page(title, markdown.render(text))
