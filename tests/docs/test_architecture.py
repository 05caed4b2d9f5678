"""The drawing of the rooms is that of the imports, and the indexes list what there is."""

import importlib
import re
import tomllib

import pytest
import yaml

from docs import draw_rooms
from tests.helpers import ROOT
from tests.test_architecture import ROOMS


def test_drawing_shows_the_imports_of_today():
    remedy = "the drawing is stale: python docs/draw_rooms.py"
    assert draw_rooms.DRAWING.read_text() == draw_rooms.draw(), remedy


def test_every_room_is_drawn():
    assert list(draw_rooms.ROOMS) == ROOMS


NEW_NAME = re.compile(r"`(genjax\.[\w.]+)`")


@pytest.mark.parametrize(
    "name",
    [
        name
        for line in (ROOT / "CHANGELOG.md").read_text().splitlines()
        if line.startswith("| `")
        for name in NEW_NAME.findall(line.split("|")[2])
    ],
)
def test_new_names_of_the_changelog_exist(name):
    owner, _, last = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        getattr(importlib.import_module(owner), last)


@pytest.mark.parametrize("folder", ["how-to", "design", "notes"])
def test_index_lists_every_page(folder):
    index = ROOT / "docs" / ("notes/README.md" if folder == "notes" else "README.md")
    text = index.read_text()
    for page in (ROOT / "docs" / folder).glob("*.md"):
        if page != index:
            assert f"({page.relative_to(index.parent)})" in text, page


def test_workflows_and_forms_are_yaml():
    files = [*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml"]
    assert len(files) >= 7
    for file in files:
        assert isinstance(yaml.safe_load(file.read_text()), dict), file


def test_oldest_versions_are_those_that_pyproject_states():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ranges = dict(
        line.split(";")[0].strip().split(">=") for line in project["dependencies"] if ">=" in line
    )
    for line in (ROOT / ".github/oldest.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if name in ranges:
            assert version in (ranges[name], ranges[name] + ".0"), line


FILE = re.compile(r"^\| `([\w/]+\.py)`", re.MULTILINE)


def test_way_of_a_batch_passes_at_most_a_dozen_files():
    files = FILE.findall((ROOT / "docs/architecture.md").read_text())
    assert 8 <= len(files) <= 12
    for file in files:
        assert (ROOT / "genjax" / file).exists(), file
