"""One HTML page of figures, with the pictures inside: a single file that can be mailed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from genjax.plots import html


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
    body = f"""<h1>{escape(title)}</h1>
<table>{rows}</table>
<nav><p>{links}</p></nav>
<p>The code below every picture goes on from these lines:</p>
<pre>{escape(code)}</pre>
{"".join(map(_section, sections))}"""
    return html.page(title, body)


def _section(section: Section) -> str:
    paragraphs = "\n".join(f"<p>{escape(line)}</p>" for line in section.text.splitlines())
    return f"""
<section id="{section.name}">
<h2>{escape(section.title)}</h2>
{paragraphs}
{_table(section.table)}{html.picture(section.picture, section.title)}
<pre>{escape(section.code)}</pre>
</section>"""


def _table(rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows
    )
    return f'<table class="figures">\n{cells}</table>\n' if rows else ""
