"""Draw the tree of a comparison: wide, with a table beside it, or slim, for small screens.

A drawing is a list of texts and of lines, in pixels, which becomes an SVG or a PNG.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import count

from genjax.plots.chart import Figure, figure_of, make_saver, new_axes
from genjax.plots.comparison.family_tree import NOTES, Node, list_tree

_ROW, _TOP = 32, 44  # pixels, of the wide drawing: between two leaves, and above the first
_LEVELS = (2, 92, 164, 288, 402)  # left ends of root, densities, kinds, families and leaves
_COLUMNS = {
    "likelihood": 540, "FCD ↓": 744, "precision ↑": 826, "recall ↑": 904, "s ↓": 980,
    "weights": 1030,
}  # fmt: skip
_WIDE, _SLIM = 1092, 358
_LINE, _INDENT = 17, 13  # pixels, of the slim drawing
_SIZES = {"node": 12.5, "leaf": 12.5, "fact": 11.5, "note": 11.0}  # of the letters, in pixels
_LONGEST = 17  # letters of a name


@dataclass(frozen=True)
class Text:
    """Words that begin at x, on the line y; `kind` is node, leaf, fact or note."""

    x: float
    y: float
    words: str
    kind: str

    @property
    def end(self) -> float:
        """About where the words end."""
        wide = sum(letter.isupper() for letter in self.words)
        return self.x + _SIZES[self.kind] * (0.57 * len(self.words) + 0.16 * wide)


@dataclass
class Drawing:
    """Texts and lines on a sheet of that size, in pixels."""

    width: float
    height: float = 0.0
    texts: list[Text] = field(default_factory=list)
    lines: list[list[tuple[float, float]]] = field(default_factory=list)

    def write(self, x: float, y: float, words: str, kind: str) -> Text:
        """Add a text, and return it."""
        self.texts.append(Text(x, y, words, kind))
        return self.texts[-1]


def show_tree(tree: Node) -> str:
    """Return the tree as HTML: the wide drawing, or on a small screen the slim one."""
    said = list_tree(tree).replace("**", "")
    wide, slim = (_to_svg(drawing, said) for drawing in (draw_wide(tree), draw_slim(tree)))
    parts = f'<div class="broad">{wide}</div><div class="slim">{slim}</div>'
    return f'<figure class="tree">{parts}</figure>'


def draw_wide(tree: Node) -> Drawing:
    """Draw the tree from left to right, with a line of a table beside each leaf."""
    drawing = Drawing(_WIDE)
    for heading, x in _COLUMNS.items():
        drawing.write(x, 16, heading, "note")
    rows = count()
    _place_wide(drawing, tree, 0, rows)
    drawing.height = _TOP + _ROW * next(rows) - 8
    return drawing


def _place_wide(
    drawing: Drawing, node: Node, level: int, rows: Iterator[int]
) -> tuple[float, float]:
    """Add a node and all that hangs on it; return where its line arrives."""
    if node.facts:
        y = float(_TOP + _ROW * next(rows))
        name = node.title if len(node.title) <= _LONGEST else f"{node.title[: _LONGEST - 1]}…"
        drawing.write(_LEVELS[-1], y + 4, name, "leaf")
        for x, words in zip(_COLUMNS.values(), node.facts, strict=True):
            drawing.write(x, y + 4, words, "fact")
        return _LEVELS[-1], y
    ends = [_place_wide(drawing, child, level + 1, rows) for child in node.children]
    y = (ends[0][1] + ends[-1][1]) / 2
    is_last = all(child.facts for child in node.children)
    x = _LEVELS[-2 if is_last else min(level, len(_LEVELS) - 2)]
    _join(drawing, _write_node(drawing, node.title, x, y) + 6, y, ends)
    return x, y


def _write_node(drawing: Drawing, title: str, x: float, y: float) -> float:
    """Write the title of a branch in one line or two, and its note below; return its right end."""
    lines = title.split(" ") if len(title) > 11 else [title]
    top = y + 4 - 7 * (len(lines) - 1)
    written = [drawing.write(x, top + 14 * i, words, "node") for i, words in enumerate(lines)]
    if title in NOTES:
        drawing.write(x, written[-1].y + 13, NOTES[title], "note")
    return max(text.end for text in written)


def _join(drawing: Drawing, x: float, y: float, ends: list[tuple[float, float]]) -> None:
    """Draw the lines from the right end (x, y) of a node to what hangs on it."""
    bus = min(end for end, _ in ends) - 16
    drawing.lines.append([(x, y), (bus, y)])
    if len(ends) > 1:
        drawing.lines.append([(bus, ends[0][1]), (bus, ends[-1][1])])
    drawing.lines += [[(bus, end), (x - 5, end)] for x, end in ends]


def draw_slim(tree: Node) -> Drawing:
    """Draw the tree from top to bottom, a branch a line, with what was measured below a leaf."""
    drawing = Drawing(_SLIM, height=6.0)
    _place_slim(drawing, tree, 0)
    drawing.height += 6
    return drawing


def _place_slim(drawing: Drawing, node: Node, depth: int) -> float:
    """Add a node and all that hangs on it at the lower end; return the height of its line."""
    x = 4 + _INDENT * depth
    drawing.height += _LINE + 4
    y = drawing.height
    title = drawing.write(x, y, node.title, "leaf" if node.facts else "node")
    if node.title in NOTES:
        drawing.write(title.end + 10, y, NOTES[node.title], "note")
    for line in _list_facts(node):
        drawing.height += _LINE
        drawing.write(x, drawing.height, line, "fact")
    heights = [_place_slim(drawing, child, depth + 1) - 4 for child in node.children]
    if heights:
        drawing.lines.append([(x + 4, y + 6), (x + 4, heights[-1])])
        drawing.lines += [[(x + 4, height), (x + _INDENT - 2, height)] for height in heights]
    return y


def _list_facts(node: Node) -> list[str]:
    if not node.facts:
        return []
    likelihood, distance, precision, recall, seconds, weights = node.facts
    known = "no likelihood" if likelihood == "none" else likelihood
    return [
        f"{known} · FCD {distance}",
        f"precision {precision} · recall {recall}",
        f"{seconds} s for 10,000 samples · {weights} weights",
    ]


def _to_svg(drawing: Drawing, said: str) -> str:
    """Return a drawing as SVG; `said` is for those who cannot see it."""
    size = f'width="{drawing.width:g}" height="{drawing.height:g}"'
    texts = "".join(
        f'<text class="{text.kind}" x="{text.x:g}" y="{text.y:g}">{escape(text.words)}</text>'
        for text in drawing.texts
    )
    lines = "".join(
        f'<path d="M{" L".join(f"{x:g} {y:g}" for x, y in line)}"/>' for line in drawing.lines
    )
    view = f"0 0 {drawing.width:g} {drawing.height:g}"
    return (
        f'<svg {size} viewBox="{view}" role="img" aria-label="{escape(said)}">{lines}{texts}</svg>'
    )


def plot_tree(tree: Node) -> Figure:
    """Plot the wide drawing.

    >>> leaf = Node("vae", facts=("90 nats, bound", "20", "0.7", "0.7", "1", "9"))
    >>> len(plot_tree(Node("models", (Node("VAE", (leaf,)),))).axes[0].texts)
    15
    """
    drawing = draw_wide(tree)
    axes = new_axes(drawing.width / 100, drawing.height / 100)
    axes.set(xlim=(0, drawing.width), ylim=(drawing.height, 0))
    axes.axis("off")
    for line in drawing.lines:
        axes.plot(*zip(*line, strict=True), color="0.7", linewidth=1)
    for text in drawing.texts:
        colour = "0.45" if text.kind == "note" else "0.1"
        weight = "bold" if text.kind == "leaf" else "normal"
        size = 0.72 * _SIZES[text.kind]  # points, of 100 pixels an inch
        axes.text(text.x, text.y, text.words, fontsize=size, weight=weight, color=colour)
    return figure_of(axes)


save_tree = make_saver(plot_tree)
