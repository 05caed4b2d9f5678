"""The README.md beside exported programs, which says in ten lines how they are called."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genjax.runs.files import replace_file

_TEXT = """\
# {name}

A trained model as programs, written by genjax {genjax}. Images are float32 [n, {shape}] in
[0, 1]. The programs take any n.

```python
from jax import export  # pip install jax flatbuffers
import numpy as np

def load(name):
    with open(f"{{name}}.stablehlo", "rb") as file:
        return export.deserialize(file.read()).call

{lines}
```
{onnx}"""

_ONNX = """
The same without jax:

```python
import numpy as np
import onnxruntime  # pip install onnxruntime

{lines}
```
"""


def write_readme(path: Path, about: Mapping[str, Any]) -> None:
    """Write the page on what `export.json` holds."""
    entries = about["entry_points"]
    lines, in_onnx = [], []
    for name, entry in entries.items():
        arguments = {key: _make_argument(key, one) for key, one in entry["inputs"].items()}
        result = "z" if name == "encode" else "images"
        said = "  # one seed for each image" if name == "sample" else ""
        lines.append(f'{result} = load("{name}")({", ".join(arguments.values())}){said}')
        if f"{name}.onnx" in entry["files"]:
            named = ", ".join(f'"{key}": {value}' for key, value in arguments.items())
            in_onnx.append(f'session = onnxruntime.InferenceSession("{name}.onnx")')
            in_onnx.append(f"({result},) = session.run(None, {{{named}}})")
    text = _TEXT.format(
        name=about["model"]["name"],
        genjax=about["genjax"],
        shape=", ".join(map(str, about["model"]["image_shape"])),
        lines="\n".join(lines),
        onnx=_ONNX.format(lines="\n".join(in_onnx)) if in_onnx else "",
    )
    replace_file(path, lambda file: file.write(text.encode()))


def _make_argument(name: str, one: Mapping[str, Any]) -> str:
    """Return the code of an example of an input, of four items."""
    if name == "seeds":
        return "np.arange(4, dtype=np.uint32)"
    if name == "labels":
        return "np.zeros(4, np.int32)"
    shape = ", ".join(map(str, (4, *one["shape"][1:])))
    if name == "z":
        return f"np.random.default_rng(0).normal(size=({shape})).astype(np.float32)"
    return f"np.zeros(({shape}), np.float32)"
