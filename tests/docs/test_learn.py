"""The pages to learn from: listed, whole, and the same as their notebooks.

Building the site executes them (`make docs`), which takes minutes.
"""

import ast
import importlib
import re
from types import SimpleNamespace

import pytest

import genjax
from docs import live_pages
from tests.helpers import ROOT, blobs, small

LEARN = ROOT / "docs/learn"
PAGES = sorted(page for page in LEARN.glob("*.md") if page.name != "README.md")
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def by_name(page):
    return page.stem


def read_code(page) -> str:
    return "\n".join(CELL.findall(page.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_a_page_has_a_question_derivation_figure_exercise_and_warnings(page):
    text = page.read_text()
    for needed in ("**The question.**", "$$", "help(genjax.", "## Where intuition misleads"):
        assert needed in text
    assert "## Exercise: change one thing, predict, look" in text
    assert "<summary>Answer</summary>" in text
    assert re.search(r"plot_|film", read_code(page)), "no figure"
    assert f"({page.name})" in (LEARN / "README.md").read_text()
    assert "```python" not in text, "a block that the build does not execute"


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_name_of_genjax_on_a_page_exists(page):
    tree = ast.parse(read_code(page))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("genjax"):
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Attribute):
            find_attribute(node)


def find_attribute(node):
    """Return what `genjax.a.b` is; None of other expressions."""
    if isinstance(node, ast.Name):
        return importlib.import_module("genjax") if node.id == "genjax" else None
    owner = find_attribute(node.value) if isinstance(node, ast.Attribute) else None
    return None if owner is None else getattr(owner, node.attr)


def test_a_mark_becomes_the_page_of_a_shipped_model(tmp_path, monkeypatch):
    text, ours = "<!-- live: vae-mnist-2d -->", small("vae", image_shape=(8, 8, 1), latent_dim=2)
    for page in PAGES:
        for name in live_pages.MARK.findall(page.read_text()):
            live_pages.check_name(name)
    source = [f"before\n{text}\n<!-- live: vae-cifar10 -->\nafter"]
    live_pages.embed_pages(None, "docs/learn/latent-walk", source)
    assert 'src="../../live/vae-mnist-2d/index.html"' in source[0]
    assert "cifar10" not in source[0], "its weights do not come with genjax"
    with pytest.raises(ValueError, match="names no recipe"):
        live_pages.embed_pages(None, "docs/README", ["<!-- live: vae-mnst -->"])

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/page.md").write_text(text)
    monkeypatch.setattr(live_pages, "DOCS", tmp_path / "docs")
    monkeypatch.setattr(genjax.data, "load", lambda *_: blobs(30))
    shipped = {"vae-mnist-2d": {}}
    monkeypatch.setattr(genjax, "pretrained", lambda name=None: ours.init(0) if name else shipped)
    builder = SimpleNamespace(format="html")
    live_pages.write_pages(SimpleNamespace(builder=builder, outdir=tmp_path / "site"), None)
    assert (tmp_path / "site/live/vae-mnist-2d/index.html").exists()


@pytest.mark.extra
def test_notebooks_are_those_of_the_pages():
    pytest.importorskip("jupytext")
    from docs import make_notebooks

    assert make_notebooks.list_pages() == PAGES
    for page in PAGES:
        notebook = make_notebooks.NOTEBOOKS / f"{page.stem}.ipynb"
        assert notebook.read_text() == make_notebooks.convert(page), (
            f"{notebook.name} is stale: python docs/make_notebooks.py"
        )
    assert len(list(make_notebooks.NOTEBOOKS.glob("*.ipynb"))) == len(PAGES)


@pytest.mark.extra
def test_docstrings_become_text_that_sphinx_reads():
    pytest.importorskip("latex2mathml")
    from docs import site_hooks

    lines = ["Sum x_ over |n|, as `a|b` is:", "", "    p(x|z) * q", "", "Args:", "    n: of *."]
    assert list(site_hooks._convert(lines)) == [
        r"Sum x\_ over \|n\|, as `a|b` is:", "", "", ".. code-block:: text", "", "    p(x|z) * q",
        "", "", "Args:", r"    n: of \*.",
    ]  # fmt: skip
    page = ['```mermaid\nflowchart TD\n    a["x.py"] -->|"some, data"| b["y.py"]\n```\n']
    site_hooks.tabulate_diagrams(None, "", page)
    assert "| `x.py` | some, data | `y.py` |" in page[0]


@pytest.mark.extra
def test_formulas_have_spaces_after_functions():
    pytest.importorskip("latex2mathml")
    from docs import site_hooks

    formula = site_hooks.convert_formula(r"\log p(z) \sim \log_2 x", "block")
    assert '<mi>log</mi><mspace width="0.17em"/><mi>p</mi>' in formula
    assert "<mo>&#x0223C;</mo>" in formula
    assert "<msub><mi>log</mi><mn>2</mn></msub>" in formula
