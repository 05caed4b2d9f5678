"""Draw the rooms of the package and what each imports, from the code: `python docs/draw_rooms.py`.

A room is a folder or a module of `genjax/`. The drawing is docs/rooms.svg; a test says when it is
stale.
"""

import ast
from html import escape
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "genjax"
DRAWING = Path(__file__).parent / "rooms.svg"
# The rooms and what is in them. Imports point from a later room to an earlier one; `testing` is no
# room, and may import anything.
ROOMS = {
    "errors": "every error of genjax, and the checks of values that raise them",
    "nn": "convolutions, dense layers, normalisation, blocks; precision and chunks",
    "distributions": "Normal, Bernoulli and their divergences",
    "losses": "adversarial losses and gradient penalties, on scores",
    "model": "Model, Params, Batch, the registry, and what a model can do",
    "models": "one file a model, with its equations",
    "distributed": "what lies where on several devices; several hosts",
    "runs": "a run's folder, its metrics, checkpoints and files of weights",
    "data": "data sets by name, from folders, arrays and streams",
    "training": "fit, the step and the epoch, optimizers, many seeds",
    "latents": "sampling, encoding, interpolation, densities, inversion",
    "metrics": "one file a family of metrics; the classifiers that some of them need",
    "plots": "figures, and the pages made of them",
    "recipes": "the named experiments: a model, a data set and a budget each",
    "sharing": "trained models as programs without genjax, shipped with it, and on the Hub",
    "app": "the page on which one plays with a trained model",
    "cli": "one file a command",
}

WIDTH, TOP, ROW, LEFT, CELL = 980, 10, 30, 646, 21
STYLE = """
text { font-family: system-ui, sans-serif; font-size: 14px; fill: #1f2328 }
.name { font-weight: 600 } .quiet { fill: #57606a; font-size: 13px }
.ground { fill: #ffffff } .band { fill: #f6f8fa } .own { fill: #d0d7de } .import { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #8d96a0 } .ground { fill: #0d1117 } .band { fill: #161b22 }
  .own { fill: #30363d } .import { fill: #4493f8 }
}
"""


def find_files(room: str) -> list[Path]:
    """List the modules of a room."""
    single = PACKAGE / f"{room}.py"
    return [single] if single.exists() else sorted((PACKAGE / room).rglob("*.py"))


def find_imports(file: Path) -> set[str]:
    """List the rooms that a module imports from, anywhere in it."""
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        parts = [name.split(".") for name in names]
        rooms |= {part[1] for part in parts if part[0] == "genjax" and len(part) > 1}
    return rooms & set(ROOMS)


def find_all_imports() -> dict[str, set[str]]:
    """Map every room to the other rooms that it imports."""
    return {room: set().union(*map(find_imports, find_files(room))) - {room} for room in ROOMS}


def draw() -> str:
    """Return the drawing as SVG: a row a room, from commands to errors, with a dot an import."""
    imports, rooms = find_all_imports(), list(reversed(ROOMS))
    height = TOP + ROW * len(rooms) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" role="img"'
        ' aria-label="The rooms of genjax and what each imports">',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    for row, room in enumerate(rooms):
        y = TOP + ROW * row
        if row % 2 == 0:
            parts.append(f'<rect class="band" y="{y}" width="{WIDTH}" height="{ROW}"/>')
        parts.append(f'<text class="name" x="16" y="{y + 20}">{room}</text>')
        parts.append(f'<text class="quiet" x="130" y="{y + 20}">{escape(ROOMS[room])}</text>')
        for column, other in enumerate(rooms):
            x = LEFT + CELL * column
            if other == room:
                parts.append(f'<circle class="own" cx="{x}" cy="{y + 15}" r="6"/>')
            elif other in imports[room]:
                title = f"<title>{room} imports {other}</title>"
                parts.append(
                    f'<circle class="import" cx="{x}" cy="{y + 15}" r="6">{title}</circle>'
                )
    legend = (
        "A grey dot is the room itself, a blue dot in its row a room that it imports."
        " Blue dots lie to the right: imports point down."
    )
    parts.append(f'<text class="quiet" x="16" y="{height - 14}">{legend}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    DRAWING.write_text(draw())
    print(DRAWING)
