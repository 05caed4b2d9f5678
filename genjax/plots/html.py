"""HTML pages that can be mailed: one file each, with its style and pictures inside.

The style fits narrow screens, dark mode and paper.
"""

import base64
import re
import struct
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

_WIDE = 0.5  # width by height, beyond which a picture scrolls on a narrow screen

_MOST_COLUMNS = 5  # that a table keeps on a narrow screen

_STYLE = """
:root { color-scheme: light dark; --text: #222; --soft: #666; --line: #ddd; --block: #f4f4f4;
  --back: #fff; --link: #0b5fad; --warn: #fff3d6; --fill: #d8e8f7; }
@media (prefers-color-scheme: dark) { :root { --text: #ddd; --soft: #9a9a9a; --line: #3a3a3a;
  --block: #222; --back: #151515; --link: #7db8f0; --warn: #40330f; --fill: #1d3347; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  max-width: 1080px; margin: 2em auto; padding: 0 1em; overflow-wrap: break-word; }
a { color: var(--link); }
h1 { margin-bottom: 0.2em; line-height: 1.2; }
h2 { margin-top: 2.5em; border-top: 1px solid var(--line); padding-top: 1em; break-after: avoid; }
figure { margin: 1em 0; }
figcaption { color: var(--soft); font-size: 14px; }
img { max-width: 100%; display: block; background: #fff; image-rendering: auto; }
pre { background: var(--block); padding: 0.7em 1em; overflow-x: auto; font-size: 14px; }
.source { background: var(--block); padding: 0.7em 1em; overflow-x: auto; white-space: pre;
  font: 13px/1.4 monospace; }
code { overflow-wrap: anywhere; }
pre code { overflow-wrap: normal; }
blockquote { background: var(--warn); margin: 1em 0; padding: 0.2em 1em; border-radius: 4px; }
.table, .scroll { overflow-x: auto; }
.table { margin: 1em 0; }
table { border-collapse: collapse; font-size: 14px; line-height: 1.35; }
th { text-align: left; font-weight: normal; color: var(--soft); vertical-align: bottom; }
td { vertical-align: top; }
th, td { padding: 0.25em 0.9em 0.25em 0; min-width: 4em; overflow-wrap: normal; }
tbody tr { border-top: 1px solid var(--line); break-inside: avoid; }
.gallery { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr));
  gap: 1em; }
.gallery.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); }
.facts td { overflow-wrap: anywhere; }
.gallery figure { margin: 0; }
abbr { text-decoration: underline dotted; cursor: help; }
.equation { background: var(--block); margin: 0.6em 0; padding: 0.7em 1em; border-radius: 4px;
  overflow-x: auto; }
.equation math { font-size: 125%; }
.equation p { margin: 0.4em 0 0; text-align: center; color: var(--soft); font-size: 14px; }
dl.terms { display: grid; grid-template-columns: max-content 1fr; gap: 0.4em 1.2em; }
dl.terms dd { margin: 0; color: var(--soft); }
.net { margin-bottom: 0.3em; }
.net figcaption { color: var(--text); font-size: 15px; }
.net svg { display: block; fill: var(--text); stroke: none; font-size: 12px; }
.net text { text-anchor: middle; }
.net rect { fill: var(--fill); stroke: var(--link); }
.net path { fill: none; stroke: var(--soft); }
.tree svg { display: block; fill: var(--text); stroke: none; }
.tree path { fill: none; stroke: var(--soft); }
.tree text { font-size: 12.5px; }
.tree .fact { font-size: 11.5px; }
.tree .note { font-size: 11px; fill: var(--soft); }
.tree .leaf { font-weight: 600; }
.tree .slim { display: none; }
summary { cursor: pointer; color: var(--link); }
nav a { margin-right: 1.2em; display: inline-block; }
@media (max-width: 1100px) { .tree .broad { display: none; } .tree .slim { display: block; } }
@media (max-width: 600px) { body { margin: 1em auto; font-size: 15px; } pre { font-size: 12px; }
  dl.terms { grid-template-columns: 1fr; gap: 0.1em; } dl.terms dd { margin: 0 0 0.6em 1em; }
  table { font-size: 13px; } th, td { padding-right: 0.5em; min-width: 3em; }
  .stacks thead { display: none; } .stacks tr, .stacks td { display: block; }
  .stacks tr { padding: 0.5em 0; } .stacks td { padding: 0.1em 0; }
  .stacks td:first-child { font-weight: 600; }
  .stacks td:empty { display: none; }
  .stacks td[data-label]:not(:first-child)::before { content: attr(data-label) ": ";
    color: var(--soft); }
  img.wide { max-width: none; width: 640px; } .gallery img.wide { max-width: 100%; width: auto; } }
@media print { body { max-width: none; font-size: 11px; } table { font-size: 9px; }
  .table { overflow: visible; } }
"""


