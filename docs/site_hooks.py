"""What the site needs beside Sphinx's own: formulas as MathML, docstrings, and its contents."""

import dataclasses
import inspect
import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

DOCS = Path(__file__).parent
REFERENCE = DOCS / "reference"
CONTENTS = {  # caption of the site's contents -> its pages, in order
    "Start": ["docs/README"],
    "Learn": [f"docs/learn/{name}" for name in ("README", "vae", "gan", "rate", "densities", "*")],
    "Use": [f"docs/{name}" for name in ("training", "explore", "python", "data", "scaling")],
    "How to": ["docs/how-to/*"],
    "What came out": ["docs/results", "docs/speed", "docs/tpu"],
    "Reference": [
        *(f"docs/reference/{name}" for name in ("models", "training", "parameters", "images")),
        "docs/reference/*",
    ],
    "How it is built": ["docs/architecture", "docs/design/*", "docs/notes/README", "docs/notes/*"],
    "For those who carry on": ["CONTRIBUTING", "CHANGELOG", "SECURITY"],
}
_MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NODE = r'(\w+)(?:\["?(.*?)"?\])?'
_EDGE = re.compile(rf'^ *{_NODE} -->\|"?(.*?)"?\| {_NODE}$', re.MULTILINE)
_ARRAY_LIKE = re.compile(r"[\w.~]*_Buffer \|.*?\| (?:\w+\.)*str\]")  # numpy's, spelt out
_FUNCTION = re.compile(r"(?<!<msub>)(<mi>(?:log|exp|det)</mi>)(?!<mo stretchy)")
_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes|Yields):$")
_GROUP = re.compile(r"^([a-z]+) {2,}(\S.*(?:\n {10,}\S.*)*)", re.MULTILINE)
_CODE = re.compile(r"(`[^`]+`)")


