"""Write the pages of docs/learn/ as notebooks for Colab: `python docs/make_notebooks.py`.

The notebooks have no outputs. A test says when one is stale.
"""

from pathlib import Path

import jupytext
import nbformat

LEARN = Path(__file__).parent / "learn"
NOTEBOOKS = Path(__file__).parent / "notebooks"
INSTALL = """\
# On Colab, first upload or clone the repository into the runtime as `genjax-vae-gan`.
import importlib.util

if importlib.util.find_spec("genjax") is None:
    %pip install --quiet ./genjax-vae-gan"""


def convert(page: Path) -> str:
    """Return the page as a notebook, with a cell that installs genjax before the first one."""
    notebook = jupytext.reads(page.read_text(), fmt="md:myst")
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    notebook.cells.insert(first, nbformat.v4.new_code_cell(INSTALL))
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    notebook.metadata.pop("jupytext", None)
    return nbformat.writes(notebook, version=4) + "\n"


def list_pages() -> list[Path]:
    """List the pages that are executed: all but the index."""
    return sorted(page for page in LEARN.glob("*.md") if page.name != "README.md")


if __name__ == "__main__":
    NOTEBOOKS.mkdir(exist_ok=True)
    for path in list_pages():
        (NOTEBOOKS / f"{path.stem}.ipynb").write_text(convert(path))
