"""A model and a recipe in a file of the user's own reach every command."""

import importlib.metadata
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import genjax
from genjax.cli import main
from genjax.cli.user_code import find_recipe, import_code
from genjax.data.loaders import LOADERS
from genjax.errors import UserError
from genjax.model import MODELS
from genjax.recipes import RECIPES
from tests.helpers import ROOT, blobs

MODEL = """
from dataclasses import dataclass
import genjax

@genjax.register("users_own")
@dataclass(frozen=True)
class UsersOwn(genjax.VAE):
    '''A VAE of a user's.'''
    strength: float = 1.0
"""
RECIPE = """
import numpy as np
import genjax, genjax.recipes
from users_models import UsersOwn

def load_blobs(split):
    return genjax.data.from_arrays(np.load("blobs.npy"))

genjax.data.register_dataset("users_blobs", load_blobs)
recipe = genjax.recipes.Recipe(
    dataset="users_blobs",
    model=UsersOwn(latent_dim=3, network="mlp", hidden=(8,)),
    training=genjax.Training(epochs=1, batch_size=8),
    num_samples=2,
)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a user's files and data, and the run that was trained from it."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "users_models.py").write_text(MODEL)
    (folder / "users_recipes.py").write_text(RECIPE)
    np.save(folder / "blobs.npy", np.asarray(blobs(40).images))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        yield folder
        MODELS.pop("users_own", None)
        LOADERS.pop("users_blobs", None)
        for name in ("users_models", "users_recipes", "two_recipes"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def run(folder):
    command = ["train", "users_recipes.py:recipe", "--model.strength", "2", "--epochs", "1"]
    assert main.main(command) == 0
    return "runs/users_recipes"


def test_a_recipe_of_a_file_is_trained(run, folder):
    params = genjax.load(folder / run)
    assert params.model.strength == 2
    assert type(params.model).__module__ == "users_models"


def test_its_run_reaches_every_command(run, folder, capsys):
    assert main.main(["sample", run, "--num", "3", "--out", "three.npy"]) == 0
    assert np.load(folder / "three.npy").shape == (3, 8, 8, 1)
    assert main.main(["reconstruct", run, "--num", "2", "--out", "pairs.npy"]) == 0
    assert main.main(["evaluate", run, "--num-samples", "2"]) == 0
    assert main.main(["train", "users_recipes.py", "--model.strength", "2"]) == 0
    assert "finished" in capsys.readouterr().out


def test_without_its_module_every_command_says_what_to_import(run, folder):
    script = (
        "import sys; from genjax.cli.main import main\n"
        "for command in ('sample', 'reconstruct', 'evaluate', 'explore', 'app', 'compare'):\n"
        f"    print(command, main([command, '{run}']), file=sys.stderr)\n"
        f"print(main(['sample', '{run}', '--import', 'users_models', '--out', 'a.npy']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said = done.stderr.splitlines()
    assert len(said) == 12, done.stderr
    for error, code in zip(said[::2], said[1::2], strict=True):
        assert "no model is named 'users_own'" in error
        assert "Give --import users_models" in error
        assert code.endswith(" 1")
    assert done.stdout.endswith("0\n")


def test_what_is_imported_is_listed(folder, capsys):
    assert main.main(["list", "models", "--import", "users_models"]) == 0
    assert "users_own" in capsys.readouterr().out


def test_a_file_of_several_recipes_needs_a_name(folder):
    (folder / "two_recipes.py").write_text(
        "from genjax.recipes import RECIPES\na, b = RECIPES['vae-mnist'], RECIPES['gan-mnist']\n"
    )
    with pytest.raises(UserError, match=r"2 recipes. It has: two_recipes.py:a, two_recipes.py:b"):
        find_recipe("two_recipes.py")
    with pytest.raises(UserError, match=r"no recipe 'c'"):
        find_recipe("two_recipes.py:c")
    assert find_recipe("two_recipes.py:b") == ("b", RECIPES["gan-mnist"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import genjax\n\n1 / 0\n", r"broken.py, line 3: ZeroDivisionError"),
        ("import no_such_module", r"broken.py, line 1: ModuleNotFoundError"),
        ("def f(:", r"broken.py cannot be imported: SyntaxError"),
    ],
)
def test_a_file_that_cannot_be_imported_says_where(content, message, folder):
    (folder / "broken.py").write_text(content)
    with pytest.raises(UserError, match=message):
        import_code("broken.py")


@pytest.mark.parametrize("name", ["nowhere.py", "no_such_module"])
def test_what_is_not_there_cannot_be_imported(name, folder, capsys):
    assert main.main(["list", "--import", name]) == 1
    assert re.search(rf"there is no (file|module) '?{name}", capsys.readouterr().err)


def test_installed_packages_offer_recipes(monkeypatch, folder):
    def entry_points(group):
        assert group == "genjax.models"
        return [SimpleNamespace(module="users_package")]

    (folder / "users_package.py").write_text(
        "from genjax.recipes import RECIPES, register_recipe\n"
        "register_recipe('users-recipe', RECIPES['vae-mnist'])\n"
    )
    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    monkeypatch.syspath_prepend(folder)
    try:
        assert find_recipe("users-recipe")[0] == "users-recipe"
    finally:
        RECIPES.pop("users-recipe", None)


@pytest.mark.filterwarnings("default:the models in broken_package")
def test_an_installed_package_that_cannot_be_imported_is_left_out(monkeypatch, folder, capsys):
    (folder / "broken_package.py").write_text("1 / 0")
    entries = [SimpleNamespace(module="broken_package")]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: entries)
    monkeypatch.syspath_prepend(folder)
    assert main.main(["list", "models"]) == 0
    out, err = capsys.readouterr()
    assert "variational autoencoder" in out
    assert "warning: the models in broken_package, which an installed package offers" in err
    assert "ZeroDivisionError" in err
