"""One HTML page of figures, with the pictures inside: a single file that can be mailed."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 960px; margin: 2em auto;
  padding: 0 1em; }
h1 { margin-bottom: 0.2em; }
h2 { margin-top: 2.5em; border-top: 1px solid #ddd; padding-top: 1em; }
img { max-width: 100%; display: block; margin: 1em auto; }
pre { background: #f4f4f4; padding: 0.7em 1em; overflow-x: auto; font-size: 14px; }
table { border-collapse: collapse; }
th { text-align: left; font-weight: normal; color: #666; padding: 0.1em 1.5em 0.1em 0; }
.figures { font-size: 14px; }
.figures td { padding: 0.2em 1em 0.2em 0; border-bottom: 1px solid #ddd; vertical-align: top; }
.figures tr:first-child { color: #666; }
nav a { margin-right: 1.2em; white-space: nowrap; }
"""


@dataclass(frozen=True)
class Section:
    """A figure of the page: the picture's file, what is to be seen in it, the code that makes it.

    `text` is split into paragraphs at its line breaks. `table` are rows that stand below it, the
    first of them names.
    """

    name: str
    title: str
    picture: Path
    text: str
    code: str
    table: Sequence[Sequence[str]] = ()


def page(title: str, facts: Mapping[str, str], code: str, sections: Sequence[Section]) -> str:
    """The page as HTML: a table of facts, the code that all sections rely on, the sections."""
    rows = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in facts.items())
    links = "\n".join(f'<a href="#{s.name}">{escape(s.title)}</a>' for s in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<table>{rows}</table>
<nav><p>{links}</p></nav>
<p>The code below every picture goes on from these lines:</p>
<pre>{escape(code)}</pre>
{"".join(map(_section, sections))}
</body>
</html>
"""


def _section(section: Section) -> str:
    picture = base64.b64encode(section.picture.read_bytes()).decode()
    paragraphs = "\n".join(f"<p>{escape(line)}</p>" for line in section.text.splitlines())
    return f"""
<section id="{section.name}">
<h2>{escape(section.title)}</h2>
{paragraphs}
{_table(section.table)}<img src="data:image/png;base64,{picture}" alt="{escape(section.title)}">
<pre>{escape(section.code)}</pre>
</section>"""


def _table(rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows
    )
    return f'<table class="figures">\n{cells}</table>\n' if rows else ""
