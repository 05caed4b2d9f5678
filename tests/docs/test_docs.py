"""Every page of the documentation runs: its Python blocks in order, and its `genjax` commands.

The blocks of a page share one namespace and one empty folder. A block whose first line is a
comment that names a file, such as `# my_model.py`, is written to that file instead. Lines of `sh`
blocks that begin with `genjax ` are run in this process.
"""

import importlib
import re
import shlex
from typing import NamedTuple

import numpy as np
import pytest

import genjax
from genjax.model import Model, capabilities
from tests.helpers import ROOT, work_in

PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "notes" not in path.parts)
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


class Block(NamedTuple):
    language: str
    text: str
    line: int


def read_blocks(text):
    return [
        Block(match[1], match[2], text.count("\n", 0, match.start()) + 2)
        for match in BLOCK.finditer(text)
    ]


README = ROOT / "README.md"
# pages that need packages of optional extras, and which
EXTRAS = {"export.md": ["flatbuffers"], "callbacks.md": ["tensorboardX"]}
RUNNING = [page for page in [README, *PAGES] if read_blocks(page.read_text())]


@pytest.fixture
def folder(tmp_path):
    """An empty folder to import from; what a page imports or registers there is forgotten."""
    with work_in(tmp_path):
        yield tmp_path


def run_commands(text):
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("genjax "):
            arguments = shlex.split(line, comments=True)[1:]
            assert importlib.import_module("genjax.cli.main").main(arguments) == 0, line


@pytest.fixture
def few_digits(monkeypatch):
    """200 images instead of all of MNIST, for pages that load it by name."""
    images = np.random.default_rng(0).integers(0, 256, (200, 28, 28, 1), np.uint8)
    few, load = genjax.data.from_arrays(images, np.arange(200) % 10), genjax.data.load

    def load_few(name, *rest, **options):
        return few if name == "mnist" else load(name, *rest, **options)

    monkeypatch.setattr(genjax.data, "load", load_few)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNING, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page, folder, few_digits):
    for package in EXTRAS.get(page.name, []):
        pytest.importorskip(package)
    namespace = {"__name__": "__page__"}
    for block in read_blocks(page.read_text()):
        file = FILE.match(block.text)
        if block.language == "sh":
            if page != README:  # whose commands train for minutes: `test_readme` calls them
                run_commands(block.text)
        elif file:
            (folder / file[1]).write_text(block.text)
            importlib.invalidate_caches()
        else:  # the empty lines make the numbers of a traceback those of the page
            exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), namespace)


@pytest.mark.parametrize(
    "page", [*PAGES, *ROOT.glob("*.md")], ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_lead_somewhere(page):
    for target, _ in LINK.findall(page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target


def test_the_table_lists_every_method_that_a_model_may_have():
    """The methods of all capabilities, and those of `Model` that a subclass may override."""
    text = (ROOT / "docs/how-to/your-own-model.md").read_text()
    _, table = text.split("## What a method unlocks")
    protocols = [p for p in vars(capabilities).values() if getattr(p, "_is_protocol", False)]
    assert len(protocols) > 8
    methods = {name for p in protocols for name in vars(p) if name[0] != "_"}
    own = {"apply", "apply_training", "forward", "init", "image_shape", "compute_dtype"}
    methods |= {name for name in vars(Model) if name[0] != "_"} - own
    missing = {name for name in methods if name not in table}
    assert missing == set()
