"""The house: which rooms there are, and that imports point one way."""

import ast
from pathlib import Path

from tests.helpers import ROOT

PACKAGE = ROOT / "genjax"
# Each room imports only from rooms before it.
ROOMS = [
    "errors",
    "nn",
    "distributions",
    "losses",
    "model",
    "models",
    "distributed",
    "runs",
    "data",
    "training",
    "latents",
    "metrics",
    "plots",
    "recipes",
    "sharing",
    "app",
    "cli",
]
ABOVE_ALL = {"__init__", "__main__", "public", "testing"}  # names, command, and checks for users
LONGEST_FILE = 270  # lines
LONGER_FOR_A_REASON = {
    "model.base": "the one page that the author of a model reads",
    "testing": "a list of promises, one function each",
}


def name_module(path: Path) -> str:
    """Return the dotted name of a module of the package, without the package's own name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "__init__"


MODULES = {name_module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def find_imports(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    inside = {name.removeprefix("genjax.") for name in found if name.startswith("genjax")}
    return {room for name in inside if (room := name.split(".")[0]) != "genjax"}


def test_the_package_shows_its_rooms_and_nothing_else():
    assert {name.split(".")[0] for name in MODULES} <= {*ROOMS, *ABOVE_ALL}


def test_imports_point_one_way():
    for module, path in MODULES.items():
        room = module.split(".")[0]
        if room not in ABOVE_ALL:
            allowed = set(ROOMS[: ROOMS.index(room) + 1])
            wrong = {name for name in find_imports(path) if name in ROOMS} - allowed
            assert not wrong, f"{module} imports from {sorted(wrong)}, which come after {room}"


def test_a_file_can_be_read_in_one_go():
    lines = {module: path.read_text().count("\n") for module, path in MODULES.items()}
    long = {module: n for module, n in lines.items() if n > LONGEST_FILE}
    assert long.keys() <= LONGER_FOR_A_REASON.keys(), f"split at their joints: {long}"


def test_no_name_stands_for_two_things():
    """Modules of the package and of the experiments have names of their own."""
    names = [module.split(".")[-1] for module in MODULES if MODULES[module].name != "__init__.py"]
    names += [path.stem for path in (ROOT / "experiments").rglob("*.py") if path.stem[0] != "_"]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []
