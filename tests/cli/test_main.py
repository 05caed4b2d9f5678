"""What all commands share: names, help, messages, how they end, and what a start imports."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import warnings
from dataclasses import dataclass, field, fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genjax
from genjax.cli import command, listing, main, phrasing, train
from genjax.cli.recipe_options import apply_options, make_options
from genjax.cli.train import Options
from genjax.errors import UserError
from genjax.recipes import RECIPES
from tests.helpers import ROOT


def start(*arguments, **options):
    """Run `python -m genjax` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "genjax", *arguments],
        cwd=ROOT, capture_output=True, text=True, **options,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["list", "recipes"]])
def test_help_and_lists_import_no_jax(arguments):
    script = (
        f"import sys; from genjax.cli.main import main; assert main({arguments}) == 0;"
        "assert not {'jax', 'flax', 'numpy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)


def test_the_package_is_a_command():
    done = start("--help")
    assert done.returncode == 0
    for name, text in main.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(text)}$", done.stdout, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module, _, function = project["project"]["scripts"]["genjax"].partition(":")
    assert getattr(sys.modules[module], function) is main.console


def test_the_wheel_holds_every_file_that_is_read():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    shipped = {
        path
        for package, patterns in packages["package-data"].items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    tracked = subprocess.run(
        ["git", "ls-files", "genjax"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    others = {ROOT / name for name in tracked if not name.endswith(".py")}
    assert others <= shipped
    modules = {os.path.dirname(name) for name in tracked if name.endswith(".py")}
    assert all((ROOT / folder / "__init__.py").exists() for folder in modules)


def test_unknown_commands_name_the_nearest(capsys):
    assert main.main(["trian"]) == 2
    assert "Did you mean: train" in capsys.readouterr().err


def test_version(capsys):
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == genjax.__version__


def test_a_reader_may_close_the_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "genjax", "list"], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_while_modules_are_imported_is_no_traceback():
    process = subprocess.Popen(
        [sys.executable, "-m", "genjax", "train", "vae-mnist", "--help"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    maps = Path(f"/proc/{process.pid}/maps")
    while process.poll() is None and "jaxlib" not in maps.read_text():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", "\nstopped.\n")


def test_the_catalogue_is_that_of_the_tables():
    remedy = "the catalogue is stale: python -m genjax.cli.listing write"
    assert listing.read_recipes() == listing.collect_recipes(), remedy
    # in a process of its own: other tests register models and data sets in this one
    code = """if True:
        import json
        from genjax.cli.listing import find_registries
        print(json.dumps({kind: [*names] for kind, names in find_registries().items()}))
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    registered = {kind: set(names) for kind, names in json.loads(done.stdout).items()}
    assert {kind: set(names) for kind, names in listing.OTHERS.items()} == registered


def test_make_lists_every_recipe():
    command = ["make", "--no-print-directory"]  # which `make test` would have it print
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  train-([a-z][\w-]+) ", listed, re.MULTILINE)) == {
        *RECIPES,
        "classifier-NAME",
    }
    assert listed.startswith("First step:  make train-vae-mnist ")
    titles = re.findall(r"^(\S.*)\n  \w", listed, re.MULTILINE)
    assert titles[:3] == [
        "Train, and look at what was learned",
        "Repeat the study of the documentation",
        "Work on genjax",
    ]
    assert "mnist: 70,000 handwritten digits, 28x28" in titles[3:]


@pytest.mark.parametrize("name", ["vae-mnist", "dcgan-cifar10"])
def test_options_hold_every_field_of_a_recipe(name):
    recipe = RECIPES[name]
    options = make_options(recipe, Options(), "")
    assert apply_options(recipe, options()) == recipe
    names = phrasing.option_names(options())
    for owner in (recipe.model, recipe.training.optimizer, Options().many_hosts):
        assert {f.name for f in fields(owner)} <= names.keys()
    assert names["latent_dim"] == "--model.latent-dim"
    assert names["b1"] == "--optimizer.b1"
    assert names["ema_decay"] == "--ema-decay"


def test_the_help_shows_what_people_use_first(capsys):
    options = make_options(RECIPES["vae-mnist"], Options(), "About.")
    with pytest.raises(SystemExit, match="0"):
        command.parse(options, ["--help"], "genjax train vae-mnist")
    _, top, *groups = re.split(
        r"^\W*((?:[\w-]+ )?options)\W*$", capsys.readouterr().out, flags=re.M
    )
    shown = re.findall(r"^\W* (--[\w.-]+)", groups[0], re.MULTILINE)
    assert top == "options"
    assert {"--dataset", "--epochs", "--batch-size", "--seed", "--out"} <= set(shown)
    assert len(shown) <= 12
    titles = ("model", "optimizer", "data", "training", "measuring", "many-hosts")
    assert groups[1::2] == [f"{title} options" for title in titles]


@dataclass(frozen=True)
class _Inner:
    latent_dim: int = 2


@dataclass(frozen=True)
class _Outer:
    model: _Inner = field(default_factory=_Inner)
    out: str = ""
    stream: bool = False
    num_images: int = 0


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (
            "choose another folder (out=), or out=PATH",
            "choose another folder (--out), or --out PATH",
        ),
        ("load it with stream=False", "load it with --no-stream"),
        ("num_images is -1, but", "--num-images is -1, but"),
        ("vae: latent_dim is 0, but", "--model.latent-dim is 0, but"),
        ("epochs is 0; other=3", "epochs is 0; other=3"),
        ("leave latent_dim out.", "leave --model.latent-dim out."),
        ("a smaller model.latent_dim, or", "a smaller --model.latent-dim, or"),
        ("runs/num_images/a and num_images.py", "runs/num_images/a and num_images.py"),
        ("f(num_images) and 'latent_dim'", "f(num_images) and 'latent_dim'"),
    ],
)
def test_messages_name_options_as_the_command_was_called(said, heard):
    assert phrasing.phrase(said, _Outer()) == heard


def test_messages_name_make_where_it_called(monkeypatch, capsys):
    said = "Train it: genjax train vae-mnist"
    assert phrasing.phrase(said) == said
    monkeypatch.setenv(phrasing.CALLED_AS, "make app-vae-mnist")
    assert phrasing.phrase(said) == "Train it: make train-vae-mnist"
    with pytest.raises(SystemExit, match="2"):
        command.parse(_Outer, ["--outt", "x"], "genjax app")
    assert 'run make app-vae-mnist ARGS="--help"' in capsys.readouterr().err


def test_a_warning_is_said_once(capsys):
    def work():
        for _ in range(3):
            warnings.warn("num_images is small", stacklevel=1)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert command.run(work, _Outer()) == 0
    assert capsys.readouterr().err == "warning: --num-images is small\n"


def test_what_ends_a_command(capsys):
    def fail(error):
        raise error

    assert command.run(lambda: fail(UserError("out=PATH is missing.")), _Outer()) == 1
    assert capsys.readouterr().err == "error: --out PATH is missing.\n"
    assert command.run(lambda: fail(KeyboardInterrupt()), stopped="halt.") == 130
    assert capsys.readouterr().err == "\nhalt.\n"
    with pytest.raises(ZeroDivisionError):
        command.run(lambda: 1 / 0)


def test_ctrl_c_interrupts_the_work_and_a_second_one_ends_it():
    script = (
        "import os, signal, sys; from genjax.cli.command import run\n"
        "def work():\n"
        "    try: os.kill(os.getpid(), signal.SIGINT)\n"
        "    finally: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.exit(run(work))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "\nstopped.\n")


def test_errors_of_the_system_are_one_sentence(tmp_path, capsys):
    missing, full = tmp_path / "missing", OSError(28, "No space left on device", "metrics.jsonl")

    def fail():
        raise full

    assert command.run(missing.read_text) == 1
    assert capsys.readouterr().err == f"error: {missing}: No such file or directory.\n"
    assert command.run(fail) == 1
    assert capsys.readouterr().err == "error: metrics.jsonl: No space left on device.\n"
    assert command.run(Path("x" * 5_000).read_text) == 1
    assert len(capsys.readouterr().err) < 200
    assert command.run(lambda: bytearray(2**60)) == 1
    assert "too little memory" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--epochs", "9" * 20],
        ["--num-samples", "100000000000"],
        ["--model.channels", "4", "99999999999"],
        ["--model.latent-dim", "-" + "9" * 12],
    ],
)
def test_huge_numbers_are_refused(arguments, capsys):
    assert main.main(["train", "vae-mnist", *arguments]) == 2
    assert capsys.readouterr().err.startswith(
        f"error: {arguments[0]} is {arguments[-1]}, but must be"
    )


_VALUES = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["", "-", "--", "none", "mnist", "True", "1e999", "ä", "x" * 5_000, "a=b", "{}"]
    ),
    st.text(max_size=8),
)
_NAMES = ["--epochs", "--out", "--model.latent-dim", "--model.channels",
          "--optimizer.learning-rate", "--seed", "--stream", "--hosts", "--dataset",
          "--num-samples", "--modle", "-x", "--"]  # fmt: skip


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.sampled_from(_NAMES), _VALUES), max_size=5))
def test_any_command_line_ends_in_order(arguments):
    """It trains, or is refused in words: with 1 or 2, and never with another exception."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            train, "run_recipe", lambda recipe, *_, **__: recipe.check() or {"seconds": 0}
        )
        patch.setattr(train.hosts, "join", lambda *_: None)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main.main(["train", "vae-mnist", *arguments])
    assert code in (0, 1, 2)
    assert code == 0 or said.getvalue()
    assert "Traceback" not in said.getvalue()
