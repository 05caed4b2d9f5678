"""The `genjax` command: `genjax COMMAND [options]`, or `python -m genjax COMMAND [options]`."""

import contextlib
import difflib
import importlib
import os
import signal
import sys

import genjax
from genjax.cli.interrupt import STOPPED, stop_at_once

# name -> what it does; its module in genjax/cli has the same name
COMMANDS = {
    "train": "train a recipe, draw its samples and measure it",
    "evaluate": "measure a trained model, or images that another program generated",
    "sample": "draw samples of a trained model, as a picture or as arrays",
    "reconstruct": "encode and decode test images, as a picture or as arrays",
    "compare": "train models side by side, or take runs that exist, and write a report",
    "report": "write the page about a run anew: its curves, samples and metrics",
    "explore": "write a page on the latent space of a trained model",
    "app": "open a trained model in the browser, with sliders for its latents",
    "export": "write a trained model as programs that need no genjax: StableHLO and ONNX",
    "publish": "write a page of a trained model that decodes in any browser, without Python",
    "push": "put a trained model on the Hugging Face Hub",
    "steps": "measure samples against the number of steps that they are drawn in",
    "fid": "measure the published FID of a trained model's samples",
    "list": "list recipes, models, data sets, losses, likelihoods and activations",
    "train-classifier": "train a classifier that measures samples",
    "completion": "print a script that completes commands in bash, zsh or fish",
}
_USAGE = """\
usage: genjax COMMAND [options]

Train, measure and explore variational autoencoders and generative adversarial networks.

{commands}

Start with:  genjax train vae-mnist
`genjax COMMAND --help` explains the options of a command.
--import MODULE, for every command, first imports a module or a file of yours (again for more)."""


def main(arguments: list[str]) -> int:
    """Run the command that the arguments name; return its exit code."""
    name, *rest = arguments or ["--help"]
    if name in ("-h", "--help", "help"):
        width = max(map(len, COMMANDS))
        lines = (f"  {command:{width}}  {text}" for command, text in COMMANDS.items())
        print(_USAGE.format(commands="\n".join(lines)))
        return 0
    if name == "--version":
        print(genjax.__version__)
        return 0
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=3) or COMMANDS
        print(f"there is no command {name!r}. Did you mean: {', '.join(near)}?", file=sys.stderr)
        return 2
    modules, rest = _take_imports(rest)
    if modules:
        command = importlib.import_module("genjax.cli.command")
        import_code = importlib.import_module("genjax.cli.user_code").import_code
        if code := command.run(lambda: [import_code(module) for module in modules]):
            return code
    try:
        return importlib.import_module(f"genjax.cli.{name.replace('-', '_')}").main(rest)
    except SystemExit as stop:  # after --help, or on a wrong option
        return stop.code if isinstance(stop.code, int) else 0


def _take_imports(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the modules that --import names, and the other arguments.

    >>> _take_imports(["vae", "--import", "mine", "--seed", "1", "--import=other.py"])
    (['mine', 'other.py'], ['vae', '--seed', '1'])
    """
    modules, rest, left = [], [], iter(arguments)
    for argument in left:
        if argument == "--import":
            modules.append(next(left, ""))
        elif argument.startswith("--import="):
            modules.append(argument.removeprefix("--import="))
        else:
            rest.append(argument)
    return modules, rest


def console() -> None:
    """Run the command of this process, and end it as a shell expects.

    Ctrl-C while modules are imported, a reader that closes the pipe, and threads of the compiler
    that are still at work end no command in a traceback or a crash.
    """
    signal.signal(signal.SIGINT, stop_at_once)
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        code = 0
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.flush()
    if code == STOPPED:
        os._exit(code)  # in order, Python waits for the compiler, and may crash
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # flushed again at the exit
    sys.exit(code)
