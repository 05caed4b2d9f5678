"""Data small enough to train on at once, and models of a few weights."""

import contextlib
import dataclasses
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import genjax.models  # noqa: F401  registers the models
from genjax.cli.listing import find_registries
from genjax.model import MODELS, Model
from genjax.recipes import RECIPES
from genjax.testing import are_same as same
from genjax.testing import draw_blobs as blobs

__all__ = [
    "NAMES",
    "ROOT",
    "blobs",
    "forget_registered",
    "open_browser",
    "same",
    "small",
    "work_in",
]

ROOT = Path(__file__).parent.parent
# of the models of genjax; tests register others
NAMES = sorted(name for name, cls in MODELS.items() if cls.__module__.startswith("genjax."))


def small(name: str, **fields) -> Model:
    """The smallest form of a registered model; fields that it lacks are left out."""
    cls = MODELS[name]
    known = {field.name for field in dataclasses.fields(cls)}
    kept = {field: value for field, value in fields.items() if field in known}
    return dataclasses.replace(cls.smallest(), **kept)


@contextlib.contextmanager
def forget_registered() -> Iterator[None]:
    """Leave every registry as it was: models, data sets, losses, recipes and all others."""
    tables = [RECIPES, *find_registries().values()]
    before = [dict(table) for table in tables]
    try:
        yield
    finally:
        for table, entries in zip(tables, before, strict=True):
            table.clear()
            table.update(entries)


@contextlib.contextmanager
def open_browser(*arguments: str, **logs: str) -> Iterator[Any]:
    """Open Chromium without a window; skip the test where it is not installed."""
    binaries = [shutil.which("chromium"), shutil.which("chromedriver")]
    if not all(binaries):
        pytest.skip("chromium and chromedriver are not installed")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = binaries[0]
    usual = ("headless=new", "no-sandbox", "disable-dev-shm-usage", "no-proxy-server")
    for argument in (*usual, *arguments):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", logs)
    driver = webdriver.Chrome(options, webdriver.ChromeService(binaries[1]))
    try:
        yield driver
    finally:
        driver.quit()


@contextlib.contextmanager
def work_in(folder: Path) -> Iterator[None]:
    """Work in a user's folder; what is imported from there, or registers itself, is forgotten."""
    modules = set(sys.modules)
    with forget_registered(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        try:
            yield
        finally:
            for name in set(sys.modules) - modules:
                if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                    del sys.modules[name]