def make_document(title: str, body: str) -> str:
    """Return an HTML document with the title (plain text) and the body (HTML).

    >>> "<title>A &lt; B</title>" in make_document("A < B", "<h1>A &lt; B</h1>")
    True
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
{body}
</body>
</html>
"""


def embed_picture(path: Path, caption: str = "", alt: str = "") -> str:
    """Return the PNG at `path` as a figure inside the page, with a caption below it.

    `alt` describes the picture to those who cannot see it; by default it is the caption.
    """
    content = path.read_bytes()
    data = base64.b64encode(content).decode()
    width, height = struct.unpack(">II", content[16:24])  # of the PNG's header
    kind = ' class="wide"' if width > _WIDE * height else ""
    image = f'<img src="data:image/png;base64,{data}" alt="{escape(alt or caption)}"{kind}>'
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><div class="scroll">{image}</div>{below}</figure>'


def make_gallery(pictures: Sequence[str], wide: bool = False) -> str:
    """Return pictures side by side, as many in a row as the screen has room for."""
    kind = "gallery wide" if wide else "gallery"
    return f'<div class="{kind}">{"".join(pictures)}</div>' if pictures else ""


def make_table(rows: Sequence[Sequence[str]], terms: Mapping[str, str] | None = None) -> str:
    """Return a table of texts, the first row of which names the columns.

    On a narrow screen the rows of a table with more than five columns become blocks, a line a cell.

    Args:
        rows: all of the same length.
        terms: explanations that appear where the pointer rests on a cell with that text.

    >>> make_table([["model", "FCD"], ["vae", "20"]], {"FCD": "Fréchet distance"}).count("<td>")
    2
    """
    if not rows:
        return ""
    head, *others = [[_make_cell(cell, terms or {}) for cell in row] for row in rows]
    names = "".join(f"<th>{cell}</th>" for cell in head)
    stacks = len(head) > _MOST_COLUMNS
    labels = [f' data-label="{escape(name)}"' if stacks else "" for name in rows[0]]
    body = "\n".join(
        f"<tr>{''.join(f'<td{label}>{c}</td>' for label, c in zip(labels, row, strict=True))}</tr>"
        for row in others
    )
    top = f"<thead><tr>{names}</tr></thead>\n" if any(head) else ""
    kind = ' class="stacks"' if stacks else ""
    return f'<div class="table"><table{kind}>\n{top}<tbody>\n{body}\n</tbody></table></div>'


def _make_cell(text: str, terms: Mapping[str, str]) -> str:
    explained = terms.get(text)
    return f'<abbr title="{escape(explained)}">{escape(text)}</abbr>' if explained else inline(text)


def inline(text: str) -> str:
    """Return text as HTML, in which **text between asterisks** is bold, and `this` is code.

    >>> inline("a < **b**, `c`")
    'a &lt; <strong>b</strong>, <code>c</code>'
    """
    bold = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))
    return re.sub(r"`(.+?)`", r"<code>\1</code>", bold)


def make_anchor(heading: str) -> str:
    """Return the name by which a link finds a heading.

    >>> make_anchor("What is minimised")
    'what-is-minimised'
    """
    return "-".join(re.findall(r"\w+", heading.lower()))


def make_contents(headings: Sequence[str]) -> str:
    """Return links to the headings of a page."""
    links = (f'<a href="#{make_anchor(text)}">{escape(text)}</a>' for text in headings)
    return f"<nav><p>{''.join(links)}</p></nav>"


def make_paragraphs(text: str) -> str:
    """Return a paragraph for every line of the text."""
    return "\n".join(f"<p>{inline(line)}</p>" for line in text.splitlines())
