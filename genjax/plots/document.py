"""A document of headings, paragraphs, tables and pictures, written as Markdown and as HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genjax.plots import html


@dataclass(frozen=True)
class Heading:
    """The heading of a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Plain text, in which **text between asterisks** is bold."""

    text: str


@dataclass(frozen=True)
class Banner:
    """A paragraph that nobody should miss."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Rows of texts, the first of which names the columns; `terms` explains some of the cells."""

    rows: Sequence[Sequence[str]]
    terms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pictures:
    """PNG files by their captions; `wide` ones get more room.

    Paths are relative to the folder of the document. A picture that is not there is left out.
    """

    paths: Mapping[str, Path]
    wide: bool = False


@dataclass(frozen=True)
class Markup:
    """HTML, in place of which Markdown has another text, or nothing."""

    html: str
    markdown: str = ""


Block = Heading | Paragraph | Banner | Bullets | Table | Pictures | Markup


def to_markdown(title: str, blocks: Sequence[Block], folder: Path) -> str:
    """Return the document as Markdown that names its pictures, which lie in `folder`."""
    parts = [f"# {title}", *(_block_to_markdown(block, folder) for block in blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block_to_markdown(block: Block, folder: Path) -> str:
    match block:
        case Heading(text):
            return f"## {text}"
        case Paragraph(text):
            return text
        case Banner(text):
            return f"> {text}"
        case Bullets(items):
            return "\n".join(f"- {item}" for item in items)
        case Table(rows):
            head, *others = [[cell.replace("|", "\\|") for cell in row] for row in rows]
            lines = [head, ["---"] * len(head), *others]
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)
        case Pictures(paths):
            there = {name: path for name, path in paths.items() if (folder / path).exists()}
            return "\n\n".join(f"{name}:\n\n![{name}]({path})" for name, path in there.items())
        case Markup(markdown=text):
            return text


def to_html(title: str, blocks: Sequence[Block], folder: Path) -> str:
    """Return the document as one HTML page, with the pictures, which lie in `folder`, inside."""
    body = [f"<h1>{html.inline(title)}</h1>", *(_block_to_html(block, folder) for block in blocks)]
    return html.make_document(title, "\n".join(body))


def _block_to_html(block: Block, folder: Path) -> str:
    match block:
        case Heading(text):
            return f'<h2 id="{html.make_anchor(text)}">{html.inline(text)}</h2>'
        case Paragraph(text):
            return html.make_paragraphs(text)
        case Banner(text):
            return f"<blockquote>{html.make_paragraphs(text)}</blockquote>"
        case Bullets(items):
            return f"<ul>{''.join(f'<li>{html.inline(item)}</li>' for item in items)}</ul>"
        case Table(rows, terms):
            return html.make_table(rows, terms)
        case Pictures(paths, wide):
            there = {name: folder / path for name, path in paths.items()}
            pictures = [html.embed_picture(p, name) for name, p in there.items() if p.exists()]
            return (
                pictures[0]
                if len(pictures) == 1 and not wide
                else html.make_gallery(pictures, wide)
            )
        case Markup(text):
            return text