def setup(app: Any) -> dict[str, Any]:
    """Connect the hooks of this module to Sphinx."""
    app.registry.source_suffix.pop(".ipynb", None)  # notebooks are files to download
    app.add_config_value("repository", "", "html")
    app.add_html_math_renderer("mathml", (write_inline, None), (write_display, None))
    app.connect("config-inited", lambda *_: write_reference())
    app.connect("env-get-outdated", reread_contents)
    app.connect("source-read", add_contents)
    app.connect("source-read", add_badge)
    app.connect("source-read", tabulate_diagrams)
    app.connect("autodoc-process-docstring", convert_docstring, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("build-finished", copy_first_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def convert_formula(text: str, display: str) -> str:
    """Return a formula of LaTeX as MathML, with a space after functions and a true sign for ~."""
    formula = convert(text, display=display).replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")
    return _FUNCTION.sub(r'\1<mspace width="0.17em"/>', formula)


def write_inline(self: Any, node: nodes.math) -> None:
    self.body.append(convert_formula(node.astext(), "inline"))
    raise nodes.SkipNode


def write_display(self: Any, node: nodes.math_block) -> None:
    self.body.append(convert_formula(node.astext(), "block"))
    raise nodes.SkipNode


def reread_contents(app: Any, env: Any, added: set, changed: set, removed: set) -> list[str]:
    """Read the first page again where there are other pages than before."""
    del env, changed
    return [app.config.root_doc] if added or removed else []


def add_contents(app: Any, page: str, source: list[str]) -> None:
    """Append the contents of the site, which its sidebar shows, to the first page."""
    if page != app.config.root_doc:
        return
    found = sorted(app.project.docnames)
    listed: set[str] = set()
    for caption, patterns in CONTENTS.items():
        pages = [name for pattern in patterns for name in found if Path(name).match(pattern)]
        pages = [name for name in dict.fromkeys(pages) if name not in listed]
        listed |= set(pages)
        if not pages:
            continue
        lines = "\n".join(f"/{name}" for name in pages)
        source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"


def add_badge(app: Any, page: str, source: list[str]) -> None:
    """Put a link to its notebook on Colab under the title of a page to learn from."""
    notebook = DOCS / "notebooks" / f"{Path(page).name}.ipynb"
    if not page.startswith("docs/learn/") or not notebook.exists():
        return
    links = f"[Download this page as a notebook](../notebooks/{notebook.name})"
    if app.config.repository:
        colab = "https://colab.research.google.com"
        target = f"{colab}/github/{app.config.repository}/blob/main/docs/notebooks/{notebook.name}"
        image = f"{colab}/assets/colab-badge.svg"
        links = f"[![Open in Colab]({image})]({target}) · {links}"
    source[0] = re.sub(r"^(# .*\n)", rf"\1\n{links}\n", source[0], count=1, flags=re.MULTILINE)


def tabulate_diagrams(app: Any, page: str, source: list[str]) -> None:
    """Write the arrows of a Mermaid diagram, which GitHub draws by JavaScript, as a table."""
    del app, page

    def tabulate(block: re.Match[str]) -> str:
        edges = _EDGE.findall(block[1])
        names = {
            name: label for a, b, _, c, d in edges for name, label in ((a, b), (c, d)) if label
        }
        rows = [f"| `{names[a]}` | {what} | `{names[b]}` |" for a, _, what, b, _ in edges]
        return "\n".join(["| from | passes | to |", "|---|---|---|", *rows])

    source[0] = _MERMAID.sub(tabulate, source[0])


def copy_first_page(app: Any, error: Exception | None) -> None:
    """Give the first page the name that servers look for."""
    if not error and app.builder.format == "html":
        shutil.copy(
            Path(app.outdir) / f"{app.config.root_doc}.html", Path(app.outdir) / "index.html"
        )


def write_reference() -> None:
    """Write a page for each group of public names in the docstring of genjax."""
    import genjax

    REFERENCE.mkdir(exist_ok=True)
    text = inspect.cleandoc(genjax.__doc__ or "")
    written = set()
    for group, names in _GROUP.findall(text):
        title = f"{group.capitalize()}"
        entries = "\n".join(_list_entries(re.findall(r"\w+", names.split(";")[0])))
        page = f"{title}\n{'=' * len(title)}\n\n{entries}\n"
        file = REFERENCE / f"{group}.rst"
        written.add(file)
        if not file.exists() or file.read_text() != page:
            file.write_text(page)
    for file in set(REFERENCE.glob("*.rst")) - written:
        file.unlink()


def _list_entries(names: list[str], owner: Any = None) -> Iterator[str]:
    import genjax

    owner = owner or genjax
    for name in names:
        thing, path = getattr(owner, name, None), f"{owner.__name__}.{name}"
        if inspect.ismodule(thing):
            listed = [n for n in getattr(thing, "__all__", []) if n not in genjax.public.__all__]
            yield f"{name}\n{'-' * len(name)}\n\n.. automodule:: {thing.__name__}\n"
            yield from _list_entries(listed, thing)
        elif inspect.isclass(thing):
            methods = "   :members:\n" if issubclass(thing, genjax.Callback) else ""
            yield f".. autoclass:: {path}\n{methods}"
        elif callable(thing):
            yield f".. autofunction:: {path}\n"


def shorten_signature(
    app: Any, what: str, name: str, thing: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Write the fields of a dataclass with their defaults alone, since their types fill a page."""
    del app, name, options
    if what not in ("class", "function", "method") or not signature:
        return None
    if not dataclasses.is_dataclass(thing) or not isinstance(thing, type):
        return _ARRAY_LIKE.sub("ArrayLike", signature), returns
    fields = inspect.signature(thing).parameters.values()
    bare = [field.replace(annotation=inspect.Parameter.empty) for field in fields]
    bare = [f.replace(default=Factory()) if "factory" in repr(f.default) else f for f in bare]
    return str(inspect.Signature(bare)), ""


class Factory:
    """The default of a field that is made anew for every object."""

    def __repr__(self) -> str:
        return "..."


def convert_docstring(
    app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Turn a docstring of this project into reStructuredText.

    Formulas and tables become literal blocks; marks that stand for themselves are escaped.
    """
    del app, name, thing, options
    text = "\n".join(lines)
    lines[:] = list(_convert(_quote_tables(text) if what == "module" else lines))


def _quote_tables(text: str) -> list[str]:
    """Indent the paragraphs of a module's docstring that are numbered equations or tables."""
    is_table = re.compile(r"^\(\d+\) |\S {3,}\S|^\|", re.MULTILINE)
    paragraphs = re.split(r"\n\n+", text)
    quoted = [textwrap.indent(p, "    ") if is_table.search(p) else p for p in paragraphs]
    return "\n\n".join(quoted).splitlines()


def _convert(lines: list[str]) -> Iterator[str]:
    in_section = in_formula = in_example = in_table = False
    for line in lines:
        if line.lstrip().startswith("=====") or (in_table and line.strip()):
            if not in_table:
                yield from (line[: line.index("=")] + ".. code-block:: text", "")
            in_table = True
            yield "    " + line
            continue
        in_table = False
        indented, empty = line.startswith("    "), not line.strip()
        if _SECTION.match(line):
            in_section = True
        elif not indented and not empty:
            in_section = in_section and in_formula
        in_example = line.lstrip().startswith((">>>", "...")) or (in_example and not empty)
        if indented and not in_section and not in_formula:
            yield from ("", ".. code-block:: text", "")
        was, in_formula = in_formula, (indented or (in_formula and empty)) and not in_section
        if was and not in_formula:
            yield ""
        verbatim = in_formula or in_example or _SECTION.match(line)
        yield line if verbatim else _escape(line)


def _escape(line: str) -> str:
    """Escape what reStructuredText would read as a mark, outside of `code`."""
    parts = _CODE.split(line)
    escaped = (
        re.sub(r"(\w)_(?!\w)", r"\1\\_", re.sub(r"([*|\\])", r"\\\1", p)) for p in parts[::2]
    )
    codes = [*parts[1::2], ""]
    return "".join(text + code for text, code in zip(escaped, codes, strict=True))
