"""What `help` shows: short and with an example for the package, complete for every model."""

import dataclasses
import pydoc
import re
import subprocess
import sys

import pytest

import genjax
import genjax.public
from genjax.model import MODELS
from tests.helpers import NAMES, ROOT


def read_help(thing) -> str:
    return pydoc.render_doc(thing, renderer=pydoc.plaintext)


def test_help_of_the_package_is_short_and_names_everything():
    text = read_help(genjax)
    assert len(text.splitlines()) < 100
    assert "genjax.fit(model" in text
    assert {name for name in genjax.public.__all__ if not re.search(rf"\b{name}\b", text)} == set()


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_model_has_equations_fields_and_an_example(name):
    cls = MODELS[name]
    text = read_help(cls)
    assert re.search(r"^ \|  {4,}\(1\) ", text, re.MULTILINE), "no equations"
    assert ">>> model = " in text
    described = text.partition("Attributes:")[2].partition("Method resolution order")[0]
    for field in dataclasses.fields(cls):
        assert re.search(rf"^ \|      {field.name}: \S", described, re.MULTILINE), field.name
    assert " at 0x" not in text, "a function stands where names belong"


def test_a_subclass_repeats_no_model_that_has_a_help_of_its_own():
    assert "Equations of genjax.models.autoencoder" in genjax.Autoencoder.__doc__
    assert "Equations of genjax.models.autoencoder" not in genjax.VAE.__doc__
    assert "Equations of genjax.models.adversarial" in genjax.R3GAN.__doc__
    assert genjax.VAE.__doc__.count("\n    latent_dim: ") == 1


def test_the_version_is_stated_once_and_read_without_other_packages():
    command = [sys.executable, "-I", "-S", "-c"]
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import genjax; print(genjax.__version__)"
    )
    done = subprocess.run([*command, code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == genjax.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", genjax.__version__)
    assert 'attr = "genjax.__version__"' in (ROOT / "pyproject.toml").read_text()
