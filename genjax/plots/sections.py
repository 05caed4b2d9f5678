"""A page of sections: a picture each, with explanation, table and the code that draws it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from genjax.plots import html
from genjax.runs.files import replace_file


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Attributes:
        name: its anchor.
        title: its heading.
        picture: the file of its picture, if it has one.
        text: what there is to see, one paragraph a line.
        code: the lines of Python that draw it; empty where there are none.
        table: rows of a table below the text, the first of which names the columns.
        markup: HTML below the text.
    """

    name: str
    title: str
    picture: Path | None
    text: str
    code: str
    table: Sequence[Sequence[str]] = ()
    markup: str = ""


def make_page(
    title: str,
    facts: Mapping[str, str],
    code: str,
    sections: Sequence[Section],
    notes: Sequence[str] = (),
) -> str:
    """Return the page as HTML.

    Args:
        title: its heading.
        facts: a table at its top.
        code: the lines that the code of every section continues.
        sections: in their order on the page.
        notes: what else is to be said, a paragraph each, at the end.
    """
    links = "\n".join(f'<a href="#{s.name}">{escape(s.title)}</a>' for s in sections)
    rows = [["", ""], *([name, value] for name, value in facts.items())]
    body = f"""<h1>{escape(title)}</h1>
<div class="facts">{html.make_table(rows)}</div>
<nav><p>{links}</p></nav>
<details><summary>The code of every section continues these lines</summary>
<pre>{escape(code)}</pre></details>
{"".join(map(_make_section, sections))}
{html.make_paragraphs(chr(10).join(notes))}"""
    return html.make_document(title, body)


def write_page(path: Path, page: str) -> Path:
    """Write the page to `path`, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda file: file.write(page.encode()))
    return path


def _make_section(section: Section) -> str:
    picture = html.embed_picture(section.picture, alt=section.title) if section.picture else ""
    code = f"<pre>{escape(section.code)}</pre>" if section.code else ""
    return f"""
<section id="{section.name}">
<h2>{escape(section.title)}</h2>
{html.make_paragraphs(section.text)}
{section.markup}{html.make_table(section.table)}{picture}
{code}
</section>"""
