"""The commands on README and documentation can be called as they stand; the README is short."""

import importlib
import re
import shlex

import pytest

from genjax.cli import main, train
from genjax.cli.user_code import find_recipe
from genjax.errors import UserError
from tests.helpers import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()
RULE = re.compile(r"^([a-z0-9-]+%?):.*(?:\n\t(.*))?$", re.MULTILINE)
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:make|genjax) [a-z][^`]*)`")
STANDS_FOR = re.compile(r"\b(NAME|RUN|RECIPE|COMMAND)\b|my_\w+\.py")  # the reader's own


def list_commands(text: str) -> list[str]:
    lines = [line for block in SHELL.findall(text) for line in block.splitlines() if line]
    return [*lines, *(" ".join(found.split()) for found in INLINE.findall(text))]


def find_rule(target: str) -> str:
    """Return the line of the Makefile that makes a target, with `$*` replaced."""
    for pattern, line in RULE.findall(MAKEFILE):
        prefix, percent, _ = pattern.partition("%")
        if target == pattern or (percent and target.startswith(prefix)):
            return line.replace("$*", target.removeprefix(prefix))
    raise AssertionError(f"make cannot make {target}")


def call(arguments: list[str], monkeypatch) -> int:
    """Read the options of a genjax command, and do nothing more."""
    module = importlib.import_module(f"genjax.cli.{arguments[0].replace('-', '_')}")
    if module is train:
        monkeypatch.setattr(train, "train", lambda *_: 0)
    elif hasattr(module, "run"):
        monkeypatch.setattr(module, "run", lambda *_, **__: 0)
    try:
        if module is train and len(arguments) == 2:  # no options to read, which takes a second
            find_recipe(arguments[1])
            return 0
        return main.main(arguments)
    except UserError:
        return 2
    except SystemExit as end:
        return int(end.code or 0)


def check(command: str, monkeypatch) -> None:
    program, *words = shlex.split(command, comments=True)
    if STANDS_FOR.search(command):
        return
    if program == "make":
        target, *given = words or ["help"]
        assert all(word.startswith(("ARGS=", "PYTHON=")) for word in given), command
        line = find_rule(target)
        if "$(GENJAX)" in line:
            options = " ".join(word[5:] for word in given if word.startswith("ARGS="))
            line = line.partition("$(GENJAX) ")[2].replace("$(ARGS)", options)
            assert call(shlex.split(line), monkeypatch) == 0, command
    elif program == "genjax":
        assert call(words, monkeypatch) == 0, command
    else:
        assert program in ("pip", "python"), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_can_be_called(page, monkeypatch, capsys):
    for command in list_commands(page.read_text()):
        check(command, monkeypatch)


def test_a_wrong_command_is_found(monkeypatch, capsys):
    assert list_commands("a\n```sh\nmake x\n```\nand `genjax list`.") == ["make x", "genjax list"]
    for command in (
        "make trian-vae-mnist",
        'make train-vae-mnist ARGS="--epoch 3"',
        'make explore-vae-mnist ARGS="--sedes 3"',
        "genjax train vae-minst",
        "rm -rf .",
    ):
        with pytest.raises(AssertionError):
            check(command, monkeypatch)


def test_the_readme_is_for_two_minutes():
    text = (ROOT / "README.md").read_text()
    assert text.count("\n") <= 180
    for needed in ("variational autoencoder", "generative adversarial network", "pip install"):
        assert needed in text


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_every_page_is_found_from_the_readme(page):
    index = (ROOT / "docs" / "README.md").read_text()
    assert f"(docs/{page.name}" in (ROOT / "README.md").read_text()
    assert page.name == "README.md" or f"({page.name}" in index
